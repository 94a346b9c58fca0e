"""What the cases share: the options of a run, the commands that are measured, and rows that compare two of them."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generate import MEGABYTE, Plan, write_file, write_rotated
from benchmarks.measure import Command, Pair
from benchmarks.table import Row

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
    growth_rows: Sequence[int]
    interleaved: int
    task_rows: int
    runs: int
    plot: Path | None = None
    """Where growth is drawn."""
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


def seconds(value: float) -> str:
    return f"{value:.3f} s"


def pair_row(work: str, pair: Pair, against: str, limit: float) -> Row:
    return Row(
        work=work,
        ours=seconds(pair.ours.wall_seconds),
        against=against,
        theirs=seconds(pair.theirs.wall_seconds),
        ratio=f"{pair.ratio:.2f} ×",
        cpu=f"{pair.cpu_ratio:.2f} ×",
        target=f"≤ {limit:g} ×",
        met=pair.ratio <= limit,
    )


def faster_row(work: str, pair: Pair, against: str, times: float) -> Row:
    return Row(
        work=work,
        ours=seconds(pair.ours.wall_seconds),
        against=against,
        theirs=seconds(pair.theirs.wall_seconds),
        ratio=f"{1 / pair.ratio:.2f} × faster",
        cpu=f"{1 / pair.cpu_ratio:.2f} × less",
        target=f"≥ {times:g} × faster",
        met=1 / pair.ratio >= times,
    )


def skipped(work: str, against: str, target: str) -> Row:
    return Row(work=work, ours="", against=against, theirs="skipped: not installed", target=target)


def installed_ripgrep() -> Path | None:
    """Return where ripgrep is, if it is on the path."""
    found = shutil.which("rg")
    return Path(found) if found else None
