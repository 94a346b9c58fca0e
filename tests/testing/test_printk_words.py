"""The writer: what each kernel says, compared with its source."""

import re
from dataclasses import replace

import pytest

from oomparse import (
    EventTime,
    GfpMask,
    Memcg,
    OomEvent,
    Outcome,
    Role,
    Scope,
    Selection,
    Source,
    Trait,
    Victim,
)
from oomparse.errors import Issue, IssueCode
from oomparse.sections import TaskRow, TaskTable
from oomparse.testing.printk import NotRepresentableError, messages, representable, stated, write
from tests.incident import IN_A_CGROUP, INCIDENT, differences, parsed

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
