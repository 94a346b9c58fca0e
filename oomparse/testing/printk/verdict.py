"""The last lines of a report: who was chosen, who was killed, what the reaper got back, or why nobody died.

As ``mm/oom_kill.c`` prints them; see `oomparse.grammar.verdict`, `oomparse.grammar.kill` and `oomparse.grammar.reaper`.
"""

from collections.abc import Iterator

from oomparse.grammar.format import LineFormat
from oomparse.model import Outcome, ReaperOutcome, Role, Trait, Victim
from oomparse.testing.printk.kernel import Kernel, family
from oomparse.testing.printk.opening import NO_NODEMASK
from oomparse.testing.printk.plan import Plan, spares
from oomparse.testing.printk.record import Record, comm, known, say, tell

_PANIC = "Kernel panic - not syncing: "
_CONSTRAINTS = {"cpuset": "CONSTRAINT_CPUSET", "memory_policy": "CONSTRAINT_MEMORY_POLICY"}

_PANICS = (
    ("panic_no_killable", "panic_deadlocked"),
    ("panic_2_6_22", "panic_compulsory"),
    ("panic_2_6_18", "panic_system_wide"),
    ("panic_2_6_29", "panic_system_wide"),
    ("panic_2_6_34", "panic_compulsory"),
)
"""Lines that say the same, each of some kernels."""


def verdict(plan: Plan) -> Iterator[Record]:
    """Yield the end of the report."""
    event, kernel = plan.event, plan.kernel
    if event.outcome is Outcome.LOWMEMORYKILLER:
        yield from _lowmemorykiller(event.victims[0], kernel)
        return
    yield from _summary(plan)
    if event.outcome is Outcome.PANIC:
        yield from _panic(plan)
    elif event.outcome is Outcome.NO_VICTIM and not spares(event, kernel):
        yield from tell(kernel, "no_killable")
    yield from _selection(plan)
    yield from _kills(plan)
    yield from _reaped(plan)


def _summary(plan: Plan) -> Iterator[Record]:
    line_format, chosen, event = plan.summary, plan.chosen, plan.event
    if line_format is None or chosen is None:
        return
    memcgs = ""
    if event.memcg is not None:
        upper, lower = event.memcg.oom_memcg, event.memcg.task_memcg
        if upper is not None and plan.of_memcg:
            memcgs = f",oom_memcg={upper},task_memcg={upper if lower is None else lower}"
        elif lower is not None:
            memcgs = f",global_oom,task_memcg={lower}"
    mems = event.mems_allowed if event.mems_allowed is not None else "0"
    yield say(
        line_format,
        constraint=_constraint(plan),
        nodemask=event.nodemask if event.nodemask is not None else NO_NODEMASK,
        cpuset=event.cpuset,
        mems_allowed=None if event.cpuset is None else mems,
        memcgs=memcgs,
        comm=comm(chosen.comm),
        pid=known(chosen.pid),
        uid=known(chosen.uid),
    )


def _constraint(plan: Plan) -> str:
    """Return the constraint; 5.0 and 5.1 never set it."""
    if not plan.kernel.at_least("5.2") and plan.kernel.at_least("5.0"):
        return "CONSTRAINT_NONE"
    if plan.of_memcg:
        return "CONSTRAINT_MEMCG"
    stated = plan.event.constraint
    return stated if stated is not None else _CONSTRAINTS.get(plan.event.scope, "CONSTRAINT_NONE")


def _selection(plan: Plan) -> Iterator[Record]:
    event, kernel, chosen, line_format = plan.event, plan.kernel, plan.chosen, plan.selection
    if line_format is not None and chosen is not None:
        scored = kernel.release.distribution != "ovz"
        yield say(
            line_format,
            message="Out of Memory" if line_format.name == "select_2_6_18" else plan.message,
            pid=known(chosen.pid),
            comm=comm(chosen.comm),
            score=known(chosen.oom_score) if scored else None,
        )
    if chosen is not None and spares(event, kernel):
        yield from tell(kernel, "would_have_killed", pid=known(chosen.pid), comm=comm(chosen.comm))
    if event.outcome is Outcome.VICTIM_EXITING:
        victim = event.victims[0]
        pid, name = known(victim.pid), comm(victim.comm)
        yield from tell(kernel, "already_exiting", message=plan.message, pid=pid, comm=name)


