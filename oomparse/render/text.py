"""An event as a short block of text: who died, whose limit it was, what it used, and what the report lacks.

The first line says it all; the rows below it give the figures.  Whatever came out of the log is made safe for a
terminal (`oomparse.errors.printable`) after the line is put together, so that no name can be forgotten; colours are
added after that.  Unknown facts have no row.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from oomparse.errors import printable
from oomparse.model import (
    EventTime,
    Identity,
    LimitKind,
    Memcg,
    OomEvent,
    Outcome,
    Reaper,
    ReaperOutcome,
    Role,
    Scope,
    ScopeLevel,
    Source,
    Trait,
    Victim,
)
from oomparse.render.issues import in_words
from oomparse.render.sizes import count, human_kb, human_limit_kb, rounded_kb

MAX_FURTHER_VICTIMS = 10
"""A group kill can have hundreds; the rest are counted."""

_LABEL_WIDTH = 10
_INDENT = "  "


class Style(StrEnum):
    """Select Graphic Rendition parameters (ECMA-48)."""

    PLAIN = ""
    TIME = "36"
    KILLED = "1;31"
    LABEL = "2"
    WARNING = "33"


class Row(NamedTuple):
    """A line below the first."""

    label: str
    text: str
    style: Style = Style.PLAIN


def block(event: OomEvent, *, colour: bool = False) -> str:
    """Return the event as lines of text, each with its line end."""
    lines = [_headline(event, colour=colour)]
    rows = _update_rows(event) if event.revision > 1 else _rows(event)
    for label, text, style in rows:
        left = paint(f"{label:<{_LABEL_WIDTH}}", Style.LABEL, colour=colour)
        lines.append(f"{_INDENT}{left} {paint(printable(text), style, colour=colour)}")
    return "\n".join(lines) + "\n"


def sentence(event: OomEvent) -> str:
    """Return what happened and why in one sentence, as raw as the log has it."""
    return f"{_what_happened(event)}: {_why(event)}"


def paint(text: str, style: Style, *, colour: bool) -> str:
    """Put a style around a text that is safe for a terminal."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style else text


def _headline(event: OomEvent, *, colour: bool) -> str:
    parts = [paint(printable(_when(event.time)), Style.TIME, colour=colour)]
    if event.source.host:
        parts.append(printable(event.source.host))
    if event.revision > 1:
        parts.append("update:")
    happened = paint(printable(_what_happened(event)), Style.KILLED, colour=colour)
    parts.append(f"{happened}: {printable(_why(event))}")
    return "  ".join(parts)


def _when(time: EventTime) -> str:
    if time.wall is not None:
        return time.wall.isoformat(" ", "seconds")
    if time.printed is not None:
        return _stamp(time.printed)
    return "time unknown" if time.monotonic_seconds is None else f"{time.monotonic_seconds:.6f} s after boot"


_SECONDS = re.compile(r"\s*\d+\.\d+")


def _stamp(printed: str) -> str:
    return f"[{printed}]" if _SECONDS.fullmatch(printed) else printed


def _what_happened(event: OomEvent) -> str:
    victim = event.victim
    match event.outcome:
        case Outcome.KILLED | Outcome.LOWMEMORYKILLER if len(event.victims) > 1:
            return f"killed {_process(event.victims[0])} and {len(event.victims) - 1} more"
        case Outcome.KILLED if victim:
            return f"killed {_process(victim)}"
        case Outcome.LOWMEMORYKILLER if victim:
            return f"lowmemorykiller killed {_process(victim)}"
        case Outcome.NO_VICTIM:
            return "nothing to kill"
        case Outcome.PANIC:
            return "kernel panic"
        case Outcome.VICTIM_EXITING:
            return f"{_process(victim)} was already exiting" if victim else "the chosen process was already exiting"
        case _:
            return f"victim not certain, perhaps {_process(victim)}" if victim else "victim unknown"


def _why(event: OomEvent) -> str:
    if Trait.SYSRQ in event.traits:
        return "asked for by SysRq-f"
    match event.scope:
        case Scope.GLOBAL:
            return "the machine is out of memory"
        case Scope.MEMCG:
            return _which_limit(event)
        case Scope.CPUSET:
            return f"the nodes of its cpuset are out of memory{_nodes(event.mems_allowed)}"
        case Scope.MEMORY_POLICY:
            return f"the nodes of its memory policy are out of memory{_nodes(event.nodemask)}"
        case Scope.UNKNOWN:
            return "out of memory, the machine's or a cgroup's"


def _nodes(nodes: str | None) -> str:
    return f" (nodes {nodes})" if nodes else ""


