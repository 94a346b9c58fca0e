"""Where events are written: standard output, or a file that is named."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import click

from oomparse.cli.formats import Form, Look, form_of
from oomparse.cli.stdio import wants_colour
from oomparse.model import OomEvent

if TYPE_CHECKING:
    from oomparse.batch import Pack
    from oomparse.userspace import UserspaceKill


class EventWriter:
    """Writes events in one form to a binary stream, and counts them; flushes after each where somebody waits."""

    def __init__(self, stream: BinaryIO, form: Form, *, flush: bool) -> None:
        self._stream = stream
        self._form = form
        self._flush = flush
        self.count = 0

    @property
    def pack(self) -> "Pack | None":
        """What a worker process makes of an event that will be written here."""
        return self._form.pack

    def write(self, event: OomEvent) -> None:
        """Write one event."""
        self.count += 1
        self._stream.write(self._form.write(event))
        if self._flush:
            self._stream.flush()

    def write_userspace(self, kill: "UserspaceKill") -> None:
        """Write a kill that was not the kernel's; it counts as no event."""
        self._stream.write(self._form.write_userspace(kill))

    def finish(self, *, failed: bool) -> None:
        """Write what the form has to say at the end."""
        self._stream.write(self._form.finish(failed=failed))


@contextmanager
def event_writer(
    form: str, *, path: str | None = None, brief: bool = False, colour: str = "auto", live: bool = False
) -> Iterator[EventWriter]:
    """Open the output."""
    coloured = wants_colour(colour, to_file=path is not None)
    if path is not None:
        from pathlib import Path  # not needed by most runs, and slow to import

        look = Look(brief=brief, colour=coloured, live=live)
        with Path(path).open("wb") as stream:
            yield EventWriter(stream, form_of(form, look), flush=live)
        return
    if sys.stdout is None:
        raise click.ClickException("standard output is closed; -o FILE writes to a file")
    look = Look(
        brief=brief,
        colour=coloured,
        encoding=sys.stdout.encoding or "utf-8",
        terminal=sys.stdout.isatty(),
        live=live,
    )
    sys.stdout.flush()
    # On a terminal a person watches the events arrive.
    yield EventWriter(sys.stdout.buffer, form_of(form, look), flush=live or look.terminal)
