"""Real journals, written by systemd's own tools."""

import gzip
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import oomparse
from oomparse.errors import SourceError
from oomparse.reader import parse_paths
from oomparse.sources import journal_files
from oomparse.sources.archives import contents
from oomparse.sources.files import expand
from oomparse.sources.journal import Entry, Journal
from oomparse.userspace import UserspaceKill
from oomparse.userspace_habits import Killer

pytest.importorskip("systemd.journal", reason="systemd-python (the extra `journal`) is not installed")

BOOT = "7ffbe46374f14679afe320da2b73d632"
START = 1_795_226_584_000_000

REMOTE = next(
    (
        path
        for path in ["/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote"]
        if os.path.exists(path)  # noqa: PTH110
    ),
    shutil.which("systemd-journal-remote"),
)
needs_remote = pytest.mark.skipif(REMOTE is None, reason="systemd-journal-remote writes the journals of these tests")
pytestmark = needs_remote


def field(name: str, value: bytes) -> bytes:
    if value.isascii() and value.decode().isprintable():
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def entry(number: int, *messages: bytes, **fields: str) -> bytes:
    """Return an entry in systemd's export format."""
    micros = START + number * 1000
    stored = {
        "__REALTIME_TIMESTAMP": str(micros),
        "__MONOTONIC_TIMESTAMP": str(number * 1000 + 50),
        "_BOOT_ID": BOOT,
        "_HOSTNAME": "oomhost",
        "_TRANSPORT": "kernel",
        "PRIORITY": "3",
        "SYSLOG_FACILITY": "0",
        "SYSLOG_IDENTIFIER": "kernel",
        "_SOURCE_MONOTONIC_TIMESTAMP": str(number * 1000),
    } | fields
    lines = [field(name, value.encode()) for name, value in stored.items() if value]
    return b"".join([*lines, *(field("MESSAGE", message) for message in messages), b"\n"])


