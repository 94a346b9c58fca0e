"""Where in a block of bytes an OOM report may be: the lines that hold one of a few literals.

Turns whole lines of any text transport into the offsets of those worth decoding.  Every line that alone makes an event
holds a trigger (`TRIGGERS`); the other lines of a report stand near one that does.  A line of user space may hold one
too: that costs a decode, nothing else.  It is blind to texts that are not a superset of ASCII, to journal fields
written as numbers (JSON arrays of bytes), and to a trigger that a mailer has wrapped: those are for a reader that looks
at every line.

The search is the one part of a scan that touches every byte.  Python's own `bytes.find` makes a pass for each of seven
literals, 2 to 5 GB/s each; the extra ``fast`` brings `ahocorasick_rs`, whose vector search finds them all in one pass,
at 12 GB/s, and `stringzilla`, which counts line ends at 10 GB/s where `bytes.count` does at 2
(``benchmarks/RESULTS.md``).  The answers are the same.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, cast

TRIGGERS = (
    b"oom-kill",  # `invoked oom-killer:`, `oom-killer: gfp_mask=`, `oom-kill:constraint=`, `oom-killer in ub`
    b"illed process",  # `Killed process`, `OOM killed process`, `Would have killed process`
    b"ill process",  # `Kill process … score`, `kill process … or a child`, `sharing same memory`
    b"ut of memory",  # `OOM victim … is already exiting`, `no killable processes`, panics
    b"oom_reaper:",
    b"deadlocked on memory",  # The panic where nothing could be killed (since 4.18)
    b"lowmemorykiller:",
    b"send sigkill to",  # The same driver before 3.10
    # What is left of a report whose head and verdict are lost:
    b" killed as a result of limit of ",
    b", failcnt ",
    b"emory cgroup stats",
    b"tgid total_vm",  # The title of the task dump
    b"Manual OOM execution",  # SysRq-f, which the next report answers, however long that takes
)
"""None is a part of another, and none holds a line end."""

Finder: TypeAlias = Callable[[bytes], list[tuple[int, int, int]]]
"""Turns a block into the triggers in it, in ascending order: of each its place in `TRIGGERS`, its offset and its end;
one of two that overlap may be missing."""


class Triggers(NamedTuple):
    """The triggers in a block, in ascending order."""

    kinds: bytes
    """Of each, its place in `TRIGGERS`: a byte a trigger."""
    offsets: Sequence[int]


def find_triggers(block: bytes) -> Triggers:
    r"""Return the triggers in a block.

    >>> find_triggers(b"zoom\nOut of memory: Killed process 1 (a)\nbloom\n")
    Triggers(kinds=b'\x03\x01', offsets=(6, 21))
    """
    found = finder()(block)
    if not found:
        return Triggers(b"", ())
    kinds, offsets, _ = zip(*found, strict=True)
    return Triggers(bytes(kinds), offsets)


def trigger_lines(block: bytes, find: Finder | None = None) -> list[int]:
    r"""Return where the lines that hold a trigger begin, in ascending order, each once.

    ``block`` is taken to begin at the start of a line.

    >>> trigger_lines(b"zoom\nOut of memory: Killed process 1 (a)\nbloom\n")
    [5]
    """
    starts: list[int] = []
    end_of_last = -1
    for _, offset, _ in (find or finder())(block):
        if offset > end_of_last:
            starts.append(block.rfind(b"\n", 0, offset) + 1)
            end = block.find(b"\n", offset)
            end_of_last = len(block) if end < 0 else end
    return starts


@cache
def finder() -> Finder:
    """Return the fastest search that is installed."""
    return vector_finder() or find_each


SHARED = (b" process", b"emory", b"kill")
"""What several triggers have in common, and is rare enough: one pass finds it faster than one for each of them."""


def find_each(block: bytes) -> list[tuple[int, int, int]]:
    """Search with `bytes.find`, one literal after the other."""
    found: list[tuple[int, int, int]] = []
    for literal, triggers in _passes():
        at = block.find(literal)
        while at >= 0:
            for kind, trigger, within in triggers:
                begin = at - within
                if begin >= 0 and block.startswith(trigger, begin):
                    found.append((kind, begin, begin + len(trigger)))
            at = block.find(literal, at + len(literal))
    found.sort(key=itemgetter(1))
    return found


@cache
def _passes() -> tuple[tuple[bytes, tuple[tuple[int, bytes, int], ...]], ...]:
    """Return what is searched for, one after the other, with the triggers that hold it: their places, and its place."""
    holders: dict[bytes, list[tuple[int, bytes, int]]] = {}
    for kind, trigger in enumerate(TRIGGERS):
        literal = next((shared for shared in SHARED if shared in trigger), trigger)
        holders.setdefault(literal, []).append((kind, trigger, trigger.index(literal)))
    return tuple((literal, tuple(triggers)) for literal, triggers in holders.items())


@cache
def vector_finder() -> Finder | None:
    """Return the search of `ahocorasick_rs`, or ``None`` where it is not installed."""
    try:
        from ahocorasick_rs import BytesAhoCorasick, MatchKind
    except ImportError:
        return None
    # Leftmost matching, unlike the standard kind, lets the library use its vector search.
    find: Finder = BytesAhoCorasick(TRIGGERS, matchkind=MatchKind.LeftmostFirst).find_matches_as_indexes
    return find


def count(block: bytes, part: bytes, start: int, end: int) -> int:
    """Count how often ``part`` stands in ``block[start:end]``."""
    return counter()(block, part, start, end)


@cache
def counter() -> Callable[[bytes, bytes, int, int], int]:
    """Return what `count` asks, for who counts often."""
    try:
        stringzilla: Any = import_module("stringzilla")  # has no types
    except ImportError:
        return bytes.count
    return cast("Callable[[bytes, bytes, int, int], int]", stringzilla.count)
