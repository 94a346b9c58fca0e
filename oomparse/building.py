"""A report's lines, made into an `OomEvent`.

Used by `oomparse.assembler` alone.  Decides which line's word counts where several state the same fact, and says so in
``issues``; leaves the long sections to `oomparse.report_sections`, which parses them when first asked for.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any, TypeVar

from oomparse.classify import Facts, limits_hit, scope_of
from oomparse.decode.cgroup import identify, level, openvz
from oomparse.decode.gfp import decode_mask
from oomparse.decode.kernel import intersect, parse_release
from oomparse.errors import Issue, IssueCode
from oomparse.grammar.arrangements import PrintedBy
from oomparse.grammar.format import Section
from oomparse.grammar.header import CpuLine, CpusetLine, HardwareLine, WorkqueueLine
from oomparse.grammar.kill import Killed
from oomparse.grammar.memcg import MemcgCounter, TaskInMemcg
from oomparse.grammar.reaper import Reaped
from oomparse.grammar.tokens import INDENT
from oomparse.model import (
    LAZY_FIELDS,
    Era,
    EventTime,
    Evidence,
    GfpMask,
    Identity,
    Invoker,
    Memcg,
    OomEvent,
    Outcome,
    Reaper,
    ReaperOutcome,
    Role,
    Scope,
    Selection,
    Source,
    Trait,
    Victim,
)
from oomparse.report import Report
from oomparse.report_sections import ReportSections
from oomparse.sections import TaskTable

COMM_CHARACTERS = 15


def build_event(report: Report) -> OomEvent:
    """Return what the report says so far."""
    body, counters = _proven(report)
    oom_memcg = _oom_memcg(report)
    sections = ReportSections(body, tuple(report.texts), oom_memcg)
    era = _era(report)
    invoker = _invoker(report)
    memcg = _memcg(report, sections, counters, oom_memcg)
    victims = victims_of(report, sections)
    scope, evidence = scope_of_report(report, sections)
    outcome = _outcome(report)
    cpuset = _cpuset(report)
    paths = (memcg.task_memcg, memcg.oom_memcg) if memcg is not None else (None, None)
    oom_path = memcg.oom_memcg if memcg is not None else None
    oom_identity = identify(oom_path) if oom_path else _beancounter(report)
    identity = next((found for path in paths if path and (found := identify(path))), oom_identity)
    if identity is None:
        # VE 0 is the host itself.
        identity = next((openvz(victim.ve) for victim in victims if victim.ve not in {None, "0"} and victim.ve), None)
    values: dict[str, Any] = {
        "event_id": _event_id(report, victims, invoker),
        "revision": max(report.revision, 1),
        "outcome": outcome,
        "scope": scope,
        "scope_level": level(oom_path) if scope is Scope.MEMCG and oom_path else None,
        "scope_evidence": evidence,
        "traits": _traits(report, victims),
        "complete": report.header is not None and outcome is not Outcome.TRUNCATED,
        "issues": _issues(report, outcome),
        "time": _time(report),
        "source": _source(report, era),
        "invoker": invoker,
        "gfp_mask": _gfp_mask(report, era),
        "order": report.header.order if report.header else None,
        "nodemask": _first(report.header and report.header.nodemask, report.constraint and report.constraint.nodemask),
        "cpuset": _first(cpuset and cpuset.cpuset, report.constraint and report.constraint.cpuset),
        "mems_allowed": _first(cpuset and cpuset.mems_allowed, report.constraint and report.constraint.mems_allowed),
        "constraint": report.constraint.constraint if report.constraint else None,
        "memcg": memcg,
        "message": _message(report),
        "selected": _selected(report, sections),
        "victims": victims,
        "panic": report.panic.text if report.panic else None,
        "identity": identity,
        "oom_identity": oom_identity,
        "era": era,
        "unknown_lines": tuple(text for text, _ in report.unknown),
    }
    return OomEvent.deferred(sections, LAZY_FIELDS, values)


def _beancounter(report: Report) -> Identity | None:
    """Return whose beancounters (OpenVZ) were full."""
    _, found, number = (_message(report) or "").partition(" in UB ")
    return openvz(number) if found and number else None


T = TypeVar("T")


def _first(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)


def _proven(report: Report) -> tuple[Mapping[Section, list[str]], dict[str, MemcgCounter]]:
    """Return the sections and counters that are the report's own beyond doubt.

    Lines of two reports that were printed at once, without caller ids, are told apart by names.  Counters name no one:
    they count only with statistics of the same cgroup, and a task dump only if the victim is in it.
    """
    doubtful: set[object] = {Section.MEMCG} if _doubts_memcg(report) else set()
    if not doubtful and (not report.interleaved or report.caller is not None):
        return report.body, report.counters
    doubtful |= report.ambiguous
    sections = ReportSections(report.body, ())
    named = report.constraint or report.task_in
    if named is not None and sections.stats_path() not in (None, named.oom_memcg):
        doubtful.add(Section.MEMCG)
    counters = {} if Section.MEMCG in doubtful else report.counters
    pid = next((found.pid for found in (report.selected, report.constraint, *report.kills) if found is not None), None)
    if pid is not None and pid not in report.evidence_pids:
        doubtful.add(Section.TASKS)
    return {section: texts for section, texts in report.body.items() if section not in doubtful}, counters


def _era(report: Report) -> Era | None:
    cpu = _cpu(report)
    return _common_era(frozenset(report.printed_by), cpu.release if cpu else None)


@functools.lru_cache(maxsize=256)
def _common_era(printed_by: frozenset[PrintedBy], release: str | None) -> Era | None:
    """Return the kernels that print all that a report has: the same in all reports of one kernel."""
    parsed = parse_release(release) if release else None
    if not printed_by and release is None:
        return None
    own = {found for found in printed_by if not found.mainline} if release is None else set()
    distribution = parsed.distribution if parsed else _printer_of(own)
    ranges = [
        (found.since, found.until)
        for found in printed_by
        if found in own or not any(distribution is not None and distribution.startswith(name) for name in found.distros)
    ]
    return intersect(ranges, release)


def _printer_of(own: Iterable[PrintedBy]) -> str | None:
    """Return the one distribution that prints all of these lines, none of which is mainline's."""
    names = [set(found.distros) for found in own]
    common = set.intersection(*names) if names else set()
    return common.pop() if len(common) == 1 else None


