"""Mem-Info: counters, nodes, zones, free lists, swap, page counts, allocations.

As ``mm/show_mem.c:__show_mem()`` and its ancestors print it.  The keys are those that `oomparse.grammar.counters` has
for the kernel, in its order; the order of the machine-wide ones is here.  A counter that the kernel prints and the
event does not know is 0; keys that depend on the kernel's configuration are printed where the event has them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from oomparse.grammar.arrangements import ArrangedKey, arrangements
from oomparse.grammar.counters import KEYS, UNRECLAIMABLE, KeyKind
from oomparse.sections import FreeList, MemInfo, PageCounts, PerCpuList, SwapInfo
from oomparse.testing.printk.kernel import Kernel
from oomparse.testing.printk.record import Record, known, say, tell


class Row(NamedTuple):
    """How one generation arranges the line of a node or a zone."""

    name: str
    since: str
    until: str | None
    keys: tuple[ArrangedKey, ...]
    mainline: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The machine-wide counters in the kernel's order, a line each; a kernel prints those that it has."""

    name: str
    since: str
    lines: tuple[str, ...]
    until: str | None = None
    mainline: bool = True


_LRU = ("active_anon inactive_anon isolated_anon", "active_file inactive_file isolated_file")
_STATE = "unevictable dirty writeback unstable"
_OLD_END = "free slab mapped pagetables bounce"
ORDERS = (
    Order(
        name="totals_2_6_18",
        since="2.6.18",
        lines=("Active inactive dirty writeback unstable free slab mapped pagetables",),
    ),
    Order(
        name="totals_el5",
        since="2.6.18",
        lines=("Active inactive dirty writeback unstable free slab mapped-file mapped-anon pagetables",),
        mainline=False,
    ),
    Order(name="totals_2_6_21", since="2.6.21", lines=("Active inactive dirty writeback unstable", _OLD_END)),
    Order(
        name="totals_2_6_28",
        since="2.6.28",
        lines=("Active_anon active_file inactive_anon", "inactive_file unevictable dirty writeback unstable", _OLD_END),
    ),
    Order(
        name="totals_2_6_32",
        since="2.6.32",
        lines=(*_LRU, _STATE, "free slab_reclaimable slab_unreclaimable", "mapped shmem pagetables bounce", "free_cma"),
    ),
    Order(
        name="totals_4_1",
        since="4.1",
        lines=(
            *(*_LRU, _STATE, "slab_reclaimable slab_unreclaimable", "mapped shmem pagetables bounce"),
            *("kernel_misc_reclaimable", "free free_pcp free_cma"),
        ),
    ),
    Order(
        name="totals_6_1",
        since="6.1",
        lines=(
            *(*_LRU, _STATE, "slab_reclaimable slab_unreclaimable", "mapped shmem pagetables"),
            *("sec_pagetables bounce", "kernel_misc_reclaimable", "free free_pcp free_cma"),
        ),
    ),
)

_PAGE_COUNTS = ("ram", "highmem", "reserved", "shared", "non_shared", "cma_reserved", "pagetable_cache", "hwpoisoned")
_OLD_PAGE_COUNTS = ("ram", "highmem", "free", "reserved", "slab", "shared")
_OLD_PAGE_STATES = ("dirty", "writeback", "mapped", "slab", "pagetables")


