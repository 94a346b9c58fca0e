"""A format run backwards: what it writes, it reads as the same line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.grammar import formats
from oomparse.grammar.dispatch import compiled, parse_line
from oomparse.grammar.format import LineFormat
from oomparse.grammar.unparse import unparse

EXACT = {line_format.name: line_format for line_format in formats() if not line_format.tolerant}
CASES = [(line_format, sample) for line_format in EXACT.values() for sample in line_format.samples]


def groups(line_format: LineFormat, text: str) -> dict[str, str | None]:
    match = compiled(line_format).match(text)
    assert match is not None
    return match.groupdict()


@pytest.mark.parametrize(("line_format", "sample"), CASES, ids=lambda case: getattr(case, "name", None))
def test_a_sample_is_written_as_it_was_read(line_format: LineFormat, sample: str) -> None:
    written = parse_line(unparse(line_format, groups(line_format, sample)))
    read = parse_line(sample)
    assert written is not None
    assert read is not None
    assert written.line == read.line


KILL = EXACT["killed_5_4"]
COMM = st.binary(max_size=15).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(comm=COMM, pid=st.integers(0, 4_194_304), size=st.integers(0, 2**40))
def test_values_come_back(comm: str, pid: int, size: int) -> None:
    values = groups(KILL, KILL.samples[0]) | {"comm": comm, "pid": str(pid), "anon_rss_kb": str(size)}
    assert groups(KILL, unparse(KILL, values)) == values


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("header_3_7", {"comm": "a", "gfp_mask": "0xd0", "order": 0, "oom_score_adj": -5},
         "a invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=-5"),
        ("header_4_6", {"comm": "a", "gfp_mask": "0x0", "printed": "", "order": 0, "oom_score_adj": 0},
         "a invoked oom-killer: gfp_mask=0x0(), order=0, oom_score_adj=0"),
        ("header_2_6_18", {"gfp_mask": "0xd0"}, "oom-killer: gfp_mask=0xd0"),
        ("per_cpu", {"cpu": 12, "high": 0, "batch": 1, "used": 7}, "CPU   12: hi:    0, btch:   1 usd:   7"),
        ("free_pages", {"free_kb": 5, "highmem_kb": 0}, "Free pages:           5kB (0kB HighMem)"),
        ("slab", {"name": "dentry", "used_kb": 1, "total_kb": 12}, "dentry                     1KB         12KB"),
        ("mem_info", {}, "Mem-Info:"),
    ],
)  # fmt: skip
def test_widths_and_options_are_the_kernels(name: str, values: dict[str, str | int], text: str) -> None:
    assert unparse(EXACT[name], values) == text


def test_what_a_format_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="killed_5_4: no sample has 'uid' right behind 'comm'"):
        unparse(KILL, {"message": "Out of memory", "pid": 1, "comm": "a", "uid": 0})
    tolerant = next(line_format for line_format in formats() if line_format.tolerant)
    with pytest.raises(ValueError, match="no kernel prints this"):
        unparse(tolerant, {})
