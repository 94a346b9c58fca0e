"""Patterns: one kind of memory is too large, or nobody accounts for it."""

from oomparse.decode.units import KB_BYTES, human_size
from oomparse.errors import printable
from oomparse.explain.facts import of_memcg
from oomparse.explain.findings import (
    KERNEL_ITEMS,
    LOW_ZONES,
    Case,
    Confidence,
    Finding,
    FindingCode,
    confidence,
    percent,
)


def shmem_hog(case: Case) -> Finding | None:
    """Report shared memory and tmpfs from 30% on: the tasks that filled it need not be those that map it."""
    shmem = case.ledger.item("shmem")
    share = case.share(shmem)
    if share < 0.3:
        return None
    return Finding(
        code=FindingCode.SHMEM_HOG,
        sentence=f"Shared memory and tmpfs hold {human_size(shmem)}, {percent(share)} of {case.where}; killing a task"
        " does not free files in a tmpfs.",
        numbers={"shmem_bytes": shmem, "share": share},
        confidence=confidence(share, 0.3, 0.5),
    )


def slab_growth(case: Case) -> Finding | None:
    """Report kernel objects: unreclaimable ones from 20% of RAM on, reclaimable ones from 30%.

    On a machine with HighMem they are measured against the low memory, where alone they can be.
    """
    if of_memcg(case.event):
        return None
    hard, soft = case.ledger.item("slab_unreclaimable"), case.ledger.item("slab_reclaimable")
    both = case.ledger.item("slab")  # not told apart before 2.6.19
    room, where = _kernel_room(case)
    if not room:
        return None
    share = (hard or both) / room
    if share >= 0.2:
        slabs = sorted(case.event.slabs or (), key=lambda slab: -slab.total_kb)[:3]
        names = ", ".join(f"{printable(slab.name)} {human_size(slab.total_kb * KB_BYTES)}" for slab in slabs)
        which = "that cannot be reclaimed hold" if hard else "hold"
        numbers = {"slab_unreclaimable_bytes": hard} if hard else {"slab_bytes": both}
        return Finding(
            code=FindingCode.SLAB_GROWTH,
            sentence=f"Kernel objects {which} {human_size(hard or both)}, {percent(share)} of"
            f" {where}{f' ({names})' if names else ''}: suspect a leak in the kernel or a driver.",
            numbers={**numbers, "share": share},
            confidence=confidence(share, 0.2, 0.35 if hard else 0.6),
        )
    if soft / room >= 0.3:
        return Finding(
            code=FindingCode.SLAB_GROWTH,
            sentence=f"Reclaimable kernel objects (dentries, inodes) still hold {human_size(soft)},"
            f" {percent(soft / room)} of {where}: reclaim did not get at them.",
            numbers={"slab_reclaimable_bytes": soft, "share": soft / room},
            confidence=Confidence.LOW,
        )
    return None


def _kernel_room(case: Case) -> tuple[int, str]:
    """Return the memory that the kernel can use for itself, and what it is called."""
    zones = case.event.meminfo.zones if case.event.meminfo is not None else ()
    if any(zone.zone == "HighMem" for zone in zones):
        low = sum(zone.present_kb or 0 for zone in zones if zone.zone in LOW_ZONES) * KB_BYTES
        if low:
            return low, "low memory, the only one that the kernel can use for itself"
    return case.total or 0, case.where


def page_cache(case: Case) -> Finding | None:
    """Report page cache that was not reclaimed although that is what it is for."""
    cache = case.ledger.item("page_cache")
    share = case.share(cache)
    if share < 0.4 or unevictable(case) is not None:
        return None
    meminfo = case.event.meminfo
    totals = meminfo.totals if meminfo is not None else None
    waiting = ((totals.dirty_pages or 0) + (totals.writeback_pages or 0)) * case.ledger.page_size_bytes if totals else 0
    stats = case.event.memcg.stats if of_memcg(case.event) and case.event.memcg is not None else None
    if stats is not None:
        unit = KB_BYTES if case.event.memcg is not None and case.event.memcg.stats_unit == "kB" else 1
        waiting = sum(stats.get(name, 0) for name in ("file_dirty", "file_writeback", "dirty", "writeback")) * unit
    slow = f"; {human_size(waiting)} of it waited to be written out" if waiting > cache * 0.1 else ""
    return Finding(
        code=FindingCode.PAGE_CACHE,
        sentence=f"Page cache still holds {human_size(cache)}, {percent(share)} of {case.where}{slow}: reclaim did not"
        " keep up, or could not take it.",
        numbers={"page_cache_bytes": cache, "dirty_bytes": waiting, "share": share},
        confidence=Confidence.MEDIUM if slow or share >= 0.8 else Confidence.LOW,
    )


