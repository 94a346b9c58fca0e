r"""Whole journal entries as text: ``journalctl -o export`` and ``-o verbose``.

Turns entries of ``FIELD=value`` lines into messages.  In the export format (systemd, JOURNAL_EXPORT_FORMATS) a value
with a line end or unprintable bytes stands behind its length, 8 bytes, little-endian; a blank line ends the entry.  In
the verbose format an entry begins with its date and cursor, and further lines of a value are indented.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from oomparse.message import Line, Message
from oomparse.transports.base import DecodeContext, Decoder, Sample, Transport, bare_text, clean
from oomparse.transports.journal_entry import entry_message

MAX_FIELDS = 512
"""Fields of one entry; more are left out."""
MAX_VALUE_BYTES = 256 * 1024
"""The rest of a longer value is left out."""
MAX_CLAIMED_BYTES = 64 * 1024 * 1024
"""A value that claims to be longer is none."""

_FIELD = re.compile(rb"(_{0,2}[A-Z0-9][A-Z0-9_]{0,62})=(.*)", re.DOTALL)
_BINARY = re.compile(rb"_{0,2}[A-Z0-9][A-Z0-9_]{0,62}")
_EXPORT_BEGIN = re.compile(rb"__CURSOR=s=|__REALTIME_TIMESTAMP=\d")
_VERBOSE_BEGIN = re.compile(
    rb"([^\W\d_]{2,12}\.? \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S{1,8}) \[(s=[^\]\s]{1,256})\]"
)
_VERBOSE_FIELD = re.compile(rb"    (_{0,2}[A-Z0-9][A-Z0-9_]{0,62})=(.*)", re.DOTALL)

Fields = dict[str, bytes | list[bytes]]


class JournalTextTransport(Transport):
    """Base of both."""

    confidence = 0.9

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` where the log begins with an entry."""
        first = next((cleaned for data in head if (cleaned := clean(data))), b"")
        return self.confidence if self.takes(first, 0) else 0.0


class EntryDecoder(Decoder):
    """Collects the fields of an entry."""

    name = "journal"

    def __init__(self, context: DecodeContext) -> None:
        self.context = context
        self._fields: Fields = {}
        self._first: Line | None = None
        self._end = 0

    def feed(self, line: Line) -> Sequence[Message]:
        """Take a line; one that is no part of an entry is bare text."""
        messages = self.offer(line)
        if messages is not None:
            return messages
        data = clean(line.data)
        return (*self.flush(), bare_text(data, line, self.context)) if data else ()

    def flush(self) -> Sequence[Message]:
        """Let the entry go as it is."""
        first, self._first = self._first, None
        fields, self._fields = self._fields, {}
        if first is None:
            return ()
        message = entry_message(fields, self.context, transport=self.name, line=first, line_end=self._end)
        return () if message is None else (message,)

    def _add(self, name: bytes, value: bytes) -> None:
        key = name.decode("ascii")
        value = value[:MAX_VALUE_BYTES]
        before = self._fields.get(key)
        if before is None:
            if len(self._fields) < MAX_FIELDS:
                self._fields[key] = value
        elif isinstance(before, list):
            if len(before) < MAX_FIELDS:
                before.append(value)
        else:
            self._fields[key] = [before, value]


