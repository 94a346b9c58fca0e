"""The writer: what a kernel prints of an event, and what of the event that says."""

import functools
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings

import oomparse
from oomparse import (
    Assembler,
    EventTime,
    GfpMask,
    Invoker,
    Memcg,
    Message,
    OomEvent,
    Outcome,
    Reaper,
    ReaperOutcome,
    Role,
    Scope,
    Selection,
    Source,
    Trait,
    Victim,
)
from oomparse.errors import Issue, IssueCode
from oomparse.grammar import formats
from oomparse.grammar.arrangements import arrangements
from oomparse.grammar.counters import KEYS, KeyKind
from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.format import Section
from oomparse.sections import MemInfo, MemTotals, TaskRow, TaskTable, ZoneMemory
from oomparse.testing import Case, corpus
from oomparse.testing.printk import NotRepresentableError, messages, representable, stated, write
from oomparse.testing.printk.kernel import BACKPORTS, Kernel
from oomparse.testing.printk.memcg import SHAPES as STAT_SHAPES
from oomparse.testing.printk.meminfo import ORDERS
from oomparse.testing.printk.tasks import SHAPES as TABLE_SHAPES
from oomparse.testing.strategies import RELEASES, events
from oomparse.testing.wrap import wrap

CORPUS = [case for case in corpus() if not case.record.negative]
EVENTS_OF_A_LOG = 2
"""So many reports of each log are written again; the others of a storm are like them."""


def parsed(found: Iterable[Message]) -> list[OomEvent]:
    assembler = Assembler(live=False)
    return [*(event for message in found for event in assembler.feed(message)), *assembler.close()]


@functools.cache
def captured(name: str) -> tuple[OomEvent, ...]:
    """The reports of a case that nothing was lost of, and nothing stands in between."""
    case = next(case for case in CORPUS if case.name == name)
    spoilt = {IssueCode.UNKNOWN_LINE, IssueCode.INTERLEAVED, IssueCode.TRUNCATED_HEAD}
    reports = [
        event
        for event in oomparse.parse(case.data(case.logs[0]))
        if not spoilt.intersection(issue.code for issue in event.issues)
    ]
    return tuple(reports[:EVENTS_OF_A_LOG])


def differences(left: Any, right: Any, where: str = "") -> list[str]:
    if is_dataclass(left) and type(left) is type(right):
        names = [field.name for field in fields(left)]
        return [
            text for name in names for text in differences(getattr(left, name), getattr(right, name), f"{where}.{name}")
        ]
    return [] if left == right else [f"{where}: {left!r} != {right!r}"]


# --- what was captured


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_a_captured_report_is_what_its_kernel_states(case: Case) -> None:
    for event in captured(case.name):
        assert differences(stated(representable(event)), stated(event)) == []


UNSAID = re.compile(r"CPU: |Tainted: | (?:[0-9a-f]{16} ?){3,4}\Z")
"""Lines that say more than the model keeps: build numbers, taints in words, raw words of the stack."""


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_a_captured_report_is_written_byte_by_byte(case: Case) -> None:
    for event in captured(case.name):
        lines = [line for text in write(event) for line in text.split("\n")]
        printed = [line for text in event.lines for line in text.split("\n")]
        first = next(number for number, line in enumerate(lines) if " invoked oom-killer" in line)  # SysRq's is before
        left = [line for line in lines[first:] if not UNSAID.match(line)]
        assert left == [line for line in printed if not UNSAID.match(line)]


# --- across the kernels

ABROAD = [
    case
    for case in CORPUS
    if case.kernel.startswith(("4.4", "7.3"))
    and case.record.scenario in ("swap-global", "memcg-nested-v1", "oom-group", "mempolicy")
]


@pytest.mark.parametrize("release", RELEASES)
def test_a_captured_report_in_the_words_of_another_kernel(release: str) -> None:
    written = 0
    for case in ABROAD:
        for event in captured(case.name)[:1]:
            try:
                other = representable(event, release)
            except NotRepresentableError:
                continue
            written += 1
            (again,) = parsed(messages(event, release))
            assert differences(stated(again), stated(other)) == []
    assert written


