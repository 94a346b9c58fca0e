r"""What one message holds: usually one kernel line, sometimes several, sometimes one that was wrapped.

Turns a message text into `Piece`s.  A text with newlines is, in this order: one record that the kernel printed with
newlines in it (a comm may hold one); several lines that a transport could not tell apart; one line that a mailer or a
terminal wrapped.  Nothing is dropped: what no format takes comes back with ``parsed=None``.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from oomparse.grammar.dispatch import Parsed, parse_line
from oomparse.grammar.format import TypedLine
from oomparse.grammar.header import CpuLine, HardwareLine, Header
from oomparse.grammar.kill import Killed
from oomparse.grammar.memcg import TaskInMemcg
from oomparse.grammar.run_on import MAX_RECORD_CHARACTERS, split_run_on
from oomparse.grammar.tasks import TaskLine, is_aligned
from oomparse.grammar.tokens import COMM_BYTES, CONTINUATION_MARK
from oomparse.grammar.verdict import ConstraintLine
from oomparse.pattern import pattern

MAX_WRAPPED_LINES = 12
"""How many lines a wrapped line may have been broken into."""
MAX_WRAPPED_CHARACTERS = 4_096
"""How long a wrapped line may be: a kernel record has 1,024 bytes at most."""
_MAX_MIXED_BREAKS = 3

_BEGINS = pattern(
    r"\s*(?:"
    r"(?:OOM k|K|k)ill(?:ed)? process \d|Kill child of process \d|[Oo]ut of [Mm]emory|No available memory"
    r"|oom-kill:|oom_reaper: |OOM victim \d"
    r"|Tasks? in /|(?:memory|memory\+swap|kmem|swap): usage|Memory cgroup |Memory limit reached"
    r"|CPU: \d|Pid: \d|Hardware name:|\[ +pid +\]"
    r"|(?:Node \d+ )?(?:(?:DMA|DMA32|Normal|HighMem|Movable|Device)(?: free)?:|[Aa]ctive_anon:|hugepages_)"
    r"|Swap cache|(?:Free|Total) swap|Code: |R(?:IP|SP|AX|DX|BP|10|13): |\[<[0-9a-f]{4,16}>\] \([^()]*\) from "
    r")|[^\n]* invoked oom-killer"
)
"""How a line that may be wrapped begins."""
_TRIGGER_CHARACTERS = 80
"""The end of a text in which the words of `_BROKEN_TRIGGER` are looked for."""

_BROKEN_TRIGGER = pattern(
    r"(?: invoked|\bKilled|\b[Kk]ill|\bTask in|\bMemory cgroup|\b[Oo]ut of"
    r"|emory(?: \(oom_kill_allocating_task\))?:)\s*\Z"
)
"""A line may be broken inside, or right behind, the words that tell it."""
_BROKEN_ENDS = ("invoked", "Killed", "ill", "Task in", "Memory cgroup", "ut of", ":")
"""What these words end with: nearly no line does, and looking for them is slow."""


class Piece(NamedTuple):
    """A part of a message and what a format made of it."""

    text: str
    parsed: Parsed | None


def is_exact(parsed: Parsed | None) -> bool:
    """Tell whether a format took the text without reservation."""
    return parsed is not None and not parsed.format.tolerant and not parsed.line.damaged


def may_go_on(text: str, parsed: Parsed | None) -> bool:
    """Tell whether a text could be the first part of a wrapped line.

    A kill line of one generation can be the beginning of another's.
    """
    if is_exact(parsed):
        return parsed is not None and (isinstance(parsed.line, Killed) or type(parsed.line) in _RESTS)
    return _BEGINS.match(text) is not None or _is_broken(text)


_RESTS: Mapping[type[TypedLine], re.Pattern[str]] = {
    CpuLine: pattern(rf"[\s{CONTINUATION_MARK}]*#\d"),
    HardwareLine: pattern(
        rf"[\s{CONTINUATION_MARK}]*(?:[^\n:]{{1,60}} )?BIOS \S|[^\n:]{{1,60}} \d\d/\d\d/\d{{4}}\s*\Z"
    ),
    TaskInMemcg: pattern(rf"[\s{CONTINUATION_MARK}]*[.:@/\\-]*\w[\w.:@/\\-]*\s*\Z"),
    Header: pattern(rf"[\s{CONTINUATION_MARK}]*\d{{1,4}}\s*\Z"),
    ConstraintLine: pattern(rf"[\s{CONTINUATION_MARK}]*\d{{1,9}}\s*\Z"),
}
"""How the rest of a line begins that is whole without it, too: what stands behind the release, the date of the BIOS,
the end of a path, the last digits of a number."""


def _is_broken(text: str) -> bool:
    end = text[-_TRIGGER_CHARACTERS:]
    return end.rstrip().endswith(_BROKEN_ENDS) and _BROKEN_TRIGGER.search(end) is not None


def ends_wrapped(parts: Sequence[str], text: str) -> bool:
    """Tell whether ``text`` cannot be the rest of the line that ``parts`` begin, so that no joining need be tried."""
    if len(parts) >= MAX_WRAPPED_LINES or sum(map(len, parts)) + len(text) > MAX_WRAPPED_CHARACTERS:
        return True
    begins = _BEGINS.match(text) is not None or _is_broken(text)
    return begins and (len(parts) > 1 or not _is_broken(parts[0]))


def join_wrapped(parts: Sequence[str]) -> Piece | None:
    """Put a line together that was broken: by a newline of its own, between words, or inside one."""
    first, *later = map(parse_line, parts)
    if is_exact(first) and first is not None and (rest := _RESTS.get(type(first.line))) and not rest.match(parts[1]):
        return None
    alone = [found for found in later if found is not None and is_exact(found)]
    readings = (
        Piece(text, joined)
        for text in _joints(parts)
        if (joined := parse_line(text)) is not None and _joins(first, alone, joined)
    )
    return next((reading for reading in readings if not _has_broken_path(reading, parts)), None)


def _has_broken_path(piece: Piece, parts: Sequence[str]) -> bool:
    """Tell whether a path that holds blanks goes over a break: they are rather the break, or another line's."""
    line = piece.parsed.line if piece.parsed is not None else None
    paths = (getattr(line, name, None) for name in ("oom_memcg", "task_memcg", "path", "cpuset"))
    blank = [path for path in paths if path is not None and len(path.split()) > 1]
    return not all(any(path in part for part in parts) for path in blank)


