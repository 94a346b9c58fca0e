"""Which format takes a text: literal triggers first, then the lowered pattern.

Turns one message text into a `Parsed` (the format and its typed line) or ``None``.  The hot path runs the patterns that
`oomparse.grammar.generate` has lowered ahead of time into ``_lowered.py``; a format that is not there yet (one that is
being written) is lowered when it is first tried.  Strict mode, which wants carets, asks pyparsing itself: see
`oomparse.grammar.strict`.
"""

import functools
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from oomparse.grammar import formats
from oomparse.grammar._lowered import PATTERNS
from oomparse.grammar.format import Groups, LineFormat, TypedLine

MAX_LINE_CHARACTERS = 8_192
"""A kernel record has 1,024 bytes at most; the longest text that is tried as one line has room for many of them."""


class Parsed(NamedTuple):
    """A text that a format took."""

    format: LineFormat
    line: TypedLine


class _Candidate:
    """A format with its compiled pattern, compiled when first tried."""

    __slots__ = ("_match", "format", "trigger")

    def __init__(self, line_format: LineFormat) -> None:
        self.format = line_format
        self.trigger = line_format.trigger
        self._match: Callable[[str], re.Match[str] | None] | None = None

    def parse(self, text: str) -> Parsed | None:
        match = self._match
        if match is None:
            match = self._match = compiled(self.format).match
        found = match(text)
        if found is None:
            return None
        groups: Groups = found.groupdict()
        return Parsed(self.format, self.format.build(groups))


@functools.cache
def _compiled(name: str) -> re.Pattern[str] | None:
    pattern = PATTERNS.get(name)
    return None if pattern is None else re.compile(pattern)


def compiled(line_format: LineFormat) -> re.Pattern[str]:
    """Return the lowered pattern of a format."""
    known = _compiled(line_format.name)
    if known is not None:
        return known
    from oomparse.grammar.lower import lower

    return re.compile(lower(line_format.expression()))


class Dispatcher:
    """A set of formats, ready to be tried.

    The longest trigger goes first: it says most, and a process's name (15 bytes) cannot hold the long ones.
    """

    def __init__(self, line_formats: Iterable[LineFormat]) -> None:
        at_start: dict[str, list[_Candidate]] = {}
        anywhere: dict[str, list[_Candidate]] = {}
        for line_format in line_formats:
            table = at_start if line_format.starts else anywhere
            table.setdefault(line_format.trigger, []).append(_Candidate(line_format))
        self._at_start = sorted(at_start.items(), key=_longest_first)
        self._anywhere = sorted(anywhere.items(), key=_longest_first)
        self._starts = _alternation(at_start)
        self._contains = _alternation(anywhere)

    def parse(self, text: str) -> Parsed | None:
        """Return what the first format that takes ``text`` makes of it: exact formats before tolerant ones."""
        if len(text) > MAX_LINE_CHARACTERS:
            return None
        found: list[tuple[str, list[_Candidate]]] = []
        if self._starts.match(text) is not None:
            found = [row for row in self._at_start if text.startswith(row[0])]
        if self._contains.search(text) is not None:
            found += [row for row in self._anywhere if row[0] in text]
        if not found:
            return None
        if len(found) > 1:
            found.sort(key=_longest_first)
        for tolerant in (False, True):
            for _, candidates in found:
                for candidate in candidates:
                    if candidate.format.tolerant is tolerant:
                        parsed = candidate.parse(text)
                        if parsed is not None:
                            return parsed
        return None


def _longest_first(row: tuple[str, list[_Candidate]]) -> int:
    return -len(row[0])


def _alternation(triggers: Iterable[str]) -> re.Pattern[str]:
    words = sorted(triggers, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)) if words else r"(?!)")


@functools.cache
def dispatcher() -> Dispatcher:
    """Return the dispatcher of all formats."""
    return Dispatcher(formats())


def parse_line(text: str) -> Parsed | None:
    """Parse one kernel line; ``None`` where no format takes it."""
    return dispatcher().parse(text)
