"""Where a report states the same fact twice, both readings are the same, in bytes: over every event of the corpus.

The page size is the report's own (`MemInfo.page_size_bytes`); a memcg report prints none, then it is the capture's.
Counters that the kernel sums up while it prints may have moved between two lines; how far is said with each fact.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest

import oomparse
from oomparse import OomEvent, Role, Scope
from oomparse.sections import MemInfo
from oomparse.testing import corpus

KB = 1024
CAPTURED_PAGE_BYTES = 4096
"""Of x86_64, where the corpus was captured."""

MOVING = 1024 * KB
"""Per-cpu parts of a counter that are not summed up yet, and what other processors allocate meanwhile."""
RSS_MOVING = 64 * CAPTURED_PAGE_BYTES
"""The victim's threads run on; since 6.2 its RSS is counted on each processor apart."""


@dataclass(frozen=True, slots=True)
class Twice:
    """One fact, read from two lines; ``least`` and ``most`` say how far the second may lie from the first."""

    what: str
    first: int | str | None
    second: int | str | None
    least: int = 0
    most: int = 0

    @property
    def agrees(self) -> bool:
        if isinstance(self.first, int) and isinstance(self.second, int):
            return self.least <= self.second - self.first <= self.most
        return self.first == self.second


def near(what: str, first: int, second: int, moving: int) -> Twice:
    return Twice(what, first, second, -moving, moving)


def page(event: OomEvent) -> int:
    known = event.meminfo and event.meminfo.page_size_bytes
    # A report by a cgroup's limit does not say it; the name of the kernel does.
    large = (event.source.kernel_release or "").endswith("-16k")
    return known or (4 * CAPTURED_PAGE_BYTES if large else CAPTURED_PAGE_BYTES)


def kill_and_row(event: OomEvent) -> Iterator[Twice]:
    """The kill line and the victim's row of the task dump."""
    size = page(event)
    for victim in event.victims:
        row = event.tasks.find(victim.pid) if event.tasks and victim.pid is not None else None
        if row is None or victim.total_vm_kb is None or row.total_vm_pages is None or row.rss_pages is None:
            continue
        yield Twice("total-vm", row.total_vm_pages * size, victim.total_vm_kb * KB)
        parts = (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb or 0)
        rss_kb = sum(part for part in parts if part is not None)
        yield near("rss", row.rss_pages * size, rss_kb * KB, RSS_MOVING)
        for name, pages, kb in (
            ("anon-rss", row.rss_anon_pages, victim.anon_rss_kb),
            ("file-rss", row.rss_file_pages, victim.file_rss_kb),
            ("shmem-rss", row.rss_shmem_pages, victim.shmem_rss_kb),
        ):
            if pages is not None and kb is not None:
                yield near(name, pages * size, kb * KB, RSS_MOVING)
        if row.pgtables_bytes is not None and victim.pgtables_kb is not None:
            yield Twice("pgtables", row.pgtables_bytes, victim.pgtables_kb * KB)
        if row.oom_score_adj is not None and victim.oom_score_adj is not None:
            yield Twice("oom_score_adj", row.oom_score_adj, victim.oom_score_adj)
        if row.uid is not None and victim.uid is not None:
            yield Twice("uid", row.uid, victim.uid)
        if row.comm is not None:
            yield Twice("comm", row.comm, victim.comm)


def rows(event: OomEvent) -> Iterator[Twice]:
    """The columns of one row."""
    for row in event.tasks or ():
        parts = (row.rss_anon_pages, row.rss_file_pages, row.rss_shmem_pages)
        if row.rss_pages is not None and None not in parts:
            yield Twice("rss of a row", row.rss_pages, sum(part or 0 for part in parts))


def constraint_and_kill(event: OomEvent) -> Iterator[Twice]:
    """The ``oom-kill:`` line and the kill line: since 5.1 the first to die is the chosen one."""
    chosen, victim = event.selected, event.victim
    if chosen is None or victim is None or victim.total_vm_kb is None or event.constraint is None:
        return
    yield Twice("chosen pid", chosen.pid, victim.pid)
    yield Twice("chosen comm", chosen.comm, victim.comm)
    if victim.uid is not None:
        yield Twice("chosen uid", chosen.uid, victim.uid)


def selected_and_kill(event: OomEvent) -> Iterator[Twice]:
    """``Kill process`` and ``Killed process``, where no child died instead."""
    chosen, victim = event.selected, event.victim
    if chosen is None or victim is None or event.constraint is not None or victim.role is not Role.SELECTED:
        return
    row = event.tasks.find(chosen.pid) if event.tasks and chosen.pid is not None else None
    if row is not None:
        yield Twice("chosen comm of old", chosen.comm, victim.comm)
        yield Twice("chosen pid of old", chosen.pid, victim.pid)


