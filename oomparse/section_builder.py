"""Typed lines of the long sections to `MemInfo`, slab table and `Stack`.

Each function takes the typed lines of one report, in order, and ignores those that are not its own.  Lines that lean on
the one before (a zone's reserve, the lists of a zone's cpus, the rest of a wrapped line) are put where they belong; a
number that is damaged stays ``None``.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from oomparse.grammar.counters import Counters, KeyKind, key_range, read_counters
from oomparse.grammar.format import TypedLine
from oomparse.grammar.meminfo import CountersRest, MemInfoTitle, NodeLine, TotalsLine
from oomparse.grammar.pages import FreePagesLine, HugePagesLine, PageCount, SwapLine
from oomparse.grammar.profile import AllocationLine, ProfileTitle
from oomparse.grammar.slabs import SlabRow
from oomparse.grammar.stack import CodeLine, FrameLine, RegistersLine, StackTitle
from oomparse.grammar.zones import (
    Blocks,
    FreeListLine,
    FreeListRest,
    NodePrefix,
    PerCpuLine,
    PerCpuTitle,
    ReserveLine,
    ZoneLine,
    read_blocks,
)
from oomparse.record import maker
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
    ZoneMemory,
)


def build_meminfo(lines: Iterable[TypedLine]) -> MemInfo | None:
    """Return the Mem-Info block, or ``None`` where no line of it is there."""
    builder = _MemInfoBuilder()
    for line in lines:
        builder.add(line)
    return builder.built()


def build_slabs(lines: Iterable[TypedLine]) -> tuple[Slab, ...] | None:
    """Return the rows of the unreclaimable slab table, or ``None`` where there is none."""
    rows = (line for line in lines if isinstance(line, SlabRow))
    return tuple(Slab(name=row.name, used_kb=row.used_kb, total_kb=row.total_kb) for row in rows) or None


def build_stack(lines: Iterable[TypedLine]) -> Stack | None:
    """Return the call trace, or ``None`` where no line of it is there.

    Where the trace crosses from user to kernel mode twice, the registers are those printed last, the user's.  A second
    trace (a panic prints one) is left out.
    """
    frames: list[Frame] = []
    registers: dict[str, str] = {}
    code: str | None = None
    found = False
    for line in lines:
        if isinstance(line, StackTitle):
            if frames:
                break
            found = True
        elif isinstance(line, FrameLine):
            found = True
            if line.callee is not None and (not frames or frames[-1].symbol != line.callee.symbol):
                frames.append(line.callee)
            frames.extend(line.frames)
        elif isinstance(line, RegistersLine):
            found = True
            if registers and registers.keys() & line.registers.keys() & {"RIP", "EIP", "NIP"}:
                registers, code = {}, None
            registers.update(line.registers)
        elif isinstance(line, CodeLine):
            found = True
            code = line.code
    return Stack(frames=tuple(frames), registers=registers, code=code) if found else None


class _MemInfoBuilder:
    """Collects the parts of one block.  ``open`` is the line of counters that may go on."""

    def __init__(self) -> None:
        self.found = False
        self.done = False
        self.totals: dict[str, int] = {}
        self.totals_other: dict[str, int] = {}
        self.has_totals = False
        self.nodes: list[NodeLine] = []
        self.zones: list[ZoneLine] = []
        self.reserves: dict[int, tuple[int, ...]] = {}
        self.free_lists: list[FreeListLine] = []
        self.per_cpu: list[PerCpuList] = []
        self.hugepages: list[HugePages] = []
        self.swap: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self.counts_other: dict[str, int] = {}
        self.allocations: list[Allocation] = []
        self.prefix: int | None = None
        self.per_cpu_zone: PerCpuTitle | None = None
        self.per_cpu_lists: set[tuple[int, str | None]] = set()
        self.open: TotalsLine | NodeLine | ZoneLine | None = None

    def add(self, line: TypedLine) -> None:
        add = _ADDERS.get(type(line))
        if add is None or self.done:
            return
        self.found = True
        add(self, line)
        if not isinstance(line, NodePrefix):
            self.prefix = None
        if not isinstance(line, CountersRest):
            self.open = line if isinstance(line, TotalsLine | NodeLine | ZoneLine) else None

    def add_title(self, line: MemInfoTitle | ProfileTitle) -> None:
        """Take note that the block is there; a second Mem-Info is not this report's."""
        self.done = bool(self.zones or self.has_totals) and isinstance(line, MemInfoTitle)

    def add_totals(self, line: TotalsLine) -> None:
        self.has_totals = True
        _add_new(self.totals, line.values)
        _add_new(self.totals_other, line.other)

    def add_node(self, line: NodeLine) -> None:
        self.nodes.append(line)

    def add_zone(self, line: ZoneLine) -> None:
        self.zones.append(line if line.node is not None else replace(line, node=self.prefix))

    def add_rest(self, line: CountersRest) -> None:
        """Read the line before again, with its rest; what belongs to none is dropped."""
        before = self.open
        if isinstance(before, TotalsLine):
            self.open = _rejoined(KeyKind.TOTALS, before, line.text)
            _add_new(self.totals, self.open.values)
        elif isinstance(before, NodeLine):
            self.nodes[-1] = self.open = _rejoined(KeyKind.NODE, before, line.text)
        elif isinstance(before, ZoneLine):
            self.zones[-1] = self.open = _rejoined(KeyKind.ZONE, self.zones[-1], line.text)

    def add_reserve(self, line: ReserveLine) -> None:
        if self.zones and len(self.zones) not in self.reserves:
            self.reserves[len(self.zones)] = line.pages

    def reserve(self, number: int) -> tuple[int, ...] | None:
        """Return the reserve of a zone; all are of one length, and none becomes smaller: others are cut."""
        pages = self.reserves.get(number)
        longest = max(map(len, self.reserves.values()), default=0)
        if pages is None or len(pages) < longest or pages[-1:] < pages[-2:-1]:
            return None
        return pages

    def add_free_list(self, line: FreeListLine) -> None:
        self.free_lists.append(line if line.node is not None else replace(line, node=self.prefix))

    def add_free_list_rest(self, line: FreeListRest) -> None:
        if self.free_lists and self.free_lists[-1].damaged:
            last = self.free_lists[-1]
            text, found = min(((text, read_blocks(text)) for text in _joints(last.text, line.text)), key=_list_merit)
            self.free_lists[-1] = replace(
                last, blocks=found.blocks, total_kb=found.total_kb, damaged=found.damaged, text=text
            )

    def add_per_cpu_title(self, line: PerCpuTitle) -> None:
        self.per_cpu_zone = line if line.node is not None else replace(line, node=self.prefix)
        self.per_cpu_lists = set()

    def add_per_cpu(self, line: PerCpuLine) -> None:
        lists = {(line.cpu, temperature) for temperature in line.lists}
        if self.per_cpu_lists & lists:
            self.per_cpu_zone = None  # the title of another zone is lost
        self.per_cpu_lists |= lists
        where = self.per_cpu_zone
        for temperature, (low, high, batch, used) in line.lists.items():
            self.per_cpu.append(
                PerCpuList(
                    node=where.node if where else None,
                    zone=where.zone if where else None,
                    cpu=line.cpu,
                    temperature=temperature,
                    low_pages=low,
                    high_pages=high,
                    batch_pages=batch,
                    used_pages=used,
                )
            )

    def add_hugepages(self, line: HugePagesLine) -> None:
        size = HugePages(node=line.node, total=line.total, free=line.free, surplus=line.surplus, size_kb=line.size_kb)
        if line.node is not None:
            self.hugepages.append(size)
        elif self.hugepages and self.hugepages[-1].size_kb is None:
            last = self.hugepages[-1]
            self.hugepages[-1] = HugePages(
                node=last.node,
                total=last.total,
                free=size.free if last.free is None else last.free,
                surplus=size.surplus if last.surplus is None else last.surplus,
                size_kb=size.size_kb,
            )

    def add_free_pages(self, line: FreePagesLine) -> None:
        _add_new(self.counts_other, {"free_kb": line.free_kb, "free_highmem_kb": line.highmem_kb})

    def add_page_count(self, line: PageCount) -> None:
        known = key_range(KeyKind.PAGE_COUNTS, line.key)
        if known is not None:
            self.counts.setdefault(known.field, line.pages)
        else:
            self.counts_other.setdefault(f"{line.key.replace(' ', '_')}_pages", line.pages)

    def add_swap(self, line: SwapLine) -> None:
        for name in _SWAP_FIELDS:
            value = getattr(line, name)
            if value is not None:
                self.swap.setdefault(name, value)

    def add_allocation(self, line: AllocationLine) -> None:
        exact = line.size.lstrip("-").isdigit()
        self.allocations.append(
            Allocation(
                bytes=int(line.size) if exact else None,
                size_text=None if exact else line.size,
                calls=line.calls,
                file=line.file,
                line=line.line,
                module=line.module,
                function=line.function,
            )
        )

    def built(self) -> MemInfo | None:
        if not self.found:
            return None
        return MemInfo(
            totals=(
                MemTotals(**_fields(KeyKind.TOTALS, self.totals), other=self.totals_other) if self.has_totals else None
            ),
            nodes=tuple(
                NodeMemory(
                    node=line.node,
                    **_fields(KeyKind.NODE, line.values),
                    all_unreclaimable=line.all_unreclaimable,
                    other=dict(line.other),
                )
                for line in self.nodes
            ),
            zones=tuple(
                ZoneMemory(
                    node=line.node,
                    zone=line.zone,
                    **_fields(KeyKind.ZONE, line.values),
                    all_unreclaimable=line.all_unreclaimable,
                    lowmem_reserve_pages=self.reserve(number),
                    other=dict(line.other),
                )
                for number, line in enumerate(self.zones, 1)
            ),
            free_lists=tuple(map(_free_list, self.free_lists)),
            per_cpu=tuple(self.per_cpu),
            hugepages=tuple(self.hugepages),
            swap=SwapInfo(**self.swap) if self.swap else None,
            page_counts=(
                PageCounts(**self.counts, other=self.counts_other) if self.counts or self.counts_other else None
            ),
            allocations=tuple(self.allocations),
            page_size_bytes=_page_size(self.free_lists),
        )


