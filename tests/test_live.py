"""Logs that grow: events as they happen, across rotations and restarts."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import oomparse
from oomparse.model import OomEvent
from tests.reports import memcg_kill, memcg_report, reaped

PATIENCE = 20.0
"""Seconds until a test gives up waiting; nothing is asserted about how long it took."""


def stamped(texts: list[str], start: float) -> str:
    return "".join(f"[{start + at / 10_000:12.6f}] {text}\n" for at, text in enumerate(texts))


class Collector:
    """Follows in a thread, and keeps what comes."""

    def __init__(self, events: Iterator[OomEvent], stop: threading.Event) -> None:
        self.events: list[OomEvent] = []
        self.error: BaseException | None = None
        self.stop = stop
        self._thread = threading.Thread(target=self._run, args=(events,), daemon=True)
        self._thread.start()

    def _run(self, events: Iterator[OomEvent]) -> None:
        try:
            for event in events:
                self.events.append(event)
        except BaseException as error:  # noqa: BLE001 - Raised again where it is waited for
            self.error = error

    def wait(self, count: int) -> list[OomEvent]:
        until = time.monotonic() + PATIENCE
        while len(self.events) < count and time.monotonic() < until and self.error is None:
            time.sleep(0.01)
        assert self.error is None, self.error
        assert len(self.events) >= count, f"{len(self.events)} of {count} events"
        return self.events

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        assert self.error is None, self.error


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_kill_comes_at_once_and_the_reaper_as_an_update(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    append(log, stamped(memcg_report("old", 1), 1.0))
    stop = threading.Event()
    found = Collector(oomparse.follow(log, stop=stop, from_start=True), stop)
    (first,) = found.wait(1)
    append(log, stamped([reaped("old", 1)], 3.0))
    second = found.wait(2)[1]
    found.end()
    assert (second.event_id, first.revision, second.revision) == (first.event_id, 1, 2)
    assert second.victim is not None
    assert second.victim.reaper is not None


def test_begins_at_the_end_unless_told_otherwise(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    append(log, stamped(memcg_report("old", 1), 1.0))
    stop = threading.Event()
    found = Collector(oomparse.follow(log, stop=stop), stop)
    time.sleep(0.2)
    append(log, stamped(memcg_report("new", 2), 5.0))
    (event,) = found.wait(1)
    found.end()
    assert event.victim is not None
    assert event.victim.comm == "new"


@pytest.mark.parametrize("manner", ["rename", "copytruncate"])
def test_rotation_loses_and_repeats_nothing(tmp_path: Path, manner: str) -> None:
    log = tmp_path / "kern.log"
    log.touch()
    stop = threading.Event()
    found = Collector(oomparse.follow(log, stop=stop, from_start=True), stop)
    for at in range(6):
        append(log, stamped(memcg_report(f"hog-{at}", 100 + at), 10.0 * (at + 1)))
        if at % 2:
            found.wait(at + 1)  # copytruncate itself may lose what is written between its copy and its truncation
            if manner == "rename":
                log.rename(tmp_path / f"kern.log.{at}")
            else:
                (tmp_path / f"kern.log.{at}").write_bytes(log.read_bytes())
                os.truncate(log, 0)
    events = found.wait(6)
    found.end()
    assert [event.victim.pid for event in events if event.victim] == [100, 101, 102, 103, 104, 105]


FOLLOWER = textwrap.dedent(
    """
    import sys
    import oomparse
    for event in oomparse.follow(sys.argv[1], cursor=sys.argv[2], from_start=True):
        victim = event.victim
        print(event.event_id, event.revision, victim.pid if victim else None, flush=True)
    """
)


def test_kill_9_and_restart(tmp_path: Path) -> None:
    """Killed at many moments under a writer that rotates, the union of what was printed is the truth."""
    log, cursor, output = tmp_path / "kern.log", tmp_path / "cursor", tmp_path / "out"
    log.touch()
    total = 40
    done = threading.Event()

    def write() -> None:
        for at in range(total):
            text = stamped(memcg_report(f"hog-{at}", 100 + at), 10.0 * (at + 1))
            half = len(text) // 2
            append(log, text[:half])
            time.sleep(0.05)
            append(log, text[half:])
            if at % 9 == 8:
                for old in range(total, 0, -1):  # as logrotate names them: the highest number is the oldest
                    if (tmp_path / f"kern.log.{old}").exists():
                        (tmp_path / f"kern.log.{old}").rename(tmp_path / f"kern.log.{old + 1}")
                log.rename(tmp_path / "kern.log.1")
        done.set()

    writer = threading.Thread(target=write)
    until = time.monotonic() + 3 * PATIENCE
    runs: list[list[int]] = []
    printed = 0
    moments = random.Random(7)
    with output.open("ab") as out:
        while time.monotonic() < until:
            child = subprocess.Popen([sys.executable, "-c", FOLLOWER, str(log), str(cursor)], stdout=out)
            if writer.ident is None:
                while not cursor.exists() and time.monotonic() < until:
                    time.sleep(0.01)  # what was rotated away before it began is not the follower's to read
                writer.start()
            before = output.stat().st_size
            while output.stat().st_size == before and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.3))
            child.send_signal(signal.SIGKILL)
            child.wait()
            new = output.read_text()[printed:]
            printed += new.rfind("\n") + 1
            out.truncate(printed)  # but for a line that was cut
            runs.append([int(line.split()[2]) for line in new[: new.rfind("\n") + 1].splitlines()])
            if done.is_set() and len({pid for run in runs for pid in run}) == total:
                break
    writer.join()
    seen: set[int] = set()
    last: int | None = None
    for run in runs:
        # An event is printed twice only where the process died between printing it and saving that it had.
        assert not (seen - {last}).intersection(run)
        assert len(set(run)) == len(run)
        seen.update(run)
        last = run[-1] if run else last
    assert seen == set(range(100, 100 + total))


def test_the_saved_place_keeps_an_event_that_may_still_change(tmp_path: Path) -> None:
    log, cursor = tmp_path / "kern.log", tmp_path / "cursor"
    append(log, stamped(memcg_report("hog", 7), 1.0))
    stop = threading.Event()
    found = Collector(oomparse.follow(log, cursor=cursor, from_start=True, stop=stop), stop)
    (first,) = found.wait(1)
    found.end()
    append(log, stamped([reaped("hog", 7)], 3.0))
    stop = threading.Event()
    found = Collector(oomparse.follow(log, cursor=cursor, stop=stop), stop)
    (second,) = found.wait(1)
    found.end()
    assert (second.event_id, second.revision) == (first.event_id, 2)


def test_a_cursor_of_another_kind_is_refused(tmp_path: Path) -> None:
    cursor = tmp_path / "cursor"
    cursor.write_text('{"version": 1, "state": {"kind": "journal", "cursor": "x"}}')
    with pytest.raises(oomparse.SourceError, match="another kind of log"):
        next(oomparse.follow(tmp_path / "kern.log", cursor=cursor))


def test_what_is_not_read_again_yet_stays_delivered(tmp_path: Path) -> None:
    """A restart in the middle of a rotation finds no file for a moment."""
    log, cursor, away = tmp_path / "kern.log", tmp_path / "cursor", tmp_path / "away"
    append(log, stamped(memcg_report("hog", 7), 1.0))
    stop = threading.Event()
    found = Collector(oomparse.follow(log, cursor=cursor, from_start=True, stop=stop), stop)
    found.wait(1)
    found.end()
    log.rename(away)
    stop = threading.Event()
    found = Collector(oomparse.follow(log, cursor=cursor, stop=stop), stop)
    time.sleep(0.3)  # quiet moments
    away.rename(log)
    append(log, stamped(memcg_report("next", 8), 9.0))
    (event,) = found.wait(1)
    found.end()
    assert event.victim is not None
    assert event.victim.pid == 8


@pytest.mark.parametrize("delivered", [5, [1], {"a": "b"}, {"a": None}])
def test_a_cursor_that_was_edited_is_refused(tmp_path: Path, delivered: object) -> None:
    cursor = tmp_path / "cursor"
    cursor.write_text(json.dumps({"version": 1, "state": {"kind": "file", "delivered": delivered}}))
    with pytest.raises(oomparse.SourceError, match="no cursor of oomparse"):
        next(oomparse.follow(tmp_path / "kern.log", cursor=cursor))


def test_a_cursor_of_another_log_is_refused(tmp_path: Path) -> None:
    log, cursor = tmp_path / "kern.log", tmp_path / "cursor"
    append(log, stamped(memcg_report("hog", 7), 1.0))
    stop = threading.Event()
    found = Collector(oomparse.follow(log, cursor=cursor, from_start=True, stop=stop), stop)
    found.wait(1)
    found.end()
    append(tmp_path / "other.log", stamped(memcg_report("hog", 8), 1.0))
    with pytest.raises(oomparse.SourceError, match=r"of another log \(.*kern.log\)"):
        next(oomparse.follow(tmp_path / "other.log", cursor=cursor))
    log.rename(tmp_path / "moved.log")
    stop = threading.Event()
    found = Collector(oomparse.follow(tmp_path / "moved.log", cursor=cursor, stop=stop), stop)
    append(tmp_path / "moved.log", stamped(memcg_report("hog", 9), 9.0))
    (event,) = found.wait(1)
    found.end()
    assert event.victim is not None
    assert (event.victim.pid, event.issues) == (9, ())


def test_what_is_no_file_is_not_replaced_by_a_cursor(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for name in ("pipe", "link"):
        with pytest.raises(oomparse.SourceError, match="a device or pipe"):
            next(oomparse.follow(tmp_path / "kern.log", cursor=tmp_path / name))
    assert pipe.is_fifo()


def kmsg(sequence: int, texts: list[str]) -> list[bytes]:
    return [f"4,{at},{1_000_000 + at},-;{text}\n".encode() for at, text in enumerate(texts, sequence)]


def test_kmsg_goes_on_where_it_was_killed_before_anything_came(tmp_path: Path) -> None:
    """Also a follower that begins at the end knows where that is; after a boot everything is new."""
    cursor = tmp_path / "cursor"
    old, new = memcg_report("old", 1), memcg_report("new", 2)

    def following(records: list[bytes]) -> tuple[Collector, socket.socket]:
        writer, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for record in records:
            writer.send(record)
        stop = threading.Event()
        events = oomparse.read_kmsg(reader.detach(), follow=True, cursor=cursor, from_start=False, stop=stop)
        return Collector(events, stop), writer

    found, writer = following(kmsg(0, old))
    until = time.monotonic() + PATIENCE
    while not cursor.exists() and time.monotonic() < until:
        time.sleep(0.01)
    found.end()
    writer.close()
    assert found.events == []
    found, writer = following([*kmsg(0, old), *kmsg(len(old), new)])
    (event,) = found.wait(1)
    found.end()
    writer.close()
    assert event.victim is not None
    assert event.victim.pid == 2
    saved = json.loads(cursor.read_text())
    saved["state"]["boot_id"] = "another"
    cursor.write_text(json.dumps(saved))
    found, writer = following(kmsg(0, old))
    (event,) = found.wait(1)
    found.end()
    writer.close()
    assert event.victim is not None
    assert event.victim.pid == 1


def test_kmsg_records(tmp_path: Path) -> None:
    """A socket that keeps record boundaries stands for the device, which a test cannot write to."""
    writer, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stop = threading.Event()
    found = Collector(oomparse.read_kmsg(reader.detach(), follow=True, stop=stop), stop)
    for at, text in enumerate(memcg_report()):
        writer.send(f"4,{at},{1_000_000 + at},-;{text}\n".encode())
    (first,) = found.wait(1)
    forged = memcg_kill("spoof", 1)
    writer.send(f"12,90,1100000,-;{forged}\n".encode())
    writer.send(f"6,91,3000000,-;{reaped('hog', 100)}\n".encode())
    second = found.wait(2)[1]
    found.end()
    writer.close()
    assert (first.source.from_kernel, second.revision, second.event_id) == (True, 2, first.event_id)
    assert len(found.events) == 2


def test_afollow(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    append(log, stamped([*memcg_report("a", 1), *memcg_report("b", 2)], 1.0))

    async def collect() -> list[str | None]:
        names: list[str | None] = []
        async for event in oomparse.afollow(log, from_start=True):
            names.append(event.victim.comm if event.victim else None)
            if len(names) == 2:
                break
        return names

    assert asyncio.run(asyncio.wait_for(collect(), PATIENCE)) == ["a", "b"]


def test_afollow_raises_what_reading_raises(tmp_path: Path) -> None:
    async def collect() -> None:
        async for _ in oomparse.afollow(tmp_path):
            pass

    with pytest.raises(oomparse.SourceError):
        asyncio.run(asyncio.wait_for(collect(), PATIENCE))
