"""The long sections of a report, as types: Mem-Info, the task dump, the slab table, the call trace.

Part of the model (see `oomparse.model`), in a file of its own for their size.  Every field set is open: what a newer
kernel adds stands in ``other`` under the kernel's own key, with the unit appended (``_kb``, ``_pages``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal, NamedTuple, TypeAlias

from oomparse.record import record


@record(frozen=True, slots=True, kw_only=True)
class MemTotals:
    """The machine-wide counters (``mm/show_mem.c:show_free_areas()``), in pages."""

    active_pages: int | None = None
    inactive_pages: int | None = None
    active_anon_pages: int | None = None
    inactive_anon_pages: int | None = None
    isolated_anon_pages: int | None = None
    active_file_pages: int | None = None
    inactive_file_pages: int | None = None
    isolated_file_pages: int | None = None
    unevictable_pages: int | None = None
    dirty_pages: int | None = None
    writeback_pages: int | None = None
    unstable_pages: int | None = None
    slab_pages: int | None = None
    slab_reclaimable_pages: int | None = None
    slab_unreclaimable_pages: int | None = None
    mapped_pages: int | None = None
    mapped_file_pages: int | None = None
    mapped_anon_pages: int | None = None
    shmem_pages: int | None = None
    pagetables_pages: int | None = None
    sec_pagetables_pages: int | None = None
    bounce_pages: int | None = None
    kernel_misc_reclaimable_pages: int | None = None
    free_pages: int | None = None
    free_pcp_pages: int | None = None
    free_cma_pages: int | None = None
    other: Mapping[str, int] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class NodeMemory:
    """One ``Node N active_anon:…`` line (since 4.8), in kB."""

    node: int
    active_anon_kb: int | None = None
    inactive_anon_kb: int | None = None
    active_file_kb: int | None = None
    inactive_file_kb: int | None = None
    unevictable_kb: int | None = None
    isolated_anon_kb: int | None = None
    isolated_file_kb: int | None = None
    mapped_kb: int | None = None
    dirty_kb: int | None = None
    writeback_kb: int | None = None
    shmem_kb: int | None = None
    shmem_thp_kb: int | None = None
    shmem_pmdmapped_kb: int | None = None
    anon_thp_kb: int | None = None
    writeback_tmp_kb: int | None = None
    unstable_kb: int | None = None
    kernel_stack_kb: int | None = None
    shadow_call_stack_kb: int | None = None
    pagetables_kb: int | None = None
    sec_pagetables_kb: int | None = None
    balloon_kb: int | None = None
    gpu_active_kb: int | None = None
    gpu_reclaim_kb: int | None = None
    pages_scanned: int | None = None
    all_unreclaimable: bool | None = None
    other: Mapping[str, int] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class FreeBlocks:
    """Free blocks of one order: ``count*size_kb (migrate_types)``."""

    count: int
    size_kb: int
    migrate_types: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class FreeList:
    """One buddy line.  ``total_kb`` is the sum that the kernel printed."""

    node: int | None = None
    zone: str
    blocks: tuple[FreeBlocks, ...] = ()
    total_kb: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class PerCpuList:
    """One line of the per-cpu page lists (until 4.0): ``high``, ``batch`` and ``used`` in pages."""

    node: int | None = None
    zone: str | None = None
    cpu: int
    temperature: str | None = None
    """``hot`` or ``cold`` (until 2.6.24)."""
    low_pages: int | None = None
    high_pages: int | None = None
    batch_pages: int | None = None
    used_pages: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class ZoneMemory:
    """One zone line and its ``lowmem_reserve[]``, in kB (the reserve and ``pages_scanned`` in pages)."""

    node: int | None = None
    zone: str
    free_kb: int | None = None
    boost_kb: int | None = None
    min_kb: int | None = None
    low_kb: int | None = None
    high_kb: int | None = None
    reserved_highatomic_kb: int | None = None
    free_highatomic_kb: int | None = None
    active_kb: int | None = None
    inactive_kb: int | None = None
    active_anon_kb: int | None = None
    inactive_anon_kb: int | None = None
    active_file_kb: int | None = None
    inactive_file_kb: int | None = None
    unevictable_kb: int | None = None
    isolated_anon_kb: int | None = None
    isolated_file_kb: int | None = None
    writepending_kb: int | None = None
    zspages_kb: int | None = None
    present_kb: int | None = None
    managed_kb: int | None = None
    mlocked_kb: int | None = None
    dirty_kb: int | None = None
    writeback_kb: int | None = None
    mapped_kb: int | None = None
    shmem_kb: int | None = None
    slab_reclaimable_kb: int | None = None
    slab_unreclaimable_kb: int | None = None
    kernel_stack_kb: int | None = None
    shadow_call_stack_kb: int | None = None
    pagetables_kb: int | None = None
    unstable_kb: int | None = None
    bounce_kb: int | None = None
    free_pcp_kb: int | None = None
    local_pcp_kb: int | None = None
    free_cma_kb: int | None = None
    writeback_tmp_kb: int | None = None
    cma_watermark_kb: int | None = None
    pages_scanned: int | None = None
    all_unreclaimable: bool | None = None
    lowmem_reserve_pages: tuple[int, ...] | None = None
    other: Mapping[str, int] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class HugePages:
    """Huge pages of one size on one node (since 3.10)."""

    node: int | None = None
    total: int | None = None
    free: int | None = None
    surplus: int | None = None
    size_kb: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class SwapInfo:
    """Swap cache and swap space.  ``free_kb`` can be negative on old kernels, as printed."""

    cache_pages: int | None = None
    cache_add: int | None = None
    cache_delete: int | None = None
    cache_find_hit: int | None = None
    cache_find_total: int | None = None
    cache_race: tuple[int, ...] | None = None
    """Races between swap-in and others, two or three counts (until 2.6.24)."""
    free_kb: int | None = None
    total_kb: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class PageCounts:
    """The ``N pages …`` lines at the end of Mem-Info."""

    pagecache_pages: int | None = None
    ram_pages: int | None = None
    highmem_pages: int | None = None
    reserved_pages: int | None = None
    cma_reserved_pages: int | None = None
    hwpoisoned_pages: int | None = None
    shared_pages: int | None = None
    non_shared_pages: int | None = None
    free_pages: int | None = None
    slab_pages: int | None = None
    dirty_pages: int | None = None
    writeback_pages: int | None = None
    mapped_pages: int | None = None
    pagetables_pages: int | None = None
    pagetable_cache_pages: int | None = None
    other: Mapping[str, int] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class Allocation:
    """One line of the memory allocation profile (since 6.10).

    ``bytes`` is exact up to 6.11; from 6.12 on the kernel prints a rounded human size, kept in ``size_text``, and
    ``bytes`` is ``None``.
    """

    bytes: int | None = None
    size_text: str | None = None
    calls: int | None = None
    file: str | None = None
    line: int | None = None
    module: str | None = None
    function: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class MemInfo:
    """The Mem-Info block."""

    totals: MemTotals | None = None
    nodes: tuple[NodeMemory, ...] = ()
    zones: tuple[ZoneMemory, ...] = ()
    free_lists: tuple[FreeList, ...] = ()
    per_cpu: tuple[PerCpuList, ...] = ()
    hugepages: tuple[HugePages, ...] = ()
    swap: SwapInfo | None = None
    page_counts: PageCounts | None = None
    allocations: tuple[Allocation, ...] = ()
    page_size_bytes: int | None = None
    """Inferred from the free lists (the smallest block is one page); ``None`` without them."""


@record(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One row of the task dump; columns that this kernel does not print are ``None``."""

    pid: int | None = None
    uid: int | None = None
    tgid: int | None = None
    total_vm_pages: int | None = None
    rss_pages: int | None = None
    rss_anon_pages: int | None = None
    rss_file_pages: int | None = None
    rss_shmem_pages: int | None = None
    nr_ptes: int | None = None
    nr_pmds: int | None = None
    pgtables_bytes: int | None = None
    swapents_pages: int | None = None
    cpu: int | None = None
    oom_adj: int | None = None
    oom_score_adj: int | None = None
    comm: str | None = None


