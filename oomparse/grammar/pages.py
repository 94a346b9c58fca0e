"""The page counts of Mem-Info: huge pages, page cache, swap, and the machine's memory.

Printed after the zones by ``mm/hugetlb.c:hugetlb_show_meminfo_node()``, ``mm/swap_state.c:show_swap_cache_info()`` and
``mm/show_mem.c:__show_mem()``; up to 2.6.26, on 32-bit ARM up to 3.19, by each architecture's own ``show_mem()``.
"""

import re
from typing import TYPE_CHECKING

from oomparse.grammar.arrangements import PrintedBy, kernels_of
from oomparse.grammar.counters import KeyKind, key_range
from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import NUMBER, lit, number, optional, rx
from oomparse.record import record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

SHOW_MEM_BY = "mm/show_mem.c:__show_mem()"
AREAS_BY = "mm/show_mem.c:show_free_areas()"
OLD_AREAS_BY = "mm/page_alloc.c:show_free_areas()"
ARCH_BY = "arch/*/mm/init.c:show_mem()"
SWAP_BY = "mm/swap_state.c:show_swap_cache_info()"
HUGE_BY = "mm/hugetlb.c:hugetlb_show_meminfo_node()"


@record(frozen=True, slots=True, kw_only=True)
class HugePagesLine(TypedLine):
    """Huge pages of one size; ``node`` is None for the rest of a wrapped line."""

    node: int | None = None
    total: int | None = None
    free: int | None = None
    surplus: int | None = None
    size_kb: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class FreePagesLine(TypedLine):
    """``Free pages: NkB (NkB HighMem)`` (2.6.18)."""

    free_kb: int
    highmem_kb: int


