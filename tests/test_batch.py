"""Several processes find what one does."""

import gzip
import os
import pickle
import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generate import Plan, blocks, write_file, write_rotated
from oomparse import batch
from oomparse.errors import SourceError
from oomparse.export.jsonl import encode
from oomparse.lazy import Packed
from oomparse.model import OomEvent
from oomparse.options import Options
from oomparse.parcel import Sent, pack_event
from oomparse.reader import Reading, parse_paths
from oomparse.sources.files import expand

NEW_YEAR = 1_705_000_000.0  # 2024-01-11


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PART_BYTES", 150_000)
    monkeypatch.setattr(batch, "SMALL_PART_BYTES", 150_000)
    monkeypatch.setattr(batch, "CALM_BYTES", 4_000)
    monkeypatch.setattr(batch, "SEARCH_BYTES", 60_000)


def generated(plan: Plan) -> bytes:
    return b"".join(block for block, _ in blocks(plan))


def written(events: Iterable[OomEvent]) -> list[bytes]:
    return [encode(event) for event in events]


def both(paths: Sequence[Path]) -> tuple[list[bytes], list[bytes]]:
    for path in paths:
        if path.is_file():
            os.utime(path, (NEW_YEAR, NEW_YEAR))
    alone_errors: list[SourceError] = []
    together_errors: list[SourceError] = []
    alone = written(parse_paths(paths, on_error=alone_errors.append))
    together = written(parse_paths(paths, jobs=2, on_error=together_errors.append))
    assert list(map(str, alone_errors)) == list(map(str, together_errors))
    return alone, together


