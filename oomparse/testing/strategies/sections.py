"""The long parts of a report as hypothesis draws them: Mem-Info, task dump, slabs, call trace.

A few values of each are drawn; the writer says 0 for the others.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from oomparse.grammar.counters import KEYS, KeyKind
from oomparse.sections import (
    Allocation,
    Frame,
    FreeBlocks,
    FreeList,
    HugePages,
    MemInfo,
    MemTotals,
    NodeMemory,
    PageCounts,
    PerCpuList,
    Slab,
    Stack,
    SwapInfo,
    TaskRow,
    TaskTable,
    ZoneMemory,
)
from oomparse.testing.strategies.names import adjs, counts, pids, uids


def _some(names: Mapping[str, Any] | tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a few named values; the writer says 0 for the others."""
    return st.dictionaries(st.sampled_from(sorted(names)), values, max_size=4)


def _fields(kind: KeyKind, ending: str) -> tuple[str, ...]:
    return tuple({known.field for known in KEYS[kind].values() if known.field.endswith(ending)})


@st.composite
def meminfos(draw: st.DrawFn) -> MemInfo:
    """Draw a Mem-Info block of up to two nodes and two zones."""
    zones = draw(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(("Normal", "DMA32", "DMA"))), max_size=2))
    counters = _some(_fields(KeyKind.ZONE, "_kb"), counts)
    blocks = st.lists(st.tuples(st.integers(0, 9_999), st.sampled_from((None, "U", "UME"))), min_size=1, max_size=11)
    return MemInfo(
        totals=draw(st.none() | _some(_fields(KeyKind.TOTALS, "_pages"), counts).map(lambda some: MemTotals(**some))),
        nodes=tuple(
            NodeMemory(node=node, **draw(_some(_fields(KeyKind.NODE, "_kb"), counts)))
            for node in range(draw(st.integers(0, 2)))
        ),
        zones=tuple(
            ZoneMemory(
                node=node,
                zone=zone,
                **draw(counters),
                all_unreclaimable=draw(st.booleans()),
                lowmem_reserve_pages=draw(st.none() | st.just((0, 880, 4080))),
            )
            for node, zone in zones
        ),
        free_lists=tuple(
            FreeList(node=node, zone=zone, blocks=_blocks(draw(blocks))) for node, zone in zones if draw(st.booleans())
        ),
        per_cpu=tuple(
            PerCpuList(node=node, zone=zone, cpu=cpu, temperature=temperature, high_pages=186, used_pages=draw(pids))
            for node, zone in zones[:1]
            for cpu in range(draw(st.integers(0, 2)))
            for temperature in draw(st.sampled_from(((None,), ("hot", "cold"))))
        ),
        hugepages=tuple(draw(st.lists(st.builds(HugePages, node=st.just(0), total=pids, size_kb=pids), max_size=2))),
        swap=draw(st.none() | _some(_SWAP, counts).map(lambda some: SwapInfo(**some))),
        page_counts=draw(st.none() | _some(_PAGE_COUNTS, counts).map(lambda some: PageCounts(**some))),
        allocations=tuple(draw(st.lists(_allocations, max_size=2))),
    )


_SWAP = tuple(field.name for field in fields(SwapInfo) if field.name != "cache_race")
_PAGE_COUNTS = tuple(field.name for field in fields(PageCounts) if field.name != "other")
_allocations = st.builds(
    Allocation,
    bytes=counts,
    size_text=st.sampled_from(("38.4 MiB", "512 KiB")),
    calls=counts,
    file=st.just("mm/slub.c"),
    line=st.integers(1, 9_999),
    module=st.none() | st.just("zram"),
    function=st.just("alloc_slab_page"),
)


def _blocks(drawn: list[tuple[int, str | None]]) -> tuple[FreeBlocks, ...]:
    return tuple(
        FreeBlocks(count=count, size_kb=4 << order, migrate_types=types if count else None)
        for order, (count, types) in enumerate(drawn)
    )


_symbols = st.from_regex(r"[a-z_][a-z0-9_.]{0,20}", fullmatch=True)
_frames = st.builds(
    Frame,
    symbol=_symbols,
    offset=st.integers(0, 0xFFFF),
    size=st.integers(0, 0xFFFF),
    module=st.none() | _symbols,
    address=st.none() | st.integers(0xFFFFFFFF80000000, 0xFFFFFFFFFFFFFFFF),
    reliable=st.booleans(),
)
_registers = st.just({"RIP": "0033:0x40372d", "RSP": "002b:00007ffe0cbd1e80", "EFLAGS": "00000206"})
stacks = st.builds(
    Stack, frames=st.lists(_frames, max_size=4).map(tuple), registers=st.just({}) | _registers, code=st.none()
)
slabs = st.lists(
    st.builds(Slab, name=st.sampled_from(("dentry", "kmalloc-1k", "a(17:b c.slice)")), used_kb=pids, total_kb=pids),
    min_size=1,
    max_size=3,
).map(tuple)


def task_tables(names: st.SearchStrategy[str]) -> st.SearchStrategy[TaskTable]:
    """Draw a task dump of up to four rows, with names drawn from ``names``."""
    rows = st.builds(
        TaskRow,
        pid=pids,
        uid=uids,
        tgid=pids,
        total_vm_pages=counts,
        rss_pages=counts,
        rss_anon_pages=counts,
        pgtables_bytes=counts,
        nr_ptes=st.integers(0, 9_999),
        swapents_pages=counts,
        oom_adj=st.integers(-17, 15),
        oom_score_adj=adjs,
        comm=names,
    )
    return st.lists(rows, max_size=4).map(TaskTable)
