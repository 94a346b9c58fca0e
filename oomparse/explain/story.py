"""The facts of an event in words: who died, whose memory ran out, who asked.

Turns an `OomEvent` into a headline and labelled facts.  Names from the log are written as `oomparse.errors.printable`
writes them.
"""

from oomparse.decode.units import KB_BYTES, human_size, is_unlimited
from oomparse.errors import IssueCode, printable
from oomparse.explain.facts import limit_bytes, of_memcg
from oomparse.explain.ledger import Ledger
from oomparse.model import (
    Identity,
    LimitKind,
    Memcg,
    OomEvent,
    Outcome,
    Reaper,
    ReaperOutcome,
    Scope,
    Trait,
    Victim,
)

_CAUSES = {
    Scope.GLOBAL: "the machine had no memory left",
    Scope.CPUSET: "the nodes of its cpuset had no memory left",
    Scope.MEMORY_POLICY: "the nodes of its memory policy had no memory left",
    Scope.UNKNOWN: "memory ran out; the report does not say whose",
}

_TRAITS = {
    Trait.SYSRQ: "somebody pressed SysRq-f",
    Trait.ALLOCATING_TASK: "vm.oom_kill_allocating_task: whoever asked for memory died",
    Trait.PANIC_ON_OOM: "vm.panic_on_oom: the machine stops instead",
    Trait.GROUP_KILL: "memory.oom.group: the whole cgroup dies with the victim",
    Trait.CHILD_SACRIFICED: "a child died in place of the process that was chosen",
    Trait.SHARED_MM: "processes that share the victim's memory died with it",
    Trait.PAGE_FAULT: "the page fault handler called the OOM killer",
}


def headline(event: OomEvent, account: Ledger) -> str:
    """Return what happened in one sentence."""
    return f"{_outcome(event, account)}: {_cause(event)}."


def story(event: OomEvent) -> tuple[tuple[str, str], ...]:
    """Return labelled facts, in the order of interest."""
    done = "chosen" if event.outcome in {Outcome.TRUNCATED, Outcome.VICTIM_EXITING} else "killed"
    rows = [(done, _victim(victim)) for victim in event.victims[:_MAX_VICTIMS]]
    if len(event.victims) > _MAX_VICTIMS:
        rows.append((done, f"and {len(event.victims) - _MAX_VICTIMS} more"))
    rows.extend(("because", f"{reason.says}: {_short(reason.text)}") for reason in event.scope_evidence[:1])
    rows.extend(_cgroup_rows(event))
    rows.extend(_owner_rows(event.identity))
    if event.invoker is not None and event.invoker.comm is not None:
        rows.append(("asked", _request(event)))
    rows.extend(("note", _TRAITS[trait]) for trait in event.traits)
    return (*rows, *_place(event))


_MAX_VICTIMS = 5


def _place(event: OomEvent) -> list[tuple[str, str]]:
    """Return when, on what machine and in which log it was."""
    time, source = event.time, event.source
    when: list[str] = []
    if time.wall is not None:
        guess = any(issue.code is IssueCode.YEAR_ASSUMED for issue in event.issues)
        when.append(f"{time.wall:%Y-%m-%d %H:%M:%S%z}{' (the year is assumed)' if guess else ''}")
    if time.monotonic_seconds is not None:
        when.append(f"{time.monotonic_seconds:.6f} s after boot")
    rows = [("when", ", ".join(when))] if when else []
    if source.host is not None:
        rows.append(("host", printable(source.host)))
    if source.kernel_release is not None:
        rows.append(("kernel", printable(source.kernel_release)))
    if source.path is not None:
        lines = "" if source.line_start is None else f":{source.line_start}"
        if source.line_end is not None and source.line_end != source.line_start:
            lines += f"-{source.line_end}"
        rows.append(("found in", f"{printable(source.path)}{lines}"))
    return rows


_LINE = 120


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"


