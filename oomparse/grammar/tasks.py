"""The task dump: its header, which names the columns, and its rows.

Printed by ``mm/oom_kill.c:dump_tasks()`` (since 2.6.25).  A row is read by the columns of the header above it, never by
position alone: kernels have added columns in the middle four times.  Rows whose header is lost keep the five columns
that every kernel prints first.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import COMM_BYTES, CONTINUATION_MARK, lit, number, rx
from oomparse.pattern import pattern
from oomparse.record import record
from oomparse.sections import TaskCells, TaskRow

TASK_ROW = "task_row"
DUMP_TASKS_BY = "mm/oom_kill.c:dump_tasks()"

COLUMN_FIELDS = {
    "pid": "pid",
    "uid": "uid",
    "tgid": "tgid",
    "total_vm": "total_vm_pages",
    "rss": "rss_pages",
    "rss_anon": "rss_anon_pages",
    "rss_file": "rss_file_pages",
    "rss_shmem": "rss_shmem_pages",
    "nr_ptes": "nr_ptes",
    "nr_pmds": "nr_pmds",
    "pgtables_bytes": "pgtables_bytes",
    "swapents": "swapents_pages",
    "cpu": "cpu",
    "oom_adj": "oom_adj",
    "oom_score_adj": "oom_score_adj",
    "name": "comm",
}
"""The kernel's column title -> the field of `TaskRow`."""

FIRST_COLUMNS = ("pid", "uid", "tgid", "total_vm", "rss")
"""What every kernel prints first."""


@record(frozen=True, slots=True, kw_only=True)
class TasksTitle(TypedLine):
    """``Tasks state (memory values in pages):``."""


@record(frozen=True, slots=True, kw_only=True)
class TaskHeader(TypedLine):
    """The column titles, in order; the last is ``name``."""

    columns: tuple[str, ...]


@record(frozen=True, slots=True, kw_only=True)
class TaskLine(TypedLine):
    """A row, not yet bound to its header."""

    text: str


def _build_header(groups: Groups) -> TaskHeader:
    columns = (groups.get("first") or "pid", *(groups.get("columns") or "").split())
    return TaskHeader(columns=columns, unknown=tuple(name for name in columns if name not in COLUMN_FIELDS))


def _header_format(  # noqa: PLR0917 - a row of the table below
    name: str,
    pid: str,
    columns: str,
    since: str,
    until: str | None,
    distros: tuple[str, ...] = (),
    *,
    dated_by_blanks: bool = False,
) -> LineFormat:
    """One generation of the header: a fixed set of titles; blanks that no mailer has changed date it too."""
    titles = columns.split()
    return LineFormat(
        name=name,
        section=Section.TASKS,
        trigger="pid",
        expression=lambda: (
            (lit(pid) + rx(r"\s{2,8}") if dated_by_blanks else rx(r"\[ +pid +\]\s+"))
            + rx(r"\s+".join(titles))("columns")
        ),
        build=_build_header,
        since=since,
        until=until,
        distros=distros,
        printed_by=DUMP_TASKS_BY,
        printf=f"{pid}   {columns}",
        samples=(f"{pid}   {columns}" if dated_by_blanks else f"{pid} {columns}",),
    )


def _cell(width: int) -> str:
    """A number that stands right in a column of this width, or is wider than it."""
    return rf" (?:(?=[ \d-]{{{width}}}(?: |\Z)) *-?\d+|-?\d{{{width + 1},20}})"


# The widths of the columns behind the pid and the blanks before the last, as dump_task() prints them.
_WIDTHS = (
    (5, 5, 8, 8, 8, 8, 9, 8, 8, 13),
    (5, 5, 8, 8, 8, 8, 13),
    (5, 5, 8, 8, 7, 7, 8, 13),
    (5, 5, 8, 8, 7, 8, 13),
    (5, 5, 8, 8, 3, 7, 13),
    (5, 5, 8, 8, 3, 7),
)
_ALIGNED = "|".join("".join(map(_cell, widths)) for widths in _WIDTHS)


@functools.cache
def _aligned() -> re.Pattern[str]:
    return re.compile(rf"\[ *\d+\](?:{_ALIGNED}) .{{0,{COMM_BYTES}}}\Z", re.DOTALL)


def is_aligned(text: str) -> bool:
    """Tell whether a row looks as a kernel prints it: every number right in its column, and a name behind them."""
    return _aligned().match(text) is not None


@functools.lru_cache(maxsize=64)
def _row_pattern(numbers: int) -> re.Pattern[str]:
    """``[pid]`` and so many numbers, and what follows a blank behind them."""
    cell = rf"[\s{CONTINUATION_MARK}]+(-?\d{{1,20}})"
    return re.compile(r"\s*\[\s*(-?\d{1,20})\]" + cell * numbers + r"(?:\s(.*))?\Z", re.DOTALL)


