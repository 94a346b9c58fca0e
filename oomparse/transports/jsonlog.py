r"""Logs in JSON: journalctl's, dmesg's, Docker's, rsyslog's, and those of log agents and clouds.

Turns one object (`oomparse.transports.json_scan`) into one message, or into several where its text holds several lines.
What kind of object it is, its own keys say: journal fields, dmesg's ``pri``, ``time`` and ``msg``, Docker's ``log`` and
``stream``, or any other with a text under a customary key.  Only the journal's and dmesg's text is the kernel's own;
every other may be a log line again, and is decoded as one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.timestamps import NOTHING, Resolved
from oomparse.transports import json_fields
from oomparse.transports.auto import WrappedDecoder
from oomparse.transports.base import (
    LEVELS,
    MAX_DEPTH,
    MAX_MESSAGE_BYTES,
    DecodeContext,
    Sample,
    Transport,
    bare_text,
    clean,
    facility_number,
)
from oomparse.transports.envelope import Envelope, InnerDecoder
from oomparse.transports.escapes import well_formed
from oomparse.transports.journal_entry import entry_message, field_number, field_text
from oomparse.transports.json_fields import Object, Scopes
from oomparse.transports.json_scan import JsonScanner, records

MAX_PRIORITY = 192
"""The priorities of syslog are below."""
DOCKER_CHUNK = 16 * 1024
"""Docker cuts longer lines into chunks of this size; all but the last lack the line end."""

_BEGIN = re.compile(rb'(?:data: |\x1e)?\s*(?:\{\s*(?:"|\}|$)|\[\s*(?:\[?\s*\{|$))')
_JOURNAL = frozenset(("_TRANSPORT", "__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID"))


class JsonTransport(Transport):
    """Any log in JSON."""

    name = "json"
    confidence = 0.7
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            lines=(
                b'{ "msg": "[    7.670939] hog-mt\\/t7 invoked oom-killer:", "rawmsg": "x", "timereported": '
                b'"2026-11-21T03:18:24.738194+00:00", "hostname": "oomlab", "syslogtag": "kernel:", "pri": "4", '
                b'"syslogfacility": "0", "syslogseverity": "4" }',
                b'{ "msg": "[    7.670940] caf\xff#012 two", "hostname": "oomlab", "syslogtag": "kernel:", '
                b'"pri": "11", "syslogfacility": "1", "syslogseverity": "3" }',
            ),
            messages=(
                {
                    "text": "hog-mt/t7 invoked oom-killer:",
                    "monotonic_us": 7670939,
                    "printed": "2026-11-21T03:18:24.738194+00:00",
                    "host": "oomlab",
                    "level": 4,
                    "facility": 0,
                    "from_kernel": True,
                    "transport": "json/dmesg",
                },
                {"text": "caf\udcff\n two", "facility": 1, "from_kernel": False},
            ),
        ),
        Sample(
            lines=(
                b"[",
                b"  {",
                b'    "jsonPayload": {"MESSAGE": "Mem-Info:", "_TRANSPORT": "kernel", "_HOSTNAME": "node-1"},',
                b'    "timestamp": "2026-11-21T03:18:24.738194Z"',
                b"  },",
                b"  {",
                b'    "textPayload": "Nov 21 03:18:24 node-1 kernel: [    7.670939] Mem-Info:"',
                b"  }",
                b"]",
            ),
            messages=(
                {"text": "Mem-Info:", "host": "node-1", "from_kernel": True, "line_start": 2, "line_end": 5},
                {"text": "Mem-Info:", "host": "node-1", "from_kernel": True, "line_start": 6, "line_end": 8},
            ),
        ),
        Sample(
            lines=(
                b'{"timestamp": 1795231104738, "message": "kernel: active_anon:1\\n active_file:0", "a": {"b": []}}',
                b'{"message": "active_anon:1\\n active_file:0", "host": {"name": "node-1"}}',
            ),
            messages=(
                {"text": "active_anon:1\n active_file:0", "printed": "1795231104738"},
                {"text": "active_anon:1\n active_file:0", "host": "node-1", "transport": "json"},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether an object or an array begins."""
        return depth < MAX_DEPTH and _BEGIN.match(data) is not None

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` where the log begins with an object or array."""
        first = next((cleaned for data in head if (cleaned := clean(data).strip())), b"")
        if not self.takes(first, 0):
            return 0.0
        return self.confidence if self.fits(b"\n".join(head)) else 0.0

    def fits(self, head: bytes) -> bool:  # noqa: ARG002  # for the special kinds
        """Return whether the objects are of this kind."""
        return True

    def decoder(self, context: DecodeContext) -> "JsonDecoder":
        """Begin a reading."""
        return JsonDecoder(context)


class JournalJsonTransport(JsonTransport):
    """``journalctl -o json``, ``json-pretty``, ``json-seq``, ``json-sse``."""

    name = "journal-json"
    confidence = 0.75
    samples = (
        Sample(
            lines=(
                b'{"__CURSOR":"s=4af8;i=181","__REALTIME_TIMESTAMP":"1795231695612779","_BOOT_ID":"ded3","PRIORITY":"4",'
                b'"_TRANSPORT":"kernel","SYSLOG_FACILITY":"0","SYSLOG_IDENTIFIER":"kernel","_HOSTNAME":"oomlab",'
                b'"_SOURCE_MONOTONIC_TIMESTAMP":"7140715","MESSAGE":"active_anon:185\\n active_file:0"}',
                b'\x1e{"_TRANSPORT":"kernel","SYSLOG_FACILITY":"1","MESSAGE":[255,104,111,103]}',
                b'data: {"_TRANSPORT":"syslog","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Killed process 1 (init)"}',
                b"",
                b'{"_TRANSPORT":"kernel","MESSAGE":null}',
            ),
            messages=(
                {
                    "text": "active_anon:185\n active_file:0",
                    "transport": "journal-json",
                    "monotonic_us": 7140715,
                    "printed": "1795231695612779",
                    "host": "oomlab",
                    "boot_id": "ded3",
                    "cursor": "s=4af8;i=181",
                    "level": 4,
                    "facility": 0,
                    "from_kernel": True,
                },
                {"text": "\udcffhog", "from_kernel": False},
                {"text": "Killed process 1 (init)", "from_kernel": False},
                {
                    "text": "",
                    "issues": (
                        Issue(
                            code=IssueCode.MESSAGES_LOST,
                            detail="journalctl left out a long text (--all shows it)",
                            line=5,
                        ),
                    ),
                },
            ),
        ),
        Sample(
            lines=(
                b"{",
                b'\t"_TRANSPORT" : "kernel",',
                b'\t"MESSAGE" : "a {\\"b\\"} [c"',
                b"}",
                b"{",
                b'\t"MESSAGE" : "d"}',
            ),
            messages=(
                {"text": 'a {"b"} [c', "line_start": 1, "line_end": 4},
                {"text": "d", "line_start": 5, "line_end": 6},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether an object with journal fields begins."""
        return b'"MESSAGE' in data and b'"_' in data and super().takes(data, depth)

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` where the log begins with an object that has journal fields."""
        joined = b"\n".join(head)
        fits = b'"MESSAGE' in joined and b'"_' in joined and b"jsonPayload" not in joined
        return self.confidence if fits and JSON.looks_like(head) else 0.0


class DmesgJsonTransport(JsonTransport):
    """``dmesg --json``."""

    name = "dmesg-json"
    confidence = 0.76
    samples = (
        Sample(
            lines=(
                b"{",
                b'   "dmesg": [',
                b"      {",
                b'         "pri": 4,',
                b'         "time":     7.670939,',
                b'         "caller": "T74",',
                b'         "msg": "active_anon:195\\n active_file:0"',
                b"      },{",
                b'         "fac": "user",',
                b'         "pri": "err",',
                b'         "time":     7.670940,',
                b'         "msg": "Killed process 1 (init)"',
                b"      }",
                b"   ]",
                b"}",
            ),
            messages=(
                {
                    "text": "active_anon:195\n active_file:0",
                    "transport": "dmesg-json",
                    "monotonic_us": 7670939,
                    "printed": "7.670939",
                    "caller": "T74",
                    "level": 4,
                    "from_kernel": None,
                    "line_start": 3,
                    "line_end": 8,
                },
                {"text": "Killed process 1 (init)", "level": 3, "facility": 1, "from_kernel": False},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether the object with the records begins."""
        return b'"dmesg"' in data and super().takes(data, depth)

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` where the log begins with an object that holds the ring buffer."""
        return self.confidence if any(b'"dmesg"' in data for data in head[:3]) and JSON.looks_like(head) else 0.0


class DockerJsonTransport(JsonTransport):
    """Docker's json-file log driver."""

    name = "docker-json"
    confidence = 0.74
    samples = (
        Sample(
            lines=(
                b'{"log":"[    7.684207] active_anon:195\\n","stream":"stdout","time":"2026-11-21T03:18:24.73819412Z"}',
                b'{"log":"                active_file:0\\n","stream":"stdout","time":"2026-11-21T03:18:24.738195Z"}',
                b'{"log":"Nov 21 03:18:24 box kernel: Mem-Info:\\n","stream":"stderr","time":"2026-11-21T03:18:25Z"}',
                b'{"log":"hello\\n","stream":"stderr","time":"2026-11-21T03:18:24.7Z"}',
            ),
            messages=(
                {
                    "text": "active_anon:195\n active_file:0",
                    "transport": "docker-json/dmesg",
                    "monotonic_us": 7684207,
                    "printed": "2026-11-21T03:18:24.73819412Z",
                    "line_start": 1,
                    "line_end": 2,
                },
                {"text": "Mem-Info:", "host": "box", "printed": "Nov 21 03:18:24", "from_kernel": None},
                {"text": "hello", "transport": "docker-json"},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether an object of Docker's begins."""
        return b'"log":' in data and b'"stream":' in data and super().takes(data, depth)

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` where the log begins with an object of Docker's."""
        return self.confidence if any(self.takes(data, 0) for data in head[:1]) else 0.0


