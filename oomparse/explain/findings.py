"""What an engineer looks for: patterns in the ledger, the zones and the task dump, each with its numbers.

Turns an event with its `Ledger` and `Ranking` into `Finding` records.  Each pattern is one function with its own
thresholds, and stays silent where the report does not print what it needs.  A single hog that is killed is no finding:
that is the OOM killer at work, and the ranking says it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from oomparse.decode.units import KB_BYTES, human_size, is_unlimited
from oomparse.errors import printable
from oomparse.explain.badness import UNKILLABLE_ADJ, Candidate, Ranking
from oomparse.explain.facts import allowed_nodes, limit_bytes, of_memcg, swap_free_bytes, zones_by_node
from oomparse.explain.ledger import Ledger
from oomparse.model import OomEvent, ReaperOutcome, Scope, Trait
from oomparse.sections import FreeList, ZoneMemory


class FindingCode(StrEnum):
    """What was found."""

    SYSRQ = "sysrq"
    SWAP_FULL = "swap_full"
    SWAP_ABSENT = "swap_absent"
    SHMEM_HOG = "shmem_hog"
    PAGE_CACHE = "page_cache"
    SLAB_GROWTH = "slab_growth"
    UNACCOUNTED = "unaccounted"
    PAGE_TABLES = "page_tables"
    KERNEL_MEMORY = "kernel_memory"
    HUGEPAGES_IDLE = "hugepages_idle"
    UNEVICTABLE = "unevictable"
    FRAGMENTATION = "fragmentation"
    LOW_ZONE_EXHAUSTED = "low_zone_exhausted"
    NODE_FULL = "node_full"
    UNKILLABLE_TASKS = "unkillable_tasks"
    LIMIT_BELOW_FLOOR = "limit_below_floor"
    MANY_SMALL_TASKS = "many_small_tasks"
    VICTIM_SMALL = "victim_small"
    MEMORY_NOT_REAPED = "memory_not_reaped"


class Confidence(StrEnum):
    """How sure a finding is to be (part of) the cause."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One pattern that the report shows: a sentence, and the numbers in it, each with its unit in the name."""

    code: FindingCode
    sentence: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class _Case:
    """What a pattern may look at."""

    event: OomEvent
    ledger: Ledger
    ranking: Ranking

    @property
    def total(self) -> int | None:
        return self.ledger.total_bytes

    def share(self, size: int) -> float:
        return size / self.total if self.total else 0.0

    @property
    def where(self) -> str:
        return "the cgroup's memory" if of_memcg(self.event) else "RAM"

    @property
    def victim_bytes(self) -> int | None:
        """Return the resident memory of the victim, from the kill line or the dump."""
        victim = self.event.victim
        if victim is not None and victim.anon_rss_kb is not None:
            parts = (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb)
            return sum(part or 0 for part in parts) * KB_BYTES
        chosen = self.ranking.chosen_rank
        return None if chosen is None else self.ranking.candidates[chosen - 1].rss_bytes


def findings(event: OomEvent, ledger: Ledger, ranking: Ranking) -> tuple[Finding, ...]:
    """Return what the report shows beside a hog that was killed, the surest first."""
    case = _Case(event, ledger, ranking)
    if Trait.SYSRQ in event.traits:
        return (_sysrq(case),)
    found = [finding for pattern in _PATTERNS if (finding := pattern(case)) is not None]
    return tuple(sorted(found, key=lambda finding: -_ORDER.index(finding.confidence)))


_ORDER = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


def _confidence(value: float, medium: float, high: float) -> Confidence:
    return Confidence.HIGH if value >= high else Confidence.MEDIUM if value >= medium else Confidence.LOW


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _sysrq(case: _Case) -> Finding:
    free = case.ledger.item("free")
    return Finding(
        code=FindingCode.SYSRQ,
        sentence=f"Somebody asked for it with SysRq-f; {human_size(free)} ({_percent(case.share(free))}) were free."
        if case.total
        else "Somebody asked for it with SysRq-f.",
        numbers={"free_bytes": free, "total_bytes": case.total} if case.total else {},
        confidence=Confidence.HIGH,
    )


# --- swap ------------------------------------------------------------------------------------------------------------

_SWAP_LEFT = 0.05
"""Less free swap than this is none: the kernel gives up before the last slot."""


