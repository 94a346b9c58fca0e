"""What a ranking of the candidates is: their points, the kernel's choice, and what else led to it.

How it is made stands in `oomparse.explain.badness`.
"""

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """What beside the size of a task led to the kernel's choice, or why it cannot be held against the points."""

    ALLOCATING_TASK = "allocating_task"
    CHILD_SACRIFICED = "child_sacrificed"
    NOT_IN_DUMP = "not_in_dump"
    THREAD_NAMED = "thread_named"
    TOTAL_UNKNOWN = "total_unknown"
    SWAP_NOT_PRINTED = "swap_not_printed"
    VICTIM_DYING = "victim_dying"
    NOBODY_ELIGIBLE = "nobody_eligible"
    PANIC = "panic"
    LARGER_SPARED = "larger_spared"
    TIE = "tie"
    ROOT_BONUS = "root_bonus"
    SCORE_DIFFERS = "score_differs"
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
    kernel printed up to 5.0; ``proc_oom_score`` is what ``/proc/PID/oom_score`` said, which since 5.9 is another
    number.  ``comm`` is safe to show and to write as JSON (`oomparse.errors.printable`).
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
    proc_oom_score: int | None = None
    eligible: bool = True
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The candidates, worst first, and whether the kernel chose the first.

    ``agrees`` is ``None`` where the choice was not made by points, or cannot be recomputed: see ``reasons`` and
    ``why_not``.  ``total_pages`` is the memory at stake, which 1,000 of ``oom_score_adj`` are worth, ``total_source``
    what it is made of; ``total_is_least`` says that the swap of the machine, which is not printed, comes on top.
    """

    computable: bool
    why_not: str | None = None
    formula: str | None = None
    total_pages: int | None = None
    total_source: str | None = None
    total_is_least: bool = False
    page_size_bytes: int
    page_size_source: str
    candidates: tuple[Candidate, ...] = ()
    chosen_pid: int | None = None
    chosen_rank: int | None = None
    agrees: bool | None = None
    reasons: tuple[Reason, ...] = ()