def values(tree: Any, where: str = "") -> dict[str, Any]:
    """The facts of an event by their place, apart from what follows from others."""
    if is_dataclass(tree):
        found: dict[str, Any] = {}
        for field in fields(tree):
            if field.name not in DERIVED:
                found |= values(getattr(tree, field.name), f"{where}.{field.name}")
        return found
    if isinstance(tree, tuple):
        return {key: value for at, part in enumerate(tree) for key, value in values(part, f"{where}[{at}]").items()}
    return {where: tree}


DERIVED = {
    "schema",
    "scope",
    "scope_level",
    "scope_evidence",
    "traits",
    "complete",
    "issues",
    "identity",
    "oom_identity",
}
DERIVED |= {"era", "limit_hit", "own_limit", "version", "page_size_bytes", "unknown_lines", "gfp_mask", "hierarchy"}


@settings(max_examples=60)
@given(events("7.3", sections=False, outcome=Outcome.KILLED))
def test_no_kernel_changes_a_value(event: OomEvent) -> None:
    """What another kernel states is what was said, or is left out, or was not said before."""
    said = values(event)
    for release in ("5.4", "4.19", "4.4", "3.2", "2.6.26", "4.18.0-240.el8.x86_64"):
        for where, value in values(representable(event, release)).items():
            before = said.get(where)
            told_otherwise = where in (".message", ".order", ".constraint") or ".reaper" in where
            assert told_otherwise or before is None or value is None or value == before, where


@settings(max_examples=150)
@given(events())
def test_what_is_written_is_read(event: OomEvent) -> None:
    found = parsed(messages(event))
    assert [differences(stated(again), stated(event)) for again in found] == [[]]


@settings(max_examples=50)
@given(events())
def test_representable_is_the_end_of_it(event: OomEvent) -> None:
    assert stated(representable(event)) == stated(event)


@pytest.mark.parametrize("form", ["dmesg", "kmsg", "syslog-5424", "journal-export", "console"])
@settings(max_examples=15)
@given(event=events(hostile=False))
def test_what_is_written_is_read_in_any_log(form: str, event: OomEvent) -> None:
    (again,) = oomparse.parse(b"".join(wrap(messages(event), form)))
    assert (again.scope, again.victims, again.outcome) == (event.scope, event.victims, event.outcome)
    assert differences(again.meminfo, event.meminfo) == []


# --- what each kernel says, compared with its source

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