def _invoker(report: Report) -> Invoker | None:
    header, cpu, message = report.header, _cpu(report), report.header_message
    if header is None:
        return None
    comm = header.comm
    if comm is not None and message is not None and message.printed is None and message.from_kernel is not True:
        comm = comm.lstrip(INDENT)  # nothing tells a name that begins with blanks from a line that is indented
    if cpu is not None and comm is not None and comm != cpu.comm and comm.endswith(cpu.comm):
        comm = cpu.comm  # the header was glued to other output
    elif cpu is not None and comm is not None and cpu.comm.endswith(f"\n{comm}"):
        comm = cpu.comm  # a name that holds a newline, in a log without stamps
    elif comm is not None and len(comm) > COMM_CHARACTERS:
        comm = None
    return Invoker(
        comm=comm,
        pid=_first(header.pid, cpu.pid if cpu else None),
        uid=cpu.uid if cpu else None,
        cpu=cpu.cpu if cpu else None,
        oom_score_adj=header.oom_score_adj,
        oom_adj=header.oom_adj,
        tainted=cpu.tainted if cpu else None,
        hardware=None if report.doubts(HardwareLine) else report.hardware,
        workqueue=None if report.doubts(WorkqueueLine) else report.workqueue,
    )


def _gfp_mask(report: Report, era: Era | None) -> GfpMask | None:
    header = report.header
    if header is None or header.gfp_mask is None:
        return None
    if header.printed is not None:
        names = tuple(name for name in header.printed.split("|") if name)
        return GfpMask(value=header.gfp_mask, flags=names, printed=header.printed)
    return GfpMask(value=header.gfp_mask, flags=decode_mask(header.gfp_mask, era) if era else None)


