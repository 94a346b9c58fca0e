"""One kernel message, whatever carried it.

A transport turns a record (a line of a file, a journal entry) into a `Message`; the assembler turns messages into
events.  A message holds the kernel's own text and what the carrier says of it: when, where and by whom it was printed.
It refuses nothing and interprets nothing.
"""

from datetime import datetime
from typing import NamedTuple

from oomparse.errors import Issue
from oomparse.record import record


class Line(NamedTuple):
    """One physical line of a source, without its line end.  ``cut`` says that it was longer than the bound."""

    data: bytes
    number: int
    path: str | None = None
    cut: bool = False


@record(frozen=True, slots=True, kw_only=True)
class Message:
    r"""A kernel message.

    ``text`` is what the kernel printed: without stamp, prefix or line end, un-escaped, bytes that are not UTF-8 kept
    as surrogate escapes.  A record of several lines holds ``\n``.
    """

    text: str
    transport: str = "text"
    monotonic_us: int | None = None
    """Microseconds since boot, as the kernel stamped them."""
    wall: datetime | None = None
    """Aware wall-clock time, where the log says it (or it could be inferred: see ``issues``)."""
    printed: str | None = None
    """The stamp as it stood: the date where there is one, else the text between the brackets."""
    host: str | None = None
    boot_id: str | None = None
    caller: str | None = None
    """printk caller id: ``T123`` (a thread) or ``C0`` (a processor); CONFIG_PRINTK_CALLER, since 5.1."""
    level: int | None = None
    """Syslog severity, 0 (emerg) to 7 (debug)."""
    facility: int | None = None
    """Syslog facility; 0 is the kernel."""
    sequence: int | None = None
    """The kernel's own record number (/dev/kmsg)."""
    fragment: str | None = None
    """/dev/kmsg continuation flag: ``c`` (first or lone fragment) or ``+`` (a later one)."""
    from_kernel: bool | None = None
    """True or False where the carrier proves it, None where it cannot tell."""
    path: str | None = None
    line_start: int | None = None
    line_end: int | None = None
    cursor: str | None = None
    issues: tuple[Issue, ...] = ()
