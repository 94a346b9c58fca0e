"""Why this one: each task's badness, recomputed from the task dump by the formula of its kernel.

Turns the rows of the task dump into candidates with points, as ``mm/oom_kill.c:oom_badness()`` counts them, and holds
the first of them against the kernel's choice.  Kernels from 2.6.36 on weigh resident memory, swap and page tables
against the memory that was at stake, shifted by ``oom_score_adj``.  Older ones weigh address space by processor time,
run time, niceness and capabilities, which no report prints: they are refused, with the reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from oomparse.decode.units import KB_BYTES
from oomparse.errors import printable
from oomparse.explain.facts import PageSize, page_size
from oomparse.explain.formula import Formula, describe, formulas, per_mille, pgtables_pages, points_of, totals
from oomparse.model import OomEvent, Outcome, Role, Trait, Victim
from oomparse.sections import TaskRow

UNKILLABLE_ADJ = -1000
"""``OOM_SCORE_ADJ_MIN``."""
_INIT_PID = 1


class ReasonCode(StrEnum):
    """Why the kernel's choice is another than the highest points, or cannot be held against them."""

    ALLOCATING_TASK = "allocating_task"
    CHILD_SACRIFICED = "child_sacrificed"
    NOT_IN_DUMP = "not_in_dump"
    THREAD_NAMED = "thread_named"
    TOTAL_UNKNOWN = "total_unknown"
    SWAP_NOT_PRINTED = "swap_not_printed"
    VICTIM_DYING = "victim_dying"
    NOBODY_ELIGIBLE = "nobody_eligible"
    TIE = "tie"
    PASSED_OVER = "passed_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason, in words."""

    code: ReasonCode
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A task and its badness.

    ``points`` are pages (per mille before 3.5); ``score`` is their part of the memory at stake in per mille, which the
    kernel printed up to 5.0.  ``comm`` is safe to show and to write as JSON (`oomparse.errors.printable`).
    """

    pid: int | None
    comm: str | None
    uid: int | None = None
    oom_score_adj: int
    rss_bytes: int
    swap_bytes: int | None = None
    pgtables_bytes: int | None = None
    points: int | None = None
    score: int | None = None
    eligible: bool = True
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The candidates, worst first, and whether the kernel chose the first.

    ``agrees`` is ``None`` where the choice was not made by points, or cannot be recomputed: see ``reasons`` and
    ``why_not``.  ``total_pages`` is what 1,000 points of ``oom_score_adj`` are worth.
    """

    computable: bool
    why_not: str | None = None
    formula: str | None = None
    total_pages: int | None = None
    page_size_bytes: int
    page_size_source: str
    candidates: tuple[Candidate, ...] = ()
    chosen_pid: int | None = None
    chosen_rank: int | None = None
    agrees: bool | None = None
    reasons: tuple[Reason, ...] = ()


def badness(event: OomEvent) -> Ranking:
    """Recompute the badness of every task in the dump and compare the order with the kernel's choice."""
    size = page_size(event)
    rows = event.tasks
    refusal = _refusal(rows)
    if refusal is not None or rows is None:
        return Ranking(computable=False, why_not=refusal, page_size_bytes=size.bytes, page_size_source=size.source)
    chosen = _chosen(event)
    variants = [
        _rank(rows, formula, total, size) for formula in formulas(event, rows) for total in totals(event, rows, size)
    ]
    best = min(variants, key=lambda variant: _mismatch(variant, chosen))
    return _judge(event, best, chosen, size)


def _refusal(rows: Sequence[TaskRow] | None) -> str | None:
    if rows is None:
        return "the report has no task dump (vm.oom_dump_tasks is 0, or the report is cut)"
    if not rows:
        return "the task dump has no rows"
    if all(row.oom_score_adj is None and row.oom_adj is None for row in rows):
        return "the head of the task dump is missing, so its columns cannot be told apart"
    if all(row.oom_score_adj is None for row in rows):
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
    total: int | None
    candidates: tuple[Candidate, ...]


def _rank(rows: Iterable[TaskRow], formula: Formula, total: int | None, size: PageSize) -> _Variant:
    candidates = [_candidate(row, formula, total, size) for row in rows]
    order = reversed(list(enumerate(candidates))) if formula.last_of_equals else list(enumerate(candidates))
    ranked = sorted(order, key=lambda item: _key(item[1]))
    return _Variant(formula, total, tuple(candidate for _, candidate in ranked))


def _key(candidate: Candidate) -> tuple[bool, int]:
    return (not candidate.eligible, 0 if candidate.points is None else -candidate.points)


def _candidate(row: TaskRow, formula: Formula, total: int | None, size: PageSize) -> Candidate:
    rss = row.rss_pages or 0
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
    points = (
        points_of(rss + (pgtables or 0) + (swap or 0), adj, formula, total, root=row.uid == 0) if eligible else None
    )
    score = points
    if points is not None and not formula.permille:
        score = None if total is None else per_mille(points, total)
    return Candidate(
        pid=row.pid,
        comm=None if row.comm is None else printable(row.comm),
        uid=row.uid,
        oom_score_adj=adj,
        rss_bytes=rss * size.bytes,
        swap_bytes=None if swap is None else swap * size.bytes,
        pgtables_bytes=None if pgtables is None else pgtables * size.bytes,
        points=points,
        score=score,
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


def _mismatch(variant: _Variant, chosen: _Choice | None) -> tuple[bool, bool]:
    """Return how badly a variant explains what was printed: the score first, then the choice."""
    if chosen is None:
        return (False, False)
    candidate = next((one for one in variant.candidates if one.pid == chosen.row_pid), None)
    printed = chosen.score
    score_differs = printed is not None and (candidate is None or candidate.score != printed)
    first = variant.candidates[0]
    return (score_differs, first.pid != chosen.row_pid)


def _judge(event: OomEvent, variant: _Variant, chosen: _Choice | None, size: PageSize) -> Ranking:
    eligible = [candidate for candidate in variant.candidates if candidate.eligible]
    reasons: list[Reason] = []
    agrees: bool | None = None
    rank: int | None = None
    if chosen is not None:
        rank = next((i for i, one in enumerate(variant.candidates, 1) if one.pid == chosen.row_pid), None)
        agrees, reasons = _agreement(event, variant, chosen, rank)
    elif event.outcome is Outcome.NO_VICTIM or (event.outcome is Outcome.PANIC and not eligible):
        agrees, reasons = _nobody(eligible)
    return Ranking(
        computable=True,
        formula=describe(variant.formula, event),
        total_pages=variant.total,
        page_size_bytes=size.bytes,
        page_size_source=size.source,
        candidates=variant.candidates,
        chosen_pid=chosen.pid if chosen is not None else None,
        chosen_rank=rank,
        agrees=agrees,
        reasons=tuple(reasons),
    )


def _agreement(
    event: OomEvent,
    variant: _Variant,
    chosen: _Choice,
    rank: int | None,
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
        say(ReasonCode.NOT_IN_DUMP, f"{chosen.pid} is not in the task dump")
        return None, reasons
    if chosen.row_pid != chosen.pid:
        say(ReasonCode.THREAD_NAMED, f"{chosen.pid} is a thread; the dump lists its process under {chosen.row_pid}")
    first = eligible[0] if eligible else None
    if first is not None and first.pid == chosen.row_pid:
        equals = sum(1 for one in eligible if one.points == first.points)
        if equals > 1:
            which = "last" if variant.formula.last_of_equals else "first"
            say(ReasonCode.TIE, f"{equals} tasks have the same points; the kernel takes the {which} of them")
        return True, reasons
    if any(candidate.points is None for candidate in eligible):
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
