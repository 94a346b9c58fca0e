"""What a road loses of a kernel's messages, and why: one table for all roads.

A road is equal to the kernel's own ring buffer up to its losses.  A loss is a function on messages: the reference of a
road is what the assembler makes of the original messages after the road's losses, and the events at the road's end must
equal it in everything but `source`, the wall clock and remarks on the road.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from typing import Any

from oomparse import Assembler, Message, OomEvent
from oomparse.errors import Issue, IssueCode
from oomparse.testing import corpus
from oomparse.testing.compare import comparable

Loss = Callable[[Sequence[Message]], Sequence[Message]]

KERNEL = "7.3-cloud-amd64"
CASES: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "global": (f"{KERNEL}/global-anon", ()),
    "memcg-stat-in-one-record": ("5.10.0-46-cloud-amd64/memcg-v2", ()),
    "hostile-names": (f"{KERNEL}/weird-comm", ((0, 336), (562, 673), (1010, 1120), (2126, 2352))),
    "hostile-cgroups": (f"{KERNEL}/weird-cgroup", ((0, 450),)),
    "group": (f"{KERNEL}/oom-group", ()),
    "interleaved": (f"{KERNEL}/two-memcgs", ((0, 340),)),
    "old": ("4.4.155/children-v1", ()),
    "allocation-failure": (f"{KERNEL}/alloc-fail", ()),
    "memory-shown": (f"{KERNEL}/sysrq-mw", ()),
    "quiet": (f"{KERNEL}/noop", ((0, 120),)),
}
NEGATIVE = ("allocation-failure", "memory-shown", "quiet")


@cache
def messages(case: str) -> tuple[Message, ...]:
    name, parts = CASES[case]
    whole = corpus().case(name).messages()
    return tuple(chain.from_iterable(whole[begin:end] for begin, end in parts)) if parts else tuple(whole)


def _each(messages: Sequence[Message], **fields: Any) -> list[Message]:
    return [replace(message, **fields) for message in messages]


def _by_line(messages: Sequence[Message]) -> list[Message]:
    return [replace(message, text=line) for message in messages for line in message.text.split("\n")]


def _tidy(messages: Sequence[Message]) -> list[Message]:
    texts = (re.sub("\x1b\\[[0-9;]*m", "", message.text).replace("\t", " " * 8) for message in messages)
    return [replace(message, text=text) for message, text in zip(messages, texts, strict=True)]


def _blobs(messages: Sequence[Message]) -> list[Message]:
    lost = Issue(code=IssueCode.MESSAGES_LOST, detail="the journal left out a text (journalctl --all shows it)")
    return [
        message
        if all(char.isprintable() or char in "\t\n" for char in message.text)
        else replace(message, text=f"[{len(os.fsencode(message.text))}B blob data]", issues=(lost,))
        for message in messages
    ]


LOSSES: dict[str, tuple[Loss, str]] = {
    "clock": (partial(_each, monotonic_us=None), "the format has no stamp of the kernel's clock"),
    "stamp": (partial(_each, monotonic_us=None, printed=None), "the format has no stamp at all"),
    "colours": (_tidy, "journalctl without --all leaves out colours and expands tabs"),
    "blobs": (_blobs, "journalctl without --all leaves out texts that are not printable, and says so"),
    "caller": (partial(_each, caller=None), "nobody but dmesg and /dev/kmsg passes the printk caller on"),
    "sequence": (partial(_each, sequence=None), "only /dev/kmsg numbers its records"),
    "speaker": (partial(_each, from_kernel=None, facility=None), "the format does not say who wrote a line"),
    "tag": (partial(_each, from_kernel=True), "the tag is the kernel's, whoever wrote: the facility is not shown"),
    "records": (_by_line, "each line of a record becomes a record of its own, in names too"),
}


def lose(messages: Sequence[Message], losses: Iterable[str]) -> Sequence[Message]:
    for name in losses:
        messages = LOSSES[name][0](messages)
    return messages


def trees(events: Iterable[OomEvent]) -> list[dict[str, Any]]:
    return [comparable(json.loads(json.dumps(event.to_dict())), brief=False) for event in events]


@cache
def reference(case: str, losses: tuple[str, ...]) -> list[dict[str, Any]]:
    assembler = Assembler(live=False)
    events = [event for message in lose(messages(case), losses) for event in assembler.feed(message)]
    return trees([*events, *assembler.close()])


def differences(wanted: Sequence[dict[str, Any]], got: Sequence[dict[str, Any]]) -> list[str]:
    """Say in a line each where events differ."""
    if len(got) != len(wanted):
        names = [[(victim.get("comm"), victim.get("pid")) for victim in event["victims"]] for event in got]
        return [f"{len(got)} events, expected {len(wanted)}: {names}"[:1000]]
    return [
        f"[{number}].{key}: {event.get(key)!r:.300}, expected {expected.get(key)!r:.300}"
        for number, (expected, event) in enumerate(zip(wanted, got, strict=True))
        for key in dict.fromkeys([*expected, *event])
        if expected.get(key) != event.get(key)
    ]


def report(found: dict[str, list[str]]) -> str:
    return "\n".join(f"{case}: {line}" for case, lines in found.items() for line in lines[:5])