def _outcome(event: OomEvent, account: Ledger) -> str:
    victim = event.victim
    if event.outcome is Outcome.PANIC:
        return "The kernel panicked"
    if event.outcome is Outcome.NO_VICTIM:
        return "The kernel found nobody to kill"
    if victim is None:
        return "The kernel ran out of memory"
    name = process(victim.comm, victim.pid)
    size = _resident(victim)
    others = len(event.victims) - 1
    more = f" and {others} more" if others else ""
    held = ""
    if size is not None:
        total = account.total_bytes if account.subject == "machine" and not others else None
        held = f", which held {human_size(size)}{f' of {human_size(total)}' if total else ''}"
        held += "," if others else ""
    if event.outcome is Outcome.VICTIM_EXITING:
        return f"The kernel chose {name}{held}{more}, and found it exiting already"
    if event.outcome is Outcome.TRUNCATED:
        return f"The kernel chose {name}{held}{more} (the kill line is missing)"
    by = "Android's lowmemorykiller" if event.outcome is Outcome.LOWMEMORYKILLER else "The kernel"
    return f"{by} killed {name}{held}{more}"


def _cause(event: OomEvent) -> str:
    if Trait.SYSRQ in event.traits:
        return "somebody asked for it (SysRq-f)"
    if event.outcome is Outcome.LOWMEMORYKILLER:
        return "free memory and page cache had fallen below its limits"
    if event.scope is Scope.UNKNOWN and event.oom_identity is not None:
        return f"{owner(event.oom_identity, None)} ({event.oom_identity.kind}) was at its limit"
    if not of_memcg(event):
        return _CAUSES.get(event.scope, _CAUSES[Scope.UNKNOWN])
    which = owner(event.oom_identity, event.memcg.oom_memcg if event.memcg is not None else None)
    memcg = event.memcg
    hit = memcg.limit_hit if memcg is not None else ()
    if (
        memcg is not None
        and memcg.memsw_limit_kb is not None
        and LimitKind.MEMSW in hit
        and LimitKind.MEMORY not in hit
    ):
        return f"{which} was at its limit of {human_size(memcg.memsw_limit_kb * KB_BYTES)} for memory and swap together"
    limit = limit_bytes(memcg)
    return f"{which} was at its limit{f' of {human_size(limit)}' if limit is not None else ''}"


def owner(identity: Identity | None, path: str | None) -> str:
    """Return whose cgroup it is in a few words, safe to show."""
    if identity is not None:
        container = identity.container_name or (identity.container_id or "")[:_SHORT_ID]
        names = [
            f"{label} {printable(name)}"
            for label, name in (
                ("unit", identity.unit),
                ("container", container),
                ("pod", identity.pod_uid),
                ("job", identity.job),
                ("user", identity.user if identity.unit is None else None),
            )
            if name
        ]
        if names:
            return " of ".join(names)
    return f"cgroup {printable(path)}" if path is not None else "its cgroup"


_SHORT_ID = 12


def process(comm: str | None, pid: int | None) -> str:
    """Return a process as people write it, safe to show."""
    name = printable(comm) if comm is not None else "a process"
    return name if pid is None else f"{name} (pid {pid})"


def _resident(victim: Victim) -> int | None:
    parts = (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb)
    if all(part is None for part in parts):
        return None if victim.rss_kb is None else victim.rss_kb * KB_BYTES
    return sum(part or 0 for part in parts) * KB_BYTES


def _victim(victim: Victim) -> str:
    facts = [process(victim.comm, victim.pid)]
    if victim.uid is not None:
        facts.append(f"uid {victim.uid}")
    sizes = (("anon", victim.anon_rss_kb), ("file", victim.file_rss_kb), ("shmem", victim.shmem_rss_kb))
    facts.extend(f"{name} {human_size(kb * KB_BYTES)}" for name, kb in sizes if kb)
    if victim.pgtables_kb:
        facts.append(f"page tables {human_size(victim.pgtables_kb * KB_BYTES)}")
    if victim.rss_kb is not None:
        facts.append(f"resident {human_size(victim.rss_kb * KB_BYTES)}")
    if victim.swap_kb:
        facts.append(f"swap {human_size(victim.swap_kb * KB_BYTES)}")
    if victim.oom_score_adj is not None:
        facts.append(f"oom_score_adj {victim.oom_score_adj}")
    if victim.reaper is not None:
        facts.append(_reaped(victim.reaper))
    if victim.role.value != "selected":
        facts.append(victim.role.value.replace("_", " "))
    return ", ".join(facts)