class JsonDecoder(WrappedDecoder):
    """Reads objects of any kind."""

    def __init__(self, context: DecodeContext) -> None:
        super().__init__(context)
        self._scanner = JsonScanner()
        self._inner = InnerDecoder(context)
        self._unread: list[Message] = []
        self._chunk = b""
        self._row_time: object = None

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line of JSON."""
        data = clean(line.data).removeprefix(b"\x1e").removeprefix(b"data: ")
        if line.cut:
            self._scanner.reset()
            return None
        if self._scanner.open:
            if not self._scanner.fits(data):
                self._scanner.reset()
                return None
        elif not data.strip():
            return ()
        elif not _BEGIN.match(data):
            return None
        elif data[:1] == b"{" and data[-1:] == b"}" and (whole := load(data)) is not None:
            held = records(whole)
            if held and json_fields.text(json_fields.named((whole,))[0]) is None:
                return [message for found in held for message in self._objects(found, line, line.number)]
            return self._objects(whole, line, line.number)
        messages: list[Message] = []
        for piece in self._scanner.feed(data, line.number):
            found = load(piece.data)
            first = Line(piece.data, piece.line, line.path)
            if found is None:
                messages += (*self._inner.flush(), bare_text(piece.data, first, self.context))
            else:
                messages += self._objects(found, first, line.number)
        return messages

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._inner.flush()

    def _objects(self, found: dict[str, Any], line: Line, end: int) -> Sequence[Message]:
        scopes = json_fields.scopes(found)
        scope = next((each for each in scopes if not _JOURNAL.isdisjoint(each)), None)
        if scope is not None:
            text = json_fields.text(json_fields.named((scope,))[0])
            if "MESSAGE" in scope or text is not None:
                return (*self._inner.flush(), *self._entry(scopes, {"MESSAGE": text} | scope, line, end))
        if "msg" in found and "pri" in found and not _TIME_OF_DMESG.isdisjoint(found) and "syslogtag" not in found:
            return (*self._inner.flush(), self._dmesg(found, line, end))
        if "log" in found and "stream" in found:
            return self._docker(scopes, line, end)
        if found.keys() == _CELL:
            return self._cell(found, line, end)
        return self._any(scopes, line, end)

    def _entry(self, scopes: Scopes, fields: Object, line: Line, end: int) -> Sequence[Message]:
        name = "journal-json" if "MESSAGE" in scopes[0] else "json"
        message = entry_message(fields, self.context, transport=name, line=line, line_end=end)
        if message is None:
            return ()
        if message.wall is None:
            printed, resolved = self._time(json_fields.named(scopes))
            message = replace(message, wall=resolved.wall, printed=printed, issues=message.issues + resolved.issues)
        return (message,)

    def _dmesg(self, found: Object, line: Line, end: int) -> Message:
        time = found.get("time")
        micros, printed, resolved = None, None, NOTHING
        if isinstance(time, int | float) and 0 <= time < 1e12:
            micros, printed = round(time * 1_000_000), f"{time:.6f}"
        elif isinstance(time, str):
            printed = well_formed(time).strip()
            resolved = self.context.times.resolve(printed)
        facility = found.get("fac")
        number = facility_number(facility) if isinstance(facility, str) else None
        level = found.get("pri")
        severity = LEVELS.get(level) if isinstance(level, str) else field_number(level)
        from_kernel = None if facility is None else facility == "kern"
        if severity is not None and severity > 7:  # since util-linux 2.41 the facility is in it
            number, severity = divmod(severity, 8)
            from_kernel = False
        caller = found.get("caller")
        message = bare_text(b"", line, self.context, resolved.issues)
        return replace(
            message,
            text=_limited(_NEXT_IN_BUFFER.split(field_text(found.get("msg")) or "", maxsplit=1)[0]),
            transport="dmesg-json",
            monotonic_us=micros,
            printed=printed,
            wall=resolved.wall,
            caller=caller if isinstance(caller, str) else None,
            level=severity,
            facility=number,
            from_kernel=from_kernel,
            line_end=end,
        )

    def _docker(self, scopes: Scopes, line: Line, end: int) -> Sequence[Message]:
        text = _bytes(scopes[0].get("log"))
        if text is None:
            return ()
        if not text.endswith(b"\n") and len(text) >= DOCKER_CHUNK and len(self._chunk) < MAX_MESSAGE_BYTES:
            self._chunk += text
            return ()
        text, self._chunk = self._chunk + text, b""
        printed, resolved = self._time(json_fields.named(scopes[:1]))
        envelope = Envelope(
            transport="docker-json",
            line=line,
            line_end=end,
            wall=resolved.wall,
            printed=printed,
            from_process=True,
            issues=resolved.issues,
        )
        return self._inner.feed(text, envelope)

    def _cell(self, found: Object, line: Line, end: int) -> Sequence[Message]:
        """Take a field of a row of CloudWatch Insights: the time of a row comes before its text."""
        name = str(found["field"]).lstrip("@")
        if name == "timestamp":
            self._row_time = found["value"]
        elif name == "message":
            return self._any(({"message": found["value"], "timestamp": self._row_time},), line, end)
        return ()

    def _any(self, scopes: Scopes, line: Line, end: int) -> Sequence[Message]:
        scopes = json_fields.named(scopes)
        text = next((each for scope in scopes if (each := _bytes(json_fields.text(scope))) is not None), None)
        if text is None:
            text = _bytes(json_fields.longest(scopes))
        if text is None:
            return ()
        printed, resolved = self._time(scopes)
        facility = json_fields.first(scopes, json_fields.FACILITY)
        number = field_number(facility)
        if number is None and isinstance(facility, str):
            number = facility_number(facility)
        tag = json_fields.tag(scopes, of_syslog=number is not None)
        level = json_fields.first(scopes, json_fields.LEVEL)
        severity = LEVELS.get(level.lower()) if isinstance(level, str) and level.isalpha() else _level(level)
        priority = field_number(json_fields.first(scopes, json_fields.PRIORITY))
        if priority is not None and 7 < priority < MAX_PRIORITY:
            rank, severity = divmod(priority, 8)
            number = rank if number is None else number
        from_kernel = None if tag is None else tag.rstrip(":") == "kernel"
        if number is not None:
            from_kernel = number == 0 and from_kernel is not False
        road = json_fields.first(scopes[1:], json_fields.ROAD)  # inside an object that is named after journald
        if road in json_fields.JOURNAL_ROADS:
            from_kernel = road == "kernel" and from_kernel is not False
        envelope = Envelope(
            transport="json",
            line=line,
            line_end=end,
            wall=resolved.wall,
            printed=printed,
            host=field_text(json_fields.first(scopes, json_fields.HOST)),
            level=severity,
            facility=number,
            from_kernel=from_kernel,
            from_syslog=tag is not None,
            issues=resolved.issues,
        )
        return self._inner.feed(text, envelope)

    def _time(self, scopes: Scopes) -> tuple[str | None, Resolved]:
        value = json_fields.first(scopes, json_fields.TIME)
        if isinstance(value, str) and len(value) <= 64:
            printed = well_formed(value)
            return printed, self.context.times.resolve(printed)
        if type(value) in (int, float):
            seconds = float(value)
            while seconds > 1e11:  # milliseconds, microseconds, nanoseconds
                seconds /= 1000
            return str(value), self.context.times.resolve(f"{seconds:.6f}")
        return None, NOTHING


_TIME_OF_DMESG = frozenset(("time", "fac", "caller"))
_CELL = {"field", "value"}
# dmesg 2.38 with both -J and -F writes the rest of its file into each record.  No name is as long as this.
_NEXT_IN_BUFFER = re.compile(r"\n<\d{1,3}>\[[ \d]{5,10}\.\d{6}\] |\n\Z")


def load(data: bytes) -> dict[str, Any] | None:
    """Read one object; None for what is none, is nested too deeply, or has numbers that are too long."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:  # what msgspec refuses: bytes that are not UTF-8, lone surrogates, huge numbers
            found = json.loads(data.decode("utf-8", "surrogateescape"), strict=False)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def _bytes(value: object) -> bytes | None:
    text = field_text(value)
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _level(value: object) -> int | None:
    number = field_number(value)
    return number if number is not None and number < 8 else None


def _limited(text: str) -> str:
    return text[:MAX_MESSAGE_BYTES]


JSON = JsonTransport()
TRANSPORTS = (DmesgJsonTransport(), JournalJsonTransport(), DockerJsonTransport(), JSON)
