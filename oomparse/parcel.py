"""An event on its way from a worker to whoever asked for it.

Turns an `OomEvent` into what is quick to pickle, and that back into an event, of a log whose first lines the worker did
not see.  A plain report goes as a few numbers, and its text stays in the log if that is a plain file; any other event
goes as it is, parsed as far as it was.
"""

from collections.abc import Callable
from typing import NamedTuple

from oomparse.again import PackedReport
from oomparse.errors import SourceError
from oomparse.lazy import Packed, is_read
from oomparse.model import OomEvent, Scope, Victim
from oomparse.plain import REWRITTEN, PlainLoader, moved_values, plain_event


class Sent(NamedTuple):
    """A plain report's event on its way to another process: a tenth of the work that its objects are."""

    victims: tuple[Victim, ...]
    scope: Scope | None
    report: PackedReport

    def unpack(self, before: int, text: Callable[[int, int], bytes]) -> OomEvent:
        """Return the event, of a log that had so many lines more before it; ``text`` gives a range of its file.

        Raises `SourceError` where the file is not what the worker has read.
        """
        victims, scope, report = self
        data = report.text
        if isinstance(data, int):
            data = text(data, report.size)
            if not report.is_in(data):
                raise SourceError(REWRITTEN, path=report.message.path)
        return plain_event(PlainLoader.of(report, data, before), victims, scope)


def pack_event(event: OomEvent) -> Packed | Sent:
    """Return what goes to another process."""
    loader = event.loader
    report = loader.packed(text=False) if isinstance(loader, PlainLoader) else None
    if report is None:
        return event.pack()
    return Sent(event.victims, event.scope if is_read(event, "scope") else None, report)


def renumbered(packed: Packed, lines: int) -> Packed:
    """Return a packed event (not used again) whose log had so many lines more before it."""
    if not lines:
        return packed
    if isinstance(packed.loader, PlainLoader):
        packed.loader.move(lines)
    return packed._replace(values=moved_values(packed.values, lines))
