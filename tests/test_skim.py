"""Skipping the noise changes no event: the same logs, read line by line and skimmed."""

import json
import random
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import noise
from benchmarks.generate import Plan, blocks
from oomparse import skim
from oomparse.again import Again
from oomparse.assembler import Assembler
from oomparse.errors import IssueCode
from oomparse.export.jsonl import encode
from oomparse.message import Line
from oomparse.model import OomEvent
from oomparse.options import Options
from oomparse.plain import PlainReport
from oomparse.reader import Reading, parse_file
from oomparse.report import Report
from oomparse.skim import LINES_AFTER, LINES_BEFORE, Skimmer
from oomparse.sources.lines import split_lines

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("*/*/dmesg*.log"))
EVERY_LINE = Options(every_line=True, year=2024)
SKIMMED = Options(year=2024)


def written(events: Iterable[OomEvent]) -> list[bytes]:
    return [encode(event) for event in events]


def read_every_line(data: bytes) -> list[bytes]:
    reading = Reading(EVERY_LINE)
    return written([*reading.lines(split_lines([data])), *reading.close()])


def skimmed(parts: Iterable[bytes]) -> list[bytes]:
    reading = Reading(SKIMMED)

    def events() -> Iterator[OomEvent]:
        skimmer = Skimmer(reading, at_report=True)
        for part in parts:
            yield from skimmer.feed(part)
        yield from skimmer.close()
        yield from reading.close()

    return written(events())


def told(parts: Iterable[bytes]) -> list[tuple[object, object]]:
    """Return what a caller gets who asks for no more than that."""
    reading = Reading(SKIMMED)
    skimmer = Skimmer(reading, at_report=True)
    events = [event for part in parts for event in skimmer.feed(part)]
    return [(event.victims, event.scope) for event in (*events, *skimmer.close(), *reading.close())]


def told_by_every_line(data: bytes) -> list[tuple[object, object]]:
    reading = Reading(EVERY_LINE)
    return [(event.victims, event.scope) for event in (*reading.lines(split_lines([data])), *reading.close())]


def cut(data: bytes, rng: random.Random, count: int) -> list[bytes]:
    at = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(count))})
    return [data[start:end] for start, end in pairwise(at)]


def generated(plan: Plan) -> bytes:
    return b"".join(block for block, _ in blocks(plan))


def ring_buffer_noise(start: int, count: int, rng: random.Random) -> bytes:
    texts = noise.pool(noise.KERNEL_SHAPES, count, rng)
    return "".join(
        f"[{start + number:5d}.{rng.randrange(10**6):06d}] {text}\n" for number, text in enumerate(texts)
    ).encode()


def test_there_are_fixtures() -> None:
    assert FIXTURES
    assert LINES_AFTER > LINES_BEFORE


@pytest.mark.parametrize("path", FIXTURES[::8], ids=lambda path: "/".join(path.parts[-3:]))
def test_a_report_in_noise(path: Path) -> None:
    rng = random.Random(path.parent.name)
    report = path.read_bytes()
    data = b"".join(
        [
            ring_buffer_noise(1, 100, rng),
            report,
            b"" if report.endswith(b"\n") else b"\n",
            ring_buffer_noise(20_000, 3 * LINES_AFTER, rng),
        ]
    )
    assert skimmed(cut(data, rng, 5)) == read_every_line(data)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(size=400_000, report_every=120_000, tasks=12),
        Plan(size=400_000, report_every=120_000, tasks=12, transport="iso", hosts=3, daemons=True, seed=2),
        Plan(storm=12, tasks=8, seed=3),
        Plan(storm=12, tasks=8, transport="iso", hosts=2, seed=4),
    ],
    ids=["archive", "syslog of three hosts", "storm", "storm on two hosts"],
)
def test_generated_logs(plan: Plan) -> None:
    data = generated(plan)
    expected = read_every_line(data)
    assert len(expected) >= 3
    for seed in range(3):
        assert skimmed(cut(data, random.Random(seed), 40)) == expected


