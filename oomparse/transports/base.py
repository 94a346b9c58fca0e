"""What a transport is, and the machinery that all line-based transports share.

Turns physical lines into messages: a `Transport` is a format, a `Decoder` one reading of it.  A decoder is pushed, a
line at a time, and holds back the last message because the next line may belong to it; `Decoder.flush` lets it go at
the end, or when a live source falls silent.

A format whose records begin with a prefix is a `LineTransport`: one regular expression and its samples.  Joining of
continuation lines, line numbers, carriage returns, NUL bytes, bounds and un-escaping come from here.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, ClassVar

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.record import maker, record
from oomparse.timestamps import TimeResolver
from oomparse.transports.escapes import plain, unescape_dmesg

MAX_MESSAGE_BYTES = 64 * 1024
"""The rest of a longer message is cut off."""
MAX_CONTINUATION_LINES = 1000
"""Indented continuation lines of one message (a memory.stat block has about 70)."""
MAX_LOOSE_LINES = 16
"""Lines without prefix or indentation that still are taken for the rest of the message before (wrapped by a mailer)."""
SURE = 0.5
"""A line is in a format from this confidence on."""
MAX_DEPTH = 5
"""Wrappers within wrappers; what is deeper stays text."""
HEAD_LINES = 64
"""As many lines say which format a log has."""

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
)  # fmt: skip
_FACILITY_ALIASES = {"kernel": "kern", "user-level": "user", "system": "daemon", "security": "auth"}
LEVELS: Mapping[str, int] = {
    "emerg": 0, "panic": 0, "emergency": 0, "alert": 1, "crit": 2, "critical": 2, "err": 3, "error": 3, "warn": 4,
    "warning": 4, "notice": 5, "info": 6, "informational": 6, "debug": 7,
}  # fmt: skip


@record(frozen=True, slots=True, kw_only=True)
class DecodeContext:
    """What a decoder is told about its log.

    ``times`` resolves stamps and is shared by all decoders of one log; ``path`` names the log where the lines do not;
    ``depth`` counts the wrappers around this one.
    """

    times: TimeResolver = field(default_factory=TimeResolver)
    path: str | None = None
    depth: int = 0

    def inner(self) -> "DecodeContext":
        """Return the context for what is wrapped in this one."""
        return replace(self, depth=self.depth + 1)


@record(frozen=True, slots=True, kw_only=True)
class Sample:
    """A piece of a log and what it must become.

    ``messages`` holds one mapping per message, with the `Message` fields to compare.  ``detected`` is False where no
    line of the sample alone tells the format.
    """

    lines: tuple[bytes, ...]
    messages: tuple[Mapping[str, Any], ...]
    detected: bool = True


class Decoder(ABC):
    """One reading of a log in one format."""

    @abstractmethod
    def feed(self, line: Line) -> Sequence[Message]:
        """Take a line, and return the messages that are complete by now."""

    @abstractmethod
    def flush(self) -> Sequence[Message]:
        """Return the message that was held back, if any; further lines may follow."""

    @abstractmethod
    def offer(self, line: Line) -> Sequence[Message] | None:
        """Do as `feed` where the line surely belongs to this format, or take nothing and return None."""

    def alone(self, line: Line) -> Message | None:  # noqa: ARG002  # for those who can
        """Do at less cost what `feed` and `flush` do for a line that is surely one message; else return None."""
        return None

    @property
    def linewise(self) -> bool:
        """Whether lines can be left out, because each says all of itself (or continues the one right before)."""
        return False


class Transport(ABC):
    """A format.  Instances hold no state and are shared."""

    name: ClassVar[str]
    samples: ClassVar[tuple[Sample, ...]] = ()
    confidence: ClassVar[float] = 0.95
    """How sure a full match is, from 0 to 1: formats are tried in this order."""
    reads_as: ClassVar[str | None] = None
    """The name of the transport that reads on, where this one only recognises a log."""

    @abstractmethod
    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return how sure the first lines of a log are of this format, from 0 to 1."""

    def takes(self, data: bytes, depth: int) -> bool:  # noqa: ARG002  # for wrappers
        """Return whether this line alone is surely of this format; ``depth`` counts the wrappers around it."""
        return self.looks_like((data,)) >= SURE

    @abstractmethod
    def decoder(self, context: DecodeContext) -> Decoder:
        """Begin a reading."""

    def decode(self, lines: Iterable[Line], context: DecodeContext | None = None) -> Iterator[Message]:
        """Decode a whole log of this format."""
        decoder = self.decoder(context or DecodeContext())
        for line in lines:
            yield from decoder.feed(line)
        yield from decoder.flush()

    def text_offset(self, data: bytes) -> int:  # noqa: ARG002  # for those who can tell
        """Return where the kernel's text begins in a line, or -1 where this takes more than the line itself."""
        return -1