def _add_new(into: dict[str, int], values: Mapping[str, int]) -> None:
    """Add what is not there yet: the first reading of a key counts."""
    for key, value in values.items():
        into.setdefault(key, value)


Line = TypeVar("Line", TotalsLine, NodeLine, ZoneLine)


def _rejoined(kind: KeyKind, line: Line, rest: str) -> Line:
    """Return a line of counters as it was before it was wrapped."""
    text, found = min(((text, read_counters(kind, text)) for text in _joints(line.text, rest)), key=_counters_merit)
    if found.damaged and not line.damaged:
        return line
    # An unknown key in the rest may be the end of one that was broken: ``other`` stays what it was.
    joined = replace(line, values=found.values, damaged=found.damaged, text=text)
    if isinstance(joined, TotalsLine):
        return joined
    return replace(joined, all_unreclaimable=found.all_unreclaimable)


NARROWEST = 40
"""A line that is shorter than this was not broken inside a word."""


def _joints(text: str, rest: str) -> tuple[str, ...]:
    """Return how a line may have read: it was broken between words, or at the edge of a terminal."""
    between = f"{text.rstrip()} {rest.strip()}"
    return (between, f"{text}{rest}") if len(text) >= NARROWEST else (between,)


def _counters_merit(reading: tuple[str, Counters]) -> tuple[bool, int]:
    return reading[1].damaged, -len(reading[1].values)


