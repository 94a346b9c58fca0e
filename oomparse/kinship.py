"""Which of several reports that are printed at once a line belongs to, where no caller id tells.

Turns a report so far and a line into a number: the higher, the surer.  It goes by the names, pids and cgroups that the
report has stated, as far as they are its own beyond doubt, and by the order in which kernels print.  Used by
`oomparse.assembler` alone.
"""

from oomparse.grammar.format import Section, TypedLine
from oomparse.grammar.header import CpuLine
from oomparse.grammar.memcg import MemcgCounter, MemcgStats
from oomparse.grammar.tasks import TaskLine
from oomparse.report import Report

_SURE = 8
"""Outweighs all that is only likely."""
_COUNTERS = ("memory", "memsw", "kmem")


def kinship(report: Report, line: TypedLine) -> int:
    """How surely a line goes on with what the report has said before; ties go to the newest report."""
    if not report.is_event:
        return -_SURE
    pid, comm = getattr(line, "pid", None), getattr(line, "comm", None)
    kin = _next_part(report, line)
    if pid is not None:
        chosen = {found.pid for found in (report.selected, report.constraint) if found is not None}
        if pid in chosen:
            kin += 2 * _SURE
        elif report.evidence_pids and not isinstance(line, CpuLine):
            weight = 1 if Section.TASKS in report.ambiguous else _SURE
            kin += weight if pid in report.evidence_pids else -weight
        if report.cpu is not None and pid == report.cpu.pid and CpuLine not in report.ambiguous:
            kin += 2
    if comm and report.header is not None and comm == report.header.comm:
        kin += 1
    return kin


def _next_part(report: Report, line: TypedLine) -> int:
    """How surely the line is the one that the kernel prints next in the report, or names the same cgroup."""
    if isinstance(line, TaskLine):
        return 2 if report.has_task_header else 0
    if isinstance(line, MemcgCounter):
        before = _COUNTERS[: _COUNTERS.index(line.kind)] if line.kind in _COUNTERS else ()
        return 2 if (report.counters.keys() >= set(before) if before else report.task_in is not None) else 0
    if isinstance(line, MemcgStats) and line.path is not None and report.task_in is not None:
        limited = report.task_in.oom_memcg or ""
        if Section.MEMCG in report.ambiguous:
            return 0
        return _SURE if f"{line.path}/".startswith(f"{limited.rstrip('/')}/") else -_SURE
    return 0