def task_row(columns: tuple[str, ...] | None, text: str) -> TaskRow | None:
    """Bind a row to its header, whose last column is the name; ``None`` where it is none of its rows.

    Of a row that does not have all of these columns (it is cut, or the header is lost) the first are read, those whose
    end is seen.
    """
    if columns is not None and (row := _whole_row(columns)(text)) is not None:
        return row
    titles = FIRST_COLUMNS if columns is None else columns[: len(FIRST_COLUMNS)]
    for count in range(len(titles), 0, -1):
        match = _row_pattern(count - 1).match(text)
        if match is not None and (match[count + 1] is not None or count == 1):
            return _row(titles[:count], match.groups()[:-1], None)
    return None


@functools.lru_cache(maxsize=64)
def _whole_row(columns: tuple[str, ...]) -> Callable[[str], TaskRow | None]:
    """Return what reads the rows below a header that have all of its columns."""
    match = _row_pattern(len(columns) - 2).match
    titles, named = columns[:-1], columns[-1] == "name"
    fields = [field for title in titles if (field := COLUMN_FIELDS.get(title)) is not None]
    known = len(fields) == len(titles)

    def read(text: str) -> TaskRow | None:
        found = match(text)
        if found is None:
            return None
        *numbers, name = found.groups()
        comm = name if named else None
        if not known:
            return _row(titles, numbers, comm)
        values: dict[str, Any] = dict(zip(fields, map(int, numbers), strict=True))
        values["comm"] = comm
        return TaskRow(**values)

    return read


def _row(titles: tuple[str, ...], numbers: Iterable[str], comm: str | None) -> TaskRow:
    cells = zip(map(COLUMN_FIELDS.get, titles), numbers, strict=True)
    return TaskRow(comm=comm, **{field: int(cell) for field, cell in cells if field is not None})


_SOME_ROWS = pattern(r"(?:\[ *-?\d{1,20}\] +-?\d{1,20}[^\n]*+\n)*+")


def count_rows(texts: Sequence[str]) -> int:
    """Count the texts up to the first that is plainly no row; none where one of all holds a line end."""
    if not texts or texts[0][:1] != "[":
        return 0
    together = "\n".join(texts) + "\n"
    if together.count("\n") != len(texts):
        return 0
    found = _SOME_ROWS.match(together)
    return found[0].count("\n") if found is not None else 0


def task_rows(lines: Iterable[TypedLine | Sequence[str]], *, padded: bool = False) -> tuple[TaskRow, ...] | None:
    """Read the rows of a report, each by the header above it; ``None`` where there is neither header nor row.

    Texts are rows that were not parsed yet.  ``padded``: somebody has put blanks behind the lines, which are no part of
    the names then.
    """
    columns: tuple[str, ...] | None = None
    rows: list[TaskRow] = []
    seen = False
    for line in lines:
        if isinstance(line, TaskHeader):
            columns = line.columns
        elif isinstance(line, TaskLine):
            rows += _rows(columns, [line.text])
        elif isinstance(line, TypedLine):
            continue
        else:
            rows += _rows(columns, line)
        seen = True
    if padded or any(len(row.comm) > COMM_BYTES and row.comm[-1] == " " for row in rows if row.comm is not None):
        rows = [row if row.comm is None else replace(row, comm=row.comm.rstrip(" ")) for row in rows]
    return tuple(rows) if seen else None


def task_cells(columns: tuple[str, ...], texts: Sequence[str]) -> TaskCells | None:
    """Return the rows below a header unread; ``None`` where one of them is not as the kernel prints it."""
    fields, pattern = _printed_rows(columns)
    together = "\n".join(texts)
    if pattern is None or together.count("\n") + 1 != len(texts):
        return None
    found = pattern.findall(together)
    return TaskCells((*fields, "comm"), found) if len(found) == len(texts) else None


def _rows(columns: tuple[str, ...] | None, texts: Sequence[str]) -> Iterable[TaskRow]:
    """Read rows below one header: all at once where each is whole and on a line of its own, as nearly always."""
    fields, pattern = _plain_rows(columns)
    if pattern is not None:
        found = pattern.findall("\n".join(texts))
        if len(found) == len(texts) and "\n" not in "".join(texts):
            # The name is the last cell, and has no field in the list.
            return [TaskRow(comm=cells[-1], **dict(zip(fields, map(int, cells), strict=False))) for cells in found]
    return [row for text in texts if (row := task_row(columns, text)) is not None]


