"""Whole OOM reports of several kernel generations, with varied numbers.

Turns a seed into the messages of one report, one per printk record (a record of several lines holds newlines), after
the printf shapes of ``mm/oom_kill.c``, ``mm/show_mem.c`` and ``mm/memcontrol.c`` of each generation.  The numbers hang
together where the kernel's would: buddy sums, the full limit, the victim's row and its kill line.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from benchmarks.noise import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What one kernel release prints, where the others differ."""

    release: str
    gfp: tuple[str, str]
    """The mask of a page fault and of a charge, as the header prints them."""
    frames: tuple[str, ...]
    charge_frames: tuple[str, ...]
    addresses: bool
    """Stack entries with addresses (until 4.9)."""
    task_marks: bool
    """``<TASK>`` around the stack (since 5.16)."""
    totals: tuple[str, ...]
    """The machine-wide counters, a line each."""
    node_keys: tuple[str, ...]
    """The per-node counters (since 4.8)."""
    zone_keys: tuple[str, ...]
    stat_keys: tuple[str, ...]
    task_columns: tuple[str, ...]
    summary: bool
    """``oom-kill:constraint=…`` and ``Tasks state`` instead of ``Kill process … score …`` (since 5.0)."""
    cgroup_version: int


_STAT_3_10 = words(
    "cache rss rss_huge mapped_file swap inactive_anon active_anon inactive_file active_file unevictable"
)
_STAT_5_4 = words(
    """
    anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp inactive_anon active_anon
    inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault workingset_refault
    workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate pglazyfree pglazyfreed
    thp_fault_alloc thp_collapse_alloc
    """
)
_STAT_6_1 = words(
    """
    anon file kernel kernel_stack pagetables sec_pagetables percpu sock vmalloc shmem file_mapped file_dirty
    file_writeback swapcached anon_thp file_thp shmem_thp inactive_anon active_anon inactive_file active_file
    unevictable slab_reclaimable slab_unreclaimable slab workingset_refault_anon workingset_refault_file
    workingset_activate_anon workingset_activate_file workingset_restore_anon workingset_restore_file
    workingset_nodereclaim pgscan pgsteal pgscan_kswapd pgscan_direct pgsteal_kswapd pgsteal_direct pgfault pgmajfault
    pgrefill pgactivate pgdeactivate pglazyfree pglazyfreed thp_fault_alloc thp_collapse_alloc
    """
)
_TOTALS_3_10 = (
    "active_anon inactive_anon isolated_anon",
    "active_file inactive_file isolated_file",
    "unevictable dirty writeback unstable",
    "slab_reclaimable slab_unreclaimable",
    "mapped shmem pagetables bounce",
    "free free_cma",
)
_TOTALS_5_4 = (*_TOTALS_3_10[:5], "free free_pcp free_cma")
_TOTALS_6_1 = (
    *_TOTALS_3_10[:2],
    "unevictable dirty writeback",
    "slab_reclaimable slab_unreclaimable",
    "mapped shmem pagetables",
    "sec_pagetables bounce",
    "kernel_misc_reclaimable",
    "free free_pcp free_cma",
)
_ZONE_3_10 = words(
    """
    free min low high active_anon inactive_anon active_file inactive_file unevictable isolated(anon) isolated(file)
    present managed mlocked dirty writeback mapped shmem slab_reclaimable slab_unreclaimable kernel_stack pagetables
    unstable bounce free_cma writeback_tmp
    """
)
_ZONE_5_4 = words(
    """
    free min low high active_anon inactive_anon active_file inactive_file unevictable writepending present managed
    mlocked kernel_stack pagetables bounce free_pcp local_pcp free_cma
    """
)
_ZONE_6_1 = words(
    """
    free boost min low high reserved_highatomic active_anon inactive_anon active_file inactive_file unevictable
    writepending present managed mlocked bounce free_pcp local_pcp free_cma
    """
)
_NODE_5_4 = (
    *words("active_anon inactive_anon active_file inactive_file unevictable isolated(anon) isolated(file)"),
    *("mapped", "dirty", "writeback", "shmem", "shmem_thp: ", "shmem_pmdmapped: ", "anon_thp: ", "writeback_tmp"),
    "unstable",
)
_NODE_6_1 = (*_NODE_5_4[:-1], "kernel_stack", "pagetables", "sec_pagetables")
_NODE_6_8 = tuple(key.removesuffix(": ") for key in _NODE_6_1)
_FAULT_3_10 = words(
    """
    dump_stack dump_header oom_kill_process out_of_memory __alloc_pages_nodemask alloc_pages_vma handle_mm_fault
    __do_page_fault do_page_fault page_fault
    """
)
_CHARGE_3_10 = words(
    """
    dump_stack dump_header oom_kill_process mem_cgroup_out_of_memory mem_cgroup_oom_synchronize pagefault_out_of_memory
    mm_fault_error __do_page_fault do_page_fault page_fault
    """
)
_FAULT_6_1 = words(
    """
    dump_stack_lvl dump_header oom_kill_process.cold out_of_memory __alloc_pages_slowpath.constprop.0 __alloc_pages
    __folio_alloc vma_alloc_folio do_anonymous_page __handle_mm_fault handle_mm_fault do_user_addr_fault exc_page_fault
    asm_exc_page_fault
    """
)
_CHARGE_6_1 = words(
    """
    dump_stack_lvl dump_header oom_kill_process.cold out_of_memory mem_cgroup_out_of_memory try_charge_memcg
    charge_memcg __mem_cgroup_charge __handle_mm_fault handle_mm_fault do_user_addr_fault exc_page_fault
    asm_exc_page_fault
    """
)
_BEFORE_4_0 = ("total_vm", "rss", "nr_ptes", "swapents", "oom_score_adj")
_SINCE_4_15 = ("total_vm", "rss", "pgtables_bytes", "swapents", "oom_score_adj")
_SINCE_6_8 = ("total_vm", "rss", "rss_anon", "rss_file", "rss_shmem", "pgtables_bytes", "swapents", "oom_score_adj")
_HIGHUSER = "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"

