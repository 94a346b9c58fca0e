"""What a report tells of the owner of the memory, beyond the paths: cgroup version, OpenVZ's beancounters."""

import pytest

import oomparse

HEAD = "hog invoked oom-killer: gfp_mask=0x14000c0(GFP_KERNEL), nodemask=(null),  order=0, oom_score_adj=0\n"
UNLIMITED = "9007199254740988kB, failcnt 0"
TASK_IN = "Task in /box killed as a result of limit of /box\n"
KILL = "Memory cgroup out of memory: Kill process 7 (hog) score 999 or sacrifice child\n"


def memcg_of(counters: str, release: str = "4.19.78") -> oomparse.OomEvent:
    cpu = f"CPU: 0 PID: 7 Comm: hog Not tainted {release} #1\n"
    return next(iter(oomparse.parse(HEAD + cpu + TASK_IN + counters + KILL)))


@pytest.mark.parametrize(
    ("memsw", "kmem", "release", "version"),
    [
        # Both versions print these lines from 4.5 to 5.2; cgroup v2 counts in neither.
        ("65536kB", "0kB", "4.19.78", 1),
        ("0kB", "164kB", "4.19.78", 1),
        ("0kB", "0kB", "4.19.78", None),
        ("0kB", "0kB", "3.10.0-957.el7.x86_64", 1),
    ],
)
def test_cgroup_version(memsw: str, kmem: str, release: str, version: int | None) -> None:
    event = memcg_of(
        f"memory: usage 65536kB, limit 65536kB, failcnt 9\nmemory+swap: usage {memsw}, limit {UNLIMITED}\n"
        f"kmem: usage {kmem}, limit {UNLIMITED}\n",
        release,
    )
    assert event.memcg is not None
    assert event.memcg.version == version


def test_swap_line_is_of_cgroup_v2() -> None:
    event = memcg_of(f"memory: usage 65536kB, limit 65536kB, failcnt 9\nswap: usage 0kB, limit {UNLIMITED}\n", "5.10.0")
    assert event.memcg is not None
    assert event.memcg.version == 2


@pytest.mark.parametrize(
    ("line", "container"),
    [
        (
            "Out of memory in UB 25187: OOM killed process 21091 (hog) score 0 vm:4228424kB, rss:3102376kB, swap:5kB",
            "25187",
        ),
        (
            'Killed process 21945 (mysqld) in VE "1042" total-vm:33558652kB, anon-rss:920kB, file-rss:452kB, '
            "shmem-rss:0kB",
            "1042",
        ),
    ],
)
def test_openvz_container(line: str, container: str) -> None:
    (event,) = oomparse.parse(line + "\n")
    assert event.identity is not None
    assert (event.identity.kind, event.identity.container_id) == ("openvz", container)


def test_ve_0_is_the_host() -> None:
    (event,) = oomparse.parse(
        'Killed process 7 (hog) in VE "0" total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB\n'
    )
    assert event.identity is None


@pytest.mark.parametrize(
    ("nodemask", "allowed", "scope"),
    [
        ("1", "0-1", oomparse.Scope.MEMORY_POLICY),
        ("0-1", "0-1", oomparse.Scope.GLOBAL),
        # 4.9 and 4.10 print the cpuset's nodes where there is no policy.
        ("1", "1", oomparse.Scope.GLOBAL),
        ("(null)", "0-1", oomparse.Scope.GLOBAL),
    ],
)
def test_memory_policy_from_4_9_to_4_20(nodemask: str, allowed: str, scope: oomparse.Scope) -> None:
    header = HEAD.replace("nodemask=(null)", f"nodemask={nodemask}")
    kill = "Out of memory: Kill process 7 (hog) score 999 or sacrifice child\n"
    event = next(iter(oomparse.parse(f"{header}hog cpuset=/ mems_allowed={allowed}\n{kill}")))
    assert event.scope is scope
    assert (event.scope_evidence[0].text == header.rstrip()) is (scope is oomparse.Scope.MEMORY_POLICY)
