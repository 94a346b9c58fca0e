"""A log that grows, across its rotations.

Turns a path into batches of lines as they are written.  A file that is renamed away is read to its end before the next
one, and watched a while longer for writers that have not noticed; of one that was copied and truncated the rest is
read from the copy.  After a restart reading goes on at a saved `Position`, wherever rotation has moved the file by
then.  The file need not exist yet.  Refuses what is no file.
"""

import os
import select
import stat
import time
from array import array
from collections import deque
from collections.abc import Iterator
from threading import Event
from typing import NamedTuple, Self

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.message import Line
from oomparse.sources.files import open_file, source_error
from oomparse.sources.generation import Generation, ReplacedError, Taken
from oomparse.sources.lines import BLOCK_BYTES, LineSplitter
from oomparse.sources.places import Found, Place, Position, find, is_packed, siblings
from oomparse.sources.rotation import Age

TICK_SECONDS = 0.025
"""How often a log that is quiet is looked at."""
SETTLE_SECONDS = 0.015
"""So long nothing must come before a quiet moment is told: a record may be written in several pieces."""
LINGER_SECONDS = 10.0
"""So long a file that was renamed away is still watched, from the moment that the next one has its first bytes."""
LOOK_SECONDS = 1.0
"""How often, while a log is empty, its rotated files are looked at for what may have come and gone."""
COARSE_SECONDS = 0.01
"""The kernel stamps files with a clock that may be so late (one jiffy)."""
MAX_PAST_FILES = 64
MAX_TRACKED_LINES = 1_000_000
"""Of so many lines the follower remembers where each begins; see `FileFollower.position`."""


class Batch(NamedTuple):
    """Some lines of one file."""

    lines: list[Line]
    first: int
    """The number of the first of them among all lines that the follower has yielded, counted from 0."""
    issues: tuple[Issue, ...] = ()
    """What is missing in front of these lines."""


class _Segment(NamedTuple):
    """Where the lines of a batch begin."""

    first: int
    generation: Generation
    number: int
    starts: "array[int]"


