"""Every format takes its own samples, in both ways to run it, and no other format takes them first."""

import pyparsing as pp
import pytest

from oomparse.grammar import formats, generate
from oomparse.grammar.dispatch import compiled, parse_line
from oomparse.grammar.format import LineFormat

CASES = [(line_format, sample) for line_format in formats() for sample in line_format.samples]


def test_there_are_formats() -> None:
    assert len(formats()) > 50


def test_names_are_unique() -> None:
    names = [line_format.name for line_format in formats()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("line_format", formats(), ids=lambda line_format: line_format.name)
def test_facts_are_stated(line_format: LineFormat) -> None:
    assert line_format.samples
    assert line_format.printed_by.endswith("()")
    assert line_format.printf
    assert line_format.since[0].isdecimal()


@pytest.mark.parametrize(("line_format", "sample"), CASES, ids=lambda case: getattr(case, "name", None))
def test_sample_is_taken_by_its_format(line_format: LineFormat, sample: str) -> None:
    parsed = parse_line(sample)
    assert parsed is not None
    assert parsed.format.name == line_format.name
    assert line_format.tolerant or not parsed.line.damaged


@pytest.mark.parametrize(("line_format", "sample"), CASES, ids=lambda case: getattr(case, "name", None))
def test_both_ways_agree(line_format: LineFormat, sample: str) -> None:
    """pyparsing, and the regular expression that was lowered from it, read the same."""
    for candidate in formats():
        slow: dict[str, str] | None
        try:
            read = candidate.expression().parse_with_tabs().parse_string(sample, parse_all=True).as_dict()
            slow = {key: text for key, text in read.items() if text is not None}
        except pp.ParseException:
            slow = None
        found = compiled(candidate).match(sample)
        fast = None if found is None else {key: text for key, text in found.groupdict().items() if text is not None}
        assert fast == slow, candidate.name


def test_lowered_patterns_are_fresh() -> None:
    assert generate.TARGET.read_text(encoding="utf-8") == generate.generated(), "run: make grammar"
