"""The task dump and the slab table.

As ``mm/oom_kill.c:dump_tasks()`` prints the one since 2.6.25, and ``mm/slab_common.c`` the other since 4.15.  A column
that the kernel prints and the event does not know is 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from oomparse.grammar.dispatch import compiled
from oomparse.grammar.format import Section
from oomparse.grammar.tasks import COLUMN_FIELDS, TaskLine
from oomparse.sections import Slab, TaskRow, TaskTable
from oomparse.testing.printk.kernel import Kernel
from oomparse.testing.printk.record import Record, comm, known, of, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The header of one generation, and the format string of its rows."""

    name: str
    since: str
    header: str
    row: str
    until: str | None = None
    mainline: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles, in order; the last is ``name``."""
        return ("pid", *self.header.partition("]")[2].split())


SHAPES = (
    Shape(
        name="table_2_6_25",
        since="2.6.25",
        header="[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
        row="[%5d] %5d %5d %8d %8d %3d     %3d %s",
    ),
    Shape(
        name="table_2_6_36",
        since="2.6.36",
        header="[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
        row="[%5d] %5d %5d %8d %8d %3d     %3d         %5d %s",
    ),
    Shape(
        name="table_3_6",
        since="3.6",
        header="[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
        row="[%5d] %5d %5d %8d %8d %7d %8d         %5d %s",
    ),
    Shape(
        name="table_4_0",
        since="4.0",
        header="[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
        row="[%5d] %5d %5d %8d %8d %7d %7d %8d         %5d %s",
    ),
    Shape(
        name="table_4_15",
        since="4.15",
        header="[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        row="[%5d] %5d %5d %8d %8d %8d %8d         %5d %s",
    ),
    Shape(
        name="table_4_19",
        since="4.19",
        header="[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        row="[%7d] %5d %5d %8d %8d %8d %8d         %5d %s",
    ),
    Shape(
        name="table_6_8",
        since="6.8",
        header="[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents "
        "oom_score_adj name",
        row="[%7d] %5d %5d %8d %8d %8d %8d %9d %8d %8d         %5d %s",
    ),
)


def task_dump(tasks: TaskTable, kernel: Kernel) -> Iterator[Record]:
    """Yield the table."""
    shape = kernel.choose(SHAPES)
    if shape is None:
        return
    yield from tell(kernel, "tasks_title")
    header = kernel.line("task_header")
    if header is not None:
        groups = compiled(header).match(shape.header)
        if groups is not None:
            yield of(shape.header, Section.TASKS, header.build(groups.groupdict()), header)
    row_format = kernel.line("task_row")
    for row in tasks:
        text = shape.row % tuple(_cells(row, shape))
        yield of(text, Section.TASKS, TaskLine(text=text), row_format)


def printed_tasks(tasks: TaskTable, kernel: Kernel) -> TaskTable | None:
    """Return the table with the columns that this kernel prints; ``None`` where it prints no table."""
    shape = kernel.choose(SHAPES)
    if shape is None:
        return None
    fields = [COLUMN_FIELDS[title] for title in shape.columns]
    rows = (dict(zip(fields, _cells(row, shape), strict=True)) for row in tasks)
    return TaskTable(TaskRow(**cells) for cells in rows)  # type: ignore[arg-type]  # the fields are named by the header


def _cells(row: TaskRow, shape: Shape) -> Iterator[int | str]:
    for title in shape.columns:
        value = getattr(row, COLUMN_FIELDS[title])
        yield comm(value) if title == "name" else known(row.pid if title == "tgid" and value is None else value)


def slab_table(slabs: tuple[Slab, ...], kernel: Kernel) -> Iterator[Record]:
    """Yield the table of unreclaimable slabs."""
    if not slabs:
        return
    yield from tell(kernel, "slab_title")
    yield from tell(kernel, "slab_columns")
    for slab in slabs:
        yield from tell(kernel, "slab", name=slab.name, used_kb=slab.used_kb, total_kb=slab.total_kb)
