"""Two reports that two processors print at once, as kernels before 4.2 can: nothing of one is told of the other."""

import random
from dataclasses import dataclass

import pytest

import oomparse
from oomparse.model import OomEvent, Scope


@dataclass(frozen=True)
class Report:
    """A report and what it says."""

    comm: str
    pid: int
    memcg: str | None
    rss_kb: int
    limit_kb: int

    def lines(self) -> list[str]:
        comm, pid, memcg = self.comm, self.pid, self.memcg
        lines = [
            f"{comm} invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0",
            f"{comm} cpuset=/ mems_allowed=0",
            f"CPU: {pid % 4} PID: {pid} Comm: {comm} Not tainted 3.10.0-1160.el7.x86_64 #1",
            "Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2 04/01/2014",
            "Call Trace:",
            " [<ffffffff81162487>] dump_stack+0x4d/0x66",
        ]
        if memcg is None:
            lines += ["Mem-Info:", "active_anon:1 inactive_anon:2 isolated_anon:0", f"{pid} pages RAM"]
        else:
            lines += [
                f"Task in {memcg}/a killed as a result of limit of {memcg}",
                f"memory: usage {self.limit_kb}kB, limit {self.limit_kb}kB, failcnt {pid}",
                f"memory+swap: usage {self.limit_kb}kB, limit 9007199254740988kB, failcnt 0",
                "kmem: usage 0kB, limit 9007199254740988kB, failcnt 0",
                f"Memory cgroup stats for {memcg}: cache:0KB rss:{self.rss_kb}KB",
                f"Memory cgroup stats for {memcg}/a: cache:0KB rss:{self.rss_kb}KB",
            ]
        message = "Out of memory" if memcg is None else "Memory cgroup out of memory"
        return [
            *lines,
            "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
            f"[{pid:5d}]     0 {pid:5d}    10921 {self.rss_kb:8d}      26        0             0 {comm}",
            f"{message}: Kill process {pid} ({comm}) score 992 or sacrifice child",
            f"Killed process {pid} ({comm}), UID {pid}, total-vm:43684kB, anon-rss:{self.rss_kb}kB, file-rss:524kB, "
            "shmem-rss:0kB",
        ]


LEFT = Report("hog", 101, "/left", 1111, 40960)
OTHERS = (
    Report("right", 202, "/right", 2222, 20480),
    Report("hog", 202, "/right", 2222, 20480),
    Report("right", 202, None, 2222, 20480),
)


def mixed(left: Report, right: Report, seed: int) -> list[tuple[int, str]]:
    """Both reports' lines, each in its own order, in runs of up to ten."""
    chance = random.Random(seed)
    waiting = {report.pid: report.lines() for report in (left, right)}
    longest = chance.choice((1, 3, 9))
    lines: list[tuple[int, str]] = []
    while waiting:
        pid = chance.choice(list(waiting))
        run = chance.randint(1, longest)
        lines += [(pid, text) for text in waiting[pid][:run]]
        waiting[pid] = waiting[pid][run:]
        if not waiting[pid]:
            del waiting[pid]
    return lines


def check(event: OomEvent, report: Report, *, whole: bool) -> None:
    """What the event says is of this report; if ``whole``, it says all."""
    none = () if whole else (None,)
    assert event.victim is not None
    assert event.invoker is not None or not whole
    if event.invoker is not None:
        assert event.invoker.pid in (report.pid, *none)
    memcg = event.memcg
    assert (memcg.oom_memcg if memcg else None) in (report.memcg, *none)
    if memcg is not None and report.memcg is not None:
        assert memcg.task_memcg in (f"{report.memcg}/a", *none)
        assert memcg.limit_kb in (report.limit_kb, *none)
        assert (memcg.stats or {}).get("rss") in (report.rss_kb, *none)
    assert event.scope in (Scope.MEMCG if report.memcg else Scope.GLOBAL, *(() if whole else (Scope.UNKNOWN,)))
    assert [row.pid for row in event.tasks or ()] in ([report.pid], *(() if whole else ([],)))


@pytest.mark.parametrize("right", OTHERS, ids=("name", "cgroup", "global"))
@pytest.mark.parametrize("seed", range(120))
def test_nothing_of_one_is_told_of_the_other(right: Report, seed: int) -> None:
    reports = {report.pid: report for report in (LEFT, right)}
    lines = mixed(LEFT, right, seed)
    bare = [text for _, text in lines]
    stamped = [f"[{10 + at / 10_000:12.6f}] {text}" for at, text in enumerate(bare)]
    for log in (bare, stamped):
        events = [event for event in oomparse.parse(log) if event.victims]
        assert sorted(event.victims[0].pid or 0 for event in events) == sorted(reports)
        for event in events:
            check(event, reports[event.victims[0].pid or 0], whole=False)
            assert event.victims[0].anon_rss_kb == reports[event.victims[0].pid or 0].rss_kb


@pytest.mark.parametrize("right", OTHERS, ids=("name", "cgroup", "global"))
@pytest.mark.parametrize("seed", range(20))
def test_caller_ids_tell_them_apart(right: Report, seed: int) -> None:
    reports = {report.pid: report for report in (LEFT, right)}
    lines = mixed(LEFT, right, seed)
    log = [f"[{10 + at / 10_000:12.6f}][{f'T{pid}':>6}] {text}" for at, (pid, text) in enumerate(lines)]
    events = list(oomparse.parse(log))
    assert sorted(event.victims[0].pid or 0 for event in events) == sorted(reports)
    for event in events:
        check(event, reports[event.victims[0].pid or 0], whole=True)
