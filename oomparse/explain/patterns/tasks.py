"""Patterns: who holds the memory, who may be killed for it, and what that gave back."""

from oomparse.decode.units import KB_BYTES, human_size
from oomparse.explain.badness import UNKILLABLE_ADJ
from oomparse.explain.facts import limit_bytes, of_memcg
from oomparse.explain.findings import KERNEL_ITEMS, Case, Confidence, Finding, FindingCode, confidence, percent
from oomparse.explain.ledger import item_name
from oomparse.explain.ranking import Candidate
from oomparse.model import ReaperOutcome, Trait


def _unkillable(case: Case) -> int:
    return sum(
        candidate.rss_bytes for candidate in case.ranking.candidates if candidate.oom_score_adj == UNKILLABLE_ADJ
    )


def unkillable_tasks(case: Case) -> Finding | None:
    """Report tasks that must not be killed and hold 40% or more."""
    held = _unkillable(case)
    # Pages that the tasks share count for each of them.
    share = min(case.share(held), 1.0)
    if share < 0.4:
        return None
    tasks = sum(1 for candidate in case.ranking.candidates if candidate.oom_score_adj == UNKILLABLE_ADJ)
    return Finding(
        code=FindingCode.UNKILLABLE_TASKS,
        sentence=f"{tasks} {'tasks' if tasks > 1 else 'task'} with oom_score_adj {UNKILLABLE_ADJ} hold"
        f"{'' if tasks > 1 else 's'} {human_size(held)}, {percent(share)} of {case.where}, and must not be killed.",
        numbers={"unkillable_bytes": held, "tasks": tasks, "share": share},
        confidence=confidence(share, 0.4, 0.6),
    )


def limit_below_floor(case: Case) -> Finding | None:
    """Report a limit that the cgroup reaches even with everything killed that may be."""
    limit = limit_bytes(case.event.memcg)
    if not of_memcg(case.event) or not limit:
        return None
    kernel = sum(case.ledger.item(name) for name in KERNEL_ITEMS)
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


def many_small_tasks(case: Case) -> Finding | None:
    """Report many tasks of which none holds a fifth of what they hold together."""
    sizes = [candidate.rss_bytes for candidate in case.ranking.candidates]
    held = sum(sizes)
    if len(sizes) < _MANY or case.share(held) < 0.5 or max(sizes) > held * 0.2:
        return None
    top = case.ledger.by_task[0]
    shared = " (what they share counts for each)" if case.share(held) > 1 else ""
    return Finding(
        code=FindingCode.MANY_SMALL_TASKS,
        sentence=f"No single hog: {len(sizes)} tasks hold {human_size(held)}{shared}, the largest of them"
        f" {human_size(max(sizes))}; the most by name is {top.comm}, {top.tasks} times.",
        numbers={"tasks": len(sizes), "rss_bytes": held, "largest_bytes": max(sizes)},
        confidence=confidence(1 - max(sizes) / held, 0.8, 0.95),
    )


def victim_small(case: Case) -> Finding | None:
    """Report a victim that is far smaller than what fills the memory, be it something that nobody accounts for."""
    victim = case.victim_bytes
    items = [(item_name(item.name), item.bytes) for item in case.ledger.items if not item.name.startswith("free")]
    rest = case.ledger.remainder_bytes or 0
    if case.share(rest) >= _LARGE:
        items.append(("what nobody accounts for", rest))
    if victim is None or not items or not case.total:
        return None
    name, largest = max(items, key=lambda item: item[1])
    ratio = (victim + _freed_beside(case)) / largest
    if ratio > (0.1 if name.startswith("anon") else 0.5) or case.share(largest) < _LARGE:
        return None
    holder = _largest_other(case, victim)
    extra = ""
    if holder is not None:
        extra = f" ({holder.comm} with oom_score_adj {holder.oom_score_adj} held {human_size(holder.rss_bytes)})"
    who = "The victims" if Trait.GROUP_KILL in case.event.traits else "The victim"
    return Finding(
        code=FindingCode.VICTIM_SMALL,
        sentence=f"{who} held {human_size(victim)}, far less than {name} with {human_size(largest)}: killing"
        f" {'them' if who.endswith('s') else 'it'} hardly helps{extra}.",
        numbers={"victim_bytes": victim, "largest_item_bytes": largest, "ratio": ratio},
        confidence=confidence(1 - ratio, 0.7, 0.9),
    )


_LARGE = 0.2


def _freed_beside(case: Case) -> int:
    """Return what comes free with the victim beside its resident memory."""
    chosen = case.chosen
    return 0 if chosen is None else (chosen.pgtables_bytes or 0) + (chosen.swap_bytes or 0)


def _largest_other(case: Case, victim: int) -> Candidate | None:
    others = [candidate for candidate in case.ranking.candidates if candidate.pid != case.ranking.chosen_pid]
    largest = max(others, key=lambda candidate: candidate.rss_bytes, default=None)
    return largest if largest is not None and largest.rss_bytes > 2 * victim else None


def memory_not_reaped(case: Case) -> Finding | None:
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
