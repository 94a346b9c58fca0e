"""Whole logs, read by a whole process: archives, storms, streams, and how time grows with either."""

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.common import BRIEF, OOMPARSE, Options, faster_row, pair_row, seconds, skipped
from benchmarks.generate import MEGABYTE, REPORT_EVERY, Plan, blocks
from benchmarks.measure import Command, in_turn, median, run
from benchmarks.table import Row, Section

NEEDLES = ("oom-kill", "Killed process", "ut of memory", "oom_reaper")
LARGEST_FILE = 1000 * MEGABYTE
"""What is larger is made while it is read."""
SLOW_RUNS = 3
"""Runs against a peer that takes long."""


def _grep(command: Sequence[str]) -> Command:
    return ("env", "LC_ALL=C", *command, "-c", "-F", *(part for needle in NEEDLES for part in ("-e", needle)))


def archives(options: Options) -> Section:
    """Rare reports in a large log: a plain file, two workers, a rotated set."""
    size = f"{options.archive_bytes / 1000 / MEGABYTE:g} GB"
    plan = Plan(size=options.archive_bytes)
    plain = str(options.log(plan))
    rows = [
        pair_row(
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
            pair_row(work, in_turn(ours, (*_grep([str(options.ripgrep)]), plain), options.runs), "ripgrep", 3.0)
        )
    else:
        rows.append(skipped(work, "ripgrep", "≤ 3 ×"))
    rotated = list(map(str, options.rotated(plan, 20)))
    for jobs in ("1", "2"):
        ours = (*OOMPARSE, *BRIEF, "--jobs", jobs, *rotated)
        pair = in_turn(ours, (*_grep(["zgrep"]), *rotated), options.runs)
        rows.append(pair_row(f"{size} as a rotated gz set, --jobs {jobs}", pair, "zgrep", 0.5))
    return Section(title="Archives", rows=rows, notes=["needles of the greps: " + ", ".join(NEEDLES)])


def storm(options: Options) -> Section:
    """Reports back to back, against other parsers."""
    log = str(options.log(Plan(storm=options.storm_reports)))
    brief, whole = f"{options.storm_reports:,} reports, victims and scope", "everything as JSON"

    def ours(what: str, jobs: str) -> Command:
        return (sys.executable, "-m", "benchmarks.drive", what, log, jobs)

    rows: list[Row] = []
    run(ours("victims", "1"))  # the page cache
    if options.oomanalyser:
        theirs: Command = (sys.executable, "-m", "benchmarks.peers", "oomanalyser", str(options.oomanalyser), log)
        for jobs in ("1", "2"):
            for work, what, times in ((brief, "victims", 50), (whole, "everything", 3)):
                pair = in_turn(ours(what, jobs), theirs, min(options.runs, SLOW_RUNS), warm=True)
                rows.append(faster_row(f"{work}, jobs={jobs}", pair, "OOMAnalyser", times))
    else:
        rows.append(skipped(brief, "OOMAnalyser", "≥ 50 × faster"))
        rows.append(skipped(whole, "OOMAnalyser", "≥ 3 × faster"))
    if options.cadvisor:
        for jobs in ("1", "2"):
            pair = in_turn(ours("victims", jobs), (str(options.cadvisor), log), options.runs)
            rows.append(pair_row(f"{brief}, jobs={jobs}", pair, "cadvisor oomparser", 1.0))
    else:
        rows.append(skipped(brief, "cadvisor oomparser", "≤ 1 ×"))
    return Section(title="Storm", rows=rows)


def memory(options: Options) -> Section:
    """Peak memory of a stream that is generated as it is read."""
    rows = []
    for size in options.stream_bytes:
        plan = Plan(size=size, report_every=min(REPORT_EVERY, size // 4))
        sample = run((*OOMPARSE, *BRIEF, "-"), feed=_stream(plan))
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
            ours=f"{sample.rss_mb:.0f} MB, {seconds(sample.wall_seconds)}",
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


def growth(options: Options) -> Section:
    """Time against size, reports and task rows: straight lines, drawn in ``growth.svg``.

    Processor time, because what is larger than a file can be is made while it is read.
    """
    curves = (
        Curve("MB of noise", [(size // MEGABYTE, _spent(options, Plan(size=size))) for size in options.growth_bytes]),
        Curve("reports", [(count, _spent(options, Plan(storm=count))) for count in options.growth_reports]),
        Curve(
            "task rows in one report",
            [(count, _spent(options, Plan(storm=1, tasks=count))) for count in options.growth_rows],
        ),
    )
    return Section(
        title="Growth",
        rows=[
            Row(work=f"{count:,} {curve.what}", ours=seconds(spent))
            for curve in curves
            for count, spent in curve.points
        ],
        notes=[
            "processor time of the whole process",
            *(f"{curve.what}: a straight line with r² = {curve.straightness:.4f}" for curve in curves),
            *([_plot(curves, options.plot)] if options.plot else []),
        ],
    )


class Curve(NamedTuple):
    """How time grows with something."""

    what: str
    points: Sequence[tuple[int, float]]

    @property
    def straightness(self) -> float:
        """The square of the correlation: 1 where all points lie on one line."""
        return statistics.correlation(*zip(*self.points, strict=True)) ** 2


def _spent(options: Options, plan: Plan) -> float:
    if plan.size > LARGEST_FILE:
        return run((*OOMPARSE, *BRIEF, "-"), feed=_stream(plan)).cpu_seconds
    log = str(options.log(plan))
    return median([run((*OOMPARSE, *BRIEF, log), expect=(0, 1)) for _ in range(options.runs)]).cpu_seconds


def _plot(curves: Sequence[Curve], path: Path) -> str:
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]  # extra `bench`
    except ImportError:
        return "no plot: matplotlib is not installed"
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    for axes, curve in zip(figure.subplots(1, len(curves)), curves, strict=True):
        axes.plot(*zip(*curve.points, strict=True), marker="o")
        axes.set(xlabel=curve.what, ylabel="whole process, seconds", xlim=0, ylim=0)
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    return f"![time against size, reports and task rows]({path.name})"
