r"""Syslog files: RFC 3164 and ISO 8601 stamps, as rsyslog, syslog-ng, sysklogd, BusyBox and journalctl write them.

Turns ``Nov 21 03:18:24 host kernel: [    7.670939] text`` into messages.  Host and inner stamp may be missing
(rsyslog's imklog leaves the stamp out since 8.2312), the date may be of any kind that `oomparse.timestamps` reads, and
``<4>`` may stand before it (forwarded logs).  BusyBox and logread name facility and level (``kern.warn kernel:``).
``journalctl -o short``, ``short-precise``, ``short-iso`` and ``short-full`` are the same text with continuation lines
indented; a journal shows ``[79B blob data]`` for a text that it holds but does not print.

The tag tells who spoke: ``kernel:`` is as good as the daemon that wrote it, any other tag is a process, and so is
``kernel[123]:`` or a priority with another facility.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.pattern import pattern
from oomparse.record import maker
from oomparse.transports.base import (
    LEVELS,
    MAX_MESSAGE_BYTES,
    DecodeContext,
    LineDecoder,
    LineTransport,
    Sample,
    facility_number,
)
from oomparse.transports.escapes import BACKSLASH, ESCAPE, HASH, unescape_syslog

MAX_HOSTS = 64
"""Host names remembered of one log, to tell a host from the first word of a text without a tag."""

CLOCK = rb"\d\d:\d\d:\d\d(?:\.\d{1,9})?"
ZONE = rb"(?:Z|[+-]\d\d:?\d\d)"
DATE = (
    rb"(?:(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} (?: ?\d|\d\d) %(clock)s(?: \d{4})?"  # [Sat] Nov 21 03:18:24 [2026]
    rb"|(?:\d{1,2}(?=\xe6)|[A-Za-z\x80-\xff])[A-Za-z.\x80-\xff]{2,11} (?: ?\d|\d\d) %(clock)s"  # août 21 …
    rb"|\d{4}-\d\d-\d\dT%(clock)s%(zone)s?"  # 2026-11-21T03:18:24.738194+00:00
    rb"|\d{4}-\d\d-\d\d %(clock)s(?:,\d{1,6})? ?%(zone)s?"  # 2026-11-21 03:18:24,123
    rb"|\d{4} [A-Z][a-z]{2} (?: ?\d|\d\d) %(clock)s"  # 2026 Nov 21 03:18:24
    rb"|[^\W\d_]{2,12}\.? \d{4}-\d\d-\d\d %(clock)s [A-Za-z+\-0-9:]{1,8})" % {b"clock": CLOCK, b"zone": ZONE}
)
STAMP = rb"(?:\[ {0,5}(\d{1,10}\.\d{6,9})\](?:\[ *([TC]\d{1,10})\])? ?)?"

_LEVEL = rb"(emerg|panic|alert|crit|err(?:or)?|warn(?:ing)?|notice|info|debug)"
_HEAD = rb"(?:<(\d{1,3})>)?(%s) +(?:(?![a-z0-9]{2,8}\.%s )(\S*[^\s:]) +)?(?:([a-z0-9]{2,8})\.%s )?" % (
    DATE,
    _LEVEL.replace(b"(", b"(?:", 1),
    _LEVEL,
)
# RFC 5424 names a program without a colon, and so does a file that rsyslog writes of what it received that way.
_KERNEL = re.compile(rb"%skernel(?:: ?| (?=\[ {0,5}\d{1,10}\.\d{6,9}\]))%s(.*)" % (_HEAD, STAMP), re.DOTALL)


@cache  # compiled when it is first used, and compared with a match's `re`
def _tagged() -> re.Pattern[bytes]:
    return re.compile(
        rb"%s((?>[^\[\]:]{1,64}(?=\[)|[^\s:\[]{1,64})(?>\[[^\]\s]{1,32}\])?): ?(.*)" % _HEAD,
        re.DOTALL,
    )


# A record that follows the one before without a line end, as rsyslog's forward format does in a file.
_NEXT_RECORD = pattern(rb"(?=<\d{1,3}>%s [^\s:]+ [^\s:]+: )" % DATE)
_UNTAGGED = pattern(
    rb"(?:<(\d{1,3})>)?(%s) +(?:(\S+) +(?=\[ {0,5}\d{1,10}\.\d{6}\]))?%s(.*)" % (DATE, STAMP),
    re.DOTALL,
)


_BLOB = re.compile(r"\[[\d.]+[BKMG]? ?blob data\]")
_LOST = {
    "systemd-journald": re.compile(r"Missed \d+ kernel messages|Suppressed \d+ messages"),
    "rsyslogd": re.compile(r"imklog.* lost|\d+ messages from .* due to rate-limiting"),
}


class SyslogTransport(LineTransport):
    """A syslog file."""

    name = "syslog"
    confidence = 0.85
    pattern = _KERNEL

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Recognise a date at the beginning."""
        return _KERNEL.match(data) or _tagged().match(data) or _UNTAGGED.match(data)

    def unescape(self, text: str) -> str:
        r"""Undo ``#012`` and what imkmsg passes on."""
        return unescape_syslog(text)

    def width(self, match: re.Match[bytes]) -> int:
        """Return where the text (or its inner stamp) begins."""
        if match.re is _KERNEL and match[6] is not None:
            return match.start(6) - 1
        return match.start(match.re.groups)

    def text_offset(self, data: bytes) -> int:
        """Return where the kernel's text begins in a line, or -1."""
        match = self.match(data)
        return -1 if match is None else match.start(match.re.groups)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        tag = stamp = caller = facility = level = None
        if match.re is _KERNEL:
            priority, date, host, facility, level, stamp, caller, raw = match.groups()
            from_kernel: bool | None = True
        elif match.re is _tagged():
            priority, date, host, facility, level, tag, raw = match.groups()
            from_kernel = False
        else:
            priority, date, host, stamp, caller, raw = match.groups()
            from_kernel = None
        printed = date.decode("utf-8", "surrogateescape")
        wall, issues = context.times.resolve(printed)
        number, severity, micros = None, None, None
        if priority is not None:
            number, severity = divmod(int(priority), 8)
            from_kernel = from_kernel if number == 0 else False
        elif facility is not None and level is not None:
            number, severity = facility_number(facility.decode("ascii")), LEVELS.get(level.decode("ascii"))
            from_kernel = from_kernel if number == 0 else False
        if stamp is not None:
            whole, fraction = stamp.split(b".")
            micros = int(whole) * 1_000_000 + int(fraction[:6])
        text = self.text(raw)
        if tag is not None or text[:1] == "[":
            issues = (*issues, *losses(text, None if tag is None else tag.decode("utf-8", "replace"), line.number))
        return maker(Message)(
            text=text,
            transport="syslog",
            monotonic_us=micros,
            wall=wall,
            printed=printed,
            host=None if host is None else host.decode("utf-8", "surrogateescape"),
            caller=None if caller is None else caller.decode("ascii"),
            level=severity,
            facility=number,
            from_kernel=from_kernel,
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
            issues=issues,
        )

    def decoder(self, context: DecodeContext) -> "SyslogDecoder":
        """Begin a reading."""
        return SyslogDecoder(self, context)

    samples = (
        Sample(
            lines=(
                b"Nov 21 03:18:24 oomlab kernel: [    7.670939] hog invoked oom-killer: order=0",
                b"Nov 21 03:18:24 oomlab kernel: [    7.670940][   T12]  active_file:0",
                b"Nov 21 03:18:25 oomlab kernel: [  333]     0   333     2667 udevd",
                b"Nov  1 03:18:25 kernel: audit: type=1400",
                b"Nov 21 03:18:26 oomlab systemd[1]: kernel: Killed process 1 (init)",
                b"Nov 21 03:18:26 oomlab kernel[77]: Killed process 1 (init)",
                b"2026-11-21T03:18:27.123456+00:00 oomlab kernel [    7.670941] Mem-Info:",
            ),
            messages=(
                {
                    "text": "hog invoked oom-killer: order=0",
                    "monotonic_us": 7670939,
                    "printed": "Nov 21 03:18:24",
                    "host": "oomlab",
                    "from_kernel": True,
                },
                {"text": " active_file:0", "caller": "T12"},
                {"text": "[  333]     0   333     2667 udevd", "monotonic_us": None},
                {"text": "audit: type=1400", "host": None, "printed": "Nov  1 03:18:25"},
                {"text": "kernel: Killed process 1 (init)", "from_kernel": False},
                {"text": "Killed process 1 (init)", "from_kernel": False},
                {"text": "Mem-Info:", "monotonic_us": 7670941, "host": "oomlab", "from_kernel": True},
            ),
        ),
        Sample(
            lines=(
                b"2026-11-21T03:35:04+0000 oomlab kernel: active_anon:185 inactive_anon:110263",
                b"                                         active_file:0 inactive_file:0",
                b"2026-11-21T03:35:04.123456+02:00 oomlab kernel: one#012two #236-Ubuntu",
                b"2026-11-21 03:35:04 oomlab kernel: [79B blob data]",
            ),
            messages=(
                {"text": "active_anon:185 inactive_anon:110263\n active_file:0 inactive_file:0", "line_end": 2},
                {"text": "one\ntwo #236-Ubuntu"},
                {
                    "text": "[79B blob data]",
                    "issues": (
                        Issue(code=IssueCode.ZONE_ASSUMED, detail="UTC; the stamps have no zone"),
                        Issue(
                            code=IssueCode.MESSAGES_LOST,
                            detail="the journal left out a text (journalctl --all shows it)",
                            line=4,
                        ),
                    ),
                },
            ),
        ),
        Sample(
            lines=(
                b"<5>2026-11-21T03:18:19.378701+00:00 oomlab kernel: [    0.000000] Linux version 6.1.0",
                b"<12>Nov 21 03:18:24 oomlab kernel: Killed process 1 (init)",
                b"<12>Nov 21 03:18:24 oomlab Out of memory: Killed process 1 (init)",
                b"Nov 21 03:18:24 box kern.err kernel: [    7.670939] Mem-Info:",
                b"Sat Nov 21 03:18:24 2026 kern.warn kernel: [    7.670939] Mem-Info:",
                b"Sat 2026-11-21 03:28:15 UTC oomlab kernel: Mem-Info:",
                "M\u00e4r 21 03:18:24 oomlab kernel: Mem-Info:".encode(),
                "11\u6708 21 03:18:24 oomlab kernel: Mem-Info:".encode(),
                b"-- Boot 0123456789abcdef0123456789abcdef --",
                b"ao\xc3\xbbt  1 03:18:24 oomlab kernel: Mem-Info:",
            ),
            messages=(
                {"text": "Linux version 6.1.0", "level": 5, "facility": 0, "from_kernel": True},
                {"text": "Killed process 1 (init)", "facility": 1, "from_kernel": False},
                {"facility": 1, "from_kernel": False},
                {"text": "Mem-Info:", "host": "box", "level": 3, "facility": 0},
                {"text": "Mem-Info:", "host": None, "level": 4, "printed": "Sat Nov 21 03:18:24 2026"},
                {"text": "Mem-Info:", "host": "oomlab", "printed": "Sat 2026-11-21 03:28:15 UTC"},
                {"text": "Mem-Info:", "host": "oomlab", "printed": "M\u00e4r 21 03:18:24"},
                {"text": "Mem-Info:", "host": "oomlab", "boot_id": None},
                {"text": "-- Boot 0123456789abcdef0123456789abcdef --"},
                {"text": "Mem-Info:", "boot_id": "0123456789abcdef0123456789abcdef"},
            ),
        ),
        Sample(
            lines=(
                b"Nov 21 03:18:24 oomlab [    7.670939] Mem-Info:",
                b"Nov 21 03:18:24 oomlab last message repeated 2 times",
                b"Nov 21 03:18:24 Out of memory: Killed process 1 (init)",
                b"Nov 21 03:18:24 oomlab Plex Media Server[9]: Killed process 1 (init)",
            ),
            messages=(
                {"text": "Mem-Info:", "host": "oomlab", "from_kernel": None},
                {"text": "last message repeated 2 times", "host": "oomlab", "from_kernel": None},
                {"text": "Out of memory: Killed process 1 (init)", "host": None, "from_kernel": None},
                {"text": "Killed process 1 (init)", "from_kernel": False},
            ),
        ),
    )


