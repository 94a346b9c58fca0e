"""Lines of a stream of bytes, each with its number, in bounded memory.

Turns blocks of bytes into `Line`s.  A line ends at LF; a CR before it stays: what it means is for a transport to say.
NULs in front of a line are dropped: a crash, or a writer whose log was truncated under it, leaves megabytes of them.  A
line longer than `MAX_LINE_BYTES` is cut there, marked so, and its rest is skipped unheld.
"""

from collections.abc import Iterable, Iterator
from itertools import count, repeat
from typing import Any, BinaryIO

from oomparse.errors import SourceError
from oomparse.message import Line

BLOCK_BYTES = 1 << 20
PIPE_BYTES = 1 << 16
"""What a pipe of Linux holds."""
MAX_LINE_BYTES = 1 << 20


def read_blocks(stream: BinaryIO, *, path: str | None = None, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield what ``stream`` holds, in blocks of at most ``size`` bytes, each as soon as there is one.

    A pipe that trickles gives small blocks at once.  A failing read raises `SourceError`.
    """
    # read1() is one system call; read() would wait until the block is full.
    read: Any = getattr(stream, "read1", stream.read)
    asked = size
    while True:
        try:
            block = read(asked)
        except SourceError:
            raise
        except OSError as error:
            raise SourceError(f"reading failed: {error.strerror or error}", path=path) from error
        if not block:
            return
        if isinstance(block, str):
            raise TypeError('the stream must be opened in binary mode, e.g. open(path, "rb")')
        # Room for a block that a pipe then does not fill costs more than reading it.
        asked = size if len(block) == asked else min(size, max(PIPE_BYTES, 2 * len(block)))
        yield block


class LineSplitter:
    """Blocks in, lines out: what `feed` leaves unfinished stays until the next block, or until `flush`."""

    def __init__(self, *, path: str | None = None, first_number: int = 1, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.path = path
        self.number = first_number
        """The number of the line that comes next (or is being held)."""
        self._limit = max_line_bytes
        self._held = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that ``data`` completes, in order."""
        end = data.find(b"\n")
        if end < 0:
            self._hold(data)
            return []
        lines: list[Line] = []
        start = 0
        if self._held or self._cut:
            self._hold(data[:end])
            lines.append(self._release())
            start = end + 1
        last = data.rfind(b"\n")
        if start <= last:
            whole = data[start:last].split(b"\n")
            if b"\0" in data:
                whole = [one.lstrip(b"\0") for one in whole]
            numbers = count(self.number)
            if last - start > self._limit:
                lines.extend(
                    Line(one[: self._limit], next(numbers), self.path, len(one) > self._limit) for one in whole
                )
            else:
                lines.extend(map(Line, whole, numbers, repeat(self.path)))
            self.number += len(whole)
        self._hold(data[last + 1 :])
        return lines

    def flush(self) -> list[Line]:
        """Return the line that has no end, if one is held: a file need not end in LF."""
        return [self._release()] if self._held or self._cut else []

    def _hold(self, data: bytes) -> None:
        if not (self._held or self._cut):
            data = data.lstrip(b"\0")
        room = self._limit - len(self._held)
        if len(data) > room:
            self._cut = True
            data = data[:room]
        self._held += data

    def _release(self) -> Line:
        line = Line(bytes(self._held), self.number, self.path, self._cut)
        self.number += 1
        self._held.clear()
        self._cut = False
        return line


def split_lines(blocks: Iterable[bytes], *, path: str | None = None, first_number: int = 1) -> Iterator[Line]:
    """Yield the lines of a run of blocks, numbered from ``first_number``."""
    splitter = LineSplitter(path=path, first_number=first_number)
    for block in blocks:
        yield from splitter.feed(block)
    yield from splitter.flush()


def read_lines(stream: BinaryIO, *, path: str | None = None, first_number: int = 1) -> Iterator[Line]:
    """Yield the lines of ``stream``, numbered from ``first_number``.

    Memory stays within a few times `BLOCK_BYTES` whatever the stream holds.  A failing read raises `SourceError`.
    """
    return split_lines(read_blocks(stream, path=path), path=path, first_number=first_number)