def _swap_full(case: _Case) -> Finding | None:
    if of_memcg(case.event):
        return _memcg_swap_full(case)
    total, free = case.ledger.swap_total_bytes, swap_free_bytes(case.event)
    if not total or free is None or free > total * _SWAP_LEFT:
        return None
    return Finding(
        code=FindingCode.SWAP_FULL,
        sentence=f"Swap is full: {human_size(free)} of {human_size(total)} were left.",
        numbers={"swap_total_bytes": total, "swap_free_bytes": free},
        confidence=_confidence(1 - free / total, 0.0, 0.99),
    )


def _memcg_swap_full(case: _Case) -> Finding | None:
    memcg = case.event.memcg
    if memcg is None:
        return None
    used, limit, what = memcg.swap_usage_kb, memcg.swap_limit_kb, "swap limit"
    if limit is None:
        used, limit, what = memcg.memsw_usage_kb, memcg.memsw_limit_kb, "limit for memory and swap together"
        if limit is not None and memcg.limit_kb is not None and limit <= memcg.limit_kb:
            return None
    if used is None or not limit or is_unlimited(limit) or used < limit * (1 - _SWAP_LEFT):
        return None
    return Finding(
        code=FindingCode.SWAP_FULL,
        sentence=f"The cgroup's {what} is used up: {human_size(used * KB_BYTES)} of {human_size(limit * KB_BYTES)}.",
        numbers={"used_bytes": used * KB_BYTES, "limit_bytes": limit * KB_BYTES},
        confidence=Confidence.HIGH,
    )


def _swap_absent(case: _Case) -> Finding | None:
    """Report missing swap only where it would have helped: a hog would have filled it too."""
    anon = case.ledger.item("anon")
    rows = case.event.tasks or ()
    if case.event.scope is not Scope.GLOBAL or case.ledger.swap_total_bytes != 0 or case.share(anon) < 0.5 or not rows:
        return None
    largest = max((row.rss_pages or 0) for row in rows) * case.ledger.page_size_bytes
    if largest > anon * 0.25:
        return None
    return Finding(
        code=FindingCode.SWAP_ABSENT,
        sentence=f"There is no swap, and {human_size(anon)} of anonymous memory, spread over {len(rows)} tasks, had"
        " nowhere to go.",
        numbers={"anon_bytes": anon, "tasks": len(rows), "largest_task_bytes": largest},
        confidence=Confidence.LOW,
    )


# --- one kind of memory is too large ---------------------------------------------------------------------------------


def _shmem_hog(case: _Case) -> Finding | None:
    shmem = case.ledger.item("shmem")
    share = case.share(shmem)
    if share < 0.3:
        return None
    return Finding(
        code=FindingCode.SHMEM_HOG,
        sentence=f"Shared memory and tmpfs hold {human_size(shmem)}, {_percent(share)} of {case.where}; killing a task"
        " does not free files in a tmpfs.",
        numbers={"shmem_bytes": shmem, "share": share},
        confidence=_confidence(share, 0.3, 0.5),
    )


def _slab_growth(case: _Case) -> Finding | None:
    if of_memcg(case.event):
        return None
    hard, soft = case.ledger.item("slab_unreclaimable"), case.ledger.item("slab_reclaimable")
    if case.share(hard) >= 0.2:
        slabs = sorted(case.event.slabs or (), key=lambda slab: -slab.total_kb)[:3]
        names = ", ".join(f"{printable(slab.name)} {human_size(slab.total_kb * KB_BYTES)}" for slab in slabs)
        return Finding(
            code=FindingCode.SLAB_GROWTH,
            sentence=f"Kernel objects that cannot be reclaimed hold {human_size(hard)}, {_percent(case.share(hard))} of"
            f" {case.where}{f' ({names})' if names else ''}: suspect a leak in the kernel or a driver.",
            numbers={"slab_unreclaimable_bytes": hard, "share": case.share(hard)},
            confidence=_confidence(case.share(hard), 0.2, 0.35),
        )
    if case.share(soft) >= 0.3:
        return Finding(
            code=FindingCode.SLAB_GROWTH,
            sentence=f"Reclaimable kernel objects (dentries, inodes) still hold {human_size(soft)},"
            f" {_percent(case.share(soft))} of {case.where}: reclaim did not get at them.",
            numbers={"slab_reclaimable_bytes": soft, "share": case.share(soft)},
            confidence=Confidence.LOW,
        )
    return None


