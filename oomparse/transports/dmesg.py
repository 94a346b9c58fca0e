r"""The kernel's ring buffer as text: dmesg in all its styles, serial consoles, ``/proc/kmsg``, pstore.

Turns lines such as ``[    7.670939] hog invoked oom-killer: …`` into messages.  The stamp is the kernel's own
(``kernel/printk/printk.c:print_time()``, caller id ``print_caller()``) or what util-linux makes of it: ``-T``
(localised), ``--time-format iso``, ``-d``, ``-e``.  Before it may stand ``<N>`` (``-r``) or ``kern  :warn  : ``
(``-x``).  Text without any stamp is not taken here (`oomparse.transports.text`), except behind ``<N>`` or a facility.

A console has no records: another processor's line may begin in the middle of one, and does so with its own stamp.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.timestamps import NOTHING
from oomparse.transports.base import (
    LEVELS,
    DecodeContext,
    LineDecoder,
    LineTransport,
    Sample,
    clean,
    facility_number,
)
from oomparse.transports.escapes import unescape_dmesg

MAX_STAMP_GAP_US = 60_000_000
"""A second stamp on a line is one only if it is this little later than the first."""

SECONDS = rb"\[ {0,5}(\d{1,10}\.\d{6})(?: <[ \d-]{0,16}\.\d{6}>)?\]"
DATE = rb"\[([^\s\[\]]{1,24} +[^\s\[\]]{1,24} +\d{1,2} \d\d:\d\d:\d\d \d{4})(?: <[ \d-]{0,16}\.\d{6}>)?\]"
RELATIVE = rb"\[((?: *[+-]\d{1,10}\.\d{6}| *<[ \d-]{0,16}\.\d{6}>|[^\s\d\[\]]{1,16} ?\d{1,2} \d\d:\d\d))\]"
ISO = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}(?:Z|[+-]\d\d:?\d\d)?)(?= |$)"
PREFIX = rb"(?:<(\d{1,5})>|([a-z0-9]{3,8}) *:([a-z]{3,6}) *: )"
CALLER = rb"(?: ?\[ *([TC]\d{1,10})\])?"
_LINE = re.compile(
    rb"(?:%(prefix)s)?(?:%(seconds)s|%(date)s|%(iso)s|%(relative)s)%(caller)s ?(.*)"
    % {
        b"prefix": PREFIX,
        b"seconds": SECONDS,
        b"date": DATE,
        b"iso": ISO,
        b"relative": RELATIVE,
        b"caller": CALLER,
    },
    re.DOTALL,
)
_PLAIN = re.compile(rb"\[ {0,5}(\d{1,10}\.\d{6})\](?: ?\[ *([TC]\d{1,10})\])? ?(.*)", re.DOTALL)
_BARE = re.compile(rb"%s(?!\x1b\[)(?: ?\[ *([TC]\d{1,10})\] ?)?(.*)" % PREFIX, re.DOTALL)
_STAMP = rb"\[(?= *\d)([ \d]{5,10})\.(\d{6})\](?:\[ *[TC]\d{1,10}\])? (?=\S)"
# Where the kernel prints a name (behind ( = / [ and blanks), what looks like a stamp may be that name.
_GLUED_STAMP = re.compile(rb"(?<=[^\s(=/\[])" + _STAMP)
_LATER_STAMP = re.compile(rb"(?<=[^(=/\[])" + _STAMP)
# What journalctl -o short-monotonic puts before a text; a text of the kernel's may begin so too.
_JOURNAL_HEAD = re.compile(rb"\[ {0,5}\d{1,10}\.\d{6}\] (?:(\S*[^\s:]) )?[^\s:\[]{1,64}(?:\[\d{1,10}\])?: ")
_DROPPED = re.compile(rb"(\*\* \d{1,10} printk messages dropped \*\*) ?")


class DmesgTransport(LineTransport):
    """dmesg, a serial console, or ``/proc/kmsg``."""

    name = "dmesg"
    confidence = 0.8
    pattern = _LINE

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Recognise a stamp, a priority or a facility at the beginning."""
        return _PLAIN.match(data) or _LINE.match(data) or _BARE.match(data)

    def unescape(self, text: str) -> str:
        r"""Undo ``\xNN``."""
        return unescape_dmesg(text)

    def width(self, match: re.Match[bytes]) -> int:
        """Return where the text begins."""
        return match.start(match.re.groups)

    def text_offset(self, data: bytes) -> int:
        """Return where the kernel's text begins in a line, or -1."""
        match = self.match(data)
        return -1 if match is None else match.start(match.re.groups)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        if match.re is _PLAIN:
            stamp, caller, raw = match.groups()
            whole, fraction = stamp.split(b".")
            return maker(Message)(
                text=self.text(raw),
                transport="dmesg",
                monotonic_us=int(whole) * 1_000_000 + int(fraction),
                printed=stamp.decode("ascii"),
                caller=None if caller is None else caller.decode("ascii"),
                path=line.path or context.path,
                line_start=line.number,
                line_end=line.number,
            )
        return self._decorated(match, line, context)

    def _decorated(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        groups = [None if group is None else group.decode("utf-8", "surrogateescape") for group in match.groups()[:-1]]
        if match.re is _BARE:
            priority, facility, level, caller = groups
            seconds = date = iso = relative = None
        else:
            priority, facility, level, seconds, date, iso, relative, caller = groups
        number, severity, from_kernel = None, None, None
        if priority is not None:
            # /proc/kmsg puts the facility in; util-linux' -r does not, so that a small number proves nothing.
            number, severity = divmod(int(priority), 8)
            number, from_kernel = (number, False) if number else (None, None)
        elif facility is not None and level is not None:
            number, severity = facility_number(facility), LEVELS.get(level)
            from_kernel = facility == "kern"
        wall, issues = NOTHING
        printed = date or iso or (relative.strip() if relative else seconds)
        if printed and not seconds and printed[0] not in "+-<":
            wall, issues = context.times.resolve(printed)
        micros = None
        if seconds is not None:
            whole, fraction = seconds.split(".")
            micros = int(whole) * 1_000_000 + int(fraction)
        return maker(Message)(
            text=self.text(match[match.re.groups]),
            transport="dmesg",
            monotonic_us=micros,
            printed=printed,
            wall=wall,
            caller=caller,
            level=severity,
            facility=number,
            from_kernel=from_kernel,
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
            issues=issues,
        )

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines with a stamp, if one begins with it."""
        lines = [cleaned for data in head if (cleaned := clean(data))]
        if not any(self.match(data) for data in lines):
            return 0.0
        return max(super().looks_like(lines), self.confidence * sum(map(_stamped, lines)) / len(lines))

    def decoder(self, context: DecodeContext) -> "DmesgDecoder":
        """Begin a reading."""
        return DmesgDecoder(self, context)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            lines=(
                b"[    7.684207] active_anon:195 inactive_anon:106862 isolated_anon:0",
                b"                active_file:0 inactive_file:0 isolated_file:0",
                b"[    7.685040] Node 0 Normal: 1*4kB (U) = 4kB",
            ),
            messages=(
                {
                    "text": "active_anon:195 inactive_anon:106862 isolated_anon:0\n"
                    " active_file:0 inactive_file:0 isolated_file:0",
                    "monotonic_us": 7684207,
                    "printed": "7.684207",
                    "from_kernel": None,
                    "line_start": 1,
                    "line_end": 2,
                },
                {"text": "Node 0 Normal: 1*4kB (U) = 4kB", "line_start": 3, "line_end": 3},
            ),
        ),
        Sample(
            lines=(
                rb"[    1.628970][   T74] caf\xc3\xa9 invoked oom-killer: order=0",
                rb"[    1.628980] [C1] /user\x2d1.slice",
                b"[    1.630000]     ps:4",
            ),
            messages=(
                {"text": "café invoked oom-killer: order=0", "caller": "T74", "monotonic_us": 1628970},
                {"text": r"/user\x2d1.slice", "caller": "C1"},
                {"text": "    ps:4"},
            ),
        ),
        Sample(
            lines=(b"[Sat Nov 21 03:18:24 2026] Mem-Info:", b"[mar. ao\xc3\xbbt 12 03:54:03 2025] Mem-Info:"),
            messages=(
                {"text": "Mem-Info:", "printed": "Sat Nov 21 03:18:24 2026", "monotonic_us": None},
                {"text": "Mem-Info:", "printed": "mar. août 12 03:54:03 2025"},
            ),
        ),
        Sample(
            lines=(
                b"kern  :warn  : 2026-11-21T03:18:24,670939+00:00 Mem-Info:",
                b"user  :notice: 2026-11-21T03:18:24,670940+00:00 Killed process 1 (init)",
                b"kern  :err   : [Sat Nov 21 03:18:24 2026] Mem-Info:",
                b"kern  :err   : Mem-Info:",
            ),
            messages=(
                {"text": "Mem-Info:", "level": 4, "facility": 0, "from_kernel": True},
                {"text": "Killed process 1 (init)", "level": 5, "facility": 1, "from_kernel": False},
                {"text": "Mem-Info:", "level": 3, "printed": "Sat Nov 21 03:18:24 2026"},
                {"text": "Mem-Info:", "level": 3, "printed": None},
            ),
        ),
        Sample(
            lines=(b"<4>[    7.670939] Mem-Info:", b"<12>[    7.670940] Killed process 1 (init)", b"<6>Mem-Info:"),
            messages=(
                {"text": "Mem-Info:", "level": 4, "facility": None, "from_kernel": None, "monotonic_us": 7670939},
                {"text": "Killed process 1 (init)", "facility": 1, "from_kernel": False},
                {"text": "Mem-Info:", "level": 6, "printed": None},
            ),
        ),
        Sample(
            lines=(
                b"[Nov21 03:18] Mem-Info:",
                b"[  +5.598390] Mem-Info:",
                b"[    7.670939 <    5.598390>] Mem-Info:",
            ),
            messages=(
                {"text": "Mem-Info:", "printed": "Nov21 03:18"},
                {"text": "Mem-Info:", "printed": "+5.598390", "wall": None, "monotonic_us": None},
                {"text": "Mem-Info:", "printed": "7.670939", "monotonic_us": 7670939},
            ),
        ),
        Sample(
            lines=(
                b"[    0.938000] labnoise: tick 102\r",
                b"labnoise: tick 103[    0.939184] left-hog invoked oom-killer: order=0\r",
                b"** 3 printk messages dropped ** [    1.000000] Mem-Info:\r",
            ),
            messages=(
                {"text": "labnoise: tick 102\nlabnoise: tick 103", "line_end": 2},
                {"text": "left-hog invoked oom-killer: order=0", "monotonic_us": 939184, "line_start": 2},
                {
                    "text": "** 3 printk messages dropped **",
                    "issues": (Issue(code=IssueCode.MESSAGES_LOST, detail="3 printk messages dropped", line=3),),
                },
                {"text": "Mem-Info:", "monotonic_us": 1000000, "line_start": 3},
            ),
        ),
    )


class DmesgDecoder(LineDecoder):
    """Reads a ring buffer, splitting lines where a second stamp stands."""

    def __init__(self, transport: LineTransport, context: DecodeContext) -> None:
        super().__init__(transport, context)
        self._seen_host: bytes | None = b""
        """What may be the host of a journal: the first word of all lines so far; None where they differ."""

    def _is_journal(self, data: bytes) -> bool:
        """Return whether the kernel speaks in a journal, all lines of which began with the same host so far."""
        found = _JOURNAL_HEAD.match(data)
        if found is None:
            if data[:1] == b"[":
                self._seen_host = None
            return False
        host = found[1] or b" "  # --no-hostname
        if self._seen_host and host != self._seen_host:
            self._seen_host = None
            return False
        first, self._seen_host = not self._seen_host, host
        return not first and found[0].endswith(b" kernel: ")

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that begins with a stamp, or an indented continuation line."""
        data = line.data
        if self._seen_host is not None and self._is_journal(data):
            return None
        if b"[" in data[8:] and _GLUED_STAMP.search(data) and (first := _PLAIN.match(data)):
            starts = _glued(data, first)
            if starts:
                return self._split(line, starts)
        messages = super().offer(line)
        if messages is None and data.startswith(b"** ") and _DROPPED.match(data):
            return self._dropped(line)
        return messages

    def feed(self, line: Line) -> Sequence[Message]:
        """Take a line; where it begins without a stamp and goes on with one, another record begins there."""
        messages = self.offer(line)
        if messages is not None:
            return messages
        found = _LATER_STAMP.search(line.data, 1)
        return super().feed(line) if found is None else self._split(line, [found.start()])

    def _split(self, line: Line, starts: Sequence[int]) -> Sequence[Message]:
        messages: list[Message] = []
        begin = 0
        for end in (*starts, len(line.data)):
            messages += super().feed(line._replace(data=line.data[begin:end]))
            begin = end
        return messages

    def _dropped(self, line: Line) -> Sequence[Message]:
        """Take what the kernel says of lost messages, and the line behind it."""
        messages = [*self.flush()]
        data, at = clean(line.data), 0
        while (dropped := _DROPPED.match(data, at)) is not None:
            said = dropped[1].decode("ascii")
            issue = Issue(code=IssueCode.MESSAGES_LOST, detail=said.strip("* "), line=line.number)
            notice = maker(Message)(
                text=said,
                transport=self.transport.name,
                path=line.path or self.context.path,
                line_start=line.number,
                line_end=line.number,
                issues=(issue,),
            )
            messages.append(notice)
            at = dropped.end()
        return [*messages, *self.feed(line._replace(data=data[at:]))] if data[at:] else messages


def _stamped(data: bytes) -> bool:
    return _PLAIN.match(data) is not None or _LATER_STAMP.search(data, 1) is not None


def _glued(data: bytes, first: re.Match[bytes]) -> list[int]:
    """Return where further records begin on a line: at stamps that are a little later than the one before."""
    starts = []
    last = int(first[1].replace(b".", b""))
    for found in _GLUED_STAMP.finditer(data, first.start(3)):
        stamp = int(found[1].strip() + found[2]) if b" " not in found[1].strip() else -1
        if 0 <= stamp - last <= MAX_STAMP_GAP_US:
            starts.append(found.start())
            last = stamp
    return starts


class ConsoleTransport(DmesgTransport):
    """A serial console on which other output stands before the first stamp of a line."""

    name = "console"
    confidence = 0.52
    reads_as = "dmesg"
    samples = (
        Sample(
            lines=(b"Creating journal (262144 blocks): [   34.739137] mkfs.ext4 invoked oom-killer: order=0",),
            messages=(
                {"text": "Creating journal (262144 blocks): "},
                {"text": "mkfs.ext4 invoked oom-killer: order=0", "monotonic_us": 34739137},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a stamp stands in the middle of a line; in a record of something else it is a quotation."""
        return depth == 0 and _LATER_STAMP.search(data, 1) is not None

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines that have a stamp in their middle."""
        lines = [cleaned for data in head if (cleaned := clean(data))]
        return self.confidence * sum(self.takes(data, 0) for data in lines) / len(lines) if lines else 0.0


TRANSPORTS = (DmesgTransport(), ConsoleTransport())