class FileFollower:
    """Follows one log, in one thread."""

    def __init__(
        self, path: str | os.PathLike[str], *, position: Position | None = None, from_start: bool = False
    ) -> None:
        """Begin at ``position``, else at the end of the file as it is now (``from_start``: at its beginning).

        A file that does not exist yet is read from its beginning.  Raises `SourceError` for what cannot be followed.
        """
        self.path = os.fspath(path)
        self._index = 0
        self._generations: list[Generation] = []
        self._retire_at: dict[Generation, float] = {}
        self._closed: list[Generation] = []
        self._order: dict[Generation, int] = {}
        self._segments: deque[_Segment] = deque()
        self._tracked = 0
        self._issues: list[Issue] = []
        self._refused_at: float | None = None
        self._look_at = 0.0
        self._past: dict[tuple[int, int], float] = {}
        """Files that were read to their end, and when they were last written to."""
        self._changed = False
        """Another file was taken up, which is yet to be read."""
        if position is not None:
            self._resume(position)
        elif self._status() is not None:
            self._add(Generation(self.path))
            if not from_start:
                self._generations[0].seek_end()

    def batches(self, stop: Event, *, tick_seconds: float = TICK_SECONDS) -> Iterator[Batch | None]:
        """Yield what is written, until ``stop`` is set.

        None tells of a quiet moment: nothing has come for `SETTLE_SECONDS`; it is repeated about every
        ``tick_seconds``.  Raises `SourceError` where the log can no longer be read.
        """
        while not stop.is_set():
            busy = self._changed = False
            for batch in self._round():
                busy = True
                yield batch
                if stop.is_set():
                    return
            busy = busy or self._changed
            if not busy:
                yield None
            stop.wait(min(SETTLE_SECONDS, tick_seconds) if busy else tick_seconds)

    def position(self, index: int | None = None) -> Position:
        """Return where line ``index`` begins (counted as in `Batch`); by default, the end of what was yielded.

        Whoever has dealt with all lines in front of that one may save it, and nothing is lost or repeated after a
        restart.  ``index`` must never be less than the time before, nor `MAX_TRACKED_LINES` behind.
        """
        index = self._index if index is None else index
        while self._segments and self._segments[0].first + len(self._segments[0].starts) <= index:
            self._tracked -= len(self._segments.popleft().starts)
        found: dict[Generation, Place] = {}
        for segment in self._segments:
            at = max(index - segment.first, 0)
            if segment.generation not in found:
                place = segment.generation.place(segment.starts[at], segment.number + at - 1)
                found[segment.generation] = place
        self._closed = [generation for generation in self._closed if generation in found]
        in_order = sorted((*self._closed, *self._generations), key=self._order.__getitem__)
        self._order = {generation: number for number, generation in enumerate(in_order)}
        places = [found.get(generation) or generation.place() for generation in in_order]
        empty_since = self._generations[-1].empty_since if self._generations else None
        return Position(path=self.path, time=empty_since or time.time(), places=tuple(places))

    def close(self) -> None:
        """Close all files."""
        for generation in self._generations:
            generation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _resume(self, position: Position) -> None:
        """Find the places of ``position``, and what was written after them."""
        last: Found | None = None
        for place in position.places:
            found = find(place, self.path)
            if found is None:
                detail = f"{self.path}: the rest of the file from line {place.lines + 1} on is gone"
                self._issues.append(Issue(code=IssueCode.MESSAGES_LOST, detail=detail))
            else:
                self._add(Generation(found.path, place=place, packed=found.packed))
                last = found
        if last is None:
            # No telling which file it was; but what was written to since then is new.
            since = position.time - COARSE_SECONDS
            self._append([*(path for path, _ in self._written_since(since)), self.path])
        elif last.path != self.path:
            self._append([*self._newer(last), self.path])
        elif position.places[-1].head_bytes == 0:
            self._generations[-1].empty_since = position.time

    def _round(self) -> Iterator[Batch]:
        """Read every file to its present end, and see whether there is another one."""
        if self._issues:
            issues, self._issues = tuple(self._issues), []
            yield Batch([], self._index, issues)
        self._look_behind()
        for generation in tuple(self._generations):
            yield from self._drain(generation)
        yield from self._retire()
        yield from self._advance()

    def _drain(self, generation: Generation) -> Iterator[Batch]:
        while True:
            try:
                data = generation.read()
            except ReplacedError:
                yield from self._replaced(generation)
                return
            if not data:
                return
            yield from self._batch(generation, generation.take(data))

    def _batch(self, generation: Generation, taken: Taken) -> Iterator[Batch]:
        lines, starts = taken
        if not lines:
            return
        self._segments.append(_Segment(self._index, generation, lines[0].number, array("q", starts)))
        self._tracked += len(lines)
        while self._tracked > MAX_TRACKED_LINES and len(self._segments) > 1:
            self._tracked -= len(self._segments.popleft().starts)
        self._index += len(lines)
        yield Batch(lines, self._index - len(lines))

    def _replaced(self, generation: Generation) -> Iterator[Batch]:
        """Go on in the copy of a file that was truncated, and from the beginning of the file itself."""
        newest = generation is self._generations[-1]
        copy = find(generation.place(generation.offset), self.path)
        if copy is not None:
            generation.move_to(copy.path, packed=copy.packed)
            self._changed = True
        else:
            yield from self._batch(generation, generation.finish())
            self._drop(generation)
        if newest:
            self._append([*self._newer(copy), self.path])

    def _advance(self) -> Iterator[Batch]:
        """Open the next file when something was written to it: then its writer is done with the one before."""
        status = self._status()
        if status is None:
            return
        newest = self._generations[-1] if self._generations else None
        if newest is None:
            self._append([self.path])
            return
        if newest.identity == (status.st_dev, status.st_ino) or status.st_size == 0:
            return
        yield from self._drain(newest)
        if newest not in self._generations:
            return
        found = find(newest.place(newest.offset), self.path)
        if found is not None and found.path == self.path:
            newest.move_to(found.path, packed=False)  # Saved by an editor, or copied back: the same log
            self._changed = True
            return
        if found is None:
            since = newest.empty_since or newest.mtime() or time.time()
            self._append([*(path for path, _ in self._written_since(since)), self.path])
        else:
            self._append([*self._newer(found), self.path])

    def _look_behind(self) -> None:
        """Find files that came and went (copied, then truncated) while the newest was known to be empty only."""
        newest = self._generations[-1] if self._generations else None
        if newest is None or newest.empty_since is None:
            return
        if newest.is_empty():
            if time.monotonic() < self._look_at:
                return
            self._look_at = time.monotonic() + LOOK_SECONDS
        since, newest.empty_since = newest.empty_since, time.time() - COARSE_SECONDS
        # What is newer than the file itself, which may have been renamed and compressed by now, comes after it.
        own = find(newest.end(), self.path)
        paths = [
            path for path, age in self._written_since(since) if own is None or own.path == self.path or age < own.age
        ]
        if paths:
            self._generations.remove(newest)
            if not self._append(paths):
                newest.empty_since = since
            self._add(newest)

    def _written_since(self, since: float) -> list[tuple[str, Age]]:
        """Return the rotated files that were written to after ``since``, and not read since then, oldest first."""
        known = {generation.identity for generation in self._generations}
        found: list[tuple[str, Age]] = []
        for path, age in reversed(siblings(self.path)):
            status = _stat(path)
            if status is None or status.st_mtime <= since or (status.st_dev, status.st_ino) in known:
                continue
            if self._past.get((status.st_dev, status.st_ino)) != status.st_mtime:
                found.append((path, age))
        return found

    def _newer(self, found: Found | None) -> list[str]:
        """Return what was rotated away after a file that was found, oldest first."""
        return [] if found is None else [path for path, age in reversed(siblings(self.path)) if age > found.age]

    def _append(self, paths: list[str]) -> bool:
        """Take up files, oldest first; False where one of them cannot be opened yet."""
        for path in paths:
            try:
                if path == self.path and self._status() is None:
                    continue
                self._add(Generation(path, packed=path != self.path and is_packed(path)))
            except SourceError:
                if not os.path.exists(path):  # noqa: PTH110 - A plain question
                    continue  # Renamed or removed just now: the next round finds what became of it
                # A new file may get its owner and mode a moment later.
                self._refused_at = self._refused_at or time.monotonic()
                if time.monotonic() - self._refused_at > LINGER_SECONDS:
                    raise
                return False
            self._refused_at = None
        return True

    def _add(self, generation: Generation) -> None:
        """Put a file behind those so far: they are done, once their writers notice."""
        for before in self._generations:
            self._retire_at.setdefault(before, time.monotonic() + (0 if before.packed else LINGER_SECONDS))
        self._generations.append(generation)
        self._order[generation] = max(self._order.values(), default=-1) + 1
        self._changed = True

    def _retire(self) -> Iterator[Batch]:
        now = time.monotonic()
        for generation in [one for one, at in self._retire_at.items() if at <= now]:
            yield from self._drain(generation)
            if generation in self._retire_at:
                yield from self._batch(generation, generation.finish())
                self._drop(generation)

    def _drop(self, generation: Generation) -> None:
        if (mtime := generation.mtime()) is not None:
            self._past[generation.identity] = mtime
            while len(self._past) > MAX_PAST_FILES:
                del self._past[next(iter(self._past))]
        generation.close()
        self._generations.remove(generation)
        self._retire_at.pop(generation, None)
        read = {segment.generation for segment in self._segments}
        self._closed = [one for one in (*self._closed, generation) if one in read]
        kept = {*self._closed, *self._generations}
        self._order = {one: number for one, number in self._order.items() if one in kept}

    def _status(self) -> os.stat_result | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - Text
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise source_error(error, self.path) from error
        if stat.S_ISREG(status.st_mode):
            return status
        if stat.S_ISFIFO(status.st_mode):
            raise SourceError(f"this is a pipe: oomparse follow - < {self.path}", path=self.path)
        open_file(self.path).close()  # Says what it is
        raise SourceError("only files can be followed", path=self.path)


def follow_stream(
    descriptor: int, stop: Event, *, path: str = "-", tick_seconds: float = TICK_SECONDS
) -> Iterator[Batch | None]:
    """Yield the lines of a pipe as they come, to its end or until ``stop`` is set; None as `FileFollower.batches`."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    splitter, index = LineSplitter(path=path), 0
    busy = False
    while not stop.is_set():
        if not poll.poll((min(SETTLE_SECONDS, tick_seconds) if busy else tick_seconds) * 1000):
            busy = False
            yield None
            continue
        try:
            data = os.read(descriptor, BLOCK_BYTES)
        except OSError as error:
            raise source_error(error, path) from error
        lines = splitter.feed(data) if data else splitter.flush()
        if lines:
            yield Batch(lines, index)
        index, busy = index + len(lines), True
        if not data:
            return


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - Text
    except OSError:
        return None