def _page_cache(case: _Case) -> Finding | None:
    """Report page cache that was not reclaimed although that is what it is for."""
    cache = case.ledger.item("page_cache")
    share = case.share(cache)
    if share < 0.4 or _unevictable(case) is not None:
        return None
    meminfo = case.event.meminfo
    totals = meminfo.totals if meminfo is not None else None
    waiting = ((totals.dirty_pages or 0) + (totals.writeback_pages or 0)) * case.ledger.page_size_bytes if totals else 0
    stats = case.event.memcg.stats if of_memcg(case.event) and case.event.memcg is not None else None
    if stats is not None:
        waiting = stats.get("file_dirty", 0) + stats.get("file_writeback", 0)
    slow = f"; {human_size(waiting)} of it waited to be written out" if waiting > cache * 0.1 else ""
    return Finding(
        code=FindingCode.PAGE_CACHE,
        sentence=f"Page cache still holds {human_size(cache)}, {_percent(share)} of {case.where}{slow}: reclaim did not"
        " keep up, or could not take it.",
        numbers={"page_cache_bytes": cache, "dirty_bytes": waiting, "share": share},
        confidence=Confidence.MEDIUM if slow else Confidence.LOW,
    )


def _unaccounted(case: _Case) -> Finding | None:
    rest, share = case.ledger.remainder_bytes, case.ledger.remainder_share
    if of_memcg(case.event) or rest is None or share is None or share < 0.2:
        return None
    return Finding(
        code=FindingCode.UNACCOUNTED,
        sentence=f"No counter accounts for {human_size(rest)}, {_percent(share)} of RAM: vmalloc, a driver, a balloon,"
        " or pages that the kernel lost.",
        numbers={"remainder_bytes": rest, "share": share},
        confidence=Confidence.LOW if _nodes_hidden(case) else _confidence(share, 0.2, 0.4),
    )


def _nodes_hidden(case: _Case) -> bool:
    """Return whether nodes are left out of the report, and with them their kernel stacks and huge pages."""
    meminfo = case.event.meminfo
    ram = meminfo.page_counts.ram_pages if meminfo is not None and meminfo.page_counts is not None else None
    if meminfo is None or ram is None:
        return True
    shown = [zone.present_kb for zone in meminfo.zones]
    known = sum(kb for kb in shown if kb is not None) * KB_BYTES
    return None not in shown and known < 0.95 * ram * case.ledger.page_size_bytes


def _page_tables(case: _Case) -> Finding | None:
    tables = case.ledger.item("page_tables")
    share = case.share(tables)
    if share < 0.05:
        return None
    return Finding(
        code=FindingCode.PAGE_TABLES,
        sentence=f"Page tables hold {human_size(tables)}, {_percent(share)} of {case.where}: large sparse mappings,"
        " or many processes that map the same memory.",
        numbers={"page_tables_bytes": tables, "share": share},
        confidence=_confidence(share, 0.05, 0.15),
    )


_KERNEL_ITEMS = (
    *("slab_reclaimable", "slab_unreclaimable", "slab", "kernel_stacks", "page_tables", "page_tables_of_guests"),
    *("per_cpu_data", "vmalloc", "other_kernel"),
)


def _kernel_memory(case: _Case) -> Finding | None:
    """Report a cgroup that is filled by what the kernel keeps for it."""
    size = sum(case.ledger.item(name) for name in _KERNEL_ITEMS)
    share = case.share(size)
    if not of_memcg(case.event) or share < 0.3:
        return None
    return Finding(
        code=FindingCode.KERNEL_MEMORY,
        sentence=f"The kernel keeps {human_size(size)} for the tasks of the cgroup, {_percent(share)} of its memory; no"
        " task shows it in its rss.",
        numbers={"kernel_bytes": size, "share": share},
        confidence=_confidence(share, 0.3, 0.5),
    )


