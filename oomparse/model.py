"""What an OOM report says, as types: `OomEvent` and its parts.

Frozen, slotted, keyword-only dataclasses.  The unit stands in the name, as the kernel printed it: ``_kb`` (the kernel's
kB, 1,024 bytes), ``_pages``, ``_bytes``, ``_seconds``.  ``None`` means that this kernel did not print it, never zero.
The names are the kernel's own words; the public names and their JSON spelling (the same) are fixed.

The sections that most readers never look at (`LAZY_FIELDS`) are parsed when first asked for; see `oomparse.lazy`.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from oomparse.errors import Issue
from oomparse.lazy import Deferred
from oomparse.record import record
from oomparse.sections import MemInfo, Slab, Stack, TaskTable

EVENT_SCHEMA = "oomparse.event/1"


class Outcome(StrEnum):
    """How the incident ended, as far as the text says."""

    KILLED = "killed"
    NO_VICTIM = "no_victim"
    """Nothing could be killed (``Out of memory and no killable processes...``)."""
    PANIC = "panic"
    VICTIM_EXITING = "victim_exiting"
    """The chosen task was already on its way out (since 5.9)."""
    TRUNCATED = "truncated"
    """The text ends before it says."""
    LOWMEMORYKILLER = "lowmemorykiller"
    """Android's in-kernel lowmemorykiller (until 4.11) killed, not the OOM killer."""


class Scope(StrEnum):
    """Whose memory ran out."""

    GLOBAL = "global"
    MEMCG = "memcg"
    CPUSET = "cpuset"
    MEMORY_POLICY = "memory_policy"
    UNKNOWN = "unknown"


class ScopeLevel(StrEnum):
    """What kind of thing owns the cgroup whose limit was hit."""

    CONTAINER = "container"
    POD = "pod"
    SLICE = "slice"
    UNIT = "unit"
    USER = "user"
    ROOT = "root"


class Role(StrEnum):
    """Why this process was killed."""

    SELECTED = "selected"
    CHILD = "child"
    """Sacrificed in place of its parent (kernels before 5.1)."""
    GROUP = "group"
    """Its cgroup has memory.oom.group set (since 4.19)."""
    SHARING_MM = "sharing_mm"
    """It shares the victim's memory."""


class ReaperOutcome(StrEnum):
    REAPED = "reaped"
    UNABLE = "unable"


class Trait(StrEnum):
    """What is special about this incident, each as the report's own lines say it."""

    SYSRQ = "sysrq"
    """Asked for by SysRq-f (``order=-1`` since 4.3)."""
    ALLOCATING_TASK = "allocating_task"
    """vm.oom_kill_allocating_task: whoever asked dies."""
    PANIC_ON_OOM = "panic_on_oom"
    GROUP_KILL = "group_kill"
    CHILD_SACRIFICED = "child_sacrificed"
    SHARED_MM = "shared_mm"
    PAGE_FAULT = "page_fault"
    """The OOM killer was called by the page fault handler (gfp_mask 0)."""


class LimitKind(StrEnum):
    """Which limit of the memcg was full."""

    MEMORY = "memory"
    MEMSW = "memsw"
    SWAP = "swap"
    KMEM = "kmem"