class ExportTransport(JournalTextTransport):
    """``journalctl -o export``."""

    name = "journal-export"
    samples = (
        Sample(
            lines=(
                b"__CURSOR=s=4af8;i=181",
                b"__REALTIME_TIMESTAMP=1795231695612779",
                b"_BOOT_ID=ded3",
                b"_TRANSPORT=kernel",
                b"SYSLOG_FACILITY=0",
                b"PRIORITY=4",
                b"_HOSTNAME=oomlab",
                b"_SOURCE_MONOTONIC_TIMESTAMP=7140715",
                b"MESSAGE",
                b"\x1c\x00\x00\x00\x00\x00\x00\x00active_anon:1",
                b" active_file:0",
                b"",
                b"__CURSOR=s=4af8;i=182",
                b"_TRANSPORT=syslog",
                b"MESSAGE",
                # A length of 10 is a line end itself.
                b"",
                b"\x00\x00\x00\x00\x00\x00\x00caf\xff hog\rx",
                b"MESSAGE=second",
                b"",
            ),
            messages=(
                {
                    "text": "active_anon:1\n active_file:0",
                    "transport": "journal-export",
                    "monotonic_us": 7140715,
                    "host": "oomlab",
                    "boot_id": "ded3",
                    "cursor": "s=4af8;i=181",
                    "printed": "1795231695612779",
                    "from_kernel": True,
                    "line_start": 1,
                    "line_end": 11,
                },
                {"text": "caf\udcff hog\rx", "from_kernel": False},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:  # noqa: ARG002  # for wrappers
        """Return whether an entry begins."""
        return _EXPORT_BEGIN.match(data) is not None

    def decoder(self, context: DecodeContext) -> "ExportDecoder":
        """Begin a reading."""
        return ExportDecoder(context)


class ExportDecoder(EntryDecoder):
    """Reads the export format; binary values need the lines as they are, also their NUL bytes and carriage returns."""

    name = "journal-export"

    def __init__(self, context: DecodeContext) -> None:
        super().__init__(context)
        self._binary = b""
        self._value: bytearray | None = None
        self._begun = False
        self._size = -1

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line of an entry."""
        if self._value is not None:
            return self._continue(line)
        data = line.data.rstrip(b"\r")
        if not data:
            return self.flush()
        if self._first is None and not _EXPORT_BEGIN.match(data) and not _FIELD.match(data):
            return None
        if found := _FIELD.match(data):
            self._touch(line)
            self._add(found[1], found[2])
            return ()
        if _BINARY.fullmatch(data):
            self._touch(line)
            self._binary, self._value, self._begun, self._size = data, bytearray(), False, -1
            return ()
        return None

    def _touch(self, line: Line) -> None:
        if self._first is None:
            self._first = line
        self._end = line.number

    def _continue(self, line: Line) -> Sequence[Message]:
        """Take a line of a binary value."""
        value = self._value
        assert value is not None
        if self._begun:
            value += b"\n"
        self._begun = True
        value += line.data
        self._end = line.number
        if self._size < 0 and len(value) >= 8:
            self._size = int.from_bytes(value[:8], "little")
            del value[:8]
            if self._size > MAX_CLAIMED_BYTES:
                self._value = None
                return ()
        if 0 <= self._size <= len(value) or len(value) > MAX_VALUE_BYTES:
            self._add(self._binary, bytes(value[: self._size] if self._size >= 0 else value))
            self._value = None
        return ()

    def flush(self) -> Sequence[Message]:
        """Let the entry go as it is."""
        if self._value is not None and self._size >= 0:
            self._add(self._binary, bytes(self._value))
        self._value = None
        return super().flush()


class VerboseTransport(JournalTextTransport):
    """``journalctl -o verbose``."""

    name = "journal-verbose"
    samples = (
        Sample(
            lines=(
                b"Sat 2026-11-21 03:28:15.612779 UTC [s=4af8;i=181;b=ded3]",
                b"    _TRANSPORT=kernel",
                b"    SYSLOG_FACILITY=0",
                b"    _HOSTNAME=oomlab",
                b"    MESSAGE=active_anon:1",
                b"             active_file:0",
                b"    _SOURCE_MONOTONIC_TIMESTAMP=7140715",
                b"Sat 2026-11-21 03:28:15.612780 UTC [s=4af8;i=182;b=ded3]",
                b"    MESSAGE=Mem-Info:",
            ),
            messages=(
                {
                    "text": "active_anon:1\n active_file:0",
                    "transport": "journal-verbose",
                    "printed": "Sat 2026-11-21 03:28:15.612779 UTC",
                    "cursor": "s=4af8;i=181;b=ded3",
                    "monotonic_us": 7140715,
                    "from_kernel": True,
                    "line_end": 7,
                },
                {"text": "Mem-Info:", "from_kernel": None, "line_start": 8},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:  # noqa: ARG002  # for wrappers
        """Return whether an entry begins."""
        return _VERBOSE_BEGIN.match(data) is not None

    def decoder(self, context: DecodeContext) -> "VerboseDecoder":
        """Begin a reading."""
        return VerboseDecoder(context)


class VerboseDecoder(EntryDecoder):
    """Reads the verbose format."""

    name = "journal-verbose"

    def __init__(self, context: DecodeContext) -> None:
        super().__init__(context)
        self._printed = ""
        self._last = b""

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line of an entry."""
        data = line.data.rstrip(b"\r")
        if found := _VERBOSE_BEGIN.match(data):
            messages = self.flush()
            self._first, self._end, self._last = line, line.number, b""
            self._printed = found[1].decode("utf-8", "surrogateescape")
            self._add(b"__CURSOR", found[2])
            return messages
        if self._first is None:
            return None
        if found := _VERBOSE_FIELD.match(data):
            self._last = found[1]
            self._add(found[1], found[2])
        elif self._last and data[: 5 + len(self._last)].isspace():
            self._more(data[5 + len(self._last) :])
        else:
            return None
        self._end = line.number
        return ()

    def _more(self, data: bytes) -> None:
        key = self._last.decode("ascii")
        value = self._fields.get(key)
        if isinstance(value, list):
            value[-1] = (value[-1] + b"\n" + data)[:MAX_VALUE_BYTES]
        elif value is not None:
            self._fields[key] = (value + b"\n" + data)[:MAX_VALUE_BYTES]

    def flush(self) -> Sequence[Message]:
        """Let the entry go as it is."""
        printed = self._printed
        messages = super().flush()
        if not messages:
            return messages
        wall, issues = self.context.times.resolve(printed)
        message = messages[0]
        return (replace(message, printed=printed, wall=wall, issues=message.issues + issues),)


TRANSPORTS = (ExportTransport(), VerboseTransport())
