"""Reports that were cut, wrapped, padded or elided on their way: what is left is right, and the rest is ``None``."""

import itertools
from dataclasses import replace

import pytest

import oomparse
from oomparse.errors import IssueCode
from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.header import Header
from oomparse.grammar.record import pieces
from oomparse.grammar.tasks import is_aligned, task_row
from oomparse.grammar.verdict import ConstraintLine
from oomparse.model import OomEvent, Scope
from tests.reports import global_report_3_10, memcg_report

SUMMARY = (
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=lab,mems_allowed=0-1,oom_memcg=/lab.slice,"
    "task_memcg=/lab.slice/box.scope,task=hog,pid=100,uid=1000"
)
OLD_MEMCG = [
    "hog invoked oom-killer: gfp_mask=0x24000c0, order=0, oom_score_adj=0",
    "hog cpuset=/ mems_allowed=0",
    "CPU: 0 PID: 25 Comm: hog Not tainted 4.4.155 #1",
    "Task in /pod/a killed as a result of limit of /pod",
    "memory: usage 40960kB, limit 40960kB, failcnt 8",
    "memory+swap: usage 40960kB, limit 9007199254740988kB, failcnt 0",
    "kmem: usage 0kB, limit 9007199254740988kB, failcnt 0",
    "Memory cgroup stats for /pod: cache:0KB rss:0KB",
    "Memory cgroup stats for /pod/a: cache:0KB rss:32768KB",
    "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
    "[   25]     0    25    10921    10292      26       3        0             0 hog",
    "Memory cgroup out of memory: Kill process 25 (hog) score 992 or sacrifice child",
    "Killed process 25 (hog) total-vm:43684kB, anon-rss:40712kB, file-rss:524kB",
]
ROW = "[    101]     0   101    43664     8381     8185        1       195   114688        0             0 slow-exit"
ROW_COLUMNS = (
    *("pid", "uid", "tgid", "total_vm", "rss", "rss_anon", "rss_file", "rss_shmem"),
    *("pgtables_bytes", "swapents", "oom_score_adj", "name"),
)


def stamped(texts: list[str]) -> list[str]:
    return [f"[{10 + number / 1000:12.6f}] {text}" for number, text in enumerate(texts)]


def the_event(lines: list[str]) -> OomEvent:
    (event,) = oomparse.parse(lines)
    return event


@pytest.mark.parametrize("width", range(20, len(SUMMARY)))
def test_a_cut_summary_has_no_half_of_a_value(width: int) -> None:
    parsed = parse_line(SUMMARY[:width])
    assert parsed is not None
    line = parsed.line
    assert isinstance(line, ConstraintLine)
    assert line.constraint in (None, "CONSTRAINT_MEMCG")
    assert line.nodemask in (None, "(null)")
    assert line.cpuset in (None, "lab")
    assert line.mems_allowed in (None, "0-1")
    assert line.oom_memcg in (None, "/lab.slice")
    assert line.task_memcg in (None, "/lab.slice/box.scope")
    assert (line.comm, line.pid) in ((None, None), ("hog", None), ("hog", 100))


@pytest.mark.parametrize("mark", ["…", "..."])
def test_an_elided_summary_keeps_what_stands_whole_in_it(mark: str) -> None:
    for start, stop in itertools.combinations(range(24, len(SUMMARY) - 24, 9), 2):
        parsed = parse_line(f"{SUMMARY[:start]}{mark}{SUMMARY[stop:]}")
        if parsed is None:
            continue
        line = parsed.line
        assert isinstance(line, ConstraintLine)
        assert line.damaged
        assert line.constraint in (None, "CONSTRAINT_MEMCG")
        assert line.mems_allowed in (None, "0-1")
        assert line.oom_memcg in (None, "/lab.slice")
        assert line.task_memcg in (None, "/lab.slice/box.scope")
        assert line.pid in (None, 100)


def test_a_cut_summary_that_names_a_limit_is_no_global_oom() -> None:
    event = the_event(["oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),oom_memcg=/lab.sli…"])
    assert event.scope is Scope.MEMCG
    assert event.memcg is None or event.memcg.oom_memcg is None


@pytest.mark.parametrize(
    "text",
    [
        "hog invoked oom-killer: gfp_mask=0x280...",
        "hog invoked oom-killer: gfp_mask=0x280…",
        "hog invoked oom-killer: gfp_mask=0x280",
    ],
)
def test_a_cut_mask_is_no_mask(text: str) -> None:
    parsed = parse_line(text)
    assert parsed is not None
    assert isinstance(parsed.line, Header)
    assert parsed.line.gfp_mask is None


