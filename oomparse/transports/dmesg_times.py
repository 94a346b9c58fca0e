r"""dmesg with several stamps before each text: ``dmesg --time-format ctime --time-format raw`` (util-linux since 2.40).

Turns ``[Sat Nov 21 03:18:24 2026] [    7.670939] text`` into messages: one stamp may be the kernel's own, another the
date.  A process may be called ``[    1.000000]``, so a log that is being read as one of single stamps is not asked
again.
"""

import re

from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.timestamps import NOTHING
from oomparse.transports.base import LEVELS, DecodeContext, LineTransport, Sample, facility_number, microseconds
from oomparse.transports.dmesg import CALLER, DATE, ISO, PREFIX, RELATIVE, SECONDS
from oomparse.transports.escapes import unescape_dmesg

_STAMP = re.compile(rb"(?:%s|%s|%s|%s) " % (SECONDS, DATE, ISO, RELATIVE))
_ANY = re.sub(rb"\((?!\?)", b"(?:", _STAMP.pattern)
_LINE = re.compile(rb"(?:%s)?((?:%s){2,5})%s ?(.*)" % (PREFIX, _ANY, CALLER), re.DOTALL)


class DmesgTimesTransport(LineTransport):
    """dmesg with several stamps in each line."""

    name = "dmesg-times"
    confidence = 0.81
    pattern = _LINE
    samples = (
        Sample(
            lines=(
                b"[Sat Nov 21 03:18:24 2026] [    7.684207] active_anon:195",
                b"                active_file:0",
                b"[Sat Nov 21 03:18:24 2026] [    7.684208] [   T74] Mem-Info:",
            ),
            messages=(
                {
                    "text": "active_anon:195\n active_file:0",
                    "monotonic_us": 7684207,
                    "printed": "Sat Nov 21 03:18:24 2026",
                    "line_end": 2,
                },
                {"text": "Mem-Info:", "monotonic_us": 7684208, "caller": "T74"},
            ),
        ),
        Sample(
            lines=(
                b"kern  :warn  : [    7.684207] [<    0.000012>] 2026-11-21T03:18:24,684207+00:00 Mem-Info:",
                b"user  :err   : [    7.684208] [<    0.000001>] 2026-11-21T03:18:24,684208+00:00 Killed process 1",
            ),
            messages=(
                {
                    "text": "Mem-Info:",
                    "monotonic_us": 7684207,
                    "printed": "2026-11-21T03:18:24,684207+00:00",
                    "level": 4,
                    "from_kernel": True,
                },
                {"text": "Killed process 1", "facility": 1, "from_kernel": False},
            ),
        ),
    )

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Recognise a line with several stamps, each of another kind."""
        match = _LINE.match(data)
        if match is None:
            return None
        kinds = [found.lastindex for found in _STAMP.finditer(match[4])]
        return match if len(set(kinds)) == len(kinds) else None

    def unescape(self, text: str) -> str:
        r"""Undo ``\xNN``."""
        return unescape_dmesg(text)

    def width(self, match: re.Match[bytes]) -> int:
        """Return how far continuation lines are indented: dmesg counts the last stamp only."""
        last = match.start(4)
        for found in _STAMP.finditer(match[4]):
            last = match.start(4) + found.start()
        return match.start(6) - (last - match.start(4))

    def text_offset(self, data: bytes) -> int:
        """Return where the kernel's text begins in a line, or -1."""
        match = self.match(data)
        return -1 if match is None else match.start(6)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        facility, level, caller = map(_text, match.group(2, 3, 5))
        seconds = printed = None
        wall, issues = NOTHING
        for stamp in _STAMP.finditer(match[4]):
            own, *others = map(_text, stamp.groups())
            seconds = seconds or own
            date = next((other.strip() for other in others if other and other.strip()[0] not in "+-<"), None)
            if date is not None and printed is None:
                printed, (wall, issues) = date, context.times.resolve(date)
        number = None if facility is None else facility_number(facility)
        from_kernel = None if facility is None else facility == "kern"
        severity = None if level is None else LEVELS.get(level)
        if match[1] is not None:
            number, severity = divmod(int(match[1]), 8)
            number, from_kernel = (number, False) if number else (None, None)
        return maker(Message)(
            text=self.text(match[6]),
            transport="dmesg",
            monotonic_us=None if seconds is None else microseconds(seconds),
            printed=printed or seconds,
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


def _text(part: bytes | None) -> str | None:
    return None if part is None else part.decode("utf-8", "surrogateescape")


TRANSPORT = DmesgTimesTransport()
