"""Whole logs, read by a whole process: archives, storms, streams, and how time grows with either."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from benchmarks.common import BRIEF, OOMPARSE, Options, faster_row, pair_row, seconds, skipped
from benchmarks.generate import MEGABYTE, Plan, blocks
from benchmarks.measure import Command, Pair, in_turn, median, run
from benchmarks.table import Row, Section

NEEDLES = ("oom-kill", "Killed process", "ut of memory", "oom_reaper")


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
    if options.oomanalyser:
        theirs: Command = (sys.executable, "-m", "benchmarks.peers", "oomanalyser", str(options.oomanalyser), log)
        alone = run(theirs)
        for jobs in ("1", "2"):
            for work, what, times in ((brief, "victims", 50), (whole, "everything", 3)):
                pair = Pair(run(ours(what, jobs)), alone)
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
        sample = run((*OOMPARSE, *BRIEF, "-"), feed=_stream(Plan(size=size)), expect=(0, 1))
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
    """Time against size and against the number of reports: straight lines, drawn in ``growth.svg``."""
    by_size = [
        (size / 1e6, _whole(options.log(Plan(size=size)) if size <= 1000 * MEGABYTE else None, Plan(size=size)))
        for size in options.growth_bytes
    ]
    by_reports = [
        (count, _whole(options.log(Plan(storm=count)), Plan(storm=count))) for count in options.growth_reports
    ]
    rows = [Row(work=f"{megabytes:,.0f} MB of noise", ours=seconds(spent)) for megabytes, spent in by_size]
    rows += [Row(work=f"{count:,} reports", ours=seconds(spent)) for count, spent in by_reports]
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
