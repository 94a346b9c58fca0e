"""Patterns: swap that is full, or that would have helped."""

from oomparse.decode.units import KB_BYTES, human_size, is_unlimited
from oomparse.explain.facts import of_memcg, swap_free_bytes
from oomparse.explain.findings import Case, Confidence, Finding, FindingCode, confidence
from oomparse.model import Scope

_SWAP_LEFT = 0.05
"""Less free swap than this is none: the kernel gives up before the last slot."""


def swap_full(case: Case) -> Finding | None:
    """Report swap space, or a cgroup's share of it, that is used up."""
    if of_memcg(case.event):
        return _memcg_swap_full(case)
    total, free = case.ledger.swap_total_bytes, swap_free_bytes(case.event)
    if not total or free is None or free > total * _SWAP_LEFT:
        return None
    return Finding(
        code=FindingCode.SWAP_FULL,
        sentence=f"Swap is full: {human_size(free)} of {human_size(total)} were left.",
        numbers={"swap_total_bytes": total, "swap_free_bytes": free},
        confidence=confidence(1 - free / total, 0.0, 0.99),
    )


def _memcg_swap_full(case: Case) -> Finding | None:
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


def swap_absent(case: Case) -> Finding | None:
    """Report missing swap only where it would have helped: a hog would have filled it too."""
    anon = case.anon
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