_OWNERS = {
    ScopeLevel.CONTAINER: "the container",
    ScopeLevel.POD: "the pod",
    ScopeLevel.SLICE: "the slice",
    ScopeLevel.UNIT: "the unit",
    ScopeLevel.USER: "the user",
    ScopeLevel.ROOT: "the root cgroup",
}


def _which_limit(event: OomEvent) -> str:
    owner = _OWNERS[event.scope_level] if event.scope_level else "the cgroup"
    if event.memcg is None:
        return f"{owner} is at its memory limit"
    if event.memcg.own_limit is False:
        owner = f"{owner} above it"
    kind, limit = _limit_hit(event.memcg)
    size = "" if limit is None else f" of {human_limit_kb(limit, exact=False)}"
    return f"{owner} is at its {kind} limit{size}"


def _limit_hit(memcg: Memcg) -> tuple[str, int | None]:
    """Return the name of the limit that was full and its size: the memory limit where the text does not tell."""
    if LimitKind.MEMSW in memcg.limit_hit and LimitKind.MEMORY not in memcg.limit_hit:
        return "memory+swap", memcg.memsw_limit_kb
    if memcg.limit_hit == (LimitKind.KMEM,):
        return "kernel memory", memcg.kmem_limit_kb
    return "memory", memcg.limit_kb


def _rows(event: OomEvent) -> Iterator[Row]:
    yield from _time_row(event.time)
    victim = event.victim
    if victim:
        yield Row("victim", ", ".join(_who(victim)))
    if event.selected and (victim is None or event.selected.pid != victim.pid):
        yield Row("chosen", f"{_name(event.selected.comm)}{_pid(event.selected.pid)}{_instead(event)}")
    if victim and (sizes := _sizes(victim)):
        yield Row("memory", ", ".join(sizes))
    yield from _reaper_row(victim)
    yield from _further_rows(event)
    if event.memcg:
        yield from _memcg_rows(event.memcg)
    yield from _identity_rows(event)
    yield from _request_row(event)
    if event.panic:
        yield Row("panic", event.panic, Style.WARNING)
    yield from _origin_rows(event.source)
    for issue in event.issues:
        yield Row("note", in_words(issue), Style.WARNING)


def _update_rows(event: OomEvent) -> Iterator[Row]:
    """What a follower can learn later: what the reaper got back, and who else was killed."""
    yield from _reaper_row(event.victim)
    yield from _further_rows(event)


def _time_row(time: EventTime) -> Iterator[Row]:
    parts = []
    if time.wall is not None and time.printed is not None:
        parts.append(f"printed {_stamp(time.printed)}")
    if time.monotonic_seconds is not None and (time.wall is not None or time.printed is not None):
        seconds = f"{time.monotonic_seconds:.6f}"
        if time.printed is None or time.printed.strip() != seconds:
            parts.append(f"{seconds} s after boot")
    if parts:
        yield Row("time", ", ".join(parts))


def _who(victim: Victim) -> Iterator[str]:
    yield f"{_name(victim.comm)}{_pid(victim.pid)}"
    if victim.uid is not None:
        yield f"uid {victim.uid}"
    if victim.oom_score is not None:
        yield f"oom_score {victim.oom_score}"
    if victim.oom_score_adj is not None:
        yield f"oom_score_adj {victim.oom_score_adj}"
    if victim.ve is not None:
        yield f"container {victim.ve}"


def _instead(event: OomEvent) -> str:
    score = "" if event.selected is None or event.selected.oom_score is None else f", score {event.selected.oom_score}"
    return f"{score}; its child died in its place" if Trait.CHILD_SACRIFICED in event.traits else score


def _sizes(victim: Victim) -> list[str]:
    named = {
        "resident": victim.rss_kb,
        "anon": victim.anon_rss_kb,
        "file": victim.file_rss_kb,
        "shmem": victim.shmem_rss_kb,
        "swap": victim.swap_kb,
        "page tables": victim.pgtables_kb,
        "virtual": victim.total_vm_kb,
    }
    return [f"{name} {human_kb(kb)}" for name, kb in named.items() if kb is not None]


def _reaper_row(victim: Victim | None) -> Iterator[Row]:
    if victim and victim.reaper:
        yield Row("reaper", _reaped(victim.reaper))


def _reaped(reaper: Reaper) -> str:
    if reaper.outcome is ReaperOutcome.UNABLE:
        return "could not take its memory back"
    left = {"anon": reaper.anon_rss_kb, "file": reaper.file_rss_kb, "shmem": reaper.shmem_rss_kb}
    remaining = [f"{name} {human_kb(kb)}" for name, kb in left.items() if kb]
    if remaining:
        return f"took its memory back, except {', '.join(remaining)}"
    return "took its memory back" if set(left.values()) == {None} else "took all of its memory back"