def unaccounted(case: Case) -> Finding | None:
    """Report RAM that no counter claims, from 20% on; a few percent are usual."""
    rest, share = case.ledger.remainder_bytes, case.ledger.remainder_share
    if of_memcg(case.event) or rest is None or share is None or share < 0.2:
        return None
    # Printed since 2.6.32.
    stacks = "" if case.ledger.item("kernel_stacks") else "; kernel stacks, which this kernel does not print, are in it"
    return Finding(
        code=FindingCode.UNACCOUNTED,
        sentence=f"No counter accounts for {human_size(rest)}, {percent(share)} of RAM: vmalloc, a driver, a balloon,"
        f" or pages that the kernel lost{stacks}.",
        numbers={"remainder_bytes": rest, "share": share},
        confidence=Confidence.LOW if _nodes_hidden(case) else confidence(share, 0.2, 0.4),
    )


def _nodes_hidden(case: Case) -> bool:
    """Return whether nodes are left out of the report, and with them their kernel stacks and huge pages."""
    meminfo = case.event.meminfo
    ram = meminfo.page_counts.ram_pages if meminfo is not None and meminfo.page_counts is not None else None
    if meminfo is None or ram is None:
        return True
    shown = [zone.present_kb for zone in meminfo.zones]
    known = sum(kb for kb in shown if kb is not None) * KB_BYTES
    return None not in shown and known < 0.95 * ram * case.ledger.page_size_bytes


def page_tables(case: Case) -> Finding | None:
    """Report page tables from 5% on; about 0.2% of what is mapped are usual."""
    tables = case.ledger.item("page_tables")
    share = case.share(tables)
    if share < 0.05:
        return None
    return Finding(
        code=FindingCode.PAGE_TABLES,
        sentence=f"Page tables hold {human_size(tables)}, {percent(share)} of {case.where}: large sparse mappings,"
        " or many processes that map the same memory.",
        numbers={"page_tables_bytes": tables, "share": share},
        confidence=confidence(share, 0.05, 0.15),
    )


def kernel_memory(case: Case) -> Finding | None:
    """Report a cgroup that is filled by what the kernel keeps for it."""
    size = sum(case.ledger.item(name) for name in KERNEL_ITEMS)
    share = case.share(size)
    if not of_memcg(case.event) or share < 0.3:
        return None
    return Finding(
        code=FindingCode.KERNEL_MEMORY,
        sentence=f"The kernel keeps {human_size(size)} for the tasks of the cgroup, {percent(share)} of its memory; no"
        " task shows it in its rss.",
        numbers={"kernel_bytes": size, "share": share},
        confidence=confidence(share, 0.3, 0.5),
    )


def hugepages_idle(case: Case) -> Finding | None:
    """Report a pool of huge pages of at least 10% of RAM with 30% of it unused."""
    pools = case.event.meminfo.hugepages if case.event.meminfo is not None else ()
    reserved = sum((pool.total or 0) * (pool.size_kb or 0) for pool in pools) * KB_BYTES
    idle = sum((pool.free or 0) * (pool.size_kb or 0) for pool in pools) * KB_BYTES
    if of_memcg(case.event) or case.share(reserved) < 0.1 or idle < reserved * 0.3:
        return None
    return Finding(
        code=FindingCode.HUGEPAGES_IDLE,
        sentence=f"Huge pages reserve {human_size(reserved)}, {percent(case.share(reserved))} of RAM, and"
        f" {human_size(idle)} of that lie idle: the reservation is too big.",
        numbers={"reserved_bytes": reserved, "idle_bytes": idle, "share": case.share(reserved)},
        confidence=confidence(case.share(idle), 0.05, 0.1),
    )


def unevictable(case: Case) -> Finding | None:
    """Report locked memory from 30% on."""
    stats = case.event.memcg.stats if of_memcg(case.event) and case.event.memcg is not None else None
    if stats is None:
        size = case.ledger.item("unevictable")
    else:
        unit = KB_BYTES if case.event.memcg is not None and case.event.memcg.stats_unit == "kB" else 1
        size = stats.get("unevictable", 0) * unit
    share = case.share(size)
    if share < 0.3:
        return None
    return Finding(
        code=FindingCode.UNEVICTABLE,
        sentence=f"{human_size(size)}, {percent(share)} of {case.where}, are locked (mlock, ramfs, locked shared"
        " memory): they can be neither reclaimed nor swapped.",
        numbers={"unevictable_bytes": size, "share": share},
        confidence=confidence(share, 0.3, 0.5),
    )
