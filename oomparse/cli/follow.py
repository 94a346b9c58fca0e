"""``oomparse follow``: events of a live log, each when its kill line arrives, with what becomes known later."""

import select
import signal
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Self

import click

from oomparse.cli import options
from oomparse.cli.failures import FOUND, NOTHING_FOUND
from oomparse.cli.output import event_writer
from oomparse.cli.selection import selection
from oomparse.cli.stdio import say, targets_or_stdin
from oomparse.model import OomEvent


@click.command()
@click.argument("file", required=False, metavar="[FILE | -]")
@click.option("--journal", is_flag=True, help="Follow the systemd journal: this machine's, or that of the folder FILE.")
@click.option("--kmsg", is_flag=True, help="Follow the kernel's log device: /dev/kmsg, or FILE.")
@click.option(
    "--cursor", type=click.Path(dir_okay=False, path_type=Path), help="Keep the progress here, and go on from it."
)
@click.option("--from-start", is_flag=True, help="Begin with what is there already, not with what comes from now on.")
@options.output_options
@options.scope_option
@options.stamp_options
@options.include_user_option
def command(
    *,
    file: str | None,
    journal: bool,
    kmsg: bool,
    cursor: Path | None,
    from_start: bool,
    form: str,
    brief: bool,
    colour: str,
    scopes: tuple[str, ...],
    year: int | None,
    tz: str | None,
    transport: str | None,
    include_user: bool,
) -> int:
    """Wait for OOM events in a log that is being written: FILE (across its rotations), a journal, or /dev/kmsg.

    An event that becomes richer (the reaper's result, a further victim) is written again with the same event_id and the
    next revision.  Ends at an interrupt or SIGTERM, when nobody reads the output any more, or at the end of standard
    input.
    """
    if journal and kmsg:
        raise click.UsageError("--journal and --kmsg are two sources: choose one")
    if (journal or kmsg) and (year, tz, transport) != (None, None, None):
        raise click.UsageError("--year, --tz and --transport are for files: journals and /dev/kmsg need no guessing")
    stop = Event()

    def events() -> Iterator[OomEvent]:
        from oomparse import live

        if journal:
            return live.read_journal(
                file, follow=True, cursor=cursor, from_start=from_start, stop=stop, include_user=include_user
            )
        if kmsg:
            return live.read_kmsg(
                file or "/dev/kmsg",
                follow=True,
                cursor=cursor,
                from_start=from_start,
                stop=stop,
                include_user=include_user,
            )
        (name,) = targets_or_stdin(() if file is None else (file,))
        if name == "-" and cursor is not None:
            raise click.UsageError("standard input cannot be read again: --cursor is for files, journals and /dev/kmsg")
        missing = name != "-" and not Path(name).exists()
        if missing and (fitting := glob(name)):  # noqa: PTH207 - May be absolute
            raise click.UsageError(f"only one file can be followed, and {name} means {len(fitting)}: {fitting[0]}, …")
        if missing:
            say(f"{name}: there is no such file yet; waiting for it")
        return live.follow(
            name,
            cursor=cursor,
            from_start=from_start or missing,
            stop=stop,
            year=year,
            tz=tz,
            transport=transport,
            include_user=include_user,
        )

    wanted = selection(None, None, scopes, tz)
    ending = _Ending(stop)
    with event_writer(form, brief=brief, colour=colour, live=True) as writer, ending:
        for event in filter(wanted.takes, events()):
            writer.write(event)
        writer.finish(failed=False)
    if ending.signal is not None:
        return 128 + ending.signal  # as a shell reports it
    return FOUND if writer.count or ending.unread else NOTHING_FOUND


class _Ending:
    """Turns signals, and a reader of the output who went away, into a request to stop."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self.signal: int | None = None
        self.unread = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        Thread(target=self._watch_output, name="oomparse-output", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stop.is_set():  # somebody is losing patience
            raise KeyboardInterrupt
        self.signal = number
        self._stop.set()

    def _watch_output(self) -> None:
        """Wait until the other end of a pipe is closed; a file or a terminal waits for ever."""
        try:
            poll = select.poll()
            poll.register(sys.stdout.fileno(), 0)
        except (AttributeError, OSError, ValueError):  # no poll() on this system, or no such stream
            return
        poll.poll()
        self.unread = True
        self._stop.set()
