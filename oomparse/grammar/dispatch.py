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
from oomparse.grammar.format import LineFormat, TypedLine
from oomparse.grammar.tokens import INDENT

_HEX_DIGITS = b"0123456789abcdef"
REMEMBERED_WORDS = 1_024
"""Lines that differ in (hexadecimal) digits alone hold the same triggers: so many such kinds are remembered."""

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

    __slots__ = ("_format", "match", "module", "name", "tolerant")

    match: Callable[[str], re.Match[str] | None]

    def __init__(self, name: str, module: str, *, tolerant: bool) -> None:
        self.name = name
        self.module = module
        self.tolerant = tolerant
        self._format: LineFormat | None = None
        self.match = self._first_match

    @property
    def format(self) -> LineFormat:
        if self._format is None:
            self._format = next(found for found in formats_of(self.module) if found.name == self.name)
        return self._format

    def parse(self, text: str) -> Parsed | None:
        line = self.read(text)
        return None if line is None else Parsed(self._format or self.format, line)

    def read(self, text: str) -> TypedLine | None:
        found = self.match(text)
        return None if found is None else self.build(found)

    def build(self, found: re.Match[str]) -> TypedLine:
        return (self._format or self.format).build(found.groupdict())

    def _first_match(self, text: str) -> re.Match[str] | None:
        self.match = re.compile(PATTERNS[self.name]).match
        return self.match(text)


def compiled(line_format: LineFormat) -> re.Pattern[str]:
    """Return the lowered pattern of a format."""
    return re.compile(PATTERNS[line_format.name])


class _Row(NamedTuple):
    """The formats of one trigger: those that take exact lines, and those that are tried when none does."""

    trigger: str
    starts: bool
    words: str
    """The trigger without its digits."""
    exact: tuple[_Candidate, ...]
    tolerant: tuple[_Candidate, ...]

    @classmethod
    def of(cls, trigger: str, candidates: Iterable[_Candidate], *, starts: bool) -> "_Row":
        known = tuple(candidates)
        return cls(
            trigger,
            starts,
            _words(trigger),
            tuple(candidate for candidate in known if not candidate.tolerant),
            tuple(candidate for candidate in known if candidate.tolerant),
        )

    def is_in(self, text: str) -> bool:
        return text.startswith(self.trigger) if self.starts else self.trigger in text


class Dispatcher:
    """A set of formats, ready to be tried.

    The longest trigger goes first: it says most, and a process's name (15 bytes) cannot hold the long ones.  What a
    text without its digits may hold is looked for once, and then only whether the text does hold it.
    """

    def __init__(self) -> None:
        found: dict[tuple[str, bool], list[_Candidate]] = {}
        for name, module, trigger, starts, tolerant in TABLE:
            found.setdefault((trigger, starts), []).append(_Candidate(name, module, tolerant=tolerant))
        rows = [_Row.of(trigger, candidates, starts=starts) for (trigger, starts), candidates in found.items()]
        self._rows = tuple(sorted(rows, key=lambda row: (-len(row.trigger), not row.starts)))
        self._by_words = tuple([(row, row.words, row.starts) for row in self._rows])
        self._possible = functools.lru_cache(maxsize=REMEMBERED_WORDS)(self._find_possible)

    def parse(self, text: str) -> Parsed | None:
        """Return what the first format that takes ``text`` makes of it: exact formats before tolerant ones."""
        if len(text) > MAX_LINE_CHARACTERS:
            return None
        possible = self.possible(text)
        for row in possible:
            if row.exact and row.is_in(text):
                for candidate in row.exact:
                    if (parsed := candidate.parse(text)) is not None:
                        return parsed
        for row in possible:
            if row.tolerant and row.is_in(text):
                for candidate in row.tolerant:
                    if (parsed := candidate.parse(text)) is not None:
                        return parsed
        return None

    def possible(self, text: str) -> tuple["_Row", ...]:
        """Return the rows whose trigger ``text`` may hold, in the order in which they are tried."""
        find = self._possible if len(text) <= REMEMBERED_CHARACTERS else self._find_possible
        return find(_words(text))

    def _find_possible(self, words: str) -> tuple[_Row, ...]:
        return tuple(
            [row for row, there, starts in self._by_words if (words.startswith(there) if starts else there in words)]
        )


def _words(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").translate(None, _HEX_DIGITS).decode("latin-1")


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
