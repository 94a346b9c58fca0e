import bz2
import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oomparse.errors import IssueCode, SourceError
from oomparse.message import Line
from oomparse.sources import follow, places
from oomparse.sources.cursor import CursorStore
from oomparse.sources.follow import Batch, FileFollower, follow_stream
from oomparse.sources.places import Position

FAST = 0.0005
OPEN: list[FileFollower] = []


@pytest.fixture(autouse=True)
def all_closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


class Reader:
    """A follower that is driven by hand: `read` returns the lines up to the next quiet moment."""

    def __init__(self, path: Path, *, position: Position | None = None, from_start: bool = True) -> None:
        self.follower = FileFollower(path, position=position, from_start=from_start)
        self.issues: list[str] = []
        self.lines: list[Line] = []
        OPEN.append(self.follower)
        self._batches = self.follower.batches(threading.Event(), tick_seconds=FAST)

    def read(self) -> list[bytes]:
        new: list[Line] = []
        for batch in self._batches:
            if batch is None:
                break
            assert batch.first == len(self.lines) + len(new)
            new += batch.lines
            self.issues += [f"{issue.code}: {issue.detail}" for issue in batch.issues]
        self.lines += new
        return [line.data for line in new]

    def restart(self, index: int | None = None) -> "Reader":
        """Save, kill, start again: the position goes through the same file as it would."""
        path = Path(self.follower.path)
        store = CursorStore(path.with_name("cursor"))
        store.save({"file": self.follower.position(index).to_dict()})
        self.follower.close()
        state = store.load()
        assert state
        return Reader(path, position=Position.from_dict(state["file"]))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "kern.log"


def append(log: Path, *lines: str, end: str = "\n") -> None:
    with log.open("ab") as file:
        file.write("".join(line + end for line in lines).encode())


def test_lines_as_they_are_written(log: Path) -> None:
    append(log, "one")
    reader = Reader(log)
    assert reader.read() == [b"one"]
    assert reader.read() == []
    append(log, "two", "three")
    append(log, "fo", end="")
    assert reader.read() == [b"two", b"three"]
    append(log, "ur")
    assert reader.read() == [b"four"]
    assert reader.lines == [Line(text, n, str(log)) for n, text in enumerate([b"one", b"two", b"three", b"four"], 1)]


def test_from_now_on(log: Path) -> None:
    append(log, "one", "two")
    append(log, "thr", end="")
    reader = Reader(log, from_start=False)
    assert reader.read() == []
    append(log, "ee", "four")
    assert reader.read() == [b"three", b"four"]
    assert [line.number for line in reader.lines] == [3, 4]


def test_a_file_that_comes_later(log: Path) -> None:
    reader = Reader(log, from_start=False)
    assert reader.read() == []
    append(log, "one")
    assert reader.read() == [b"one"]


def pack(path: Path, name: str, compress: Callable[[bytes], bytes] = gzip.compress) -> None:
    path.with_name(name).write_bytes(compress(path.read_bytes()))
    shutil.copystat(path, path.with_name(name))
    path.unlink()


def shift(log: Path) -> Path:
    """Make room for kern.log.1: every older one moves up."""
    for number in range(99, 0, -1):
        for older in log.parent.glob(f"kern.log.{number}*"):
            if older.name.split(".")[2] == str(number):
                older.rename(older.with_name(older.name.replace(f".{number}", f".{number + 1}")))
    return log.with_name("kern.log.1")


def rename(log: Path) -> None:
    """Rotate as logrotate does with delaycompress: kern.log.2.gz <- kern.log.1 <- kern.log, and an empty new one."""
    log.rename(shift(log))
    log.touch()
    if (older := log.with_name("kern.log.2")).exists():
        pack(older, "kern.log.2.gz")


def rename_dated(log: Path) -> None:
    number = len(list(log.parent.glob("kern.log-*"))) + 1
    log.rename(log.with_name(f"kern.log-202601{number:02}"))


def rename_packed(log: Path) -> None:
    first = log.rename(shift(log))
    log.touch()
    pack(first, "kern.log.1.gz")


def copytruncate(log: Path) -> None:
    shutil.copy2(log, shift(log))
    os.truncate(log, 0)