@record(frozen=True, slots=True, kw_only=True)
class PageCount(TypedLine):
    """``N pages KEY``, under the kernel's words (`KeyKind.PAGE_COUNTS`)."""

    key: str
    pages: int

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels count such pages."""
        return kernels_of(KeyKind.PAGE_COUNTS, "", (self.key,), damaged=True)


@record(frozen=True, slots=True, kw_only=True)
class SwapLine(TypedLine):
    """One line about swap."""

    cache_pages: int | None = None
    cache_add: int | None = None
    cache_delete: int | None = None
    cache_find_hit: int | None = None
    cache_find_total: int | None = None
    cache_race: tuple[int, ...] | None = None
    free_kb: int | None = None
    total_kb: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class MemInfoNote(TypedLine):
    """A line that says nothing of the memory itself."""

    text: str


def _build_cut_hugepages(groups: Groups) -> HugePagesLine:
    """The last number counts only where its unit stands behind it."""
    node = groups.get("node")
    found = re.findall(r"hugepages_(total|free|surp|size)=(\d{1,20})(?:kB| )", f"{groups.get('counters')} ")
    if not (groups.get("counters") or "").rstrip().endswith("kB"):
        del found[-1:]
    whole = {key: int(value) for key, value in found}
    return HugePagesLine(
        node=None if node is None else int(node),
        total=whole.get("total"),
        free=whole.get("free"),
        surplus=whole.get("surp"),
        size_kb=whole.get("size"),
        damaged=True,
    )


def _build_page_count(groups: Groups) -> PageCount:
    key = re.sub(r"\s+", " ", groups.get("key") or "")
    return PageCount(
        key=key,
        pages=int(groups["pages"] or 0),
        unknown=() if key_range(KeyKind.PAGE_COUNTS, key) else (key,),
    )


def _build_swap_cache(groups: Groups) -> SwapLine:
    race = groups.get("race")
    return SwapLine(
        cache_add=int(groups["cache_add"] or 0),
        cache_delete=int(groups["cache_delete"] or 0),
        cache_find_hit=int(groups["cache_find_hit"] or 0),
        cache_find_total=int(groups["cache_find_total"] or 0),
        cache_race=None if race is None else tuple(int(count) for count in race.split("+")),
    )


def _build_cut_swap_cache(groups: Groups) -> SwapLine:
    """The last number of a cut line may lack digits; what a comma or slash follows is whole."""
    numbers = [groups.get(name) for name in ("cache_add", "cache_delete", "cache_find_hit", "cache_find_total")]
    add, delete, hit, total = (None if text is None else int(text) for text in numbers)
    return SwapLine(cache_add=add, cache_delete=delete, cache_find_hit=hit, cache_find_total=total, damaged=True)


def _damaged_swap_space(_groups: Groups) -> SwapLine:
    return SwapLine(damaged=True)


def _swap_cache(race: str) -> "Element":
    return rx(
        rf"Swap cache(?: stats)?: add (?P<cache_add>{NUMBER}), delete (?P<cache_delete>{NUMBER}), "
        rf"find (?P<cache_find_hit>{NUMBER})/(?P<cache_find_total>{NUMBER})(?!\d){race}"
    )


def _cut_swap_cache() -> "Element":
    """A number counts where something follows that shows it is whole."""
    find = rf"(?:(?P<cache_find_hit>{NUMBER})/(?:(?P<cache_find_total>{NUMBER})(?=, ))?)?"
    delete = rf"(?:(?P<cache_delete>{NUMBER}), find {find})?"
    return rx(r"Swap cache(?: stats)?: add ") + rx(rf"(?:(?P<cache_add>{NUMBER}), delete {delete})?[^\n]*")


_COUNTED = (
    r"pages (?P<key>RAM|of RAM|HighMem(?:/MovableOnly)?|of HIGHMEM|reserved|cma reserved|hwpoisoned|shared|non-shared"
    r"|dirty|writeback|mapped|slab|pagetables|in page ?table cache)"
)


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="hugepages",
        section=Section.MEMINFO,
        trigger="Node ",
        starts=True,
        expression=lambda: (
            lit("Node ")
            + number("node")
            + lit(" hugepages_total=")
            + number("total")
            + lit(" hugepages_free=")
            + number("free")
            + lit(" hugepages_surp=")
            + number("surplus")
            + lit(" hugepages_size=")
            + number("size_kb")
            + lit("kB")
        ),
        build=builds(HugePagesLine),
        since="3.10",
        printed_by=HUGE_BY,
        printf="Node %d hugepages_total=%u hugepages_free=%u hugepages_surp=%u hugepages_size=%lukB",
        samples=("Node 0 hugepages_total=42 hugepages_free=39 hugepages_surp=0 hugepages_size=2048kB",),
    ),
    LineFormat(
        name="hugepages_cut",
        section=Section.MEMINFO,
        trigger="hugepages_",
        tolerant=True,
        expression=lambda: (
            optional(lit("Node ") + number("node") + lit(" "))
            + rx(r"(?:hugepages_[a-z]+=\d*(?:kB)?(?: |(?=\s*\Z))){1,4}[^\n=]*")("counters")
        ),
        build=_build_cut_hugepages,
        since="3.10",
        printed_by=HUGE_BY,
        printf="Node %d hugepages_total=%u …",
        samples=("Node 0 hugepages_total=42 hugepages_free=3", "hugepages_surp=0 hugepages_size=2048kB"),
    ),
    LineFormat(
        name="free_pages",
        section=Section.MEMINFO,
        trigger="Free pages:",
        starts=True,
        expression=lambda: (
            rx(r"Free pages: +") + number("free_kb") + lit("kB (") + number("highmem_kb") + lit("kB HighMem)")
        ),
        build=builds(FreePagesLine),
        since="2.6.18",
        until="2.6.18",
        distros=("el4", "el5"),
        printed_by="mm/page_alloc.c:show_free_areas()",
        printf="Free pages: %11ukB (%ukB HighMem)",
        samples=("Free pages:     2487360kB (2480124kB HighMem)",),
    ),
    LineFormat(
        name="pagecache",
        section=Section.MEMINFO,
        trigger="pagecache pages",
        expression=lambda: number("pages") + lit(" ") + rx(r"(?P<key>(?:total )?pagecache) pages"),
        build=_build_page_count,
        since="2.6.25",
        distros=("el5",),
        printed_by=AREAS_BY,
        printf="%ld total pagecache pages",
        samples=("857 total pagecache pages", "31415 pagecache pages"),
    ),
    LineFormat(
        name="swap_cache_pages",
        section=Section.MEMINFO,
        trigger=" pages in swap cache",
        expression=lambda: number("cache_pages") + lit(" pages in swap cache"),
        build=builds(SwapLine),
        since="2.6.27",
        printed_by=SWAP_BY,
        printf="%lu pages in swap cache",
        samples=("52620 pages in swap cache",),
    ),
    LineFormat(
        name="swap_cached",
        section=Section.MEMINFO,
        trigger=" pages swap cached",
        expression=lambda: number("cache_pages") + lit(" pages swap cached"),
        build=builds(SwapLine),
        since="2.6.18",
        until="3.19",
        printed_by=ARCH_BY,
        printf="%lu pages swap cached",
        samples=("0 pages swap cached",),
    ),
    LineFormat(
        name="swap_cache_stats",
        section=Section.MEMINFO,
        trigger="Swap cache stats: add ",
        starts=True,
        expression=lambda: _swap_cache(""),
        build=_build_swap_cache,
        since="2.6.27",
        until="5.19",
        printed_by=SWAP_BY,
        printf="Swap cache stats: add %lu, delete %lu, find %lu/%lu",
        samples=("Swap cache stats: add 1048880, delete 996260, find 38/71",),
    ),
    LineFormat(
        name="swap_cache_2_6_25",
        section=Section.MEMINFO,
        trigger="Swap cache: add ",
        starts=True,
        expression=lambda: _swap_cache(""),
        build=_build_swap_cache,
        since="2.6.25",
        until="2.6.26",
        printed_by=SWAP_BY,
        printf="Swap cache: add %lu, delete %lu, find %lu/%lu",
        samples=("Swap cache: add 0, delete 0, find 0/0",),
    ),
    LineFormat(
        name="swap_cache_2_6_18",
        section=Section.MEMINFO,
        trigger="Swap cache: add ",
        starts=True,
        expression=lambda: _swap_cache(rf", race (?P<race>{NUMBER}(?:\+{NUMBER}){{1,3}})"),
        build=_build_swap_cache,
        since="2.6.18",
        until="2.6.24",
        distros=("el4",),
        printed_by=SWAP_BY,
        printf="Swap cache: add %lu, delete %lu, find %lu/%lu, race %lu+%lu",
        samples=(
            "Swap cache: add 216998, delete 216997, find 12574/42598, race 2+7",
            "Swap cache: add 5, delete 5, find 0/2, race 0+0+1",
        ),
    ),
    LineFormat(
        name="swap_cache_cut",
        section=Section.MEMINFO,
        trigger="Swap cache",
        starts=True,
        tolerant=True,
        expression=_cut_swap_cache,
        build=_build_cut_swap_cache,
        since="2.6.18",
        until="5.19",
        printed_by=SWAP_BY,
        printf="Swap cache stats: add %lu, …",
        samples=("Swap cache stats: add 1048880, delete 99", "Swap cache: add 5, delete 5, find 0/2, rac"),
    ),
    LineFormat(
        name="swap_cache_rest",
        section=Section.MEMINFO,
        trigger="find ",
        tolerant=True,
        expression=lambda: rx(
            rf"\s*(?:delete (?P<cache_delete>{NUMBER}), )?"
            rf"find (?P<cache_find_hit>{NUMBER})/(?P<cache_find_total>{NUMBER})"
        ),
        build=builds(SwapLine, damaged=True),
        since="2.6.18",
        until="5.19",
        printed_by=SWAP_BY,
        printf="… delete %lu, find %lu/%lu",
        samples=("delete 996260, find 38/71", "find 0/0"),
    ),
    LineFormat(
        name="free_swap",
        section=Section.MEMINFO,
        trigger="Free swap ",
        starts=True,
        expression=lambda: rx(r"Free swap +=") + rx(r" *") + number("free_kb") + lit("kB"),
        build=builds(SwapLine),
        since="2.6.18",
        printed_by=SWAP_BY,
        printf="Free swap  = %ldkB",
        samples=("Free swap  = 4194300kB", "Free swap  = -245804kB"),
    ),
    LineFormat(
        name="free_swap_arch",
        section=Section.MEMINFO,
        trigger="Free swap:",
        starts=True,
        expression=lambda: rx(r"Free swap: *") + number("free_kb") + lit("kB"),
        build=builds(SwapLine),
        since="2.6.18",
        until="2.6.25",
        printed_by=ARCH_BY,
        printf="Free swap:       %6ldkB",
        samples=("Free swap:            0kB",),
    ),
    LineFormat(
        name="total_swap",
        section=Section.MEMINFO,
        trigger="Total swap ",
        starts=True,
        expression=lambda: rx(r"Total swap +=") + rx(r" *") + number("total_kb") + lit("kB"),
        build=builds(SwapLine),
        since="2.6.18",
        printed_by=SWAP_BY,
        printf="Total swap = %lukB",
        samples=("Total swap = 4194300kB",),
    ),
    LineFormat(
        name="swap_space_cut",
        section=Section.MEMINFO,
        trigger="swap ",
        tolerant=True,
        expression=lambda: rx(r"(?:Free|Total) swap +=[^\n]*"),
        build=_damaged_swap_space,
        since="2.6.18",
        printed_by=SWAP_BY,
        printf="Free swap  = %ldkB",
        samples=("Free swap  = 41943",),
    ),
    LineFormat(
        name="page_count",
        section=Section.MEMINFO,
        trigger=" pages ",
        expression=lambda: number("pages") + lit(" ") + rx(_COUNTED),
        build=_build_page_count,
        since="2.6.18",
        printed_by=SHOW_MEM_BY,
        printf="%lu pages RAM",
        samples=(
            "65406 pages RAM",
            "0 pages HighMem/MovableOnly",
            "12710 pages reserved",
            "4096 pages cma reserved",
            "0 pages hwpoisoned",
            "5882 pages shared",
            "1004266 pages non-shared",
            "17 pages in pagetable cache",
            "1048576 pages of RAM",
            "819200 pages of HIGHMEM",
            "19 pages dirty",
            "0 pages writeback",
            "1371 pages mapped",
            "215561 pages slab",
            "65 pages pagetables",
        ),
    ),
    LineFormat(
        name="page_count_arch",
        section=Section.MEMINFO,
        trigger=" pages",
        expression=lambda: number("pages") + lit(" ") + rx(r"(?P<key>free|reserved|slab) pages"),
        build=_build_page_count,
        since="2.6.18",
        until="3.19",
        printed_by=ARCH_BY,
        printf="%d reserved pages",
        samples=("557 free pages", "1265 reserved pages", "873 slab pages"),
    ),
    LineFormat(
        name="page_count_new",
        section=Section.MEMINFO,
        trigger=" pages ",
        tolerant=True,
        expression=lambda: number("pages") + lit(" pages ") + rx(r"[A-Za-z][\w/-]*(?: [a-z][\w/-]*){0,2}")("key"),
        build=_build_page_count,
        since="2.6.18",
        printed_by=SHOW_MEM_BY,
        printf="%lu pages …",
        samples=("3 pages balloon deflated",),
    ),
    LineFormat(
        name="pgscan_openvz",
        section=Section.MEMINFO,
        trigger="pgscan_",
        starts=True,
        expression=lambda: rx(r"pgscan_\w+: [^\n]*")("text"),
        build=builds(MemInfoNote),
        since="2.6.32",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by=OLD_AREAS_BY,
        printf="pgscan_dma: %lu",
        samples=("pgscan_dma: 0",),
    ),
    LineFormat(
        name="purging_gpu",
        section=Section.MEMINFO,
        trigger="Purging GPU memory, ",
        starts=True,
        expression=lambda: rx(
            r"Purging GPU memory, \d+ (?:pages|bytes) freed(?:, \d+ (?:pages|bytes)? ?still pinned)?"
            r"(?:, \d+ pages left available)?\.?"
        )("text"),
        build=builds(MemInfoNote),
        since="3.16",
        printed_by="drivers/gpu/drm/i915/gem/i915_gem_shrinker.c:i915_gem_shrinker_oom()",
        printf="Purging GPU memory, %lu pages freed, %lu pages still pinned, %lu pages left available.",
        samples=("Purging GPU memory, 12 pages freed, 0 pages still pinned, 4711 pages left available.",),
    ),
)
