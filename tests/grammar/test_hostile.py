"""A process chooses its own name: whatever it is, the line yields exactly that name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.header import CpuLine, CpusetLine, Header
from oomparse.grammar.kill import Killed
from oomparse.grammar.reaper import Reaped
from oomparse.grammar.tasks import TaskHeader, TaskLine, task_rows
from oomparse.grammar.verdict import ConstraintLine, NotKilled, Selected, SharingMm, split_memcgs

NAMES = [
    "",
    " ",
    "a) (b",
    ") total-vm:1kB",
    "x, UID:0 y",
    "nl\nhog",
    "nl\n[ 9.9] Kill",
    "1 (init) total",
    ",pid=1,uid=0",
    "invoked oom-ki",
    "Killed process",
    "[12] 0 1 2 3 4",
    "%s%n",
    'q"uo\\te',
    "tab\thog",
    "\udcff\udcfe\udc80hog",
    "é€",
    "()",
    "((agetty))",
    "Plex Media Serv",
]

comms = st.one_of(
    st.sampled_from(NAMES),
    st.binary(max_size=15).filter(lambda raw: b"\0" not in raw).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


@pytest.mark.parametrize("comm", NAMES)
def test_kill_lines(comm: str) -> None:
    check_kill_lines(comm)


@given(comms)
def test_any_kill_lines(comm: str) -> None:
    check_kill_lines(comm)


def check_kill_lines(comm: str) -> None:
    sizes = "total-vm:43568kB, anon-rss:16380kB, file-rss:0kB"
    for text in (
        f"Out of memory: Killed process 7 ({comm}) {sizes}, shmem-rss:5kB, UID:9 pgtables:80kB oom_score_adj:-3",
        f"Memory cgroup out of memory: Killed process 7 ({comm}) {sizes}, shmem-rss:5kB",
        f"Killed process 7 ({comm}) {sizes}, shmem-rss:5kB",
        f"Killed process 7 ({comm}) {sizes}",
        f"Killed process 7 ({comm}), UID 9, {sizes}, shmem-rss:5kB",
        f"Killed process 7, UID 9, ({comm}) {sizes}",
        f"Killed process 7 ({comm}) vsz:43568kB, anon-rss:16380kB, file-rss:0kB",
    ):
        parsed = parse_line(text)
        assert parsed is not None, text
        line = parsed.line
        assert isinstance(line, Killed)
        assert (line.pid, line.comm, line.total_vm_kb, line.anon_rss_kb) == (7, comm, 43568, 16380), text
        assert not line.damaged


@given(comms)
def test_other_lines(comm: str) -> None:
    parsed = parse_line(f"{comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=5")
    assert parsed is not None
    assert isinstance(parsed.line, Header)
    assert (parsed.line.comm, parsed.line.oom_score_adj) == (comm, 5)

    parsed = parse_line(f"oom_reaper: reaped process 7 ({comm}), now anon-rss:1kB, file-rss:2kB, shmem-rss:3kB")
    assert parsed is not None
    assert isinstance(parsed.line, Reaped)
    assert (parsed.line.comm, parsed.line.shmem_rss_kb) == (comm, 3)

    parsed = parse_line(f"Out of memory: Kill process 7 ({comm}) score 12 or sacrifice child")
    assert parsed is not None
    assert isinstance(parsed.line, Selected)
    assert (parsed.line.comm, parsed.line.score) == (comm, 12)

    parsed = parse_line(f"Kill process 7 ({comm}) sharing same memory")
    assert parsed is not None
    assert isinstance(parsed.line, SharingMm)
    assert parsed.line.comm == comm

    parsed = parse_line(f"Out of memory: OOM victim 7 ({comm}) is already exiting. Skip killing the task")
    assert parsed is not None
    assert isinstance(parsed.line, NotKilled)
    assert parsed.line.comm == comm


@pytest.mark.parametrize("comm", NAMES)
def test_summary(comm: str) -> None:
    parsed = parse_line(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,"
        f"task={comm},pid=97,uid=0"
    )
    assert parsed is not None
    line = parsed.line
    assert isinstance(line, ConstraintLine)
    assert (line.comm, line.pid, line.oom_memcg, line.task_memcg) == (comm, 97, "/a", "/a/b")


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        (",global_oom,task_memcg=/", (True, None, "/")),
        (",oom_memcg=/a,task_memcg=/a/b", (False, "/a", "/a/b")),
        (",oom_memcg=/x,task_memcg=y,task_memcg=/x,task_memcg=y/z", (False, "/x,task_memcg=y", "/x,task_memcg=y/z")),
        (",oom_memcg=/,task_memcg=/a", (False, "/", "/a")),
        ("", (False, None, None)),
    ],
)
def test_memcgs_are_split_where_the_victim_lies_below(middle: str, expected: tuple[bool, str, str]) -> None:
    assert split_memcgs(middle) == expected


@pytest.mark.parametrize("comm", [name for name in NAMES if name == name.strip()])
def test_task_row(comm: str) -> None:
    header = parse_line("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name")
    assert header is not None
    assert isinstance(header.line, TaskHeader)
    text = f"[     99]     4    99     1167      666    45056        2            -3 {comm}"
    row_line = parse_line(text)
    assert row_line is not None
    assert isinstance(row_line.line, TaskLine)
    rows = task_rows([header.line, TaskLine(text=text)])
    assert rows is not None
    (row,) = rows
    assert (row.pid, row.uid, row.pgtables_bytes, row.oom_score_adj, row.comm) == (99, 4, 45056, -3, comm)


def test_cpuset_and_cpu() -> None:
    parsed = parse_line("a cpuset=b cpuset=x y,z mems_allowed=0-1")
    assert parsed is not None
    assert isinstance(parsed.line, CpusetLine)
    assert parsed.line.mems_allowed == "0-1"
    parsed = parse_line("CPU: 1 PID: 5 Comm: Tainted: P 1.2 Not tainted 6.1.0 #1")
    assert parsed is not None
    assert isinstance(parsed.line, CpuLine)
    assert parsed.line.release == "6.1.0"