@record(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason for a verdict: what was concluded (``says``) and the line that says so."""

    says: str
    text: str


@record(frozen=True, slots=True, kw_only=True)
class EventTime:
    """When it happened.

    ``wall`` is aware or ``None``; ``monotonic_seconds`` are seconds since boot; ``printed`` is the stamp as it stood
    on the header line (the date where there is one), without a header the kill line's.
    """

    wall: datetime | None = None
    monotonic_seconds: float | None = None
    printed: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the report was read.  Lines count from 1; ``from_kernel`` is None where the carrier cannot tell."""

    path: str | None = None
    line_start: int | None = None
    line_end: int | None = None
    cursor: str | None = None
    transport: str | None = None
    host: str | None = None
    boot_id: str | None = None
    kernel_release: str | None = None
    from_kernel: bool | None = None


@record(frozen=True, slots=True, kw_only=True)
class Invoker:
    """The task that asked for memory (``mm/oom_kill.c:dump_header()`` and the dump_stack lines)."""

    comm: str | None = None
    pid: int | None = None
    uid: int | None = None
    cpu: int | None = None
    oom_score_adj: int | None = None
    oom_adj: int | None = None
    """The old scale, -17 to 15 (``oomkilladj``, ``oom_adj``; until 3.6)."""
    tainted: str | None = None
    """The taint letters as printed, without ``Tainted:``; empty for ``Not tainted``."""
    hardware: str | None = None
    workqueue: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class GfpMask:
    """What kind of memory was asked for.

    ``flags`` are the names that the kernel printed, else those decoded for its era, else ``None`` (era unknown);
    ``printed`` is the text in the kernel's parentheses (since 4.6).
    """

    value: int
    flags: tuple[str, ...] | None = None
    printed: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class Memcg(Deferred):
    """The cgroup whose limit was hit (``oom_memcg``), the victim's own (``task_memcg``), and the counters.

    From ``mm/memcontrol.c:mem_cgroup_print_oom_meminfo()`` and ``mem_cgroup_print_oom_context()``.  ``stats`` has the
    kernel's own keys, its numbers in ``stats_unit`` (``"bytes"``; ``"kB"`` up to 5.2) or plain counts; ``hierarchy``
    the same for every cgroup that was printed (3.9 to 5.2 print the whole subtree).
    """

    oom_memcg: str | None = None
    task_memcg: str | None = None
    version: int | None = None
    """1 or 2, where the report's lines tell."""
    usage_kb: int | None = None
    limit_kb: int | None = None
    failcnt: int | None = None
    swap_usage_kb: int | None = None
    swap_limit_kb: int | None = None
    swap_failcnt: int | None = None
    memsw_usage_kb: int | None = None
    memsw_limit_kb: int | None = None
    memsw_failcnt: int | None = None
    kmem_usage_kb: int | None = None
    kmem_limit_kb: int | None = None
    kmem_failcnt: int | None = None
    min_protection_kb: int | None = None
    low_protection_kb: int | None = None
    limit_hit: tuple[LimitKind, ...] = ()
    """Limits whose usage equals them."""
    own_limit: bool | None = None
    """True where the limit is the victim's own cgroup's, False where an ancestor's."""
    stats_unit: str | None = None
    stats: Mapping[str, int] | None = None
    hierarchy: Mapping[str, Mapping[str, int]] | None = None


@record(frozen=True, slots=True, kw_only=True)
class Reaper:
    """What the oom_reaper thread got back (since 4.6); the sizes are what is left."""

    outcome: ReaperOutcome
    anon_rss_kb: int | None = None
    file_rss_kb: int | None = None
    shmem_rss_kb: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class Victim:
    """A killed (or chosen) process.  ``comm`` is what the kernel printed; ``printable(comm)`` is safe to show."""

    pid: int | None = None
    comm: str | None = None
    uid: int | None = None
    total_vm_kb: int | None = None
    anon_rss_kb: int | None = None
    file_rss_kb: int | None = None
    shmem_rss_kb: int | None = None
    pgtables_kb: int | None = None
    rss_kb: int | None = None
    """OpenVZ prints one number for all resident memory."""
    swap_kb: int | None = None
    """OpenVZ only."""
    ve: str | None = None
    """The container that Virtuozzo names."""
    oom_score: int | None = None
    oom_score_adj: int | None = None
    role: Role = Role.SELECTED
    reaper: Reaper | None = None


@record(frozen=True, slots=True, kw_only=True)
class Selection:
    """The task that was chosen (``Kill process``, ``oom-kill:``); its child may have died in its place."""

    pid: int | None = None
    comm: str | None = None
    uid: int | None = None
    oom_score: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a cgroup path means outside the kernel (`oomparse.decode.cgroup`).

    ``kind`` names the owner (``kubernetes``, ``docker``, ``podman``, ``systemd_unit``, ``user_session``, ``slurm``, …).
    """

    kind: str
    path: str
    container_id: str | None = None
    container_name: str | None = None
    runtime: str | None = None
    pod_uid: str | None = None
    qos: str | None = None
    unit: str | None = None
    slice: str | None = None
    user: str | None = None
    """A uid, or the name that stands in the path."""
    session: str | None = None
    job: str | None = None
    """Slurm, YARN, HTCondor, Nomad, ECS: the job, container or task."""
    step: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class Era:
    """The kernels that print such lines: the intersection of the ranges of all lines that were recognised.

    ``since`` is inclusive; ``until`` names the last release that does, ``None`` for "still".  Both ``None`` with
    ``consistent`` False: no one kernel prints all of these (a back-port, or two reports mixed).  ``agrees`` compares
    with the printed release, where there is one.
    """

    since: str | None = None
    until: str | None = None
    consistent: bool = True
    release: str | None = None
    agrees: bool | None = None


LAZY_FIELDS = ("meminfo", "tasks", "slabs", "stack")


@record(frozen=True, slots=True, kw_only=True)
class OomEvent(Deferred):
    """One OOM incident, from its header to its last kill, whatever of it survives."""

    schema: str = EVENT_SCHEMA
    event_id: str
    revision: int = 1
    outcome: Outcome
    scope: Scope = Scope.UNKNOWN
    scope_level: ScopeLevel | None = None
    scope_evidence: tuple[Evidence, ...] = ()
    traits: tuple[Trait, ...] = ()
    complete: bool = False
    issues: tuple[Issue, ...] = ()
    time: EventTime = field(default_factory=EventTime)
    source: Source = field(default_factory=Source)
    invoker: Invoker | None = None
    gfp_mask: GfpMask | None = None
    order: int | None = None
    nodemask: str | None = None
    cpuset: str | None = None
    mems_allowed: str | None = None
    constraint: str | None = None
    """``CONSTRAINT_NONE``, ``_CPUSET``, ``_MEMORY_POLICY`` or ``_MEMCG`` as printed (since 5.0)."""
    memcg: Memcg | None = None
    message: str | None = None
    """What stands before ``: Killed process``: ``Out of memory``, ``Memory cgroup out of memory``, …"""
    selected: Selection | None = None
    victims: tuple[Victim, ...] = ()
    panic: str | None = None
    identity: Identity | None = None
    """Of the victim's cgroup; without one, of the cgroup whose limit was hit."""
    oom_identity: Identity | None = None
    """Of the cgroup whose limit was hit."""
    era: Era | None = None
    meminfo: MemInfo | None = None
    tasks: TaskTable | None = None
    slabs: tuple[Slab, ...] | None = None
    stack: Stack | None = None
    unknown_lines: tuple[str, ...] = ()
    """Lines inside the report that no format takes, as they stood."""

    @property
    def victim(self) -> Victim | None:
        """The first victim, or ``None``."""
        return self.victims[0] if self.victims else None

    @property
    def lines(self) -> tuple[str, ...]:
        """The report's own messages, in order (empty on a copy, a pickle or an event read from JSON)."""
        return self._deferred_lines()

    def to_dict(self, *, brief: bool = False) -> dict[str, Any]:
        """Return the JSON tree as Python objects; ``brief`` leaves out the sections."""
        from oomparse.export.jsonl import to_builtins

        return to_builtins(self, brief=brief)