V3_10 = Generation(
    release="3.10.0-1127.el7.x86_64 #1",
    gfp=("0x201da", "0xd0"),
    frames=_FAULT_3_10,
    charge_frames=_CHARGE_3_10,
    addresses=True,
    task_marks=False,
    totals=_TOTALS_3_10,
    node_keys=(),
    zone_keys=_ZONE_3_10,
    stat_keys=_STAT_3_10,
    task_columns=_BEFORE_4_0,
    summary=False,
    cgroup_version=1,
)
V5_4 = Generation(
    release="5.4.0-150-generic #167-Ubuntu",
    gfp=(f"0x100dca({_HIGHUSER})", "0xcc0(GFP_KERNEL)"),
    frames=_FAULT_3_10,
    charge_frames=_CHARGE_3_10,
    addresses=False,
    task_marks=False,
    totals=_TOTALS_5_4,
    node_keys=_NODE_5_4,
    zone_keys=_ZONE_5_4,
    stat_keys=_STAT_5_4,
    task_columns=_SINCE_4_15,
    summary=True,
    cgroup_version=1,
)
V6_1 = Generation(
    release="6.1.0-18-amd64 #1  Debian 6.1.76-1",
    gfp=(f"0x140dca({_HIGHUSER}|__GFP_COMP)", "0xcc0(GFP_KERNEL)"),
    frames=_FAULT_6_1,
    charge_frames=_CHARGE_6_1,
    addresses=False,
    task_marks=True,
    totals=_TOTALS_6_1,
    node_keys=_NODE_6_1,
    zone_keys=_ZONE_6_1,
    stat_keys=_STAT_6_1,
    task_columns=_SINCE_4_15,
    summary=True,
    cgroup_version=2,
)
V6_8 = replace(V6_1, release="6.8.0-31-generic #31-Ubuntu", node_keys=_NODE_6_8, task_columns=_SINCE_6_8)
GENERATIONS = (V3_10, V5_4, V6_1, V6_8)
MODERN = (V5_4, V6_1, V6_8)

