"""The lowered pattern and pyparsing itself take the same texts and name the same parts of them."""

from collections.abc import Callable
from typing import Any

import pyparsing as pp
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oomparse.grammar import lower


def parsed(expr: pp.ParserElement, text: str) -> dict[str, Any] | None:
    """What pyparsing names, without the groups of a Regex that took no part."""
    try:
        found = expr.parse_string(text, parse_all=True)
    except pp.ParseException:
        return None
    return {name: value for name, value in found.as_dict().items() if value is not None}


def assert_same(expr: pp.ParserElement, text: str) -> None:
    expr = expr.parse_with_tabs()
    assert lower.compile(expr).match(text) == parsed(expr, text), lower.lower(expr)


WORD = pp.Word(pp.alphas)
NUMBER = pp.Regex(r"-?\d+")

CASES: list[tuple[pp.ParserElement, tuple[str, ...]]] = [
    (pp.Literal("kill"), ("kill", " kill ", "killed", "", "kil")),
    (pp.Literal("a.b*c"), ("a.b*c", "axbbc")),
    (pp.CaselessLiteral("kB")("unit"), ("kB", "KB", "kb", "k\u0131")),
    (pp.CaselessLiteral("is")("x"), ("IS", "\u0131s", "i\u017f")),
    (pp.Keyword("low") + WORD("w"), ("low x", "lowx", "low", "low lower")),
    (NUMBER("n") + pp.Literal("kB").leave_whitespace(), ("12kB", "12 kB", "-3kB", "kB")),
    (pp.Regex(r"(?P<key>\w+):(?P<value>\d+)(?P<unit>kB)?"), ("free:3kB", "free:3", "free:")),
    (pp.Regex(r"(?i)abc|d")("x"), ("ABC", "d", "D")),
    (pp.Regex(r"(?s:.*)(?=end)")("x") + pp.Literal("end"), ("a\nend end", "end", "x end\n")),
    (pp.Regex(r"([ab])+[)\]]")("x"), ("ab)", "ab]", "ab")),
    (pp.Regex(r"a*")("x"), ("", "aa", " ", "b")),
    # no element is entered twice: these would match if they were
    (pp.Regex(r"a*") + "a", ("aaa", "a")),
    (pp.Regex(r"a*") + "b", ("aab", "b", "a")),
    ((pp.Literal("a") | pp.Literal("ab"))("x") + pp.Opt("c"), ("ab", "a", "ac", "abc")),
    (pp.Opt(pp.Literal("a"))("x") + pp.Literal("a"), ("a", "aa")),
    (pp.ZeroOrMore(pp.Word("a", exact=1)) + "a", ("a", "aaa")),
    # names
    ((WORD("w") + ":" + NUMBER("n")) | (NUMBER("n") + ":" + WORD("w")), ("a:1", "1:a", "a:a")),
    ((WORD | NUMBER)("x") + pp.Opt(NUMBER)("y"), ("a 1", "1 1", "a", "1")),
    (pp.Group(WORD("hidden")) + NUMBER("n"), ("a 1",)),
    (pp.Suppress(WORD("hidden")) + NUMBER("n"), ("a 1",)),
    (pp.Combine(WORD + "-" + NUMBER)("id"), ("a-1", "a -1", "a- 1")),
    (pp.Combine(WORD("w") + "-" + NUMBER("n")), ("a-1",)),
    (pp.OneOrMore(WORD("last") + pp.Opt(NUMBER("n"))), ("a b 2 c", "a", "")),
    (pp.OneOrMore(WORD, stop_on="end") + pp.Literal("end")("e"), ("a b end", "end")),
    (pp.FollowedBy(WORD("ahead")) + pp.Regex(r".+")("x"), ("abc 1", "1")),
    (~pp.Literal("no") + WORD("w"), ("yes", "no", "nope", " no")),
    (pp.Literal("node")("isolated(anon)"), ("node",)),
    (pp.Literal("a")("class") + pp.Literal("b")("_1_1"), ("ab",)),
    # white space
    (pp.Literal("a").leave_whitespace() + pp.Literal("b"), ("a b", " a b", "a\t\nb ")),
    (pp.Opt(pp.Literal("a")) + pp.Literal("b").leave_whitespace(), ("b", " b", "a b", "ab")),
    (
        pp.Literal("a").set_whitespace_chars(" ") + pp.Literal("b").set_whitespace_chars("\t"),
        ("  a\tb", "\ta b", "a b"),
    ),
    (WORD("w") + pp.LineEnd(), ("a", "a\n", "a\n\n", "a \n b")),
    (WORD("w") + pp.StringEnd(), ("a", "a \n", "a b")),
    (pp.Empty() + WORD("w"), (" a",)),
    (pp.Word("a b"), ("a b", "abc")),
    (pp.Word("a b", max=2), ("ab", "a b", "a")),
    (pp.Word("ab", "1")("x") + pp.Opt(pp.Word("1")), ("a11", "ab1", "1")),
    (pp.Word("a", max=2)("x") + pp.Opt(pp.Word("a")), ("a", "aa", "aaa")),
]


@pytest.mark.parametrize(("expr", "texts"), CASES, ids=[f"{number} {expr}" for number, (expr, _) in enumerate(CASES)])
def test_same_answer(expr: pp.ParserElement, texts: tuple[str, ...]) -> None:
    for text in texts:
        assert_same(expr, text)


def test_atomic() -> None:
    """A text that would take a backtracking pattern for ever is refused at once."""
    expr = pp.OneOrMore(pp.Regex(r"a+") | pp.Literal("b")) + pp.Literal("c")
    assert lower.compile(expr).match("a" * 5000 + "b" * 5000) is None