def test_a_cut_nodemask_is_not_an_empty_one() -> None:
    parsed = parse_line("hog invoked oom-killer: gfp_mask=0x6200ca(GFP_HIGHUSER_MOVABLE), nodemask=(nul>")
    assert parsed is not None
    assert isinstance(parsed.line, Header)
    assert (parsed.line.gfp_mask, parsed.line.nodemask) == (0x6200CA, None)


def test_statistics_of_a_child_do_not_name_the_limited_cgroup() -> None:
    """From 3.9 to 5.2 every cgroup below the limited one is printed; a cut report may begin with any of them."""
    for begin, expected in ((3, "/pod"), (4, "/pod"), (7, None), (8, None)):
        event = the_event(stamped(OLD_MEMCG[begin:]))
        memcg = event.memcg
        assert memcg is not None
        assert memcg.oom_memcg == expected
        assert memcg.stats == ({"cache": 0, "rss": 0} if expected else None)
        assert memcg.hierarchy is not None
        assert memcg.hierarchy["/pod/a"] == {"cache": 0, "rss": 32768}


@pytest.mark.parametrize("at", range(20, len(ROW) - 9))
def test_a_row_that_a_terminal_broke_is_put_together(at: int) -> None:
    assert is_aligned(ROW)
    (piece,) = pieces(f"{ROW[:at]}\n{ROW[at:]}")
    row = task_row(ROW_COLUMNS, piece.text)
    assert row is not None
    assert (row.rss_file_pages, row.rss_shmem_pages, row.pgtables_bytes, row.oom_score_adj, row.comm) == (
        1,
        195,
        114688,
        0,
        "slow-exit",
    )


def test_rows_with_blanks_behind_them() -> None:
    rows = the_event(stamped([line.ljust(120) for line in OLD_MEMCG])).tasks
    assert rows is not None
    assert [row.comm for row in rows] == ["hog"]


def test_a_row_without_a_name_has_none() -> None:
    row = task_row(ROW_COLUMNS, ROW.removesuffix(" slow-exit"))
    assert row is not None
    assert (row.oom_score_adj, row.comm) == (0, None)


def test_a_uid_that_the_kernel_prints_as_negative() -> None:
    """It is printed with ``%d``, and 4294967294 becomes -2."""
    lines = [line.replace("]  1000", "]    -2").replace("uid=1000", "uid=-2") for line in memcg_report(kill=False)]
    event = the_event(stamped(lines))
    assert {issue.code for issue in event.issues} == {IssueCode.MISSING_KILL_LINE, IssueCode.TRUNCATED_TAIL}
    assert event.victim is not None
    assert (event.victim.pid, event.victim.uid) == (100, -2)
    assert event.tasks is not None
    assert [row.uid for row in event.tasks] == [0, -2]


def test_a_wrapped_name_is_read_as_the_other_lines_have_it() -> None:
    lines = global_report_3_10("a b", selected=50, killed=50)
    lines[-2:] = [
        "Out of memory: Kill process 50 (a\nb) score 812 or sacrifice child",
        "Killed process 50 (a b) total-vm:12466024kB, anon-rss:7625016kB, file-rss:2608kB",
    ]
    event = the_event("\n".join(lines).split("\n"))
    assert event.selected is not None
    assert event.victim is not None
    assert (event.selected.comm, event.victim.comm) == ("a b", "a b")


def test_a_name_with_a_newline_in_a_log_without_stamps() -> None:
    event = the_event("\n".join(memcg_report("nl\nhog")).split("\n"))
    assert event.invoker is not None
    assert event.victim is not None
    assert (event.invoker.comm, event.victim.comm) == ("nl\nhog", "nl\nhog")


def test_a_wrapped_path_has_no_blank_where_it_was_broken() -> None:
    path = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3fd4c1a2.slice"
    lines = [
        line if at != 3 else f"Task in {path} killed as a result of limit of {path}"
        for at, line in enumerate(OLD_MEMCG)
    ]
    for at in range(100, len(lines[3]) - 1):
        wrapped = [*stamped(lines[:3]), f"[   10.003000] {lines[3][:at]}", lines[3][at:], *stamped(lines)[4:]]
        event = the_event(wrapped)
        assert event.memcg is not None
        assert (event.memcg.oom_memcg, event.memcg.task_memcg) == (path, path), lines[3][:at]