_COLUMN_FORMATS = {
    "total_vm": "{:8d}",
    "rss": "{:8d}",
    "rss_anon": "{:8d}",
    "rss_file": "{:8d}",
    "rss_shmem": "{:9d}",
    "nr_ptes": "{:7d}",
    "pgtables_bytes": "{:8d}",
    "swapents": "{:8d}",
    "oom_score_adj": "        {:5d}",
}
_COLUMN_TITLES = {
    "total_vm": "total_vm",
    "rss": "     rss",
    "rss_anon": "rss_anon",
    "rss_file": "rss_file",
    "rss_shmem": "rss_shmem",
    "nr_ptes": "nr_ptes",
    "pgtables_bytes": "pgtables_bytes",
    "swapents": "swapents",
    "oom_score_adj": "oom_score_adj",
}
_COMMS = (
    *words("systemd-journal systemd-udevd sshd cron dbus-daemon rsyslogd polkitd agetty nginx postgres redis-server"),
    *words("java node python3 containerd-shim kubelet dockerd chrome (sd-pam) bash prometheus fluent-bit php-fpm8.2"),
    *("tmux: server", "Web Content"),
)


@dataclass(frozen=True, slots=True)
class Task:
    pid: int
    uid: int
    comm: str
    numbers: dict[str, int] = field(default_factory=dict)


def report(generation: Generation, *, memcg: bool, tasks: int, rng: random.Random) -> Iterator[str]:
    """Yield the records of one report, its kill line last."""
    rows = _task_list(tasks, rng)
    victim = max(rows, key=lambda row: row.numbers["rss"])
    invoker = rng.choice(rows)
    oom_memcg = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{rng.getrandbits(128):032x}.slice"
    task_memcg = f"{oom_memcg}/cri-containerd-{rng.getrandbits(256):064x}.scope"
    yield (
        f"{invoker.comm} invoked oom-killer: gfp_mask={generation.gfp[memcg]}, order=0, "
        f"oom_score_adj={invoker.numbers['oom_score_adj']}"
    )
    if not generation.summary:
        yield f"{invoker.comm} cpuset=/ mems_allowed=0"
    yield from _stack(generation, invoker, memcg, rng)
    if memcg:
        yield from _memcg(generation, oom_memcg, task_memcg, victim, rng)
    else:
        yield from _meminfo(generation, rng)
    yield from _task_dump(generation, rows)
    where = f"oom_memcg={oom_memcg},task_memcg={task_memcg}" if memcg else f"global_oom,task_memcg={task_memcg}"
    if generation.summary:
        yield (
            f"oom-kill:constraint=CONSTRAINT_{'MEMCG' if memcg else 'NONE'},nodemask=(null),cpuset=/,mems_allowed=0,"
            f"{where},task={victim.comm},pid={victim.pid},uid={victim.uid}"
        )
    yield from _kill(generation, victim, memcg, rng)


