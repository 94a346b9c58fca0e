"""Every log of the corpus says what is expected of it, and what is expected agrees with what user space saw."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oomparse
from fixtures.capture import expect
from fixtures.capture.scenarios import SCENARIOS, guest_names
from oomparse import Assembler, OomEvent
from oomparse.sources.lines import LineSplitter
from oomparse.testing import Case, LogFile, corpus
from oomparse.testing.compare import comparable, differences
from oomparse.testing.truth import disagreements
from oomparse.transports import decoder

CORPUS = corpus()
CUTS = 12
"""Places at which a log is cut where not all are tried."""


def chosen(*, everything: bool) -> Iterator[tuple[Case, LogFile]]:
    """The logs to read: of each scenario the newest kernel's and the most faithful of the oldest's, or all."""
    by_scenario: dict[str, list[Case]] = {}
    for case in sorted(CORPUS, key=lambda case: [int(part) for part in case.kernel.split("-")[0].split(".")[:2]]):
        by_scenario.setdefault(case.record.scenario, []).append(case)
    for oldest, *newer in by_scenario.values():
        if everything:
            yield from ((case, log) for case in (oldest, *newer) for log in case.logs)
            continue
        yield oldest, oldest.logs[0]
        newest = newer[-1] if newer else oldest
        yield from ((newest, log) for log in newest.logs if newer or log != oldest.logs[0])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "log" in metafunc.fixturenames:
        pairs = list(chosen(everything=metafunc.config.getoption("--all-logs")))
        unread = pytest.mark.skip(reason="binary journals need the extra journal (systemd-python)")
        parameters = [
            pytest.param(case, log, id=f"{case}/{log.file}", marks=[unread] if log.format in expect.UNREAD else [])
            for case, log in pairs
        ]
        metafunc.parametrize(("case", "log"), parameters)
    elif "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CORPUS, ids=str)


@pytest.fixture(scope="session", autouse=True)
def updated(request: pytest.FixtureRequest) -> None:
    """Rewrite the expectations where that was asked for."""
    if request.config.getoption("--update"):
        wrong = [f"{case}: {text}" for case in CORPUS for text in expect.update(case)[1]]
        del CORPUS.cases
        assert not wrong, "\n".join(wrong)


def test_log_says_what_is_expected(case: Case, log: LogFile) -> None:
    assert differences(case.expected(log), expect.events(case, log), log.format) == []


def test_expectation_agrees_with_the_truth(case: Case) -> None:
    for name in {log.expected: log for log in case.logs if log.format not in expect.UNREAD}.values():
        assert disagreements(case.expected(name), case.truth, forgeries=not name.proves_origin) == []


def test_scenario_did_what_it_is_for(case: Case) -> None:
    assert expect.happened(case)


def test_truth_check_notices_every_kind_of_lie() -> None:
    case = CORPUS.case("6.1.0-56-cloud-amd64/memcg-nested")
    (event,) = case.expected()
    (victim,) = event["victims"]
    assert disagreements([event], case.truth) == []
    lies: list[dict[str, Any]] = [
        {"scope": "global"},
        {"victims": []},
        {"kernel_release": "6.1.0"},
        {"memcg": event["memcg"] | {"oom_memcg": "/parent.slice/app-a.service"}},
        {"memcg": event["memcg"] | {"task_memcg": "/parent.slice"}},
        {"memcg": event["memcg"] | {"limit_kb": 40961}},
        {"monotonic_seconds": event["monotonic_seconds"] + 60},
        *({"victims": [victim | {key: victim[key] + 1}]} for key in ("pid", "uid", "oom_score_adj")),
        {"victims": [victim | {"comm": "app-A"}]},
        {"victims": [victim | {"anon_rss_kb": victim["anon_rss_kb"] * 4}]},
        {"victims": [victim | {"total_vm_kb": None}]},
    ]
    for lie in lies:
        assert disagreements([event | lie], case.truth), lie
    assert disagreements([], case.truth)
    assert disagreements([event, event], case.truth)
    assert disagreements([event], CORPUS.case("6.1.0-56-cloud-amd64/noop").truth)


def identities(events: list[OomEvent]) -> set[tuple[int | None, str | None]]:
    """Whom the events name: victims, and those chosen whose child died in their place."""
    named = {(victim.pid, victim.comm) for event in events for victim in event.victims}
    return named | {(event.selected.pid, event.selected.comm) for event in events if event.selected}


SHORT = [
    "memcg-nested",
    "oom-group",
    "children-v1",
    "weird-cgroup",
    "two-memcgs",
    "weird-comm",
    "reaper",
    "panic-on-oom",
]


@pytest.mark.parametrize("scenario", SHORT)
@pytest.mark.parametrize("kernel", ["4.4", "6.1", "7.3"])
def test_cut_log_holds_nothing_that_the_whole_does_not(scenario: str, kernel: str, pytestconfig: pytest.Config) -> None:
    cases = CORPUS.select(kernel=kernel, scenario=scenario) or CORPUS.select(kernel="5.10", scenario=scenario)
    data = cases[0].data(cases[0].logs[0])
    lines = data.splitlines(keepends=True)
    whole = list(oomparse.parse(data))
    known = identities(whole)
    scopes = {event.scope for event in whole} | {oomparse.Scope.UNKNOWN, oomparse.Scope.GLOBAL}
    step = 1 if pytestconfig.getoption("--every-cut") else len(lines) // CUTS + 1
    for place in range(0, len(lines) + 1, step):
        for part in (lines[:place], lines[place:]):
            events = list(oomparse.parse(b"".join(part)))
            assert identities(events) <= known
            assert {event.scope for event in events} <= scopes
            # A kill line without its report is an event of its own.
            assert len(events) <= max(len(whole), len(known)) + 1


@pytest.mark.parametrize("one_log", CORPUS.case("6.1.0-56-cloud-amd64/memcg-v2").logs, ids=lambda log: log.file)
def test_byte_by_byte_is_as_at_once(one_log: LogFile) -> None:
    data = CORPUS.case("6.1.0-56-cloud-amd64/memcg-v2").data(one_log)
    lines, decode, assembler = LineSplitter(), decoder(), Assembler(live=False)
    events: list[OomEvent] = []
    for byte in range(len(data)):
        for line in lines.feed(data[byte : byte + 1]):
            for message in decode.feed(line):
                events += assembler.feed(message)
    for line in lines.flush():
        for message in decode.feed(line):
            events += assembler.feed(message)
    for message in decode.flush():
        events += assembler.feed(message)
    events += assembler.close()
    brief = [comparable(event.to_dict(), brief=True) for event in events]
    assert brief == [comparable(event.to_dict(), brief=True) for event in oomparse.parse(data)]


LEFT = CORPUS.case("7.3-cloud-amd64/memcg-nested")
RIGHT = CORPUS.case("7.3-cloud-amd64/charge-kinds")


def report(case: Case, caller: str) -> list[bytes]:
    """The records of a case, each with the caller's id as CONFIG_PRINTK_CALLER prints it."""
    return [line.replace(b"] ", b"][%6s] " % caller.encode(), 1) for line in case.data(case.log("dmesg")).splitlines()]


