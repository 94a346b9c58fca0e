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
from collections.abc import Generator, Iterator
from contextlib import suppress
from threading import Event
from typing import NamedTuple, Self

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.message import Line
from oomparse.sources.files import open_file, source_error
from oomparse.sources.generation import Generation, ReplacedError, Taken
from oomparse.sources.lines import BLOCK_BYTES, LineSplitter
from oomparse.sources.places import MAX_TRIES, Place, Position, find, holds, is_packed, siblings
from oomparse.sources.rotation import Age

TICK_SECONDS = 0.025
"""How often a log that is quiet is looked at."""
SETTLE_SECONDS = 0.005
"""So long nothing must come before a quiet moment is told: a record may be written in several pieces."""
LINGER_SECONDS = 10.0
"""So long a file is still watched after the next one was begun, and a file that may not be read is tried again."""
LOOK_SECONDS = 1.0
"""How often, while nothing is written to a new log, its rotated files are looked at for what came and went."""
COARSE_SECONDS = 0.01
"""The kernel stamps files with a clock that may be so late (one jiffy)."""
MAX_TRACKED_LINES = 1_000_000
"""Of so many lines the follower remembers where each begins; see `FileFollower.position`."""
MAX_PAST_FILES = 64


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


class _Candidate(NamedTuple):
    """A file by the name that it had a moment ago."""

    path: str
    identity: tuple[int, int]