class LineTransport(Transport):
    r"""A format whose records begin with a prefix on a line of their own.

    ``pattern`` matches the prefix and ends in the group ``text``.  The other groups that it may have are filled into
    the message by their names: ``date`` (any stamp that `oomparse.timestamps` reads), ``seconds`` (since boot, with
    six decimals), ``caller``, ``host``, ``priority`` (the number in ``<6>``), ``facility`` and ``level`` (their
    names), ``tag`` (a syslog tag, which tells whether the kernel spoke).  Lines that do not match are continuations.
    """

    pattern: ClassVar[re.Pattern[bytes]]

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Recognise a line that begins a record."""
        return self.pattern.match(data)

    def unescape(self, text: str) -> str:
        """Undo what this format does to unprintable bytes."""
        return text

    def fields(self, match: re.Match[bytes], context: DecodeContext) -> dict[str, Any]:
        """Return what a match says besides the text, as `Message` fields."""
        return prefix_fields(match.groupdict(), context)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        return maker(Message)(
            text=self.text(match["text"]),
            transport=self.name,
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
            **self.fields(match, context),
        )

    def takes(self, data: bytes, depth: int) -> bool:  # noqa: ARG002  # for wrappers
        """Return whether this line begins a record."""
        return self.match(data) is not None

    def text(self, raw: bytes) -> str:
        """Turn the bytes of a text into text."""
        text = raw.decode("utf-8", "surrogateescape")
        if "\x1b" in text:
            text = plain(text)
        return self.unescape(text)

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines that match (or continue a line that does)."""
        lines = [cleaned for data in head if (cleaned := clean(data))]
        if not lines:
            return 0.0
        hits, width = 0, 0
        for data in lines:
            if found := self.match(data):
                hits, width = hits + 1, self.width(found)
            elif width and data[:width].isspace():
                hits += 1
        return self.confidence * hits / len(lines)

    def decoder(self, context: DecodeContext) -> "LineDecoder":
        """Begin a reading."""
        return LineDecoder(self, context)

    def width(self, match: re.Match[bytes]) -> int:
        """Return how far continuation lines are indented."""
        return match.start("text")

    def text_offset(self, data: bytes) -> int:
        """Return where the kernel's text begins in a line, or -1 where the line does not begin a record."""
        match = self.match(data)
        return -1 if match is None else match.start("text")


_BORDER = b"--"
"""Begins the lines that journalctl (``-- Boot … --``) and grep (``--``) put between records."""
_BOOT = re.compile(rb"-- Boot ([0-9a-f]{32}) --")


