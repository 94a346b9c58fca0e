"""Which format takes a text: literal triggers first, then the lowered pattern.

Turns one message text into a `Parsed` (the format and its typed line) or ``None``.  Triggers and patterns are those
that `oomparse.grammar.generate` has written to ``_lowered.py``; a module of formats is imported when a line of it
comes.  Strict mode, which wants carets, asks pyparsing itself: see `oomparse.grammar.strict`.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from oomparse.grammar import formats_of
from oomparse.grammar._lowered import PATTERNS, TABLE
from oomparse.grammar.format import Groups, LineFormat, TypedLine
from oomparse.grammar.tokens import INDENT

_SHARED_PARTS = ("il", "es", "fr", "OO", "e:", "in", "cpu", "kB", "ap", "0x", ": ")
"""Parts that many triggers share and few lines have, in the order in which they divide the triggers."""

MAX_LINE_CHARACTERS = 8_192
"""A kernel record has 1,024 bytes at most; the longest text that is tried as one line has room for many of them."""
REMEMBERED_LINES = 1_024
REMEMBERED_CHARACTERS = 1_024
"""So many lines are remembered, of up to so many characters: sections that are asked for later are read twice."""
_WIDE_BLANKS = re.compile(" {2,}")


class Parsed(NamedTuple):
    """A text that a format took."""

    format: LineFormat
    line: TypedLine


class _Candidate:
    """A format that is known by name: its pattern is compiled when first tried, its module imported when it matches."""

    __slots__ = ("_format", "_match", "module", "name", "tolerant")

    def __init__(self, name: str, module: str, *, tolerant: bool) -> None:
        self.name = name
        self.module = module
        self.tolerant = tolerant
        self._format: LineFormat | None = None
        self._match: Callable[[str], re.Match[str] | None] | None = None

    @property
    def format(self) -> LineFormat:
        if self._format is None:
            self._format = next(found for found in formats_of(self.module) if found.name == self.name)
        return self._format

    def match(self, text: str) -> re.Match[str] | None:
        match = self._match
        if match is None:
            match = self._match = re.compile(PATTERNS[self.name]).match
        return match(text)

    def parse(self, text: str) -> Parsed | None:
        found = self.match(text)
        if found is None:
            return None
        groups: Groups = found.groupdict()
        line_format = self.format
        return Parsed(line_format, line_format.build(groups))


def compiled(line_format: LineFormat) -> re.Pattern[str]:
    """Return the lowered pattern of a format."""
    return re.compile(PATTERNS[line_format.name])


class _Row(NamedTuple):
    """The formats of one trigger: those that take exact lines, and those that are tried when none does."""

    trigger: str
    exact: tuple[_Candidate, ...]
    tolerant: tuple[_Candidate, ...]

    @classmethod
    def of(cls, trigger: str, candidates: Iterable[_Candidate]) -> "_Row":
        known = tuple(candidates)
        return cls(
            trigger,
            tuple(candidate for candidate in known if not candidate.tolerant),
            tuple(candidate for candidate in known if candidate.tolerant),
        )


class Dispatcher:
    """A set of formats, ready to be tried.

    The longest trigger goes first: it says most, and a process's name (15 bytes) cannot hold the long ones.  Triggers
    at the start of a line are found by its first character; of those that may stand anywhere, the ones that share a
    part are looked for only where that part is.
    """

    def __init__(self) -> None:
        at_start: dict[str, list[_Candidate]] = {}
        anywhere: dict[str, list[_Candidate]] = {}
        for name, module, trigger, starts, tolerant in TABLE:
            table = at_start if starts else anywhere
            table.setdefault(trigger, []).append(_Candidate(name, module, tolerant=tolerant))
        self._by_first: dict[str, list[_Row]] = {}
        for trigger, candidates in at_start.items():
            self._by_first.setdefault(trigger[0], []).append(_Row.of(trigger, candidates))
        by_part: dict[str, list[_Row]] = {}
        for trigger, candidates in anywhere.items():
            part = next((part for part in _SHARED_PARTS if part in trigger), trigger)
            by_part.setdefault(part, []).append(_Row.of(trigger, candidates))
        self._by_part = tuple(by_part.items())

    def parse(self, text: str) -> Parsed | None:
        """Return what the first format that takes ``text`` makes of it: exact formats before tolerant ones."""
        if len(text) > MAX_LINE_CHARACTERS:
            return None
        found = [row for row in self._by_first.get(text[:1], ()) if text.startswith(row.trigger)]
        for part, rows in self._by_part:
            if part in text:
                found += [row for row in rows if row.trigger in text]
        if len(found) > 1:
            found.sort(key=_longest_first)
        for row in found:
            for candidate in row.exact:
                if (parsed := candidate.parse(text)) is not None:
                    return parsed
        for row in found:
            for candidate in row.tolerant:
                if (parsed := candidate.parse(text)) is not None:
                    return parsed
        return None


def _longest_first(row: _Row) -> int:
    return -len(row.trigger)


@functools.cache
def dispatcher() -> Dispatcher:
    """Return the dispatcher of all formats."""
    return Dispatcher()


@functools.cache
def single(name: str) -> _Candidate:
    """Return one format, to be tried alone: for lines that come in runs."""
    row = next(row for row in TABLE if row[0] == name)
    return _Candidate(name, row[1], tolerant=row[4])


def parse_line(text: str) -> Parsed | None:
    """Parse one kernel line; ``None`` where no format takes it.

    A line that somebody has indented is read without its indent, unless it is a whole line as it stands.  One that
    somebody has justified, with more blanks between its words, counts as damaged.
    """
    return _remembered(text) if len(text) <= REMEMBERED_CHARACTERS else _parse_line(text)


def _parse_line(text: str) -> Parsed | None:
    parsed = dispatcher().parse(text)
    if parsed is None and "  " in text:
        squeezed = dispatcher().parse(_WIDE_BLANKS.sub(" ", text.strip()))
        if squeezed is not None and not squeezed.format.tolerant:
            return Parsed(squeezed.format, replace(squeezed.line, damaged=True))
    if parsed is None and "\u00a0" in text:
        return parse_line(text.replace("\u00a0", " "))  # a web page's blanks
    if text[:1] in INDENT and (parsed is None or parsed.format.tolerant):
        unindented = dispatcher().parse(text.lstrip(INDENT))
        if unindented is not None and (parsed is None or not unindented.format.tolerant):
            return unindented
    return parsed


_remembered = functools.lru_cache(maxsize=REMEMBERED_LINES)(_parse_line)
