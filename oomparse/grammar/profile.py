"""Memory allocation profiling: the call sites that hold the most memory.

Printed by ``mm/show_mem.c:__show_mem()`` since 6.10 on kernels with CONFIG_MEM_ALLOC_PROFILING, at most ten lines.  The
size is a number of bytes in 6.10 and 6.11 and a rounded one with its unit from 6.12 on.
"""

from typing import TYPE_CHECKING

from oomparse.grammar.format import LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import lit, rx
from oomparse.record import record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

SHOW_MEM_BY = "mm/show_mem.c:__show_mem()"


@record(frozen=True, slots=True, kw_only=True)
class ProfileTitle(TypedLine):
    """``Memory allocations:``; ``state`` is ``on`` or ``off`` where the kernel says it (since 6.15)."""

    state: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class AllocationLine(TypedLine):
    """One call site; ``size`` as printed: bytes, or a number with its unit."""

    size: str
    calls: int
    file: str
    line: int
    module: str | None = None
    function: str


def _site() -> "Element":
    return rx(
        r" +(?P<calls>\d{1,20}) +(?P<file>\S+):(?P<line>\d{1,9}) (?:\[(?P<module>[^\]\s]+)\] )?func:(?P<function>\S+)"
    )


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="profile_title",
        section=Section.MEMINFO,
        trigger="Memory allocations:",
        starts=True,
        expression=lambda: lit("Memory allocations:"),
        build=builds(ProfileTitle),
        since="6.10",
        until="6.17",
        printed_by=SHOW_MEM_BY,
        printf="Memory allocations:",
        samples=("Memory allocations:",),
    ),
    LineFormat(
        name="profile_title_6_15",
        section=Section.MEMINFO,
        trigger="Memory allocations (profiling",
        starts=True,
        expression=lambda: (
            lit("Memory allocations (profiling is currently turned ") + rx("on|off")("state") + lit("):")
        ),
        build=builds(ProfileTitle),
        since="6.15",
        printed_by=SHOW_MEM_BY,
        printf="Memory allocations (profiling is currently turned %s):",
        samples=("Memory allocations (profiling is currently turned on):",),
    ),
    LineFormat(
        name="profile_6_12",
        section=Section.MEMINFO,
        trigger=" func:",
        expression=lambda: rx(r" *") + rx(r"\d[\d.]* ?[KMGTPEZY]?i?B")("size") + _site(),
        build=builds(AllocationLine),
        since="6.12",
        printed_by=SHOW_MEM_BY,
        printf="%12s %8llu %s:%u [%s] func:%s",
        samples=(
            "    38.4 MiB    12034 mm/slub.c:2325 func:alloc_slab_page",
            "     512 KiB        7 drivers/block/zram.c:41 [zram] func:zram_init",
        ),
    ),
    LineFormat(
        name="profile_6_10",
        section=Section.MEMINFO,
        trigger=" func:",
        expression=lambda: rx(r" *") + rx(r"-?\d{1,20}")("size") + _site(),
        build=builds(AllocationLine),
        since="6.10",
        until="6.11",
        printed_by=SHOW_MEM_BY,
        printf="%12lli %8llu %s:%u [%s] func:%s",
        samples=(
            "    40265318    12034 mm/slub.c:2325 func:alloc_slab_page",
            "        4096        1 fs/ext4/super.c:77 [ext4] func:ext4_fill_super",
        ),
    ),
)
