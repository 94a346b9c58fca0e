"""The zones in Mem-Info: counters, reserves, free lists and, up to 4.0, the per-cpu page lists.

Printed by ``mm/show_mem.c:show_free_areas()`` (before 6.3 in ``mm/page_alloc.c``).  ``Node N`` stands in front on
kernels built for several nodes.  A line that the kernel put together from pieces may come in pieces.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from oomparse.grammar.arrangements import PrintedBy, kernels_of
from oomparse.grammar.counters import KeyKind, read_counters
from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import lit, number, optional, rx
from oomparse.pattern import pattern
from oomparse.record import record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

AREAS_BY = "mm/show_mem.c:show_free_areas()"
OLD_AREAS_BY = "mm/page_alloc.c:show_free_areas()"

_ZONES = r"DMA32|DMA|Normal|HighMem|Movable|Device"
_ZONE_NAMES = frozenset(_ZONES.split("|"))


@record(frozen=True, slots=True, kw_only=True)
class NodePrefix(TypedLine):
    """``Node N`` alone: the zone follows as a line of its own."""

    in_parts = True

    node: int


@record(frozen=True, slots=True, kw_only=True)
class ZoneLine(TypedLine):
    """``[Node N ]ZONE free:…``, in kB, by the kernel's keys."""

    node: int | None = None
    zone: str
    values: Mapping[str, int]
    other: Mapping[str, int] = field(default_factory=dict)
    all_unreclaimable: bool | None = None
    text: str = ""
    """The counters as they stand: the line may go on in the next."""

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels print these counters."""
        return kernels_of(KeyKind.ZONE, self.text, self.values, damaged=self.damaged)


@record(frozen=True, slots=True, kw_only=True)
class ReserveLine(TypedLine):
    """``lowmem_reserve[]: …``, in pages; of the zone line before it."""

    in_parts = True

    pages: tuple[int, ...]


@record(frozen=True, slots=True, kw_only=True)
class FreeListLine(TypedLine):
    """One buddy line: ``blocks`` of (count, size in kB, migrate types)."""

    node: int | None = None
    zone: str
    blocks: tuple[tuple[int, int, str | None], ...]
    total_kb: int | None = None
    text: str = ""
    """The blocks as they stand, where they are damaged."""


@record(frozen=True, slots=True, kw_only=True)
class FreeListRest(TypedLine):
    """The rest of a buddy line that was wrapped."""

    text: str


@record(frozen=True, slots=True, kw_only=True)
class PerCpuTitle(TypedLine):
    """``[Node N ]ZONE per-cpu:`` (until 4.0); the lists of its cpus follow."""

    node: int | None = None
    zone: str


@record(frozen=True, slots=True, kw_only=True)
class PerCpuLine(TypedLine):
    """One line of the lists; ``hot`` and ``cold`` or a list without temperature, each (low, high, batch, used)."""

    cpu: int
    lists: Mapping[str | None, tuple[int | None, int, int, int]]


def _node(groups: Groups) -> int | None:
    node = groups.get("node")
    return None if node is None else int(node)


def _new_zone(groups: Groups) -> tuple[str, ...]:
    zone = groups.get("zone") or ""
    return () if zone in _ZONE_NAMES else (zone,)


def _build_zone(groups: Groups) -> ZoneLine:
    found = read_counters(KeyKind.ZONE, groups["counters"] or "")
    return ZoneLine(
        node=_node(groups),
        zone=groups["zone"] or "",
        values=found.values,
        other=found.other,
        all_unreclaimable=found.all_unreclaimable,
        unknown=_new_zone(groups) + found.unknown,
        damaged=found.damaged,
        text=groups["counters"] or "",
    )


def _build_reserve(groups: Groups) -> ReserveLine:
    pages = groups.get("pages") or ""
    if "\n" in pages:
        return ReserveLine(pages=(), damaged=True)  # it was wrapped, perhaps inside a number
    words = pages.split()
    return ReserveLine(pages=tuple(map(int, words)), damaged=bool((groups.get("tail") or "").strip()))


_BLOCK = pattern(r"\s*(\d{1,20})\*(\d{1,20})kB(?:\s+\(([A-Z?]{1,12})\))?(?=\s|\Z)")
_BLOCKS = pattern(rf"(?:{_BLOCK.pattern})*+")
_SUM = pattern(r"\s*=\s*(\d{1,20})kB\s*\Z")


class Blocks(NamedTuple):
    """What a buddy line holds; without ``total_kb`` it is cut, unless it is empty."""

    blocks: tuple[tuple[int, int, str | None], ...]
    total_kb: int | None
    damaged: bool


def read_blocks(text: str) -> Blocks:
    """Read ``count*sizekB (types) … = totalkB``, up to the first thing that is none of it.

    >>> read_blocks("3*4kB (UM) 1*8kB = 20kB").total_kb
    20
    """
    found = _BLOCKS.match(text)
    whole = found[0] if found is not None else ""
    blocks = tuple([(int(count), int(size), types or None) for count, size, types in _BLOCK.findall(whole)])
    total = _SUM.match(text, len(whole))
    damaged = total is None and text.strip() != "empty"
    return Blocks(blocks, int(total[1]) if total else None, damaged)


def _build_free_list(groups: Groups) -> FreeListLine:
    text = groups.get("blocks") or ""
    found = read_blocks(text)
    return FreeListLine(
        node=_node(groups),
        zone=groups.get("zone") or "",
        blocks=found.blocks,
        total_kb=found.total_kb,
        unknown=_new_zone(groups),
        damaged=found.damaged,
        text=text if found.damaged else "",
    )


_LIST_NAMES = ("high", "batch", "used")


def _build_per_cpu(groups: Groups) -> PerCpuLine:
    lists: dict[str | None, tuple[int | None, int, int, int]] = {}
    temperature, low = groups.get("temperature"), groups.get("low")
    for name, prefix in ((temperature, ""), ("cold", "cold_")):
        high, batch, used = (groups.get(f"{prefix}{key}") for key in _LIST_NAMES)
        if high is not None and batch is not None and used is not None:
            lists[name] = (None if low is None else int(low), int(high), int(batch), int(used))
    return PerCpuLine(cpu=int(groups["cpu"] or 0), lists=lists)


def _build_two_lists(groups: Groups) -> PerCpuLine:
    return _build_per_cpu({**groups, "temperature": "hot"})


def _where() -> "Element":
    return optional(lit("Node ") + number("node") + rx(r",? +"))


def _zone() -> "Element":
    return rx(rf"(?P<zone>{_ZONES}|(?<=\d )[A-Za-z]\w{{0,15}})")


def _pcp(prefix: str = "") -> "Element":
    return rx(
        rf"hi: *(?P<{prefix}high>\d{{1,9}}), btch: *(?P<{prefix}batch>\d{{1,9}}) usd: *(?P<{prefix}used>-?\d{{1,9}})"
    )


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="zone",
        section=Section.MEMINFO,
        trigger=" free:",
        expression=lambda: _where() + _zone() + lit(" ") + rx(r"free:.*")("counters"),
        build=_build_zone,
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="Node %d %s free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB …",
        samples=(
            "Node 0 DMA free:772kB boost:0kB min:144kB low:180kB high:216kB reserved_highatomic:0kB "
            "free_highatomic:0kB active_anon:14200kB inactive_anon:0kB active_file:0kB inactive_file:0kB "
            "unevictable:0kB writepending:0kB zspages:0kB present:15992kB managed:15360kB mlocked:0kB bounce:0kB "
            "free_pcp:224kB local_pcp:224kB free_cma:0kB",
            "Node 0 DMA32 free:1592kB min:1640kB low:2048kB high:2456kB reserved_highatomic:0KB active_anon:8kB "
            "inactive_anon:175948kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:0kB "
            "present:245632kB managed:194876kB mlocked:0kB pagetables:496kB bounce:0kB free_pcp:192kB local_pcp:28kB "
            "free_cma:0kB",
            "Normal free:3648kB min:3756kB low:4692kB high:5632kB active:0kB inactive:0kB present:901120kB "
            "pages_scanned:16 all_unreclaimable? yes",
            "HighMem free:512kB min:512kB low:640kB high:768kB active_anon:0kB inactive_anon:0kB active_file:0kB "
            "inactive_file:0kB unevictable:0kB isolated(anon):0kB isolated(file):0kB present:8192kB mlocked:0kB "
            "dirty:0kB writeback:0kB mapped:0kB shmem:0kB slab_reclaimable:0kB slab_unreclaimable:0kB "
            "kernel_stack:0kB pagetables:0kB unstable:0kB bounce:0kB writeback_tmp:0kB pages_scanned:0 "
            "all_unreclaimable? no",
        ),
    ),
    LineFormat(
        name="zone_other",
        section=Section.MEMINFO,
        trigger="kB ",
        tolerant=True,
        expression=lambda: _where() + _zone() + lit(" ") + rx(r"[A-Za-z_]\w*:\d{1,20}kB .*")("counters"),
        build=_build_zone,
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="Node %d %s key:%lukB …",
        samples=("Node 0 DMA colour:3kB free:772kB min:144kB low:180kB high:216kB present:15992kB free_cma:0kB",),
    ),
    LineFormat(
        name="lowmem_reserve",
        section=Section.MEMINFO,
        trigger="lowmem_reserve[]:",
        starts=True,
        expression=lambda: (
            lit("lowmem_reserve[]:") + rx(r"(?:\s+-?\d{1,20}(?=\s|\Z))*")("pages") + rx(r"[^\n]*")("tail")
        ),
        build=_build_reserve,
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="lowmem_reserve[]: %ld %ld …",
        samples=("lowmem_reserve[]: 0 179 179 179 179", "lowmem_reserve[]: 0 880 4080", "lowmem_reserve[]:"),
    ),
    LineFormat(
        name="free_list",
        section=Section.MEMINFO,
        trigger="*",
        expression=lambda: _where() + _zone() + rx(r": *") + rx(r"\d+\*.*")("blocks"),
        build=_build_free_list,
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="Node %d %s: %lu*%lukB (%s) … = %lukB",
        samples=(
            "Node 0 DMA32: 1*4kB (M) 1*8kB (M) 1*16kB (U) 0*32kB 0*64kB 1*128kB (M) 3*256kB (UME) 2*512kB (M) "
            "0*1024kB 0*2048kB 0*4096kB = 1948kB",
            "HighMem: 1*4kB 1*8kB 19*16kB 12*32kB 21*64kB 14*128kB 5*256kB 2*512kB 2*1024kB 1*2048kB 603*4096kB = "
            "2480124kB",
            "Node 1 Normal: 3*64kB (H) 0*128kB 1*256kB (C) = 448kB",
        ),
    ),
    LineFormat(
        name="free_list_empty",
        section=Section.MEMINFO,
        trigger=": empty",
        expression=lambda: _where() + _zone() + lit(": ") + rx("empty")("blocks"),
        build=_build_free_list,
        since="2.6.18",
        until="2.6.18",
        printed_by=OLD_AREAS_BY,
        printf="%s: empty",
        samples=("HighMem: empty", "Node 0 HighMem: empty"),
    ),
    LineFormat(
        name="free_list_rest",
        section=Section.MEMINFO,
        trigger="kB",
        tolerant=True,
        expression=lambda: rx(r"\s*+(?:(?!\d+\*|=)\S{1,12}+\s++){0,2}(?:\d+\*\d+.*|(?:=\s*+)?\d+kB\s*+\Z|=\s*+\Z)")(
            "text"
        ),
        build=builds(FreeListRest, damaged=True),
        since="2.6.18",
        printed_by=AREAS_BY,
        printf="%lu*%lukB … = %lukB",
        samples=("0*2048kB 0*4096kB = 1356kB", "(UM) 0*2048kB 0*4096kB = 1356kB", "(M) = 1356kB", "B 3*64kB", "1356kB"),
    ),
    LineFormat(
        name="node_prefix",
        section=Section.MEMINFO,
        trigger="Node ",
        starts=True,
        expression=lambda: lit("Node ") + number("node"),
        build=builds(NodePrefix),
        since="2.6.18",
        printed_by="mm/page_alloc.c:show_node()",
        printf="Node %d ",
        samples=("Node 0 ",),
    ),
    LineFormat(
        name="per_cpu_title",
        section=Section.MEMINFO,
        trigger=" per-cpu:",
        expression=lambda: _where() + _zone() + rx(r" per-cpu:(?: empty)?"),
        build=builds(PerCpuTitle),
        since="2.6.18",
        until="4.0",
        printed_by=OLD_AREAS_BY,
        printf="Node %d %s per-cpu:",
        samples=("Node 0 DMA32 per-cpu:", "HighMem per-cpu:", "HighMem per-cpu: empty"),
    ),
    LineFormat(
        name="per_cpu",
        section=Section.MEMINFO,
        trigger="CPU ",
        starts=True,
        expression=lambda: rx(r"CPU +") + number("cpu") + lit(": ") + _pcp(),
        build=_build_per_cpu,
        since="2.6.25",
        until="4.0",
        printed_by=OLD_AREAS_BY,
        printf="CPU %4d: hi:%5d, btch:%4d usd:%4d",
        samples=("CPU    7: hi:  186, btch:  31 usd: 155",),
    ),
    LineFormat(
        name="per_cpu_2_6_19",
        section=Section.MEMINFO,
        trigger="CPU ",
        starts=True,
        expression=lambda: rx(r"CPU +") + number("cpu") + lit(": Hot: ") + _pcp() + rx(r" +Cold: ") + _pcp("cold_"),
        build=_build_two_lists,
        since="2.6.19",
        until="2.6.24",
        printed_by=OLD_AREAS_BY,
        printf="CPU %4d: Hot: hi:%5d, btch:%4d usd:%4d   Cold: hi:%5d, btch:%4d usd:%4d",
        samples=("CPU    0: Hot: hi:  186, btch:  31 usd: 155   Cold: hi:   62, btch:  15 usd:  49",),
    ),
    LineFormat(
        name="per_cpu_2_6_18",
        section=Section.MEMINFO,
        trigger="cpu ",
        starts=True,
        expression=lambda: (
            lit("cpu ")
            + number("cpu")
            + rx(
                r" (?P<temperature>hot|cold): (?:low (?P<low>\d{1,9}), )?high (?P<high>\d{1,9}), "
                r"batch (?P<batch>\d{1,9}) used:(?P<used>-?\d{1,9})"
            )
        ),
        build=_build_per_cpu,
        since="2.6.18",
        until="2.6.18",
        distros=("el4", "el5"),
        printed_by=OLD_AREAS_BY,
        printf="cpu %d %s: low %d, high %d, batch %d used:%d",
        samples=("cpu 0 hot: low 62, high 186, batch 31 used:92", "cpu 1 cold: high 62, batch 15 used:14"),
    ),
)
