"""Why this one: each task's badness, recomputed from the task dump by the formula of its kernel.

Turns the rows of the task dump into candidates with points, as ``mm/oom_kill.c:oom_badness()`` counts them, and holds
the first of them against the kernel's choice.  Kernels from 2.6.36 on weigh resident memory, swap and page tables
against the memory that was at stake, shifted by ``oom_score_adj``.  Older ones weigh address space by processor time,
run time, niceness and capabilities, which no report prints: they are refused, with the reason.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from oomparse.decode.units import KB_BYTES, human_size
from oomparse.errors import printable
from oomparse.explain.facts import PageSize, page_size
from oomparse.explain.formula import (
    Formula,
    Total,
    describe,
    formulas,
    per_mille,
    pgtables_pages,
    points_of,
    proc_score,
    total_of_score,
    totals,
)
from oomparse.explain.ranking import Candidate, Ranking, Reason, ReasonCode
from oomparse.model import OomEvent, Outcome, Role, Scope, Trait, Victim
from oomparse.sections import TaskRow

UNKILLABLE_ADJ = -1000
"""``OOM_SCORE_ADJ_MIN``."""
_INIT_PID = 1


def badness(event: OomEvent) -> Ranking:
    """Recompute the badness of every task in the dump and compare the order with the kernel's choice."""
    size = page_size(event)
    rows = event.tasks
    refusal = _refusal(event, rows)
    if refusal is not None or rows is None:
        return Ranking(computable=False, why_not=refusal, page_size_bytes=size.bytes, page_size_source=size.source)
    chosen = _chosen(event)
    variants = (_rank(event, rows, formula, total, size) for formula, total in _ways(event, rows, chosen, size))
    best = next(variants)
    while any(_mismatch(best, chosen)) and (variant := next(variants, None)) is not None:
        best = min(best, variant, key=lambda one: _mismatch(one, chosen))
    return _judge(event, best, chosen, size)


def _ways(
    event: OomEvent, rows: Sequence[TaskRow], chosen: "_Choice | None", size: PageSize
) -> Iterable[tuple[Formula, Total]]:
    """Return the ways to count that the report leaves open, the likeliest first."""
    known, counted = formulas(event, rows), totals(event, rows, size)
    row = next((row for row in rows if chosen is not None and row.pid == chosen.row_pid), None)
    if row is not None and row.uid == 0:
        known += [replace(formula, without_bonus=row.pid) for formula in known if formula.bonus != "none"]
    for formula in known:
        yield from ((formula, total) for total in counted)
        if row is None or chosen is None or chosen.score is None or event.scope is Scope.GLOBAL:
            continue
        root = row.uid == 0 and row.pid != formula.without_bonus
        total = total_of_score(_pages(row, size), row.oom_score_adj or 0, formula, chosen.score, root=root)
        if total is not None:
            yield formula, total


def _refusal(event: OomEvent, rows: Sequence[TaskRow] | None) -> str | None:
    if rows is None:
        return "the report has no task dump (vm.oom_dump_tasks is 0, or the report is cut)"
    if not rows:
        return "the task dump has no rows"
    if all(row.oom_score_adj is None and row.oom_adj is None for row in rows):
        return "the head of the task dump is missing, so its columns cannot be told apart"
    if all(row.oom_score_adj is None for row in rows):
        if (event.message or "").startswith("No available memory"):
            return "under a cpuset or a memory policy, kernels before 2.6.36 kill whoever asked, whatever its points"
        return (
            "kernels before 2.6.36 weigh total_vm by processor time, run time, niceness and capabilities,"
            " which the report does not print"
        )
    if all(row.rss_pages is None for row in rows):
        return "the task dump has no rss column"
    return None


@dataclass(frozen=True, slots=True)
class _Variant:
    formula: Formula
    total: Total
    candidates: tuple[Candidate, ...]


def _rank(event: OomEvent, rows: Iterable[TaskRow], formula: Formula, total: Total, size: PageSize) -> _Variant:
    candidates = [_candidate(event, row, formula, total, size) for row in rows]
    order = reversed(list(enumerate(candidates))) if formula.last_of_equals else list(enumerate(candidates))
    ranked = sorted(order, key=lambda item: _key(item[1]))
    return _Variant(formula, total, tuple(candidate for _, candidate in ranked))