def test_a_plain_report_is_not_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    read_whole: list[Again] = []
    report = Again.report

    def noted(again: Again) -> Report:
        read_whole.append(again)
        return report(again)

    monkeypatch.setattr(Again, "report", noted)

    class Counting(Reading):
        count = 0

        def line(self, line: Line) -> Iterator[OomEvent]:
            self.count += 1
            return super().line(line)

    data = generated(Plan(storm=12, tasks=8, seed=3))
    reading = Counting(SKIMMED)
    skimmer = Skimmer(reading, at_report=True)
    events = [*skimmer.feed(data), *skimmer.close(), *reading.close()]
    assert reading.count == 0
    again = Reading(EVERY_LINE)
    expected = [*again.lines(split_lines([data])), *again.close()]
    assert [(event.victims, event.scope) for event in events] == [(event.victims, event.scope) for event in expected]
    assert not read_whole
    assert events == expected
    assert read_whole


def test_a_plain_report_answers_as_one_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked of it first."""
    plain: list[PlainReport] = []
    adopt = Assembler.adopt

    def noted(assembler: Assembler, report: PlainReport) -> tuple[OomEvent, ...] | None:
        plain.append(report.copy())
        return adopt(assembler, report)

    monkeypatch.setattr(Assembler, "adopt", noted)
    skimmed([generated(Plan(storm=6, tasks=8, seed=3))])
    assert len(plain) == 6
    for report in plain:
        read = report.copy()
        read.read_whole()
        names = vars(Report(report.first)).keys()
        differ = {name for name in names if getattr(report.copy(), name) != getattr(read, name)}
        # All messages of a plain one are its kill line; counters are no evidence beside a constraint line.
        assert differ <= {"counter_text", "first", "last", "section"}
        assert (report.has_verdict, report.is_event) == (True, True)
        assert (Report.has_verdict.fget(read), Report.is_event.fget(read)) == (True, True)  # type: ignore[attr-defined]  # it is a property


@pytest.mark.parametrize("lines_before", [2, 20, 60])
def test_a_sysrq_that_is_asked_for_while_another_report_is_printed(lines_before: int) -> None:
    lines = generated(Plan(storm=2, tasks=100, seed=5)).splitlines(keepends=True)
    header = [at for at, line in enumerate(lines) if b"invoked oom-killer" in line][1]
    at = header - lines_before
    lines.insert(at, lines[at][: lines[at].index(b"] ") + 2] + b"sysrq: Manual OOM execution\n")
    expected = read_every_line(b"".join(lines))
    assert [json.loads(event)["traits"] for event in expected] == [[], ["sysrq"]]
    assert skimmed([b"".join(lines)]) == expected


TELLING = (b"oom-kill:", b"Killed process", b"invoked oom-killer", b": usage", b"tgid total_vm", b"emory cgroup stats")
NAMES = (
    b",task=x,pid=1,uid=0",
    b",oom_memcg=/x",
    b"oom-kill:constraint=",
    b"Out of memory: Killed process 1 (a",
    b", failcnt 1",
    b": usage 1kB",
    b"...",
    b"#012",
    b"\\x20",
    b"\x1b[31m",
    b"\xc3\xa9",
    b"\xff",
    b"/\r",
)


def worn(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Do something to a few of the lines that tell most."""
    telling = [at for at, line in enumerate(lines) if any(words in line for words in TELLING)]
    for at in sorted(rng.sample(telling, 4), reverse=True):
        line, name = lines[at], rng.choice(NAMES)
        text = line.index(b"kernel: ") + 8
        place = rng.randrange(text, len(line))
        kind = rng.randrange(8)
        if kind == 0:
            lines.insert(at + rng.choice((0, 1, -3)), line)
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            lines[at] = line[:place] + line[place + rng.choice((1, 1, 5)) :]
        elif kind == 3:
            lines[at] = line[:place] + bytes([rng.choice(b"0 ,=:()-x")]) + line[place + 1 :]
        elif kind == 4:
            lines[at] = line[:place] + name + line[place:]
        elif kind == 5:
            places = [found.end() for found in re.finditer(rb"/[\w-]+|cpuset=/|\([\w:]+\)|task=[\w:]+", line)]
            place = rng.choice(places or [text])
            lines[at] = line[:place] + name + line[place:]
        elif kind == 6:
            lines[at : at + 2] = lines[at : at + 2][::-1]
        else:
            lines[at] = line.replace(b" web-01 ", b" db-02 ")
    return [line if line.endswith(b"\n") else line + b"\n" for line in lines]