@pytest.mark.parametrize(
    "plan",
    [
        Plan(size=600_000, report_every=70_000, tasks=10),
        Plan(size=600_000, report_every=100_000, tasks=10, transport="iso", hosts=3, daemons=True),
        Plan(storm=60, tasks=30),
        Plan(storm=60, tasks=30, transport="iso", hosts=2),
    ],
    ids=["archive", "syslog of three hosts", "storm", "storm on two hosts"],
)
def test_ranges_of_a_file(tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    read_again: list[object] = []
    events_of = batch._events

    def noted(reading: Reading, parts: Sequence[batch.Part], found: batch.Findings) -> Iterator[OomEvent]:
        read_again.append(parts)
        return events_of(reading, parts, found)

    monkeypatch.setattr(batch, "_events", noted)
    log = tmp_path / "kern.log"
    write_file(plan, log)
    alone, together = both([log])
    assert len(alone) >= 4
    assert together == alone
    assert not read_again


@pytest.mark.parametrize("seed", range(4))
def test_reapers_that_come_late(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lines = generated(Plan(storm=60, tasks=30, seed=seed)).splitlines(keepends=True)
    for at in [at for at, line in enumerate(lines) if b"oom_reaper" in line]:
        lines.insert(min(at + rng.choice((0, 3, 150, 400)), len(lines)), lines[at])
        del lines[at]
    log = tmp_path / "kern.log"
    log.write_bytes(b"".join(lines))
    alone, together = both([log])
    assert together == alone


@pytest.mark.parametrize("seed", range(4))
def test_ranges_of_a_log_that_lost_lines(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lines = generated(Plan(storm=50, tasks=20, seed=seed)).splitlines(keepends=True)
    for _ in range(12):
        at = rng.randrange(len(lines))
        del lines[at : at + rng.choice((1, 2, 10, 60))]
    log = tmp_path / "kern.log"
    log.write_bytes(b"".join(lines))
    alone, together = both([log])
    assert together == alone


def test_a_rotated_set(tmp_path: Path) -> None:
    write_rotated(Plan(size=600_000, report_every=60_000, tasks=10), tmp_path / "kern.log", 5)
    alone, together = both([tmp_path])
    assert len(alone) >= 6
    assert together == alone


def test_reports_that_a_rotation_cut(tmp_path: Path) -> None:
    data = generated(Plan(storm=6, tasks=20))
    parts = [data[at : at + len(data) // 4] for at in range(0, len(data), len(data) // 4)]
    for number, part in enumerate(reversed(parts)):
        (tmp_path / f"kern.log.{number}").write_bytes(part)
    alone, together = both([tmp_path])
    assert together == alone


def test_a_damaged_archive(tmp_path: Path) -> None:
    write_rotated(Plan(size=400_000, report_every=50_000, tasks=10), tmp_path / "kern.log", 4)
    archive = tmp_path / "kern.log.2.gz"
    archive.write_bytes(archive.read_bytes()[:-4_000])
    alone, together = both([tmp_path])
    assert together == alone


def test_several_logs_keep_their_order(tmp_path: Path) -> None:
    for name, seed in (("b.log", 1), ("a.log", 2), ("c.log", 3)):
        write_file(Plan(storm=3, tasks=5, seed=seed), tmp_path / name)
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / "d.gz").write_bytes(gzip.compress(generated(Plan(storm=2, tasks=5, seed=4))))
    alone, together = both(
        [tmp_path / name for name in ("b.log", "empty.log", "c.log", "a.log", "d.gz", "missing.log")]
    )
    assert len(alone) == 11
    assert together == alone


def test_a_pipe_among_files(tmp_path: Path) -> None:
    write_file(Plan(storm=3, tasks=5), tmp_path / "a.log")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(generated(Plan(storm=2, tasks=5, seed=2))))
    writer.start()
    events = list(parse_paths([pipe, tmp_path / "a.log"], jobs=2))
    writer.join()
    assert [event.source.path for event in events] == [str(pipe)] * 2 + [str(tmp_path / "a.log")] * 3


@pytest.mark.parametrize("plan", [Plan(storm=60, tasks=30), Plan(storm=60, tasks=30, transport="iso", hosts=2)])
def test_who_died_is_told_at_once(tmp_path: Path, plan: Plan) -> None:
    """Asked for no more, in any order, and of a log without numbers before it."""
    log = tmp_path / "kern.log"
    write_file(plan, log)
    alone, together = (list(parse_paths([log], jobs=jobs)) for jobs in (1, 2))
    assert [(event.victims, event.scope) for event in alone] == [(event.victims, event.scope) for event in together]
    assert [event.source for event in reversed(alone)] == [event.source for event in reversed(together)]
    assert alone == together


def test_what_a_worker_sends(tmp_path: Path) -> None:
    """The text of a report stays in its file, if it stands there as it is; all of it comes back from a pickle."""
    log = tmp_path / "kern.log"
    write_file(Plan(storm=60, tasks=30), log)
    (series,) = expand([log])
    sizes = []
    for part in batch._parts(series, Options(), jobs=2):
        found = batch._read_part(series, part, Options(), pack_event)
        sizes += [len(pickle.dumps(event)) for event in found.events if isinstance(event, Sent)]
    assert len(sizes) > 50
    assert max(sizes) < 2_000
    for event in parse_paths([log]):
        packed = event.pack()
        assert pickle.loads(pickle.dumps(packed)).unpack() == packed.unpack() == event
        read = event.pack()
        assert pickle.loads(pickle.dumps(read)).unpack() == event


@pytest.mark.parametrize("begin", [b"", b"x" * 3_000_000 + b"\n", b"a line without an end" * 9_000])
def test_texts_are_found_behind_long_lines(tmp_path: Path, begin: bytes) -> None:
    log = tmp_path / "kern.log"
    log.write_bytes(begin + b"\n" + generated(Plan(storm=30, tasks=30)))
    alone, together = both([log])
    assert len(alone) == 30
    assert together == alone


def test_a_file_that_is_truncated_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "kern.log"
    write_file(Plan(storm=60, tasks=30), log)
    in_order = batch._in_order

    def truncated(*arguments: Any) -> Iterator[batch.Findings]:
        for found in in_order(*arguments):
            os.truncate(log, 100)
            yield found

    monkeypatch.setattr(batch, "_in_order", truncated)
    errors: list[SourceError] = []
    list(parse_paths([log], jobs=2, on_error=errors.append))
    assert errors
    assert str(log) in str(errors[0])
    assert "while it was read" in str(errors[0])
    write_file(Plan(storm=60, tasks=30), log)
    with pytest.raises(SourceError, match="while it was read"):
        list(parse_paths([log], jobs=2))


def test_a_file_that_is_written_anew_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another log of the same size stands there, or the same one with a line of it changed."""
    log = tmp_path / "kern.log"
    write_file(Plan(storm=60, tasks=30), log)
    before = log.read_bytes()
    in_order = batch._in_order
    after = [before]

    def rewritten(*arguments: Any) -> Iterator[batch.Findings]:
        found = list(in_order(*arguments))  # all parts as they were; else some may be read as they are, and all of them
        log.write_bytes(after[0])
        yield from found

    monkeypatch.setattr(batch, "_in_order", rewritten)
    other = generated(Plan(storm=70, tasks=30, seed=9))[: len(before)]
    for after[0] in (other, b"\n" * len(before), b"x" * len(before)):
        log.write_bytes(before)
        with pytest.raises(SourceError, match="while it was read"):
            list(parse_paths([log], jobs=2))
    fewer_lines = before.replace(b"\n", b" ").replace(b" oom-kill:", b"\noom-kill:")
    for after[0] in (before.replace(b" invoked oom-killer: ", b" invoked oom-KILLER: "), fewer_lines):
        log.write_bytes(before)
        with pytest.raises(SourceError, match="while it was read"):
            list(map(encode, parse_paths([log], jobs=2)))


def test_an_error_that_nobody_takes_is_raised(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        list(parse_paths([tmp_path / "missing.log"], jobs=2))


def test_a_large_file_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    write_file(Plan(storm=90, tasks=30), log)
    (series,) = expand([log])
    assert len(batch._parts(series, Options(), jobs=2)) > 3


def read_and_packed(event: OomEvent) -> Packed:
    """Look at an event in the worker before it is sent."""
    assert event.to_dict()
    return event.pack()


def test_an_event_that_a_worker_has_read_has_the_lines_of_the_whole_log(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    write_file(Plan(storm=60, tasks=30, seed=5), log)
    alone = written(parse_paths([log]))
    assert written(parse_paths([log], jobs=2, pack=read_and_packed)) == alone
