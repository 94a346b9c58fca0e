"""Whole processes, measured by the kernel: wall time, processor time and peak memory of a command.

Turns a command into a `Sample` (`os.wait4`), and two commands into a `Pair`: run in turn, so that a busy moment of the
machine hits both, and compared run by run; the median of these ratios counts.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Command = Sequence[str]
Feed = Callable[[IO[bytes]], None]
"""Writes what a command shall read on its standard input."""


ROOT = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """Return this process's environment, in which an installed Python keeps what it has compiled."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "oomparse-benchmarks-pycache"), **kept}


class CommandError(Exception):
    """A measured command failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of a command."""

    wall_seconds: float
    cpu_seconds: float
    rss_mb: float
    output: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """Medians of two commands over their runs, and of what each pair of runs had."""

    ours: Sample
    theirs: Sample
    ratio: float
    """Our wall time as a multiple of theirs."""
    cpu_ratio: float
    """The same of processor time, which other work on the machine changes less."""
    more_seconds: float
    """Our wall time less theirs."""


def run(command: Command, *, feed: Feed | None = None, expect: Sequence[int] = (0,)) -> Sample:
    """Run a command to its end and keep its output.

    The peak memory includes that of this process at the moment of starting, so this process stays small.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=output,
            cwd=ROOT,
            env=environment(),
        )
        if feed and process.stdin:
            feed(process.stdin)
            process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        output.seek(0)
        kept = output.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expect:
        raise CommandError(f"{' '.join(command)} ended with status {process.returncode}")
    return Sample(
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        rss_mb=usage.ru_maxrss / 1024,
        output=kept,
    )


def median(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure."""
    return Sample(
        wall_seconds=statistics.median(sample.wall_seconds for sample in samples),
        cpu_seconds=statistics.median(sample.cpu_seconds for sample in samples),
        rss_mb=max(sample.rss_mb for sample in samples),
        output=samples[-1].output,
    )


def in_turn(ours: Command, theirs: Command, runs: int, *, warm: bool = False) -> Pair:
    """Run two commands alternately; unless all is ``warm``, after one run of each that does not count."""
    if not warm:
        run(ours)
        run(theirs)
    pairs = [(run(ours), run(theirs)) for _ in range(runs)]
    return Pair(
        median([mine for mine, _ in pairs]),
        median([other for _, other in pairs]),
        statistics.median(mine.wall_seconds / other.wall_seconds for mine, other in pairs),
        statistics.median(mine.cpu_seconds / other.cpu_seconds for mine, other in pairs),
        statistics.median(mine.wall_seconds - other.wall_seconds for mine, other in pairs),
    )