def _hugepages_idle(case: _Case) -> Finding | None:
    pools = case.event.meminfo.hugepages if case.event.meminfo is not None else ()
    reserved = sum((pool.total or 0) * (pool.size_kb or 0) for pool in pools) * KB_BYTES
    idle = sum((pool.free or 0) * (pool.size_kb or 0) for pool in pools) * KB_BYTES
    if of_memcg(case.event) or case.share(reserved) < 0.1 or idle < reserved * 0.3:
        return None
    return Finding(
        code=FindingCode.HUGEPAGES_IDLE,
        sentence=f"Huge pages reserve {human_size(reserved)}, {_percent(case.share(reserved))} of RAM, and"
        f" {human_size(idle)} of that lie idle: the reservation is too big.",
        numbers={"reserved_bytes": reserved, "idle_bytes": idle, "share": case.share(reserved)},
        confidence=_confidence(case.share(idle), 0.05, 0.1),
    )


def _unevictable(case: _Case) -> Finding | None:
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
        sentence=f"{human_size(size)}, {_percent(share)} of {case.where}, are locked (mlock, ramfs, locked shared"
        " memory): they can be neither reclaimed nor swapped.",
        numbers={"unevictable_bytes": size, "share": share},
        confidence=_confidence(share, 0.3, 0.5),
    )


# --- free memory in the wrong place ----------------------------------------------------------------------------------


def _reserve_kb(zone: ZoneMemory, page_kb: int) -> int:
    return max(zone.lowmem_reserve_pages or (0,)) * page_kb


def _fragmentation(case: _Case) -> Finding | None:
    order = case.event.order or 0
    meminfo = case.event.meminfo
    if of_memcg(case.event) or order < 1 or meminfo is None or not meminfo.free_lists:
        return None
    page_kb = case.ledger.page_size_bytes // KB_BYTES
    wanted_kb = page_kb << order
    lists = {(free.node or 0, free.zone): free for free in meminfo.free_lists}
    nodes = allowed_nodes(case.event)
    broken: list[tuple[ZoneMemory, FreeList]] = []
    for zone in meminfo.zones:
        free = lists.get((zone.node or 0, zone.zone))
        if free is None or zone.free_kb is None or (nodes is not None and (zone.node or 0) not in nodes):
            continue
        if zone.free_kb < (zone.min_kb or 0) + _reserve_kb(zone, page_kb):
            continue
        if any(block.count and block.size_kb >= wanted_kb and block.migrate_types != "H" for block in free.blocks):
            return None
        broken.append((zone, free))
    if not broken:
        return None
    free_kb = sum(zone.free_kb or 0 for zone, _ in broken)
    largest_kb = max((block.size_kb for _, free in broken for block in free.blocks if block.count), default=0)
    names = ", ".join(f"{zone.zone} on node {zone.node or 0}" for zone, _ in broken)
    return Finding(
        code=FindingCode.FRAGMENTATION,
        sentence=f"The request was for {human_size(wanted_kb * KB_BYTES)} in one piece (order {order}); {names} had"
        f" {human_size(free_kb * KB_BYTES)} free, above the watermark, but in pieces of at most"
        f" {human_size(largest_kb * KB_BYTES)}.",
        numbers={
            "order": order,
            "wanted_bytes": wanted_kb * KB_BYTES,
            "free_bytes": free_kb * KB_BYTES,
            "largest_block_bytes": largest_kb * KB_BYTES,
        },
        confidence=Confidence.HIGH,
    )


_GFP_DMA, _GFP_HIGHMEM, _GFP_DMA32 = 0x1, 0x2, 0x4
"""The zone bits have had these values in every kernel (``include/linux/gfp.h``)."""


