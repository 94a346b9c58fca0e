"""What the explanation needs to know before it can count: the page size, the kernel, the memory in question.

Pure functions over an `OomEvent`.  Each says where its answer comes from, and gives ``None`` rather than a guess.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from oomparse.decode.kernel import Release, parse_release
from oomparse.decode.nodes import nodes_of
from oomparse.decode.units import COMMON_PAGE_SIZE_BYTES, KB_BYTES, is_unlimited
from oomparse.model import Memcg, OomEvent, Scope
from oomparse.sections import TaskRow, ZoneMemory

PAGE_SIZES_BYTES = (4096, 8192, 16384, 65536)
"""The page sizes of Linux: 4 KiB (x86, most arm64), 8 KiB (sparc64, alpha), 16 and 64 KiB (arm64, ppc64, ia64)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """``source`` is where it is known from; ``kill_line`` is that line held against the task dump."""

    bytes: int
    source: Literal["free_lists", "kill_line", "memcg_limit", "assumed"]


def page_size(event: OomEvent) -> PageSize:
    """Return the page size of the machine.

    The smallest free block is one page; without free lists, the victim's ``total-vm`` in kB stands in the kill line and
    in pages in the task dump, and the memcg limit that stands for none is a page short of a power of two.  Failing
    all, 4 KiB is assumed and said to be.
    """
    if event.meminfo is not None and event.meminfo.page_size_bytes is not None:
        return PageSize(bytes=event.meminfo.page_size_bytes, source="free_lists")
    for victim in event.victims:
        row = row_of(event, victim.pid)
        if row is not None and row.total_vm_pages and victim.total_vm_kb is not None:
            # The victim may still have mapped a little between the two lines.
            ratio = victim.total_vm_kb * KB_BYTES / row.total_vm_pages
            size = min(PAGE_SIZES_BYTES, key=lambda size: abs(size - ratio))
            if abs(size - ratio) < size * _SAME_SIZE:
                return PageSize(bytes=size, source="kill_line")
    for limit_kb in _limits_kb(event.memcg):
        # include/linux/page_counter.h: LONG_MAX / PAGE_SIZE pages; byte counters (before 3.19) are a byte short of it.
        size = ((1 << 53) - limit_kb) * KB_BYTES
        if size in PAGE_SIZES_BYTES:
            return PageSize(bytes=size, source="memcg_limit")
    return PageSize(bytes=COMMON_PAGE_SIZE_BYTES, source="assumed")


_SAME_SIZE = 0.1


def _limits_kb(memcg: Memcg | None) -> Iterable[int]:
    if memcg is None:
        return ()
    limits = (memcg.limit_kb, memcg.swap_limit_kb, memcg.memsw_limit_kb, memcg.kmem_limit_kb)
    return (limit for limit in limits if limit is not None)


def row_of(event: OomEvent, pid: int | None) -> TaskRow | None:
    """Return the row of a process in the task dump."""
    if pid is None or event.tasks is None:
        return None
    return next((row for row in event.tasks if row.pid == pid), None)


def kernel(event: OomEvent) -> Release | None:
    """Return the kernel that printed the report, where it says so or its lines leave one series only."""
    era = event.era
    for text in (event.source.kernel_release, era.release if era is not None else None):
        if text is not None and (release := parse_release(text)) is not None:
            return release
    if era is not None and era.since is not None and era.since == era.until:
        return parse_release(era.since)
    return None


def ram_pages(event: OomEvent) -> int | None:
    """Return the pages that the kernel manages (``MemTotal`` in ``/proc/meminfo``), as the report counts them."""
    counts = event.meminfo.page_counts if event.meminfo is not None else None
    if counts is None or counts.ram_pages is None:
        return None
    return counts.ram_pages - (counts.reserved_pages or 0)


def swap_total_bytes(event: OomEvent) -> int | None:
    """Return the swap space of the machine; memcg reports since 3.9 do not print it."""
    swap = event.meminfo.swap if event.meminfo is not None else None
    return swap.total_kb * KB_BYTES if swap is not None and swap.total_kb is not None else None


def swap_free_bytes(event: OomEvent) -> int | None:
    """Return the free swap space; old kernels may print less than nothing, which is nothing."""
    swap = event.meminfo.swap if event.meminfo is not None else None
    return max(swap.free_kb, 0) * KB_BYTES if swap is not None and swap.free_kb is not None else None


def limit_bytes(memcg: Memcg | None) -> int | None:
    """Return the memory limit of the cgroup, or ``None`` where there is none."""
    if memcg is None or memcg.limit_kb is None or is_unlimited(memcg.limit_kb):
        return None
    return memcg.limit_kb * KB_BYTES


def of_memcg(event: OomEvent) -> bool:
    """Return whether a cgroup's limit was hit."""
    return event.scope is Scope.MEMCG


def allowed_nodes(event: OomEvent) -> frozenset[int] | None:
    """Return the nodes that the request could use: those of the memory policy, else those of the cpuset."""
    return nodes_of(event.nodemask) or nodes_of(event.mems_allowed)


def zones_by_node(event: OomEvent) -> dict[int, tuple[ZoneMemory, ...]]:
    """Return the zones shown, by node; a kernel without NUMA has node 0."""
    zones = event.meminfo.zones if event.meminfo is not None else ()
    nodes = sorted({zone.node or 0 for zone in zones})
    return {node: tuple(zone for zone in zones if (zone.node or 0) == node) for node in nodes}
