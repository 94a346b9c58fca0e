"""Events of our own making: a machine of 1 GiB, or a cgroup, with whatever a test wants in it."""

from collections.abc import Sequence
from typing import Any

from oomparse.model import Memcg, OomEvent, Outcome, Role, Scope, Selection, Source, Victim
from oomparse.sections import (
    HugePages,
    MemInfo,
    MemTotals,
    NodeMemory,
    PageCounts,
    SwapInfo,
    TaskRow,
    TaskTable,
    ZoneMemory,
)

PAGE = 4096
RAM_PAGES = 262_144
"""1 GiB; no page is reserved."""


def task(pid: int, rss: int, *, adj: int = 0, comm: str | None = None, tables: int = 1, **more: Any) -> TaskRow:
    """A row of the dump as kernels from 4.15 on print it; sizes in pages."""
    row: dict[str, Any] = {
        "pid": pid,
        "tgid": pid,
        "uid": 1000,
        "total_vm_pages": rss + 500,
        "rss_pages": rss,
        "pgtables_bytes": tables * PAGE,
        "swapents_pages": 0,
        "oom_score_adj": adj,
        "comm": comm if comm is not None else f"task-{pid}",
    }
    return TaskRow(**(row | more))


def old_task(pid: int, rss: int, *, ptes: int = 0, **more: Any) -> TaskRow:
    """A row as 3.6 to 3.19 print it."""
    return task(pid, rss, **({"pgtables_bytes": None, "nr_ptes": ptes} | more))


def killed(row: TaskRow, *, role: Role = Role.SELECTED, page: int = PAGE) -> Victim:
    """The kill line of a row."""
    return Victim(
        pid=row.pid,
        comm=row.comm,
        total_vm_kb=(row.total_vm_pages or 0) * page // 1024,
        anon_rss_kb=(row.rss_pages or 0) * page // 1024,
        file_rss_kb=0,
        role=role,
    )


def event(rows: Sequence[TaskRow] | None = None, victim: TaskRow | None = None, **more: Any) -> OomEvent:
    """An event with these rows in its dump and this victim; anything else by name."""
    fields: dict[str, Any] = {
        "event_id": "test",
        "outcome": Outcome.KILLED if victim is not None else Outcome.TRUNCATED,
        "scope": Scope.GLOBAL,
        "order": 0,
        "tasks": None if rows is None else TaskTable.of(rows),
        "victims": () if victim is None else (killed(victim),),
        "selected": None if victim is None else Selection(pid=victim.pid, comm=victim.comm),
        "source": Source(kernel_release="6.1.0-13-amd64"),
    }
    return OomEvent(**(fields | more))


def kernel(release: str) -> Source:
    return Source(kernel_release=release)


def meminfo(
    *,
    zones: tuple[ZoneMemory, ...] | None = None,
    swap_kb: tuple[int, int] = (0, 0),
    hugepages: tuple[HugePages, ...] = (),
    nodes: tuple[NodeMemory, ...] = (),
    page_size: int = PAGE,
    **totals: int,
) -> MemInfo:
    """A Mem-Info block.  What ``totals`` do not claim is anonymous memory; ``swap_kb`` is total and free."""
    counts: dict[str, Any] = {
        "inactive_anon_pages": 0,
        "active_file_pages": 0,
        "unevictable_pages": 0,
        "slab_reclaimable_pages": 1000,
        "slab_unreclaimable_pages": 2000,
        "pagetables_pages": 500,
        "shmem_pages": 0,
        "free_pages": 2000,
    } | totals
    huge = sum((pool.total or 0) * (pool.size_kb or 0) for pool in hugepages) * 1024 // page_size
    taken = sum(counts.values()) - counts["shmem_pages"] + huge
    counts.setdefault("active_anon_pages", RAM_PAGES - taken)
    zone = ZoneMemory(zone="Normal", free_kb=8000, min_kb=8100, low_kb=10000, high_kb=12000, present_kb=RAM_PAGES * 4)
    return MemInfo(
        totals=MemTotals(**counts),
        zones=(zone,) if zones is None else zones,
        nodes=nodes,
        hugepages=hugepages,
        swap=SwapInfo(total_kb=swap_kb[0], free_kb=swap_kb[1]),
        page_counts=PageCounts(ram_pages=RAM_PAGES, reserved_pages=0),
        page_size_bytes=page_size,
    )


UNLIMITED_KB = 9007199254740988
MIB = 1024 * 1024


def memcg(*, usage_kb: int = 65536, limit_kb: int = 65536, **more: Any) -> Memcg:
    """A cgroup v2 at its limit of 64 MiB."""
    fields: dict[str, Any] = {
        "oom_memcg": "/box",
        "task_memcg": "/box",
        "usage_kb": usage_kb,
        "limit_kb": limit_kb,
        "swap_usage_kb": 0,
        "swap_limit_kb": UNLIMITED_KB,
        "stats_unit": "bytes",
        "stats": {"anon": usage_kb * 1024, "file": 0, "kernel": 0, "pagetables": 0},
    }
    return Memcg(**(fields | more))