@functools.lru_cache(maxsize=64)
def _plain_rows(columns: tuple[str, ...] | None) -> tuple[tuple[str, ...], re.Pattern[str] | None]:
    """Return the fields of a header's numbers, and what finds its rows; None where a title is not known."""
    return _rows_of(columns, r"-?\d{1,20}+", ".*")


@functools.lru_cache(maxsize=64)
def _printed_rows(columns: tuple[str, ...]) -> tuple[tuple[str, ...], re.Pattern[str] | None]:
    """Return the same, of rows that nobody has touched since the kernel printed them."""
    return _rows_of(columns, r"(?:0|-?[1-9][0-9]{0,17}+)", f"[ -~]{{0,{COMM_BYTES}}}+")


def _rows_of(columns: tuple[str, ...] | None, digits: str, name: str) -> tuple[tuple[str, ...], re.Pattern[str] | None]:
    if columns is None or columns[-1] != "name" or not COLUMN_FIELDS.keys() >= set(columns[:-1]):
        return (), None
    fields = tuple(COLUMN_FIELDS[title] for title in columns[:-1])
    cells = rf"[ \t]++({digits})" * (len(columns) - 2)
    return fields, re.compile(rf"^[ \t]*+\[[ \t]*+({digits})\]{cells}[ \t]({name})$", re.MULTILINE)


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="tasks_title",
        section=Section.TASKS,
        trigger="Tasks state (memory values in pages):",
        starts=True,
        expression=lambda: lit("Tasks state (memory values in pages):"),
        build=builds(TasksTitle),
        since="4.19",
        distros=("el8",),
        printed_by=DUMP_TASKS_BY,
        printf="Tasks state (memory values in pages):",
        samples=("Tasks state (memory values in pages):",),
    ),
    _header_format(
        "task_header_6_8",
        "[  pid  ]",
        "uid tgid total_vm rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
        "6.8",
        None,
        ("el9",),
    ),
    *(
        _header_format(
            name,
            pid,
            "uid tgid total_vm rss pgtables_bytes swapents oom_score_adj name",
            since,
            until,
            ("el8",),
            dated_by_blanks=dated,
        )
        for name, pid, since, until, dated in (
            ("task_header_4_15", "[ pid ]", "4.15", "4.18", True),
            ("task_header_4_19", "[  pid  ]", "4.19", "6.7", True),
            ("task_header_pgtables", "[ pid ]", "4.15", "6.7", False),
        )
    ),
    _header_format(
        "task_header_4_0",
        "[ pid ]",
        "uid tgid total_vm rss nr_ptes nr_pmds swapents oom_score_adj name",
        "4.0",
        "4.14",
    ),
    _header_format(
        "task_header_3_6", "[ pid ]", "uid tgid total_vm rss nr_ptes swapents oom_score_adj name", "3.6", "3.19"
    ),
    _header_format(
        "task_header_2_6_36",
        "[ pid ]",
        "uid tgid total_vm rss cpu oom_adj oom_score_adj name",
        "2.6.36",
        "3.5",
        ("el6",),
    ),
    _header_format(
        "task_header_2_6_25", "[ pid ]", "uid tgid total_vm rss cpu oom_adj name", "2.6.25", "2.6.35", ("el6",)
    ),
    LineFormat(
        name="task_header_other",
        section=Section.TASKS,
        trigger=" ]",
        tolerant=True,
        expression=lambda: (
            rx(r"\[ +(?P<first>[a-z_]{2,15}) +\]\s+(?=[^\n]* (?:total_vm|rss) )")
            + rx(r"[^\s\d-]\S{0,23}(?>\s+[^\s\d-]\S{0,23}){4,30}")("columns")
        ),
        build=_build_header,
        since="2.6.25",
        printed_by=DUMP_TASKS_BY,
        printf="[  pid  ]   uid  tgid … name",
        samples=("[  pid  ]   uid  tgid total_vm      rss weight swapents oom_score_adj name",),
    ),
    LineFormat(
        name=TASK_ROW,
        section=Section.TASKS,
        trigger="[",
        starts=True,
        expression=lambda: (
            rx(r"\[\s*") + number("pid") + lit("]") + rx(r"\s+(?=-?\d)") + number("uid") + rx(r".*")("cells")
        ),
        build=lambda groups: TaskLine(text=f"[{groups.get('pid')}] {groups.get('uid')}{groups.get('cells')}"),
        since="2.6.25",
        printed_by=DUMP_TASKS_BY,
        printf="[%7d] %5d %5d %8lu %8lu %8lu %8lu %9lu %8ld %8lu         %5hd %s",
        samples=(
            "[    100]  1000   100    17040     7817     7685        1       131   102400        0             0 hog",
            "[ 5012]     0  5012    28281      347   3     -17         -1000 a) (b",
        ),
    ),
)
