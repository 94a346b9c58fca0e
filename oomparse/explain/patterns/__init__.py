"""What an engineer looks for: patterns in the ledger, the zones and the task dump, each with its numbers.

Turns an event with its `Ledger` and `Ranking` into `Finding` records.  Each pattern is one function with its own
thresholds, and stays silent where the report does not print what it needs.  A single hog that is killed is no finding:
that is the OOM killer at work, and the ranking says it.
"""

from collections.abc import Callable

from oomparse.decode.units import human_size
from oomparse.explain.findings import Case, Confidence, Finding, FindingCode, percent
from oomparse.explain.ledger import Ledger
from oomparse.explain.patterns import memory, placement, swap, tasks
from oomparse.explain.ranking import Ranking
from oomparse.model import OomEvent, Trait

_PATTERNS: tuple[Callable[[Case], Finding | None], ...] = (
    placement.node_full,
    placement.low_zone_exhausted,
    placement.fragmentation,
    tasks.limit_below_floor,
    tasks.unkillable_tasks,
    memory.hugepages_idle,
    memory.shmem_hog,
    memory.page_cache,
    memory.slab_growth,
    memory.unaccounted,
    memory.kernel_memory,
    memory.page_tables,
    memory.unevictable,
    swap.swap_full,
    tasks.many_small_tasks,
    tasks.victim_small,
    tasks.memory_not_reaped,
    swap.swap_absent,
)
_ORDER = (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)


def find(event: OomEvent, ledger: Ledger, ranking: Ranking) -> tuple[Finding, ...]:
    """Return what the report shows beside a hog that was killed, the surest first."""
    case = Case(event, ledger, ranking)
    if Trait.SYSRQ in event.traits:
        return (_sysrq(case),)
    found = [finding for pattern in _PATTERNS if (finding := pattern(case)) is not None]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.confidence)))


def _sysrq(case: Case) -> Finding:
    free = case.ledger.item("free")
    return Finding(
        code=FindingCode.SYSRQ,
        sentence=f"Somebody asked for it with SysRq-f; {human_size(free)} ({percent(case.share(free))}) were free."
        if case.total
        else "Somebody asked for it with SysRq-f.",
        numbers={"free_bytes": free, "total_bytes": case.total} if case.total else {},
        confidence=Confidence.HIGH,
    )