def _doubts_memcg(report: Report) -> bool:
    """Whether the cgroup's lines may be another report's: before 5.0 one of a global OOM has none."""
    foreign = report.constraint is None and report.task_in is not None and (_message(report) or "").startswith("Out of")
    return foreign or report.doubts(Section.MEMCG)


def _task_in(report: Report) -> TaskInMemcg | None:
    return None if _doubts_memcg(report) else report.task_in


def _cpu(report: Report) -> CpuLine | None:
    return None if report.doubts(CpuLine) else report.cpu


def _cpuset(report: Report) -> CpusetLine | None:
    return None if report.doubts(Section.CPUSET) else report.cpuset


def _oom_memcg(report: Report) -> str | None:
    """Return the cgroup whose limit was hit; of two readings that differ in blanks, the one that was not wrapped."""
    printed = report.stats_path
    said = (report.constraint, _task_in(report))
    named = next((line.oom_memcg for line in said if line is not None and line.oom_memcg is not None), None)
    if named is None or printed is None or "".join(named.split()) != "".join(printed.split()):
        return named
    return min(named, printed, key=len)


def _is_within(lower: str, upper: str) -> bool:
    return upper in {lower, "/"} or lower.startswith(f"{upper}/")


def _memcg(
    report: Report, sections: ReportSections, counters: dict[str, MemcgCounter], oom_memcg: str | None
) -> Memcg | None:
    has_stats = report.has_stats and not _doubts_memcg(report)
    said = (report.constraint, _task_in(report))
    task_memcg = next((line.task_memcg for line in said if line is not None and line.task_memcg is not None), None)
    if oom_memcg is None:
        oom_memcg = sections.stats_path()
    if not (oom_memcg or task_memcg or counters or has_stats or report.protection):
        return None
    values: dict[str, Any] = {"oom_memcg": oom_memcg, "task_memcg": task_memcg}
    for kind, prefix in (("memory", ""), ("swap", "swap_"), ("memsw", "memsw_"), ("kmem", "kmem_")):
        counter = counters.get(kind)
        if counter is not None:
            values[f"{prefix}usage_kb"] = counter.usage_kb
            values[f"{prefix}limit_kb"] = counter.limit_kb
            values[f"{prefix}failcnt"] = counter.failcnt
    if report.protection is not None:
        values["min_protection_kb"] = report.protection.min_protection_kb
        values["low_protection_kb"] = report.protection.low_protection_kb
    values["version"] = _version(report, sections, counters)
    if oom_memcg is not None and task_memcg is not None and _is_within(task_memcg, oom_memcg):
        values["own_limit"] = oom_memcg == task_memcg
    values["limit_hit"] = limits_hit(Memcg(**values))
    if not has_stats:
        return Memcg(**values)
    return Memcg.deferred(sections, ("stats_unit", "stats", "hierarchy"), values)


def _version(report: Report, sections: ReportSections, counters: dict[str, MemcgCounter]) -> int | None:
    """Return the version of the cgroup, where the lines tell.

    Since 5.3 only v1 has ``memory+swap`` and only v2 has ``swap``.  From 4.5, when v2 came, to 5.2 both
    print the lines of v1, but only v1 counts in them (``mm/memcontrol.c:do_memsw_account()``).
    """
    if "swap" in counters:
        return 2
    if "memsw" in counters and sections.stats_in_bytes():
        return 1
    if any(counter.usage_kb for kind, counter in counters.items() if kind in {"memsw", "kmem"}):
        return 1
    cpu = _cpu(report) if counters else None
    release = parse_release(cpu.release) if cpu and cpu.release else None
    return 1 if release is not None and release.version < (4, 5, 0) else None


