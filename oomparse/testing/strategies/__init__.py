"""Hypothesis strategies for OOM reports: events of any kernel, their texts, and names made to mislead.

Needs hypothesis (the extra ``test``).  What is drawn is small and plain first, so that a failing example shrinks to the
newest kernel, one victim and no sections.

>>> from hypothesis import given
>>> from oomparse import Scope, parse
>>> @given(reports(scope=Scope.MEMCG, hostile=False))
... def test_handler(texts):
...     assert [event.scope for event in parse(texts)] == [Scope.MEMCG]
>>> test_handler()
"""

from hypothesis import assume
from hypothesis import strategies as st

from oomparse.model import (
    GfpMask,
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
from oomparse.testing.printk import RELEASES, NotRepresentableError, representable, write
from oomparse.testing.printk.kernel import Kernel
from oomparse.testing.strategies.names import (
    HOSTILE_COMMS,
    adjs,
    cgroup_paths,
    comms,
    counts,
    hostile_comms,
    kernel_releases,
    pids,
    uids,
)
from oomparse.testing.strategies.sections import meminfos, slabs, stacks, task_tables

__all__ = [
    "HOSTILE_COMMS",
    "cgroup_paths",
    "comms",
    "events",
    "hostile_comms",
    "kernel_releases",
    "reports",
]

_masks = st.sampled_from(
    (
        ("GFP_KERNEL",),
        ("GFP_KERNEL_ACCOUNT",),
        ("GFP_HIGHUSER_MOVABLE",),
        ("GFP_HIGHUSER_MOVABLE", "__GFP_ZERO"),
        ("GFP_USER", "__GFP_COMP", "__GFP_NORETRY"),
        ("GFP_NOFS",),
        (),
    )
)
_node_lists = st.sampled_from(("0", "0-1", "0,2-3"))

_reapers = st.none() | st.builds(
    Reaper, outcome=st.sampled_from(ReaperOutcome), anon_rss_kb=counts, file_rss_kb=counts, shmem_rss_kb=counts
)


def _victims(names: st.SearchStrategy[str], role: Role) -> st.SearchStrategy[Victim]:
    return st.builds(
        Victim,
        pid=pids,
        comm=names,
        uid=uids,
        total_vm_kb=counts,
        anon_rss_kb=counts,
        file_rss_kb=counts,
        shmem_rss_kb=counts,
        pgtables_kb=counts,
        oom_score=st.integers(0, 1_000),
        oom_score_adj=adjs,
        role=st.just(role),
        reaper=_reapers,
    )


@st.composite
def _memcgs(draw: st.DrawFn, *, hostile: bool) -> Memcg:
    upper = draw(cgroup_paths(hostile=hostile))
    below = draw(cgroup_paths(hostile=hostile))
    lower = upper if below == "/" else below if upper == "/" else upper + below
    stats = draw(st.none() | st.dictionaries(st.sampled_from(_STATS), counts, min_size=1, max_size=len(_STATS)))
    return Memcg(
        oom_memcg=upper,
        task_memcg=lower,
        usage_kb=draw(counts),
        limit_kb=draw(counts),
        failcnt=draw(counts),
        swap_usage_kb=draw(st.none() | counts),
        memsw_usage_kb=draw(st.none() | counts),
        kmem_usage_kb=draw(st.none() | counts),
        min_protection_kb=draw(st.none() | counts),
        stats=stats,
    )


_STATS = ("anon", "file", "kernel_stack", "shmem", "inactive_anon", "workingset_refault_anon", "pgfault", "pgmajfault")


def _outcomes(kernel: Kernel) -> tuple[Outcome, ...]:
    found = [Outcome.KILLED, Outcome.TRUNCATED, Outcome.PANIC]
    if kernel.line("no_killable") is not None:
        found.append(Outcome.NO_VICTIM)
    if kernel.line("already_exiting") is not None:
        found.append(Outcome.VICTIM_EXITING)
    if kernel.line("lmk_killing", "lmk_sigkill") is not None and not kernel.backports:
        found.append(Outcome.LOWMEMORYKILLER)
    return tuple(found)


def _scopes(kernel: Kernel) -> tuple[Scope, ...]:
    """Return the scopes that this kernel's lines tell apart."""
    found = [Scope.GLOBAL]
    if kernel.at_least("2.6.25"):
        found.append(Scope.MEMCG)
    constraint = kernel.line("oom_kill") is not None and not (kernel.at_least("5.0") and not kernel.at_least("5.2"))
    if constraint or not kernel.at_least("2.6.24"):
        found.append(Scope.CPUSET)
    if constraint or not kernel.at_least("2.6.36"):
        found.append(Scope.MEMORY_POLICY)
    return tuple(found)


@st.composite
def events(
    draw: st.DrawFn,
    release: str | None = None,
    scope: Scope | None = None,
    outcome: Outcome | None = None,
    *,
    hostile: bool = True,
    sections: bool = True,
) -> OomEvent:
    """Draw an event that some kernel states, or the kernel of ``release``; ``source.kernel_release`` says which.

    ``scope`` and ``outcome`` fix those; ``hostile=False`` leaves names to be plain; ``sections=False`` leaves out
    Mem-Info, task dump, slabs and call trace.  What is drawn is `representable`: writing and parsing gives it back.

    Raises `NotRepresentableError` where the kernel of ``release`` has no such scope or outcome.
    """
    kernels = [Kernel.of(name) for name in ((release,) if release is not None else RELEASES)]
    able = [
        kernel
        for kernel in kernels
        if (scope is None or scope in _scopes(kernel)) and (outcome is None or outcome in _outcomes(kernel))
    ]
    if not able:
        raise NotRepresentableError(f"{release or 'no kernel'} prints no report of scope {scope}, outcome {outcome}")
    kernel = draw(st.sampled_from(able))
    names = comms(hostile=hostile)
    memcgs = _memcgs(hostile=hostile)
    wanted = scope
    scope = draw(st.sampled_from(_scopes(kernel))) if scope is None else scope
    outcome = draw(st.sampled_from(_outcomes(kernel))) if outcome is None else outcome
    named = outcome not in (Outcome.PANIC, Outcome.NO_VICTIM)
    group = draw(st.booleans()) and scope is Scope.MEMCG and outcome is Outcome.KILLED
    victims = [draw(_victims(names, Role.SELECTED))] if named else []
    chosen = victims[0] if victims else None
    if outcome is Outcome.KILLED:
        role = Role.GROUP if group else Role.SHARING_MM
        # No process dies twice.
        further = draw(st.lists(_victims(names, role), max_size=2, unique_by=lambda victim: victim.pid))
        victims += [victim for victim in further if victim.pid != victims[0].pid]
        if draw(st.booleans()):
            chosen = draw(_victims(names, Role.SELECTED))
    flags = draw(_masks)
    event = OomEvent(
        event_id="",
        outcome=outcome,
        scope=scope,
        traits=(Trait.SYSRQ,) if scope is Scope.GLOBAL and draw(st.booleans()) else (),
        source=Source(kernel_release=kernel.release.text),
        invoker=Invoker(
            comm=draw(names),
            pid=draw(pids),
            uid=draw(uids),
            cpu=draw(st.integers(0, 1_023)),
            oom_score_adj=draw(adjs),
            oom_adj=draw(st.integers(-17, 15)),
            tainted=draw(st.sampled_from(("", "G        W"))),
            hardware=draw(st.none() | st.just("QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2 04/01/2014")),
        ),
        gfp_mask=GfpMask(value=kernel.gfp_value(flags) or 0, flags=flags),
        order=draw(st.integers(0, 10)),
        nodemask=draw(st.sampled_from(("(null)", "0", "0-1"))),
        cpuset=draw(st.sampled_from(("/", "lab", "docker-1da1.scope"))),
        mems_allowed=draw(_node_lists),
        memcg=draw(memcgs) if scope is Scope.MEMCG else draw(st.none() | cgroup_paths(hostile=hostile).map(_inside)),
        selected=None if chosen is None else Selection(pid=chosen.pid, comm=chosen.comm, uid=chosen.uid, oom_score=7),
        victims=tuple(victims),
        meminfo=draw(st.none() | meminfos()) if sections else None,
        tasks=draw(st.none() | task_tables(names)) if sections else None,
        slabs=draw(st.none() | slabs) if sections else None,
        stack=draw(st.none() | stacks) if sections else None,
    )
    stated = representable(event)
    # Without a kill, little may be left that tells the scope.
    assume(wanted is None or stated.scope is wanted)
    return stated


def _inside(path: str) -> Memcg:
    return Memcg(task_memcg=path)


def reports(
    release: str | None = None,
    scope: Scope | None = None,
    outcome: Outcome | None = None,
    *,
    hostile: bool = True,
    sections: bool = True,
) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw the texts of a report, one for each record that the kernel prints; the arguments are those of `events`."""
    return events(release, scope, outcome, hostile=hostile, sections=sections).map(write)
