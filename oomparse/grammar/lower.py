r"""Turn a pyparsing expression into one regular expression that accepts the same texts.

pyparsing never goes back into an element that has matched.  Every element therefore becomes an atomic group
(``(?>…)``, Python 3.11), which keeps that meaning and cannot blow up, and results names become named groups.  The
pattern always asks for the whole text, as ``parse_string(text, parse_all=True)`` does.

Refused, with a `TypeError` that names the element: parse actions, `pp.Forward` and whatever else looks further than a
regular expression can; names on elements that give a list; one name twice in a sequence.  Texts are taken as they
stand, so pyparsing agrees on texts with tabs only where the expression was told ``parse_with_tabs()``.

A repeated group is written ``(?>(?:…)*)`` and never ``(?:…)*+``: before Python 3.11.5 the latter goes wrong on groups
(python/cpython#106052, #100061, #101955).
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyparsing as pp

_OTHER_CASE = {"S": "\u017f", "I": "\u0131"}  # what str.upper() also turns into these letters


class Lowered:
    """A compiled expression; `match` gives the named texts of a whole line.

    ``regex`` is the compiled pattern; ``groups`` maps each results name to its groups (several where alternatives
    share the name).  ``direct`` says that every group bears its results name, so that a caller in a hurry may use
    ``regex.match(text)`` and the groups as they are (``None``: took no part).
    """

    __slots__ = ("_constants", "_match", "direct", "groups", "regex")

    def __init__(self, pattern: str, groups: dict[str, tuple[str, ...]], constants: dict[str, str]) -> None:
        self.regex = re.compile(pattern)
        self.groups = groups
        self.direct = not constants and all(found == (name,) for name, found in groups.items())
        self._constants = constants
        self._match = self.regex.match

    def match(self, text: str) -> dict[str, str] | None:
        """Return the named texts, without those that took no part, or ``None`` where the text does not match."""
        found = self._match(text)
        if found is None:
            return None
        texts: dict[str, Any] = found.groupdict()
        if self.direct:
            if None not in texts.values():
                return texts
            return {name: value for name, value in texts.items() if value is not None}
        values: dict[str, str] = {}
        for name, groups in self.groups.items():
            for group in groups:
                if texts[group] is not None:
                    values[name] = self._constants.get(group, texts[group])
        return values


def lower(expr: pp.ParserElement) -> str:
    """Return the pattern that accepts what ``expr.parse_string(text, parse_all=True)`` accepts.

    Raises `TypeError` for an element that has no such pattern.
    """
    return _Walk().whole(expr)


def compile(expr: pp.ParserElement) -> Lowered:  # noqa: A001  # lower.compile, as re.compile
    """Lower an expression and compile it.

    Raises `TypeError` for an element that cannot be lowered.
    """
    walk = _Walk()
    pattern = walk.whole(expr)
    return Lowered(pattern, {name: tuple(groups) for name, groups in walk.groups.items()}, walk.constants)


@dataclass(slots=True)
class _Walk:
    """One walk over an expression; ``groups`` and ``constants`` fill up on the way."""

    groups: dict[str, list[str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    """Groups whose value is not the matched text: a caseless literal gives its own spelling."""
    used: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    """Groups that stand in a `pp.Regex`."""
    muted: bool = False
    """Below an element that forgets the names in it."""
    verbatim: bool = False
    """Below a named `pp.Combine`, whose value must be the very text that it spans."""

    def whole(self, expr: pp.ParserElement) -> str:
        expr.streamline()
        pattern = self.element(expr)
        _names(expr)
        end = dict.fromkeys((_white(expr), _white(pp.Empty())))
        return f"{pattern}{''.join(end)}\\Z"

    def element(self, expr: pp.ParserElement, names: tuple[str, ...] = (), *, skip: bool = True) -> str:
        """Lower one element.

        ``names`` come from outside: a named alternation names whatever it contains.  ``skip`` is False where pyparsing
        has skipped the white space before.
        """
        body = _BODIES.get(type(expr))
        if body is None:
            raise _refusal(expr, "a regular expression cannot do that")
        if expr.parseAction:
            raise _refusal(expr, "it has a parse action (convert when the typed line is built)")
        if expr.ignoreExprs or expr.failAction:
            raise _refusal(expr, "it has expressions to ignore, or a fail action")
        if expr.resultsName:
            if not expr.modalResults:
                raise _refusal(expr, "its results name collects a list")
            names = (*names, expr.resultsName)
        white = _white(expr) if skip and expr.callPreparse else ""
        if white and self.verbatim:
            raise _refusal(expr, "it skips white space inside a named Combine")
        return white + body(self, expr, names)

    def captured(self, pattern: str, names: tuple[str, ...], constant: str | None = None) -> str:
        if self.muted:
            return pattern
        for name in names:
            group = self.group(name)
            if constant is not None:
                self.constants[group] = constant
            pattern = f"(?P<{group}>{pattern})"
        return pattern

    def group(self, name: str) -> str:
        """Return a new group for a results name: the name itself where it is free and can be one."""
        group = name
        while group in self.used or not (group.isidentifier() and group.isascii()):
            group = f"_{len(self.used)}_{len(group)}"
        self.used.add(group)
        self.groups.setdefault(name, []).append(group)
        return group

    @contextmanager
    def below(self, *, muted: bool = False, verbatim: bool = False) -> Iterator[None]:
        before = self.muted, self.verbatim
        self.muted, self.verbatim = self.muted or muted, self.verbatim or verbatim
        yield
        self.muted, self.verbatim = before


def _refusal(expr: pp.ParserElement, why: str) -> TypeError:
    return TypeError(f"cannot lower {type(expr).__name__} {expr}: {why}")


def _white(expr: pp.ParserElement) -> str:
    """Return what an element skips before it."""
    return f"{_one_of(expr.whiteChars)}*+" if expr.skipWhitespace and expr.whiteChars else ""


def _one_of(characters: Iterable[str]) -> str:
    return f"[{''.join(map(_escape, sorted(set(characters))))}]"


def _escape(text: str) -> str:
    return re.escape(text).replace("\\\t", r"\t").replace("\\\n", r"\n").replace("\\\r", r"\r")


def _nameless(expr: pp.ParserElement, names: tuple[str, ...]) -> None:
    if names:
        raise _refusal(expr, f"{names[-1]!r} would be a list; name one text, or a Combine")


def _inside(expr: Any) -> pp.ParserElement:
    inside: pp.ParserElement = expr.expr
    return inside


def _names(expr: pp.ParserElement) -> list[str]:
    """Return the results names that can be seen from outside of an element.

    Raises `TypeError` where a sequence would set one name twice.
    """
    if isinstance(expr, pp.Suppress | pp.Group | pp.NotAny):
        return []
    found = [expr.resultsName] if expr.resultsName else []
    if isinstance(expr, pp.Regex):
        found.extend(expr.re.groupindex)
    below = [_names(part) for part in expr.recurse()]
    if isinstance(expr, pp.MatchFirst):
        below = [sorted({name for names in below for name in names})]
    found.extend(name for names in below for name in names)
    if len(found) != len(set(found)):
        raise _refusal(expr, f"one of the names {', '.join(sorted(found))} is set twice")
    return found


def _passes_end(expr: pp.ParserElement) -> bool:
    """Tell whether an element can leave pyparsing behind the end of the text, where only nothing matches."""
    if isinstance(expr, pp.FollowedBy | pp.NotAny):
        return False
    return isinstance(expr, pp.LineEnd | pp.StringEnd) or any(map(_passes_end, expr.recurse()))


def _literal(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    return walk.captured(_escape(expr.match), names)


def _caseless_literal(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    if not expr.match.isascii() or walk.verbatim:
        raise _refusal(expr, "its letters are not ASCII, or it stands in a named Combine")
    letters = (_one_of({char, char.lower(), *_OTHER_CASE.get(char, "")}) for char in expr.match)
    return walk.captured("".join(letters), names, constant=expr.returnString)


def _keyword(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    if expr.caseless:
        raise _refusal(expr, "it ignores case")
    edge = _one_of(expr.ident_chars)
    return walk.captured(f"(?<!{edge}){_escape(expr.match)}(?!{edge})", names)


def _word(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    regex = getattr(expr, "re", None)
    if regex is not None:
        return walk.captured(f"(?>{regex.pattern})", names)
    first, body = _one_of(expr.init_chars), _one_of(expr.bodyChars)
    most = "" if expr.maxLen == sys.maxsize else str(expr.maxLen - 1)
    pattern = f"{first}{body}{{{expr.minLen - 1},{most}}}+"
    if expr.maxSpecified:
        pattern = f"{pattern}(?!{body})"
    if expr.asKeyword:
        pattern = f"(?<!{body}){pattern}(?!{body})"
    return walk.captured(pattern, names)


def _regex(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    if expr.asGroupList or expr.asMatch:
        raise _refusal(expr, "it gives a match or a list of groups")
    inner: Iterable[str] = expr.re.groupindex
    if walk.verbatim and inner:
        raise _refusal(expr, "it has named groups inside a named Combine")
    rename = {} if walk.muted else {name: walk.group(name) for name in inner}
    walk.optional.update(rename.values())
    try:
        pattern = _embeddable(expr.re, rename)
    except ValueError as error:
        raise _refusal(expr, str(error)) from None
    return walk.captured(f"(?>{pattern})", names)


def _and(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    if any(map(_passes_end, expr.exprs[:-1])):
        raise _refusal(expr, "the end of the line or text must come last")
    return "".join(walk.element(part, skip=number > 0) for number, part in enumerate(expr.exprs))


def _match_first(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    return f"(?>{'|'.join(walk.element(part, names) for part in expr.exprs)})"


def _opt(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    if type(expr.defaultValue).__name__ != "_NullToken":
        raise _refusal(expr, "it has a default value")
    return f"(?>{walk.element(_inside(expr), names, skip=False)}|)"


def _repeat(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    inside = _inside(expr)
    if inside.mayReturnEmpty or _passes_end(inside):
        raise _refusal(expr, "what it repeats can be empty")
    before = {name: len(groups) for name, groups in walk.groups.items()}
    inner = len(walk.optional)
    once = walk.element(inside)
    several = any(len(groups) > before.get(name, 0) + 1 for name, groups in walk.groups.items())
    if several or len(walk.optional) > inner:
        raise _refusal(expr, "names in alternatives, or in a Regex, cannot be told apart when repeated")
    if expr.not_ender is not None:
        once = walk.element(expr.not_ender) + once
    most = "" if expr.max_count is None else str(expr.max_count)
    return f"(?>(?:{once}){{{0 if isinstance(expr, pp.ZeroOrMore) else 1},{most}}})"


def _suppress(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    if walk.verbatim:
        raise _refusal(expr, "it drops text inside a named Combine")
    with walk.below(muted=True):
        return walk.element(_inside(expr), skip=False)


def _group(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    with walk.below(muted=True):
        return walk.element(_inside(expr), skip=False)


def _combine(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    if names and (expr.joinString or _names(_inside(expr))):
        raise _refusal(expr, "a named Combine with a join string or names inside does not give its text")
    with walk.below(verbatim=bool(names)):
        pattern = walk.element(_inside(expr), skip=False)
    return walk.captured(f"(?:{pattern})", names)


def _followed_by(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    return f"(?={walk.element(_inside(expr))})"


def _not_any(walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    with walk.below(muted=True):
        return f"(?!{walk.element(_inside(expr))})"


def _line_end(_walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    return r"(?:\n|\Z)"


def _string_end(_walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    return r"\Z"


def _empty(_walk: _Walk, expr: Any, names: tuple[str, ...]) -> str:
    _nameless(expr, names)
    return ""


_BODIES: dict[type[pp.ParserElement], Callable[[_Walk, Any, tuple[str, ...]], str]] = {
    pp.Literal: _literal,
    type(pp.Literal("x")): _literal,  # pyparsing has a class of its own for one character
    pp.CaselessLiteral: _caseless_literal,
    pp.Keyword: _keyword,
    pp.Word: _word,
    pp.Regex: _regex,
    pp.And: _and,
    pp.MatchFirst: _match_first,
    pp.Opt: _opt,
    pp.OneOrMore: _repeat,
    pp.ZeroOrMore: _repeat,
    pp.Suppress: _suppress,
    pp.Group: _group,
    pp.Combine: _combine,
    pp.FollowedBy: _followed_by,
    pp.NotAny: _not_any,
    pp.LineEnd: _line_end,
    pp.StringEnd: _string_end,
    pp.Empty: _empty,
}


_FLAGS = {re.ASCII: "a", re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
_PIECE = re.compile(
    r"""(?P<escape>\\.)
      | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
      | \(\?P<(?P<name>\w+)>
      | (?P<back>\(\?P=|\(\?\()
      | (?P<open>\((?!\?))
      | (?P<other>\(\?|.)""",
    re.VERBOSE | re.DOTALL,
)


def _embeddable(regex: re.Pattern[str], rename: dict[str, str]) -> str:
    """Return a compiled pattern as a part of a larger one.

    Named groups get the names that ``rename`` gives, all others capture no more.  Raises `ValueError` for references to
    groups, which would point elsewhere, and for verbose patterns.
    """
    if regex.flags & re.VERBOSE:
        raise ValueError("it is a verbose pattern")
    parts: list[str] = []
    for piece in _PIECE.finditer(re.sub(r"\A\(\?[aimsu]+\)", "", regex.pattern)):
        kind, text = piece.lastgroup, piece.group()
        if kind == "back" or (kind == "escape" and text[1] in "123456789"):
            raise ValueError("it refers to a group")
        if kind == "name":
            text = f"(?P<{rename[piece['name']]}>" if rename else "(?:"
        elif kind == "open":
            text = "(?:"
        parts.append(text)
    flags = "".join(letter for flag, letter in _FLAGS.items() if regex.flags & flag)
    return f"(?{flags}:{''.join(parts)})" if flags else "".join(parts)
