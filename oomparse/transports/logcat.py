r"""Android's logcat: ``10-24 14:24:26.342     0     0 W hog     : text`` and ``W/hog(    0): text``.

Turns lines of the threadtime, time and brief formats into messages.  The log daemon (``logd/LogKlog.cpp``) takes one or
two words before the first colon of a kernel line for a tag, and blanks at both ends away; the tag is put back, with a
blank behind the colon except where the kernel prints ``name:number`` and ``oom-kill:constraint=``.  Only process 0 is
the kernel.
"""

import re

from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.transports.base import DecodeContext, LineTransport, Sample

_PRIORITIES = {b"V": 7, b"D": 7, b"I": 6, b"W": 4, b"E": 3, b"F": 2, b"A": 1}
_DATE = rb"(?P<date>(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9})"
_THREADTIME = re.compile(
    rb"%s(?: [+-]\d{4})? +(?:\w{1,16} +)??(?P<pid>\d{1,7}) +\d{1,7} "
    rb"(?P<priority>[VDIWEFA]) (?P<tag>[^:]{0,64}?) *: ?(?P<text>.*)" % _DATE,
    re.DOTALL,
)
_BRIEF = re.compile(
    rb"(?:%s )?(?P<priority>[VDIWEFA])/(?P<tag>[^(:]{0,64}?) *"
    rb"\( *(?P<pid>\d{1,7})\): ?(?P<text>.*)" % _DATE,
    re.DOTALL,
)


# Behind these tags the kernel goes on without a blank: counters, kworker/0:1, oom-kill:constraint=.
_CLOSE = re.compile(rb"(?:\S{1,16} )?[a-z_-]+:\d|[^:]*/[a-z]*\d+:\w|oom-kill:constraint=")


class LogcatTransport(LineTransport):
    """Android's logcat."""

    name = "logcat"
    confidence = 0.88
    pattern = _THREADTIME
    samples = (
        Sample(
            lines=(
                b"11-21 03:18:24.342     0     0 W Out of memory: Killed process 1 (init)",
                b"11-21 03:18:24.342     0     0 W         : hog invoked oom-killer",
                b"11-21 03:18:24.343   710   710 I lowmemorykiller: Kill 'foo' (1)",
                b"11-21 03:18:24.344 W/Out of memory(    0): Killed process 1 (init)",
                b"I/lowmemorykiller(  710): Kill 'foo' (1)",
            ),
            messages=(
                {
                    "text": "Out of memory: Killed process 1 (init)",
                    "from_kernel": True,
                    "level": 4,
                    "printed": "11-21 03:18:24.342",
                },
                {"text": "hog invoked oom-killer"},
                {"text": "Kill 'foo' (1)", "from_kernel": False, "level": 6},
                {"text": "Out of memory: Killed process 1 (init)", "from_kernel": True},
                {"text": "Kill 'foo' (1)", "from_kernel": False, "printed": None},
            ),
        ),
        Sample(
            lines=(
                b"11-21 03:18:24.342     0     0 W active_anon: 195 inactive_anon:0 isolated_anon:0",
                b"11-21 03:18:24.342     0     0 W lowmem_reserve[]: 0 2976 2976",
                b"11-21 03:18:24.342     0     0 I oom-kill: constraint=CONSTRAINT_NONE,nodemask=(null)",
                b"11-21 03:18:24.342     0     0 W kworker/0: 1 invoked oom-killer: order=-1",
                b"11-21 03:18:24.342     0     0 W Mem-Info:  ",
            ),
            messages=(
                {"text": "active_anon:195 inactive_anon:0 isolated_anon:0"},
                {"text": "lowmem_reserve[]: 0 2976 2976"},
                {"text": "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null)"},
                {"text": "kworker/0:1 invoked oom-killer: order=-1"},
                {"text": "Mem-Info:"},
            ),
        ),
    )

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Recognise a line of one of the formats."""
        return _THREADTIME.match(data) or _BRIEF.match(data)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        kernel = int(match["pid"]) == 0
        tag, text = match["tag"], match["text"]
        printed = None if match["date"] is None else match["date"].decode("ascii")
        wall, issues = context.times.resolve(printed) if printed else (None, ())
        return maker(Message)(
            text=self.text(_joined(tag, text) if kernel and tag else text),
            transport="logcat",
            wall=wall,
            printed=printed,
            level=_PRIORITIES[match["priority"]],
            from_kernel=kernel,
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
            issues=issues,
        )


def _joined(tag: bytes, text: bytes) -> bytes:
    close = tag + b":" + text
    return close if _CLOSE.match(close) else (tag + b": " + text).rstrip()


TRANSPORT = LogcatTransport()
