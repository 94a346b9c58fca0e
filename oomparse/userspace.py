r"""Kills that were not the kernel's, as records of their own.

Turns a `Message` that a user process wrote into a `UserspaceKill`: systemd-oomd, earlyoom, nohang, oomd, the kubelet's
evictions, Android's lmkd, a Java heap that is full, a shell that says ``Killed``; and the echoes of kernel kills by
systemd, kubelet, containerd and node-problem-detector, which say nothing new and must never be counted twice.

It refuses what the carrier proves to be the kernel's own, and kernel words in any other mouth: those are the business
of the assembler.  What each program says stands in `oomparse.userspace_habits`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oomparse.decode.cgroup import identify
from oomparse.message import Message
from oomparse.model import EventTime, Identity, Source
from oomparse.userspace_habits import HABITS, Action, Habit, Killer

USERSPACE_SCHEMA = "oomparse.userspace_kill/1"

MAX_TEXT = 4096
"""Characters of a message that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserspaceKill:
    """A kill that the kernel's OOM killer did not do, or an echo of one that it did."""

    schema: str = USERSPACE_SCHEMA
    killer: Killer
    action: Action
    echo: bool = False
    """True where it only repeats a kill by the kernel, which the kernel reports itself."""
    comm: str | None = None
    command: str | None = None
    pid: int | None = None
    uid: int | None = None
    signal: str | None = None
    cgroup: str | None = None
    identity: Identity | None = None
    unit: str | None = None
    pod: str | None = None
    """``NAMESPACE/NAME``."""
    container_id: str | None = None
    reason: str | None = None
    figures: Mapping[str, int | float] = field(default_factory=dict)
    """The numbers behind it, each with its unit in the name."""
    time: EventTime = field(default_factory=EventTime)
    source: Source = field(default_factory=Source)
    text: str


TRIGGERS = tuple(dict.fromkeys(habit.trigger for habit in HABITS))
"""A message without any of these literals is none of ours."""

_PROGRAM = r"(?:[A-Za-z][\w.@/-]{0,63}(?:\[\d{1,9}\])?: )?"
_COMPILED = tuple(
    (habit, re.compile(habit.pattern if habit.anywhere else f"{_PROGRAM}(?:{habit.pattern})")) for habit in HABITS
)
_NUMBERS = ("pid", "uid")
_ALIASES = (("command", "job"), ("comm", "tool"))
"""A pattern cannot have two groups of one name."""
_WORDS = ("comm", "command", "signal", "cgroup", "unit", "pod", "container_id", "reason")


def recognise(message: Message) -> UserspaceKill | None:
    """Return what a user process says of a kill, or ``None``: it says nothing of one, or the kernel wrote it."""
    if message.from_kernel is True:
        return None
    text = message.text[:MAX_TEXT]
    for habit, pattern in _COMPILED:
        if habit.trigger in text:
            match = pattern.search(text) if habit.anywhere else pattern.match(text)
            if match is not None:
                return _build(habit, match.groupdict(), message)
    return None


def sentence(kill: UserspaceKill) -> str:
    """Return what happened in one sentence, for people."""
    whom = next(
        (
            f"{what} {value}"
            for what, value in (
                ("pod", kill.pod),
                ("process", _process(kill)),
                ("cgroup", kill.cgroup),
                ("a process of", kill.unit),
                ("a process of container", kill.container_id),
                ("command", kill.command),
            )
            if value is not None
        ),
        "a process",
    )
    why = f" ({kill.reason})" if kill.reason else ""
    if kill.echo:
        return f"{kill.killer} repeats that the kernel's OOM killer killed {whom}."
    if kill.killer is Killer.UNKNOWN:
        return f"Somebody killed {whom}; this line does not say who{why}."
    verb = {Action.EVICTED: "evicted", Action.REPORTED: "killed", Action.KILLED: "killed"}.get(kill.action)
    if verb is None:
        return f"This was not the kernel's OOM killer: a {kill.killer} process hit a limit of its own{why}."
    return f"This was not the kernel's OOM killer but {kill.killer}: it {verb} {whom}{why}."


def told(kill: UserspaceKill) -> str:
    """Return that sentence behind the stamp of its line."""
    return f"[{kill.time.printed}]  {sentence(kill)}" if kill.time.printed else sentence(kill)


def _process(kill: UserspaceKill) -> str | None:
    if kill.pid is None:
        return kill.comm
    return f"{kill.pid} ({kill.comm})" if kill.comm is not None else str(kill.pid)


def _build(habit: Habit, groups: Mapping[str, str | None], message: Message) -> UserspaceKill:
    found = {name: text for name, text in groups.items() if text is not None}
    if "pod_name" in found:
        found["pod"] = f"{found.pop('pod_namespace')}/{found.pop('pod_name')}"
    for name, alias in _ALIASES:
        if alias in found:
            found[name] = found.pop(alias)
    words: dict[str, Any] = {name: found.pop(name) for name in _WORDS if name in found}
    words |= {name: int(found.pop(name)) for name in _NUMBERS if name in found}
    if habit.reason is not None and ("reason" in words or "{}" not in habit.reason):
        words["reason"] = habit.reason.format(words.get("reason", ""))
    cgroup = words.get("cgroup")
    if cgroup is not None:
        # Facebook's oomd leaves out the slash.
        cgroup = words["cgroup"] = cgroup if cgroup.startswith("/") else f"/{cgroup}"
        identity = identify(cgroup)
        if identity is not None:
            words |= {"identity": identity, "unit": identity.unit, "container_id": identity.container_id}
    return UserspaceKill(
        killer=habit.killer,
        action=habit.action,
        echo=habit.echo,
        figures={name: float(text) if "." in text else int(text) for name, text in found.items()},
        time=EventTime(
            wall=message.wall,
            monotonic_seconds=None if message.monotonic_us is None else message.monotonic_us / 1_000_000,
            printed=message.printed,
        ),
        source=Source(
            path=message.path,
            line_start=message.line_start,
            line_end=message.line_end,
            cursor=message.cursor,
            transport=message.transport,
            host=message.host,
            boot_id=message.boot_id,
            from_kernel=message.from_kernel,
        ),
        text=message.text[:MAX_TEXT],
        **words,
    )