def write_journal(path: Path, export: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert REMOTE
    done = subprocess.run([REMOTE, "-o", str(path), "-"], input=export, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


KERNEL = [b"line %d" % number for number in range(300)]


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    mixed = b"".join(
        entry(number, message) + entry(number, b"other", _TRANSPORT="syslog") for number, message in enumerate(KERNEL)
    )
    return write_journal(tmp_path_factory.mktemp("journal") / "system.journal", mixed)


def read(*paths: Path, kernel_only: bool = True) -> tuple[list[Entry], list[str]]:
    (series,) = expand(paths)
    with Journal.of_files(series.files, kernel_only=kernel_only) as opened:
        return list(opened.entries()), [str(issue.detail) for issue in opened.issues]


def messages(entries: list[Entry]) -> list[object]:
    return [one["MESSAGE"] for one in entries]


def test_fields_are_as_journald_stored_them(tmp_path: Path) -> None:
    odd = b") total-vm:1kB \xff\xfe\nand a second line"
    long = b"x" * 200_000
    path = write_journal(
        tmp_path / "a.journal", entry(1, odd, SYSLOG_FACILITY="1") + entry(2, b"a", b"b") + entry(3, long)
    )
    (first, second, third), issues = read(path)
    assert issues == []
    assert first["MESSAGE"] == odd
    assert first["_TRANSPORT"] == b"kernel"
    assert first["_BOOT_ID"] == BOOT.encode()
    assert first["_HOSTNAME"] == b"oomhost"
    assert first["SYSLOG_FACILITY"] == b"1"
    assert first["PRIORITY"] == b"3"
    assert first["_SOURCE_MONOTONIC_TIMESTAMP"] == b"1000"
    assert first["__REALTIME_TIMESTAMP"] == START + 1000
    assert str(first["__CURSOR"]).startswith("s=")
    repeated = second["MESSAGE"]
    assert isinstance(repeated, list)
    assert sorted(repeated) == [b"a", b"b"]
    assert third["MESSAGE"] == long


def test_times_are_utc_wherever_it_is_read(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    try:
        entries, _ = read(journal)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert entries[5]["__REALTIME_TIMESTAMP"] == START + 5000


def test_only_the_kernel_unless_asked(journal: Path) -> None:
    entries, issues = read(journal)
    assert messages(entries) == KERNEL
    assert issues == []
    assert len(read(journal, kernel_only=False)[0]) == 2 * len(KERNEL)


def test_kills_that_were_not_the_kernels(tmp_path: Path) -> None:
    oomd = b"Killed /user.slice/web.scope due to memory pressure for /user.slice being 68.20% > 50.00% for > 20s"
    kill = b"Out of memory: Killed process 7 (hog) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB"
    forged = entry(2, kill.replace(b"hog", b"sham"), _TRANSPORT="syslog", SYSLOG_IDENTIFIER="logger")
    said = entry(1, oomd, _TRANSPORT="journal", SYSLOG_IDENTIFIER="systemd-oomd") + forged + entry(3, kill)
    path = write_journal(tmp_path / "system.journal", said)
    heard: list[UserspaceKill] = []
    events = list(parse_paths([path], on_userspace=heard.append))
    assert [(one.killer, one.cgroup) for one in heard] == [(Killer.SYSTEMD_OOMD, "/user.slice/web.scope")]
    assert [event.victim.comm for event in events if event.victim] == ["hog"]
    assert events == list(parse_paths([path]))


def test_the_index_gives_the_same(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(journal)
    monkeypatch.setattr("oomparse.sources.journal.SMALL_ENTRIES", 10)
    monkeypatch.setattr("oomparse.sources.journal.MAX_UNINDEXED_ENTRIES", 10)
    assert read(journal) == expected


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_compressed_journals(journal: Path, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(pack(journal.read_bytes()))
    entries, issues = read(packed)
    assert messages(entries) == KERNEL
    assert issues == []


def test_a_journal_within_an_archive(journal: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sos.tar.xz", "w:xz") as archive:
        archive.add(journal, "var/log/journal/system.journal")
    with (tmp_path / "sos.tar.xz").open("rb") as stream:
        content = next(contents(stream, path="sos.tar.xz"))
        with Journal.of_files([content]) as opened:
            assert opened.name == "sos.tar.xz!/var/log/journal/system.journal"
            assert messages(list(opened.entries())) == KERNEL


def test_temporary_files_are_bounded_and_go(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(journal.read_bytes()))
    (series,) = expand([packed])
    with Journal.of_files(series.files) as opened:
        (temporary,) = (tmp_path / "tmp").rglob("*.journal")
        assert temporary.stat().st_blocks * 512 < temporary.stat().st_size
        assert len(list(opened.entries())) == len(KERNEL)
    assert list((tmp_path / "tmp").iterdir()) == []
    monkeypatch.setattr(journal_files, "MAX_JOURNAL_BYTES", 1_000_000)
    with pytest.raises(SourceError, match="MAX_JOURNAL_BYTES"):
        Journal.of_files(series.files)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_folder_of_journals_is_one(journal: Path, tmp_path: Path) -> None:
    write_journal(tmp_path / "0123" / "system@1.journal", b"".join(entry(n, b"old %d" % n) for n in range(5)))
    write_journal(tmp_path / "0123" / "system.journal", b"".join(entry(n, b"new %d" % n) for n in range(100, 105)))
    (tmp_path / "0123" / "system@1.journal").rename(tmp_path / "0123" / "system@1.journal~")
    entries, _ = read(tmp_path)
    assert messages(entries) == [b"old %d" % n for n in range(5)] + [b"new %d" % n for n in range(100, 105)]


def last_byte(data: bytes) -> int:
    return len(data.rstrip(b"\0"))


def test_a_cut_journal_gives_what_it_held(journal: Path, tmp_path: Path) -> None:
    data = journal.read_bytes()
    path = tmp_path / "cut.journal"
    counts = []
    start, end = data.index(b"MESSAGE=line 0"), last_byte(data)
    for size in [300, (start + end) // 2, end - 100, end, len(data) - 1]:
        path.write_bytes(data[:size])
        entries, issues = read(path)
        assert messages(entries) == KERNEL[: len(entries)]
        everything, _ = read(path, kernel_only=False)
        assert issues[0] == f"{path}: the journal is cut after {size} of {len(data)} bytes"
        assert (len(issues) == 2) == (len(everything) < 2 * len(KERNEL))
        counts.append(len(entries))
        assert path.read_bytes() == data[:size]
    assert counts == sorted(counts)
    assert 0 == counts[0] < counts[1] < counts[2] <= counts[3] == counts[4] == len(KERNEL)


def test_a_cut_compressed_journal(journal: Path, tmp_path: Path) -> None:
    whole = gzip.compress(journal.read_bytes())
    path = tmp_path / "cut.gz"
    path.write_bytes(whole[: len(whole) * 9 // 10])
    entries, issues = read(path)
    assert 0 < len(entries) < len(KERNEL)
    assert messages(entries) == KERNEL[: len(entries)]
    assert "gzip" in issues[0]


def test_damage_never_passes_in_silence(journal: Path, tmp_path: Path) -> None:
    """Whatever is overwritten: entries are lost only with an issue, and the others are unchanged."""
    data = journal.read_bytes()
    path = tmp_path / "damaged.journal"
    lost = 0
    start, end = data.index(b"MESSAGE=line 0"), last_byte(data)
    for at in [300, 3000, *range(start, end, (end - start) // 40)]:
        path.write_bytes(data[:at] + b"\xa5" * 64 + data[at + 64 :])
        entries, issues = read(path)
        good = [one for one in entries if one.get("MESSAGE") in KERNEL]
        assert len(good) >= len(KERNEL) - 3 or issues, at
        lost += len(good) < len(KERNEL)
    assert lost > 3


def test_damaged_index(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oomparse.sources.journal.SMALL_ENTRIES", 0)
    monkeypatch.setattr("oomparse.sources.journal.MAX_UNINDEXED_ENTRIES", 0)
    data = journal.read_bytes()
    path = tmp_path / "damaged.journal"
    name = data.index(b"_SOURCE_MONOTONIC_TIMESTAMP=7000")
    path.write_bytes(data[:name] + b"\xff" + data[name + 1 :])
    entries, issues = read(path)
    assert messages(entries) == KERNEL[:7] + KERNEL[8:]
    assert issues == [f"{path}: damaged entries that could not be read: 2"]  # The other one shares the damaged field


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"LPKSHHRH", "cut within its header"),
        (b"LPKSHHRH" + b"\xff" * 400, "newer systemd"),
        (b"LPKSHHRH" + bytes(400), "damaged within its header"),
        (b"text\n", "no systemd journal"),
    ],
)
def test_what_cannot_be_opened(data: bytes, says: str, journal: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.journal"
    bad.write_bytes(data)
    files = [file for series in expand([bad, journal]) for file in series.files]
    with pytest.raises(SourceError, match=says) as caught:
        Journal.of_files(files)
    assert caught.value.path == str(bad)
    errors: list[SourceError] = []
    with Journal.of_files(files, on_error=errors.append) as opened:
        assert len(list(opened.entries())) == len(KERNEL)
    assert [error.path for error in errors] == [str(bad)]


def test_nothing_stays_open(journal: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.journal"
    bad.write_bytes(b"LPKSHHRH" + bytes(400))
    files = [file for series in expand([journal, bad]) for file in series.files]
    read(journal)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        read(journal)
        with pytest.raises(SourceError):
            Journal.of_files(files)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_systemd_python_is_optional(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd", None)
    with pytest.raises(SourceError, match=r'pip install "oomparse\[journal\]".*libsystemd-dev.*systemd-devel'):
        read(journal)


def test_a_cursor_is_a_place(journal: Path) -> None:
    (series,) = expand([journal])
    with Journal.of_files(series.files) as opened:
        cursors = [str(one["__CURSOR"]) for one in opened.entries()]
    with Journal.of_files(series.files) as opened:
        assert opened.seek_cursor(cursors[99])
        assert messages(list(opened.entries())) == KERNEL[100:]
    with Journal.of_files(series.files) as opened:
        assert opened.seek_cursor(cursors[-1])
        assert list(opened.entries()) == []
        assert opened.issues == []
    gone = cursors[99].replace(";i=", ";i=9")
    with Journal.of_files(series.files) as opened:
        assert not opened.seek_cursor(gone)
    with Journal.of_files(series.files) as opened, pytest.raises(SourceError, match="no cursor"):
        opened.seek_cursor("nonsense")


def test_no_live_journal(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is journald running"):
        Journal.live(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_missing_is_said_also_where_no_event_is_left_to_say_it(
    packed: bool, journal: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / ("system.journal.gz" if packed else "system.journal")
    data = journal.read_bytes()
    damaged.write_bytes(gzip.compress(data)[:-100] if packed else data[: len(data) * 3 // 4])
    with pytest.raises(SourceError, match=r"the journal is cut|end before their end mark"):
        list(oomparse.read_journal(damaged))
    told: list[SourceError] = []
    assert list(oomparse.parse_paths([damaged], on_error=told.append)) == []
    assert len(told) == 1


class Writer:
    """A journal that is being written."""

    def __init__(self, path: Path) -> None:
        assert REMOTE
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._process = subprocess.Popen([REMOTE, "-o", str(path), "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def write(self, export: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(export)
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    live = Writer(tmp_path / "live" / "system.journal")
    yield live
    live.close()


def wait_for(path: Path) -> None:
    while not list(path.rglob("*.journal")):
        time.sleep(0.01)


@pytest.mark.parametrize("start", ["begin", "end", "cursor"])
def test_follow(start: str, writer: Writer) -> None:
    stop = threading.Event()
    writer.write(b"".join(entry(n, b"before %d" % n) for n in range(3)))
    wait_for(writer.path.parent)
    with Journal.live(writer.path.parent) as opened:
        seen: list[Entry] = []
        for one in opened.follow(stop, tick_seconds=0.01):
            seen += [one] if one else []
            if len(seen) == 3 and not one:
                break
        assert messages(seen) == [b"before 0", b"before 1", b"before 2"]
    with Journal.live(writer.path.parent) as opened:
        if start == "end":
            opened.seek_end()
        elif start == "cursor":
            assert opened.seek_cursor(str(seen[1]["__CURSOR"]))
        expected = {"begin": seen, "end": [], "cursor": seen[2:]}[start]
        wanted = messages(expected) + [b"after %d" % n for n in range(3, 8)]
        got: list[object] = []
        written = 3
        for one in opened.follow(stop, tick_seconds=0.01):
            if one is None:
                if len(got) == len(expected) + written - 3 and written < 8:
                    writer.write(entry(written, b"other", _TRANSPORT="syslog") + entry(written, b"after %d" % written))
                    written += 1
            else:
                got.append(one["MESSAGE"])
                if len(got) == len(wanted):
                    stop.set()
        assert got == wanted


def test_follow_goes_on_into_the_next_file(writer: Writer, tmp_path: Path) -> None:
    stop = threading.Event()
    writer.write(entry(1, b"one"))
    wait_for(writer.path.parent)
    got: list[object] = []
    with Journal.live(writer.path.parent) as opened:
        for one in opened.follow(stop, tick_seconds=0.01):
            if one is None and got == [b"one"]:
                writer.path.rename(writer.path.with_name("system@1.journal"))
                write_journal(writer.path, entry(2, b"two"))
            elif one is not None:
                got.append(one["MESSAGE"])
                if got[-1] == b"two":
                    stop.set()
    assert got == [b"one", b"two"]


def test_follow_stops_at_once(journal: Path) -> None:
    stop = threading.Event()
    with Journal.live(journal.parent) as opened:
        following = opened.follow(stop)
        assert next(following) is not None
        stop.set()
        assert list(following) == []