def reaped(event: OomEvent) -> Iterator[Twice]:
    """What the reaper left is not more than what there was."""
    for victim in event.victims:
        before, after = victim, victim.reaper
        if after is None or after.anon_rss_kb is None or before.anon_rss_kb is None:
            continue
        yield Twice("reaped anon-rss", before.anon_rss_kb, after.anon_rss_kb, -before.anon_rss_kb, 0)
        if before.shmem_rss_kb is not None and after.shmem_rss_kb is not None:
            yield Twice("reaped shmem-rss", before.shmem_rss_kb, after.shmem_rss_kb, -before.shmem_rss_kb, 0)


def memcg(event: OomEvent) -> Iterator[Twice]:
    """The counters, the statistics and the two lines that name the cgroup."""
    group = event.memcg
    if group is None:
        return
    if group.hierarchy and group.oom_memcg is not None:
        yield Twice("limited cgroup", next(iter(group.hierarchy)), group.oom_memcg)
    stats = group.stats
    if stats is None or group.usage_kb is None:
        return
    usage = group.usage_kb * KB
    if "kernel" in stats:  # since 5.18 the statistics hold everything that is charged
        total = stats.get("anon", 0) + stats.get("file", 0) + stats["kernel"]
        yield Twice("memory.stat and usage", total, usage, -MOVING, usage // 2)
    elif group.stats_unit == "kB" and group.hierarchy is not None:
        tree = [sum(part.get(key, 0) for key in ("cache", "rss")) * KB for part in group.hierarchy.values()]
        yield Twice("statistics and usage", sum(tree), usage, -MOVING, usage // 2)


def all_zones(event: OomEvent) -> MemInfo | None:
    """Mem-Info, if it shows every node: those of a cpuset or a memory policy leave nodes out."""
    info = event.meminfo
    if info is None or info.page_counts is None or info.totals is None or not info.zones:
        return None
    confined = event.scope in {Scope.CPUSET, Scope.MEMORY_POLICY} or event.cpuset not in {None, "/"}
    return None if confined else info


def zones_and_counts(event: OomEvent) -> Iterator[Twice]:
    """``N pages RAM`` and ``N pages reserved`` are summed up over the very zones that are shown."""
    info = all_zones(event)
    if info is None or info.page_counts is None or info.page_counts.ram_pages is None:
        return
    size = page(event)
    present = [zone.present_kb for zone in info.zones if zone.present_kb is not None]
    managed = [zone.managed_kb for zone in info.zones if zone.managed_kb is not None]
    yield Twice("RAM", info.page_counts.ram_pages * size, sum(present) * KB)
    if info.page_counts.reserved_pages is not None and managed:
        yield Twice("reserved", info.page_counts.reserved_pages * size, (sum(present) - sum(managed)) * KB)
    for huge in info.hugepages:
        if huge.total is not None and huge.free is not None:
            yield Twice("free huge pages", huge.total, huge.free, -huge.total, 0)


def confined_zones_and_counts(event: OomEvent) -> Iterator[Twice]:
    """A confined report shows some zones, and counts all RAM."""
    info = event.meminfo
    if info is None or all_zones(event) is not None or info.page_counts is None or info.page_counts.ram_pages is None:
        return
    ram = info.page_counts.ram_pages * page(event)
    yield Twice("RAM of some nodes", ram, sum((zone.present_kb or 0) * KB for zone in info.zones), -ram, 0)


SUMMED = (
    *("active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable", "isolated_anon", "isolated_file"),
    *("mapped", "dirty", "writeback", "shmem", "pagetables", "sec_pagetables", "unstable"),
    *("free", "bounce", "free_pcp", "free_cma", "slab_reclaimable", "slab_unreclaimable", "kernel_misc_reclaimable"),
)


def parts_and_totals(event: OomEvent) -> Iterator[Twice]:
    """The machine-wide counters and the sums of the nodes' and of the zones'."""
    info = all_zones(event)
    if info is None or info.totals is None:
        return
    for name in SUMMED:
        pages = getattr(info.totals, f"{name}_pages")
        for kind, parts in (("nodes", info.nodes), ("zones", info.zones)):
            found: list[int | None] = [getattr(part, f"{name}_kb", None) for part in parts]
            known = [kb for kb in found if kb is not None]
            if pages is not None and known and len(known) == len(found):
                yield near(f"{name} of {kind}", pages * page(event), sum(known) * KB, MOVING)


def free_lists(event: OomEvent) -> Iterator[Twice]:
    """A buddy line, its own sum, and the free pages of its zone."""
    info = event.meminfo
    if info is None:
        return
    zones = {(zone.node, zone.zone): zone for zone in info.zones}
    for found in info.free_lists:
        if found.total_kb is None:
            continue
        yield Twice("free list", found.total_kb, sum(block.count * block.size_kb for block in found.blocks))
        for order, block in enumerate(found.blocks):
            yield Twice("block", block.size_kb * KB, page(event) << order)
        zone = zones.get((found.node, found.zone))
        if zone is not None and zone.free_kb is not None:
            yield near("free list and zone", found.total_kb * KB, zone.free_kb * KB, MOVING)


def slabs(event: OomEvent) -> Iterator[Twice]:
    """The slab table leaves out what its slabs waste, and caches without objects."""
    info = event.meminfo
    if not event.slabs or info is None or info.totals is None or info.totals.slab_unreclaimable_pages is None:
        return
    whole = info.totals.slab_unreclaimable_pages * page(event)
    yield Twice("slab table", whole, sum(slab.total_kb for slab in event.slabs) * KB, -whole // 4, 0)
    for slab in event.slabs:
        yield Twice("slab", slab.total_kb, slab.used_kb, -slab.total_kb, 0)


def swap(event: OomEvent) -> Iterator[Twice]:
    """What the tasks have swapped out is not more than what is in use."""
    space = event.meminfo.swap if event.meminfo else None
    if space is None or space.total_kb is None or space.free_kb is None or not event.tasks:
        return
    used = (space.total_kb - space.free_kb) * KB
    out = sum((row.swapents_pages or 0) * page(event) for row in event.tasks)
    yield Twice("swapped out", used, out, -used, MOVING)


FACTS: tuple[Callable[[OomEvent], Iterator[Twice]], ...] = (
    kill_and_row,
    rows,
    constraint_and_kill,
    selected_and_kill,
    reaped,
    memcg,
    zones_and_counts,
    confined_zones_and_counts,
    parts_and_totals,
    free_lists,
    slabs,
    swap,
)


@cache
def events() -> tuple[tuple[str, OomEvent], ...]:
    """Every event of the corpus, of the most faithful log of each case."""
    found: list[tuple[str, OomEvent]] = []
    for case in corpus():
        log = next((log for log in case.logs if log.format in {"kmsg", "dmesg", "console"}), None)
        if log is not None:
            found += ((f"{case}/{log.file}", event) for event in oomparse.parse(case.data(log)))
    return tuple(found)


DIFFER = {
    # The victim had only just begun when the dump was made (it held 628 KiB), and mapped all its memory before it died.
    ("7.2.13+deb14-cloud-amd64/storm", "total-vm", 2_768_896, 36_323_328),
    # The statistics lag behind what the last victim gave back.
    ("7.2.13+deb14-cloud-amd64/userland-storm", "memory.stat and usage", 20_971_520, 19_628_032),
}
"""What two reports of the corpus state differently, in truth."""


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.__name__)
def test_both_readings_agree(facts: Callable[[OomEvent], Iterator[Twice]]) -> None:
    seen: Counter[str] = Counter()
    for where, event in events():
        for twice in facts(event):
            seen[twice.what] += 1
            case = where.rpartition("/")[0]
            differs = (case, twice.what, twice.first, twice.second) in DIFFER
            assert twice.agrees is not differs, (where, event.victim, twice)
    assert seen, "the corpus does not state this fact twice"


def test_every_kernel_states_the_main_facts_twice() -> None:
    """The comparison is not about one kernel alone."""
    kernels: dict[str, set[str]] = {}
    for where, event in events():
        for facts in (kill_and_row, parts_and_totals, free_lists, zones_and_counts):
            if any(True for _ in facts(event)):
                kernels.setdefault(facts.__name__, set()).add(where.partition("/")[0])
    assert {name: len(found) for name, found in kernels.items()} == dict.fromkeys(kernels, len(corpus_kernels()))


def corpus_kernels() -> set[str]:
    return {str(case).partition("/")[0] for case in corpus()}


def test_a_wrong_unit_would_be_noticed() -> None:
    """Pages taken for kB, kB for bytes, one column for the next."""
    event = next(
        event for _, event in events() if event.tasks and event.meminfo and event.victim and event.victim.total_vm_kb
    )
    (total_vm, rss, *_) = kill_and_row(event)
    assert isinstance(total_vm.first, int)
    assert isinstance(rss.first, int)
    for wrong in (
        Twice("total-vm", total_vm.first // 4, total_vm.second),
        Twice("total-vm", total_vm.first // KB, total_vm.second),
        Twice("total-vm", rss.first, total_vm.second),
        Twice("rss", rss.first // 4, rss.second, rss.least, rss.most),
    ):
        assert not wrong.agrees
