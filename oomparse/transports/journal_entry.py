"""A journal entry as a message, whatever the entry was read from: JSON, export text, the journal itself.

Turns a mapping of journal fields (systemd.journal-fields(7)) into a `Message`.  Values may be text, bytes, numbers, a
list of byte values (JSON's way of writing bytes) or a list of values (repeated fields).  The kernel's own clock is
``_SOURCE_MONOTONIC_TIMESTAMP``.  ``_TRANSPORT=kernel`` is what journald read from ``/dev/kmsg``, where processes may
write too: the facility tells.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.transports.base import MAX_MESSAGE_BYTES, DecodeContext
from oomparse.transports.escapes import well_formed
from oomparse.transports.syslog import losses

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def entry_message(
    fields: Mapping[str, object],
    context: DecodeContext,
    *,
    transport: str = "journal",
    line: Line | None = None,
    line_end: int | None = None,
) -> Message | None:
    """Return the message of an entry, or None for an entry without one.

    ``line`` is the first line of the entry, where it was read from text.
    """
    if "MESSAGE" not in fields:
        return None
    number = None if line is None else line.number
    issues: tuple[Issue, ...] = ()
    if fields["MESSAGE"] is None:
        detail = "journalctl left out a long text (--all shows it)"
        issues = (Issue(code=IssueCode.MESSAGES_LOST, detail=detail, line=number),)
    text = field_text(fields["MESSAGE"]) or ""
    if len(text) > MAX_MESSAGE_BYTES:
        text = text[:MAX_MESSAGE_BYTES]
        issues = (*issues, Issue(code=IssueCode.LIMIT_REACHED, detail="MAX_MESSAGE_BYTES", line=number))
    facility = field_number(fields.get("SYSLOG_FACILITY"))
    road = field_text(fields.get("_TRANSPORT"))
    speaker = field_text(fields.get("SYSLOG_IDENTIFIER"))
    from_kernel: bool | None = None
    if road is not None:
        from_kernel = road == "kernel" and not facility
    elif facility or speaker not in (None, "kernel"):
        from_kernel = False
    printed = field_text(fields.get("__REALTIME_TIMESTAMP"))
    return maker(Message)(
        text=text,
        transport=transport,
        monotonic_us=field_number(fields.get("_SOURCE_MONOTONIC_TIMESTAMP")),
        wall=_wall(fields.get("_SOURCE_REALTIME_TIMESTAMP")) or _wall(fields.get("__REALTIME_TIMESTAMP")),
        printed=printed,
        host=field_text(fields.get("_HOSTNAME")),
        boot_id=field_text(fields.get("_BOOT_ID")),
        level=field_number(fields.get("PRIORITY")),
        facility=facility,
        from_kernel=from_kernel,
        path=context.path if line is None else line.path or context.path,
        line_start=number,
        line_end=line_end or number,
        cursor=field_text(fields.get("__CURSOR")),
        issues=issues + losses(text, None if from_kernel else speaker or "", number),
    )


def field_text(value: object) -> str | None:
    """Return the value of a field as text; the first one of a repeated field."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        if not value:
            return ""
        if all(type(item) is int and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "surrogateescape")
        return field_text(value[0]) if not isinstance(value[0], dict) else None
    if type(value) is int or type(value) is float:
        return str(value)
    return None


def field_number(value: object) -> int | None:
    """Return the value of a field as a number that is not negative."""
    if type(value) is int:
        return value if value >= 0 else None
    text = field_text(value)
    return int(text) if text and len(text) <= 20 and text.isascii() and text.isdigit() else None


def _wall(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else None
    micros = field_number(value)
    try:
        return None if micros is None else EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