class LineDecoder(Decoder):
    """Reads a `LineTransport`."""

    def __init__(self, transport: LineTransport, context: DecodeContext) -> None:
        self.transport = transport
        self.context = context
        self._match = transport.match
        self._message = transport.message
        self._held: Message | None = None
        self._prefix: re.Match[bytes] | None = None
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._tail_end = 0
        self._loose = 0
        self._blank = 0
        self._cut = False
        self._boot: str | None = None

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that begins a record, or that is indented as a continuation line is."""
        data = line.data
        if data[-1:] == b"\r":
            data = data.rstrip(b"\r")
        if line.cut or len(data) > MAX_MESSAGE_BYTES:
            return self._offer_long(line)
        match = self._match(data)
        if match is None:
            return self._continue(data, line)
        held = self._held
        if held is not None and (self._tail or self._cut):
            held = self._finished(held)
        self._held = self._message(match, line, self.context)
        if self._boot is not None:
            self._held = replace(self._held, boot_id=self._boot)
        self._prefix = match
        self._blank = self._loose = 0
        return () if held is None else (held,)

    @property
    def linewise(self) -> bool:
        """Every record begins on a line of its own."""
        return True

    def _offer_long(self, line: Line) -> Sequence[Message] | None:
        data = line.data[:MAX_MESSAGE_BYTES]
        messages = self.offer(Line(data, line.number, line.path))
        if messages is not None and not self._tail:
            self._cut = True
        return messages

    def _continue(self, data: bytes, line: Line) -> Sequence[Message] | None:
        """Take an indented continuation line of the message that is held, or the blank line before one."""
        held, prefix = self._held, self._prefix
        if held is None or prefix is None:
            return None
        if not data:
            self._blank += 1
            return ()
        width = self.transport.width(prefix)
        if not data[:width].isspace() or self._loose or len(self._tail) >= MAX_CONTINUATION_LINES:
            return None
        if len(data) < width or (line.path != held.path and line.path is not None):
            return None
        if self._blank:
            self._tail.extend([b""] * min(self._blank, MAX_LOOSE_LINES))
            self._blank = 0
        self._append(data[width:], line)
        return ()

    def _append(self, data: bytes, line: Line) -> None:
        self._tail_bytes += len(data) + 1
        self._tail_end = line.number
        if self._tail_bytes > MAX_MESSAGE_BYTES:
            self._cut = True
        else:
            self._tail.append(data)

    def feed(self, line: Line) -> Sequence[Message]:
        """Take a line; one that begins no record is taken for the rest of the one before, or for bare text."""
        messages = self.offer(line)
        if messages is not None:
            return messages
        data = clean(line.data[:MAX_MESSAGE_BYTES])
        if data != line.data and data:
            messages = self.offer(Line(data, line.number, line.path, line.cut))
            if messages is not None:
                return messages
        if not data:
            return ()
        if found := _BOOT.fullmatch(data):
            self._boot = found[1].decode("ascii")
        held = self._held
        same = held is not None and (line.path is None or line.path == held.path)
        if same and not self._blank and self._loose < MAX_LOOSE_LINES and not data.startswith(_BORDER):
            self._loose += 1
            self._append(data, line)
            return ()
        bare = bare_text(data, line, self.context)
        return (*self.flush(), bare)

    def flush(self) -> Sequence[Message]:
        """Let the held message go; lines that follow no longer belong to it."""
        held = self._held
        if held is None:
            return ()
        if self._tail or self._cut:
            held = self._finished(held)
        self._held = self._prefix = None
        self._blank = self._loose = 0
        return (held,)

    def _finished(self, held: Message) -> Message:
        """Join the held message and its continuation lines."""
        text = held.text
        if self._tail:
            rest = "\n".join(map(self.transport.text, self._tail))
            # A mailer may wrap right behind the prefix; nothing was printed on that line then.
            text = rest if self._loose and not text.strip() else f"{text}\n{rest}"
        issues = held.issues
        if self._cut:
            issues += (Issue(code=IssueCode.LIMIT_REACHED, detail="MAX_MESSAGE_BYTES", line=held.line_start),)
        end = max(self._tail_end, held.line_end or 0)
        self._tail, self._tail_bytes, self._tail_end, self._cut = [], 0, 0, False
        return replace(held, text=text, line_end=end, issues=issues)


def clean(data: bytes) -> bytes:
    """Remove what no kernel prints: NUL bytes (of crashed machines), carriage returns at the end, byte-order marks."""
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    return data.rstrip(b"\r").removeprefix(b"\xef\xbb\xbf")


def bare_text(data: bytes, line: Line, context: DecodeContext, issues: tuple[Issue, ...] = ()) -> Message:
    """Return a line of which nothing is known as a message."""
    if line.cut or len(data) > MAX_MESSAGE_BYTES:
        data = data[:MAX_MESSAGE_BYTES]
        issues = (*issues, Issue(code=IssueCode.LIMIT_REACHED, detail="MAX_MESSAGE_BYTES", line=line.number))
    return maker(Message)(
        text=unescape_dmesg(plain(data.decode("utf-8", "surrogateescape"))),
        transport="text",
        path=line.path or context.path,
        line_start=line.number,
        line_end=line.number,
        issues=issues,
    )


def prefix_fields(groups: Mapping[str, bytes | None], context: DecodeContext) -> dict[str, Any]:
    """Turn the named groups of a prefix (see `LineTransport`) into `Message` fields."""
    fields: dict[str, Any] = {}
    for name, value in groups.items():
        if value is not None and (fill := _FILL.get(name)):
            fill(fields, value.decode("utf-8", "surrogateescape"), context)
    tag = groups.get("tag")
    if tag is not None:
        fields["from_kernel"] = fields.get("from_kernel", True) and tag == b"kernel"
    return fields


def _fill_date(fields: dict[str, Any], value: str, context: DecodeContext) -> None:
    fields["printed"] = value
    fields["wall"], fields["issues"] = context.times.resolve(value)


def _fill_seconds(fields: dict[str, Any], value: str, _: DecodeContext) -> None:
    fields.setdefault("printed", value.strip())
    fields["monotonic_us"] = microseconds(value)


def _fill_priority(fields: dict[str, Any], value: str, _: DecodeContext) -> None:
    fields["facility"], fields["level"] = divmod(int(value), 8)
    fields["from_kernel"] = fields["facility"] == 0


def _fill_facility(fields: dict[str, Any], value: str, _: DecodeContext) -> None:
    fields["facility"] = facility_number(value)
    fields["from_kernel"] = value == "kern"


def _fill_level(fields: dict[str, Any], value: str, _: DecodeContext) -> None:
    fields["level"] = LEVELS.get(value)


def _fill_host(fields: dict[str, Any], value: str, _: DecodeContext) -> None:
    fields["host"] = value


def _fill_caller(fields: dict[str, Any], value: str, _: DecodeContext) -> None:
    fields["caller"] = value


_FILL: Mapping[str, Callable[[dict[str, Any], str, DecodeContext], None]] = {
    "date": _fill_date,
    "seconds": _fill_seconds,
    "priority": _fill_priority,
    "facility": _fill_facility,
    "level": _fill_level,
    "host": _fill_host,
    "caller": _fill_caller,
}


def microseconds(seconds: str) -> int:
    """Turn ``12345.678901`` into microseconds."""
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000 + int(fraction.ljust(6, "0")[:6])


def facility_number(name: str) -> int | None:
    """Return the number of a syslog facility, or None for an unknown name."""
    name = _FACILITY_ALIASES.get(name.lower(), name.lower())
    if name in FACILITIES:
        return FACILITIES.index(name)
    if name.startswith("local") and name[5:].isdecimal():
        return 16 + int(name[5:])
    return None
