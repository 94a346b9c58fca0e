r"""What one message holds: usually one kernel line, sometimes several, sometimes one that was wrapped.

Turns a message text into `Piece`s.  A text with newlines is, in this order: one record that the kernel printed with
newlines in it (a comm may hold one); several lines that a transport could not tell apart; one line that a mailer or a
terminal wrapped.  Nothing is dropped: what no format takes comes back with ``parsed=None``.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from oomparse.grammar.dispatch import Parsed, parse_line
from oomparse.grammar.header import Header
from oomparse.grammar.kill import Killed
from oomparse.grammar.tasks import TaskLine
from oomparse.grammar.tokens import COMM_BYTES, CONTINUATION_MARK

MAX_WRAPPED_LINES = 12
"""How many lines a wrapped line may have been broken into."""
MAX_WRAPPED_CHARACTERS = 4_096
"""How long a wrapped line may be: a kernel record has 1,024 bytes at most."""
_MAX_MIXED_BREAKS = 3

_BEGINS = re.compile(
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

_BROKEN_TRIGGER = re.compile(
    r"(?: invoked|\bKilled|\b[Kk]ill|\bTask in|\bMemory cgroup|\b[Oo]ut of"
    r"|emory(?: \(oom_kill_allocating_task\))?:)\s*\Z"
)
"""A line may be broken inside, or right behind, the words that tell it."""


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
        return parsed is not None and isinstance(parsed.line, Killed)
    return _BEGINS.match(text) is not None or _is_broken(text)


def _is_broken(text: str) -> bool:
    return _BROKEN_TRIGGER.search(text[-_TRIGGER_CHARACTERS:]) is not None


def ends_wrapped(parts: Sequence[str], text: str) -> bool:
    """Tell whether ``text`` cannot be the rest of the line that ``parts`` begin, so that no joining need be tried."""
    if len(parts) >= MAX_WRAPPED_LINES or sum(map(len, parts)) + len(text) > MAX_WRAPPED_CHARACTERS:
        return True
    begins = _BEGINS.match(text) is not None or _is_broken(text)
    return begins and (len(parts) > 1 or not _is_broken(parts[0]))


def join_wrapped(parts: Sequence[str]) -> Piece | None:
    """Put a line together that was broken: by a newline of its own, between words, or inside one."""
    first, *later = map(parse_line, parts)
    alone = [found for found in later if found is not None and is_exact(found)]
    text = "\n".join(parts)
    whole = parse_line(text)
    if whole is not None and _joins(first, alone, whole):
        return Piece(text, whole)
    breaks = len(parts) - 1
    stripped = [parts[0].rstrip(), *(part.strip().removeprefix(CONTINUATION_MARK) for part in parts[1:])]
    mixed = breaks <= _MAX_MIXED_BREAKS
    # The summary line has no blanks but those of names; all other lines have, and are broken there.
    order = ("", " ") if parts[0].startswith("oom-kill:") else (" ", "")
    # No blank stands before a colon or a comma.
    choices = [("",) if part.startswith((":", ",")) else order for part in stripped[1:]]
    for joints in itertools.product(*choices) if mixed else ((order[0],) * breaks, (order[1],) * breaks):
        text = stripped[0] + "".join(joint + part for joint, part in zip(joints, stripped[1:], strict=True))
        joined = parse_line(text)
        if joined is not None and _joins(first, alone, joined):
            return Piece(text, joined)
    return None


def _joins(first: Parsed | None, alone: list[Parsed], joined: Parsed) -> bool:
    """Tell whether a joined text is one line, rather than several of which one took the others into a name.

    ``alone`` are the later parts that are whole lines themselves; such a one can only be the rest of its own kind.
    """
    if not is_exact(joined):
        return False
    if isinstance(joined.line, Header) and len(joined.line.comm or "") > COMM_BYTES:
        return False
    if alone and (is_exact(first) or any(type(found.line) is not type(joined.line) for found in alone)):
        return False
    return not is_exact(first) or (first is not None and type(joined.line) is type(first.line))


def pieces(text: str) -> Iterator[Piece]:
    """Split a message into its kernel lines."""
    if "\n" not in text:
        yield Piece(text, parse_line(text))
        return
    whole = parse_line(text)
    if is_exact(whole):
        yield Piece(text, whole)
        return
    parts = text.split("\n")
    at = 0
    while at < len(parts):
        part = parts[at]
        piece, taken = Piece(part, parse_line(part)), 1
        if piece.parsed is not None and isinstance(piece.parsed.line, TaskLine):
            piece, taken = _whole_row(parts, at)
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


_ROW_GOES_ON = re.compile(rf"[\s{CONTINUATION_MARK}]*-?\d+\s[\d\s-]*\S|[\s{CONTINUATION_MARK}]*-?\d+\s+\S+\s*\Z")


def _whole_row(parts: list[str], at: int) -> tuple[Piece, int]:
    """Join the columns of a task row that a mailer wrapped: nothing but numbers tells that they belong to it."""
    row, taken = parts[at], 1
    while at + taken < len(parts) and taken < MAX_WRAPPED_LINES and _ROW_GOES_ON.match(parts[at + taken]):
        row = f"{row.rstrip()} {parts[at + taken].strip().removeprefix(CONTINUATION_MARK).lstrip()}"
        taken += 1
    return Piece(row, parse_line(row)), taken
