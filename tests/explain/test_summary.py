"""Tables over many events, each of them counted once."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

import oomparse.summary as module
from oomparse.decode.cgroup import identify
from oomparse.message import Message
from oomparse.model import EventTime, Memcg, OomEvent, Outcome, Role, Scope, Source, Victim
from oomparse.summary import Count, Summary, render_text
from oomparse.userspace import recognise

START = datetime(2024, 2, 29, 17, 58, tzinfo=UTC)


def event(
    number: int = 0, *comms: str, seconds: float | None = 0.0, host: str | None = "web1", **more: Any
) -> OomEvent:
    fields: dict[str, Any] = {
        "event_id": f"event-{number}",
        "outcome": Outcome.KILLED,
        "scope": Scope.GLOBAL,
        "time": EventTime(wall=None if seconds is None else START + timedelta(seconds=seconds)),
        "source": Source(host=host, path="/var/log/kern.log"),
        "victims": tuple(Victim(pid=number * 100 + at, comm=comm) for at, comm in enumerate(comms)),
    }
    return OomEvent(**(fields | more))


def test_tables() -> None:
    unit = "/system.slice/web.service"
    report = (
        Summary()
        .add_all(
            [
                event(1, "java", seconds=0),
                event(2, "java", "java", "sh", seconds=400, scope=Scope.MEMCG, identity=identify(unit)),
                event(3, "mysqld", seconds=4000, host="db1", memcg=Memcg(oom_memcg="/box", task_memcg="/box/a")),
                event(4, seconds=None, host=None, outcome=Outcome.PANIC),
            ]
        )
        .report()
    )
    assert (report.events, report.kills, report.copies) == (4, 5, 0)
    assert (report.first, report.last) == (START, START + timedelta(seconds=4000))
    assert report.by_victim[0] == Count(key="java", events=2, kills=3)
    assert report.by_scope == (Count(key="global", events=3, kills=2), Count(key="memcg", events=1, kills=3))[::-1]
    assert report.by_outcome == (Count(key="killed", events=3, kills=5), Count(key="panic", events=1, kills=0))
    assert report.by_unit == (Count(key="web.service", events=1, kills=3),)
    assert report.by_cgroup == (Count(key="/box", events=1, kills=1),)
    assert [count.key for count in report.by_host] == ["web1", "db1"]
    assert [count.key for count in report.by_hour] == ["2024-02-29T17:00Z", "2024-02-29T18:00Z", "2024-02-29T19:00Z"]
    assert report.storms == ()


def test_a_copy_without_a_host_is_known_by_the_kernels_clock() -> None:
    time = EventTime(wall=START, monotonic_seconds=81.623460)
    kept = event(1, "java", time=time)
    dmesg = event(1, "java", time=EventTime(monotonic_seconds=81.623460), host=None, event_id="of dmesg")
    later = event(1, "java", time=EventTime(monotonic_seconds=81.623461), host=None, event_id="another")
    for order in ([kept, dmesg], [dmesg, kept], [kept, dmesg, kept], [dmesg, kept, dmesg, kept]):
        report = Summary().add_all(order).report()
        assert (report.events, report.kills, report.copies) == (1, 1, len(order) - 1)
        assert report.by_host == (Count(key="web1", events=1, kills=1),)
        assert (report.first, report.last) == (START, START)
    assert Summary().add_all([kept, later]).report().events == 2
    # Two hosts that boot alike are two hosts.
    other = event(1, "java", time=time, host="web2", event_id="of web2")
    assert Summary().add_all([kept, other]).report().events == 2


def test_copies_count_once() -> None:
    summary = Summary().add_all([event(1, "java"), event(1, "java"), event(1, "java", host="syslog-server")])
    report = summary.report()
    assert (report.events, report.kills, report.copies) == (1, 1, 2)
    assert report.by_host == (Count(key="web1", events=1, kills=1),)


def test_a_later_revision_adds_its_new_victims() -> None:
    report = Summary().add_all([event(1, "java"), event(1, "java", "sh", revision=2)]).report()
    assert (report.events, report.kills) == (1, 2)
    assert report.by_victim == (Count(key="java", events=1, kills=1), Count(key="sh", events=0, kills=1))


def test_the_first_victim_of_a_group_is_printed_twice() -> None:
    victims = (
        Victim(pid=7, comm="a"),
        Victim(pid=7, comm="a", role=Role.GROUP),
        Victim(pid=8, comm="b", role=Role.GROUP),
    )
    assert Summary().add_all([event(1, victims=victims)]).report().kills == 2


def test_hours_are_utc() -> None:
    wall = START.astimezone(timezone(timedelta(hours=9)))
    assert Summary().add_all([event(1, "a", time=EventTime(wall=wall))]).report().by_hour[0].key == "2024-02-29T17:00Z"


def test_storm_across_a_minute() -> None:
    spread = [event(n, "hog", seconds=50 + 4 * n) for n in range(6)]
    calm = [event(100 + n, "other", seconds=7200 + 600 * n) for n in range(10)]
    [storm] = Summary().add_all([*calm, *spread]).report().storms
    assert (storm.host, storm.start, storm.minutes) == ("web1", START, 2)
    assert (storm.events, storm.kills, storm.victim) == (6, 6, "hog")


def test_storm_on_a_clock_that_counts_from_boot() -> None:
    events = [event(n, "hog", time=EventTime(monotonic_seconds=3600.0 + n)) for n in range(5)]
    [storm] = Summary().add_all(events).report().storms
    assert (storm.start, storm.start_seconds, storm.kills) == (None, 3600.0, 5)


def test_hosts_do_not_storm_together() -> None:
    assert Summary().add_all([event(n, "hog", host=f"web{n}") for n in range(20)]).report().storms == ()


def test_user_space_kills_stand_apart() -> None:
    summary = Summary()
    for text in (
        'sending SIGTERM to process 7 uid 1 "a": oom_score 900, VmRSS 12 MiB',
        "web.service: A process of this unit has been killed by the OOM killer.",
        "java.lang.OutOfMemoryError: Java heap space",
    ):
        kill = recognise(Message(text=text))
        assert kill is not None
        summary.add_userspace(kill)
    report = summary.report()
    assert report.by_userspace_killer == (Count(key="earlyoom", events=0, kills=1),)
    assert report.kills == 0


def test_bounded_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 3)
    report = Summary().add_all([event(n, f"comm-{n}", seconds=60.0 * n) for n in range(10)]).report()
    assert len(report.by_victim) == 3
    assert report.uncounted == {"victim": 7}
    assert report.events == 10
    assert "7 events of further victims were not told apart" in render_text(report)


def test_bounded_memory_of_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    report = Summary().add_all([event(n % 3, "a") for n in range(4)]).report()
    assert report.events == 4


def test_text_and_json() -> None:
    events = [event(n, f"hog\x1b{n % 20}", seconds=n) for n in range(40)]
    report = Summary().add_all([*events, *events[:5]]).report()
    text = render_text(report)
    assert text.startswith(
        "40 events, 40 kills; 5 further copies of them were left out\n"
        "from 2024-02-29 17:58:00Z to 2024-02-29 17:58:39Z\n"
    )
    assert "       2        2  hog\\x1b0\n" in text
    assert "… and 5 more" in text
    assert "  40 kills within a minute from 2024-02-29 17:58Z on web1, mostly hog\\x1b0\n" in text
    assert msgspec.json.decode(msgspec.json.encode(report))["schema"] == "oomparse.summary/1"


def test_nothing() -> None:
    assert render_text(Summary().report()) == "0 events, 0 kills\n"
