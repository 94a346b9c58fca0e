"""Mem-Info: its title, the machine-wide counters and the node lines.

Printed by ``mm/show_mem.c:__show_mem()`` and ``show_free_areas()`` (before 6.3 ``lib/show_mem.c`` and
``mm/page_alloc.c``).  The zones are in `oomparse.grammar.zones`, the page counts in `oomparse.grammar.pages`, the keys
of the counters in `oomparse.grammar.counters`.  A line is recognised whatever its keys; a damaged one keeps what is
certainly whole.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from oomparse.grammar import pages, zones
from oomparse.grammar.arrangements import PrintedBy, kernels_of
from oomparse.grammar.counters import KEYS, UNRECLAIMABLE, KeyKind, read_counters
from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import NUMBER, lit, number, rx
from oomparse.record import maker, record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

SHOW_MEM_BY = "mm/show_mem.c:__show_mem()"
AREAS_BY = "mm/show_mem.c:show_free_areas()"
ARCH_BY = "arch/*/mm/init.c:show_mem()"


@record(frozen=True, slots=True, kw_only=True)
class MemInfoTitle(TypedLine):
    """``Mem-Info:``."""


@record(frozen=True, slots=True, kw_only=True)
class TotalsLine(TypedLine):
    """Machine-wide counters in pages, by the kernel's keys: the whole record, or one line of it."""

    values: Mapping[str, int]
    other: Mapping[str, int] = field(default_factory=dict)
    text: str = ""
    """The counters as they stand: the line may go on in the next."""

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels print these counters."""
        return kernels_of(KeyKind.TOTALS, self.text, self.values, damaged=self.damaged)


@record(frozen=True, slots=True, kw_only=True)
class NodeLine(TypedLine):
    """``Node N active_anon:…`` (since 4.8), in kB, by the kernel's keys."""

    node: int
    values: Mapping[str, int]
    other: Mapping[str, int] = field(default_factory=dict)
    all_unreclaimable: bool | None = None
    text: str = ""
    """The counters as they stand: the line may go on in the next."""

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels print these counters."""
        return kernels_of(KeyKind.NODE, self.text, self.values, damaged=self.damaged)


@record(frozen=True, slots=True, kw_only=True)
class CountersRest(TypedLine):
    """The end of a line of counters that was wrapped; whose counters they are, the line before says."""

    text: str


def _build_totals(groups: Groups) -> TotalsLine:
    text = groups["counters"] or ""
    found = read_counters(KeyKind.TOTALS, text)
    return maker(TotalsLine)(
        values=found.values,
        other=found.other,
        unknown=found.unknown,
        damaged=found.damaged,
        text=text,
    )


def _build_node(groups: Groups) -> NodeLine:
    found = read_counters(KeyKind.NODE, groups["counters"] or "")
    return NodeLine(
        node=int(groups["node"] or 0),
        values=found.values,
        other=found.other,
        all_unreclaimable=found.all_unreclaimable,
        unknown=found.unknown,
        damaged=found.damaged,
        text=groups["counters"] or "",
    )


def _counters(first: str) -> "Element":
    """``key:N key:N …``, numbers without a unit, the keys from ``first`` on; newlines between them or not."""
    return rx(rf"\s*(?={first}:{NUMBER}(?:\s|\Z))") + rx(r"\S+:.*")("counters")


_ENDINGS = "|".join(UNRECLAIMABLE[start:] for start in range(len(UNRECLAIMABLE)))
"""What may be left of the word where a line was broken."""

_TOTALS_STARTS = (
    ("totals", "active_anon", "2.6.32", None),
    ("totals_2_6_28", "Active_anon", "2.6.28", "2.6.31"),
    ("totals_2_6_18", "Active", "2.6.18", "2.6.27"),
)
_TOTALS_LINES = (
    ("totals_active_file", "active_file", "2.6.32", None),
    ("totals_inactive_file", "inactive_file", "2.6.28", "2.6.31"),
    ("totals_unevictable", "unevictable", "2.6.32", None),
    ("totals_slab", "slab_reclaimable", "4.1", None),
    ("totals_mapped", "mapped", "2.6.32", None),
    ("totals_sec_pagetables", "sec_pagetables", "6.1", None),
    ("totals_kernel_misc", "kernel_misc_reclaimable", "5.15", None),
    ("totals_free", "free", "2.6.21", None),
    ("totals_free_cma", "free_cma", "3.7", "4.0"),
)
_TOTALS_SAMPLES: Mapping[str, tuple[str, ...]] = {
    "totals": (
        "active_anon:41 inactive_anon:44335 isolated_anon:0\n active_file:0 inactive_file:3 isolated_file:0\n"
        " unevictable:0 dirty:0 writeback:0\n slab_reclaimable:2266 slab_unreclaimable:1618\n"
        " mapped:231 shmem:857 pagetables:130\n sec_pagetables:0 bounce:0\n kernel_misc_reclaimable:0\n"
        " free:582 free_pcp:209 free_cma:0",
        "active_anon:5041 inactive_anon:2172 isolated_anon:0",
    ),
    "totals_2_6_28": (
        "Active_anon:7100 active_file:89 inactive_anon:575\n"
        " inactive_file:120 unevictable:0 dirty:2 writeback:0 unstable:0\n"
        " free:2467 slab:3821 mapped:229 pagetables:669 bounce:0",
        "Active_anon:7100 active_file:89 inactive_anon:575",
    ),
    "totals_2_6_18": (
        "Active:1693 inactive:626 dirty:19 writeback:0 unstable:0 free:62184 slab:21573 mapped:1371 pagetables:65",
        "Active:9992 inactive:2577 dirty:0 writeback:0 unstable:0\n"
        " free:339 slab:873 mapped:11 pagetables:727 bounce:0",
        "Active:9992 inactive:2577 dirty:0 writeback:0 unstable:0 free:339 slab:873 mapped-file:11 mapped-anon:40 "
        "pagetables:727",
    ),
    "totals_active_file": (" active_file:65 inactive_file:10 isolated_file:0",),
    "totals_inactive_file": (" inactive_file:120 unevictable:0 dirty:2 writeback:0 unstable:0",),
    "totals_unevictable": ("unevictable:259750 dirty:0 writeback:0 unstable:0", " unevictable:0 dirty:5 writeback:0"),
    "totals_slab": (" slab_reclaimable:2427 slab_unreclaimable:3477",),
    "totals_mapped": (" mapped:1210 shmem:0 pagetables:4528 bounce:0", " mapped:231 shmem:857 pagetables:130"),
    "totals_sec_pagetables": (" sec_pagetables:0 bounce:0",),
    "totals_kernel_misc": (" kernel_misc_reclaimable:0",),
    "totals_free": (
        " free:7954 slab_reclaimable:2427 slab_unreclaimable:3477",
        " free:339 slab:873 mapped:11 pagetables:727 bounce:0",
        " free:582 free_pcp:209 free_cma:0",
    ),
    "totals_free_cma": (" free_cma:4096",),
}

_TOTALS_PRINTF = "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\\n active_file:%lu …"


def _totals_format(name: str, first: str, since: str, until: str | None, *, starts: bool) -> LineFormat:
    return LineFormat(
        name=name,
        section=Section.MEMINFO,
        trigger=f"{first}:",
        starts=starts,
        expression=lambda: _counters(first),
        build=_build_totals,
        since=since,
        until=until,
        distros=("el7",) if first == "slab_reclaimable" else (),
        printed_by=AREAS_BY,
        printf=_TOTALS_PRINTF if starts else f" {first}:%lu …",
        samples=_TOTALS_SAMPLES[name],
    )


_KNOWN = "|".join(
    re.escape(key)
    for key in sorted(
        {*KEYS[KeyKind.TOTALS], *KEYS[KeyKind.NODE], *KEYS[KeyKind.ZONE]}, key=lambda key: (-len(key), key)
    )
)
_KNOWN = f"(?:{_KNOWN})"
_UNITLESS_PAIR = rf"\s+(?:{_KNOWN}: ?\d|all_unreclaimable\?)"
_REST = (
    r"(?:(?:reserved|free)_highatomic:\d{1,20}KB\s+)?"
    rf"{_KNOWN}: ?\d{{1,20}}(?:kB(?=\s|\Z)|{_UNITLESS_PAIR})[^\n]*"
)
"""A known counter with its unit, or two without; up to one word may stand before, the end of a key that was broken."""

FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="mem_info",
        section=Section.MEMINFO,
        trigger="Mem-Info:",
        starts=True,
        expression=lambda: lit("Mem-Info:"),
        build=builds(MemInfoTitle),
        since="2.6.27",
        printed_by=SHOW_MEM_BY,
        printf="Mem-Info:",
        samples=("Mem-Info:",),
    ),
    LineFormat(
        name="mem_info_arch",
        section=Section.MEMINFO,
        trigger="Mem-info:",
        starts=True,
        expression=lambda: lit("Mem-info:"),
        build=builds(MemInfoTitle),
        since="2.6.18",
        until="3.19",
        printed_by=ARCH_BY,
        printf="Mem-info:",
        samples=("Mem-info:",),
    ),
    *(_totals_format(*row, starts=True) for row in _TOTALS_STARTS),
    *zones.FORMATS,
    *(_totals_format(*row, starts=False) for row in _TOTALS_LINES),
    *pages.FORMATS,
    LineFormat(
        name="node",
        section=Section.MEMINFO,
        trigger="Node ",
        starts=True,
        expression=lambda: lit("Node ") + number("node") + rx(r" +") + rx(r"[a-z][a-z_]*:\d.*")("counters"),
        build=_build_node,
        since="4.8",
        printed_by=AREAS_BY,
        printf="Node %d active_anon:%lukB inactive_anon:%lukB … all_unreclaimable? %s",
        samples=(
            "Node 0 active_anon:8kB inactive_anon:177340kB active_file:0kB inactive_file:0kB unevictable:0kB "
            "isolated(anon):0kB isolated(file):0kB mapped:924kB dirty:0kB writeback:0kB shmem:3428kB shmem_thp: 0kB "
            "shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB kernel_stack:912kB pagetables:520kB "
            "sec_pagetables:0kB all_unreclaimable? yes",
            "Node 1 active_anon:162324kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB "
            "isolated(anon):0kB isolated(file):0kB mapped:928kB dirty:0kB writeback:0kB shmem:3428kB "
            "kernel_stack:1056kB pagetables:832kB sec_pagetables:0kB all_unreclaimable? no Balloon:0kB "
            "gpu_active:0kB gpu_reclaim:0kB",
            "Node 0 active_anon:12kB inactive_anon:3316kB active_file:0kB inactive_file:4kB unevictable:0kB "
            "isolated(anon):0kB isolated(file):0kB mapped:924kB dirty:0kB writeback:0kB shmem:0kB writeback_tmp:0kB "
            "unstable:0kB pages_scanned:91 all_unreclaimable? no",
        ),
    ),
    LineFormat(
        name="counters_rest",
        section=Section.MEMINFO,
        trigger=":",
        tolerant=True,
        expression=lambda: rx(rf"\s*(?:(?!{_KNOWN}:)\S+\s+)?{_REST}")("text"),
        build=builds(CountersRest, damaged=True),
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="… key:%lukB …",
        samples=(
            "inactive:10308kB present:65024kB pages_scanned:81557 all_unreclaimable? yes",
            "non:256kB active_file:0kB inactive_file:0kB present:15356kB page",
            "inactive_anon:738744 isolated_anon:0",
        ),
    ),
    LineFormat(
        name="counters_rest_answer",
        section=Section.MEMINFO,
        trigger="? ",
        tolerant=True,
        expression=lambda: rx(rf"\s*(?:\S+\s+)?(?:{_ENDINGS})\? (?:yes|no)(?: [^\n]*)?")("text"),
        build=builds(CountersRest, damaged=True),
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="all_unreclaimable? %s",
        samples=("s_scanned:4711 all_unreclaimable? yes", "aimable? no"),
    ),
)