def meminfo_block(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    """Yield the block."""
    yield from tell(kernel, "mem_info", "mem_info_arch")
    yield from _per_cpu(meminfo.per_cpu, kernel)
    yield from _free_pages(meminfo, kernel)
    yield from _totals(meminfo, kernel)
    yield from _nodes(meminfo, kernel)
    yield from _zones(meminfo, kernel)
    for free_list in meminfo.free_lists:
        yield from _free_list(free_list, kernel)
    yield from _hugepages(meminfo, kernel)
    yield from _counts(meminfo.page_counts, ("pagecache",), kernel)
    if meminfo.swap is not None:
        yield from _swap(meminfo.swap, kernel)
    if kernel.at_least("2.6.27"):
        yield from _counts(meminfo.page_counts, _PAGE_COUNTS, kernel)
    else:
        yield from _counts(meminfo.page_counts, _OLD_PAGE_COUNTS, kernel)
        yield from _swap_cached(meminfo.swap, kernel)
        yield from _counts(meminfo.page_counts, _OLD_PAGE_STATES, kernel)
    yield from _allocations(meminfo, kernel)


def _counters(kernel: Kernel, kind: KeyKind, keys: Iterable[ArrangedKey], holder: Any) -> str:
    """Write ``key:value`` for each of the keys; one that is optional only where the event has it."""
    words = []
    for key in keys:
        meant = KEYS[kind][key.name]
        value = getattr(holder, meant.field)
        if value is None and (key.optional or kernel.ported(meant)):
            continue
        if key.name == UNRECLAIMABLE:
            words.append(f"{key.name}? {'yes' if value else 'no'}")
        else:
            words.append(f"{key.name}:{' ' if key.blank else ''}{known(value)}{key.unit}")
    return " ".join(words)


def _keys(kernel: Kernel, kind: KeyKind) -> list[ArrangedKey]:
    """Return the keys of a node's or zone's line: those of the base version, and those that were ported back."""
    rows = [Row(f"{kind}_{row.since}", row.since, row.until, row.keys) for row in arrangements(kind)]
    row = kernel.choose(rows)
    printed = {key.name: key for key in row.keys} if row is not None else {}
    for name, meant in KEYS[kind].items():
        if name not in printed and kernel.ported(meant):
            upper = name.endswith("_highatomic")
            printed[name] = ArrangedKey(name, meant.unit.upper() if upper else meant.unit, blank=False, optional=True)
    return [printed[name] for name in KEYS[kind] if name in printed]


def _totals(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    order = kernel.choose(ORDERS)
    if meminfo.totals is None or order is None:
        return
    lines = []
    for line in order.lines:
        keys = [name for name in line.split() if kernel.prints(KEYS[KeyKind.TOTALS][name])]
        arranged = [ArrangedKey(name, "", blank=False, optional=False) for name in keys]
        lines.append(_counters(kernel, KeyKind.TOTALS, arranged, meminfo.totals))
    yield from tell(kernel, "totals", counters="\n ".join(filter(None, lines)))


def _nodes(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    keys = _keys(kernel, KeyKind.NODE)
    for node in meminfo.nodes:
        yield from tell(kernel, "node", node=node.node, counters=_counters(kernel, KeyKind.NODE, keys, node))


def _zones(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    keys = _keys(kernel, KeyKind.ZONE)
    for zone in meminfo.zones:
        counters = _counters(kernel, KeyKind.ZONE, keys, zone)
        yield from tell(kernel, "zone", node=zone.node, zone=zone.zone, counters=counters)
        if zone.lowmem_reserve_pages is not None:
            pages = "".join(f" {pages}" for pages in zone.lowmem_reserve_pages)
            yield from tell(kernel, "lowmem_reserve", pages=pages, tail="")


def _free_list(free_list: FreeList, kernel: Kernel) -> Iterator[Record]:
    where = {"node": free_list.node, "zone": free_list.zone}
    if not free_list.blocks:
        yield from tell(kernel, "free_list_empty", **where, blocks="empty")
        return
    lettered = kernel.at_least("3.8")
    blocks = "".join(
        f"{block.count}*{block.size_kb}kB "
        + (f"({block.migrate_types}) " if block.migrate_types and block.count and lettered else "")
        for block in free_list.blocks
    )
    total = free_list.total_kb
    if total is None:
        total = sum(block.count * block.size_kb for block in free_list.blocks)
    yield from tell(kernel, "free_list", **where, blocks=f"{blocks}= {total}kB")


def _per_cpu(lists: tuple[PerCpuList, ...], kernel: Kernel) -> Iterator[Record]:
    named = (found for found in lists if found.zone is not None)
    for (node, zone), of_zone in groupby(named, key=lambda found: (found.node, found.zone)):
        rows = list(_per_cpu_rows(list(of_zone), kernel))
        if rows:
            yield from tell(kernel, "per_cpu_title", node=node, zone=zone)
            yield from rows


def _per_cpu_rows(lists: list[PerCpuList], kernel: Kernel) -> Iterator[Record]:
    line_format = kernel.line("per_cpu")
    if line_format is not None and line_format.name == "per_cpu_2_6_19":
        # A line for each processor whose hot and cold list are both known.
        for hot, cold in pairwise(lists):
            if hot.cpu == cold.cpu and (hot.temperature, cold.temperature) == ("hot", "cold"):
                yield say(line_format, cpu=hot.cpu, **_pages(hot), **_pages(cold, "cold_"))
    elif line_format is not None:
        by_temperature = line_format.name == "per_cpu_2_6_18"
        for found in lists:
            if by_temperature == (found.temperature is not None):
                yield say(line_format, cpu=found.cpu, temperature=found.temperature, **_pages(found))


def _pages(found: PerCpuList, prefix: str = "") -> dict[str, int]:
    numbers = {"high": found.high_pages, "batch": found.batch_pages, "used": found.used_pages}
    return {f"{prefix}{name}": known(number) for name, number in numbers.items()}


def _free_pages(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    counts = meminfo.page_counts
    if counts is not None and "free_kb" in counts.other:
        highmem = counts.other.get("free_highmem_kb", 0)
        yield from tell(kernel, "free_pages", free_kb=counts.other["free_kb"], highmem_kb=highmem)


def _hugepages(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    for pages in meminfo.hugepages:
        yield from tell(
            kernel,
            "hugepages",
            node=known(pages.node),
            total=known(pages.total),
            free=known(pages.free),
            surplus=known(pages.surplus),
            size_kb=known(pages.size_kb),
        )


def _counts(counts: PageCounts | None, fields: Iterable[str], kernel: Kernel) -> Iterator[Record]:
    for field in fields if counts is not None else ():
        pages = getattr(counts, f"{field}_pages")
        key = _page_count_key(field, kernel)
        if pages is None or key is None:
            continue
        old = key in ("free", "slab", "reserved") and not kernel.at_least("2.6.27")
        arch = "page_count_arch" if old and field != "slab" else "page_count"
        yield from tell(kernel, "pagecache" if field == "pagecache" else arch, pages=pages, key=key)


def _page_count_key(field: str, kernel: Kernel) -> str | None:
    """Return the words with which this kernel counts such pages: of several the newest."""
    found = [
        (tuple(map(int, meant.since.split("."))), key)
        for key, meant in KEYS[KeyKind.PAGE_COUNTS].items()
        if meant.field == f"{field}_pages" and kernel.prints(meant)
    ]
    return max(found)[1] if found else None


def _swap(swap: SwapInfo, kernel: Kernel) -> Iterator[Record]:
    if swap.cache_pages is not None:
        yield from tell(kernel, "swap_cache_pages", cache_pages=swap.cache_pages)
    cache = (swap.cache_add, swap.cache_delete, swap.cache_find_hit, swap.cache_find_total)
    if cache != (None, None, None, None):
        yield from tell(
            kernel,
            "swap_cache_stats",
            "swap_cache",
            cache_add=known(swap.cache_add),
            cache_delete=known(swap.cache_delete),
            cache_find_hit=known(swap.cache_find_hit),
            cache_find_total=known(swap.cache_find_total),
            race="+".join(map(str, swap.cache_race or (0, 0))),
        )
    if swap.free_kb is not None:
        yield from tell(kernel, "free_swap", free_kb=swap.free_kb)
    if swap.total_kb is not None:
        yield from tell(kernel, "total_swap", total_kb=swap.total_kb)
    if swap.free_kb is not None:
        yield from tell(kernel, "free_swap_arch", free_kb=swap.free_kb)


def _swap_cached(swap: SwapInfo | None, kernel: Kernel) -> Iterator[Record]:
    if swap is not None and swap.cache_pages is not None:
        yield from tell(kernel, "swap_cached", cache_pages=swap.cache_pages)


def _allocations(meminfo: MemInfo, kernel: Kernel) -> Iterator[Record]:
    if not meminfo.allocations:
        return
    yield from tell(kernel, "profile_title", state="on")
    in_bytes = not kernel.at_least("6.12")
    for found in meminfo.allocations:
        size = found.bytes if in_bytes else found.size_text
        if size is not None and found.file is not None and found.function is not None:
            yield from tell(
                kernel,
                "profile",
                size=size,
                calls=known(found.calls),
                file=found.file,
                line=known(found.line),
                module=found.module,
                function=found.function,
            )