def scope_of_report(report: Report, sections: ReportSections) -> tuple[Scope, tuple[Evidence, ...]]:
    """Return whose memory ran out, and the lines that say so."""
    constraint, cpuset, sure = report.constraint, _cpuset(report), not _doubts_memcg(report)
    message, text = _message(report), report.kill_text
    if message is None and (report.panic or report.no_killable) and not report.counters and sections.has_meminfo():
        # Without a victim only the panic speaks; since 3.9 no memcg OOM prints Mem-Info.
        message, text = "Out of memory", report.panic.text if report.panic else report.texts[-1]
    header = report.header_message if constraint is None else None  # the constraint line says all that it could
    facts = Facts(
        constraint=constraint.constraint if constraint else None,
        constraint_text=report.constraint_text,
        global_oom=constraint.global_oom if constraint else False,
        oom_memcg=constraint.oom_memcg if constraint else None,
        limit_text=report.limit_text if sure else None,
        message=message,
        message_text=text,
        counter_text=report.counter_text if sure else None,
        nodemask=report.header.nodemask if header is not None and report.header is not None else None,
        mems_allowed=cpuset.mems_allowed if cpuset is not None else None,
        header_text=header.text if header is not None else None,
        excluded_nodes=(lambda: sections.excluded_nodes(cpuset.mems_allowed))
        if cpuset is not None and cpuset.cpuset != "/"
        else None,
    )
    return scope_of(facts)


def _message(report: Report) -> str | None:
    said = (*report.kills[:1], report.selected, report.spared)
    return _first(*(line.message for line in said if line is not None))


def _selected(report: Report, sections: ReportSections) -> Selection | None:
    selected, constraint = report.selected, report.constraint
    if selected is not None:
        uid = constraint.uid if constraint is not None and constraint.pid == selected.pid else None
        comm = _agreed_comm(report, sections, selected.pid, selected.comm)
        return Selection(pid=selected.pid, comm=comm, uid=uid, oom_score=selected.score)
    if constraint is not None and (constraint.pid is not None or constraint.comm is not None):
        comm = _agreed_comm(report, sections, constraint.pid, constraint.comm)
        return Selection(pid=constraint.pid, comm=comm, uid=constraint.uid)
    return None


def _agreed_comm(report: Report, sections: ReportSections, pid: int | None, comm: str | None) -> str | None:
    """Return a name as most of the lines have it that differ in blanks alone: one of them may have been wrapped."""
    if pid is None or comm is None:
        return comm
    said = (report.constraint, report.selected, *report.kills)
    if {line.comm for line in said if line is not None} == {comm}:
        return comm
    alike = _alike(comm, pid, said)
    if len(set(alike)) < 2:
        return comm
    row = (sections.load("tasks") or TaskTable()).find(pid)
    alike += _alike(comm, pid, (_cpu(report), report.reaped.get(pid), row))
    return max(alike, key=lambda name: (alike.count(name), "\n" not in name, -len(name)))


def _alike(comm: str, pid: int, lines: Iterable[Any]) -> list[str]:
    """Return the names that lines give a process, if they differ from ``comm`` in blanks alone."""
    names = [line.comm for line in lines if line is not None and line.pid == pid and line.comm]
    return [name for name in names if "".join(name.split()) == "".join(comm.split())]


def victims_of(report: Report, sections: ReportSections) -> tuple[Victim, ...]:
    """Return who was killed or chosen, the first victim first."""
    victims = [
        _victim(kill, _role(report, at, kill, sections), report, _agreed_comm(report, sections, kill.pid, kill.comm))
        for at, kill in enumerate(report.kills)
    ]
    if not victims:
        chosen = _chosen(report)
        if chosen is not None:
            victims.append(chosen)
    if not report.sharing:
        return tuple(victims)
    known = {victim.pid for victim in victims}
    victims += [
        Victim(
            pid=line.pid,
            comm=line.comm,
            ve=line.ve,
            role=Role.SHARING_MM,
            reaper=reaper_of(report.reaped.get(line.pid)),
        )
        for line in report.sharing
        if line.pid not in known
    ]
    return tuple(victims)


