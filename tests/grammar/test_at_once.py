"""What is read at once, or remembered, is what reading it line by line gives."""

from collections.abc import Sequence
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.grammar import formats
from oomparse.grammar.dispatch import Dispatcher, compiled, parse_line, single
from oomparse.grammar.format import WORTH_COMPILING, LineFormat, builds
from oomparse.grammar.header import Header
from oomparse.grammar.memcg import plain_stats, stat_line
from oomparse.grammar.tasks import TASK_ROW, TaskHeader, count_rows, task_cells, task_row, task_rows
from oomparse.sections import TaskRow

HEADER = "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
ROW = "[    100]  1000   100    17040     7817   102400        0             0 "
ODD_ROWS = (
    "[    100]  1000   100    17040     7817   102400        0",  # cut
    "[    100]  1000   100    17040     7817   102400        0          -0 hog",
    "[    100]  1000   100    17040     7817   102400        0         007 hog",
    "[ 123456789012345678901]  1000   100    17040     7817   102400        0  0 hog",
    ROW.replace("1000", "100\u0663") + "digits of another script",
    f"  {ROW}indented",
    "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    "oom-kill:constraint=CONSTRAINT_NONE",
    "",
)
comms = st.one_of(
    st.sampled_from(("hog", "", "a b ", 'q"uo', "back\\slash", "é€", "\udcff", "nl\nhog", "a name of 16 byt")),
    st.text(max_size=15),
)
rows = st.lists(st.one_of(comms.map(ROW.__add__), st.sampled_from(ODD_ROWS)), max_size=6)
stats = st.lists(
    st.one_of(
        st.sampled_from(("anon 0", "file 4096", "pgfault 12", " shmem 0", "anon", "anon -1", "Anon 1", "unheard_of 3")),
        st.sampled_from(("kernel_stack 12345678901234567890", "sock 123456789012345678901", "slab 1\nsock 2", "")),
    ),
    max_size=6,
)


def columns() -> tuple[str, ...]:
    parsed = parse_line(HEADER)
    assert parsed is not None
    assert isinstance(parsed.line, TaskHeader)
    return parsed.line.columns


@pytest.mark.parametrize("line_format", formats(), ids=lambda line_format: line_format.name)
def test_lines_of_a_format_that_comes_often_are_what_the_first_was(line_format: LineFormat) -> None:
    for sample in line_format.samples:
        found = compiled(line_format).match(sample)
        assert found is not None
        groups = found.groupdict()
        first = line_format.build(groups)
        assert all(line_format.build(groups) == first for _ in range(WORTH_COMPILING + 2))
        present = {name: text for name, text in groups.items() if text is not None}
        assert line_format.build(present) == first  # as strict mode asks


def test_numbers_of_any_kind_are_read_however_often_they_come() -> None:
    build = builds(Header)
    for order, mask in (*[("1", "12")] * (2 * WORTH_COMPILING), ("-1", "0x1f"), ("2", None)):
        expected = Header(order=int(order), gfp_mask=None if mask is None else int(mask, 0))
        assert build({"order": order, "gfp_mask": mask}) == expected
    assert build({"order": "3"}) == build({"order": "3", "gfp_mask": None}) == Header(order=3)


@given(rows)
def test_rows_are_counted_as_their_format_takes_them(texts: Sequence[str]) -> None:
    one_by_one = [*takewhile(lambda text: text.startswith("[") and single(TASK_ROW).match(text), texts)]
    assert count_rows(texts) == (0 if any("\n" in text for text in texts) else len(one_by_one))


@given(rows)
def test_rows_are_read_as_one_by_one(texts: Sequence[str]) -> None:
    header = parse_line(HEADER)
    assert header is not None
    expected = [row for text in texts if (row := task_row(columns(), text)) is not None]
    if any(row.comm is not None and len(row.comm) > 15 and row.comm[-1] == " " for row in expected):
        return  # these are not the kernel's blanks
    assert task_rows([header.line, texts]) == tuple(expected)


@given(rows)
def test_cells_are_the_texts_of_the_rows(texts: Sequence[str]) -> None:
    cells = task_cells(columns(), texts)
    if cells is not None:
        read = [
            TaskRow(comm=row[-1], **dict(zip(cells.fields[:-1], map(int, row[:-1]), strict=True))) for row in cells.rows
        ]
        assert read == [task_row(columns(), text) for text in texts]
        assert all(str(int(cell)) == cell for row in cells.rows for cell in row[:-1])


def test_plain_rows_have_cells() -> None:
    cells = task_cells(columns(), [f"{ROW}hog", f"{ROW}"])
    assert cells is not None
    assert [row[-1] for row in cells.rows] == ["hog", ""]
    assert all(task_cells(columns(), [f"{ROW}hog", odd]) is None for odd in ODD_ROWS if odd != f"  {ROW}indented")


@given(stats)
def test_stats_are_counted_and_read_as_one_by_one(texts: Sequence[str]) -> None:
    one_by_one = [stat_line(text) for text in texts]
    pairs = plain_stats(texts)
    count = len(pairs)
    taken = one_by_one[:count]
    assert all(stat is not None and not stat.unknown for stat in taken)
    assert [(key, int(value)) for key, value in pairs] == [(stat.key, stat.value) for stat in taken if stat is not None]
    plain = [
        stat is not None and not stat.unknown and text[0] != " " for stat, text in zip(one_by_one, texts, strict=True)
    ]
    if all(plain) and not any("\n" in text for text in texts):
        assert count == len(texts)


@pytest.mark.parametrize("line_format", formats(), ids=lambda line_format: line_format.name)
def test_a_line_finds_its_formats_whatever_its_digits(line_format: LineFormat) -> None:
    """What is remembered of a line's words leaves out no format whose trigger stands in another such line."""
    dispatcher = Dispatcher()
    for sample in line_format.samples:
        for text in (sample, sample.translate(str.maketrans("0123456789abcdef", "9876543210fedcba")), sample):
            rows = [row for row in dispatcher.possible(text) if row.is_in(text)]
            found = {each.name for row in rows for each in (*row.exact, *row.tolerant)}
            holds = {
                each.name
                for each in formats()
                if (text.startswith(each.trigger) if each.starts else each.trigger in text)
            }
            assert found == holds
