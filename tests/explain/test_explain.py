"""A whole explanation: its words, its text, its JSON."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from oomparse.decode.cgroup import identify, openvz
from oomparse.errors import Issue, IssueCode
from oomparse.explain import explain, render_text
from oomparse.explain.text import MAX_CANDIDATES
from oomparse.model import (
    EventTime,
    Evidence,
    GfpMask,
    Invoker,
    LimitKind,
    Outcome,
    Reaper,
    ReaperOutcome,
    Role,
    Scope,
    ScopeLevel,
    Source,
    Trait,
    Victim,
)
from tests.explain.events import event, kernel, killed, memcg, meminfo, task

HOG = task(100, 200_000, comm="hog")
CONTAINER = "8d3c1f0a5e6b" + "0" * 52
POD = "3fd4c1a2-9b7e-4c55-8a66-0f1e2d3c4b5a"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"rows": [HOG], "victim": HOG, "meminfo": meminfo()},
            "The kernel killed hog (pid 100), which held 781 MiB of 1.00 GiB: the machine had no memory left.",
        ),
        (
            {"victim": HOG, "scope": Scope.MEMCG, "memcg": memcg()},
            "The kernel killed hog (pid 100), which held 781 MiB: cgroup /box was at its limit of 64.0 MiB.",
        ),
        (
            {
                "victim": HOG,
                "scope": Scope.MEMCG,
                "memcg": memcg(memsw_limit_kb=98304, limit_hit=(LimitKind.MEMSW,)),
                "oom_identity": identify(f"/kubepods/burstable/pod{POD}/{CONTAINER}"),
            },
            "The kernel killed hog (pid 100), which held 781 MiB: container 8d3c1f0a5e6b of pod"
            f" {POD} was at its limit of 96.0 MiB for memory and swap together.",
        ),
        (
            {"outcome": Outcome.NO_VICTIM, "scope": Scope.MEMCG},
            "The kernel found nobody to kill: its cgroup was at its limit.",
        ),
        (
            {"outcome": Outcome.PANIC, "scope": Scope.CPUSET},
            "The kernel panicked: the nodes of its cpuset had no memory left.",
        ),
        (
            {"victim": HOG, "traits": (Trait.SYSRQ,)},
            "The kernel killed hog (pid 100), which held 781 MiB: somebody asked for it (SysRq-f).",
        ),
        (
            {"outcome": Outcome.VICTIM_EXITING, "victims": (Victim(pid=7, comm="a\nb"),), "scope": Scope.UNKNOWN},
            "The kernel chose a\\x0ab (pid 7), and found it exiting already: memory ran out; the report does not"
            " say whose.",
        ),
        (
            {"outcome": Outcome.LOWMEMORYKILLER, "victims": (Victim(pid=7, comm="app"), Victim(pid=8))},
            "Android's lowmemorykiller killed app (pid 7) and 1 more: free memory and page cache had fallen below"
            " its limits.",
        ),
        (
            {"victims": (Victim(pid=7, comm="dd"),), "outcome": Outcome.TRUNCATED, "scope": Scope.MEMCG},
            "The kernel chose dd (pid 7) (the kill line is missing): its cgroup was at its limit.",
        ),
        (
            {"victims": (Victim(pid=7, comm="cc1", anon_rss_kb=1024), Victim(pid=8)), "outcome": Outcome.KILLED},
            "The kernel killed cc1 (pid 7), which held 1.00 MiB, and 1 more: the machine had no memory left.",
        ),
        (
            {"outcome": Outcome.KILLED, "scope": Scope.UNKNOWN, "oom_identity": openvz("101")},
            "The kernel ran out of memory: container 101 (openvz) was at its limit.",
        ),
        ({}, "The kernel ran out of memory: the machine had no memory left."),
    ],
)
def test_headline(fields: dict[str, Any], words: str) -> None:
    assert explain(event(**fields)).headline == words


def test_story_names_who_asked_and_who_owns_it() -> None:
    path = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice"
    story = explain(
        event(
            victim=HOG,
            victims=(killed(HOG), killed(task(5, 10, comm="worker"), role=Role.GROUP)),
            scope=Scope.MEMCG,
            scope_level=ScopeLevel.POD,
            scope_evidence=(Evidence(says="oom_memcg names the cgroup whose limit was hit", text="x" * 300),),
            memcg=memcg(oom_memcg=path, task_memcg=f"{path}/x", own_limit=False, version=2),
            identity=identify(path),
            time=EventTime(wall=datetime(2026, 11, 21, 3, 18, 24, tzinfo=UTC), monotonic_seconds=7.670939),
            source=Source(path="kern.log", line_start=3, line_end=90, host="box7", kernel_release="6.1.0-13-amd64"),
            invoker=Invoker(comm="java", pid=12),
            gfp_mask=GfpMask(value=0xCC0, flags=("GFP_KERNEL",)),
            order=2,
            traits=(Trait.GROUP_KILL,),
        )
    ).story
    assert story == (
        ("killed", "hog (pid 100), anon 781 MiB"),
        ("killed", "worker (pid 5), anon 40.0 KiB, group"),
        ("because", f"oom_memcg names the cgroup whose limit was hit: {'x' * 120}…"),
        ("limit of", f"{path} (pod, above the victim's own, cgroup v2)"),
        ("cgroup", f"{path}/x"),
        ("memory", "64.0 MiB of 64.0 MiB"),
        ("owner", "kubernetes"),
        ("qos", "burstable"),
        ("pod", POD),
        ("asked", "java (pid 12), 4 pages in one piece, GFP_KERNEL"),
        ("note", "memory.oom.group: the whole cgroup dies with the victim"),
        ("when", "2026-11-21 03:18:24+0000, 7.670939 s after boot"),
        ("host", "box7"),
        ("kernel", "6.1.0-13-amd64"),
        ("found in", "kern.log:3-90"),
    )


@pytest.mark.parametrize(
    ("reaper", "words"),
    [
        (Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=0), "reaped"),
        (Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=2048, shmem_rss_kb=2048), "reaped, 4.00 MiB left"),
        (Reaper(outcome=ReaperOutcome.UNABLE), "could not be reaped"),
    ],
)
def test_whether_the_memory_came_back(reaper: Reaper, words: str) -> None:
    [(label, text), *_] = explain(event(outcome=Outcome.KILLED, victims=(Victim(pid=7, reaper=reaper),))).story
    assert (label, text) == ("killed", f"a process (pid 7), {words}")


def test_an_assumed_year_is_said() -> None:
    time = EventTime(wall=datetime(2026, 11, 21, 3, 18, 24, tzinfo=UTC))
    story = explain(event(time=time, issues=(Issue(code=IssueCode.YEAR_ASSUMED),))).story
    assert ("when", "2026-11-21 03:18:24+0000 (the year is assumed)") in story


def test_notes_say_what_is_missing() -> None:
    notes = explain(
        event(
            [task(1, 5)], victim=HOG, issues=(Issue(code=IssueCode.TRUNCATED_HEAD), Issue(code=IssueCode.YEAR_ASSUMED))
        )
    ).notes
    assert [note.split(":")[0] for note in notes] == [
        "No complete ledger",
        "The report does not tell the page size; 4096 bytes are assumed.",
        "The report is not whole (truncated_head).",
    ]


TEXT = """\
The kernel killed hog (pid 100), which held 781 MiB of 1.00 GiB: the machine had no memory left.
  killed     hog (pid 100), anon 781 MiB
  kernel     6.1.0-13-amd64