def _victim(kill: Killed, role: Role, report: Report, comm: str | None) -> Victim:
    selected = report.selected
    score = kill.score
    if score is None and selected is not None and selected.pid == kill.pid:
        score = selected.score
    uid = kill.uid
    constraint = report.constraint
    if uid is None and constraint is not None and constraint.pid == kill.pid and constraint.pid is not None:
        uid = constraint.uid
    return Victim(
        pid=kill.pid,
        comm=comm,
        uid=uid,
        total_vm_kb=kill.total_vm_kb,
        anon_rss_kb=kill.anon_rss_kb,
        file_rss_kb=kill.file_rss_kb,
        shmem_rss_kb=kill.shmem_rss_kb,
        pgtables_kb=kill.pgtables_kb,
        rss_kb=kill.rss_kb,
        swap_kb=kill.swap_kb,
        ve=kill.ve,
        oom_score=score,
        oom_score_adj=kill.oom_score_adj,
        role=role,
        reaper=reaper_of(report.reaped.get(kill.pid) if kill.pid is not None else None),
    )


def _role(report: Report, at: int, kill: Killed, sections: ReportSections) -> Role:
    if at > 0:
        return Role.GROUP if report.group is not None else Role.SHARING_MM
    selected = report.selected
    if selected is None or selected.pid == kill.pid:
        return Role.SELECTED
    # "Kill process" names a thread on some 4.x kernels: one that has no row of its own is no child.
    rows = sections.load("tasks")
    if rows and kill.pid is not None and rows.find(kill.pid) is None:
        return Role.SELECTED
    return Role.CHILD


def _chosen(report: Report) -> Victim | None:
    """Return the victim of a report without a kill line, from the next best line."""
    if report.lmk is not None:
        sizes = (report.lmk.freed_kb, *(line.freed_kb for line in report.lmk_details))
        freed = next((size for size in sizes if size is not None), None)
        return Victim(pid=report.lmk.pid, comm=report.lmk.comm, oom_score_adj=report.lmk.adj, rss_kb=freed)
    constraint, selected, spared = report.constraint, report.selected, report.spared
    if constraint is not None and (constraint.pid is not None or constraint.comm is not None):
        reaper = reaper_of(report.reaped.get(constraint.pid) if constraint.pid is not None else None)
        return Victim(pid=constraint.pid, comm=constraint.comm, uid=constraint.uid, reaper=reaper)
    if selected is not None:
        reaper = reaper_of(report.reaped.get(selected.pid))
        return Victim(pid=selected.pid, comm=selected.comm, oom_score=selected.score, reaper=reaper)
    if spared is not None and spared.exiting:
        return Victim(pid=spared.pid, comm=spared.comm)
    for line in report.reaped.values():
        return Victim(pid=line.pid, comm=line.comm, reaper=reaper_of(line))
    return None


def reaper_of(line: Reaped | None) -> Reaper | None:
    """Return what the reaper did, as its line says."""
    if line is None:
        return None
    return Reaper(
        outcome=ReaperOutcome.REAPED if line.reaped else ReaperOutcome.UNABLE,
        anon_rss_kb=line.anon_rss_kb,
        file_rss_kb=line.file_rss_kb,
        shmem_rss_kb=line.shmem_rss_kb,
    )


def _outcome(report: Report) -> Outcome:
    if report.lmk is not None:
        return Outcome.LOWMEMORYKILLER
    if report.kills or report.reaped:
        return Outcome.KILLED
    if report.panic is not None:
        return Outcome.PANIC
    if report.spared is not None:
        return Outcome.VICTIM_EXITING if report.spared.exiting else Outcome.NO_VICTIM
    return Outcome.NO_VICTIM if report.no_killable else Outcome.TRUNCATED