@pytest.mark.parametrize("seed", range(150))
def test_worn_storms(seed: int) -> None:
    """Who died and whose memory ran out is told at once where the lines are plain, and right where they are not."""
    rng = random.Random(seed)
    lines = generated(Plan(storm=6, tasks=4, seed=seed, transport=rng.choice(("rfc3164", "iso"))))
    data = b"".join(worn(lines.splitlines(keepends=True), rng))
    parts = cut(data, rng, rng.choice((0, 3)))
    assert told(parts) == told_by_every_line(data)
    assert skimmed(parts) == read_every_line(data)


@pytest.mark.parametrize("seed", range(4))
def test_blocks_that_are_too_large_to_be_joined(seed: int) -> None:
    data = generated(Plan(storm=30, tasks=150, seed=seed))
    assert len(data) > 5 * skim.JOINED_BYTES
    parts = cut(data, random.Random(seed), 2)
    assert told(parts) == told_by_every_line(data)
    assert skimmed(parts) == read_every_line(data)


@pytest.mark.parametrize("seed", range(12))
def test_logs_that_lost_lines(seed: int) -> None:
    rng = random.Random(seed)
    lines = generated(Plan(size=60_000, report_every=20_000, tasks=5, seed=seed)).splitlines(keepends=True)
    lines += generated(Plan(storm=3, tasks=3, seed=seed)).splitlines(keepends=True)
    for _ in range(rng.randrange(2, 12)):
        at = rng.randrange(len(lines))
        del lines[at : at + rng.choice((1, 1, 2, 10, 60))]
    data = b"".join(lines)
    assert skimmed(cut(data, rng, 20)) == read_every_line(data)


SMALL = b"".join(
    [
        generated(Plan(size=12_000, report_every=0))[:12_000],
        generated(Plan(storm=2, tasks=3, seed=7)),
        generated(Plan(size=12_000, report_every=0, seed=8))[:12_000],
    ]
)
SMALL_EVENTS = read_every_line(SMALL)


@given(st.lists(st.integers(0, len(SMALL)), max_size=30))
def test_where_blocks_end_does_not_matter(ends: list[int]) -> None:
    at = [0, *sorted(ends), len(SMALL)]
    assert len(SMALL_EVENTS) == 2
    assert skimmed(SMALL[start:end] for start, end in pairwise(at)) == SMALL_EVENTS


def test_noise_is_not_read() -> None:
    class Counting(Reading):
        count = 0

        def line(self, line: Line) -> Iterator[OomEvent]:
            self.count += 1
            return super().line(line)

    reading = Counting(SKIMMED)
    skimmer = Skimmer(reading, at_report=True)
    data = generated(Plan(size=500_000, report_every=0))
    assert list(skimmer.feed(data)) == []
    assert reading.count < 3 * LINES_AFTER


def test_a_line_without_end() -> None:
    line = b"x" * 3_000_000 + b" Out of memory: Killed process 1 (a)"
    after = b"\n[    1.000000] Killed process 7 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB\n"
    data = line + after
    parts = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    assert skimmed(parts) == read_every_line(data)
    assert len(skimmed(parts)) == 1


def test_a_report_is_read_to_its_end_however_long_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skim, "MAX_WAIT_LINES", 50)
    data = generated(Plan(storm=2, tasks=700))
    assert skimmed([data]) == read_every_line(data)
    assert skimmed(cut(data, random.Random(7), 20)) == read_every_line(data)


def test_fifty_thousand_tasks(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    log.write_bytes(generated(Plan(storm=1, tasks=50_000)))
    (event,) = parse_file(log)
    assert event.tasks is not None
    assert len(event.tasks) == 50_000
    assert event.victim is not None
    assert event.victim.pid is not None
    assert event.tasks.find(event.victim.pid) is not None
    assert not [issue for issue in event.issues if issue.code is IssueCode.LIMIT_REACHED]
