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

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from oomparse.grammar.counters import KEYS, KeyKind
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
from oomparse.sections import (
    Allocation,
    Frame,
    FreeBlocks,
    FreeList,
    HugePages,
    MemInfo,
    MemTotals,
    NodeMemory,
    PageCounts,
    PerCpuList,
    Slab,
    Stack,
    SwapInfo,
    TaskRow,
    TaskTable,
    ZoneMemory,
)
from oomparse.testing.printk import NotRepresentableError, representable, write
from oomparse.testing.printk.kernel import Kernel

RELEASES = (
    *("7.3", "7.1", "6.19", "6.18", "6.16", "6.15", "6.12", "6.11", "6.10", "6.8", "6.6", "6.5", "6.4", "6.1"),
    *("5.17", "5.15", "5.14", "5.11", "5.10", "5.9", "5.8", "5.6", "5.4", "5.3", "5.2", "5.1", "5.0"),
    *("4.20", "4.19", "4.18", "4.15", "4.14", "4.13", "4.12", "4.11", "4.9", "4.8", "4.6", "4.5", "4.4", "4.3", "4.1"),
    *("4.0", "3.18", "3.16", "3.15", "3.13", "3.10", "3.9", "3.8", "3.7", "3.6", "3.2", "2.6.38", "2.6.37", "2.6.36"),
    *("2.6.33", "2.6.32", "2.6.30", "2.6.29", "2.6.28", "2.6.27", "2.6.26", "2.6.25", "2.6.24", "2.6.23", "2.6.21"),
    *("2.6.20", "2.6.19", "2.6.18"),
    *("4.18.0-348.el8.x86_64", "4.18.0-240.el8.x86_64", "4.18.0-147.el8.x86_64"),
    *("3.10.0-1160.el7.x86_64", "3.10.0-514.el7.x86_64", "3.10.0-123.el7.x86_64"),
    *("2.6.32-431.el6.x86_64", "2.6.32-71.el6.x86_64", "2.6.18-194.el5", "2.6.18-8.el5"),
    *("5.14.0-427.vz9.80.6", "3.10.0-1160.vz7.2", "2.6.32-042stab113.5", "2.6.32-042stab061.9", "2.6.18-028stab056"),
)
"""A kernel of every generation of the report, newest first: mainline, then Red Hat's, then OpenVZ's."""

COMM_BYTES = 15
MAX_PID = 4_194_304

HOSTILE_COMMS = (
    "",
    " ",
    "a b",
    ")",
    "a) (b",
    "nl\nhog",
    "\n",
    ") total-vm:1kB",
    "x, UID:0 y",
    "),pid=1,uid=0",
    ",task=a,pid=1",
    "oom-kill:",
    "Killed process ",
    "invoked oom-kil",
    "Out of memory: ",
    " cpuset=/",
    "Not tainted",
    "[    1]     0",
    "%s%n",
    "\x1b[31mred",
    "\udcff\udcfe",
    "\u65e5\u672c\u8a9e",
    "'\"\\x0a\t",
)
"""Names that a process may give itself (``prctl(PR_SET_NAME)``) and that look like something else."""

_counts = st.integers(0, 2**40)
_pids = st.integers(1, MAX_PID)
_uids = st.integers(0, 2**31 - 1)
_adjs = st.integers(-1000, 1000)
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


def kernel_releases() -> st.SearchStrategy[str]:
    """Draw the release of a kernel (``7.3``, ``4.18.0-240.el8.x86_64``): one of every generation of the report."""
    return st.sampled_from(RELEASES)


def hostile_comms() -> st.SearchStrategy[str]:
    """Draw a process's name: up to 15 bytes of anything but NUL, those that are not UTF-8 as surrogate escapes."""
    raw = st.binary(max_size=COMM_BYTES).filter(lambda name: 0 not in name)
    return st.sampled_from(HOSTILE_COMMS) | raw.map(lambda name: name.decode("utf-8", "surrogateescape"))


