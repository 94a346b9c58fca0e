"""Whose memory ran out: global, memcg, cpuset or memory policy, with the lines that say so.

A pure function over what a report's lines state.  Kernels since 5.0 say it in the ``oom-kill:`` line; older ones in
``Task in … killed as a result of limit of …``, in the words before the kill and, from 4.9 on, in the nodemask of the
header.  Where the text does not tell, the scope is ``unknown``: it is never guessed from what is missing.
"""

from collections.abc import Callable
from typing import NamedTuple

from oomparse.decode.nodes import nodes_of
from oomparse.model import Evidence, LimitKind, Memcg, Scope

UNLIMITED_KB = 2**52
"""Limits at or above this are "no limit": every kernel prints a number close to 2**53 or 2**54."""

_BY_CONSTRAINT = {
    "CONSTRAINT_NONE": Scope.GLOBAL,
    "CONSTRAINT_CPUSET": Scope.CPUSET,
    "CONSTRAINT_MEMORY_POLICY": Scope.MEMORY_POLICY,
    "CONSTRAINT_MEMCG": Scope.MEMCG,
}


class Facts(NamedTuple):
    """What the lines of one report state; each ``*_text`` is the line itself, for the evidence."""

    constraint: str | None = None
    constraint_text: str | None = None
    global_oom: bool = False
    oom_memcg: str | None = None
    limit_text: str | None = None
    """``Task in … killed as a result of limit of …`` or ``Memory limit reached of cgroup …``."""
    message: str | None = None
    message_text: str | None = None
    counter_text: str | None = None
    """A memcg usage line."""
    nodemask: str | None = None
    """Of the header (4.9 to 4.20)."""
    mems_allowed: str | None = None
    header_text: str | None = None
    excluded_nodes: Callable[[], str | None] | None = None
    """Asked last: what shows that the cpuset left out nodes that have memory."""


def scope_of(facts: Facts) -> tuple[Scope, tuple[Evidence, ...]]:
    """Return the scope and the reasons for it, strongest first."""
    reasons = _reasons(facts)
    if not reasons:
        return Scope.UNKNOWN, ()
    return reasons[0].scope, tuple([Evidence(says=reason.says, text=reason.text or "") for reason in reasons])


class _Reason(NamedTuple):
    scope: Scope
    says: str
    text: str | None


def _reasons(facts: Facts) -> list[_Reason]:
    found: list[_Reason] = []

    def say(scope: Scope, says: str, text: str | None) -> None:
        found.append(_Reason(scope, says, text))

    by_constraint = said_by_constraint(
        facts.constraint_text, facts.constraint, facts.oom_memcg, global_oom=facts.global_oom
    )
    if by_constraint is not None:
        say(*by_constraint, facts.constraint_text)
    if facts.limit_text is not None:
        say(Scope.MEMCG, "the line names the cgroup whose limit was hit", facts.limit_text)
    said = _by_message(facts.message)
    if said is not None and said[0] is Scope.GLOBAL and not found:
        found += _by_nodes(facts)
    if said is not None:
        say(said[0], said[1], facts.message_text)
    if facts.counter_text is not None and not any(reason.scope is Scope.MEMCG for reason in found):
        say(Scope.MEMCG, "memcg counters are printed for memcg OOMs only", facts.counter_text)
    return found


def said_by_constraint(
    text: str | None, constraint: str | None, oom_memcg: str | None, *, global_oom: bool
) -> tuple[Scope, str] | None:
    """Return what the ``oom-kill:constraint=`` line says, before all others; None where it does not tell."""
    if text is None:
        return None
    if oom_memcg is not None or ",oom_memcg=" in text:
        # 5.0 and 5.1 print CONSTRAINT_NONE even here: the field was not set yet.
        return Scope.MEMCG, "oom_memcg names the cgroup whose limit was hit"
    if constraint in ("CONSTRAINT_CPUSET", "CONSTRAINT_MEMORY_POLICY", "CONSTRAINT_MEMCG"):
        return _BY_CONSTRAINT[constraint], f"constraint={constraint}"
    if global_oom:
        return Scope.GLOBAL, "global_oom"
    if constraint == "CONSTRAINT_NONE":
        return Scope.GLOBAL, "constraint=CONSTRAINT_NONE and no cgroup is named"
    return None


def _by_nodes(facts: Facts) -> list[_Reason]:
    """Return what narrowed a request that a kernel before 5.0 calls out of memory and no more."""
    if _has_policy(facts):
        says = "nodemask leaves out nodes that the task's cpuset allows"
        return [_Reason(Scope.MEMORY_POLICY, says, facts.header_text)]
    excluded = facts.excluded_nodes() if facts.excluded_nodes is not None else None
    if excluded is None:
        return []
    return [_Reason(Scope.CPUSET, "the task's cpuset leaves out nodes that have memory", excluded)]


def _has_policy(facts: Facts) -> bool:
    """Return whether a memory policy narrowed the request (``mm/oom_kill.c:constrained_alloc()``).

    4.9 and 4.10 print the cpuset's nodes where there is no policy, later kernels ``(null)``.
    """
    mask, allowed = nodes_of(facts.nodemask), nodes_of(facts.mems_allowed)
    return mask is not None and allowed is not None and not allowed <= mask


def _by_message(message: str | None) -> tuple[Scope, str] | None:
    if message is None:
        return None
    words = message.lower()
    if words.startswith("memory cgroup out of memory"):
        return Scope.MEMCG, "the kill line says so"
    if words.startswith("no available memory (mpol_bind)"):
        return Scope.MEMORY_POLICY, "the kill line says so"
    if words.startswith("no available memory in cpuset"):
        return Scope.CPUSET, "the kill line says so"
    if words.startswith("out of memory in ub"):
        return None  # OpenVZ: a beancounter, which is neither
    if words.startswith("out of memory"):
        return Scope.GLOBAL, "the kill line says so"
    return None


def limits_hit(memcg: Memcg) -> tuple[LimitKind, ...]:
    """Return the limits whose usage has reached them."""
    pairs = (
        (LimitKind.MEMORY, memcg.usage_kb, memcg.limit_kb),
        (LimitKind.MEMSW, memcg.memsw_usage_kb, memcg.memsw_limit_kb),
        (LimitKind.SWAP, memcg.swap_usage_kb, memcg.swap_limit_kb),
        (LimitKind.KMEM, memcg.kmem_usage_kb, memcg.kmem_limit_kb),
    )
    return tuple(
        kind
        for kind, usage, limit in pairs
        if usage is not None and limit is not None and 0 < limit <= usage and limit < UNLIMITED_KB
    )