def _low_zone_exhausted(case: _Case) -> Finding | None:
    """Report a request that had to come from a low zone while the zones above it have room."""
    mask, meminfo = case.event.gfp_mask, case.event.meminfo
    if of_memcg(case.event) or mask is None or mask.value == 0 or meminfo is None:
        return None
    if mask.value & _GFP_DMA:
        low: tuple[str, ...] = ("DMA",)
    elif mask.value & _GFP_DMA32:
        low = ("DMA", "DMA32")
    elif mask.value & _GFP_HIGHMEM:
        return None
    else:
        low = ("DMA", "DMA32", "Normal")
    below = [zone for zone in meminfo.zones if zone.zone in low and zone.free_kb is not None]
    above = [zone for zone in meminfo.zones if zone.zone not in low and zone.free_kb is not None]
    page_kb = case.ledger.page_size_bytes // KB_BYTES
    full = below and all((zone.free_kb or 0) <= (zone.low_kb or 0) + _reserve_kb(zone, page_kb) for zone in below)
    free_above = sum(zone.free_kb or 0 for zone in above)
    if not full or not above or free_above <= 2 * sum(zone.high_kb or 0 for zone in above):
        return None
    free_below = sum(zone.free_kb or 0 for zone in below)
    return Finding(
        code=FindingCode.LOW_ZONE_EXHAUSTED,
        sentence=f"The request needed memory from {'/'.join(dict.fromkeys(zone.zone for zone in below))}, where"
        f" {human_size(free_below * KB_BYTES)} were left; {human_size(free_above * KB_BYTES)} in"
        f" {'/'.join(dict.fromkeys(zone.zone for zone in above))} were free, and of no use to it.",
        numbers={"free_low_bytes": free_below * KB_BYTES, "free_above_bytes": free_above * KB_BYTES},
        confidence=Confidence.HIGH,
    )


def _node_full(case: _Case) -> Finding | None:
    """Report a request that was bound to nodes that are full, while others have room."""
    meminfo = case.event.meminfo
    totals = meminfo.totals if meminfo is not None else None
    if of_memcg(case.event) or totals is None or totals.free_pages is None or (case.event.order or 0) > 0:
        return None
    nodes = zones_by_node(case.event)
    allowed = allowed_nodes(case.event)
    bound = {node for node in nodes if allowed is None or node in allowed}
    full = {node for node in bound if _is_full(nodes[node])}
    free_all = totals.free_pages * case.ledger.page_size_bytes
    free_full = sum(zone.free_kb or 0 for node in full for zone in nodes[node]) * KB_BYTES
    free_elsewhere = free_all - free_full
    if not full or case.share(free_elsewhere) < 0.05 or free_elsewhere < 10 * free_full:
        return None
    policy = {
        Scope.CPUSET: "the task's cpuset allows no other",
        Scope.MEMORY_POLICY: "the task's memory policy allows no other",
    }.get(case.event.scope, "something (a memory policy, a binding) kept the task from using the rest")
    listed = ", ".join(str(node) for node in sorted(full))
    return Finding(
        code=FindingCode.NODE_FULL,
        sentence=f"Node {listed} is full ({human_size(free_full)} free) while {human_size(free_elsewhere)} are free"
        f" elsewhere: {policy}.",
        numbers={"free_on_full_nodes_bytes": free_full, "free_elsewhere_bytes": free_elsewhere},
        confidence=Confidence.HIGH if case.event.scope in {Scope.CPUSET, Scope.MEMORY_POLICY} else Confidence.MEDIUM,
    )


def _is_full(zones: Iterable[ZoneMemory]) -> bool:
    return all(zone.free_kb is not None and zone.free_kb <= (zone.low_kb or 0) for zone in zones)


# --- the tasks and the limit -----------------------------------------------------------------------------------------


def _unkillable(case: _Case) -> int:
    return sum(
        candidate.rss_bytes for candidate in case.ranking.candidates if candidate.oom_score_adj == UNKILLABLE_ADJ
    )


def _unkillable_tasks(case: _Case) -> Finding | None:
    held = _unkillable(case)
    # Pages that the tasks share count for each of them.
    share = min(case.share(held), 1.0)
    if share < 0.4:
        return None
    tasks = sum(1 for candidate in case.ranking.candidates if candidate.oom_score_adj == UNKILLABLE_ADJ)
    return Finding(
        code=FindingCode.UNKILLABLE_TASKS,
        sentence=f"{tasks} {'tasks' if tasks > 1 else 'task'} with oom_score_adj {UNKILLABLE_ADJ} hold"
        f"{'' if tasks > 1 else 's'} {human_size(held)}, {_percent(share)} of {case.where}, and must not be killed.",
        numbers={"unkillable_bytes": held, "tasks": tasks, "share": share},
        confidence=_confidence(share, 0.4, 0.6),
    )