What stands out
  high       Swap is full: 0 B of 4.00 MiB were left.

Why this one
  points = rss + swap + page tables in pages, plus oom_score_adj * 263 (a thousandth of 263168 pages, RAM + swap)
     rank   points  score       rss  swap    tables    adj  pid  name
  *     1   200001    759   781 MiB   0 B  4.00 KiB      0  100  hog
        2  -236099   -897  2.34 MiB   0 B  4.00 KiB   -900    9  sshd
        3                  40.0 KiB   0 B  4.00 KiB  -1000    8  \\xff  (oom_score_adj is -1000)
  The kernel's choice (*) agrees: nobody has more points.

Where the memory went (the machine, 1.00 GiB)
  anonymous memory       1003 MiB   97.9%
  slab, unreclaimable    7.81 MiB    0.8%
  free                   7.81 MiB    0.8%
  slab, reclaimable      3.91 MiB    0.4%
  page tables            1.95 MiB    0.2%
  nobody accounts for         0 B    0.0%
  swap: 4.00 MiB used of 4.00 MiB
  resident, by name (shared pages count for each):
       781 MiB         hog
      2.34 MiB         sshd
      40.0 KiB         \\xff
"""


def test_text() -> None:
    rows = [HOG, task(9, 600, adj=-900, comm="sshd"), task(8, 10, adj=-1000, comm="\udcff")]
    assert render_text(explain(event(rows, HOG, meminfo=meminfo(swap_kb=(4096, 0))))) == TEXT


def test_the_chosen_one_is_always_listed() -> None:
    rows = [task(pid, 10_000 - pid) for pid in range(100, 200)]
    text = render_text(explain(event(rows, rows[90], meminfo=meminfo())))
    assert " *    91 " in text
    assert f"… and {100 - MAX_CANDIDATES - 1} more" in text
    assert "not the one with the most points" in text


def test_json_holds_it_all() -> None:
    rows = [HOG, task(8, 10, adj=-1000, comm="\udcff")]
    tree = msgspec.json.decode(msgspec.json.encode(explain(event(rows, HOG, meminfo=meminfo(shmem_pages=100_000)))))
    assert tree["schema"] == "oomparse.explanation/1"
    assert tree["ranking"]["candidates"][1]["comm"] == "\\xff"
    assert tree["findings"][0]["code"] == "shmem_hog"
    assert sum(item["bytes"] for item in tree["ledger"]["items"]) == tree["ledger"]["total_bytes"]
    assert tree["kernel_release"] == "6.1.0-13-amd64"


def test_names_from_the_log_are_safe_in_json() -> None:
    path = "/system.slice/\udcff.service"
    evidence = (Evidence(says="the kill line says so", text="Killed process 7 (\udcff)"),)
    one = event(scope_evidence=evidence, identity=identify(path), memcg=memcg(oom_memcg=path))
    tree = msgspec.json.decode(msgspec.json.encode(explain(one)))
    assert tree["identity"]["unit"] == "\\xff.service"
    assert tree["scope_evidence"][0]["text"] == "Killed process 7 (\\xff)"


def test_a_lone_event_is_explained_too() -> None:
    explanation = explain(event(source=kernel("")))
    assert explanation.kernel_release is None
    assert render_text(explanation).startswith("The kernel ran out of memory")
