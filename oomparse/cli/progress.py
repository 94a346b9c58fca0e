"""A progress bar on standard error: bytes, rate, events found and time left.

Only for a terminal, only with the extra ``rich``, and only when the work takes long enough to wonder; until then it
costs a look at the clock per block.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_SECONDS = 0.5


class Bar:
    """Shows how much was read; appears when it is told of a block after `PATIENCE_SECONDS`."""

    def __init__(self, targets: Sequence[str], *, shares_terminal: bool) -> None:
        self._targets = targets
        self._shares_terminal = shares_terminal
        self._due = monotonic() + PATIENCE_SECONDS
        self._read = 0
        self._events = 0
        self._progress: Progress | None = None

    def advance(self, size: int) -> None:
        """Count a block that was read."""
        self._read += size
        if self._progress is not None:
            self._update()
        elif monotonic() >= self._due:
            self._progress = self._begin()

    def event(self, write: Callable[[], None] | None = None) -> None:
        """Count an event and write it; where events share the terminal with the bar, the bar steps aside."""
        self._events += 1
        if write is None:
            return
        if self._progress is None or not self._shares_terminal:
            write()
            return
        self._progress.stop()
        write()
        self._progress.start()

    def end(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()

    def _begin(self) -> "Progress":
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        progress = Progress(
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TextColumn("{task.fields[events]} events"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = progress.add_task("", total=_total(self._targets), completed=self._read, events=self._events)
        progress.start()
        return progress

    def _update(self) -> None:
        assert self._progress is not None
        self._progress.update(self._task, completed=self._read, events=self._events)


def _total(targets: Sequence[str]) -> int | None:
    """Return how much there is to read, where that is known beforehand."""
    from oomparse.sources.files import expand

    sizes = [series.size for series in expand(targets, on_error=lambda _: None)]
    return None if None in sizes else sum(size for size in sizes if size is not None)


@contextmanager
def progress_bar(targets: Sequence[str], *, to_file: bool) -> Iterator[Bar | None]:
    """Yield a bar where there is somebody to look at it and rich to draw it."""
    if not _possible():
        yield None
        return
    bar = Bar(targets, shares_terminal=not to_file and sys.stdout is not None and sys.stdout.isatty())
    try:
        yield bar
    finally:
        bar.end()


def _possible() -> bool:
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    from importlib.util import find_spec

    return find_spec("rich") is not None