def _task_list(count: int, rng: random.Random) -> list[Task]:
    rows = []
    pid = rng.randrange(200, 1000)
    for index in range(count):
        pid += rng.randrange(1, 4000)
        anon = rng.randrange(50, 20_000) if index else rng.randrange(200_000, 4_000_000)
        file, shmem = rng.randrange(0, 400), rng.choice((0, 0, 0, 131, 857))
        numbers = {
            "total_vm": anon * 2 + rng.randrange(1000, 200_000),
            "rss": anon + file + shmem,
            "rss_anon": anon,
            "rss_file": file,
            "rss_shmem": shmem,
            "nr_ptes": anon // 512 + 8,
            "pgtables_bytes": (anon // 512 + 8) * 4096,
            "swapents": rng.choice((0, 0, 0, rng.randrange(4000))),
            "oom_score_adj": rng.choice((0, 0, 0, 0, -900, -1000, 100, 993)) if index else 0,
        }
        rows.append(Task(pid, rng.choice((0, 0, 33, 1000, 65534)), rng.choice(_COMMS), numbers))
    rng.shuffle(rows)
    return rows


@cache
def _place(release: str, name: str) -> str:
    """Return where in a function the next one is called, and how long it is: the same in all reports of a kernel."""
    rng = random.Random(f"{release} {name}")
    return f"+0x{rng.randrange(16, 512):x}/0x{rng.randrange(512, 4096):x}"


def _stack(generation: Generation, invoker: Task, memcg: bool, rng: random.Random) -> Iterator[str]:
    yield f"CPU: {rng.randrange(16)} PID: {invoker.pid} Comm: {invoker.comm} Not tainted {generation.release}"
    yield "Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014"
    yield "Call Trace:"
    if generation.task_marks:
        yield " <TASK>"
    for name in generation.charge_frames if memcg else generation.frames:
        entry = f"{name}{_place(generation.release, name)}"
        yield f" [<ffffffff{rng.getrandbits(32):08x}>] {entry}" if generation.addresses else f" {entry}"
    if generation.addresses:
        return
    yield f"RIP: 0033:0x{rng.getrandbits(44):x}"
    yield f"Code: Unable to access opcode bytes at 0x{rng.getrandbits(44):x}."
    yield f"RSP: 002b:{rng.getrandbits(48):016x} EFLAGS: 00010206"
    for registers in (("RAX", "RBX", "RCX"), ("RDX", "RSI", "RDI"), ("RBP", "R08", "R09"), ("R10", "R11", "R12")):
        yield " ".join(f"{name}: {rng.getrandbits(48):016x}" for name in registers)
    yield f"R13: {rng.getrandbits(48):016x} R14: {rng.getrandbits(48):016x} R15: {rng.getrandbits(48):016x}"
    if generation.task_marks:
        yield " </TASK>"


def _meminfo(generation: Generation, rng: random.Random) -> Iterator[str]:
    def some(high: int) -> int:
        return rng.randrange(high)

    yield "Mem-Info:"
    lines = (" ".join(f"{key}:{some(90_000)}" for key in keys.split()) for keys in generation.totals)
    yield "\n ".join(lines)
    if generation.node_keys:
        counters = " ".join(
            f"{key}{some(10**6)}kB" if key.endswith(" ") else f"{key}:{some(10**6)}kB" for key in generation.node_keys
        )
        yield f"Node 0 {counters} all_unreclaimable? yes"
    zones = ("DMA", "DMA32", "Normal")
    for index, zone in enumerate(zones):
        watermark = some(60_000)
        numbers = {"min": watermark, "low": watermark * 5 // 4, "high": watermark * 3 // 2}
        units = {"reserved_highatomic": "KB"}
        counters = " ".join(
            f"{key}:{numbers.get(key, some(10**6))}{units.get(key, 'kB')}" for key in generation.zone_keys
        )
        scanned = "" if generation.node_keys else f" pages_scanned:{some(99)} all_unreclaimable? yes"
        yield f"Node 0 {zone} {counters}{scanned}"
        yield "lowmem_reserve[]: " + " ".join(str(some(16_000) if at > index else 0) for at in range(5))
    for zone in zones:
        counts = [some(200) for _ in range(11)]
        blocks = " ".join(
            f"{count}*{4 << order}kB (UME)" if count else f"0*{4 << order}kB" for order, count in enumerate(counts)
        )
        yield f"Node 0 {zone}: {blocks} = {sum(count * (4 << order) for order, count in enumerate(counts))}kB"
    for size in (1_048_576, 2048):
        yield f"Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size={size}kB"
    yield f"{some(99_999)} total pagecache pages"
    yield f"{some(999)} pages in swap cache"
    if generation.cgroup_version == 1:  # the line went in 6.0
        yield f"Swap cache stats: add {some(10**6)}, delete {some(10**6)}, find {some(10**6)}/{some(10**7)}"
    yield "Free swap  = 0kB"
    yield "Total swap = 2097148kB"
    yield f"{some(10**7)} pages RAM"
    yield "0 pages HighMem/MovableOnly"
    yield f"{some(10**5)} pages reserved"
    if generation.node_keys:
        yield "0 pages cma reserved"
    yield "0 pages hwpoisoned"


def _memcg(generation: Generation, oom: str, task: str, victim: Task, rng: random.Random) -> Iterator[str]:
    limit = rng.randrange(2**16, 2**24) * 4
    unlimited = 9007199254740988
    if not generation.summary:
        yield f"Task in {task} killed as a result of limit of {oom}"
    yield f"memory: usage {limit}kB, limit {limit}kB, failcnt {rng.randrange(10**6)}"
    if generation.cgroup_version == 1:
        yield f"memory+swap: usage {limit}kB, limit {unlimited}kB, failcnt 0"
        yield f"kmem: usage {limit // 100}kB, limit {unlimited}kB, failcnt 0"
    else:
        yield f"swap: usage 0kB, limit {unlimited}kB, failcnt 0"
    if generation.summary:
        yield f"Memory cgroup stats for {oom}:"
        yield "\n".join(f"{key} {rng.randrange(2**34) if rng.random() < 0.7 else 0}" for key in generation.stat_keys)
    else:
        for path in (oom, task):
            yield f"Memory cgroup stats for {path}: " + " ".join(
                f"{key}:{rng.randrange(limit)}KB" for key in generation.stat_keys
            )


def _task_dump(generation: Generation, rows: list[Task]) -> Iterator[str]:
    if generation.summary:
        yield "Tasks state (memory values in pages):"
    titles = " ".join(_COLUMN_TITLES[name] for name in generation.task_columns)
    yield f"{'[  pid  ]' if generation.summary else '[ pid ]'}   uid  tgid {titles} name"
    width = 7 if generation.summary else 5
    shape = " ".join(_COLUMN_FORMATS[name] for name in generation.task_columns)
    for row in rows:
        numbers = shape.format(*(row.numbers[name] for name in generation.task_columns))
        yield f"[{row.pid:{width}d}] {row.uid:5d} {row.pid:5d} {numbers} {row.comm}"


def _kill(generation: Generation, victim: Task, memcg: bool, rng: random.Random) -> Iterator[str]:
    why = "Memory cgroup out of memory" if memcg else "Out of memory"
    numbers = victim.numbers
    sizes = (
        f"total-vm:{numbers['total_vm'] * 4}kB, anon-rss:{numbers['rss_anon'] * 4}kB, "
        f"file-rss:{numbers['rss_file'] * 4}kB, shmem-rss:{numbers['rss_shmem'] * 4}kB"
    )
    if not generation.summary:
        yield f"{why}: Kill process {victim.pid} ({victim.comm}) score {rng.randrange(300, 1000)} or sacrifice child"
        yield f"Killed process {victim.pid} ({victim.comm}), UID {victim.uid}, {sizes}"
        return
    yield (
        f"{why}: Killed process {victim.pid} ({victim.comm}) {sizes}, UID:{victim.uid} "
        f"pgtables:{numbers['pgtables_bytes'] // 1024}kB oom_score_adj:{numbers['oom_score_adj']}"
    )
    if rng.random() < 0.5:
        yield (
            f"oom_reaper: reaped process {victim.pid} ({victim.comm}), now anon-rss:0kB, file-rss:0kB, "
            f"shmem-rss:{numbers['rss_shmem'] * 4}kB"
        )
