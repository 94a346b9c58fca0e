"""Where the memory went: one list of bytes that adds up to all of it.

Turns the Mem-Info counters (``mm/show_mem.c:show_free_areas()``) into a ledger of the machine's RAM, and the counters
of a memcg report (``mm/memcontrol.c:memory_stat_format()``) into one of the cgroup's usage.  No page is in two items;
what no counter claims is the remainder (vmalloc, per-cpu data, drivers, pages in flight).  It refuses to invent: an
item that this kernel does not print is not listed, and without a total there is no remainder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oomparse.decode.units import KB_BYTES
from oomparse.errors import printable
from oomparse.explain.facts import limit_bytes, of_memcg, page_size, ram_pages, swap_free_bytes, swap_total_bytes
from oomparse.model import Memcg, OomEvent
from oomparse.sections import MemInfo, MemTotals, NodeMemory, TaskRow, ZoneMemory

MAX_TASK_SHARES = 10
"""Names of tasks that a ledger lists."""

ITEM_NAMES = {
    "anon": "anonymous memory",
    "shmem": "shared memory, tmpfs",
    "anon_and_shmem": "anonymous and shared memory",
    "anon_and_page_cache": "anonymous memory and page cache",
    "page_tables_of_guests": "page tables of guests",
    "free_on_cpu_lists": "free, on cpu lists",
    "huge_pages": "huge pages, reserved",
    "slab_reclaimable": "slab, reclaimable",
    "slab_unreclaimable": "slab, unreclaimable",
    "other_kernel": "other kernel memory",
    "unevictable": "unevictable (locked)",
}
"""What people call an item, where its name with blanks will not do."""


def item_name(name: str) -> str:
    """Return an item's name for people."""
    return ITEM_NAMES.get(name, name.replace("_", " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerItem:
    """One kind of memory.  ``share`` is its part of the total, from 0 to 1."""

    name: str
    bytes: int
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskShare:
    """The tasks of one name together.  Shared pages count once for each task, so these do not add up.

    ``comm`` is safe to show and to write as JSON.
    """

    comm: str
    tasks: int
    rss_bytes: int
    anon_bytes: int | None = None
    """Anonymous memory alone (since 6.8)."""
    swap_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The items, largest first; with ``remainder_bytes`` they add up to ``total_bytes``.

    ``subject`` is ``machine`` or the path of the cgroup; ``total_source`` the lines that the total is from.  Where
    counters are missing there is no remainder, and ``why_not`` says so.
    """

    subject: str
    total_bytes: int | None = None
    total_source: str | None = None
    limit_bytes: int | None = None
    items: tuple[LedgerItem, ...] = ()
    remainder_bytes: int | None = None
    remainder_share: float | None = None
    by_task: tuple[TaskShare, ...] = ()
    swap_total_bytes: int | None = None
    swap_used_bytes: int | None = None
    page_size_bytes: int
    page_size_source: str
    why_not: str | None = None

    def item(self, name: str) -> int:
        """Return the bytes of one kind of memory, 0 where it is not listed."""
        return next((item.bytes for item in self.items if item.name == name), 0)


def ledger(event: OomEvent) -> Ledger:
    """Account for the memory that ran out: the cgroup's where its limit was hit, else the machine's."""
    size = page_size(event)
    if of_memcg(event) and event.memcg is not None and event.memcg.usage_kb is not None:
        return _memcg_ledger(event, event.memcg)
    subject = event.memcg.oom_memcg if of_memcg(event) and event.memcg is not None else None
    if event.meminfo is None or event.meminfo.totals is None:
        return Ledger(
            subject=printable(subject or "machine"),
            by_task=_by_task(event.tasks or (), size.bytes),
            page_size_bytes=size.bytes,
            page_size_source=size.source,
            why_not="the report has no memory counters (it is cut, or its dump was suppressed by the rate limit)",
        )
    pages = ram_pages(event)
    total = None if pages is None else pages * size.bytes
    swap_total, swap_free = swap_total_bytes(event), swap_free_bytes(event)
    return _balance(
        Ledger(
            subject="machine",
            total_bytes=total,
            total_source=None if total is None else "pages RAM - pages reserved",
            by_task=_by_task(event.tasks or (), size.bytes),
            swap_total_bytes=swap_total,
            swap_used_bytes=None if swap_total is None or swap_free is None else max(swap_total - swap_free, 0),
            page_size_bytes=size.bytes,
            page_size_source=size.source,
            why_not=_missing(event.meminfo.totals),
        ),
        _machine_items(event.meminfo, event.meminfo.totals, size.bytes),
    )


def _missing(totals: MemTotals) -> str | None:
    """Return why the counters cannot add up."""
    lists = (totals.active_anon_pages, totals.active_pages)
    if all(count is None for count in lists) or totals.free_pages is None:
        return "some of the memory counters are missing (the report is damaged)"
    return None


def _balance(ledger: Ledger, items: Mapping[str, int]) -> Ledger:
    """Put the items in order, with shares and what is left."""
    total = ledger.total_bytes
    listed = [
        LedgerItem(name=name, bytes=size, share=size / total if total else None)
        for name, size in sorted(items.items(), key=lambda item: -item[1])
        if size
    ]
    rest = None if total is None or ledger.why_not is not None else total - sum(item.bytes for item in listed)
    return Ledger(
        subject=ledger.subject,
        total_bytes=total,
        total_source=ledger.total_source,
        limit_bytes=ledger.limit_bytes,
        items=tuple(listed),
        remainder_bytes=rest,
        remainder_share=None if rest is None or not total else rest / total,
        by_task=ledger.by_task,
        swap_total_bytes=ledger.swap_total_bytes,
        swap_used_bytes=ledger.swap_used_bytes,
        page_size_bytes=ledger.page_size_bytes,
        page_size_source=ledger.page_size_source,
        why_not=ledger.why_not,
    )


# --- the machine -----------------------------------------------------------------------------------------------------


def _machine_items(meminfo: MemInfo, totals: MemTotals, page: int) -> dict[str, int]:
    pages = _lru(totals)
    pages |= {
        "slab_reclaimable": totals.slab_reclaimable_pages or 0,
        "slab_unreclaimable": totals.slab_unreclaimable_pages or 0,
        "slab": 0 if totals.slab_unreclaimable_pages is not None else totals.slab_pages or 0,
        "page_tables": totals.pagetables_pages or 0,
        "page_tables_of_guests": totals.sec_pagetables_pages or 0,
        "bounce_buffers": totals.bounce_pages or 0,
        "kernel_misc_reclaimable": totals.kernel_misc_reclaimable_pages or 0,
        "free": totals.free_pages or 0,
        "free_on_cpu_lists": totals.free_pcp_pages or 0,
    }
    items = {name: count * page for name, count in pages.items()}
    items["kernel_stacks"] = _stacks(meminfo) * KB_BYTES
    items["compressed_swap"] = sum(zone.zspages_kb or 0 for zone in meminfo.zones) * KB_BYTES
    items["balloon"] = sum(node.balloon_kb or 0 for node in meminfo.nodes) * KB_BYTES
    items["gpu"] = sum((node.gpu_active_kb or 0) + (node.gpu_reclaim_kb or 0) for node in meminfo.nodes) * KB_BYTES
    items["huge_pages"] = sum((huge.total or 0) * (huge.size_kb or 0) for huge in meminfo.hugepages) * KB_BYTES
    return items


def _lru(totals: MemTotals) -> dict[str, int]:
    """Return the pages on the LRU lists, by kind.

    Shared memory stands on the anonymous lists, or on the unevictable one where it is locked or there is no swap.
    """
    if totals.active_anon_pages is None and totals.inactive_anon_pages is None:
        # Up to 2.6.27 the lists hold anonymous and file pages alike.
        both = (totals.active_pages or 0) + (totals.inactive_pages or 0)
        anon = totals.mapped_anon_pages
        return {"anon_and_page_cache": both} if anon is None else {"anon": anon, "page_cache": max(both - anon, 0)}
    anon = (totals.active_anon_pages or 0) + (totals.inactive_anon_pages or 0) + (totals.isolated_anon_pages or 0)
    file = (totals.active_file_pages or 0) + (totals.inactive_file_pages or 0) + (totals.isolated_file_pages or 0)
    locked = totals.unevictable_pages or 0
    if totals.shmem_pages is None:
        # Not counted before 2.6.32.
        return {"anon_and_shmem": anon, "page_cache": file, "unevictable": locked}
    shmem = min(totals.shmem_pages, anon + locked)
    from_anon = min(shmem, anon)
    return {
        "anon": anon - from_anon,
        "shmem": shmem,
        "page_cache": file,
        "unevictable": locked - (shmem - from_anon),
    }


def _stacks(meminfo: MemInfo) -> int:
    """Return the kernel stacks in kB: on the node lines since 5.9, on the zone lines before."""

    def total(lines: Iterable[NodeMemory] | Iterable[ZoneMemory]) -> int:
        return sum((line.kernel_stack_kb or 0) + (line.shadow_call_stack_kb or 0) for line in lines)

    return total(meminfo.nodes) or total(meminfo.zones)


# --- a cgroup --------------------------------------------------------------------------------------------------------


def _memcg_ledger(event: OomEvent, memcg: Memcg) -> Ledger:
    size = page_size(event)
    usage = (memcg.usage_kb or 0) * KB_BYTES
    swap_used = memcg.swap_usage_kb
    if swap_used is None and memcg.memsw_usage_kb is not None and memcg.usage_kb is not None:
        swap_used = max(memcg.memsw_usage_kb - memcg.usage_kb, 0)
    items = _memcg_items(memcg, usage, event.tasks or ())
    return _balance(
        Ledger(
            subject=printable(memcg.oom_memcg or memcg.task_memcg or "memcg"),
            total_bytes=usage,
            total_source="memory: usage",
            limit_bytes=limit_bytes(memcg),
            by_task=_by_task(event.tasks or (), size.bytes),
            swap_used_bytes=None if swap_used is None else swap_used * KB_BYTES,
            page_size_bytes=size.bytes,
            page_size_source=size.source,
            why_not=None if any(items.values()) else "the statistics of the cgroup are missing (none before 3.9)",
        ),
        items,
    )


_KERNEL_PARTS = {
    "slab_reclaimable": "slab_reclaimable",
    "slab_unreclaimable": "slab_unreclaimable",
    "kernel_stack": "kernel_stacks",
    "pagetables": "page_tables",
    "sec_pagetables": "page_tables_of_guests",
    "percpu": "per_cpu_data",
    "vmalloc": "vmalloc",
    "zswap": "compressed_swap",
}


def _memcg_items(memcg: Memcg, usage: int, rows: Iterable[TaskRow]) -> dict[str, int]:
    stats = _summed(memcg)
    items: dict[str, int] = {}
    if "anon" in stats:
        items["anon"] = stats["anon"]
        file = stats.get("file", 0)
    else:
        items["anon"] = stats.get("rss", 0)
        file = stats.get("cache", 0)
    # Shared memory counts as file, but stands on the anonymous lists; before 4.14 it has no counter of its own.
    on_lists = stats.get("active_anon", 0) + stats.get("inactive_anon", 0)
    shmem = stats["shmem"] if "shmem" in stats else max(on_lists - items["anon"], 0)
    items["shmem"] = min(shmem, file)
    # While a victim dies the counter runs ahead of the usage; the lists of pages still have what is charged.
    listed = on_lists - items["shmem"]
    if items["anon"] < listed and items["anon"] + file < usage:
        items["anon"] = min(listed, usage - file)
    items["page_cache"] = file - items["shmem"]
    items["sockets"] = stats.get("sock", 0)
    items["huge_pages"] = stats.get("hugetlb", 0)
    parts = {name: stats[key] for key, name in _KERNEL_PARTS.items() if stats.get(key)}
    items |= parts
    kernel = stats.get("kernel")
    if kernel is None and memcg.kmem_usage_kb:
        kernel = memcg.kmem_usage_kb * KB_BYTES
    room = (usage - sum(items.values())) if kernel is None else kernel - sum(parts.values())
    if "pagetables" not in stats:
        # Before 5.15 no counter shows them, but the task dump does (since 4.15), and every task in it is in the cgroup.
        tables = sum(row.pgtables_bytes or 0 for row in rows)
        items["page_tables"] = min(tables, max(room, 0))
        room -= items["page_tables"]
    if kernel is not None:
        items["other_kernel"] = max(room, 0)
    return items


def _summed(memcg: Memcg) -> dict[str, int]:
    """Return the statistics of the whole subtree in bytes.

    Up to 5.2 every cgroup of the subtree is printed, each for itself; later the first line speaks for all.
    """
    stats = memcg.stats or {}
    if memcg.stats_unit != "kB":
        return dict(stats)
    summed: dict[str, int] = {}
    for part in (memcg.hierarchy or {"": stats}).values():
        for name, kb in part.items():
            summed[name] = summed.get(name, 0) + kb * KB_BYTES
    return summed


# --- the tasks -------------------------------------------------------------------------------------------------------


def _by_task(rows: Iterable[TaskRow], page: int) -> tuple[TaskShare, ...]:
    groups: dict[str, list[TaskRow]] = {}
    for row in rows:
        if row.comm is not None and row.rss_pages is not None:
            groups.setdefault(printable(row.comm), []).append(row)
    shares = [
        TaskShare(
            comm=comm,
            tasks=len(group),
            rss_bytes=sum(row.rss_pages or 0 for row in group) * page,
            anon_bytes=_sum([row.rss_anon_pages for row in group], page),
            swap_bytes=_sum([row.swapents_pages for row in group], page),
        )
        for comm, group in groups.items()
    ]
    return tuple(sorted(shares, key=lambda share: -share.rss_bytes)[:MAX_TASK_SHARES])


def _sum(pages: Iterable[int | None], page: int) -> int | None:
    known = [count for count in pages if count is not None]
    return sum(known) * page if known else None
