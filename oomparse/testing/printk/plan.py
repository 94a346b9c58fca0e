"""What the kernel can say of an event: which outcome, whose words, whom it names.

Turns an event into a `Plan` for one kernel, before any line is written.  It refuses what that kernel prints nothing
of, with the reason: a victim that was exiting before 5.9, a memcg OOM before 2.6.25.
"""

from dataclasses import dataclass

from oomparse.errors import IssueCode
from oomparse.grammar.format import LineFormat
from oomparse.model import OomEvent, Outcome, Role, Scope, Selection, Trait, Victim
from oomparse.testing.printk.kernel import Kernel, NotRepresentableError
from oomparse.testing.printk.record import comm

MEMCG_MESSAGE = "Memory cgroup out of memory"
MESSAGE = "Out of memory"
_SINCE_UNTIL = {
    MEMCG_MESSAGE: ("2.6.25", None),
    "Out of memory (oom_kill_allocating_task)": ("2.6.24", None),
    "No available memory (MPOL_BIND)": ("2.6.18", "2.6.36"),
    "No available memory in cpuset": ("2.6.18", "2.6.24"),
}
"""The words before the kill, beside `MESSAGE`, and the kernels that have them (the second end is open)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An event as one kernel states it.

    ``chosen`` is the task of the ``oom-kill:`` and ``Kill process`` lines, ``killed`` those of the kill lines.
    """

    event: OomEvent
    kernel: Kernel
    of_memcg: bool
    message: str
    chosen: Selection | None
    killed: tuple[Victim, ...]
    sharing: tuple[Victim, ...]

    @property
    def has_header(self) -> bool:
        """Whether the report has its first line."""
        event = self.event
        stated = not (event.invoker is None and event.gfp_mask is None and event.order is None)
        return stated and event.outcome is not Outcome.LOWMEMORYKILLER

    @property
    def summary(self) -> LineFormat | None:
        """The format of the ``oom-kill:`` line, where there is one."""
        event = self.event
        # 5.0 names the task in a line of its own, too; there the header tells of this one.
        named = event.selected is not None and (self.has_header or self.kernel.line("select") is None)
        stated = event.constraint is not None or named
        return self.kernel.line("oom_kill") if stated and self.chosen is not None else None

    @property
    def selection(self) -> LineFormat | None:
        """The format of the ``Kill process … score`` line, where there is one."""
        event, line_format = self.event, self.kernel.line("select")
        if line_format is None or self.chosen is None:
            return None
        # 5.0 names the task in its oom-kill: line too: without a kill, only the words tell of this one.
        named = event.selected is not None and (bool(self.killed) or self.kernel.line("oom_kill") is None)
        stated = event.message is not None or named
        return line_format if stated else None


def plan(event: OomEvent, kernel: Kernel) -> Plan:
    """Return what a kernel says of an event.

    Raises `NotRepresentableError` where it says nothing.
    """
    of_memcg = is_of_memcg(event)
    if of_memcg and not kernel.at_least("2.6.25"):
        raise NotRepresentableError(f"{kernel.release.text} has no memory cgroups")
    _check_outcome(event, kernel)
    killed = _killed(event, kernel)
    return Plan(
        event=event,
        kernel=kernel,
        of_memcg=of_memcg,
        message=_message(event, kernel, of_memcg=of_memcg),
        chosen=_chosen(event, kernel, killed),
        killed=killed,
        sharing=_sharing(event, kernel, killed),
    )


def is_of_memcg(event: OomEvent) -> bool:
    """Whether a cgroup's limit was hit, by whatever the event says."""
    named = event.memcg is not None and (event.memcg.oom_memcg is not None or event.memcg.usage_kb is not None)
    said = (event.message or "").startswith(MEMCG_MESSAGE)
    return named or said or event.scope is Scope.MEMCG or event.constraint == "CONSTRAINT_MEMCG"


