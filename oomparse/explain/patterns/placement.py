"""Patterns: there is free memory, but in the wrong place or in too small pieces."""

from collections.abc import Iterable

from oomparse.decode.units import KB_BYTES, human_size
from oomparse.explain.facts import allowed_nodes, of_memcg, zones_by_node
from oomparse.explain.findings import LOW_ZONES, Case, Confidence, Finding, FindingCode
from oomparse.model import GfpMask, Scope
from oomparse.sections import FreeBlocks, FreeList, ZoneMemory


def _reserve_kb(zone: ZoneMemory, page_kb: int, usable: Iterable[ZoneMemory]) -> int:
    """Return what a zone keeps from requests that could also use these zones (``zone->lowmem_reserve``).

    The array has an entry for each zone that is configured, printed or not; a zone's own begins with zeros up to its
    own entry.
    """
    reserve = zone.lowmem_reserve_pages or (0,)
    own = [other.lowmem_reserve_pages for other in usable if (other.node or 0) == (zone.node or 0)]
    highest = own[-1] if own else None
    if highest is not None and any(highest):
        place = next(at for at, pages in enumerate(highest) if pages) - 1
        if 0 <= place < len(reserve):
            return reserve[place] * page_kb
    return max(reserve) * page_kb


SMALL_ZONE_SHARE = 1 / 8
"""A zone with so little of the free memory is no answer to why the others could not serve a request."""

_GFP_DMA, _GFP_HIGHMEM, _GFP_DMA32 = 0x1, 0x2, 0x4
"""The zone bits have had these values in every kernel (``include/linux/gfp.h``)."""


def _is_movable(mask: GfpMask | None) -> bool:
    return mask is not None and any("MOVABLE" in flag for flag in mask.flags or ())


def _usable_zones(mask: GfpMask | None) -> tuple[str, ...] | None:
    """Return the zones that a request can use, ``None`` for all (``gfp_zone()``)."""
    if mask is None or mask.value == 0:
        return None
    if mask.value & _GFP_DMA:
        return ("DMA",)
    if mask.value & _GFP_DMA32:
        return ("DMA", "DMA32")
    if not mask.value & _GFP_HIGHMEM:
        return LOW_ZONES
    return None if _is_movable(mask) else (*LOW_ZONES, "HighMem")


def fragmentation(case: Case) -> Finding | None:
    """Report a request for several pages that only failed because the free memory is in pieces."""
    order = case.event.order or 0
    meminfo = case.event.meminfo
    if of_memcg(case.event) or order < 1 or meminfo is None or not meminfo.free_lists:
        return None
    page_kb = case.ledger.page_size_bytes // KB_BYTES
    wanted_kb = page_kb << order
    lists = {(free.node or 0, free.zone): free for free in meminfo.free_lists}
    nodes, usable = allowed_nodes(case.event), _usable_zones(case.event.gfp_mask)
    movable = _is_movable(case.event.gfp_mask)
    broken: list[tuple[ZoneMemory, FreeList]] = []
    whole: list[ZoneMemory] = []
    zones = [zone for zone in meminfo.zones if usable is None or zone.zone in usable]
    for zone in zones:
        free = lists.get((zone.node or 0, zone.zone))
        if free is None or zone.free_kb is None or (nodes is not None and (zone.node or 0) not in nodes):
            continue
        # mm/page_alloc.c:__zone_watermark_ok() counts what would be left, and leaves out what is not for this request.
        kept_kb = (wanted_kb - page_kb) + (zone.reserved_highatomic_kb or 0)
        kept_kb += 0 if movable else zone.free_cma_kb or 0
        if zone.free_kb - kept_kb < (zone.min_kb or 0) + _reserve_kb(zone, page_kb, zones):
            continue
        if any(block.count and block.size_kb >= wanted_kb and _fits(block, movable=movable) for block in free.blocks):
            whole.append(zone)
        else:
            broken.append((zone, free))
    free_kb = sum(zone.free_kb or 0 for zone, _ in broken)
    if not broken or sum(zone.free_kb or 0 for zone in whole) > free_kb * SMALL_ZONE_SHARE:
        return None
    largest_kb = max(
        (block.size_kb for _, free in broken for block in free.blocks if block.count and _fits(block, movable=movable)),
        default=0,
    )
    names = ", ".join(f"{zone.zone} on node {zone.node or 0}" for zone, _ in broken)
    larger = any(block.count and block.size_kb >= wanted_kb for _, free in broken for block in free.blocks)
    others = "; larger ones are kept for CMA or for atomic requests" if larger else ""
    if whole:
        others += f"; only {', '.join(zone.zone for zone in whole)}, which is small, still had larger ones"
    return Finding(
        code=FindingCode.FRAGMENTATION,
        sentence=f"The request was for {human_size(wanted_kb * KB_BYTES)} in one piece (order {order}); {names} had"
        f" {human_size(free_kb * KB_BYTES)} free, above the watermark, but in pieces of at most"
        f" {human_size(largest_kb * KB_BYTES)}{others}.",
        numbers={
            "order": order,
            "wanted_bytes": wanted_kb * KB_BYTES,
            "free_bytes": free_kb * KB_BYTES,
            "largest_block_bytes": largest_kb * KB_BYTES,
        },
        # The allocator may have been refused the pieces of a small zone, or got them back too late.
        confidence=Confidence.MEDIUM if whole else Confidence.HIGH,
    )


def _fits(block: FreeBlocks, *, movable: bool) -> bool:
    """Return whether some blocks of this line are for such a request (``mm/show_mem.c:show_migration_types()``).

    CMA's (C) are for movable pages alone, those for atomic requests (H) and isolated ones (I) for nobody here.
    """
    types = block.migrate_types
    return types is None or bool(set(types) - {"H", "I"} - (set() if movable else {"C"}))


def low_zone_exhausted(case: Case) -> Finding | None:
    """Report a request that had to come from a low zone while the zones above it have room."""
    mask, meminfo = case.event.gfp_mask, case.event.meminfo
    if of_memcg(case.event) or mask is None or mask.value == 0 or meminfo is None:
        return None
    low = _usable_zones(mask)
    if low is None or "HighMem" in low:
        return None
    below = [zone for zone in meminfo.zones if zone.zone in low and zone.free_kb is not None]
    above = [zone for zone in meminfo.zones if zone.zone not in low and zone.free_kb is not None]
    page_kb = case.ledger.page_size_bytes // KB_BYTES
    full = below and all(
        (zone.free_kb or 0) <= (zone.low_kb or 0) + _reserve_kb(zone, page_kb, below) for zone in below
    )
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


def node_full(case: Case) -> Finding | None:
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


_NEARLY_ALL = 64
"""The share of a zone that counts as nothing left: watermarks of a small zone are smaller than what comes free while
the report is printed."""


def _is_full(zones: Iterable[ZoneMemory]) -> bool:
    return all(
        zone.free_kb is not None and zone.free_kb <= max(zone.low_kb or 0, (zone.present_kb or 0) // _NEARLY_ALL)
        for zone in zones
    )