def _list_merit(reading: tuple[str, Blocks]) -> tuple[bool, int]:
    return reading[1].damaged, -len(reading[1].blocks)


def _fields(kind: KeyKind, values: Mapping[str, int]) -> dict[str, Any]:
    names = _field_names(kind, tuple(values))
    return {name: value for name, value in zip(names, values.values(), strict=True) if name is not None}


@functools.lru_cache(maxsize=256)
def _field_names(kind: KeyKind, keys: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(None if (known := key_range(kind, key)) is None else known.field for key in keys)


def _free_list(line: FreeListLine) -> FreeList:
    block = maker(FreeBlocks)
    return FreeList(
        node=line.node,
        zone=line.zone,
        blocks=tuple([block(count=count, size_kb=size, migrate_types=types) for count, size, types in line.blocks]),
        total_kb=line.total_kb,
    )


def _page_size(lines: Iterable[FreeListLine]) -> int | None:
    """Return the size of the smallest block, which is one page, if all lists agree on it."""
    sizes = {line.blocks[0][1] for line in lines if line.blocks}
    return sizes.pop() * 1024 if len(sizes) == 1 else None


_SWAP_FIELDS = (
    "cache_pages",
    "cache_add",
    "cache_delete",
    "cache_find_hit",
    "cache_find_total",
    "cache_race",
    "free_kb",
    "total_kb",
)

_ADDERS: Mapping[type[TypedLine], Any] = {
    MemInfoTitle: _MemInfoBuilder.add_title,
    ProfileTitle: _MemInfoBuilder.add_title,
    TotalsLine: _MemInfoBuilder.add_totals,
    NodePrefix: lambda builder, line: setattr(builder, "prefix", line.node),
    NodeLine: _MemInfoBuilder.add_node,
    ZoneLine: _MemInfoBuilder.add_zone,
    CountersRest: _MemInfoBuilder.add_rest,
    ReserveLine: _MemInfoBuilder.add_reserve,
    FreeListLine: _MemInfoBuilder.add_free_list,
    FreeListRest: _MemInfoBuilder.add_free_list_rest,
    PerCpuTitle: _MemInfoBuilder.add_per_cpu_title,
    PerCpuLine: _MemInfoBuilder.add_per_cpu,
    HugePagesLine: _MemInfoBuilder.add_hugepages,
    FreePagesLine: _MemInfoBuilder.add_free_pages,
    PageCount: _MemInfoBuilder.add_page_count,
    SwapLine: _MemInfoBuilder.add_swap,
    AllocationLine: _MemInfoBuilder.add_allocation,
}
