"""Where reports begin and end, and which line belongs to which."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from oomparse.assembler import MAX_HOSTS, MAX_OPEN_REPORTS, Assembler
from oomparse.errors import IssueCode, LineSyntaxError
from oomparse.message import Message
from oomparse.model import OomEvent, Outcome, ReaperOutcome, Role, Scope, Trait
from tests.reports import assemble, global_report_3_10, memcg_kill, memcg_report, messages, reaped


def codes(event: OomEvent) -> set[IssueCode]:
    return {issue.code for issue in event.issues}


def test_whole_report() -> None:
    (event,) = assemble(messages(memcg_report()))
    assert event.outcome is Outcome.KILLED
    assert event.scope is Scope.MEMCG
    assert event.complete
    assert event.issues == ()
    assert event.invoker is not None
    assert (event.invoker.comm, event.invoker.pid, event.invoker.uid, event.invoker.cpu) == ("hog", 100, 1000, 1)
    assert event.gfp_mask is not None
    assert (event.gfp_mask.value, event.gfp_mask.flags, event.gfp_mask.printed) == (
        0xCC0,
        ("GFP_KERNEL",),
        "GFP_KERNEL",
    )
    assert event.memcg is not None
    assert (event.memcg.oom_memcg, event.memcg.task_memcg) == ("/lab/box", "/lab/box")
    assert (event.memcg.usage_kb, event.memcg.limit_kb, event.memcg.failcnt) == (32768, 32768, 18)
    assert event.memcg.stats == {"anon": 33484800, "file": 4096}
    assert event.memcg.stats_unit == "bytes"
    assert event.tasks is not None
    assert [row.comm for row in event.tasks.top(1)] == ["hog"]
    assert event.victim is not None
    assert (event.victim.pid, event.victim.comm, event.victim.uid, event.victim.anon_rss_kb) == (
        100,
        "hog",
        1000,
        30740,
    )
    assert event.time.monotonic_seconds == 10.0
    assert event.time.printed == "10.000000"
    assert (event.source.line_start, event.source.line_end) == (1, 14)
    assert event.source.kernel_release == "6.12.1-amd64"
    assert event.era is not None
    assert event.era.agrees


def test_a_kill_is_delivered_with_its_line_and_the_reaper_follows() -> None:
    assembler = Assembler()
    texts = messages(memcg_report())
    for message in texts[:-1]:
        assert assembler.feed(message) == ()
    (first,) = assembler.feed(texts[-1])
    assert (first.revision, first.outcome) == (1, Outcome.KILLED)
    (late,) = messages([reaped("hog", 100)], start=12.0)
    (second,) = assembler.feed(late)
    assert (second.event_id, second.revision) == (first.event_id, 2)
    assert second.victim is not None
    assert second.victim.reaper is not None
    assert (second.victim.reaper.outcome, second.victim.reaper.shmem_rss_kb) == (ReaperOutcome.REAPED, 524)
    assert assembler.close() == ()


def test_batch_gives_each_event_once_in_order() -> None:
    log = messages(
        [*memcg_report("a", 1), *memcg_report("b", 2), reaped("a", 1), *memcg_report("c", 3), reaped("b", 2)]
    )
    events = assemble(log)
    assert [event.victim.comm for event in events if event.victim] == ["a", "b", "c"]
    assert [event.revision for event in events] == [1, 1, 1]
    assert [bool(event.victim and event.victim.reaper) for event in events] == [True, True, False]


def test_group_kill_counts_the_first_victim_once() -> None:
    group = "Tasks in /lab/box are going to be killed due to memory.oom.group set"
    log = [*memcg_report(), group, memcg_kill("w", 7), memcg_kill("hog", 100), memcg_kill("w", 8)]
    (event,) = assemble(messages(log))
    assert [(victim.pid, victim.role) for victim in event.victims] == [
        (100, Role.SELECTED),
        (7, Role.GROUP),
        (8, Role.GROUP),
    ]
    assert Trait.GROUP_KILL in event.traits


def test_child_in_place_of_its_parent() -> None:
    (event,) = assemble(messages(global_report_3_10(selected=50, killed=51)))
    assert event.scope is Scope.GLOBAL
    assert event.selected is not None
    assert (event.selected.pid, event.selected.oom_score) == (50, 812)
    assert event.victim is not None
    assert (event.victim.pid, event.victim.role, event.victim.oom_score) == (51, Role.CHILD, None)


def test_decoded_gfp_mask_of_an_old_kernel() -> None:
    (event,) = assemble(messages(global_report_3_10()))
    assert event.gfp_mask is not None
    assert event.gfp_mask.flags == ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")
    assert event.gfp_mask.printed is None


def test_kill_lines_without_reports_are_events_of_their_own() -> None:
    events = assemble(messages([memcg_kill("a", 1), memcg_kill("b", 2), memcg_kill("b", 3)]))
    assert [(event.victim.pid, event.complete) for event in events if event.victim] == [
        (1, False),
        (2, False),
        (3, False),
    ]
    assert all(codes(event) == {IssueCode.TRUNCATED_HEAD} for event in events)
    assert all(event.scope is Scope.MEMCG for event in events)


def test_lone_lines() -> None:
    for text, outcome in (
        (memcg_report()[0], Outcome.TRUNCATED),
        (memcg_report()[-2], Outcome.TRUNCATED),
        (memcg_kill("a", 1), Outcome.KILLED),
        (reaped("a", 1), Outcome.KILLED),
    ):
        (event,) = assemble(messages([text]))
        assert event.outcome is outcome
        assert not event.complete


def test_two_summaries_are_two_events() -> None:
    first, second = memcg_report("a", 1)[-2], memcg_report("b", 2)[-2]
    events = assemble(messages([first, second]))
    assert [event.victim.comm for event in events if event.victim] == ["a", "b"]


def test_no_victim_then_panic() -> None:
    texts = memcg_report(kill=False)[:-1]
    (event,) = assemble(messages([*texts, "Out of memory and no killable processes..."]))
    assert (event.outcome, event.victims, event.complete) == (Outcome.NO_VICTIM, (), True)
    panic = "Kernel panic - not syncing: System is deadlocked on memory"
    (event,) = assemble(messages([*texts, "Out of memory and no killable processes...", panic]))
    assert (event.outcome, event.panic) == (Outcome.PANIC, "System is deadlocked on memory")


def test_panic_that_is_no_oom_makes_no_event() -> None:
    assert assemble(messages(["Kernel panic - not syncing: Attempted to kill init!"])) == []


def test_victim_already_exiting() -> None:
    text = "Memory cgroup out of memory: OOM victim 100 (hog) is already exiting. Skip killing the task"
    (event,) = assemble(messages([*memcg_report(kill=False), text]))
    assert event.outcome is Outcome.VICTIM_EXITING
    assert event.victim is not None
    assert event.victim.pid == 100


def test_interleaved_by_caller_id() -> None:
    left = messages(memcg_report("left", 1, "/l"), caller="T1")
    right = messages(memcg_report("right", 2, "/r"), caller="T2", start=10.00005)
    both = sorted([*left, *right], key=lambda message: message.monotonic_us or 0)
    events = assemble(both)
    assert [(event.victim.comm, event.invoker.pid) for event in events if event.victim and event.invoker] == [
        ("left", 1),
        ("right", 2),
    ]
    for event, path in zip(events, ("/l", "/r"), strict=True):
        assert event.memcg is not None
        assert event.memcg.oom_memcg == path
        assert event.tasks is not None
        assert len(event.tasks) == 2
        assert event.complete


def test_interleaved_by_misfortune() -> None:
    left, right = memcg_report("left", 1, "/l"), memcg_report("right", 2, "/r")
    events = assemble(messages([left[0], right[0], left[1], right[1], *left[2:9], *right[2:9], *left[9:], *right[9:]]))
    assert [event.victim.comm for event in events if event.victim] == ["left", "right"]
    assert [event.invoker.comm for event in events if event.invoker] == ["left", "right"]
    assert any(IssueCode.INTERLEAVED in codes(event) for event in events)


def test_hosts_are_kept_apart() -> None:
    one, two = messages(memcg_report("a", 1), host="one"), messages(memcg_report("b", 2), host="two", start=500.0)
    events = assemble(message for pair in zip(one, two, strict=True) for message in pair)
    assert [(event.source.host, event.complete) for event in events] == [("one", True), ("two", True)]


def test_foreign_lines_are_kept_and_counted() -> None:
    texts = memcg_report()
    (event,) = assemble(messages([*texts[:5], "e1000: eth0 link is up", *texts[5:], "after the end"]))
    assert event.unknown_lines == ("e1000: eth0 link is up",)
    (issue,) = event.issues
    assert (issue.code, issue.detail, issue.line) == (IssueCode.UNKNOWN_LINE, "e1000: eth0 link is up", 6)


def test_a_foreign_line_of_an_earlier_date_ends_no_report() -> None:
    then = datetime(2026, 11, 21, 3, 18, 24, tzinfo=UTC)
    found = [replace(message, wall=then) for message in messages(memcg_report())]
    late = Message(text="usb 1-1: reset", wall=then - timedelta(days=6), printed="Nov 15 03:18:24")
    for at in range(1, len(found)):
        (event,) = assemble([*found[:at], late, *found[at:]])
        assert event.complete
    (first, second) = assemble([*found[:-1], replace(found[-1], wall=late.wall, monotonic_us=None)])
    assert (first.outcome, second.complete) == (Outcome.TRUNCATED, False)


def test_lines_printed_in_parts_and_broken_by_others() -> None:
    texts = memcg_report()
    path, summary = texts[5], texts[-2]
    noise = "e1000: eth0 link is up"
    broken = [
        *texts[:5],
        "Memory cgroup stats for ",
        noise,
        path.removeprefix("Memory cgroup stats for ").removesuffix(":"),
        noise,
        ":",
        *texts[6:-2],
        *(
            part
            for name in summary.replace(",cpuset", "|,cpuset")
            .replace("=/lab", "=|/lab")
            .replace(",task=", "|,task=")
            .split("|")
            for part in (name, noise)
        ),
        texts[-1],
    ]
    (event,) = assemble(messages(broken))
    assert event.memcg is not None
    assert (event.memcg.oom_memcg, event.memcg.task_memcg) == ("/lab/box", "/lab/box")
    assert event.memcg.stats == {"anon": 33484800, "file": 4096}
    assert event.selected is not None
    assert event.selected.uid == 1000
    assert set(event.unknown_lines) == {noise}
    assert codes(event) == {IssueCode.UNKNOWN_LINE}


def test_a_stack_trace_or_meminfo_alone_is_no_event() -> None:
    texts = ["CPU: 1 PID: 7 Comm: sh Not tainted 6.1.0 #1", "Hardware name: x", "BUG: nothing", "Hardware name: y"]
    assert assemble(messages(texts)) == []


def test_a_report_after_another_trace_does_not_take_its_lines() -> None:
    trace = ["BUG: bad page", "CPU: 1 PID: 7 Comm: sh Not tainted 6.1.0 #1", "Hardware name: x"]
    (event,) = assemble(messages([*trace, memcg_kill("hog", 100)]))
    assert event.invoker is None
    assert event.source.kernel_release is None
    assert event.source.line_start == 4


def test_a_late_kill_belongs_to_no_old_header() -> None:
    header = messages(memcg_report()[:1])
    late = messages([memcg_kill("other", 4)], start=400.0)
    events = assemble([*header, *late])
    assert [event.outcome for event in events] == [Outcome.TRUNCATED, Outcome.KILLED]


def test_user_lines_make_no_event_unless_asked_for() -> None:
    forged = [replace(message, from_kernel=False) for message in messages(memcg_report())]
    assert assemble(forged) == []
    assembler = Assembler(include_user=True, live=False)
    events = [event for message in forged for event in assembler.feed(message)]
    (event,) = [*events, *assembler.close()]
    assert event.source.from_kernel is False


def test_newline_in_a_comm_on_a_console() -> None:
    texts = memcg_report("nl\nhog")
    log: list[Message] = []
    for message in messages(texts):
        log += [replace(message, text=part) for part in message.text.split("\n")]
    (event,) = assemble(log)
    assert event.victim is not None
    assert event.victim.comm == "nl\nhog"
    assert event.invoker is not None
    assert event.invoker.comm == "nl\nhog"
    assert event.selected is not None
    assert event.selected.comm == "nl\nhog"


def test_newline_in_a_name_where_a_date_is_all_that_the_log_has() -> None:
    """Syslog daemons make two records of it, both of one second, as others of that second are."""
    texts = [
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=nl",
        "hog,pid=7,uid=0",
        "Out of memory: Killed process 7 (nl",
        "hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB",
    ]
    (event,) = assemble([Message(text=text, printed="Nov 21 03:18:24", host="box") for text in texts])
    assert event.victim is not None
    assert (event.victim.comm, event.victim.pid, event.victim.anon_rss_kb, codes(event)) == (
        "nl\nhog",
        7,
        8,
        {IssueCode.TRUNCATED_HEAD},
    )
    split = ["Memory cgroup stats for ", "other: noise", "/lab/box", ":"]
    texts = [*memcg_report()[:2], *split, memcg_kill("hog", 100)]
    (event,) = assemble([Message(text=text, printed="Nov 21 03:18:24", host="box") for text in texts])
    assert "other: noise" in event.unknown_lines


@pytest.mark.parametrize("width", [60, 72, 80])
def test_wrapped_by_a_mailer(width: int) -> None:
    lines: list[str] = []
    for text in memcg_report():
        rest = text
        while len(rest) > width and " " in rest[:width]:
            at = rest.rindex(" ", 0, width)
            lines.append(rest[:at])
            rest = rest[at + 1 :]
        lines.append(rest)
    (event,) = assemble([Message(text=text) for text in lines])
    assert event.victim is not None
    assert (event.victim.pid, event.victim.pgtables_kb) == (100, 100)
    assert event.invoker is not None
    assert event.invoker.pid == 100
    assert event.memcg is not None
    assert event.memcg.oom_memcg == "/lab/box"


def test_cut_at_every_line() -> None:
    texts = [*memcg_report("a", 1), *global_report_3_10(), reaped("a", 1)]
    victims = {(event.victim.pid, event.victim.comm) for event in assemble(messages(texts)) if event.victim}
    for at in range(len(texts) + 1):
        for part in (texts[:at], texts[at:]):
            for event in assemble(messages(part)):
                assert event.victim is None or (event.victim.pid, event.victim.comm) in victims | {(50, "java")}


def test_event_id_is_stable_across_copies() -> None:
    (one,) = assemble(messages(memcg_report(), host="web1"))
    (two,) = assemble([replace(message, line_start=900, path="x") for message in messages(memcg_report(), host="web1")])
    (other,) = assemble(messages(memcg_report(), host="web2"))
    assert one.event_id == two.event_id != other.event_id


def test_new_kernel_degrades_to_an_issue() -> None:
    texts = memcg_report()
    texts[-1] = texts[-1].replace("anon-rss:", "anonymous-rss:") + " colour:7"
    texts[9] = texts[9].replace("swapents", "weight swapents")
    texts[10] = texts[10].replace("45056        0", "45056     77        0")
    texts[11] = texts[11].replace("102400        0", "102400     77        0")
    (event,) = assemble(messages(texts))
    assert event.victim is not None
    assert (event.victim.anon_rss_kb, event.victim.total_vm_kb, event.victim.pid) == (None, 68160, 100)
    assert event.tasks is not None
    assert [(row.pgtables_bytes, row.swapents_pages, row.comm) for row in event.tasks] == [
        (45056, 0, "sidecar"),
        (102400, 0, "hog"),
    ]
    assert {issue.detail for issue in event.issues if issue.code is IssueCode.UNKNOWN_FIELD} == {
        "anonymous-rss",
        "colour",
        "weight",
    }


def test_strict_mode_raises_with_a_caret() -> None:
    texts = memcg_report()
    texts[3] = "memory: usage 32768kB, limit 32768pages, failcnt 18"
    assembler = Assembler(strict=True)
    for message in messages(texts)[:4]:
        assembler.feed(message)
    with pytest.raises(LineSyntaxError) as caught:
        assembler.idle()
    assert (caught.value.lineno, caught.value.column) == (4, 35)


def test_memory_is_bounded() -> None:
    assembler = Assembler(live=False)
    events = 0
    for at in range(3 * MAX_OPEN_REPORTS):
        (message,) = messages(
            [f"hog{at} invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0"], start=10 + at / 1e4
        )
        events += len(assembler.feed(message))
    assert events >= MAX_OPEN_REPORTS
    for at in range(2 * MAX_HOSTS):
        (message,) = messages(memcg_report()[:1], host=f"h{at}")
        events += len(assembler.feed(message))
    events += len(assembler.close())
    assert events == 3 * MAX_OPEN_REPORTS + 2 * MAX_HOSTS


def test_sections_travel_through_pickle_and_replace() -> None:
    import pickle

    (event,) = assemble(messages(memcg_report()))
    copy = pickle.loads(pickle.dumps(event))  # our own bytes
    assert copy == event
    assert replace(event, revision=2).tasks == event.tasks
    assert event.lines[0].startswith("hog invoked oom-killer")
    assert copy.lines == ()