def _reaped(reaper: Reaper) -> str:
    if reaper.outcome is ReaperOutcome.UNABLE:
        return "could not be reaped"
    left = sum(part or 0 for part in (reaper.anon_rss_kb, reaper.file_rss_kb, reaper.shmem_rss_kb)) * KB_BYTES
    return f"reaped, {human_size(left)} left" if left else "reaped"


def _cgroup_rows(event: OomEvent) -> list[tuple[str, str]]:
    memcg = event.memcg
    if memcg is None:
        return []
    rows: list[tuple[str, str]] = []
    if memcg.oom_memcg is not None:
        rows.append(("limit of", f"{printable(memcg.oom_memcg)}{_which_limit(event, memcg)}"))
    if memcg.task_memcg is not None and memcg.task_memcg != memcg.oom_memcg:
        rows.append(("cgroup", printable(memcg.task_memcg)))
    for label, usage, limit in (
        ("memory", memcg.usage_kb, memcg.limit_kb),
        ("swap", memcg.swap_usage_kb, memcg.swap_limit_kb),
        ("with swap", memcg.memsw_usage_kb, memcg.memsw_limit_kb),
        ("kernel mem", memcg.kmem_usage_kb, memcg.kmem_limit_kb),
    ):
        if usage is not None and limit is not None and (usage or not is_unlimited(limit)):
            of = "no limit" if is_unlimited(limit) else human_size(limit * KB_BYTES)
            rows.append((label, f"{human_size(usage * KB_BYTES)} of {of}"))
    return rows


def _which_limit(event: OomEvent, memcg: Memcg) -> str:
    """Return what kind of cgroup it is, and how it stands to the victim's."""
    facts = [] if event.scope_level is None else [event.scope_level.value]
    if memcg.own_limit is not None:
        facts.append("the victim's own" if memcg.own_limit else "above the victim's own")
    if memcg.version is not None:
        facts.append(f"cgroup v{memcg.version}")
    return f" ({', '.join(facts)})" if facts else ""


_OWNER_FIELDS = (
    ("qos", "qos"),
    ("pod", "pod_uid"),
    ("container", "container_id"),
    ("name", "container_name"),
    ("unit", "unit"),
    ("user", "user"),
    ("session", "session"),
    ("job", "job"),
    ("step", "step"),
)


def _owner_rows(identity: Identity | None) -> list[tuple[str, str]]:
    if identity is None or identity.kind == "root":
        return []
    runtime = f" ({printable(identity.runtime)})" if identity.runtime not in {None, identity.kind} else ""
    rows = [("owner", f"{identity.kind.replace('_', ' ')}{runtime}")]
    rows += [
        (label, printable(value)) for label, name in _OWNER_FIELDS if (value := getattr(identity, name)) is not None
    ]
    return rows


def _request(event: OomEvent) -> str:
    invoker = event.invoker
    facts = [process(invoker.comm, invoker.pid) if invoker is not None else "somebody"]
    if event.order is not None and event.order >= 0:
        pages = 1 << event.order if event.order < _MAX_ORDER else None
        if pages is not None:
            facts.append(f"{pages} page{'s' if pages > 1 else ''} in one piece" if pages > 1 else "one page")
    mask = event.gfp_mask
    if mask is not None:
        flags = "|".join(mask.flags) if mask.flags else hex(mask.value)
        facts.append(printable(flags))
    return ", ".join(facts)


_MAX_ORDER = 64