TaskKey: TypeAlias = Literal[
    "rss", "total_vm", "swapents", "pgtables", "rss_anon", "rss_file", "rss_shmem", "oom_score_adj"
]


_KEY_FIELDS: Mapping[str, str] = {
    "rss": "rss_pages",
    "total_vm": "total_vm_pages",
    "swapents": "swapents_pages",
    "pgtables": "pgtables_bytes",
    "rss_anon": "rss_anon_pages",
    "rss_file": "rss_file_pages",
    "rss_shmem": "rss_shmem_pages",
    "oom_score_adj": "oom_score_adj",
}


class TaskTable(tuple[TaskRow, ...]):
    """The task dump: a tuple of rows with the questions that people ask of it."""

    __slots__ = ()

    def top(self, count: int, *, by: TaskKey = "rss") -> tuple[TaskRow, ...]:
        """Return the ``count`` largest rows; rows that lack the column come last."""
        name = _KEY_FIELDS[by]
        return tuple(sorted(self, key=lambda row: _size(row, name), reverse=True)[:count])

    def total(self, by: TaskKey = "rss") -> int | None:
        """Return the column's sum in its own unit, or ``None`` where no row has the column."""
        name = _KEY_FIELDS[by]
        values = [value for row in self if (value := getattr(row, name)) is not None]
        return sum(values) if values else None

    def find(self, pid: int) -> TaskRow | None:
        """Return the row of a process."""
        return next((row for row in self if row.pid == pid), None)

    @classmethod
    def of(cls, rows: Iterable[TaskRow]) -> "TaskTable":
        """Make a table of rows."""
        return cls(rows)


class TaskCells(NamedTuple):
    """A task dump as it stands: the fields of `TaskRow` that it has, ``comm`` last, and the texts of each row.

    Only of a dump whose numbers are printed as ``%d`` does, and whose names are printable ASCII.
    """

    fields: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def _size(row: TaskRow, name: str) -> float:
    value = getattr(row, name)
    return float("-inf") if value is None else value


@record(frozen=True, slots=True, kw_only=True)
class Slab:
    """One row of the unreclaimable slab table (since 4.15), in kB."""

    name: str
    used_kb: int
    total_kb: int


@record(frozen=True, slots=True, kw_only=True)
class Frame:
    """One stack entry; ``reliable`` is False for those marked ``?``."""

    symbol: str | None = None
    offset: int | None = None
    size: int | None = None
    module: str | None = None
    address: int | None = None
    reliable: bool = True


@record(frozen=True, slots=True, kw_only=True)
class Stack:
    """The call trace of the invoker and, where it ends in user mode, its registers (as printed, hexadecimal)."""

    frames: tuple[Frame, ...] = ()
    registers: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
