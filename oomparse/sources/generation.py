"""One file of a log that is being followed: what was read of it, and whether it still is the same.

Turns an open file into the lines that are added to it, with the offset of each.  A file that was truncated or written
anew is noticed by its content, even when it has grown past the old place in the meantime.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from oomparse.message import Line
from oomparse.sources.files import open_file, source_error
from oomparse.sources.lines import BLOCK_BYTES, LineSplitter
from oomparse.sources.places import CONTEXT_BYTES, Place, context, digest, unpack_to

_NEWLINE = re.compile(rb"\n")


class ReplacedError(Exception):
    """What was read of the file is no longer there."""


class Taken(NamedTuple):
    """Lines, and the offset at which each begins."""

    lines: list[Line]
    starts: list[int]


class Generation:
    """An open file, read from ``offset`` on."""

    def __init__(self, path: str, *, place: Place | None = None, packed: bool = False) -> None:
        """Open ``path``, at a place that `oomparse.sources.places.find` has found in it, or at its beginning.

        ``packed`` says that it is compressed; such a file does not grow.  Raises `SourceError`, and `ReplacedError`
        where the place does not fit: the name is another file's by now.
        """
        self.path = path
        self.packed = packed
        self.offset = place.offset if place else 0
        """Bytes read."""
        self.done = self.offset
        """Bytes in front of the first line that is not complete."""
        self._splitter = LineSplitter(path=path, first_number=place.lines + 1 if place else 1)
        self._rest: Iterator[bytes] = iter(())
        self._head = self._tail = b""
        self._stream: BinaryIO | None = open_file(path)
        status = os.fstat(self._stream.fileno())
        self.identity = (status.st_dev, status.st_ino)
        self.order = 0
        """Its rank among the files of a log, oldest first; the follower's to set."""
        if packed:
            found = unpack_to(self._stream, path, place)
            if found is not None:
                self._head, self._tail, self._rest = found
            fits = found is not None or place is None
        else:
            self._head, self._tail = context(self._stream.fileno(), self.offset)
            fits = place is None or (status.st_size >= self.offset and place.fits(self._head, self._tail))
        if not fits:
            self.close()
            raise ReplacedError

    @property
    def lines(self) -> int:
        """Complete lines so far."""
        return self._splitter.number - 1

    def is_empty(self) -> bool:
        """Say whether there was nothing in the file when it was opened."""
        return not self._head

    def mtime(self) -> float | None:
        """Return when the file was last written to."""
        return None if self._stream is None else os.fstat(self._stream.fileno()).st_mtime

    def seek_end(self) -> None:
        """Go behind the last complete line, counting the lines in front of it."""
        assert self._stream is not None
        count = end = at = 0
        while block := os.pread(self._stream.fileno(), BLOCK_BYTES, at):
            count += block.count(b"\n")
            if b"\n" in block:
                end = at + block.rfind(b"\n") + 1
            at += len(block)
        self.offset = self.done = end
        self._splitter.number = count + 1
        self._head, self._tail = context(self._stream.fileno(), end)

    def read(self) -> bytes:
        """Return what was added, in pieces, until there is nothing (empty bytes) for now.

        Raises `ReplacedError` where what was read before is gone, and `SourceError`.
        """
        if self.packed:
            data = next(self._rest, b"")
        elif self._stream is None:
            return b""
        else:
            # The context is read along with what is new: in between nothing can happen unseen.
            known = len(self._tail)
            try:
                both = os.pread(self._stream.fileno(), known + BLOCK_BYTES, self.offset - known)
            except OSError as error:
                raise source_error(error, self.path) from error
            data = both[known:]
            ahead = self._head[self.offset :]
            if both[:known] != self._tail or not data.startswith(ahead):
                raise ReplacedError
            if len(self._head) < CONTEXT_BYTES:
                self._head = (self._head[: self.offset] + data)[:CONTEXT_BYTES]
        self.offset += len(data)
        self._tail = (self._tail + data[-CONTEXT_BYTES:])[-CONTEXT_BYTES:]
        return data

    def take(self, data: bytes) -> Taken:
        """Return the lines that ``data``, just read, has completed."""
        base = self.offset - len(data)
        ends = [base + match.end() for match in _NEWLINE.finditer(data)]
        if not ends:
            self._splitter.feed(data)
            return Taken([], [])
        starts = [self.done, *ends[:-1]]
        self.done = ends[-1]
        return Taken(self._splitter.feed(data), starts)

    def finish(self) -> Taken:
        """Return the last line, if it has no end: nothing more will come."""
        start, self.done = self.done, self.offset
        lines = self._splitter.flush()
        return Taken(lines, [start] * len(lines))

    def move_to(self, copy: "Generation") -> None:
        """Go on in another file that holds the same, opened at the same offset."""
        self.close()
        self.packed, self.identity = copy.packed, copy.identity
        self._stream, self._rest, self._head = copy._stream, copy._rest, copy._head  # noqa: SLF001 - Of its own class

    def place(self, offset: int | None = None, lines: int | None = None) -> Place:
        """Return the place in front of the line that begins at ``offset``: the first incomplete one by default."""
        offset = self.done if offset is None else offset
        head, tail = self._head, self._tail if offset == self.offset else b""
        if self._stream is not None and not self.packed:
            with suppress(OSError):
                tail_there = context(self._stream.fileno(), offset)[1]
                # What was read before is still there, so what stood in front of it was, too.
                now_head, now_tail = context(self._stream.fileno(), self.offset)
                if now_head.startswith(head) and now_tail == self._tail:
                    head, tail = now_head, tail_there
        return Place(
            device=self.identity[0],
            inode=self.identity[1],
            offset=offset,
            lines=self.lines if lines is None else lines,
            head_bytes=len(head),
            head=digest(head),
            tail_bytes=len(tail),
            tail=digest(tail),
        )

    def close(self) -> None:
        """Close the file; its places stay known."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._rest = iter(())