@given(st.lists(st.booleans(), max_size=400))
def test_interleaved_reports_are_told_apart_by_their_callers(turns: list[bool]) -> None:
    left, right = report(LEFT, "T101"), report(RIGHT, "T202")
    first_report = next(index for index, line in enumerate(right) if b"Killed process" in line) + 1
    alone = [
        comparable(event.to_dict(), brief=True)
        for part in (left, right[:first_report])
        for event in oomparse.parse(part)
    ]
    mixed = shuffled(left, right[:first_report], turns)
    got = [comparable(event.to_dict(), brief=True) for event in oomparse.parse(mixed)]
    assert sorted(map(essential, got)) == sorted(map(essential, alone))


@given(st.lists(st.booleans(), max_size=400))
def test_interleaved_reports_without_callers_lose_no_kill(turns: list[bool]) -> None:
    left, right = (case.data(case.log("dmesg")).splitlines() for case in (LEFT, RIGHT))
    wanted = sorted(
        (victim["pid"], victim["comm"], victim["total_vm_kb"]) for case in (LEFT, RIGHT) for victim in victims(case)
    )
    events = oomparse.parse(shuffled(left, right, turns))
    assert sorted((v.pid or 0, v.comm or "", v.total_vm_kb) for event in events for v in event.victims) == wanted


def shuffled(left: list[bytes], right: list[bytes], turns: list[bool]) -> list[bytes]:
    """Both logs in one, each in its own order and stamped as they come; what is left at the end follows."""
    sides = (iter(left), iter(right))
    mixed = [line for turn in turns if (line := next(sides[turn], None)) is not None]
    lines = [*mixed, *sides[0], *sides[1]]
    return [b"[%12.6f]" % (100 + number / 1000) + line[line.index(b"]") + 1 :] for number, line in enumerate(lines)]


def victims(case: Case) -> list[dict[str, Any]]:
    return [victim for event in case.expected() for victim in event["victims"]]


def essential(event: dict[str, Any]) -> str:
    """Everything of an event but the remark that another stood in between."""
    issues = [issue for issue in event["issues"] if issue["code"] != "interleaved"]
    return repr(event | {"issues": issues, "monotonic_seconds": None})


def test_guest_and_host_know_the_same_scenarios() -> None:
    assert guest_names() == {scenario.name for scenario in SCENARIOS}