def _joints(parts: Sequence[str]) -> Iterator[str]:
    """Yield how the line may have read: with a newline of its own, or broken between words, or inside one."""
    if not any(part.lstrip().startswith(CONTINUATION_MARK) for part in parts[1:]):
        yield "\n".join(parts)
    breaks = len(parts) - 1
    stripped = [parts[0].rstrip(), *(part.strip().removeprefix(CONTINUATION_MARK).lstrip() for part in parts[1:])]
    mixed = breaks <= _MAX_MIXED_BREAKS
    # The summary line has no blanks but those of names; all other lines have, and are broken there.
    order = ("", " ") if parts[0].startswith("oom-kill:") else (" ", "")
    # No blank stands before a colon or a comma.
    choices = [("",) if part.startswith((":", ",")) else order for part in stripped[1:]]
    for joints in itertools.product(*choices) if mixed else ((order[0],) * breaks, (order[1],) * breaks):
        yield stripped[0] + "".join(joint + part for joint, part in zip(joints, stripped[1:], strict=True))


def _joins(first: Parsed | None, alone: list[Parsed], joined: Parsed) -> bool:
    """Tell whether a joined text is one line, rather than several of which one took the others into a name.

    ``alone`` are the later parts that are whole lines themselves; such a one can only be the rest of its own kind.
    """
    if not is_exact(joined):
        return False
    if isinstance(joined.line, Header) and len(joined.line.comm or "") > COMM_BYTES:
        return False
    if is_exact(first) and isinstance(joined.line, TaskInMemcg) and not joined.line.is_within:
        return False  # a word of its own, rather than the end of the limited cgroup's path
    if alone and (is_exact(first) or any(type(found.line) is not type(joined.line) for found in alone)):
        return False
    return not is_exact(first) or (first is not None and type(joined.line) is type(first.line))


def pieces(text: str) -> Iterator[Piece]:
    """Split a message into its kernel lines."""
    if "\n" not in text:
        lines = split_run_on(text) if len(text) > MAX_RECORD_CHARACTERS else None
        yield from (Piece(line, parse_line(line)) for line in lines or (text,))
        return
    whole = Piece(text, parse_line(text))
    parts = text.split("\n")
    if is_exact(whole.parsed) and not _has_broken_path(whole, parts) and not _is_wrapped_row(whole, parts):
        yield whole
        return
    at = 0
    while at < len(parts):
        part = parts[at]
        piece, taken = Piece(part, parse_line(part)), 1
        if piece.parsed is not None and isinstance(piece.parsed.line, TaskLine):
            piece, taken = _whole_row(parts, at)
        elif _ends_within_number(piece, parts[at + 1 : at + 2]):
            piece, taken = Piece(f"{part}{parts[at + 1]}", parse_line(f"{part}{parts[at + 1]}")), 2
        elif may_go_on(part, piece.parsed):
            end = at + 1
            while end < len(parts) and not ends_wrapped(parts[at:end], parts[end]):
                end += 1
            for count in range(end - at, 1, -1):
                joined = join_wrapped(parts[at : at + count])
                if joined is not None:
                    piece, taken = joined, count
                    break
        yield piece
        at += taken


_ROW_GOES_ON = pattern(rf"[\s{CONTINUATION_MARK}]*-?\d+\s[\d\s-]*\S|[\s{CONTINUATION_MARK}]*-?\d+\s+\S+\s*\Z")


def _ends_within_number(piece: Piece, following: Sequence[str]) -> bool:
    """Tell whether a line of counters without units was broken inside its last number."""
    totals = piece.parsed is not None and piece.parsed.format.name.startswith("totals")
    return totals and piece.text[-1:].isdecimal() and any(text[:1].isdecimal() for text in following)


def _is_wrapped_row(piece: Piece, parts: Sequence[str]) -> bool:
    """Tell whether a task row goes on with columns, rather than with the rest of a name that holds a newline."""
    row = piece.parsed is not None and isinstance(piece.parsed.line, TaskLine)
    return row and _whole_row(parts, 0)[1] > 1


def _whole_row(parts: Sequence[str], at: int) -> tuple[Piece, int]:
    """Join the columns of a task row that was wrapped: nothing but numbers tells that they belong to it."""
    row, taken = parts[at], 1
    while at + taken < len(parts) and taken < MAX_WRAPPED_LINES:
        rest = parts[at + taken].rstrip()
        # Broken at the edge of a terminal, a number may go on; then only so do the columns stand where they should.
        joined = f"{row}{rest.removeprefix(CONTINUATION_MARK)}"
        goes_on = _ROW_GOES_ON.match(rest) is not None
        if not goes_on and (is_aligned(row) or not is_aligned(joined)):
            break
        if not is_aligned(joined):
            joined = f"{row.rstrip()} {rest.lstrip().removeprefix(CONTINUATION_MARK).lstrip()}"
        row = joined
        taken += 1
    return Piece(row, parse_line(row)), taken