def _traits(report: Report, victims: Iterable[Victim]) -> tuple[Trait, ...]:
    header = report.header
    message = _message(report) or ""
    roles = {victim.role for victim in victims}
    found = {
        Trait.SYSRQ: report.sysrq or (header is not None and header.order == -1),
        Trait.ALLOCATING_TASK: "oom_kill_allocating_task" in message,
        Trait.PANIC_ON_OOM: report.panic is not None and "panic_on_oom" in report.panic.text,
        Trait.GROUP_KILL: report.group is not None,
        Trait.CHILD_SACRIFICED: Role.CHILD in roles,
        Trait.SHARED_MM: Role.SHARING_MM in roles,
        Trait.PAGE_FAULT: header is not None and header.gfp_mask == 0,
    }
    return tuple(trait for trait, holds in found.items() if holds)


def _issues(report: Report, outcome: Outcome) -> tuple[Issue, ...]:
    issues: list[Issue] = []
    if report.header is None and report.lmk is None:
        issues.append(Issue(code=IssueCode.TRUNCATED_HEAD, line=report.first.line_start))
    if not report.kills and outcome in (Outcome.TRUNCATED, Outcome.KILLED):
        issues.append(Issue(code=IssueCode.MISSING_KILL_LINE, line=report.last.line_start))
    if outcome is Outcome.TRUNCATED:
        issues.append(Issue(code=IssueCode.TRUNCATED_TAIL, line=report.last.line_start))
    named, printed = _oom_memcg(report), report.stats_path
    if named is not None and printed is not None and not _is_within(printed, named) and not report.interleaved:
        issues.append(Issue(code=IssueCode.CONFLICT, detail=f"oom_memcg {named}, but statistics for {printed}"))
    issues += report.issues
    issues += (Issue(code=IssueCode.DAMAGED_LINE, detail=text) for text in _short_reserves(report))
    issues += [Issue(code=IssueCode.UNKNOWN_LINE, detail=text, line=line) for text, line in report.unknown]
    for message in (report.header_message, report.kill_message):
        if message is not None:
            issues += [issue for issue in message.issues if issue not in issues]
    return tuple(issues)


def _short_reserves(report: Report) -> Iterable[str]:
    """Return the ``lowmem_reserve[]`` lines that lack zones: all have the same."""
    found = [text for text in report.body.get(Section.MEMINFO, ()) if text.startswith(_RESERVE)]
    longest = max((text.count(" ") for text in found), default=0)
    return (text for text in found if text.count(" ") < longest)


_RESERVE = "lowmem_reserve[]:"


def _time(report: Report) -> EventTime:
    message = report.header_message or report.kill_message or report.first
    monotonic = message.monotonic_us
    return EventTime(
        wall=message.wall,
        monotonic_seconds=None if monotonic is None else monotonic / 1_000_000,
        printed=message.printed,
    )


def _source(report: Report, era: Era | None) -> Source:
    first, last = report.first, report.last
    return Source(
        path=first.path,
        line_start=first.line_start,
        line_end=last.line_end if last.path == first.path else None,
        cursor=last.cursor,
        transport=first.transport,
        host=first.host,
        boot_id=first.boot_id,
        kernel_release=era.release if era else None,
        from_kernel=first.from_kernel,
    )


def _event_id(report: Report, victims: tuple[Victim, ...], invoker: Invoker | None) -> str:
    """Return the same id for every copy of a report: host (or boot), kernel time, first victim (or invoker)."""
    import hashlib  # who wants victims alone does not wait for it

    message = report.header_message or report.kill_message or report.first
    if message.monotonic_us is not None:
        when = f"{message.monotonic_us}us"
    elif message.wall is not None:
        when = message.wall.astimezone(UTC).isoformat(timespec="seconds")
    else:
        when = message.printed or f"line {message.line_start}"
    victim = victims[0] if victims else None
    named = victim or invoker
    who = f"{named.pid} {named.comm}" if named else ""
    key = "\0".join((message.host or message.boot_id or "", when, who))
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def with_revision(event: OomEvent, revision: int) -> OomEvent:
    """Return the event under another revision."""
    return event if event.revision == revision else replace(event, revision=revision)
