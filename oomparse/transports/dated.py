"""Logs of programs without a transport of their own: a date, perhaps some words, the kernel's tag or stamp, the text.

Turns ``2026/11/21 03:18:24 kernel: text``, ``[03:18:24] text`` or ``Nov 21 2026 03:18:24 box kernel: [7.670939] text``
into messages, as application loggers, moreutils' ``ts``, terminals and log viewers write them; and what programs print
that run a command on many machines (``node3: LINE``, ``web-3 | LINE``).  Words between the date and the text must end
in the kernel's tag or stamp: any other word there is a process's, and stays in the text.  It refuses dates that mean
one day in one country and another day elsewhere (``05/06/2026``).
"""

import re
from typing import Any

from oomparse.transports.base import LEVELS, DecodeContext, LineTransport, Sample, prefix_fields
from oomparse.transports.wrapped import PeeledTransport, Peeler

_CLOCK = rb"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ZONE_NAME = rb"(?:UTC|GMT|Z|(?!CRIT)[A-Z]{1,3}S?T)\b"
_ZONE = rb"(?: ?(?:" + _ZONE_NAME + rb"|[+-]\d\d:?\d\d))?"
_MONTH = rb"[A-Z][a-z]{2}"
_DATE = b"|".join(
    (
        rb"\d{4}[-/.]\d\d[-/.]\d\d[T ]" + _CLOCK + _ZONE,
        rb"(?:[A-Z][a-z]{2},? )?" + _MONTH + rb" {1,2}\d{1,2},? \d{4} " + _CLOCK + _ZONE,
        rb"(?:[A-Z][a-z]{2},? )?\d{1,2}[ -]" + _MONTH + rb"[ -]\d{4} " + _CLOCK + _ZONE,
        rb"[A-Z][a-z]{2} " + _MONTH + rb" {1,2}\d{1,2} " + _CLOCK + rb"(?: " + _ZONE_NAME + rb")? \d{4}",
        rb"1\d{9}\.\d{1,9}",
        _CLOCK,
    )
)
_BETWEEN = rb"(?: ?[|,;-])?[ \t]+"
_WORD = rb"[\w.<>@/()\[\]=-]{1,64}"
_STAMP = rb"\[ *(?P<seconds>\d+\.\d{6})\](?:\[ *(?P<caller>[TC]\d+)\])? "
_TAG = rb"(?P<tag>kernel)(?::| [|-])[ \t]+(?:" + _STAMP + rb")?"
_HOST = re.compile(r"[A-Za-z\d][\w.-]*")
_LEVEL = re.compile(r"(?:[a-z]+\.)?([a-z]+)")


class DatedTransport(LineTransport):
    """A date of some kind, and behind it the kernel's text, tag or stamp."""

    name = "dated"
    confidence = 0.575
    pattern = re.compile(
        rb"[\[(]?(?P<date>%(date)s)[\])]?%(between)s"
        rb"(?:(?P<words>(?:%(word)s%(between)s){0,4}?)(?:%(tag)s|%(stamp)s))?(?P<text>.*)"
        % {
            b"date": _DATE,
            b"between": _BETWEEN,
            b"word": _WORD,
            b"tag": _TAG,
            b"stamp": _STAMP.replace(b"<seconds>", b"<stamp>").replace(b"<caller>", b"<by>"),
        },
        re.DOTALL,
    )
    samples = (
        Sample(
            lines=(
                b"2026/11/21 03:18:24 WARN box7 kernel: [    7.670939] hog invoked oom-killer: order=0",
                b"2026/11/21 03:18:24 systemd[1]: Killed process 1 (init)",
            ),
            messages=(
                {
                    "text": "hog invoked oom-killer: order=0",
                    "printed": "2026/11/21 03:18:24",
                    "monotonic_us": 7_670_939,
                    "host": "box7",
                    "from_kernel": True,
                },
                {"text": "systemd[1]: Killed process 1 (init)", "host": None, "from_kernel": None},
            ),
        ),
        Sample(
            lines=(b"[03:18:24] Mem-Info:", b"[03:18:24] active_anon:195", b"            active_file:0"),
            messages=(
                {"text": "Mem-Info:", "printed": "03:18:24", "wall": None},
                {"text": "active_anon:195\n active_file:0"},
            ),
        ),
        Sample(
            lines=(
                b"Nov 21 2026 03:18:24 box7 kernel: Mem-Info:",
                b"1700000000.123 box7 [    7.670940] Node 0",
                b"2026/11/21 03:18:24 | kernel | Node 1",
            ),
            messages=(
                {"text": "Mem-Info:", "host": "box7", "from_kernel": True},
                {"text": "Node 0", "monotonic_us": 7_670_940, "host": "box7", "from_kernel": None},
                {"text": "Node 1", "host": None, "from_kernel": True},
            ),
        ),
    )

    def fields(self, match: re.Match[bytes], context: DecodeContext) -> dict[str, Any]:
        """Return what the prefix says; of its words the host, if just one of them can be it."""
        groups = match.groupdict()
        words = (groups.pop("words") or b"").decode("ascii", "replace")
        seconds, caller = groups.pop("stamp"), groups.pop("by")
        fields = prefix_fields(groups | ({"seconds": seconds, "caller": caller} if seconds else {}), context)
        hosts = [word for word in words.split() if _HOST.fullmatch(word) and not _is_level(word)]
        return fields | ({"host": hosts[0]} if len(hosts) == 1 else {})


def _is_level(word: str) -> bool:
    found = _LEVEL.fullmatch(word.lower())
    return found is not None and found[1] in LEVELS


_MACHINE = re.compile(rb"[A-Za-z\d][\w.-]{0,63}(?:: | +\| )")


def _unnamed(data: bytes) -> bytes | None:
    found = _MACHINE.match(data)
    return data[found.end() :] if found else None


class MachinesTransport(PeeledTransport):
    """What a command printed on many machines (pdsh, salt, docker compose)."""

    name = "machines"
    confidence = 0.53
    samples = (
        Sample(
            lines=(
                b"node3: Nov 21 03:18:24 node3 kernel: Mem-Info:",
                b"node3: Nov 21 03:18:24 node3 kernel: Node 0",
                b"web-3  | 2026-11-21T03:18:25Z web-3 kernel: Node 1",
            ),
            messages=(
                {"text": "Mem-Info:", "host": "node3", "from_kernel": True},
                {"text": "Node 0", "host": "node3"},
                {"text": "Node 1", "host": "web-3"},
            ),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what removes the machine's name."""
        return _unnamed


TRANSPORTS = (DatedTransport(), MachinesTransport())