def _check_outcome(event: OomEvent, kernel: Kernel) -> None:
    release, outcome = kernel.release.text, event.outcome
    if outcome is Outcome.KILLED and not event.victims:
        raise NotRepresentableError("an event in which somebody was killed names its victims")
    if outcome is Outcome.VICTIM_EXITING and kernel.line("already_exiting") is None:
        raise NotRepresentableError(f"{release} prints nothing where the victim is exiting (5.9 does)")
    if outcome is Outcome.VICTIM_EXITING and not event.victims:
        raise NotRepresentableError("an event whose victim is exiting names it")
    if outcome is Outcome.LOWMEMORYKILLER and (kernel.line("lmk_killing", "lmk_sigkill") is None or not event.victims):
        raise NotRepresentableError(f"{release} has no lowmemorykiller (2.6.29 to 4.11), or the event no victim")
    if outcome is Outcome.NO_VICTIM and kernel.line("no_killable") is None and not spares(event, kernel):
        raise NotRepresentableError(f"{release} panics where nothing can be killed, or prints nothing")


def spares(event: OomEvent, kernel: Kernel) -> bool:
    """Whether the task that was chosen lives on, as RHEL 6 prints it."""
    return (
        event.outcome is Outcome.NO_VICTIM
        and event.selected is not None
        and (kernel.line("would_have_killed") is not None)
    )


def _message(event: OomEvent, kernel: Kernel, *, of_memcg: bool) -> str:
    wanted = event.message
    if wanted is None and not of_memcg:
        if Trait.ALLOCATING_TASK in event.traits:
            wanted = "Out of memory (oom_kill_allocating_task)"
        elif event.scope is Scope.MEMORY_POLICY:
            wanted = "No available memory (MPOL_BIND)"
        elif event.scope is Scope.CPUSET:
            wanted = "No available memory in cpuset"
    if of_memcg:
        wanted = MEMCG_MESSAGE
    if wanted is not None and wanted.startswith("Out of memory in UB ") and kernel.release.distribution == "ovz":
        return wanted
    since, end = _SINCE_UNTIL.get(wanted or "", (None, None))
    possible = since is not None and kernel.at_least(since) and not (end is not None and kernel.at_least(end))
    return wanted if wanted is not None and possible else MESSAGE


def _killed(event: OomEvent, kernel: Kernel) -> tuple[Victim, ...]:
    if event.outcome is not Outcome.KILLED or any(issue.code is IssueCode.MISSING_KILL_LINE for issue in event.issues):
        return ()
    first, *others = event.victims
    group, each = kernel.line("group_kill") is not None, _kills_each(kernel)
    killed = {(first.pid, first.comm): first}
    for victim in others:
        grouped = victim.role is Role.GROUP and group
        if grouped or (victim.role is Role.SHARING_MM and each and comm(victim.comm) == comm(first.comm)):
            killed.setdefault((victim.pid, victim.comm), victim)
    return tuple(killed.values())


def _kills_each(kernel: Kernel) -> bool:
    """Whether every thread group that shares the memory has a kill line of its own."""
    line_format = kernel.line("killed")
    return line_format is not None and line_format.name in ("killed_2_6_18", "killed_el5_uid")


def _sharing(event: OomEvent, kernel: Kernel, killed: tuple[Victim, ...]) -> tuple[Victim, ...]:
    if kernel.line("sharing_mm") is None or not (killed or event.selected is not None):
        return ()
    sharing = {victim.pid: victim for victim in event.victims if victim.role is Role.SHARING_MM}
    return tuple(victim for pid, victim in sharing.items() if pid not in {found.pid for found in killed})


def _chosen(event: OomEvent, kernel: Kernel, killed: tuple[Victim, ...]) -> Selection | None:
    if event.outcome in (Outcome.PANIC, Outcome.LOWMEMORYKILLER):
        return None
    if event.outcome is Outcome.NO_VICTIM and not spares(event, kernel):
        return None
    selected, sacrifices = event.selected, kernel.line("select") is not None
    victim = killed[0] if killed else next(iter(event.victims), None)
    if victim is None or (selected is not None and (sacrifices or not killed) and selected.pid != victim.pid):
        return selected if selected is not None and selected.pid is not None else None
    score = victim.oom_score if selected is None else selected.oom_score
    uid = victim.uid if selected is None or selected.uid is None else selected.uid
    return Selection(pid=victim.pid, comm=victim.comm, uid=uid, oom_score=score)
