import itertools
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oomparse.assembler import Assembler
from oomparse.grammar import formats
from oomparse.message import Message
from oomparse.prefilter import SHARED, TRIGGERS, Finder, find_each, trigger_lines, vector_finder


def lines_with_a_trigger(block: bytes) -> list[int]:
    """What `trigger_lines` says, the slow way."""
    starts = itertools.accumulate((len(line) + 1 for line in block.split(b"\n")), initial=0)
    pairs = zip(starts, block.split(b"\n"), strict=False)
    return [start for start, line in pairs if any(trigger in line for trigger in TRIGGERS)]


def finders() -> Iterator[Finder]:
    yield find_each
    vector = vector_finder()
    if vector is not None:
        yield vector


def test_no_trigger_is_part_of_another() -> None:
    for one, other in itertools.permutations(TRIGGERS, 2):
        assert one not in other


def test_no_trigger_spans_lines() -> None:
    assert not any(b"\n" in trigger for trigger in TRIGGERS)


def test_what_triggers_share_stands_in_each_of_them_once() -> None:
    assert all(any(shared in trigger for trigger in TRIGGERS) for shared in SHARED)
    assert not any(trigger.count(shared) > 1 for shared in SHARED for trigger in TRIGGERS)


_fragments = st.one_of(
    st.sampled_from(TRIGGERS),
    st.sampled_from(TRIGGERS).flatmap(lambda trigger: st.integers(1, len(trigger)).map(lambda end: trigger[:end])),
    st.sampled_from(
        [b"\n", b"\n", b"o", b"ill", b"\0", b"\xff", b"room", b"Memory cgroup out of memory: Killed process"]
    ),
    st.binary(max_size=12),
)


@given(st.lists(_fragments, max_size=40).map(b"".join))
@example(b"")
@example(b"\n")
@example(b"oom-kill")
@example(b"oom-killed process\nill processill process\n\noom-kill")
@example(b"Out of memory: Killed process" * 50)
@example(b"ill process\nd process\nemory\ncked on memory\nigkill to\n")
def test_every_finder_gives_the_same_lines(block: bytes) -> None:
    for find in finders():
        assert trigger_lines(block, find) == lines_with_a_trigger(block)


_lines = st.lists(_fragments, max_size=4).map(b"".join).map(lambda line: line.replace(b"\n", b"") + b"\n")


@given(st.lists(_lines, max_size=20), st.integers(0, 20))
def test_whole_lines_may_be_searched_apart(lines: list[bytes], cut: int) -> None:
    head, tail = b"".join(lines[:cut]), b"".join(lines[cut:])
    apart = trigger_lines(head) + [len(head) + start for start in trigger_lines(tail)]
    assert trigger_lines(head + tail) == apart


NEXT_TO_ONE = {
    "Memory limit reached of cgroup /lab/box",  # The counters follow
    "Tasks in /lab/group are going to be killed due to memory.oom.group set",  # Comes after a kill
    "Tasks in /lab/group are going to be killed due to mem",
    "Task in /lab/left",  # ` killed as a result of limit of ` follows
    "Task in /lab/left killed",
    "memory: usage 3145728kB, lim",  # Cut; the other counters follow
}


@pytest.mark.parametrize("sample", [sample for line_format in formats() for sample in line_format.samples])
def test_every_line_that_makes_an_event_holds_a_trigger(sample: str) -> None:
    assembler = Assembler()
    message = Message(text=sample, printed="1.000000", monotonic_us=1_000_000, from_kernel=True)
    events = (*assembler.feed(message), *assembler.close())
    if events and sample not in NEXT_TO_ONE:
        assert trigger_lines(sample.encode("utf-8", "surrogateescape"), find_each)


def test_the_samples_do_make_events() -> None:
    made = 0
    for sample in (sample for line_format in formats() for sample in line_format.samples):
        assembler = Assembler()
        message = Message(text=sample, printed="1.000000", monotonic_us=1_000_000, from_kernel=True)
        made += bool((*assembler.feed(message), *assembler.close()))
    assert made > 30
