"""An event on its way from a worker to whoever asked for it.

Turns an `OomEvent` into what is quick to pickle, and that back into an event, of a log whose first lines the worker did
not see.  A plain report goes as a few numbers, and its text stays in the log if that is a plain file; any other event
goes as it is, parsed as far as it was.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from oomparse.lazy import Packed, is_read
from oomparse.model import OomEvent, Scope, Victim
from oomparse.plain import PackedReport, PlainLoader, moved_values, plain_event


class Sent(NamedTuple):
    """A plain report's event on its way to another process: a tenth of the work that its objects are."""

    victims: tuple[tuple[Any, ...], ...]
    scope: Scope | None
    report: PackedReport

    def unpack(self, before: int, text: Callable[[int, int], bytes]) -> OomEvent:
        """Return the event, of a log that had so many lines more before it; ``text`` gives a range of its file."""
        victims, scope, report = self
        place, size = report[0][:2]
        data = text(place, size) if isinstance(place, int) else place
        return plain_event(PlainLoader.of(report, data, before), tuple(map(_victim_of, victims)), scope)


def _victim_of(values: tuple[Any, ...]) -> Victim:
    return Victim(**dict(zip(_VICTIM_FIELDS, values, strict=True)))


def pack_event(event: OomEvent) -> Packed | Sent:
    """Return what goes to another process."""
    loader = event.loader
    report = loader.packed(text=False) if isinstance(loader, PlainLoader) else None
    if report is None:
        return event.pack()
    return Sent(
        tuple([_victim_values(victim) for victim in event.victims]),
        event.scope if is_read(event, "scope") else None,
        report,
    )


_VICTIM_FIELDS = tuple(Victim.__dataclass_fields__)
_victim_values = attrgetter(*_VICTIM_FIELDS)


def renumbered(packed: Packed, lines: int) -> Packed:
    """Return a packed event (not used again) whose log had so many lines more before it."""
    if not lines:
        return packed
    if isinstance(packed.loader, PlainLoader):
        packed.loader.move(lines)
    return packed._replace(values=moved_values(packed.values, lines))
