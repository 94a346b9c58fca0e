"""JSON Lines: the whole model goes out and comes back, whatever bytes a process put into its name."""

import dataclasses
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.export.jsonl import DecodeError, decode, encode, pack, to_builtins, to_tree
from oomparse.lazy import is_read
from oomparse.model import LAZY_FIELDS, EventTime, GfpMask, Memcg, OomEvent, Outcome, Victim
from oomparse.reader import parse
from oomparse.sections import MemInfo, MemTotals, Slab, TaskRow, TaskTable


class Sections:
    """A loader that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def load(self, name: str) -> object:
        self.asked.append(name)
        return {
            "meminfo": MemInfo(totals=MemTotals(free_pages=3)),
            "tasks": TaskTable.of([TaskRow(pid=7, comm="hog")]),
            "slabs": (Slab(name="dentry", used_kb=1, total_kb=2),),
            "stats": {"anon": 5},
        }.get(name)

    def lines(self) -> tuple[str, ...]:
        return ("a line",)


def lazy_event(loader: Sections) -> OomEvent:
    memcg = Memcg.deferred(loader, ("stats", "hierarchy"), {"oom_memcg": "/a"})
    values = {"event_id": "e", "outcome": Outcome.KILLED, "victims": (Victim(pid=7, comm="hog"),), "memcg": memcg}
    return OomEvent.deferred(loader, LAZY_FIELDS, values)


@given(st.from_type(OomEvent).map(lambda event: dataclasses.replace(event, schema="oomparse.event/1")))
def test_every_event_comes_back_equal(event: OomEvent) -> None:
    line = encode(event)
    assert b"\n" not in line
    assert decode(line) == event
    assert json.loads(line) == to_builtins(event)


def sent(event: OomEvent, *, brief: bool = False) -> OomEvent:
    """The event as it is in the process that writes it."""
    arrived = pickle.loads(pickle.dumps(pack(event, brief=brief))).unpack()
    assert isinstance(arrived, OomEvent)
    return arrived


@given(st.from_type(OomEvent).map(lambda event: dataclasses.replace(event, schema="oomparse.event/1")))
def test_what_a_worker_packs_is_written_as_it_would_have_been(event: OomEvent) -> None:
    assert encode(sent(event)) == encode(event)
    assert encode(sent(event, brief=True), brief=True) == encode(event, brief=True)
    assert sent(event) == event


def test_what_a_worker_packs_may_have_names_that_are_not_utf_8() -> None:
    odd = "h\udcffg"
    event = OomEvent(
        event_id="e",
        outcome=Outcome.KILLED,
        victims=(Victim(pid=7, comm=odd),),
        memcg=Memcg(oom_memcg=f"/{odd}", stats={"anon": 5}),
        tasks=TaskTable.of([TaskRow(pid=7, comm=odd)]),
    )
    assert encode(sent(event)) == encode(event)
    assert json.loads(encode(sent(event)))["tasks"][0]["comm"] == "h\\xffg"
    arrived = sent(event, brief=True)
    assert encode(arrived, brief=True) == encode(event, brief=True)


def test_the_tree_has_the_names_of_the_model_and_the_first_victim() -> None:
    first, second = Victim(pid=1, comm="a"), Victim(pid=2, comm="b")
    event = OomEvent(event_id="e", outcome=Outcome.KILLED, victims=(first, second))
    tree = to_builtins(event)
    assert set(tree) == {field.name for field in dataclasses.fields(OomEvent)} | {"victim"}
    assert [victim["pid"] for victim in tree["victims"]] == [1, 2]
    assert tree["victim"] == tree["victims"][0]
    assert (tree["schema"], tree["outcome"], tree["scope"]) == ("oomparse.event/1", "killed", "unknown")
    assert to_builtins(dataclasses.replace(event, victims=()))["victim"] is None
    assert event.to_dict() == tree


@pytest.mark.parametrize(
    ("wall", "written"),
    [
        (datetime(2026, 11, 21, 2, 20, 54, tzinfo=UTC), "2026-11-21T02:20:54Z"),
        (datetime(2026, 11, 21, 2, 20, 54, 250, timezone(timedelta(hours=2))), "2026-11-21T02:20:54.000250+02:00"),
    ],
)
def test_times_are_rfc_3339(wall: datetime, written: str) -> None:
    event = OomEvent(event_id="e", outcome=Outcome.KILLED, time=EventTime(wall=wall))
    assert to_builtins(event)["time"]["wall"] == written


@pytest.mark.parametrize(
    ("comm", "written"),
    [
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\xe9"),
        (b"\xff\xfe\x1b[31m".decode("utf-8", "surrogateescape"), "\\xff\\xfe\x1b[31m"),
        ("\ud800", r"\xed\xa0\x80"),
        ("nl\nhog", "nl\nhog"),
        ('quote"back\\slash', 'quote"back\\slash'),
        ("日本", "日本"),
        ("", ""),
    ],
)
def test_only_bytes_that_are_not_utf8_are_spelt_out(comm: str, written: str) -> None:
    event = OomEvent(event_id="e", outcome=Outcome.KILLED, victims=(Victim(comm=comm),), memcg=Memcg(stats={comm: 1}))
    line = encode(event)
    assert line.isascii() or "日" in comm
    tree = json.loads(line)
    assert tree["victim"]["comm"] == written
    assert tree["memcg"]["stats"] == {written: 1}
    back = decode(line).victim
    assert back is not None
    assert back.comm == written


def test_numbers_wider_than_64_bits_survive() -> None:
    event = OomEvent(event_id="e", outcome=Outcome.KILLED, gfp_mask=GfpMask(value=2**70))
    assert decode(encode(event)) == event


def test_a_mapping_that_is_no_dict_is_written_as_one() -> None:
    event = OomEvent(event_id="e", outcome=Outcome.KILLED, memcg=Memcg(stats=MappingProxyType({"anon": 1})))
    assert to_builtins(event)["memcg"]["stats"] == {"anon": 1}


def test_brief_leaves_the_sections_out_and_unparsed() -> None:
    loader = Sections()
    tree = to_builtins(lazy_event(loader), brief=True)
    assert not loader.asked
    assert set(LAZY_FIELDS).isdisjoint(tree)
    assert {"stats", "hierarchy"}.isdisjoint(tree["memcg"])
    assert tree["memcg"]["oom_memcg"] == "/a"
    assert tree["victim"]["comm"] == "hog"


def test_a_full_line_parses_every_section_once() -> None:
    loader = Sections()
    event = lazy_event(loader)
    tree = to_builtins(event)
    assert encode(event) == encode(event)
    assert sorted(loader.asked) == sorted([*LAZY_FIELDS, "stats", "hierarchy"])
    assert tree["tasks"][0]["comm"] == "hog"
    assert tree["memcg"]["stats"] == {"anon": 5}


def test_a_section_that_cannot_be_parsed_is_not_dropped_in_silence() -> None:
    class Broken(Sections):
        def load(self, name: str) -> object:
            raise ArithmeticError(name)

    with pytest.raises(ArithmeticError):
        encode(lazy_event(Broken()))


def test_a_brief_line_reads_back_without_its_sections() -> None:
    event = lazy_event(Sections())
    back = decode(encode(event, brief=True))
    assert back.tasks is None
    assert back.victims == event.victims


def test_the_task_table_comes_back_with_its_helpers() -> None:
    tasks = decode(encode(lazy_event(Sections()))).tasks
    assert isinstance(tasks, TaskTable)
    assert tasks.find(7) == TaskRow(pid=7, comm="hog")


def test_keys_of_a_newer_version_are_passed_over() -> None:
    tree = {**to_builtins(OomEvent(event_id="e", outcome=Outcome.KILLED)), "later": {"a": [1]}}
    assert decode(json.dumps(tree)).event_id == "e"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b'{"event_id": "e", "outcome": "exploded"}',
        b'{"schema": "oomparse.event/2", "event_id": "e", "outcome": "killed"}',
        b'{"event_id": "e", "outcome": "killed", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "\ud800",
    ],
    ids=range(9),
)
def test_what_is_no_event_says_so(line: bytes | str) -> None:
    with pytest.raises(DecodeError, match=r"not an oomparse\.event/1 record: "):
        decode(line)


def twice(*task_dump: str) -> tuple[OomEvent, OomEvent]:
    """Two events of one report with this task dump."""
    log = (
        "hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        *task_dump,
        "Out of memory: Killed process 100 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB",
    )
    (one,), (other,) = parse(log), parse(log)
    return one, other


@pytest.mark.parametrize("comm", ["hog", "", 'q"uo', "back\\slash", "é", "a name of 16 byt", "tab\t"])
def test_rows_that_nobody_asked_for_are_written_as_those_that_are(comm: str) -> None:
    titles = "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
    row = "[    100]  1000   100    17040     7817   102400        0             0"
    unread, read = twice(titles, f"{row} hog", f"{row} {comm}")
    assert read.tasks is not None
    assert [found.comm for found in read.tasks] == ["hog", comm]
    assert not is_read(unread, "tasks")
    assert encode(unread) == encode(read)
    assert is_read(unread, "tasks") == (comm not in {"hog", ""})
    assert to_tree(unread) == to_tree(read)


def test_digits_of_another_script_are_written_as_numbers() -> None:
    titles = "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
    unread, read = twice(titles, "[  1\u0663]  1000   100    17040     7817   102400        0             0 hog")
    assert read.tasks is not None
    assert read.tasks[0].pid == 13
    assert encode(unread) == encode(read)
    assert json.loads(encode(unread))["tasks"][0]["pid"] == 13


def test_columns_in_another_order_are_written_by_their_names() -> None:
    titles = "[  pid  ]   uid  tgid rss total_vm swapents oom_score_adj name"
    unread, read = twice(titles, "[ 1] 2 3 4 5 6 7 hog")
    assert read.tasks == TaskTable.of(
        [TaskRow(pid=1, uid=2, tgid=3, rss_pages=4, total_vm_pages=5, swapents_pages=6, oom_score_adj=7, comm="hog")]
    )
    assert encode(unread) == encode(read)