class FileFollower:
    """Follows one log, in one thread.

    A file is taken up once there is something in it: an empty one has nothing to be known by later.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, position: Position | None = None, from_start: bool = False
    ) -> None:
        """Begin at ``position``, else at the end of the file as it is now (``from_start``: at its beginning).

        A file that does not exist yet is read from its beginning.  Raises `SourceError` for what cannot be followed.
        """
        self.path = os.fspath(path)
        self._generations: list[Generation] = []
        """Oldest first; behind the last one the log goes on."""
        self._count = 0
        self._retire_at: dict[Generation, float] = {}
        self._past: dict[tuple[int, int], float] = {}
        """Files that were read to their end, and when they were last written to."""
        self._next = 0
        """The number of the line that is yielded next."""
        self._segments: deque[_Segment] = deque()
        self._tracked = 0
        self._issues: list[Issue] = []
        self._seen = time.time()
        """What was written up to then has been seen."""
        self._look_at = 0.0
        self._give_up_at: float | None = None
        self._changed = False
        """Another file was taken up, and is yet to be read."""
        status = self._status()
        if position is not None:
            self._resume(position)
        elif status is not None and status.st_size:
            self._begin(status, from_start=from_start)

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

    def position(self, number: int | None = None) -> Position:
        """Return where line ``number`` begins (counted as in `Batch`); by default, the end of what was yielded.

        Whoever has dealt with all lines in front of that one may save it, and nothing is lost or repeated after a
        restart.  ``number`` must never be less than the time before, nor `MAX_TRACKED_LINES` behind.
        """
        number = self._next if number is None else number
        while self._segments and self._segments[0].first + len(self._segments[0].starts) <= number:
            self._tracked -= len(self._segments.popleft().starts)
        places: dict[Generation, Place] = {}
        for segment in self._segments:
            if segment.generation not in places:
                at = max(number - segment.first, 0)
                places[segment.generation] = segment.generation.place(segment.starts[at], segment.number + at - 1)
        for generation in self._generations:
            if generation not in places:
                places[generation] = generation.place()
        in_order = sorted(places, key=lambda generation: generation.order)
        path = os.path.abspath(self.path)  # noqa: PTH100 - Text
        return Position(path=path, time=self._seen, places=tuple(map(places.__getitem__, in_order)))

    def close(self) -> None:
        """Close all files."""
        for generation in self._generations:
            generation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _begin(self, status: os.stat_result, *, from_start: bool) -> None:
        try:
            generation = Generation(self.path)
        except SourceError as error:
            if not _is_gone(error):
                raise
            if from_start:  # Rotated away just now: to be found among those that were written since
                self._seen = status.st_mtime - COARSE_SECONDS
            return
        if not from_start:
            generation.seek_end()
        self._add(generation)

    def _resume(self, position: Position) -> None:
        """Find the places of ``position``; what was written after them is found as any next file is."""
        self._seen = position.time
        found = [self._find(place) for place in position.places]
        # Whose place is there may have been spelled, mounted or moved in another way; else the name must be the same.
        if not any(found) and os.path.abspath(position.path) != os.path.abspath(self.path):  # noqa: PTH100 - Text
            raise SourceError(f"this cursor is of another log ({position.path}): name another file", path=self.path)
        for place, generation in zip(position.places, found, strict=True):
            if generation is not None:
                self._add(generation)
                continue
            detail = f"{self.path}: the rest of the file from line {place.lines + 1} on is gone"
            self._issues.append(Issue(code=IssueCode.MESSAGES_LOST, detail=detail))

    def _find(self, place: Place) -> Generation | None:
        """Open the file of a place, at that place; None where it is gone."""
        for _ in range(MAX_TRIES):
            found = find(place, self.path)
            if found is None:
                return None
            try:
                return Generation(found.path, place=place, packed=found.packed)
            except ReplacedError:
                continue  # Rotated in between
            except SourceError as error:
                if not _is_gone(error):
                    raise
        return None

    def _round(self) -> Iterator[Batch]:
        """Read every file to its present end, and see whether there is another one."""
        begun = time.time()
        if self._issues:
            issues, self._issues = tuple(self._issues), []
            yield Batch([], self._next, issues)
        for generation in tuple(self._generations):
            yield from self._drain(generation)
        yield from self._retire()
        nothing_left = yield from self._advance()
        if nothing_left:
            self._seen = begun - COARSE_SECONDS

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
        self._segments.append(_Segment(self._next, generation, lines[0].number, array("q", starts)))
        self._tracked += len(lines)
        while self._tracked > MAX_TRACKED_LINES and len(self._segments) > 1:
            self._tracked -= len(self._segments.popleft().starts)
        self._next += len(lines)
        yield Batch(lines, self._next - len(lines))

    def _replaced(self, generation: Generation) -> Iterator[Batch]:
        """Go on in the copy of a file that was truncated; what is in the file itself now comes next."""
        self._changed = True
        copy = self._find(generation.place(generation.offset))
        if copy is not None:
            generation.move_to(copy)
        else:
            yield from self._batch(generation, generation.finish())
            self._drop(generation)

    def _advance(self) -> Generator[Batch, None, bool]:
        """Take up the next file, if there is one.  Its writer is done with the one before, so that is read to its end.

        Return whether everything has been seen.
        """
        status, newest = self._status(), self._generations[-1] if self._generations else None
        if newest is not None and status is not None and newest.identity == (status.st_dev, status.st_ino):
            return not self._changed
        if status is None or status.st_size == 0:
            # Only the rotated files may have something that was not seen.
            if time.monotonic() < self._look_at:
                return False
            self._look_at = time.monotonic() + LOOK_SECONDS
        if newest is not None:
            yield from self._drain(newest)
        if self._changed:
            return False
        candidate = self._candidate(newest)
        if candidate is None:
            return not self._changed
        if (generation := self._open(candidate)) is not None:
            # No rotation in between has put another file in its place, or one before it.
            if generation.identity == candidate.identity and self._candidate(newest) == candidate:
                self._add(generation)
            else:
                generation.close()
                self._changed = True
        return False

    def _candidate(self, newest: Generation | None) -> _Candidate | None:
        """Return the file that was begun after ``newest``, or else the first one with something unseen in it."""
        if newest is None:
            return self._first_after(None, self._seen)
        place = newest.place(newest.offset)
        found = find(place, self.path)
        if found is not None and (found.path == self.path or self._is_copied(newest, place)):
            # Saved by an editor, or copied back, or copied and not truncated yet: the same log.
            with suppress(ReplacedError, SourceError):
                newest.move_to(Generation(self.path, place=place))
            self._changed = True
            return None
        candidate = self._first_after(found.age if found else None, newest.mtime() or self._seen)
        if found == find(place, self.path):
            return candidate
        self._changed = True  # Rotated on just now: the ages are those of other files
        return None

    def _first_after(self, age: Age | None, since: float) -> _Candidate | None:
        known = {generation.identity for generation in self._generations}
        for path, their_age in reversed(siblings(self.path)):
            status = _stat(path)
            identity = status and (status.st_dev, status.st_ino)
            if status is None or identity is None or identity in known or status.st_size == 0:
                continue
            newer = their_age > age if age is not None else status.st_mtime > since
            if newer and self._past.get(identity) != status.st_mtime:
                return _Candidate(path, identity)
        status = self._status()
        return _Candidate(self.path, (status.st_dev, status.st_ino)) if status is not None and status.st_size else None

    def _is_copied(self, newest: Generation, place: Place) -> bool:
        """Say whether the log still holds what its copy ``newest`` does: another one was written later."""
        status, mtime = self._status(), newest.mtime()
        is_later = status is None or mtime is None or status.st_mtime > mtime
        return not is_later and holds(self.path, place)

    def _open(self, candidate: _Candidate) -> Generation | None:
        path = candidate.path
        try:
            generation = Generation(path, packed=path != self.path and is_packed(path))
        except SourceError as error:
            if _is_gone(error):
                self._changed = True
                return None  # Rotated on just now
            # A new file may get its owner and mode a moment later.
            self._give_up_at = self._give_up_at or time.monotonic() + LINGER_SECONDS
            if time.monotonic() > self._give_up_at:
                raise
            return None
        self._give_up_at = None
        if generation.packed and generation.is_empty():
            self._forget(generation)
            return None
        return generation

    def _add(self, generation: Generation) -> None:
        """Put a file behind those so far: they are done, once the last of their writers has noticed."""
        for before in self._generations:
            self._retire_at.setdefault(before, time.monotonic() + (0 if before.packed else LINGER_SECONDS))
        self._count += 1
        generation.order = self._count
        self._generations.append(generation)
        self._changed = True

    def _retire(self) -> Iterator[Batch]:
        now = time.monotonic()
        for generation in [one for one, at in self._retire_at.items() if at <= now]:
            yield from self._batch(generation, generation.finish())
            self._drop(generation)

    def _drop(self, generation: Generation) -> None:
        self._forget(generation)
        self._generations.remove(generation)
        self._retire_at.pop(generation, None)

    def _forget(self, generation: Generation) -> None:
        self._changed = True
        if (mtime := generation.mtime()) is not None:
            self._past[generation.identity] = mtime
            while len(self._past) > MAX_PAST_FILES:
                del self._past[next(iter(self._past))]
        generation.close()

    def _status(self) -> os.stat_result | None:
        """Return what is at the path now, if there is anything."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - Text
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
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
    splitter, first = LineSplitter(path=path), 0
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
            yield Batch(lines, first)
        first, busy = first + len(lines), True
        if not data:
            return


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - Text
    except OSError:
        return None


def _is_gone(error: SourceError) -> bool:
    return isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
