"""What a finding is, and what a pattern may look at.

The patterns themselves stand in `oomparse.explain.patterns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from oomparse.decode.units import KB_BYTES
from oomparse.explain.facts import of_memcg
from oomparse.explain.ledger import Ledger
from oomparse.explain.ranking import Candidate, Ranking
from oomparse.model import OomEvent, Role


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
class Case:
    """What a pattern may look at."""

    event: OomEvent
    ledger: Ledger
    ranking: Ranking

    @property
    def total(self) -> int | None:
        """Return the memory that ran out, in bytes."""
        return self.ledger.total_bytes

    def share(self, size: int) -> float:
        """Return what part of it a size is; 0 where it is not known."""
        return size / self.total if self.total else 0.0

    @property
    def where(self) -> str:
        """Return what it is called."""
        return "the cgroup's memory" if of_memcg(self.event) else "RAM"

    @property
    def anon(self) -> int:
        """Return the anonymous memory; kernels before 2.6.32 count shared memory with it."""
        return self.ledger.item("anon") or self.ledger.item("anon_and_shmem")

    @property
    def victim_bytes(self) -> int | None:
        """Return the resident memory of the victim, from the kill line or the dump; of a whole group, of all of it."""
        whole = [victim for victim in self.event.victims if victim.role in {Role.SELECTED, Role.CHILD, Role.GROUP}]
        sizes = [
            sum(part or 0 for part in (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb)) * KB_BYTES
            for victim in {victim.pid: victim for victim in whole}.values()
            if victim.anon_rss_kb is not None
        ]
        if sizes:
            return sum(sizes)
        candidate = self.chosen
        return None if candidate is None else candidate.rss_bytes

    @property
    def chosen(self) -> Candidate | None:
        """Return the victim's row, or its parent's."""
        rank = self.ranking.chosen_rank
        return None if rank is None else self.ranking.candidates[rank - 1]


def confidence(value: float, medium: float, high: float) -> Confidence:
    """Grade a value by two thresholds."""
    return Confidence.HIGH if value >= high else Confidence.MEDIUM if value >= medium else Confidence.LOW


def percent(share: float) -> str:
    """Write a share for people."""
    return f"{share:.0%}"


KERNEL_ITEMS = (
    *("slab_reclaimable", "slab_unreclaimable", "slab", "kernel_stacks", "page_tables", "page_tables_of_guests"),
    *("per_cpu_data", "vmalloc", "other_kernel"),
)
"""Items of a ledger that the kernel holds for tasks, beside their own pages."""

LOW_ZONES = ("DMA", "DMA32", "Normal")
"""The zones that every request can use which asks for no lower one; kernel memory is in them."""
