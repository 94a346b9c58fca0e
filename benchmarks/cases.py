"""What is measured: each case turns the options into a section of the table.

The commands that we measure are ours as a user runs them (``python -m oomparse``), or callers of the library
(`benchmarks.drive`).  Peers are run where they are installed or where an option says they are; the others are skipped
by name.
"""

import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.generate import MEGABYTE, Plan, blocks, write_file, write_rotated
from benchmarks.measure import Command, CommandError, Pair, in_turn, median, run
from benchmarks.table import Row, Section

NEEDLES = ("oom-kill", "Killed process", "ut of memory", "oom_reaper")
OOMPARSE: Command = (sys.executable, "-m", "oomparse")
BRIEF = ("parse", "--format", "jsonl", "--brief")
PASS: Command = (sys.executable, "-c", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Sizes, places and peers of one run."""

    data: Path
    """Where generated logs are kept between runs."""
    archive_bytes: int
    storm_reports: int
    stream_bytes: Sequence[int]
    growth_bytes: Sequence[int]
    growth_reports: Sequence[int]
    interleaved: int
    task_rows: int
    runs: int
    oomanalyser: Path | None = None
    cadvisor: Path | None = None
    ripgrep: Path | None = None

    def log(self, plan: Plan, *, suffix: str = ".log") -> Path:
        """Return the file of a plan, written on first use."""
        path = self.data / f"{plan.size // MEGABYTE}MB-{plan.storm}-{plan.tasks}-{plan.transport}{suffix}"
        if not path.exists():
            partial = path.with_name(f"partial-{path.name}")
            write_file(plan, partial)
            partial.rename(path)
        return path

    def rotated(self, plan: Plan, count: int) -> list[Path]:
        """Return the files of a rotated set, newest first."""
        home = self.data / f"{plan.size // MEGABYTE}MB-rotated-{count}"
        if not home.exists():
            partial = home.with_name(f"partial-{home.name}")
            partial.mkdir(exist_ok=True)
            write_rotated(plan, partial / "kern.log", count)
            partial.rename(home)
        return sorted(home.iterdir(), key=lambda path: int("0" + "".join(filter(str.isdigit, path.name))))


def _grep(command: Sequence[str]) -> Command:
    return ("env", "LC_ALL=C", *command, "-c", "-F", *(part for needle in NEEDLES for part in ("-e", needle)))


def _seconds(value: float) -> str:
    return f"{value:.3f} s"


def _pair_row(work: str, pair: Pair, against: str, limit: float) -> Row:
    return Row(
        work=work,
        ours=_seconds(pair.ours.wall_seconds),
        against=against,
        theirs=_seconds(pair.theirs.wall_seconds),
        ratio=f"{pair.ratio:.2f} ×",
        target=f"≤ {limit:g} ×",
        met=pair.ratio <= limit,
    )


def _faster_row(work: str, pair: Pair, against: str, times: float) -> Row:
    return Row(
        work=work,
        ours=_seconds(pair.ours.wall_seconds),
        against=against,
        theirs=_seconds(pair.theirs.wall_seconds),
        ratio=f"{1 / pair.ratio:.1f} × faster",
        target=f"≥ {times:g} × faster",
        met=1 / pair.ratio >= times,
    )


def _skipped(work: str, against: str, target: str) -> Row:
    return Row(work=work, ours="", against=against, theirs="skipped: not installed", target=target)


def archives(options: Options) -> Section:
    """Rare reports in a large log: a plain file, two workers, a rotated set."""
    size = f"{options.archive_bytes / 1000 / MEGABYTE:g} GB"
    plan = Plan(size=options.archive_bytes)
    plain = str(options.log(plan))
    rows = [
        _pair_row(
            f"{size} plain, one worker",
            in_turn((*OOMPARSE, *BRIEF, plain), (*_grep(["grep"]), plain), options.runs),
            "grep",
            1.0,
        )
    ]
    work = f"{size} plain, --jobs 2"
    if options.ripgrep:
        ours = (*OOMPARSE, *BRIEF, "--jobs", "2", plain)
        rows.append(
            _pair_row(work, in_turn(ours, (*_grep([str(options.ripgrep)]), plain), options.runs), "ripgrep", 3.0)
        )
    else:
        rows.append(_skipped(work, "ripgrep", "≤ 3 ×"))
    rotated = list(map(str, options.rotated(plan, 20)))
    for jobs in ("1", "2"):
        ours = (*OOMPARSE, *BRIEF, "--jobs", jobs, *rotated)
        pair = in_turn(ours, (*_grep(["zgrep"]), *rotated), options.runs)
        rows.append(_pair_row(f"{size} as a rotated gz set, --jobs {jobs}", pair, "zgrep", 0.5))
    return Section(title="Archives", rows=rows, notes=["needles of the greps: " + ", ".join(NEEDLES)])


def storm(options: Options) -> Section:
    """Reports back to back, against other parsers."""
    log = str(options.log(Plan(storm=options.storm_reports)))
    name = f"{options.storm_reports:,} reports"
    brief: Command = (sys.executable, "-m", "benchmarks.drive", "victims", log)
    whole: Command = (sys.executable, "-m", "benchmarks.drive", "everything", log)
    rows: list[Row] = []
    if options.oomanalyser:
        theirs: Command = (sys.executable, "-m", "benchmarks.peers", "oomanalyser", str(options.oomanalyser), log)
        rows.append(_faster_row(f"{name}, victims and scope", in_turn(brief, theirs, 1), "OOMAnalyser", 50))
        rows.append(_faster_row(f"{name}, everything as JSON", in_turn(whole, theirs, 1), "OOMAnalyser", 3))
    else:
        rows.append(_skipped(f"{name}, victims and scope", "OOMAnalyser", "≥ 50 × faster"))
        rows.append(_skipped(f"{name}, everything as JSON", "OOMAnalyser", "≥ 3 × faster"))
    if options.cadvisor:
        pair = in_turn(brief, (str(options.cadvisor), log), options.runs)
        rows.append(_pair_row(f"{name}, victims and scope", pair, "cadvisor oomparser", 1.0))
    else:
        rows.append(_skipped(f"{name}, victims and scope", "cadvisor oomparser", "≤ 1 ×"))
    return Section(title="Storm", rows=rows)


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
        more = (pair.ours.wall_seconds - pair.theirs.wall_seconds) * 1000
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


def memory(options: Options) -> Section:
    """Peak memory of a stream that is generated as it is read."""
    rows = []
    for size in options.stream_bytes:
        sample = run((*OOMPARSE, *BRIEF, "-"), feed=_stream(Plan(size=size)))
        rows.append(
            Row(
                work=f"a stream of {size / 1000 / MEGABYTE:g} GB",
                ours=f"{sample.rss_mb:.0f} MB",
                target="≤ 64 MB",
                met=sample.rss_mb <= 64,
            )
        )
    sample = run((*OOMPARSE, *BRIEF, "-"), feed=_interleaved(options.interleaved))
    rows.append(
        Row(
            work=f"{options.interleaved:,} open reports, interleaved",
            ours=f"{sample.rss_mb:.0f} MB",
            target="≤ 64 MB",
            met=sample.rss_mb <= 64,
        )
    )
    log = options.log(Plan(storm=1, tasks=options.task_rows))
    sample = run((*OOMPARSE, *BRIEF, str(log)))
    rows.append(
        Row(
            work=f"a report with {options.task_rows:,} task rows",
            ours=f"{sample.rss_mb:.0f} MB, {_seconds(sample.wall_seconds)}",
        )
    )
    return Section(title="Memory", rows=rows)


def _stream(plan: Plan) -> Callable[[IO[bytes]], None]:
    def feed(pipe: IO[bytes]) -> None:
        for block, _ in blocks(plan):
            pipe.write(block)

    return feed


def _interleaved(count: int) -> Callable[[IO[bytes]], None]:
    """Headers of ever new reports, each by a thread of its own, none of which ends."""

    def feed(pipe: IO[bytes]) -> None:
        for number in range(count):
            stamp = f"[{1000 + number // 1000:5d}.{number % 1000 * 1000:06d}] [T{number + 1000:>6}] "
            pipe.write(f"{stamp}hog{number} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, ".encode())
            pipe.write(f"oom_score_adj=0\n{stamp}CPU: 0 PID: {number + 1000} Comm: hog{number} Not tainted\n".encode())

    return feed


def latency(options: Options) -> Section:
    """From the kill line's write into a pipe to the event on the other side."""
    process = subprocess.Popen(
        (*OOMPARSE, "follow", "--format", "jsonl", "--brief", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
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
            rows.append(_skipped("triggers in blocks of 1 MiB", name, ""))
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


def growth(options: Options) -> Section:
    """Time against size and against the number of reports: straight lines, drawn in ``growth.svg``."""
    by_size = [
        (size / 1e6, _whole(options.log(Plan(size=size)) if size <= 1000 * MEGABYTE else None, Plan(size=size)))
        for size in options.growth_bytes
    ]
    by_reports = [
        (count, _whole(options.log(Plan(storm=count)), Plan(storm=count))) for count in options.growth_reports
    ]
    rows = [Row(work=f"{megabytes:,.0f} MB of noise", ours=_seconds(spent)) for megabytes, spent in by_size]
    rows += [Row(work=f"{count:,} reports", ours=_seconds(spent)) for count, spent in by_reports]
    notes = [_plot(by_size, by_reports)]
    return Section(title="Growth", rows=rows, notes=notes)


def _whole(log: Path | None, plan: Plan) -> float:
    if log is None:
        return run((*OOMPARSE, *BRIEF, "-"), feed=_stream(plan), expect=(0, 1)).wall_seconds
    return median([run((*OOMPARSE, *BRIEF, str(log)), expect=(0, 1)) for _ in range(3)]).wall_seconds


def _plot(by_size: Sequence[tuple[float, float]], by_reports: Sequence[tuple[int, float]]) -> str:
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]  # extra `bench`
    except ImportError:
        return "no plot: matplotlib is not installed"
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, points, label in zip(
        figure.subplots(1, 2), (by_size, by_reports), ("noise, MB", "reports in a storm"), strict=True
    ):
        axes.plot(*zip(*points, strict=True), marker="o")
        axes.set(xlabel=label, ylabel="whole process, seconds", xlim=0, ylim=0)
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(Path(__file__).with_name("growth.svg"), metadata={"Date": None})
    return "![time against size and against reports](growth.svg)"


CASES: dict[str, Callable[[Options], Section]] = {
    "archives": archives,
    "storm": storm,
    "start-up": start_up,
    "memory": memory,
    "live": latency,
    "grammar": lowered,
    "search": search,
    "growth": growth,
}


def installed_ripgrep() -> Path | None:
    """Return where ripgrep is, if it is on the path."""
    found = shutil.which("rg")
    return Path(found) if found else None