def _key(candidate: Candidate) -> tuple[bool, int]:
    return (not candidate.eligible, 0 if candidate.points is None else -candidate.points)


def _pages(row: TaskRow, size: PageSize) -> int:
    return (row.rss_pages or 0) + (pgtables_pages(row, size) or 0) + (row.swapents_pages or 0)


def _candidate(event: OomEvent, row: TaskRow, formula: Formula, total: Total, size: PageSize) -> Candidate:
    pgtables = pgtables_pages(row, size)
    swap = row.swapents_pages
    adj = row.oom_score_adj or 0
    eligible, why_not = True, None
    if row.pid == _INIT_PID:
        eligible, why_not = False, "init is never killed"
    elif adj == UNKILLABLE_ADJ:
        eligible, why_not = False, f"oom_score_adj is {UNKILLABLE_ADJ}"
    elif row.rss_pages is None:
        eligible, why_not = False, "its row is damaged"
    root = row.uid == 0 and row.pid != formula.without_bonus
    points = points_of(_pages(row, size), adj, formula, total.pages, root=root) if eligible else None
    score = points
    if points is not None and not formula.permille:
        # With swap in use whose size is not printed, what is known of the total says nothing.
        unsure = total.pages is None or (total.least and bool(swap))
        score = None if unsure or total.pages is None else per_mille(points, total.pages)
    return Candidate(
        pid=row.pid,
        comm=None if row.comm is None else printable(row.comm),
        uid=row.uid,
        oom_score_adj=adj,
        rss_bytes=(row.rss_pages or 0) * size.bytes,
        swap_bytes=None if swap is None else swap * size.bytes,
        pgtables_bytes=None if pgtables is None else pgtables * size.bytes,
        points=points,
        score=score,
        proc_oom_score=proc_score(points, formula, total.pages) if event.scope is Scope.GLOBAL else None,
        eligible=eligible,
        why_not=why_not,
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    """Whom the kernel chose, and the row that is meant."""

    pid: int | None
    comm: str | None
    row_pid: int | None
    score: int | None
    killed: Victim | None


def _chosen(event: OomEvent) -> _Choice | None:
    victim = next((victim for victim in event.victims if victim.role in {Role.SELECTED, Role.CHILD}), None)
    if event.selected is not None and event.selected.pid is not None:
        selected = event.selected
        same = victim if victim is not None and victim.pid == selected.pid else None
        return _Choice(selected.pid, selected.comm, _row_pid(event, selected.pid, same), selected.oom_score, victim)
    if victim is None or victim.pid is None:
        return None
    return _Choice(victim.pid, victim.comm, _row_pid(event, victim.pid, victim), victim.oom_score, victim)


def _row_pid(event: OomEvent, pid: int | None, victim: Victim | None) -> int | None:
    """Return the pid under which the dump lists a process.

    Up to 4.4 the kernel may name a thread; the dump lists the thread that it found the memory at.  Then the process is
    the one row of the same thread group or of the same size.
    """
    rows = event.tasks or ()
    for row in rows:
        if row.pid == pid:
            return row.pid
    groups = [row.pid for row in rows if row.tgid == pid]
    if len(groups) == 1:
        return groups[0]
    if victim is None:
        victim = next(iter(event.victims), None)
    if victim is None or victim.total_vm_kb is None:
        return None
    size = page_size(event)
    alike = [row.pid for row in rows if (row.total_vm_pages or 0) * size.bytes == victim.total_vm_kb * KB_BYTES]
    return alike[0] if len(alike) == 1 else None


def _mismatch(variant: _Variant, chosen: _Choice | None) -> tuple[bool, bool, bool]:
    """Return how badly a variant explains what was printed: the score first, then the points, then who is first."""
    if chosen is None:
        return (False, False, False)
    candidate = next((one for one in variant.candidates if one.pid == chosen.row_pid), None)
    printed = chosen.score
    score_differs = printed is not None and (candidate is None or candidate.score != printed)
    first = variant.candidates[0]
    fewer = candidate is None or candidate.points is None or candidate.points != first.points
    if score_differs and variant.formula.without_bonus is not None:
        # A bonus that is missing counts as an explanation only where it gives the printed score too.
        return (True, True, True)
    return (score_differs, fewer, first.pid != chosen.row_pid)


def _judge(event: OomEvent, variant: _Variant, chosen: _Choice | None, size: PageSize) -> Ranking:
    eligible = [candidate for candidate in variant.candidates if candidate.eligible]
    candidates = variant.candidates
    reasons: list[Reason] = []
    agrees: bool | None = None
    rank: int | None = None
    if chosen is not None:
        if not _swap_missing(event, variant):
            candidates = _of_equals_first(candidates, chosen)
        rank = next((i for i, one in enumerate(candidates, 1) if one.pid == chosen.row_pid), None)
        agrees, reasons = _agreement(event, variant, chosen, rank)
    elif Trait.PANIC_ON_OOM in event.traits:
        reasons = [Reason(code=ReasonCode.PANIC, sentence="vm.panic_on_oom is set: the kernel did not choose")]
    elif event.outcome is Outcome.NO_VICTIM or (event.outcome is Outcome.PANIC and not eligible):
        agrees, reasons = _nobody(eligible)
    return Ranking(
        computable=True,
        formula=describe(variant.formula, event, variant.total),
        total_pages=variant.total.pages,
        total_source=variant.total.source,
        total_is_least=variant.total.least,
        page_size_bytes=size.bytes,
        page_size_source=size.source,
        candidates=candidates,
        chosen_pid=chosen.pid if chosen is not None else None,
        chosen_rank=rank,
        agrees=agrees,
        reasons=tuple(reasons),
    )


def _of_equals_first(candidates: Sequence[Candidate], chosen: _Choice) -> tuple[Candidate, ...]:
    """Put the chosen one before those with the same points, where it has the most: the order of equals is no rank."""
    first = candidates[0]
    for candidate in candidates:
        if candidate.pid == chosen.row_pid and candidate.points is not None and candidate.points == first.points:
            return (candidate, *(one for one in candidates if one is not candidate))
    return tuple(candidates)


def _agreement(
    event: OomEvent, variant: _Variant, chosen: _Choice, rank: int | None
) -> tuple[bool | None, list[Reason]]:
    eligible = [candidate for candidate in variant.candidates if candidate.eligible]
    reasons: list[Reason] = []

    def say(code: ReasonCode, sentence: str) -> None:
        reasons.append(Reason(code=code, sentence=sentence))

    if chosen.killed is not None and chosen.killed.role is Role.CHILD:
        say(
            ReasonCode.CHILD_SACRIFICED,
            f"the kernel chose {chosen.pid}, and killed its child {chosen.killed.pid} in its place to save it",
        )
    if Trait.ALLOCATING_TASK in event.traits:
        say(
            ReasonCode.ALLOCATING_TASK,
            "vm.oom_kill_allocating_task is set: whoever asked for memory dies, whatever its points",
        )
        return None, reasons
    if rank is None:
        shown = (
            ""
            if event.scope in {Scope.GLOBAL, Scope.UNKNOWN}
            else ", which shows only those tasks whose death would help"
        )
        say(ReasonCode.NOT_IN_DUMP, f"{chosen.pid} is not in the task dump{shown}")
        return None, reasons
    if chosen.row_pid != chosen.pid:
        say(ReasonCode.THREAD_NAMED, f"{chosen.pid} is a thread; the dump lists its process under {chosen.row_pid}")
    mine = next(one for one in variant.candidates if one.pid == chosen.row_pid)
    _compare_scores(event, variant, chosen, mine, say)
    _compare_sizes(variant, mine, say)
    first = eligible[0] if eligible else None
    equal = first is not None and mine.points is not None and mine.points == first.points
    if first is mine or (equal and not _swap_missing(event, variant)):
        equals = sum(1 for one in eligible if one.points == mine.points)
        if equals > 1:
            which = "last" if variant.formula.last_of_equals else "first"
            order = f"the {which} of them" if first is mine else "one of them"
            alike = _alike(event, [one for one in eligible if one.points == mine.points])
            say(ReasonCode.TIE, f"{equals} tasks have the same points{alike}; the kernel takes {order}")
        if variant.formula.without_bonus is not None:
            say(
                ReasonCode.ROOT_BONUS,
                f"only if {chosen.pid}, although root's, lacks CAP_SYS_ADMIN, which takes 3% off (in a container, say)",
            )
        return True, reasons
    if variant.total.least and first is not None:
        more = _weight(mine, variant) - _weight(first, variant)
        unsure = more > 0 or (more < 0 and variant.formula.floor is not None)
    else:
        unsure = False
    if unsure or any(candidate.points is None for candidate in eligible):
        say(ReasonCode.TOTAL_UNKNOWN, "the report does not say how much memory oom_score_adj is counted against")
        return None, reasons
    if _swap_missing(event, variant):
        say(ReasonCode.SWAP_NOT_PRINTED, "this kernel counts swap, which its task dump does not show")
        return None, reasons
    say(
        ReasonCode.PASSED_OVER,
        "a task with more points was passed over: it was exiting or already being killed, or between vfork and exec;"
        " or the chosen one had marked itself as the one to kill; or memory moved between the choice and the dump",
    )
    return False, reasons


def _alike(event: OomEvent, candidates: Iterable[Candidate]) -> str:
    """Return what can be said of tasks whose columns are all the same."""
    pids = {candidate.pid for candidate in candidates}
    sizes = {
        (row.total_vm_pages, row.rss_pages, row.pgtables_bytes, row.nr_ptes, row.swapents_pages)
        for row in event.tasks or ()
        if row.pid in pids
    }
    return " and are of one size, as those are that share their memory" if len(sizes) == 1 else ""


def _weight(candidate: Candidate, variant: _Variant) -> int:
    """Return how many thousandths of the total a task has on top of its own memory."""
    formula = variant.formula
    root = formula.bonus == "total" and candidate.uid == 0 and candidate.pid != formula.without_bonus
    return candidate.oom_score_adj - (30 if root else 0)


def _compare_scores(
    event: OomEvent, variant: _Variant, chosen: _Choice, mine: Candidate, say: Callable[[ReasonCode, str], None]
) -> None:
    """Say so where the kernel printed another score than the dump gives."""
    if chosen.score is None or mine.score is None or mine.score == chosen.score:
        return
    why = "; it counts swap, which its task dump does not show" if _swap_missing(event, variant) else ""
    say(ReasonCode.SCORE_DIFFERS, f"the kernel printed a score of {chosen.score}, the dump gives {mine.score}{why}")


def _compare_sizes(variant: _Variant, mine: Candidate, say: Callable[[ReasonCode, str], None]) -> None:
    """Say why a task that holds more than the chosen one has fewer points."""
    largest = max(variant.candidates, key=_held)
    if _held(largest) <= _held(mine) or mine.points is None:
        return
    if largest.eligible and (largest.points is None or largest.points >= mine.points):
        return
    who = f"{largest.comm or '?'} (pid {largest.pid}) holds more, {human_size(_held(largest))}"
    if not largest.eligible:
        why = f"may not be killed: {largest.why_not}"
    elif largest.oom_score_adj != mine.oom_score_adj:
        why = f"its oom_score_adj is {largest.oom_score_adj}, that of the chosen one {mine.oom_score_adj}"
    elif variant.formula.bonus != "none" and largest.uid == 0:
        why = "3% are taken off for root"
    else:
        return
    say(ReasonCode.LARGER_SPARED, f"{who}, but {why}")


def _held(candidate: Candidate) -> int:
    return candidate.rss_bytes + (candidate.swap_bytes or 0) + (candidate.pgtables_bytes or 0)


def _nobody(eligible: Sequence[Candidate]) -> tuple[bool | None, list[Reason]]:
    if not eligible:
        why = "no task may be killed: every oom_score_adj is -1000"
        return True, [Reason(code=ReasonCode.NOBODY_ELIGIBLE, sentence=why)]
    why = "tasks could be killed, but nobody was: an earlier victim was still dying, or had been reaped"
    return None, [Reason(code=ReasonCode.VICTIM_DYING, sentence=why)]


def _swap_missing(event: OomEvent, variant: _Variant) -> bool:
    if any(candidate.swap_bytes is not None for candidate in variant.candidates):
        return False
    swap = event.meminfo.swap if event.meminfo is not None else None
    return swap is None or swap.total_kb is None or swap.free_kb is None or swap.free_kb < swap.total_kb