def _limit_below_floor(case: _Case) -> Finding | None:
    """Report a limit that the cgroup reaches even with everything killed that may be."""
    limit = limit_bytes(case.event.memcg)
    if not of_memcg(case.event) or not limit:
        return None
    kernel = sum(case.ledger.item(name) for name in _KERNEL_ITEMS)
    floor = kernel + _unkillable(case)
    if floor < limit * 0.9:
        return None
    return Finding(
        code=FindingCode.LIMIT_BELOW_FLOOR,
        sentence=f"The limit of {human_size(limit)} is below what the cgroup needs at the least: {human_size(floor)}"
        " belong to the kernel and to tasks that must not be killed.",
        numbers={"limit_bytes": limit, "floor_bytes": floor, "kernel_bytes": kernel},
        confidence=Confidence.HIGH,
    )


_MANY = 20


def _many_small_tasks(case: _Case) -> Finding | None:
    sizes = [candidate.rss_bytes for candidate in case.ranking.candidates]
    held = sum(sizes)
    if len(sizes) < _MANY or case.share(held) < 0.5 or max(sizes) > held * 0.2:
        return None
    top = case.ledger.by_task[0]
    return Finding(
        code=FindingCode.MANY_SMALL_TASKS,
        sentence=f"No single hog: {len(sizes)} tasks hold {human_size(held)}, the largest of them"
        f" {human_size(max(sizes))}; the most by name is {top.comm} with {human_size(top.rss_bytes)} in {top.tasks}.",
        numbers={"tasks": len(sizes), "rss_bytes": held, "largest_bytes": max(sizes)},
        confidence=_confidence(1 - max(sizes) / held, 0.8, 0.95),
    )


def _victim_small(case: _Case) -> Finding | None:
    """Report a victim that is far smaller than what fills the memory."""
    victim = case.victim_bytes
    items = [item for item in case.ledger.items if not item.name.startswith("free")]
    if victim is None or not items or not case.total:
        return None
    largest = items[0]
    ratio = victim / largest.bytes
    if ratio > (0.1 if largest.name.startswith("anon") else 0.5) or case.share(largest.bytes) < 0.2:
        return None
    holder = _largest_other(case, victim)
    extra = ""
    if holder is not None:
        extra = f" ({holder.comm} with oom_score_adj {holder.oom_score_adj} held {human_size(holder.rss_bytes)})"
    return Finding(
        code=FindingCode.VICTIM_SMALL,
        sentence=f"The victim held {human_size(victim)}, far less than {largest.name.replace('_', ' ')} with"
        f" {human_size(largest.bytes)}: killing it hardly helps{extra}.",
        numbers={"victim_bytes": victim, "largest_item_bytes": largest.bytes, "ratio": ratio},
        confidence=_confidence(1 - ratio, 0.7, 0.9),
    )


def _largest_other(case: _Case, victim: int) -> Candidate | None:
    others = [candidate for candidate in case.ranking.candidates if candidate.pid != case.ranking.chosen_pid]
    largest = max(others, key=lambda candidate: candidate.rss_bytes, default=None)
    return largest if largest is not None and largest.rss_bytes > 2 * victim else None


def _memory_not_reaped(case: _Case) -> Finding | None:
    """Report a victim whose memory the reaper could not take while it was dying."""
    for victim in case.event.victims:
        reaper = victim.reaper
        if reaper is None:
            continue
        left = reaper.anon_rss_kb or 0
        unable = reaper.outcome is ReaperOutcome.UNABLE
        if not victim.anon_rss_kb or (not unable and left * 2 < victim.anon_rss_kb):
            continue
        size = (victim.anon_rss_kb if unable else left) * KB_BYTES
        why = "its address space was busy" if unable else "it is locked (mlock), or shared with a task that lives on"
        return Finding(
            code=FindingCode.MEMORY_NOT_REAPED,
            sentence=f"The reaper left {human_size(size)} of victim {victim.pid}: {why}.",
            numbers={"left_bytes": size, "anon_rss_bytes": victim.anon_rss_kb * KB_BYTES},
            confidence=Confidence.MEDIUM,
        )
    return None


_PATTERNS: tuple[Callable[[_Case], Finding | None], ...] = (
    _node_full,
    _low_zone_exhausted,
    _fragmentation,
    _limit_below_floor,
    _unkillable_tasks,
    _hugepages_idle,
    _shmem_hog,
    _page_cache,
    _slab_growth,
    _unaccounted,
    _kernel_memory,
    _page_tables,
    _unevictable,
    _swap_full,
    _many_small_tasks,
    _victim_small,
    _memory_not_reaped,
    _swap_absent,
)
