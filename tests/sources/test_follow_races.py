"""A log that is rotated between any two system calls of its follower.

The writer does not wait for a quiet moment: it goes on by a step, half of a rotation perhaps, in front of a system
call of the follower's.  Which one is drawn by a seed, so that a failure comes again.
"""

import gzip
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oomparse.sources import follow, generation
from oomparse.sources.follow import FileFollower
from oomparse.sources.places import Position

CALLS = ("stat", "fstat", "pread", "scandir")
KINDS = ["rename", "rename_packed", "copytruncate"]


class Writer:
    """Writes numbered lines, in pieces, and rotates now and then; each `next` of `steps` is one thing that it does."""

    def __init__(self, log: Path, chance: random.Random, kinds: list[str]) -> None:
        self.log = log
        self.chance = chance
        self.kinds = kinds
        self.count = 0
        self._rest = b""

    def steps(self, total: int) -> Iterator[None]:
        for _ in range(total):
            for _ in range(self.chance.randrange(4)):
                self._rest += b"line %d %s\n" % (self.count, b"x" * self.chance.randrange(30))
                self.count += 1
            self._write(self.chance.choice([len(self._rest), self.chance.randrange(len(self._rest) + 1)]))
            yield
            if self.chance.random() < 0.15:
                self._write(len(self._rest))
                yield
                yield from getattr(self, f"_{self.chance.choice(self.kinds)}")()
        self._rest += b"end\n"
        self._write(len(self._rest))

    def _write(self, size: int) -> None:
        if size:
            with self.log.open("ab", buffering=0) as file:
                file.write(self._rest[:size])
            # The clock that the kernel stamps files with ticks a few times in all of this test.
            os.utime(self.log, ns=(time.time_ns(), time.time_ns()))
            self._rest = self._rest[size:]

    def _shift(self) -> Iterator[None]:
        numbers = {int(path.name.split(".")[2]): path for path in self.log.parent.glob("kern.log.*")}
        for number in sorted(numbers, reverse=True):
            path = numbers[number]
            path.rename(path.with_name(path.name.replace(f".{number}", f".{number + 1}")))
            yield

    def _rename(self) -> Iterator[None]:
        yield from self._shift()
        self.log.rename(self.log.with_name("kern.log.1"))
        yield
        self.log.touch()
        yield
        if (older := self.log.with_name("kern.log.2")).exists():
            yield from self._pack(older)

    def _rename_packed(self) -> Iterator[None]:
        yield from self._shift()
        first = self.log.rename(self.log.with_name("kern.log.1"))
        yield
        self.log.touch()
        yield
        yield from self._pack(first)

    def _copytruncate(self) -> Iterator[None]:
        yield from self._shift()
        first = self.log.with_name("kern.log.1")
        yield from self._fill(first, self.log.read_bytes())
        shutil.copystat(self.log, first)
        yield
        os.truncate(self.log, 0)
        yield

    def _pack(self, path: Path) -> Iterator[None]:
        packed = path.with_name(path.name + ".gz")
        yield from self._fill(packed, gzip.compress(path.read_bytes()))
        shutil.copystat(path, packed)
        yield
        path.unlink()
        yield

    def _fill(self, path: Path, data: bytes) -> Iterator[None]:
        with path.open("wb", buffering=0) as file:
            for piece in (b"", data[: len(data) // 2], data[len(data) // 2 :]):
                file.write(piece)
                yield


class Race:
    """A follower, and a writer that is let go on in front of the follower's system calls."""

    def __init__(self, log: Path, chance: random.Random, often: float) -> None:
        self.log = log
        self.chance = chance
        self.often = often
        self.writer = Writer(log, chance, chance.choice([*([kind] for kind in KINDS), KINDS]))
        self.moves = self.writer.steps(40)
        self.over = False
        self.lines: list[bytes] = []
        self.issues: list[str] = []
        self._busy = False

    def advance(self) -> None:
        self._busy = True
        self.over = next(self.moves, self) is self
        self._busy = False

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            while not (self._busy or self.over) and self.chance.random() < self.often:
                self.advance()
            return real(*args, **named)

        return call

    def follow(self, follower: FileFollower) -> Position | None:
        """Read until the follower is killed, which is told by the position saved last, or all is over (None)."""
        quiet = 0
        with follower:
            for batch in follower.batches(threading.Event(), tick_seconds=0.0):
                if batch is None:
                    follower._look_at = 0.0  # A second has passed
                    quiet += self.over
                    if quiet > 3:
                        break
                    if not self.over:
                        self.advance()
                    continue
                self.lines += [line.data for line in batch.lines]
                self.issues += [str(issue.detail) for issue in batch.issues]
                if not self.over and self.chance.random() < 0.1:
                    return Position.from_dict(follower.position().to_dict())
        return None


@pytest.mark.parametrize("often", [0.03, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(60))
def test_rotated_at_any_moment(seed: int, often: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "COARSE_SECONDS", 0.0)
    log = tmp_path / "kern.log"
    log.write_bytes(b"line -1\n")
    race = Race(log, random.Random(seed), often)
    follower = FileFollower(log, from_start=True)
    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, race.around(getattr(os, name)))
        while (position := race.follow(follower)) is not None:
            follower = FileFollower(log, position=position)
    assert race.issues == []
    assert race.lines[-1] == b"end"
    assert [int(line.split()[1]) for line in race.lines[:-1]] == list(range(-1, race.writer.count))


@pytest.mark.parametrize("from_start", [True, False])
def test_rotated_away_as_it_is_opened(from_start: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "kern.log"
    log.write_bytes(b"one\n")
    real = generation.Generation

    def late(path: str) -> generation.Generation:
        log.rename(log.with_name("kern.log.1"))
        monkeypatch.setattr(follow, "Generation", real)
        return real(path)

    monkeypatch.setattr(follow, "Generation", late)
    lines: list[bytes] = []
    with FileFollower(log, from_start=from_start) as follower:
        log.write_bytes(b"two\n")
        for batch in follower.batches(threading.Event(), tick_seconds=0.0):
            if batch is None:
                break
            lines += [line.data for line in batch.lines]
    assert lines == ([b"one", b"two"] if from_start else [b"two"])
