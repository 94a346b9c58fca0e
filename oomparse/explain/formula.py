"""The badness formula of each kernel, and the memory that it counts against.

What ``mm/oom_kill.c:oom_badness()`` adds up, and ``constrained_alloc()`` takes as the total, from 2.6.36 on.  Where a
report does not tell which of two kernels printed it, both formulas are given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oomparse.decode.kernel import Release, parse_release
from oomparse.decode.units import KB_BYTES, is_unlimited
from oomparse.explain.facts import (
    PageSize,
    allowed_nodes,
    kernel,
    of_memcg,
    ram_pages,
    swap_total_bytes,
    zones_by_node,
)
from oomparse.model import Memcg, OomEvent, Scope
from oomparse.sections import TaskRow, ZoneMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """One kernel's way to count.

    ``bonus`` is what a task with CAP_SYS_ADMIN gets off: ``none``, ``total`` (3% of the memory at stake), ``own`` (3%
    of its own).  ``floor`` is the least that an eligible task gets.
    """

    permille: bool = False
    bonus: str = "none"
    floor: int | None = 1
    last_of_equals: bool = False
    without_bonus: int | None = None
    """A pid of root's that lacks the capability, as processes in containers do."""


def formulas(event: OomEvent, rows: Sequence[TaskRow]) -> list[Formula]:
    """Return the formulas that this kernel may have, the likeliest first.

    The columns say more than the release: they changed when what is counted changed.
    """
    release = kernel(event)
    if not any(row.nr_ptes is not None or row.pgtables_bytes is not None for row in rows):
        # 2.6.36 to 3.5, and RHEL 6 with its back-ports; 3.5 was the first to count in pages.
        old = [Formula(permille=True, bonus="total"), Formula(permille=True)]
        new = [Formula(bonus="total"), Formula()]
        return [*new, *old] if release is not None and release.version >= (3, 5, 0) else [*old, *new]
    ties = _ties(event, release)
    floors: tuple[int | None, ...] = (1,)
    if _may_be(event, release, "5.9", None):
        floors = (None, 1) if release is None or release.version < (5, 9, 0) else (None,)
    bonuses = ["none"]
    if _may_be(event, release, None, "4.16"):
        # Whether a task of uid 0 has the capability is not printed, so both are tried.
        bonuses = ["own", "total", "none"] if _may_be(event, release, "3.14", None) else ["total", "own", "none"]
    return [
        Formula(bonus=bonus, floor=floor, last_of_equals=last) for bonus in bonuses for floor in floors for last in ties
    ]


def _ties(event: OomEvent, release: Release | None) -> tuple[bool, ...]:
    """Return whether of two with the same points the later is taken (since 5.3) or the first.

    Until then the tasks of a cgroup are looked at in the cgroup's own order, which is not that of the dump.
    """
    if release is not None and release.distribution != "el8":
        last = release.version >= (5, 3, 0)
        return (False, True) if of_memcg(event) and not last else (last,)
    later = _may_be(event, release, "5.3", None)
    return (True, False) if later else (False, True)


def _may_be(event: OomEvent, release: Release | None, since: str | None, until: str | None) -> bool:
    """Return whether the report may come from a kernel of this range."""
    low = parse_release(since) if since else None
    high = parse_release(until) if until else None
    if release is not None:
        return (low is None or release.version >= low.version) and (
            high is None or release.version[:2] <= high.version[:2]
        )
    era = event.era
    first = parse_release(era.since) if era is not None and era.since else None
    last = parse_release(era.until) if era is not None and era.until else None
    return not (
        (low is not None and last is not None and last.version[:2] < low.version[:2])
        or (high is not None and first is not None and first.version[:2] > high.version[:2])
    )


def per_mille(points: int, total: int) -> int:
    """Divide as C does: towards zero."""
    size = abs(points) * 1000 // max(total, 1)
    return -size if points < 0 else size


def pgtables_pages(row: TaskRow, size: PageSize) -> int | None:
    """Return the pages of a task's page tables, as the kernel counts them."""
    if row.pgtables_bytes is not None:
        return row.pgtables_bytes // size.bytes
    if row.nr_ptes is not None:
        return row.nr_ptes + (row.nr_pmds or 0)
    return None