def copytruncate_packed(log: Path) -> None:
    copytruncate(log)
    pack(log.with_name("kern.log.1"), "kern.log.1.bz2", bz2.compress)


ROTATIONS = [rename, rename_dated, rename_packed, copytruncate, copytruncate_packed]
rotations = pytest.mark.parametrize("rotate", ROTATIONS)


@rotations
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("new", ["short\n", "the new file has grown longer than the old one was before\n" * 3])
def test_rotation(rotate: Callable[[Path], None], restarted: bool, new: str, log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    assert reader.read() == [b"one", b"two"]
    if restarted:
        reader = reader.restart()
    append(log, "three", "four")
    rotate(log)
    append(log, new, end="")
    assert reader.read() == [b"three", b"four", *new.encode().splitlines()]
    assert reader.lines[-1].number == new.count("\n")
    assert reader.issues == []
    append(log, "last")
    assert reader.read() == [b"last"]


@rotations
def test_rotation_while_down(rotate: Callable[[Path], None], log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    position = reader.follower.position()
    append(log, "three")
    rotate(log)
    append(log, "four")
    reader = Reader(log, position=position)
    assert reader.read() == [b"three", b"four"]
    assert [line.number for line in reader.lines] == [3, 1]
    assert reader.lines[-1].path == str(log)
    assert reader.issues == []


@rotations
@pytest.mark.parametrize("times", [2, 3])
def test_several_rotations_while_down(rotate: Callable[[Path], None], times: int, log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    position = reader.follower.position()
    expected = []
    for number in range(times):
        append(log, f"rest {number}")
        expected.append(b"rest %d" % number)
        rotate(log)
        append(log, f"new {number}")
        expected.append(b"new %d" % number)
    reader = Reader(log, position=position)
    assert reader.read() == expected
    assert reader.issues == []


@rotations
def test_several_rotations_at_once(rotate: Callable[[Path], None], log: Path) -> None:
    """As when the follower was stopped for a while (or the machine slept)."""
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    for number in range(3):
        append(log, f"old {number}")
        rotate(log)
    append(log, "new")
    assert reader.read() == [b"old 0", b"old 1", b"old 2", b"new"]


def test_the_old_file_is_read_until_the_new_one_is_written(log: Path) -> None:
    """A writer goes on in the renamed file until it is told."""
    append(log, "one")
    reader = Reader(log)
    with log.open("ab", buffering=0) as old:
        reader.read()
        rename(log)
        assert reader.read() == []
        old.write(b"two\n")
        assert reader.read() == [b"two"]
        old.write(b"three\n")
        append(log, "four")
        assert reader.read() == [b"three", b"four"]
        old.write(b"straggler\n")
        assert reader.read() == [b"straggler"]
        reader = reader.restart()
        old.write(b"another\n")
        append(log, "five")
        assert sorted(reader.read()) == [b"another", b"five"]


def test_the_old_file_is_let_go_after_a_while(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LINGER_SECONDS", 0.0)
    append(log, "one")
    reader = Reader(log)
    reader.read()
    append(log, "no end", end="")
    rename(log)
    append(log, "two")
    assert reader.read() == [b"two", b"no end"]
    assert len(reader.follower.position().places) == 1
    reader = reader.restart()
    assert reader.read() == []


def test_truncation_without_a_copy(log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    os.truncate(log, 0)
    append(log, "three")
    assert reader.read() == [b"three"]
    assert reader.lines[-1].number == 1


def test_a_writer_that_does_not_append(log: Path) -> None:
    """Its file begins with a hole after it was truncated."""
    with log.open("wb", buffering=0) as file:
        file.write(b"one\n" * 300_000)
        reader = Reader(log)
        assert len(reader.read()) == 300_000
        os.truncate(log, 0)
        file.write(b"two\n")
        assert reader.read() == [b"two"]


def test_a_file_that_an_editor_saved_is_the_same(log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    new = log.with_name("new")
    new.write_bytes(log.read_bytes() + b"three\n")
    new.rename(log)
    assert reader.read() == [b"three"]


def test_a_rest_that_is_gone_is_said(log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    position = reader.follower.position()
    log.unlink()
    append(log, "three")
    reader = Reader(log, position=position)
    assert reader.read() == [b"three"]
    assert reader.issues == [f"{IssueCode.MESSAGES_LOST}: {log}: the rest of the file from line 3 on is gone"]


def test_what_came_after_a_file_that_is_gone(log: Path) -> None:
    append(log, "one", "two")
    reader = Reader(log)
    reader.read()
    rename(log)
    os.utime(log.with_name("kern.log.1"), (1, 1))
    append(log, "three")
    reader.read()
    reader.follower._drop(reader.follower._generations[0])
    position = reader.follower.position()
    rename(log)
    append(log, "four")
    rename(log)
    append(log, "five")
    found = places.find(position.places[-1], str(log))
    assert found
    Path(found.path).unlink()
    reader = Reader(log, position=position)
    assert reader.read() == [b"four", b"five"]
    assert len(reader.issues) == 1


@rotations
def test_saved_while_the_log_was_empty(rotate: Callable[[Path], None], log: Path) -> None:
    log.touch()
    reader = Reader(log)
    assert reader.read() == []
    position = reader.follower.position()
    append(log, "one")
    rotate(log)
    append(log, "two")
    assert Reader(log, position=position).read() == [b"one", b"two"]


def test_logs_that_begin_alike_are_told_apart(log: Path) -> None:
    """A serial console begins with the same kilobytes at every boot."""
    boot = "".join(f"[    0.000000] the same line {n}\n" for n in range(100))
    append(log, boot + "first boot\n", end="")
    reader = Reader(log)
    reader.read()
    position = reader.follower.position()
    copytruncate(log)
    append(log, boot + "second boot\n" * 50, end="")
    reader = Reader(log, position=position)
    assert len(reader.read()) == 150
    assert reader.lines[0].number == 1


@pytest.mark.parametrize("index", range(7))
def test_any_line_can_be_saved(index: int, log: Path) -> None:
    append(log, "0", "1", "2")
    reader = Reader(log)
    reader.read()
    append(log, "3")
    rename(log)
    append(log, "4", "5")
    reader.read()
    assert [line.data for line in reader.lines] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    numbers = [line.number for line in reader.lines]
    again = reader.restart(index)
    assert again.read() == [b"%d" % n for n in range(index, 6)]
    assert [line.number for line in again.lines] == numbers[index:]


def test_what_is_remembered_of_lines_is_bounded(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_TRACKED_LINES", 100)
    reader = Reader(log)
    for number in range(200):
        append(log, *map(str, range(10)))
        reader.read()
        assert reader.follower._tracked <= 110, number
    assert reader.restart().read() == []


class Rotator:
    """Writes numbered lines, in pieces, and rotates now and then."""

    def __init__(self, log: Path, chance: random.Random, rotations: list[Callable[[Path], None]]) -> None:
        self.log = log
        self.chance = chance
        self.rotations = rotations
        self.count = 0
        self.rotated = False
        """A file that was never seen cannot be told from another one that took its place and name."""
        self._rest = b""

    def step(self) -> None:
        for _ in range(self.chance.randrange(4)):
            self._rest += b"line %d %s\n" % (self.count, b"x" * self.chance.randrange(30))
            self.count += 1
        size = self.chance.choice([len(self._rest), self.chance.randrange(len(self._rest) + 1)])
        self._write(self._rest[:size])
        self._rest = self._rest[size:]
        self.rotated = False
        if self.chance.random() < 0.15:
            self._write(self._rest)
            self._rest = b""
            self.chance.choice(self.rotations)(self.log)
            self.rotated = True

    def finish(self) -> None:
        self._write(self._rest + b"end\n")

    def _write(self, data: bytes) -> None:
        with self.log.open("ab", buffering=0) as file:
            file.write(data)
        # The clock that the kernel stamps files with ticks a few times in all of this test.
        os.utime(self.log, ns=(time.time_ns(), time.time_ns()))


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_and_nothing_repeated(seed: int, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarted at random moments, at the position of a random line, under a writer that rotates."""
    monkeypatch.setattr(follow, "COARSE_SECONDS", 0.0)
    chance = random.Random(seed)
    kinds = [[rename], [rename_packed], [copytruncate], [copytruncate_packed], [rename, rename_packed, copytruncate]]
    writer = Rotator(log, chance, chance.choice(kinds))
    append(log, "begin")
    reader = Reader(log)
    reader.read()
    done: list[bytes] = []
    for _ in range(150):
        writer.step()
        if chance.random() < 0.6 or writer.rotated:
            reader.read()
        if chance.random() < 0.1:
            index = chance.randrange(max(len(reader.lines) - 10, 0), len(reader.lines) + 1)
            done += [line.data for line in reader.lines[:index]]
            reader = reader.restart(index)
            assert reader.issues == []
    writer.finish()
    reader.read()
    done += [line.data for line in reader.lines]
    assert [int(line.split()[1]) for line in done[1:-1]] == list(range(writer.count))
    assert done[-1] == b"end"


FOLLOWER = """
import sys, threading
from oomparse.sources.cursor import CursorStore
from oomparse.sources.follow import FileFollower
from oomparse.sources.places import Position
log, out, cursor = sys.argv[1:]
store = CursorStore(cursor)
state = store.load()
size = state["size"] if state else 0
position = Position.from_dict(state["file"]) if state else None
with open(out, "ab", buffering=0) as file, FileFollower(log, position=position, from_start=True) as follower:
    file.truncate(size)
    file.seek(size)
    for batch in follower.batches(threading.Event(), tick_seconds=0.001):
        for line in batch.lines if batch else []:
            size += file.write(line.data + b"\\n")
        if batch:
            store.save({"file": follower.position().to_dict(), "size": size})
"""


def test_killed_under_a_rotating_writer(log: Path) -> None:
    chance = random.Random(7)
    writer = Rotator(log, chance, [rename, copytruncate, rename_packed])
    out, cursor = log.with_name("out"), log.with_name("state")
    out.touch()
    append(log, "line -1")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", FOLLOWER, log, out, cursor], stderr=subprocess.PIPE)

    for _ in range(6):
        process = start()
        while not out.stat().st_size:
            time.sleep(0.01)
        for _ in range(60):
            writer.step()
            time.sleep(chance.random() * 0.008)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert errors == b""
    writer.finish()
    process = start()
    while not out.read_bytes().endswith(b"end\n"):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    numbers = [int(line.split()[1]) for line in out.read_bytes().splitlines()[:-1]]
    assert numbers == list(range(-1, writer.count))


def test_nothing_stays_open(log: Path) -> None:
    append(log, "one")
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = Reader(log)
    for _ in range(3):
        reader.read()
        rename(log)
        append(log, "more")
    reader.follower.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_it_stops_at_once(log: Path) -> None:
    append(log, "one")
    stop = threading.Event()
    with FileFollower(log, from_start=True) as follower:
        batches = follower.batches(stop, tick_seconds=60)
        assert next(batches) is not None
        threading.Timer(0.05, stop.set).start()
        assert [batch for batch in batches if batch] == []


def test_what_cannot_be_followed(log: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, says in [
        (tmp_path, "folder"),
        (tmp_path / "pipe", "oomparse follow - <"),
        (Path("/dev/zero"), "device"),
        (Path("x" * 5000), "too long"),
    ]:
        with pytest.raises(SourceError, match=says):
            FileFollower(path)
    append(log, "one")
    with pytest.raises(SourceError, match="no position"):
        Position.from_dict({"path": "x", "time": 1, "places": [{"offset": "y"}]})


def test_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    batches = follow_stream(reading, stop, tick_seconds=FAST)
    assert next(batches) is None
    os.write(writing, b"one\ntw")
    assert next(batches) == Batch([Line(b"one", 1, "-")], 0)
    assert next(batches) is None
    os.write(writing, b"o\nthree")
    assert next(batches) == Batch([Line(b"two", 2, "-")], 1)
    os.close(writing)
    assert [batch for batch in batches if batch] == [Batch([Line(b"three", 3, "-")], 2)]
    os.close(reading)


def test_a_pipe_that_is_stopped() -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    os.write(writing, b"one\n")
    batches = follow_stream(reading, stop, tick_seconds=FAST)
    assert next(batches)
    stop.set()
    assert list(batches) == []
    os.close(reading)
    os.close(writing)
