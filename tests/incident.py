"""One incident, as an event, and the tools that compare events: for tests of the writer."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from oomparse import (
    Assembler,
    GfpMask,
    Invoker,
    Memcg,
    Message,
    OomEvent,
    Outcome,
    Reaper,
    ReaperOutcome,
    Scope,
    Selection,
    Victim,
)
from oomparse.sections import TaskRow, TaskTable


def parsed(found: Iterable[Message]) -> list[OomEvent]:
    assembler = Assembler(live=False)
    return [*(event for message in found for event in assembler.feed(message)), *assembler.close()]


def differences(left: Any, right: Any, where: str = "") -> list[str]:
    if is_dataclass(left) and type(left) is type(right):
        names = [field.name for field in fields(left)]
        return [
            text for name in names for text in differences(getattr(left, name), getattr(right, name), f"{where}.{name}")
        ]
    return [] if left == right else [f"{where}: {left!r} != {right!r}"]


INCIDENT = OomEvent(
    event_id="",
    outcome=Outcome.KILLED,
    scope=Scope.GLOBAL,
    invoker=Invoker(comm="java", pid=71, uid=500, cpu=1, oom_score_adj=0, oom_adj=0, tainted="", hardware="QEMU"),
    gfp_mask=GfpMask(value=0x201DA, flags=("GFP_HIGHUSER_MOVABLE",)),
    order=0,
    cpuset="/",
    mems_allowed="0",
    selected=Selection(pid=812, comm="hog", uid=33, oom_score=901),
    victims=(
        Victim(
            pid=812,
            comm="hog",
            uid=33,
            total_vm_kb=383560,
            anon_rss_kb=152612,
            file_rss_kb=4,
            shmem_rss_kb=524,
            pgtables_kb=340,
            oom_score=901,
            oom_score_adj=300,
            reaper=Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=0, file_rss_kb=0, shmem_rss_kb=524),
        ),
    ),
    tasks=TaskTable(
        (
            TaskRow(
                pid=812,
                uid=33,
                tgid=812,
                total_vm_pages=95890,
                rss_pages=38285,
                rss_anon_pages=38153,
                rss_file_pages=1,
                rss_shmem_pages=131,
                nr_ptes=85,
                nr_pmds=3,
                pgtables_bytes=348160,
                swapents_pages=7,
                cpu=1,
                oom_adj=2,
                oom_score_adj=300,
                comm="hog",
            ),
        )
    ),
)
IN_A_CGROUP = replace(
    INCIDENT,
    scope=Scope.MEMCG,
    gfp_mask=GfpMask(value=0xD0, flags=("GFP_KERNEL",)),
    tasks=None,
    memcg=Memcg(
        oom_memcg="/box",
        task_memcg="/box/a",
        usage_kb=32768,
        limit_kb=32768,
        failcnt=18,
        memsw_usage_kb=32768,
        memsw_limit_kb=9007199254740988,
        memsw_failcnt=0,
        kmem_usage_kb=12,
        kmem_limit_kb=9007199254740988,
        kmem_failcnt=0,
    ),
)