GLOBAL = {
    "2.6.18": (
        "oom-killer: gfp_mask=0x200d2, order=0",
        "Out of Memory: Kill process 812 (hog) score 901 and children.",
        "Out of memory: Killed process 812 (hog).",
    ),
    "2.6.18-194.el5": (
        "java invoked oom-killer: gfp_mask=0x200d2, order=0, oomkilladj=0",
        "Out of memory: Killed process 812, UID 33, (hog).",
    ),
    "2.6.24": (
        "java invoked oom-killer: gfp_mask=0x1200d2, order=0, oomkilladj=0",
        "Pid: 71, comm: java Not tainted 2.6.24 #1",
        "Out of memory: kill process 812 (hog) score 901 or a child",
        "Killed process 812 (hog)",
    ),
    "2.6.32": (
        "java invoked oom-killer: gfp_mask=0x200da, order=0, oom_adj=0",
        "java cpuset=/ mems_allowed=0",
        "Pid: 71, comm: java Not tainted 2.6.32 #1",
        "[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
        "[  812]    33   812    95890    38285   1       2 hog",
        "Out of memory: kill process 812 (hog) score 901 or a child",
        "Killed process 812 (hog)",
    ),
    "2.6.32-431.el6.x86_64": (
        "java invoked oom-killer: gfp_mask=0x200da, order=0, oom_adj=0, oom_score_adj=0",
        "java cpuset=/ mems_allowed=0",
        "Pid: 71, comm: java Not tainted 2.6.32-431.el6.x86_64 #1",
        "[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
        "[  812]    33   812    95890    38285   1       2           300 hog",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812, UID 33, (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB",
    ),
    "2.6.33": (
        "java invoked oom-killer: gfp_mask=0x200da, order=0, oom_adj=0",
        "java cpuset=/ mems_allowed=0",
        "Pid: 71, comm: java Not tainted 2.6.33 #1",
        "[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
        "[  812]    33   812    95890    38285   1       2 hog",
        "Out of memory: kill process 812 (hog) score 901 or a child",
        "Killed process 812 (hog) vsz:383560kB, anon-rss:152612kB, file-rss:4kB",
    ),
    "3.2": (
        "java invoked oom-killer: gfp_mask=0x200da, order=0, oom_adj=0, oom_score_adj=0",
        "java cpuset=/ mems_allowed=0",
        "Pid: 71, comm: java Not tainted 3.2 #1",
        "[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
        "[  812]    33   812    95890    38285   1       2           300 hog",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB",
    ),
    "3.10.0-1160.el7.x86_64": (
        "java invoked oom-killer: gfp_mask=0x200da, order=0, oom_score_adj=0",
        "java cpuset=/ mems_allowed=0",
        "CPU: 1 PID: 71 Comm: java Not tainted 3.10.0-1160.el7.x86_64 #1",
        "Hardware name: QEMU",
        "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
        "[  812]    33   812    95890    38285      85        7           300 hog",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812 (hog), UID 33, total-vm:383560kB, anon-rss:152612kB, file-rss:4kB, shmem-rss:524kB",
    ),
    "4.4": (
        "java invoked oom-killer: gfp_mask=0x24200ca, order=0, oom_score_adj=0",
        "java cpuset=/ mems_allowed=0",
        "CPU: 1 PID: 71 Comm: java Not tainted 4.4 #1",
        "Hardware name: QEMU",
        "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
        "[  812]    33   812    95890    38285      85       3        7           300 hog",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB",
    ),
    "4.9": (
        "java invoked oom-killer: gfp_mask=0x24200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null), order=0, oom_score_adj=0",
        "java cpuset=/ mems_allowed=0",
        "CPU: 1 PID: 71 Comm: java Not tainted 4.9 #1",
        "Hardware name: QEMU",
        "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
        "[  812]    33   812    95890    38285      85       3        7           300 hog",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB, shmem-rss:524kB",
        "oom_reaper: reaped process 812 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:524kB",
    ),
    "4.14": (
        "java invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null),  order=0, oom_score_adj=0",
        "java cpuset=/ mems_allowed=0",
        "CPU: 1 PID: 71 Comm: java Not tainted 4.14 #1",
        "Hardware name: QEMU",
        "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
        "[  812]    33   812    95890    38285      85       3        7           300 hog",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB, shmem-rss:524kB",
        "oom_reaper: reaped process 812 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:524kB",
    ),
    "4.18.0-240.el8.x86_64": (
        "java invoked oom-killer: gfp_mask=0x6200ca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
        "CPU: 1 PID: 71 Comm: java Not tainted 4.18.0-240.el8.x86_64 #1",
        "Hardware name: QEMU",
        "[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        "[  812]    33   812    95890    38285   348160        7           300 hog",
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,task=hog,pid=812,uid=33",
        "Out of memory: Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB, shmem-rss:524kB, "
        "UID:33",
        "oom_reaper: reaped process 812 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:524kB",
    ),
    "5.0": (
        "java invoked oom-killer: gfp_mask=0x6200ca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
        "CPU: 1 PID: 71 Comm: java Not tainted 5.0 #1",
        "Hardware name: QEMU",
        "Tasks state (memory values in pages):",
        "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        "[    812]    33   812    95890    38285   348160        7           300 hog",
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,task=hog,pid=812,uid=33",
        "Out of memory: Kill process 812 (hog) score 901 or sacrifice child",
        "Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB, shmem-rss:524kB",
        "oom_reaper: reaped process 812 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:524kB",
    ),
    "7.3": (
        "java invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
        "CPU: 1 UID: 500 PID: 71 Comm: java Not tainted 7.3 #1 PREEMPT(lazy) ",
        "Hardware name: QEMU",
        "Tasks state (memory values in pages):",
        "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents "
        "oom_score_adj name",
        "[    812]    33   812    95890    38285    38153        1       131   348160        7           300 hog",
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,task=hog,pid=812,uid=33",
        "Out of memory: Killed process 812 (hog) total-vm:383560kB, anon-rss:152612kB, file-rss:4kB, shmem-rss:524kB, "
        "UID:33 pgtables:340kB oom_score_adj:300",
        "oom_reaper: reaped process 812 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:524kB",
    ),
}


@pytest.mark.parametrize("release", GLOBAL)
def test_global_report(release: str) -> None:
    assert write(INCIDENT, release) == GLOBAL[release]


MEMCG = {
    "2.6.25": (),
    "2.6.32": (
        "Task in /box/a killed as a result of limit of /box",
        "memory: usage 32768kB, limit 32768kB, failcnt 18",
        "memory+swap: usage 32768kB, limit 9007199254740988kB, failcnt 0",
    ),
    "3.16": (
        "Task in /box/a",
        " killed as a result of limit of /box",
        "",
        "memory: usage 32768kB, limit 32768kB, failcnt 18",
        "memory+swap: usage 32768kB, limit 9007199254740988kB, failcnt 0",
        "kmem: usage 12kB, limit 9007199254740988kB, failcnt 0",
    ),
    "4.20": (
        "Task in /box/a killed as a result of limit of /box",
        "memory: usage 32768kB, limit 32768kB, failcnt 18",
        "memory+swap: usage 32768kB, limit 9007199254740988kB, failcnt 0",
        "kmem: usage 12kB, limit 9007199254740988kB, failcnt 0",
    ),
    "5.4": (
        "memory: usage 32768kB, limit 32768kB, failcnt 18",
        "memory+swap: usage 32768kB, limit 9007199254740988kB, failcnt 0",
        "kmem: usage 12kB, limit 9007199254740988kB, failcnt 0",
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/box,task_memcg=/box/a,"
        "task=hog,pid=812,uid=33",
    ),
}


@pytest.mark.parametrize("release", MEMCG)
def test_memcg_report(release: str) -> None:
    other = re.compile(r"CPU|Pid|Hardware|.* invoked |.* cpuset=|Memory cgroup out|Killed|oom_reaper|Tasks")
    assert tuple(text for text in write(IN_A_CGROUP, release) if not other.match(text)) == MEMCG[release]
    assert any("Memory cgroup out of memory" in text for text in write(IN_A_CGROUP, release))


STATS = {"anon": 33386496, "file": 0, "pgfault": 8151}


@pytest.mark.parametrize(
    ("release", "unit", "texts"),
    [
        ("3.8", "kB", ()),
        ("4.4", "kB", ("Memory cgroup stats for /box: anon:33386496KB file:0KB pgfault:8151KB",)),
        ("4.4", "bytes", ()),
        ("5.10", "bytes", ("Memory cgroup stats for /box:", "anon 33386496\nfile 0\npgfault 8151")),
        ("6.8", "bytes", ("Memory cgroup stats for /box:", "anon 33386496", "file 0", "pgfault 8151")),
        ("6.8", "kB", ()),
    ],
)
def test_memcg_statistics(release: str, unit: str, texts: tuple[str, ...]) -> None:
    memcg = replace(IN_A_CGROUP.memcg or Memcg(), stats_unit=unit, stats=STATS)
    found = write(replace(IN_A_CGROUP, memcg=memcg), release)
    assert tuple(text for text in found if text.startswith("Memory cgroup stats") or "anon 3" in text) == texts[:2]
    assert set(texts) <= set(found)
    shown = representable(replace(IN_A_CGROUP, memcg=memcg), release).memcg
    assert shown is not None
    assert shown.stats == (STATS if texts else None)


def statistics(length: int) -> dict[str, int]:
    """Statistics whose lines have so many characters together."""
    stats = {f"key_{number:02}": 10**12 + number for number in range(46)}
    rest = length - len("\n".join(f"{key} {value}" for key, value in stats.items())) - len("\n 123456789")
    return stats | {"k" * rest: 123456789}


@pytest.mark.parametrize("length", range(980, 1_020))
def test_statistics_that_do_not_fit_into_a_record_are_missing_and_never_wrong(length: int) -> None:
    stats = statistics(length)
    event = replace(IN_A_CGROUP, memcg=replace(IN_A_CGROUP.memcg or Memcg(), stats_unit="bytes", stats=stats))
    (again,) = parsed(messages(event, "5.10"))
    assert again.memcg is not None
    assert again.memcg.stats is not None
    assert again.memcg.stats.items() <= stats.items()
    assert len(again.memcg.stats) >= len(stats) - 1
    assert differences(stated(again), stated(representable(event, "5.10"))) == []


def test_2_6_18_names_a_child_and_says_other_words_when_it_kills() -> None:
    child = replace(INCIDENT.victims[0], pid=900, comm="worker", role=Role.CHILD, oom_score=None)
    event = replace(INCIDENT, victims=(child,), scope=Scope.CPUSET)
    assert write(event, "2.6.18")[1:] == (
        "Out of Memory: Kill process 812 (hog) score 901 and children.",
        "No available memory in cpuset: Killed process 900 (worker).",
    )
    (again,) = parsed(messages(event, "2.6.18"))
    assert [(victim.pid, victim.role) for victim in again.victims] == [(900, Role.CHILD)]
    assert (again.scope, again.selected) == (Scope.CPUSET, Selection(pid=812, comm="hog", oom_score=901))


def test_5_0_kills_a_child_with_another_name() -> None:
    child = replace(INCIDENT.victims[0], pid=900, comm="worker", role=Role.CHILD, oom_score=None)
    rows = TaskTable((*(INCIDENT.tasks or ()), TaskRow(pid=900, tgid=900, comm="worker")))
    (again,) = parsed(messages(replace(INCIDENT, victims=(child,), tasks=rows), "5.0"))
    assert [(victim.pid, victim.comm, victim.role) for victim in again.victims] == [(900, "worker", Role.CHILD)]
    assert again.selected == Selection(pid=812, comm="hog", uid=33, oom_score=901)
    # From 5.1 on no child dies in its parent's place: who was killed was chosen.
    assert representable(replace(INCIDENT, victims=(child,)), "5.4").selected == Selection(
        pid=900, comm="worker", uid=33
    )


@pytest.mark.parametrize(
    ("outcome", "release", "last"),
    [
        (Outcome.PANIC, "2.6.24", "Kernel panic - not syncing: out of memory. panic_on_oom is selected"),
        (Outcome.PANIC, "6.1", "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled"),
        (Outcome.NO_VICTIM, "6.1", "Out of memory and no killable processes..."),
        (Outcome.NO_VICTIM, "2.6.32-431.el6.x86_64", "Would have killed process 812 (hog). But continuing instead."),
        (
            Outcome.VICTIM_EXITING,
            "6.1",
            "Out of memory: OOM victim 812 (hog) is already exiting. Skip killing the task",
        ),
        (
            Outcome.LOWMEMORYKILLER,
            "4.4",
            "lowmemorykiller: Killing 'hog' (812), adj 300,\n   to free 0kB on behalf of 'kswapd0' (42) because\n"
            "   cache 32112kB is below limit 32384kB for oom_score_adj 300\n   Free memory is 17432kB above reserved",
        ),
        (Outcome.LOWMEMORYKILLER, "2.6.32", "send sigkill to 812 (hog), adj 300, size 0"),
    ],
)
def test_outcome(outcome: Outcome, release: str, last: str) -> None:
    assert write(replace(INCIDENT, outcome=outcome), release)[-1] == last
    (again,) = parsed(messages(replace(INCIDENT, outcome=outcome), release))
    assert again.outcome is outcome


@pytest.mark.parametrize(
    ("text", "release", "lines"),
    [
        ("System is deadlocked on memory", "4.4", ("Out of memory and no killable processes...",)),
        (
            "Out of memory and no killable processes...",
            "6.1",
            ("Out of memory and no killable processes...", "System is deadlocked on memory"),
        ),
        (
            "Out of memory: compulsory panic_on_oom is enabled",
            "2.6.32",
            ("out of memory. Compulsory panic_on_oom is selected.",),
        ),
        ("hung_task: blocked tasks; out of memory", "6.1", ("hung_task: blocked tasks; out of memory",)),
    ],
)
def test_a_panic_in_each_kernels_words(text: str, release: str, lines: tuple[str, ...]) -> None:
    event = OomEvent(event_id="", outcome=Outcome.PANIC, panic=text, gfp_mask=GfpMask(value=0xD0), order=0)
    said = [found.removeprefix("Kernel panic - not syncing: ") for found in write(event, release)]
    assert tuple(said[-len(lines) :]) == lines


def test_sysrq_group_sharing_and_openvz() -> None:
    asked = replace(INCIDENT, traits=(Trait.SYSRQ,))
    assert write(asked, "3.10")[:2] == (
        "SysRq : Manual OOM execution",
        "java invoked oom-killer: gfp_mask=0x200da, order=0, oom_score_adj=0",
    )
    assert ", order=-1, " in write(asked, "6.1")[1]
    second = replace(INCIDENT.victims[0], pid=813, comm="hog", role=Role.GROUP, reaper=None)
    together = replace(IN_A_CGROUP, victims=(INCIDENT.victims[0], second))
    assert "Tasks in /box/a are going to be killed due to memory.oom.group set" in write(together, "5.4")
    # The first victim is still there when the group is killed, and is named again.
    named = [int(found[1]) for text in write(together, "5.4") if (found := re.search(r"Killed process (\d+)", text))]
    assert named == [812, 813, 812]
    assert sum("Killed process" in text for text in write(together, "4.4")) == 1
    sharer = replace(INCIDENT, victims=(INCIDENT.victims[0], replace(second, role=Role.SHARING_MM)))
    assert write(sharer, "3.10")[-1] == "Kill process 813 (hog) sharing same memory"
    assert write(sharer, "2.6.18")[-1] == "Out of memory: Killed process 813 (hog)."
    assert write(INCIDENT, "2.6.32-042stab113.5") == (
        "71 (java) invoked oom-killer in ub 101 generation 0 gfp 0x200da",
        "java cpuset=/ mems_allowed=0",
        "Pid: 71, comm: java Not tainted 2.6.32-042stab113.5 #1",
        "Out of memory: OOM killed process 812 (hog) score 901 vm:383560kB, rss:153140kB, swap:0kB",
    )


def test_what_is_not_known_is_zero_and_said_so() -> None:
    event = OomEvent(event_id="", outcome=Outcome.KILLED, victims=(Victim(pid=1, comm="a"),), order=0)
    assert write(event, "6.1")[0] == " invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
    (victim,) = representable(event, "6.1").victims
    assert (victim.anon_rss_kb, victim.uid, victim.pgtables_kb, victim.oom_score) == (0, 0, 0, None)
    assert representable(event, "2.6.24").victims == (Victim(pid=1, comm="a"),)


def test_a_name_is_cut_as_the_kernel_cuts_it() -> None:
    event = replace(INCIDENT, victims=(Victim(pid=1, comm="sixteen bytes: \u65e5\0b"),), selected=None)
    (victim,) = representable(event, "6.1").victims
    assert victim.comm == "sixteen bytes: "
    half = replace(event, victims=(Victim(pid=1, comm="fourteen byte-\u65e5"),))
    assert representable(half, "6.1").victims[0].comm == "fourteen byte-\udce6"


def test_a_kill_line_alone() -> None:
    event = OomEvent(event_id="", outcome=Outcome.KILLED, victims=INCIDENT.victims[:1], message="Out of memory")
    assert len(write(event, "6.1")) == 2
    assert write(event, "6.1")[0].startswith("Out of memory: Killed process 812 (hog) total-vm:383560kB")
    lost = replace(INCIDENT, outcome=Outcome.KILLED, issues=(Issue(code=IssueCode.MISSING_KILL_LINE),))
    assert not any("Killed process" in text for text in write(lost, "6.1"))


@pytest.mark.parametrize(
    ("event", "release", "why"),
    [
        (INCIDENT, "2.6.9", "no kernel release from 2.6.18 on"),
        (INCIDENT, "kernel", "no kernel release"),
        (INCIDENT, None, "give a release"),
        (IN_A_CGROUP, "2.6.24", "no memory cgroups"),
        (replace(INCIDENT, outcome=Outcome.VICTIM_EXITING), "5.4", "5.9 does"),
        (replace(INCIDENT, outcome=Outcome.NO_VICTIM), "4.4", "panics"),
        (replace(INCIDENT, outcome=Outcome.LOWMEMORYKILLER), "4.12", "no lowmemorykiller"),
        (replace(INCIDENT, victims=()), "6.1", "names its victims"),
        (OomEvent(event_id="", outcome=Outcome.TRUNCATED), "6.1", "prints nothing"),
    ],
)
def test_what_no_kernel_prints_is_refused(event: OomEvent, release: str | None, why: str) -> None:
    with pytest.raises(NotRepresentableError, match=why):
        representable(event, release)


def test_messages_have_the_kernels_levels_and_stamps() -> None:
    event = replace(INCIDENT, time=EventTime(monotonic_seconds=12.5), source=Source(host="box", kernel_release="6.1"))
    found = messages(event)
    assert [message.text for message in found] == list(write(event))
    assert (found[0].monotonic_us, found[0].printed, found[0].host) == (12_500_000, "12.500000", "box")
    assert [message.sequence for message in found] == list(range(len(found)))
    levels = {message.text.split()[0]: message.level for message in found}
    assert levels == {"java": 4, "CPU:": 4, "Hardware": 4, "Tasks": 6, "[": 6, "oom-kill:constraint=CONSTRAINT_NONE,"
                      "nodemask=(null),cpuset=/,mems_allowed=0,task=hog,pid=812,uid=33": 6, "Out": 3,
                      "oom_reaper:": 6}  # fmt: skip
    assert messages(event, start_seconds=3)[0].monotonic_us == 3_000_000


# --- the tables

EVERYTHING = replace(
    INCIDENT, meminfo=MemInfo(totals=MemTotals(free_pages=1), zones=(ZoneMemory(node=0, zone="Normal", free_kb=1),))
)


@pytest.mark.parametrize("release", [name for name in RELEASES if "-" not in name])
def test_every_line_of_a_report_is_of_its_own_kernel(release: str) -> None:
    """The registry dates each line; the writer may not mix kernels."""
    era = representable(EVERYTHING, release).era
    assert era is not None
    assert era.consistent
    kernel = Kernel.of(release)
    for text in write(EVERYTHING, release):
        found = parse_line(text)
        assert found is None or kernel.at_least(found.format.since), text


def test_back_ports_name_lines_that_the_registry_knows_them_for() -> None:
    by_name = {line_format.name: line_format for line_format in formats()}
    shapes = {shape.name for shape in (*STAT_SHAPES, *TABLE_SHAPES, *ORDERS)}
    for (distribution, base), backports in BACKPORTS.items():
        assert [backport.build for backport in backports] == sorted(backport.build for backport in backports)
        for name in {name for backport in backports for name in backport.adds | backport.drops} - shapes:
            assert name in by_name, (distribution, name)
        for name in {name for backport in backports for name in backport.adds} - shapes:
            line_format = by_name[name]
            own = any(distribution.startswith(distro) for distro in line_format.distros)
            assert own or Kernel.of(base).line(name) is not None, (distribution, name)


def test_lines_of_one_distribution_are_not_mainlines() -> None:
    for line_format in formats():
        if re.search(r"_(?:el\d|vz\d|openvz)", line_format.name):
            assert not line_format.mainline, line_format.name


@pytest.mark.parametrize("kind", [KeyKind.NODE, KeyKind.ZONE])
def test_keys_stand_in_the_order_of_every_kernel(kind: KeyKind) -> None:
    order = list(KEYS[kind])
    for arrangement in arrangements(kind):
        names = [key.name for key in arrangement.keys]
        assert names == sorted(names, key=order.index)


NEVER_WRITTEN = {
    Section.HEADER: {"compaction"},
    Section.CPU: {"taint_words", "stopper", "sched_ext"},
    Section.VERDICT: {"pinned", "ub_end", "lmk_to_free", "lmk_reason", "select_openvz", "kill_disabled"},
    Section.REAPER: {"reaper_gave_up"},
}
"""Lines that say nothing that the model keeps, or are parts of others."""


@pytest.mark.parametrize("section", [*NEVER_WRITTEN, Section.MEMCG, Section.CPUSET, Section.SYSRQ])
def test_every_line_has_a_kernel_that_writes_it(section: Section) -> None:
    chosen = {
        line_format.name
        for release in (*RELEASES, "2.6.22", "2.6.29", "2.6.34")
        for known in formats()
        if known.section is section and not known.tolerant
        if (line_format := Kernel.of(release).line(known.name)) is not None
    }
    every = {found.name for found in formats() if found.section is section and not found.tolerant}
    assert every - chosen <= NEVER_WRITTEN.get(section, set())
