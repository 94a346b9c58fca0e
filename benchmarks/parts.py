"""Parts of the work: starting up, the grammar, the search for triggers, and the way from a kill line to its event."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.common import BRIEF, OOMPARSE, PASS, Options, skipped
from benchmarks.generate import MEGABYTE, Plan, blocks
from benchmarks.measure import ROOT, CommandError, environment, in_turn
from benchmarks.table import Row, Section


def start_up(options: Options) -> Section:
    """What it costs to import the library and to start the command."""
    small = options.data / "small.log"
    lines = next(blocks(Plan(storm=1, tasks=4)))[0].splitlines(keepends=True)
    small.write_bytes(lines[0] + b"".join(lines[-4:]))
    runs = max(15, options.runs)
    rows = []
    for work, command, limit in (
        ("import oomparse", (sys.executable, "-c", "import oomparse"), 15),
        (f"a file of {small.stat().st_size / 1000:.0f} kB, whole process", (*OOMPARSE, *BRIEF, str(small)), 120),
    ):
        pair = in_turn(command, PASS, runs)
        more = pair.more_seconds * 1000
        rows.append(
            Row(
                work=work,
                ours=f"{pair.ours.wall_seconds * 1000:.1f} ms",
                against="python -c pass",
                theirs=f"{pair.theirs.wall_seconds * 1000:.1f} ms",
                ratio=f"+ {more:.1f} ms",
                target=f"≤ + {limit} ms",
                met=more <= limit,
            )
        )
    return Section(title="Start-up", rows=rows)


def latency(options: Options) -> Section:
    """From the kill line's write into a pipe to the event on the other side."""
    process = subprocess.Popen(
        (*OOMPARSE, "follow", "--format", "jsonl", "--brief", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdin
    assert process.stdout
    waits: list[float] = []
    for block, _ in blocks(Plan(storm=max(20, 10 * options.runs), tasks=30)):
        lines = block.splitlines(keepends=True)
        kill = next(number for number, line in enumerate(lines) if b"Killed process" in line)
        process.stdin.write(b"".join(lines[:kill]))
        process.stdin.flush()
        time.sleep(0.02)
        began = time.perf_counter()
        process.stdin.write(lines[kill])
        process.stdin.flush()
        if not process.stdout.readline():
            break
        waits.append(time.perf_counter() - began)
    process.stdin.close()
    process.stdout.read()
    process.wait()
    if len(waits) < 10:
        raise CommandError("oomparse follow ended early")
    middle = statistics.median(waits) * 1000
    row = Row(
        work="event after its kill line on a live pipe",
        ours=f"{middle:.1f} ms median, {max(waits) * 1000:.1f} ms most",
        target="≤ 10 ms median",
        met=middle <= 10,
    )
    return Section(title="Live", rows=[row])


def lowered(_: Options) -> Section:
    """One grammar, two ways to run it: pyparsing's own parse against the lowered pattern."""
    from oomparse.grammar import formats
    from oomparse.grammar.dispatch import compiled

    rng_kill = next(line for line in next(blocks(Plan(storm=1)))[0].decode().splitlines() if "Killed process" in line)
    text = rng_kill.partition("] ")[2]
    slow_times, fast_times = [], []
    slow_kill = fast_kill = 0.0
    for line_format in formats():
        expression, pattern = line_format.expression(), compiled(line_format)
        for sample in line_format.samples:
            slow = _microseconds(lambda expression=expression, sample=sample: expression.parse_string(sample))  # type: ignore[misc]
            fast = _microseconds(lambda pattern=pattern, sample=sample: pattern.match(sample))  # type: ignore[misc]
            slow_times.append(slow)
            fast_times.append(fast)
        if line_format.name == "killed_5_4":
            slow_kill = _microseconds(lambda expression=expression: expression.parse_string(text))  # type: ignore[misc]
            fast_kill = _microseconds(lambda pattern=pattern: pattern.match(text))  # type: ignore[misc]

    def row(work: str, fast: float, slow: float) -> Row:
        return Row(
            work=work,
            ours=f"{fast:.2f} µs a line",
            against="pyparsing",
            theirs=f"{slow:.1f} µs a line",
            ratio=f"{slow / fast:.0f} × faster",
        )

    rows = [
        row("a kill line, lowered", fast_kill, slow_kill),
        row("all samples, lowered (median)", statistics.median(fast_times), statistics.median(slow_times)),
    ]
    return Section(title="Grammar", rows=rows)


def _microseconds(call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(20):
            call()
        best = min(best, time.perf_counter() - began)
    return best / 20 * 1e6


def search(options: Options) -> Section:
    """Ways to find the triggers in a block."""
    from oomparse.prefilter import TRIGGERS, find_each, trigger_lines, vector_finder

    log = options.log(Plan(size=min(options.archive_bytes, 100 * MEGABYTE)))
    data = log.read_bytes()
    parts = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
    pattern = _pattern(TRIGGERS)
    vector = vector_finder()
    ways: dict[str, Callable[[bytes], object] | None] = {
        "bytes.find, a pass for each": lambda block: trigger_lines(block, find_each),
        "ahocorasick_rs": (lambda block: trigger_lines(block, vector)) if vector else None,
        "re, one alternation": pattern.findall,
        "bytes.find, 'oom-kill' alone": lambda block: block.find(b"oom-kill"),
        "bytes.find, 'oom' alone": lambda block: block.count(b"oom"),
        "hyperscan": _hyperscan(TRIGGERS),
    }
    rows = []
    for name, way in ways.items():
        if way is None:
            rows.append(skipped("triggers in blocks of 1 MiB", name, ""))
            continue
        speed = len(data) / 1e6 / min(_spent(way, parts) for _ in range(3))
        rows.append(Row(work="triggers in blocks of 1 MiB", ours=f"{speed:,.0f} MB/s", against=name))
    return Section(title="Search", rows=rows)


def _spent(way: Callable[[bytes], object], parts: Sequence[bytes]) -> float:
    began = time.perf_counter()
    for part in parts:
        way(part)
    return time.perf_counter() - began


def _pattern(triggers: Sequence[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(map(re.escape, triggers)))


def _hyperscan(triggers: Sequence[bytes]) -> Callable[[bytes], object] | None:
    try:
        import hyperscan  # type: ignore[import-not-found,unused-ignore]  # measured only where it is installed
    except ImportError:
        return None
    database = hyperscan.Database()
    database.compile(expressions=list(triggers), ids=list(range(len(triggers))), elements=len(triggers))

    def scan(block: bytes) -> object:
        return database.scan(block, match_event_handler=lambda *_: None)

    return scan
