"""A kernel that nobody has seen yet: a renamed key, an added one, an extra line, other separators.

Every line of real reports is changed in every such way.  The report must survive, no field may get a number that the
changed text does not state for it, and an issue must name what is new.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oomparse
from oomparse import IssueCode, OomEvent
from oomparse.grammar.dispatch import parse_line
from oomparse.testing import corpus
from tests.reports import assemble, messages

CASES = (
    "4.4.155/global-anon",
    "4.4.155/memcg-nested-v1",
    "5.10.0-46-cloud-amd64/hugepages",
    "5.10.0-46-cloud-amd64/oom-group",
    "6.1.0-56-cloud-amd64/memcg-nested",
    "7.3-cloud-amd64/global-anon",
    "7.3-cloud-amd64/memcg-nested",
)
NEW = "zorp"
"""A word that no kernel prints; the number beside it is 7."""

Change = Callable[[str], Iterator[str]]


@cache
def report(name: str) -> tuple[str, ...]:
    """The lines of the first whole report of a case, with no more than three tasks and two frames."""
    case = corpus().case(name)
    event = next(event for event in oomparse.parse(case.data(case.logs[0])) if event.complete)
    kept: Counter[str] = Counter()
    lines: list[str] = []
    for line in event.lines:
        parsed = parse_line(line)
        kind = parsed.format.name if parsed is not None else ""
        kept[kind] += 1
        if kept[kind] <= {"task_row": 3, "frame": 2}.get(kind, 1_000) or str(event.victims[0].pid) in line:
            lines.append(line)
    return tuple(lines)


# The changes


KEY = re.compile(r"(?<![\w.)(/-])([A-Za-z_][A-Za-z_()]*(?:-[a-z]+)?)(?=[:=] ?-?(?:0x)?\d)")
VALUE = re.compile(r"[:=] ?-?(?:0x[0-9a-f]+|\d+)(?:kB|KB)?(?:\([A-Z_|a-z]*\))?(?=[ ,]|$)")
COLUMNS = re.compile(r"\[ +pid +\]")


def renamed(line: str) -> Iterator[str]:
    """Each key under a new name."""
    for match in KEY.finditer(line):
        yield line[: match.start()] + NEW + line[match.end() :]
    if stat := re.fullmatch(r"[a-z_]+ (\d+)", line):
        yield f"{NEW} {stat[1]}"
    if title := COLUMNS.match(line):
        for match in re.finditer(r"[a-z_]+(?= )", line[title.end() :]):
            at = title.end() + match.start()
            yield line[:at] + NEW + line[at + len(match[0]) :]


def inserted(line: str) -> Iterator[str]:
    """A new key behind each value, written as its neighbours are."""
    for match in VALUE.finditer(line):
        behind = line[match.end() :]
        gap = ", " if behind.startswith(", ") else "," if behind.startswith(",") or "oom-kill:" in line else " "
        value = "=7" if match[0].startswith("=") else ":7kB"
        yield line[: match.end()] + gap + NEW + value + behind
    first = re.search(r"(?:^| )([a-z_()]+):\d+kB", line)
    if first is not None:
        yield f"{line[: first.start(1)]}{NEW}:7kB {line[first.start(1) :]}"


def reordered(line: str) -> Iterator[str]:
    """Two neighbouring keys in the other order."""
    words = line.split(" ")
    pairs = [at for at, word in enumerate(words) if re.fullmatch(r"[A-Za-z_()-]+[:=]\d+(?:kB|KB)?,?", word)]
    for left, right in itertools.pairwise(pairs):
        swapped = list(words)
        one, other = words[left], words[right]
        if one.endswith(",") and not other.endswith(","):
            one, other = one[:-1], f"{other},"
        swapped[left], swapped[right] = other, one
        yield " ".join(swapped)


def separated(line: str) -> Iterator[str]:
    """Other separators, other units, other blanks."""
    for old, new in ((", ", "; "), (", ", " "), ("kB", " KiB"), ("kB", "MB"), ("kB", ""), ("kB", "pages")):
        if old in line:
            yield line.replace(old, new)
    yield re.sub(r"([a-z)]):(\d)", r"\1=\2", line)
    yield re.sub(r"([a-z)]):(\d)", r"\1: \2", line)
    yield re.sub(r"([a-z])=(\d)", r"\1:\2", line)
    if "[" not in line:
        yield line.replace(" ", "  ")


EXTRA = (
    f"{NEW} policy: 7 of 9 pages taken back",
    f"{NEW}: 7kB",
    f"7 pages {NEW}",
    f"{NEW} 7",
    f"Node 0 {NEW} 7kB",
    f"[  7] {NEW} 7",
    f"{NEW}: {NEW} process 7 ({NEW})",
)
"""Lines that a new kernel might print anywhere."""


# What may not happen


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of an event; a row of a list is known by what it is about, not by its place."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list):
        for at, row in enumerate(tree):
            yield from leaves(row, (*path, identity(row) or at))
    else:
        yield path, tree


def identity(row: Any) -> tuple[Any, ...] | None:
    """What a row is about: a zone, a task, a frame, a size of huge pages."""
    if not isinstance(row, dict):
        return None
    for keys in (("node", "zone", "cpu"), ("node", "zone"), ("node", "size_kb"), ("symbol", "offset")):
        if all(key in row for key in keys):
            return tuple(row[key] for key in keys)
    return next(((key, row[key]) for key in ("pid", "node", "size_kb") if key in row), None)


CONCLUDED = {"event_id", "time", "source", "issues", "unknown_lines", "era", "scope_evidence", "complete"}
"""What is concluded, or tells of the place rather than of the report."""
WORDS = {"comm", "oom_memcg", "task_memcg", "path", "hardware", "cpuset", "symbol", "module", "code"}
"""Names and text, which may hold anything: they are read to the end that the line leaves them."""


def said(event: OomEvent) -> dict[tuple[Any, ...], Any]:
    tree = {key: value for key, value in event.to_dict().items() if key not in CONCLUDED}
    return dict(leaves(tree))


@cache
def whole(name: str) -> dict[tuple[Any, ...], Any]:
    (event,) = assemble(messages(report(name)))
    assert (event.unknown_lines, event.issues) == ((), ()), event.issues
    return said(event)


def numbers_of(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))


def violations(name: str, at: int, line: str, *, new: bool, insert: bool = False) -> Iterator[str]:
    """Say what is wrong with the report in which ``line`` stands in place of (or before) line ``at``."""
    lines = report(name)
    events = assemble(messages([*lines[:at], line, *lines[at if insert else at + 1 :]]))
    before, where = whole(name), f"{name}: {line!r}"
    if len(events) != 1:
        yield f"{where}: {len(events)} events"
        return
    (event,) = events
    after = said(event)
    for path, value in after.items():
        if path in before:
            if value != before[path] and value is not None and path[-1] not in WORDS:
                yield f"{where}: {path} is {value!r}, was {before[path]!r}"
        elif isinstance(value, int) and not isinstance(value, bool) and str(abs(value)) not in numbers_of(line):
            yield f"{where}: {path} is {value!r}, which the line does not state"
    issues = [issue for issue in event.issues if issue.detail]
    lost = [path for path, value in before.items() if value is not None and after.get(path) is None]
    if lost and not issues:
        yield f"{where}: {lost[:3]} lost without a word"
    if new and not any(NEW in str(issue.detail) for issue in issues):
        yield f"{where}: no issue names {NEW}"


@pytest.mark.parametrize("change", [renamed, inserted], ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", CASES)
def test_a_new_key_is_named_and_harms_no_other(name: str, change: Change) -> None:
    tried = 0
    found: list[str] = []
    for at, line in enumerate(report(name)):
        for changed in change(line):
            tried += 1
            found += violations(name, at, changed, new=True)
    assert not found, "\n".join(found[:5])
    assert tried > 20


@pytest.mark.parametrize("change", [reordered, separated], ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", CASES)
def test_another_order_or_separator_makes_nothing_wrong(name: str, change: Change) -> None:
    found: list[str] = []
    for at, line in enumerate(report(name)):
        for changed in change(line):
            if changed != line:
                found += violations(name, at, changed, new=False)
    assert not found, "\n".join(found[:5])


@pytest.mark.parametrize("name", CASES)
def test_an_extra_line_is_kept_and_harms_nothing(name: str) -> None:
    found: list[str] = []
    lines = report(name)
    verdict = next(at for at, line in enumerate(lines) if "Killed process" in line)
    for at in range(1, verdict + 1):  # what stands before the header or behind the kill belongs to no report
        for line in EXTRA:
            found += violations(name, at, line, new=True, insert=True)
    assert not found, "\n".join(found[:5])


@pytest.mark.parametrize("name", CASES)
def test_a_new_column_moves_no_number(name: str) -> None:
    """A column in any place of the task dump, with its number in every row."""
    lines = list(report(name))
    (head,) = (at for at, line in enumerate(lines) if COLUMNS.match(line))
    title = COLUMNS.match(lines[head])
    assert title is not None
    titles = lines[head][title.end() :].split()
    rows = [at for at, line in enumerate(lines) if re.match(r"\[ *\d+\] ", line)]
    before = whole(name)
    for place in range(len(titles)):
        changed = list(lines)
        changed[head] = " ".join([title[0], *titles[:place], NEW, *titles[place:]])
        for at in rows:
            bracket, _, cells = lines[at].partition("]")
            words = cells.split(maxsplit=len(titles) - 1)
            changed[at] = f"{bracket}] " + " ".join([*words[:place], "7", *words[place:]])
        (event,) = assemble(messages(changed))
        after = said(event)
        wrong = {path: value for path, value in after.items() if value != before.get(path)}
        assert not wrong
        assert [issue.detail for issue in event.issues] == [NEW]
        assert event.issues[0].code is IssueCode.UNKNOWN_FIELD


@given(data=st.data())
def test_several_changes_at_once(data: st.DataObject) -> None:
    """A kernel has changed more than one line."""
    name = data.draw(st.sampled_from(CASES))
    lines = list(report(name))
    before = whole(name)
    for _ in range(data.draw(st.integers(2, 6))):
        at = data.draw(st.integers(1, len(lines) - 1))
        changes = [changed for change in (renamed, inserted, reordered) for changed in change(lines[at])]
        if changes:
            lines[at] = data.draw(st.sampled_from(changes))
        elif "Killed process" not in "".join(lines[:at]):
            lines.insert(at, data.draw(st.sampled_from(EXTRA)))
    stated = numbers_of("\n".join(lines))
    events = assemble(messages(lines))
    assert len(events) == 1
    for path, value in said(events[0]).items():
        if isinstance(value, int) and not isinstance(value, bool):
            assert value == before.get(path, value), path
            assert path in before or str(abs(value)) in stated, path


@pytest.mark.parametrize("words", ["Memory pressure", "oom", "BPF policy: Out of memory"])
def test_kill_line_with_new_first_words(words: str) -> None:
    lines = list(report("6.1.0-56-cloud-amd64/memcg-nested"))
    (at,) = (at for at, line in enumerate(lines) if "Killed process" in line)
    (old,) = assemble(messages(lines))
    lines[at] = f"{words}: {lines[at].partition(': ')[2]}"
    (event,) = assemble(messages(lines))
    assert event.victims == old.victims
    assert [issue.detail for issue in event.issues] == [words]
    assert event.message == ("Out of memory" if words.endswith("Out of memory") else None)
    assert event.scope == old.scope


def test_kill_line_with_new_first_words_alone_is_no_event() -> None:
    """Who knows who wrote that."""
    kill = "Killed process 7 (zorp) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB"
    assert assemble(messages([f"zorp: {kill}"])) == []
    assert len(assemble(messages([f"Out of memory: {kill}"]))) == 1


def test_a_new_zone_is_named() -> None:
    lines = [line.replace(" DMA32", " CXL") for line in report("7.3-cloud-amd64/global-anon")]
    (event,) = assemble(messages(lines))
    assert event.meminfo is not None
    assert [zone.zone for zone in event.meminfo.zones] == ["DMA", "CXL"]
    assert [found.zone for found in event.meminfo.free_lists] == ["DMA", "CXL"]
    assert {(issue.code, issue.detail) for issue in event.issues} == {(IssueCode.UNKNOWN_FIELD, "CXL")}
