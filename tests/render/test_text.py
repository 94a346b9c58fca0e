"""What people see: each block as it stands in `golden/`, and nothing in it that a terminal would obey.

After a change of the wording, run with ``UPDATE_GOLDEN=1`` and read the difference.
"""

import os
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.errors import Issue, IssueCode
from oomparse.model import (
    EventTime,
    GfpMask,
    Identity,
    Invoker,
    LimitKind,
    Memcg,
    OomEvent,
    Outcome,
    Reaper,
    ReaperOutcome,
    Role,
    Scope,
    ScopeLevel,
    Selection,
    Source,
    Trait,
    Victim,
)
from oomparse.render.issues import SENTENCES
from oomparse.render.text import MAX_FURTHER_VICTIMS, block
from oomparse.render.totals import Totals

GOLDEN = Path(__file__).parent / "golden"

POD = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3fd4c1a2_9b7e_4c55_8a66_0f1e2d3c4b5a.slice"
CONTAINER = "cri-containerd-8d3c1f0a5e6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f.scope"

MEMCG = OomEvent(
    event_id="memcg",
    outcome=Outcome.KILLED,
    scope=Scope.MEMCG,
    scope_level=ScopeLevel.POD,
    complete=True,
    time=EventTime(
        wall=datetime(2026, 11, 21, 2, 20, 54, tzinfo=timezone(timedelta(hours=1))),
        printed="Nov 21 02:20:54",
        monotonic_seconds=81.80114,
    ),
    source=Source(
        path="/var/log/kern.log", line_start=100, line_end=177, host="web3", kernel_release="6.1.0-56-cloud-amd64"
    ),
    invoker=Invoker(comm="java", pid=86, cpu=1, oom_score_adj=968),
    gfp_mask=GfpMask(value=0xCC0, flags=("GFP_KERNEL",), printed="GFP_KERNEL"),
    order=0,
    memcg=Memcg(
        oom_memcg=POD,
        task_memcg=f"{POD}/{CONTAINER}",
        usage_kb=65536,
        limit_kb=65536,
        failcnt=72,
        swap_usage_kb=0,
        swap_limit_kb=9007199254740988,
        swap_failcnt=0,
        own_limit=False,
        limit_hit=(LimitKind.MEMORY,),
    ),
    victims=(
        Victim(
            pid=90,
            comm="C2 CompilerThre",
            uid=1000,
            total_vm_kb=143660,
            anon_rss_kb=62460,
            file_rss_kb=0,
            shmem_rss_kb=716,
            pgtables_kb=1112,
            oom_score_adj=968,
            reaper=Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=0, file_rss_kb=0, shmem_rss_kb=0),
        ),
    ),
    identity=Identity(
        kind="kubernetes",
        path=f"{POD}/{CONTAINER}",
        pod_uid="3fd4c1a2-9b7e-4c55-8a66-0f1e2d3c4b5a",
        container_id=CONTAINER[15:-6],
        runtime="containerd",
        qos="burstable",
    ),
    oom_identity=Identity(kind="kubernetes", path=POD, pod_uid="3fd4c1a2-9b7e-4c55-8a66-0f1e2d3c4b5a", qos="burstable"),
)
GLOBAL_OLD = OomEvent(
    event_id="global",
    outcome=Outcome.KILLED,
    scope=Scope.GLOBAL,
    traits=(Trait.CHILD_SACRIFICED,),
    time=EventTime(printed="   12.345678", monotonic_seconds=12.345678),
    source=Source(transport="dmesg", line_start=5, line_end=5),
    invoker=Invoker(comm="kworker/0:1", pid=9),
    gfp_mask=GfpMask(value=0x201DA),
    order=2,
    selected=Selection(pid=24, comm="parent", oom_score=900),
    victims=(
        Victim(pid=26, comm=") total-vm:1kB", total_vm_kb=43660, anon_rss_kb=32460, file_rss_kb=0, role=Role.CHILD),
    ),
    issues=(
        Issue(code=IssueCode.TRUNCATED_HEAD),
        Issue(code=IssueCode.UNKNOWN_LINE, detail="wipe \x1b[2J \udcff", line=7),
    ),
)
GROUP = OomEvent(
    event_id="group",
    outcome=Outcome.KILLED,
    scope=Scope.MEMCG,
    complete=True,
    time=EventTime(printed="Sun Nov  1 10:00:00 2026"),
    memcg=Memcg(
        oom_memcg="/lab/group",
        task_memcg="/lab/group",
        usage_kb=1024,
        limit_kb=9007199254740988,
        memsw_usage_kb=65536,
        memsw_limit_kb=65536,
        memsw_failcnt=1,
        limit_hit=(LimitKind.MEMSW,),
        own_limit=True,
    ),
    victims=(
        Victim(pid=1, comm="leader", reaper=Reaper(outcome=ReaperOutcome.UNABLE)),
        *(
            Victim(
                pid=pid,
                comm="",
                role=Role.GROUP,
                anon_rss_kb=pid * 1000,
                reaper=Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=4, file_rss_kb=0) if pid == 2 else None,
            )
            for pid in range(2, MAX_FURTHER_VICTIMS + 4)
        ),
    ),
)
PANIC = OomEvent(
    event_id="panic",
    outcome=Outcome.PANIC,
    scope=Scope.UNKNOWN,
    traits=(Trait.PANIC_ON_OOM,),
    panic="Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled",
    issues=(Issue(code=IssueCode.PROVENANCE_UNKNOWN),),
)
SYSRQ = OomEvent(
    event_id="sysrq",
    outcome=Outcome.NO_VICTIM,
    scope=Scope.GLOBAL,
    traits=(Trait.SYSRQ,),
    order=-1,
    complete=True,
    time=EventTime(monotonic_seconds=3.5),
    identity=Identity(kind="systemd_unit", path="/system.slice/x.service", unit="x.service", slice="system.slice"),
)
EVENTS = {
    "memcg": MEMCG,
    "global_old": GLOBAL_OLD,
    "group": GROUP,
    "panic": PANIC,
    "sysrq": SYSRQ,
    "update": replace(MEMCG, revision=2),
    "bare": OomEvent(event_id="bare", outcome=Outcome.TRUNCATED),
    "exiting": OomEvent(
        event_id="exiting",
        outcome=Outcome.VICTIM_EXITING,
        scope=Scope.CPUSET,
        mems_allowed="1",
        victims=(Victim(pid=5, comm="hog"),),
    ),
    "policy": OomEvent(
        event_id="policy",
        outcome=Outcome.LOWMEMORYKILLER,
        scope=Scope.MEMORY_POLICY,
        nodemask="0-1",
        victims=(Victim(pid=5, comm="d.process.acore"),),
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_the_block_is_the_golden_one(name: str) -> None:
    shown = block(EVENTS[name])
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_every_golden_file_is_used() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_colours_only_add_to_the_text(name: str) -> None:
    coloured = block(EVENTS[name], colour=True)
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == block(EVENTS[name])


HOSTILE = st.text(st.sampled_from('\x00\x07\x1b\n\r\t\u202e\x9b\u2028\udcff[31m"\\a'), max_size=15)


@given(HOSTILE, HOSTILE)
def test_nothing_from_the_log_reaches_the_terminal_raw(comm: str, path: str) -> None:
    event = OomEvent(
        event_id="e",
        outcome=Outcome.PANIC,
        panic=path,
        scope=Scope.CPUSET,
        mems_allowed=path,
        time=EventTime(printed=comm),
        source=Source(host=comm, path=path, kernel_release=comm),
        invoker=Invoker(comm=comm),
        gfp_mask=GfpMask(value=1, printed=path),
        memcg=Memcg(oom_memcg=path, task_memcg=comm),
        selected=Selection(pid=1, comm=comm),
        victims=(Victim(comm=comm, ve=path), Victim(comm=comm)),
        identity=Identity(kind="unit", path=path, unit=path),
        issues=(Issue(code=IssueCode.UNKNOWN_LINE, detail=comm),),
    )
    for revision in (1, 2):
        lines = block(replace(event, revision=revision)).split("\n")
        assert all(line.isprintable() for line in lines)
        assert len(lines) == len(block(replace(event, revision=revision), colour=True).split("\n"))


def test_every_issue_has_its_sentence() -> None:
    assert set(SENTENCES) == set(IssueCode)


def test_totals() -> None:
    totals = Totals()
    assert totals.line() == "No OOM events."
    for event in (MEMCG, GROUP, GLOBAL_OLD, SYSRQ, PANIC):
        totals.add(event)
    assert totals.line() == (
        "5 events (2 global, 2 by a cgroup limit, 1 of unknown scope), 15 kills, 2 reports incomplete."
    )