def comms(*, hostile: bool = True) -> st.SearchStrategy[str]:
    """Draw a process's name; without ``hostile`` only such as people give to programs."""
    plain = st.from_regex(r"[a-z][a-z0-9_./:-]{0,14}", fullmatch=True)
    return plain | hostile_comms() if hostile else plain


def cgroup_paths(*, hostile: bool = True) -> st.SearchStrategy[str]:
    """Draw the path of a cgroup; ``hostile`` ones hold whatever mkdir(2) takes there, but for a blank at the end."""
    plain = st.from_regex(r"[a-z][a-z0-9_.@-]{0,20}", fullmatch=True)
    odd = st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=12)
    names = (plain | odd.filter(lambda name: name not in (".", "..") and name == name.rstrip())) if hostile else plain
    return st.lists(names, max_size=3).map(lambda parts: "/" + "/".join(parts))


def _some(names: Mapping[str, Any] | tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a few named values; the writer says 0 for the others."""
    return st.dictionaries(st.sampled_from(sorted(names)), values, max_size=4)


def _fields(kind: KeyKind, ending: str) -> tuple[str, ...]:
    return tuple({known.field for known in KEYS[kind].values() if known.field.endswith(ending)})


@st.composite
def _meminfos(draw: st.DrawFn) -> MemInfo:
    zones = draw(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(("Normal", "DMA32", "DMA"))), max_size=2))
    counters = _some(_fields(KeyKind.ZONE, "_kb"), _counts)
    blocks = st.lists(st.tuples(st.integers(0, 9_999), st.sampled_from((None, "U", "UME"))), min_size=1, max_size=11)
    return MemInfo(
        totals=draw(st.none() | _some(_fields(KeyKind.TOTALS, "_pages"), _counts).map(lambda some: MemTotals(**some))),
        nodes=tuple(
            NodeMemory(node=node, **draw(_some(_fields(KeyKind.NODE, "_kb"), _counts)))
            for node in range(draw(st.integers(0, 2)))
        ),
        zones=tuple(
            ZoneMemory(
                node=node,
                zone=zone,
                **draw(counters),
                all_unreclaimable=draw(st.booleans()),
                lowmem_reserve_pages=draw(st.none() | st.just((0, 880, 4080))),
            )
            for node, zone in zones
        ),
        free_lists=tuple(
            FreeList(node=node, zone=zone, blocks=_blocks(draw(blocks))) for node, zone in zones if draw(st.booleans())
        ),
        per_cpu=tuple(
            PerCpuList(node=node, zone=zone, cpu=cpu, temperature=temperature, high_pages=186, used_pages=draw(_pids))
            for node, zone in zones[:1]
            for cpu in range(draw(st.integers(0, 2)))
            for temperature in draw(st.sampled_from(((None,), ("hot", "cold"))))
        ),
        hugepages=tuple(draw(st.lists(st.builds(HugePages, node=st.just(0), total=_pids, size_kb=_pids), max_size=2))),
        swap=draw(st.none() | _some(_SWAP, _counts).map(lambda some: SwapInfo(**some))),
        page_counts=draw(st.none() | _some(_PAGE_COUNTS, _counts).map(lambda some: PageCounts(**some))),
        allocations=tuple(draw(st.lists(_allocations, max_size=2))),
    )


_SWAP = tuple(field.name for field in fields(SwapInfo) if field.name != "cache_race")
_PAGE_COUNTS = tuple(field.name for field in fields(PageCounts) if field.name != "other")
_allocations = st.builds(
    Allocation,
    bytes=_counts,
    size_text=st.sampled_from(("38.4 MiB", "512 KiB")),
    calls=_counts,
    file=st.just("mm/slub.c"),
    line=st.integers(1, 9_999),
    module=st.none() | st.just("zram"),
    function=st.just("alloc_slab_page"),
)


def _blocks(drawn: list[tuple[int, str | None]]) -> tuple[FreeBlocks, ...]:
    return tuple(
        FreeBlocks(count=count, size_kb=4 << order, migrate_types=types if count else None)
        for order, (count, types) in enumerate(drawn)
    )


_symbols = st.from_regex(r"[a-z_][a-z0-9_.]{0,20}", fullmatch=True)
_frames = st.builds(
    Frame,
    symbol=_symbols,
    offset=st.integers(0, 0xFFFF),
    size=st.integers(0, 0xFFFF),
    module=st.none() | _symbols,
    address=st.none() | st.integers(0xFFFFFFFF80000000, 0xFFFFFFFFFFFFFFFF),
    reliable=st.booleans(),
)
_registers = st.just({"RIP": "0033:0x40372d", "RSP": "002b:00007ffe0cbd1e80", "EFLAGS": "00000206"})
_stacks = st.builds(
    Stack, frames=st.lists(_frames, max_size=4).map(tuple), registers=st.just({}) | _registers, code=st.none()
)
_slabs = st.lists(
    st.builds(Slab, name=st.sampled_from(("dentry", "kmalloc-1k", "a(17:b c.slice)")), used_kb=_pids, total_kb=_pids),
    min_size=1,
    max_size=3,
).map(tuple)
_reapers = st.none() | st.builds(
    Reaper, outcome=st.sampled_from(ReaperOutcome), anon_rss_kb=_counts, file_rss_kb=_counts, shmem_rss_kb=_counts
)


def _task_tables(names: st.SearchStrategy[str]) -> st.SearchStrategy[TaskTable]:
    rows = st.builds(
        TaskRow,
        pid=_pids,
        uid=_uids,
        tgid=_pids,
        total_vm_pages=_counts,
        rss_pages=_counts,
        rss_anon_pages=_counts,
        pgtables_bytes=_counts,
        nr_ptes=st.integers(0, 9_999),
        swapents_pages=_counts,
        oom_adj=st.integers(-17, 15),
        oom_score_adj=_adjs,
        comm=names,
    )
    return st.lists(rows, max_size=4).map(TaskTable)


def _victims(names: st.SearchStrategy[str], role: Role) -> st.SearchStrategy[Victim]:
    return st.builds(
        Victim,
        pid=_pids,
        comm=names,
        uid=_uids,
        total_vm_kb=_counts,
        anon_rss_kb=_counts,
        file_rss_kb=_counts,
        shmem_rss_kb=_counts,
        pgtables_kb=_counts,
        oom_score=st.integers(0, 1_000),
        oom_score_adj=_adjs,
        role=st.just(role),
        reaper=_reapers,
    )


@st.composite
def _memcgs(draw: st.DrawFn, *, hostile: bool) -> Memcg:
    upper = draw(cgroup_paths(hostile=hostile))
    below = draw(cgroup_paths(hostile=hostile))
    lower = upper if below == "/" else below if upper == "/" else upper + below
    stats = draw(st.none() | st.dictionaries(st.sampled_from(_STATS), _counts, min_size=1, max_size=len(_STATS)))
    return Memcg(
        oom_memcg=upper,
        task_memcg=lower,
        usage_kb=draw(_counts),
        limit_kb=draw(_counts),
        failcnt=draw(_counts),
        swap_usage_kb=draw(st.none() | _counts),
        memsw_usage_kb=draw(st.none() | _counts),
        kmem_usage_kb=draw(st.none() | _counts),
        min_protection_kb=draw(st.none() | _counts),
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
        victims += draw(st.lists(_victims(names, role), max_size=2))
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
            pid=draw(_pids),
            uid=draw(_uids),
            cpu=draw(st.integers(0, 1_023)),
            oom_score_adj=draw(_adjs),
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
        meminfo=draw(st.none() | _meminfos()) if sections else None,
        tasks=draw(st.none() | _task_tables(names)) if sections else None,
        slabs=draw(st.none() | _slabs) if sections else None,
        stack=draw(st.none() | _stacks) if sections else None,
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