_ROLES = {
    Role.SELECTED: "",
    Role.CHILD: " (child)",
    Role.GROUP: " (same cgroup, memory.oom.group)",
    Role.SHARING_MM: " (shares its memory)",
}


def _further_rows(event: OomEvent) -> Iterator[Row]:
    further = event.victims[1:]
    for victim in further[:MAX_FURTHER_VICTIMS]:
        sizes = f", anon {rounded_kb(victim.anon_rss_kb)}" if victim.anon_rss_kb is not None else ""
        reaped = f"; reaper {_reaped(victim.reaper)}" if victim.reaper else ""
        yield Row("also", f"{_process(victim)}{_ROLES[victim.role]}{sizes}{reaped}")
    if len(further) > MAX_FURTHER_VICTIMS:
        yield Row("also", f"{len(further) - MAX_FURTHER_VICTIMS} more")


def _memcg_rows(memcg: Memcg) -> Iterator[Row]:
    counters = (
        ("limit", memcg.usage_kb, memcg.limit_kb, memcg.failcnt),
        ("mem+swap", memcg.memsw_usage_kb, memcg.memsw_limit_kb, memcg.memsw_failcnt),
        ("swap", memcg.swap_usage_kb, memcg.swap_limit_kb, memcg.swap_failcnt),
    )
    for label, usage, limit, failures in counters:
        parts = [] if limit is None else [human_limit_kb(limit)]
        if usage is not None:
            parts.append(f"used {human_kb(usage)}")
        if failures:
            parts.append(f"hit {count(failures, 'time')}")
        if parts and (label == "limit" or usage or failures):
            yield Row(label, ", ".join(parts))
    if memcg.oom_memcg == memcg.task_memcg:
        if memcg.oom_memcg is not None:
            yield Row("cgroup", memcg.oom_memcg)
        return
    if memcg.oom_memcg is not None:
        yield Row("limit of", memcg.oom_memcg)
    if memcg.task_memcg is not None:
        yield Row("victim in", memcg.task_memcg)


def _identity_rows(event: OomEvent) -> Iterator[Row]:
    if event.identity:
        yield Row("that is", ", ".join(_identity(event.identity)))
    # Where the level is known, the first line says whose limit it is.
    if event.oom_identity and event.oom_identity != event.identity and event.scope_level is None:
        yield Row("limit is", ", ".join(_identity(event.oom_identity)))


def _identity(identity: Identity) -> Iterator[str]:
    yield identity.kind.replace("_", " ")
    facts = {
        "pod": identity.pod_uid,
        "container": identity.container_name,
        "container id": identity.container_id and identity.container_id[:12],
        "runtime": identity.runtime if identity.runtime != identity.kind else None,
        "qos": identity.qos,
        "unit": identity.unit,
        "slice": identity.slice if identity.unit is None and identity.pod_uid is None else None,
        "user": identity.user,
        "session": identity.session,
        "job": identity.job,
        "step": identity.step,
    }
    for name, value in facts.items():
        if value:
            yield f"{name} {value}"


def _request_row(event: OomEvent) -> Iterator[Row]:
    parts = []
    if event.invoker and (event.invoker.comm is not None or event.invoker.pid is not None):
        cpu = "" if event.invoker.cpu is None else f" on cpu {event.invoker.cpu}"
        parts.append(f"{_name(event.invoker.comm)}{_pid(event.invoker.pid)}{cpu}")
    if event.order is not None and event.order >= 0:
        parts.append(f"{count(2 ** min(event.order, 64), 'page')} (order {event.order})")
    if event.gfp_mask:
        names = event.gfp_mask.printed or (event.gfp_mask.flags and "|".join(event.gfp_mask.flags))
        parts.append(f"{names} ({event.gfp_mask.value:#x})" if names else f"gfp_mask {event.gfp_mask.value:#x}")
    if parts:
        yield Row("asked by" if event.invoker else "asked for", ", ".join(parts))


def _origin_rows(source: Source) -> Iterator[Row]:
    if source.kernel_release:
        yield Row("kernel", source.kernel_release)
    where = "standard input" if source.path == "-" else source.path or source.transport
    if where is None:
        return
    if source.line_start is not None:
        where += f":{source.line_start}"
        if source.line_end is not None and source.line_end != source.line_start:
            where += f"-{source.line_end}"
    yield Row("found in", where)


def _process(process: Victim) -> str:
    return f"{_name(process.comm)}{_pid(process.pid)}"


_PLAIN_NAME = re.compile(r"[\w./:+@-]+")


def _name(comm: str | None) -> str:
    """Return a name, in quotes where it could be taken for something else."""
    if comm is None:
        return "a process"
    return comm if _PLAIN_NAME.fullmatch(comm) else f'"{comm}"'


def _pid(pid: int | None) -> str:
    return "" if pid is None else f" (pid {pid})"