class _Alike(NamedTuple):
    """A kernel record: the next one probably differs from it in the digits of its two stamps and in its text alone."""

    prefix: bytes
    """All before the text, with zeros for all digits."""
    words: bytes
    """What stands between the stamps, with the second one's bracket."""
    date_bytes: int
    stamp_at: int
    text_at: int
    host: str | None


_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)


class SyslogDecoder(LineDecoder):
    """Reads a syslog file; remembers its hosts."""

    def __init__(self, transport: SyslogTransport, context: DecodeContext) -> None:
        super().__init__(transport, context)
        self._hosts: set[str] = set()
        self._message = self._build
        self._alike: _Alike | None = None

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that begins with a date, or an indented continuation line."""
        if line.data[:1] == b"<":
            starts = [found.start() for found in _NEXT_RECORD.finditer(line.data)]
            if len(starts) > 1 and starts[0] == 0:
                return self._split(line, starts)
        return super().offer(line)

    def alone(self, line: Line) -> Message | None:
        """Take a line as `offer` does, where nothing is held."""
        data, _, _, cut = line
        if self._held is not None or cut or data[-1:] == b"\r" or self._boot is not None:
            return None
        if self._alike is not None and (message := self._as_before(line, self._alike)) is not None:
            return message
        match = self._match(data) if data[:1] != b"<" and len(data) <= MAX_MESSAGE_BYTES else None
        if match is None:
            return None
        message = self._build(match, line, self.context)
        self._alike = _alike(match, message)
        return message

    def _as_before(self, line: Line, before: _Alike) -> Message | None:
        """Decode a record like the one before; None where it is not quite so."""
        prefix, words, date_bytes, at, end, host = before
        data, number, path, _ = line
        if data[:end].translate(_ZEROS) != prefix or data[date_bytes:at] != words or len(data) > MAX_MESSAGE_BYTES:
            return None
        text = data[end:]
        if not text.isascii() or BACKSLASH in text or HASH in text or ESCAPE in text or text[:1] == b"[":
            return None  # there is more to be done
        printed = data[:date_bytes].decode("utf-8", "surrogateescape")
        context = self.context
        wall, issues = context.times.resolve(printed)
        return maker(Message)(
            text=text.decode("ascii"),
            transport="syslog",
            monotonic_us=int(data[at : end - 2].replace(b".", b"")),
            wall=wall,
            printed=printed,
            host=host,
            from_kernel=True,
            path=path or context.path,
            line_start=number,
            line_end=number,
            issues=issues,
        )

    def _split(self, line: Line, starts: Sequence[int]) -> Sequence[Message]:
        messages = list(self.flush())
        proven = True
        for begin, end in zip(starts, (*starts[1:], len(line.data)), strict=True):
            for message in (*self.feed(line._replace(data=line.data[begin:end], cut=False)), *self.flush()):
                # What a process wrote may hold anything, also what looks like the next record.
                proven = proven and message.from_kernel is True
                honest = message if proven or not message.from_kernel else replace(message, from_kernel=None)
                messages.append(honest)
        return messages

    def _build(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        message = self.transport.message(match, line, context)
        if message.host is None:
            if message.from_kernel is None and self._hosts:
                return self._with_known_host(message)
        elif message.host not in self._hosts and len(self._hosts) < MAX_HOSTS:
            self._hosts.add(message.host)
        return message

    def _with_known_host(self, message: Message) -> Message:
        host, _, text = message.text.partition(" ")
        return replace(message, host=host, text=text) if host in self._hosts else message


def _alike(match: re.Match[bytes], message: Message) -> _Alike | None:
    """Return what the next record is compared with; None where this one is not so plain."""
    if match.re is not _KERNEL or match[1] is not None or match[4] is not None or match[7] is not None:
        return None
    stamp = match[6]
    if stamp is None or stamp[-7:-6] != b"." or match.string[match.end(6) :][:2] != b"] ":
        return None
    date_bytes, at, end = len(match[2]), match.start(6), match.end(6) + 2
    data = match.string
    return _Alike(data[:end].translate(_ZEROS), data[date_bytes:at], date_bytes, at, end, message.host)


def losses(text: str, tag: str | None, number: int | None) -> tuple[Issue, ...]:
    """Return an issue where a text says that messages are missing."""
    if tag is None:
        if _BLOB.fullmatch(text):
            detail = "the journal left out a text (journalctl --all shows it)"
            return (Issue(code=IssueCode.MESSAGES_LOST, detail=detail, line=number),)
        return ()
    lost = _LOST.get(tag.partition("[")[0])
    if lost is not None and (found := lost.search(text)):
        return (Issue(code=IssueCode.MESSAGES_LOST, detail=found.group(), line=number),)
    return ()


TRANSPORT = SyslogTransport()
