"""The unreclaimable slab table.

Printed by ``mm/slab_common.c:dump_unreclaimable_slab()`` since 4.15, where such slabs hold more memory than all page
lists together.  A cache's name is as long as it likes and may hold spaces; the two sizes are read from the right end.
"""

from oomparse.grammar.format import LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import kb, lit, rx
from oomparse.record import record

SLAB_BY = "mm/slab_common.c:dump_unreclaimable_slab()"


@record(frozen=True, slots=True, kw_only=True)
class SlabTitle(TypedLine):
    """A line above the table, or the one that says that there is none."""


@record(frozen=True, slots=True, kw_only=True)
class SlabRow(TypedLine):
    """One cache."""

    name: str
    used_kb: int
    total_kb: int


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="slab_title",
        section=Section.SLABS,
        trigger="Unreclaimable slab info:",
        starts=True,
        expression=lambda: lit("Unreclaimable slab info:"),
        build=builds(SlabTitle),
        since="4.15",
        printed_by=SLAB_BY,
        printf="Unreclaimable slab info:",
        samples=("Unreclaimable slab info:",),
    ),
    LineFormat(
        name="slab_columns",
        section=Section.SLABS,
        trigger="Name ",
        starts=True,
        expression=lambda: rx(r"Name +Used +Total"),
        build=builds(SlabTitle),
        since="4.15",
        printed_by=SLAB_BY,
        printf="Name                      Used          Total",
        samples=("Name                      Used          Total",),
    ),
    LineFormat(
        name="slab",
        section=Section.SLABS,
        trigger="KB ",
        expression=lambda: (
            rx(r"\S[^\n]{0,255}?(?= {1,60}\d{1,20}KB {1,60}\d{1,20}KB\s*\Z)")("name")
            + rx(r" +")
            + kb("used_kb", "KB")
            + rx(r" +")
            + kb("total_kb", "KB")
        ),
        build=builds(SlabRow),
        since="4.15",
        printed_by=SLAB_BY,
        printf="%-17s %10luKB %10luKB",
        samples=(
            "task_struct              622KB        640KB",
            "kmalloc-rnd-03-cg-1k         16KB         16KB",
            "dentry(17:a unit.slice)          4KB          8KB",
        ),
    ),
    LineFormat(
        name="slab_excessive",
        section=Section.SLABS,
        trigger="excessive unreclaimable slab",
        starts=True,
        expression=lambda: lit("excessive unreclaimable slab but cannot dump stats"),
        build=builds(SlabTitle),
        since="4.15",
        printed_by=SLAB_BY,
        printf="excessive unreclaimable slab but cannot dump stats",
        samples=("excessive unreclaimable slab but cannot dump stats",),
    ),
)
