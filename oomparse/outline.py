"""Where a plain report stands in a block of bytes, and its lines that tell most.

Turns the triggers of a block into an `Outline`, if the lines from one on are plainly those of one report that nothing
interrupts (``mm/oom_kill.c``, since 5.2): one header, every kind of telling line in the kernel's order, all lines
stamped within one second.  It looks at bytes and parses nothing.  What is not so plain is refused.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from oomparse.prefilter import TRIGGERS, Triggers, counter
from oomparse.report import MAX_FOREIGN_RUN

MAX_LINES = MAX_FOREIGN_RUN
"""A report of so few lines cannot hold a run of foreign lines that would end it."""
FRACTION_DIGITS = 6
STAMP_BYTES = 15
"""So much of two stamps of one kind differs in digits alone."""

_HEADER = b" invoked oom-killer: gfp_mask="
_OOM_KILL = b"oom-kill"
_TRIGGER_IN_HEADER = _HEADER.index(_OOM_KILL)
_COUNTER = b": usage "
_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_FRACTION = re.compile(rb"[.,]\d{%d}(?!\d)" % FRACTION_DIGITS)


def _kind(trigger: bytes) -> bytes:
    return re.escape(bytes([TRIGGERS.index(trigger)]))


_REAPER = bytes([TRIGGERS.index(b"oom_reaper:")])
_ORDER = re.compile(
    # The triggers of a report, in the kernel's order.  Only counters come twice.
    b"%(oom_kill)s(%(counter)s*)%(stats)s?%(title)s?(?:%(oom_kill)s(%(memory)s?%(killed)s)?)?"
    % {
        b"oom_kill": _kind(b"oom-kill"),  # the header, and the constraint
        b"counter": _kind(b", failcnt "),
        b"stats": _kind(b"emory cgroup stats"),
        b"title": _kind(b"tgid total_vm"),
        b"memory": _kind(b"ut of memory"),  # the kill line, except where it says `No available memory`
        b"killed": _kind(b"illed process"),
    },
    re.DOTALL,
)


class Outline(NamedTuple):
    """Where a plain report stands in a block, and its lines that tell most."""

    start: int
    end: int
    lines: int
    behind: int
    """The first trigger behind it."""
    head: bytes
    constraint: bytes
    kill: bytes
    reaped: bytes
    """The reaper's line, where it follows at once; it belongs to the report then."""
    fraction: int
    """Where the stamps differ, six digits long; -1 where all are the same."""


UNFINISHED = Outline(0, 0, 0, 0, b"", b"", b"", b"", -1)
"""More bytes would tell."""


def outline(  # noqa: PLR0917 - where to look
    data: bytes, at: int, end: int, triggers: Triggers, which: int, fraction: int, *, follows: bool = False
) -> Outline | None:
    """Tell from the bytes whether the line at ``at`` begins a plain report that ends well before ``end``.

    ``which`` is the first trigger in that line; ``fraction`` is that of the report before: most are alike; ``follows``
    says that it ends right here.
    """
    kinds, offsets = triggers
    order = _ORDER.match(kinds, which)
    if order is None:
        return None
    head = data[at : data.find(b"\n", at)]
    count = counter()
    if not data.startswith(_HEADER, offsets[which] - _TRIGGER_IN_HEADER):
        return None
    (_, behind), (counters, end_of_counters), (last, _) = order.regs
    if last < 0:
        return UNFINISHED if behind == len(kinds) else None
    stop = data.find(b"\n", offsets[last]) + 1 or end
    constraint, _, kill = data[data.rfind(b"\n", at, offsets[last - 1]) + 1 : stop - 1].partition(b"\n")
    kill = kill[kill.rfind(b"\n") + 1 :]
    if end_of_counters - counters > 1 and not _differ(data, at, offsets[counters:end_of_counters]):
        return None
    reaped = b""
    if kinds.startswith(_REAPER, behind) and offsets[behind] < (after := data.find(b"\n", stop) + 1):
        reaped, stop = data[stop : after - 1], after
        behind = bisect_left(offsets, stop, behind)
    if stop >= end:
        return UNFINISHED
    following = data[stop : stop + STAMP_BYTES]
    if following and following.translate(_ZEROS) != head[:STAMP_BYTES].translate(_ZEROS):
        return None  # what follows may be the rest of the kill line
    shared, fraction = _shared_prefix(head, kill, fraction)
    lines = count(data, b"\n", at, stop)
    if lines > MAX_LINES or count(data, b"\n" + shared, at, stop) != lines - 1:
        return None
    if at and not follows and fraction >= 0 and _goes_on(data, at, head[: fraction + FRACTION_DIGITS]):
        return None
    return Outline(at, stop, lines, behind, head, constraint, kill, reaped, fraction)


def outline_again(data: bytes, lines: int, fraction: int, *, reaped: bool) -> Outline:
    """Return the outline of a report that had one, from its bytes alone."""
    *before, last = data[:-1].rsplit(b"\n", 2 if reaped else 1)
    kill = before.pop() if reaped else last
    begin = before[0].rfind(b"\n", 0, before[0].rfind(_OOM_KILL)) + 1
    constraint = before[0][begin:].partition(b"\n")[0]
    head = data.partition(b"\n")[0]
    return Outline(0, len(data), lines, 0, head, constraint, kill, last if reaped else b"", fraction)


def _goes_on(data: bytes, at: int, stamp: bytes) -> bool:
    """Whether the line before ``at`` has the same stamp: a comm may hold a newline, then its two lines have one."""
    return data.startswith(stamp, data.rfind(b"\n", 0, at - 1) + 1)


def _differ(data: bytes, at: int, offsets: Sequence[int]) -> bool:
    """Whether the counters in whose lines these are have different names: two of one are two reports'."""
    names: set[bytes] = set()
    for offset in offsets:
        before, _, _ = data[data.rfind(b"\n", at, offset) : offset].rpartition(_COUNTER)
        names.add(before[before.rfind(b" ") :])
    return len(names) == len(offsets) and b"" not in names


def _shared_prefix(head: bytes, kill: bytes, fraction: int) -> tuple[bytes, int]:
    """Return what the two lines begin with up to the fraction of a second, and where that is; -1 if they have none.

    ``fraction`` is where it probably is.
    """
    shared = head[:fraction] if fraction > 0 else b""
    if shared and kill.startswith(shared):
        end = fraction + FRACTION_DIGITS
        if head[fraction:end] != kill[fraction:end] and _FRACTION.match(head, fraction - 1):
            return shared, fraction
    differ = _first_difference(head, kill)
    found = _FRACTION.search(head, max(differ - FRACTION_DIGITS - 1, 0), differ + FRACTION_DIGITS + 1)
    if found is not None and found.start() < differ <= found.end():
        start = found.start() + 1
        return head[:start], start
    return head[: head.rfind(b" ", 0, differ) + 1], -1


def _first_difference(one: bytes, other: bytes) -> int:
    """Return where two lines begin to differ, or the length of the shorter one."""
    length = min(len(one), len(other))
    differing = int.from_bytes(one[:length], "big") ^ int.from_bytes(other[:length], "big")
    return length - (differing.bit_length() + 7) // 8