def test_a_word_behind_a_path_is_no_part_of_it() -> None:
    event = the_event([*OLD_MEMCG[:4], "done", *OLD_MEMCG[4:]])
    assert event.memcg is not None
    assert (event.memcg.oom_memcg, event.unknown_lines) == ("/pod", ("done",))


def test_a_line_that_a_typesetter_broke() -> None:
    lines = stamped(memcg_report())
    at = next(number for number, line in enumerate(lines) if "oom-kill:" in line)
    lines[at : at + 1] = [lines[at][:15], f"   ↪{lines[at][15:]}"]
    event = the_event(lines)
    assert event.constraint == "CONSTRAINT_MEMCG"
    assert event.issues == ()


def test_what_distributions_alone_print_dates_a_report() -> None:
    event = the_event(
        [
            "Out of memory: Kill process 992 (httpd) score 0 or sacrifice child",
            "Killed process 992, UID 48, (httpd) total-vm:3355660kB, anon-rss:1615472kB, file-rss:10664kB",
        ]
    )
    assert event.era is not None
    assert (event.era.since, event.era.until, event.era.consistent) == ("2.6.32", "2.6.32", True)


def test_a_reserve_whose_end_is_cut() -> None:
    """The pages that a zone keeps for the higher ones become more from zone to zone, never less."""
    lines = [
        "java invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0",
        "Mem-Info:",
        "Node 0 DMA free:2004kB min:60kB low:72kB high:88kB active:732kB inactive:1048kB present:10944kB "
        "pages_scanned:5839 all_unreclaimable? yes",
        "lowmem_reserve[]: 0 488 488 48",
        "Node 0 DMA32 free:2780kB min:2kB low:72kB high:88kB active:732kB inactive:1048kB present:10944kB "
        "pages_scanned:5839 all_unreclaimable? yes",
        "lowmem_reserve[]: 0 0 0 0",
    ]
    meminfo = the_event(lines).meminfo
    assert meminfo is not None
    assert [zone.lowmem_reserve_pages for zone in meminfo.zones] == [None, (0, 0, 0, 0)]


def test_per_cpu_lists_whose_title_is_lost() -> None:
    lines = [
        "java invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0",
        "Mem-Info:",
        "Node 0 DMA per-cpu:",
        "CPU    0: hi:    0, btch:   1 usd:   0",
        "CPU    0: hi:  186, btch:  31 usd:  33",
    ]
    meminfo = the_event(lines).meminfo
    assert meminfo is not None
    assert [(found.zone, found.high_pages) for found in meminfo.per_cpu] == [("DMA", 0), (None, 186)]


@pytest.mark.parametrize("between", ["", " "])
@pytest.mark.parametrize(
    "lines",
    [
        [*OLD_MEMCG, *(line.replace("hog", "b b").replace("25", "26") for line in OLD_MEMCG)],
        memcg_report(),
        [*memcg_report("a", 1), *memcg_report("b b", 2)],
    ],
)
def test_a_whole_report_on_one_physical_line(lines: list[str], between: str) -> None:
    def told(event: OomEvent) -> dict[str, object]:
        tree = event.to_dict()
        return {key: tree[key] for key in ("invoker", "cpuset", "memcg", "victims", "tasks", "scope", "outcome")}

    text = between.join(lines)
    assert len(text) > 1024
    assert [told(event) for event in oomparse.parse(text)] == [told(event) for event in oomparse.parse(lines)]


def test_indented_statistics() -> None:
    event = the_event([f"    {line}" for line in memcg_report()])
    assert event.unknown_lines == ()
    assert event.memcg is not None
    assert event.memcg.stats == {"anon": 33484800, "file": 4096}


def test_cut_kill_lines_in_a_row_are_a_kill_each() -> None:
    lines = [
        "Out of memory: Killed process 11 (a) total-vm:68160kB, anon-rss:30740kB, fi",
        "Out of memory: Killed process 12 (b) total-vm:68160kB, anon-rss:307",
        "Memory cgroup out of memory: Killed process 13 (c) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, shm",
        "Memory cgroup out of memory: Killed process 13 (c) total-vm:68160kB, anon-rss:30740k",
    ]
    for log in (lines, stamped(lines)):
        victims = [(event.victim.pid, event.victim.anon_rss_kb) for event in oomparse.parse(log) if event.victim]
        assert victims == [(11, 30740), (12, None), (13, 30740)]


