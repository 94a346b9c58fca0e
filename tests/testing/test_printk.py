"""The writer: what a kernel prints of an event, and what of the event that says."""

import functools
import re
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings

import oomparse
from oomparse import OomEvent, Outcome, Scope
from oomparse.errors import IssueCode
from oomparse.testing import Case, corpus
from oomparse.testing.printk import RELEASES, NotRepresentableError, messages, representable, stated, write
from oomparse.testing.strategies import events
from oomparse.testing.wrap import wrap
from tests.incident import differences, parsed

CORPUS = [case for case in corpus() if not case.record.negative]
EVENTS_OF_A_LOG = 2
"""So many reports of each log are written again; the others of a storm are like them."""


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


# --- what was captured


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_a_captured_report_is_what_its_kernel_states(case: Case) -> None:
    for event in captured(case.name):
        assert differences(stated(representable(event)), stated(event)) == []


UNSAID = re.compile(r"CPU: |Tainted: | (?:[0-9a-f]{16} ?){3,4}\Z")
"""Lines that say more than the model keeps: build numbers, taints in words, raw words of the stack."""


@pytest.mark.parametrize("case", [case for case in CORPUS if "686" not in case.kernel], ids=str)
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


@settings(max_examples=400)
@given(events("7.3", scope=Scope.MEMCG, outcome=Outcome.KILLED, hostile=False, sections=False))
def test_nobody_who_is_drawn_dies_twice(event: OomEvent) -> None:
    pids = [victim.pid for victim in event.victims]
    assert len(set(pids)) == len(pids)
