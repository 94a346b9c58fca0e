"""OOM reports as any kernel prints them: the writer that is the parser run backwards.

Turns an `OomEvent` and a kernel's release into that kernel's text, for mainline 2.6.18 to 7.3, RHEL 5 to 8, OpenVZ and
Virtuozzo.  The lines and the kernels that have them are those of `oomparse.grammar`; the order is
``mm/oom_kill.c:dump_header()``'s.  The call trace is x86-64's, or arm64's or i386's where the release says so
(``6.1.0-50-cloud-arm64``).

What the kernel does not print is left out.  What it prints and the event does not say is written as 0 (or as an empty
name, ``(null)``, the root's cpuset): `representable` returns the event with all that said.  It refuses, with
`NotRepresentableError`, an event of which the kernel prints nothing.

>>> from oomparse import OomEvent, Outcome, Victim
>>> event = OomEvent(
...     event_id="",
...     outcome=Outcome.KILLED,
...     victims=(Victim(pid=812, comm="hog", total_vm_kb=900, anon_rss_kb=800),),
... )
>>> for release in ("2.6.18", "3.2", "6.1"):
...     print(*write(event, release))
Out of memory: Killed process 812 (hog).
Killed process 812 (hog) total-vm:900kB, anon-rss:800kB, file-rss:0kB
Out of memory: Killed process 812 (hog) total-vm:900kB, anon-rss:800kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:0kB oom_score_adj:0
"""  # noqa: E501  # a kernel's line is as long as it is

from datetime import timedelta

from oomparse.grammar.format import Section
from oomparse.grammar.kill import Killed
from oomparse.grammar.verdict import PanicLine, Selected, SharingMm
from oomparse.message import Message
from oomparse.model import OomEvent
from oomparse.testing.printk import law
from oomparse.testing.printk.eras import RELEASES
from oomparse.testing.printk.kernel import Kernel, NotRepresentableError
from oomparse.testing.printk.law import CARRIED, stated
from oomparse.testing.printk.plan import Plan, plan
from oomparse.testing.printk.record import Record
from oomparse.testing.printk.script import script

__all__ = ["CARRIED", "RELEASES", "NotRepresentableError", "messages", "representable", "stated", "write"]

START_SECONDS = 1_000.0
STEP_MICROSECONDS = 25
"""A record takes so long to print."""

_EMERGENCY, _ERROR, _WARNING, _INFO = 0, 3, 4, 6
_INFORMATION = frozenset({Section.CPUSET, Section.MEMCG, Section.SLABS, Section.TASKS, Section.VERDICT, Section.REAPER})


def write(event: OomEvent, release: str | None = None) -> tuple[str, ...]:
    """Return the texts of an event's report, one for each record that the kernel prints.

    ``release`` is what ``uname -r`` says (``6.1``, ``4.18.0-240.el8.x86_64``); without it, the event's own kernel's.
    A record that the kernel prints as several lines holds newlines.

    Raises `NotRepresentableError` where that kernel prints nothing of the event, or is none.
    """
    return tuple(record.text for record in script(_plan(event, release)))


def representable(event: OomEvent, release: str | None = None) -> OomEvent:
    """Return the event as the kernel of ``release`` states it: what its report, once parsed, says.

    Fields that it does not print are ``None``; those in `CARRIED` stay as they are.

    Raises `NotRepresentableError` as `write` does.
    """
    return law.representable(_plan(event, release))


def messages(event: OomEvent, release: str | None = None, *, start_seconds: float | None = None) -> tuple[Message, ...]:
    """Return an event's report as kernel messages: with stamps, levels and record numbers.

    The first is printed ``start_seconds`` after the boot; without it, when the event says, or after `START_SECONDS`.
    `oomparse.testing.wrap` writes them as any log.

    Raises `NotRepresentableError` as `write` does.
    """
    time = event.time
    start = start_seconds
    if start is None:
        start = time.monotonic_seconds if time.monotonic_seconds is not None else START_SECONDS
    found = []
    for number, record in enumerate(script(_plan(event, release))):
        since = number * STEP_MICROSECONDS
        stamp = round(start * 1_000_000) + since
        found.append(
            Message(
                text=record.text,
                monotonic_us=stamp,
                wall=None if time.wall is None else time.wall + timedelta(microseconds=since),
                printed=f"{stamp // 1_000_000}.{stamp % 1_000_000:06d}",
                host=event.source.host,
                boot_id=event.source.boot_id,
                level=_level(record),
                facility=0,
                sequence=number,
                from_kernel=True,
            )
        )
    return tuple(found)


def _level(record: Record) -> int:
    """Return the level at which the kernel prints a record (``pr_err()``, ``pr_info()``, …)."""
    lines = [said.line for said in record.lines]
    if any(isinstance(line, PanicLine) for line in lines):
        return _EMERGENCY
    if any(isinstance(line, Killed | Selected | SharingMm) for line in lines):
        return _ERROR
    return _INFO if record.section in _INFORMATION else _WARNING


def _plan(event: OomEvent, release: str | None) -> Plan:
    known = release if release is not None else event.source.kernel_release
    if known is None:
        raise NotRepresentableError("the event does not say its kernel: give a release")
    return plan(event, Kernel.of(known))