@pytest.mark.parametrize(
    "text",
    [
        "[<c0144d5d>] __alloc_pages+0x26f/0x31boom-killer: gfp_mask=0xd0, order=1",
        "[<c01484c4>] <4>oom-killer: gfp_mask=0xd0, order=1",
    ],
)
def test_a_header_without_a_name_that_is_glued_to_a_frame(text: str) -> None:
    event = the_event([text, "Out of Memory: Kill process 3010 (httpd) score 4711 and children."])
    assert event.gfp_mask is not None
    assert (event.gfp_mask.value, event.order) == (0xD0, 1)
    assert event.invoker is not None
    assert event.invoker.comm is None


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (" ", "\u00a0", None),
        ("total_vm      rss", "total_vm (01)nrss", "rss_pages"),
        (" swapents", " <redacted>", "swapents_pages"),
    ],
)
def test_a_task_title_that_went_through_hands(old: str, new: str, lost: str | None) -> None:
    lines = [line.replace(old, new) if line.startswith("[ pid ]") else line for line in OLD_MEMCG]
    rows, whole = the_event(stamped(lines)).tasks, the_event(stamped(OLD_MEMCG)).tasks
    assert rows is not None
    assert whole is not None
    assert len(whole) == 1
    assert list(rows) == [row if lost is None else replace(row, **{lost: None}) for row in whole]


def test_a_cut_reaper_line_keeps_what_has_its_unit() -> None:
    event = the_event(["oom_reaper: reaped process 5 (x), now anon-rss:4kB, file-rss:8kB, shmem-rss:1"])
    assert event.victim is not None
    reaper = event.victim.reaper
    assert reaper is not None
    assert (reaper.anon_rss_kb, reaper.file_rss_kb, reaper.shmem_rss_kb) == (4, 8, None)


PIECES = (
    *("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)", ",cpuset=", "lab", ",mems_allowed=0", ",oom_memcg="),
    *("/lab/box", ",task_memcg=", "/lab/box", ",task=hog,pid=100,uid=1000"),
)


@pytest.mark.parametrize("at", range(1, len(PIECES)))
def test_a_summary_that_another_processors_trace_broke(at: int) -> None:
    report = memcg_report()
    trace = [
        "==================================================================",
        "BUG: KASAN: use-after-free in tcp_init_tso_segs+0x19d/0x1f0",
        "CPU: 3 PID: 10042 Comm: other Not tainted 6.12.1-amd64 #1",
        "Call Trace:",
        *(f" frame_{number}+0x1/0x2" for number in range(40)),
        "Allocated by task 10042:",
    ]
    lines = [*report[:-2], "".join(PIECES[:at]), *trace, "".join(PIECES[at:]), report[-1]]
    for log in (lines, stamped(lines)):
        event = the_event(log)
        memcg = event.memcg
        assert memcg is not None
        assert (event.constraint, event.cpuset) == ("CONSTRAINT_MEMCG", "lab")
        assert (memcg.oom_memcg, memcg.task_memcg) == ("/lab/box", "/lab/box")
        assert event.victim is not None
        assert (event.victim.pid, event.victim.anon_rss_kb) == (100, 30740)


@pytest.mark.parametrize("width", [64, 72, 80, 200])
def test_a_group_kill_whose_lines_are_cut_is_one_event(width: int) -> None:
    lines = [
        *memcg_report(),
        "Tasks in /lab/box are going to be killed due to memory.oom.group set",
        *(memcg_report("hog", pid)[-1] for pid in (100, 101, 102)),
    ]
    event = the_event([line[:width] for line in stamped(lines)])
    assert [victim.pid for victim in event.victims] == [100, 101, 102]


def test_statistics_that_fill_a_record_before_those_of_another_cgroup() -> None:
    """What may be cut belongs to the cgroup that it was printed for."""
    stats = ["anon 4096"] * 97
    stats.append("shmem " + "1" * (991 - sum(map(len, stats)) - len(stats) - len("shmem ")))
    assert len("\n".join(stats)) == 991
    assert len(stats[-1]) < len("shmem ") + 20
    log = (
        "hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        *("Memory cgroup stats for /a:", *stats, "Memory cgroup stats for /b:"),
        "Memory cgroup out of memory: Killed process 5 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB",
    )
    (event,) = oomparse.parse(log)
    assert event.memcg is not None
    assert event.memcg.hierarchy == {"/a": {"anon": 4096}, "/b": {}}
