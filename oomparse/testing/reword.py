"""A case in the words of another kernel: for pipelines that still meet kernels which nobody can boot any more.

Turns the events of a case and a release into the messages that this kernel would have printed
(`oomparse.testing.printk`), and into the events that these say.  What that kernel prints nothing of is left out; it
refuses, with `NotRepresentableError`, a case of which nothing is left.
"""

from dataclasses import dataclass, replace

from oomparse.message import Message
from oomparse.model import OomEvent
from oomparse.testing.cases import Case
from oomparse.testing.printk import STEP_MICROSECONDS, NotRepresentableError, messages, representable


@dataclass(frozen=True, slots=True, kw_only=True)
class Reworded:
    """What another kernel prints, and says with it: parsing ``messages`` gives ``events``, but for `printk.CARRIED`."""

    messages: tuple[Message, ...]
    events: tuple[OomEvent, ...]


def reword(case: Case, release: str) -> Reworded:
    """Return a case's incident as the kernel of ``release`` (``2.6.32-431.el6.x86_64``, ``3.10``) prints it.

    Raises `NotRepresentableError` where it prints nothing of it, or is no kernel.
    """
    from oomparse.reader import parse

    printed: list[Message] = []
    events: list[OomEvent] = []
    refused: NotRepresentableError | None = None
    for event in parse(case.data(case.logs[0])):
        try:
            stated = representable(event, release)
            start = _start(event, printed)
            printed += [
                replace(message, sequence=number)
                for number, message in enumerate(messages(event, release, start_seconds=start), len(printed))
            ]
        except NotRepresentableError as error:
            refused = error
        else:
            events.append(replace(stated, source=replace(stated.source, kernel_release=release)))
    if not events:
        raise refused or NotRepresentableError(f"{case.name} has no event")
    return Reworded(messages=tuple(printed), events=tuple(events))


def _start(event: OomEvent, printed: list[Message]) -> float | None:
    """Return when the first record is printed: when the event says, but not before the last of another event."""
    said, last = event.time.monotonic_seconds, printed[-1].monotonic_us if printed else None
    after = None if last is None else (last + STEP_MICROSECONDS) / 1_000_000
    return said if after is None else after if said is None else max(said, after)