def test_direct_groups() -> None:
    lowered = lower.compile(WORD("w") + pp.Opt(NUMBER("n")))
    assert lowered.direct
    found = lowered.regex.match("abc")
    assert found is not None
    assert found.groupdict() == {"w": "abc", "n": None}
    assert lowered.match("abc") == {"w": "abc"}
    assert not lower.compile(WORD("x") | NUMBER("x")).direct


def _forward() -> pp.ParserElement:
    expr = pp.Forward()
    expr <<= "(" + pp.Opt(expr) + ")"
    return expr


REFUSED: list[tuple[Callable[[], pp.ParserElement], str]] = [
    (_forward, "Forward"),
    (lambda: pp.Located(WORD), "Located"),
    (lambda: WORD ^ NUMBER, "Or"),
    (lambda: WORD - NUMBER, "_ErrorStop"),
    (lambda: WORD.copy().add_parse_action(str), "parse action"),
    (lambda: pp.Word(pp.nums)("n*"), "list"),
    (lambda: (WORD + NUMBER)("both"), "And"),
    (lambda: pp.Group(WORD)("g"), "Group"),
    (lambda: pp.OneOrMore(WORD)("all"), "OneOrMore"),
    (lambda: WORD("x") + NUMBER("x"), "twice"),
    (lambda: pp.OneOrMore(WORD("x") | NUMBER("x")), "repeated"),
    (lambda: pp.OneOrMore(pp.Regex("(?P<x>a)|b")), "repeated"),
    (lambda: pp.ZeroOrMore(pp.Regex("a*")), "empty"),
    (lambda: pp.Opt(WORD, default="x"), "default"),
    (lambda: pp.Regex(r"(a)\1"), "refers"),
    (lambda: pp.Regex(r"(?P<q>a)(?P=q)"), "refers"),
    (lambda: pp.Regex(r"(?x) a"), "verbose"),
    (lambda: pp.Regex("a", as_match=True), "match"),
    (lambda: pp.Combine(WORD + pp.Suppress("-"))("x"), "Suppress"),
    (lambda: pp.Combine(WORD("w") + NUMBER)("x"), "names inside"),
    (lambda: pp.StringEnd() + pp.Regex("a*"), "last"),
    (lambda: WORD.copy().ignore(pp.Literal("#")), "ignore"),
    (lambda: pp.Suppress(WORD)("x"), "list"),
    (lambda: pp.CaselessKeyword("a"), "CaselessKeyword"),
]


@pytest.mark.parametrize(("make", "word"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_refuses(make: Callable[[], pp.ParserElement], word: str) -> None:
    with pytest.raises(TypeError, match=word):
        lower.compile(make())


NAMES = st.sampled_from(["", "", "p", "q", "r", "s t"])
PATTERNS = ("a*", "a+|b", "[ab]{1,2}", r"(?P<u>a)|(?P<v>b+)", r"(?i)(a)(b)?", r"\s+", r".(?=b)", "^a", "a$", r"\b1")
LEAVES: st.SearchStrategy[pp.ParserElement] = st.one_of(
    st.sampled_from(["a", "b", "ab", "1", "a b", "A"]).map(pp.Literal),
    st.sampled_from(["a", "ab"]).map(pp.Keyword),
    st.just("aB").map(pp.CaselessLiteral),
    st.sampled_from(PATTERNS).map(pp.Regex),
    st.builds(pp.Word, st.sampled_from(["a", "ab", "a b", "1"]), min=st.integers(1, 2), max=st.sampled_from([0, 2, 3])),
    st.builds(pp.Word, st.sampled_from(["a", "a b"]), st.sampled_from(["b", "1 "]), as_keyword=st.booleans()),
    st.sampled_from([pp.Empty, pp.LineEnd, pp.StringEnd]).map(lambda make: make()),
)


def dressed(expr: pp.ParserElement, name: str, white: int) -> pp.ParserElement:
    expr = expr.copy()
    if white == 1:
        expr = expr.leave_whitespace(recursive=False)
    elif white == 2:
        expr = expr.set_whitespace_chars(" \t")
    return expr(name) if name else expr


def composed(inner: st.SearchStrategy[pp.ParserElement]) -> st.SearchStrategy[pp.ParserElement]:
    several = st.lists(inner, min_size=1, max_size=4)
    one = st.one_of(
        several.map(pp.And),
        several.map(pp.MatchFirst),
        inner.map(pp.Opt),
        inner.map(pp.Suppress),
        inner.map(pp.Group),
        inner.map(pp.Combine),
        inner.map(pp.FollowedBy),
        inner.map(pp.NotAny),
        st.tuples(inner, st.none() | st.integers(1, 2)).map(lambda two: pp.OneOrMore(two[0], max=two[1])),
        st.tuples(inner, inner).map(lambda two: pp.ZeroOrMore(two[0], stop_on=two[1])),
    )
    return st.builds(dressed, one, NAMES, st.integers(0, 3))


EXPRESSIONS = st.recursive(st.builds(dressed, LEAVES, NAMES, st.integers(0, 3)), composed, max_leaves=8)
TEXTS = st.text("ab1A \t\n", max_size=8)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(EXPRESSIONS, st.lists(TEXTS, min_size=1, max_size=6))
def test_generated(expr: pp.ParserElement, texts: list[str]) -> None:
    try:
        lower.compile(expr)
    except TypeError:
        assume(False)
    for text in texts:
        assert_same(expr, text)