def _kills(plan: Plan) -> Iterator[Record]:
    kernel, memcg = plan.kernel, plan.event.memcg
    for victim in plan.killed[:1]:
        yield from _killed(victim, plan)
    for victim in plan.sharing:
        yield from tell(kernel, "sharing_mm", pid=known(victim.pid), comm=comm(victim.comm), ve=victim.ve)
    asked = any(victim.role is Role.GROUP for victim in plan.killed) or Trait.GROUP_KILL in plan.event.traits
    grouped = asked and bool(plan.killed) and kernel.line("group_kill") is not None
    if grouped:
        path = (memcg.task_memcg or memcg.oom_memcg) if memcg is not None else None
        yield from tell(kernel, "group_kill", path=path or "/")
    # Of a group the first is still there when all of it is killed, and so is named again.
    for victim in (*plan.killed[1:], *(plan.killed[:1] if grouped else ())):
        yield from _killed(victim, plan)


def _killed(victim: Victim, plan: Plan) -> Iterator[Record]:
    anon, file, shmem = victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb
    yield from tell(
        plan.kernel,
        "killed",
        message=plan.message,
        pid=known(victim.pid),
        comm=comm(victim.comm),
        uid=known(victim.uid),
        total_vm_kb=known(victim.total_vm_kb),
        anon_rss_kb=known(anon),
        file_rss_kb=known(file),
        shmem_rss_kb=known(shmem),
        pgtables_kb=known(victim.pgtables_kb),
        oom_score_adj=known(victim.oom_score_adj),
        rss_kb=sum(map(known, (anon, file, shmem))) if victim.rss_kb is None else victim.rss_kb,
        swap_kb=known(victim.swap_kb),
        score=known(victim.oom_score),
        ve=victim.ve or "",
    )


def _reaped(plan: Plan) -> Iterator[Record]:
    """Yield what the reaper said of each victim that is named."""
    kernel = plan.kernel
    for victim in plan.event.victims if plan.event.outcome is Outcome.KILLED else ():
        reaper = victim.reaper
        named = victim in plan.killed or victim in plan.sharing or not plan.killed
        if reaper is None or not named or victim.pid is None:
            continue
        yield from tell(
            kernel,
            "reaped" if reaper.outcome is ReaperOutcome.REAPED else "reaper_failed",
            pid=victim.pid,
            comm=comm(victim.comm),
            anon_rss_kb=known(reaper.anon_rss_kb),
            file_rss_kb=known(reaper.file_rss_kb),
            shmem_rss_kb=known(reaper.shmem_rss_kb),
        )


def _panic(plan: Plan) -> Iterator[Record]:
    kernel, text = plan.kernel, plan.event.panic
    line_format = kernel.line(*_PANICS[2]) if text is None else panic_format(text, kernel)
    if line_format is None:
        return
    if line_format.name == "panic_deadlocked":
        yield from tell(kernel, "no_killable")
    # A panic in the OOM killer's own words is that line; any other text stands as it is.
    words = line_format.samples[0].removeprefix(_PANIC) if line_format.name != "panic" else text
    yield say(line_format, text=words)


def panic_format(text: str, kernel: Kernel) -> LineFormat | None:
    """Return the line in which this kernel says the same."""
    for names in _PANICS:
        if any(found.samples[0] == f"{_PANIC}{text}" for name in names for found in family(name)):
            same = kernel.line(*names)
            if same is not None:
                return same
    return family("panic")[-1]


def _lowmemorykiller(victim: Victim, kernel: Kernel) -> Iterator[Record]:
    """Yield the record of Android's lowmemorykiller; for whom it freed memory, and why, is made up."""
    line_format = kernel.line("lmk_killing", "lmk_sigkill")
    if line_format is None:
        return
    adj, freed = known(victim.oom_score_adj), known(victim.rss_kb)
    reason = (
        f",\n   to free {freed}kB on behalf of 'kswapd0' (42) because\n"
        f"   cache 32112kB is below limit 32384kB for oom_score_adj {adj}\n"
        "   Free memory is 17432kB above reserved"
    )
    yield say(
        line_format,
        comm=comm(victim.comm),
        pid=known(victim.pid),
        adj=adj,
        size_pages=freed // 4,
        details=reason if line_format.name == "lmk_killing" else "",
    )