def points_of(used: int, adj: int, formula: Formula, total: int | None, *, root: bool) -> int | None:
    """Return the points of a task, with the kernel's own integer arithmetic."""
    if formula.permille:
        if total is None:
            return None
        points = used * 1000 // max(total, 1)
        if root and formula.bonus == "total":
            points -= 30
        return min(max(points + adj, 1), 1000)
    points = used
    if root and formula.bonus == "own":
        points -= points * 3 // 100
    elif root and formula.bonus == "total":
        adj -= 30
    if adj:
        if total is None:
            return None
        points += adj * (total // 1000)
    return points if formula.floor is None else max(points, formula.floor)


def proc_score(points: int | None, formula: Formula, total: int | None) -> int | None:
    """Return what ``/proc/PID/oom_score`` says of these points (``fs/proc/base.c:proc_oom_score()``).

    Since 5.9 it is brought into 0 to 2,000, with 666 for a task of no size.
    """
    if points is None:
        return None
    if formula.permille:
        return points
    if not total:
        return None
    score = per_mille(points, total)
    return score if formula.floor is not None else (1000 + score) * 2 // 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The memory that the kernel counted against, and what that is.

    ``least`` means that the swap of the machine belongs to it, which the report does not print.
    """

    pages: int | None
    source: str | None = None
    least: bool = False


UNKNOWN_TOTAL = Total(pages=None)


def totals(event: OomEvent, rows: Sequence[TaskRow], size: PageSize) -> list[Total]:
    """Return the totals that the kernel may have counted with, the likeliest first."""
    if of_memcg(event):
        return list(_memcg_totals(event.memcg, swap_total_bytes(event), rows, size))
    pages = ram_pages(event)
    swap = (swap_total_bytes(event) or 0) // size.bytes
    if event.scope in {Scope.CPUSET, Scope.MEMORY_POLICY}:
        bound = _bound_pages(event, size)
        return [Total(pages=bound + swap, source="memory of the allowed nodes + swap") if bound else UNKNOWN_TOTAL]
    totals = [UNKNOWN_TOTAL if pages is None else Total(pages=pages + swap, source="RAM + swap")]
    if event.selected is not None and event.selected.oom_score is not None:
        # Before 5.0 nothing says that a memory policy was the cause, but the printed score counts its nodes only.
        totals += [
            Total(pages=_present_pages(zones, size), source="memory of one node")
            for zones in zones_by_node(event).values()
        ]
    return totals


_EXACT = 100
"""A printed score below it leaves the total open by more than a hundredth."""


def total_of_score(used: int, adj: int, formula: Formula, score: int, *, root: bool) -> Total | None:
    """Return the total that makes a printed score of these pages; to one part in the score's own precision."""
    if root and formula.bonus == "own":
        used -= used * 3 // 100
    elif root and formula.bonus == "total":
        adj -= 30
    part = score - adj
    if formula.permille or score <= 0 or part <= 0 or used <= 0:
        return None
    return Total(pages=used * 1000 * 2 // (part * 2 + 1), source="the printed score", least=score < _EXACT)


def _memcg_totals(
    memcg: Memcg | None, swap_bytes: int | None, rows: Sequence[TaskRow], size: PageSize
) -> Iterable[Total]:
    """Return the limit, with the swap that may be used beside it (``mem_cgroup_get_max()``).

    Since 3.9 a memcg report does not say how much swap the machine has.  Then the cgroup's own swap limit is the most,
    and what it uses the least.
    """
    if memcg is None or memcg.limit_kb is None:
        yield UNKNOWN_TOTAL
        return
    per_page = size.bytes // KB_BYTES
    limit = memcg.limit_kb // per_page
    ceiling: int | None = None
    if memcg.swap_limit_kb is not None and not is_unlimited(memcg.swap_limit_kb):
        ceiling = memcg.swap_limit_kb // per_page
    elif memcg.memsw_limit_kb is not None and not is_unlimited(memcg.memsw_limit_kb):
        ceiling = max(memcg.memsw_limit_kb - memcg.limit_kb, 0) // per_page
    if swap_bytes is not None:
        swap = swap_bytes // size.bytes
        yield Total(pages=limit + (swap if ceiling is None else min(swap, ceiling)), source="memory limit + swap")
        return
    if ceiling == 0:
        yield Total(pages=limit, source="memory limit")
        return
    used = max(
        (memcg.swap_usage_kb or 0) // per_page,
        ((memcg.memsw_usage_kb or 0) - (memcg.usage_kb or 0)) // per_page,
        sum(row.swapents_pages or 0 for row in rows),
    )
    if used > 0 and ceiling is not None:
        yield Total(pages=limit + ceiling, source="memory limit + swap limit")
    yield Total(pages=limit, source="memory limit", least=True)
    if used > 0:
        yield Total(pages=limit + used, source="memory limit + swap in use", least=True)


def _bound_pages(event: OomEvent, size: PageSize) -> int | None:
    nodes = allowed_nodes(event)
    zones = event.meminfo.zones if event.meminfo is not None else ()
    return _present_pages([zone for zone in zones if nodes is None or (zone.node or 0) in nodes], size)


def _present_pages(zones: Sequence[ZoneMemory], size: PageSize) -> int | None:
    present = [zone.present_kb for zone in zones if zone.present_kb is not None]
    return sum(present) // (size.bytes // KB_BYTES) if present and len(present) == len(zones) else None


def describe(formula: Formula, event: OomEvent, total: Total) -> str:
    """Return a formula in words, with the parts that the task dump shows."""
    rows = event.tasks or ()
    parts = ["rss"]
    if any(row.swapents_pages is not None for row in rows):
        parts.append("swap")
    if any(row.nr_ptes is not None or row.pgtables_bytes is not None for row in rows):
        parts.append("page tables")
    text = " + ".join(parts)
    unit = "per mille of the memory at stake" if formula.permille else "in pages"
    bonus = {"none": "", "own": ", less 3% of it for root", "total": ", less 3% of the memory at stake for root"}
    share = "thousandths of the memory at stake"
    if formula.permille:
        return f"{text} {unit}{bonus[formula.bonus]}, plus oom_score_adj"
    if total.pages is not None:
        share = f"* {total.pages // 1000} (a thousandth of {total.pages} pages, {total.source})"
    return f"{text} {unit}{bonus[formula.bonus]}, plus oom_score_adj {share}"
