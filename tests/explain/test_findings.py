"""Each pattern where it is planted, and silence where it is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oomparse.explain import Confidence, FindingCode, findings
from oomparse.model import GfpMask, Outcome, Reaper, ReaperOutcome, Role, Scope, Trait
from oomparse.sections import FreeBlocks, FreeList, HugePages, Slab, ZoneMemory
from tests.explain.events import MIB, RAM_PAGES, event, killed, memcg, meminfo, task

HOG = task(100, 200_000, comm="hog")
SMALL = task(101, 500, comm="sshd")
BOXED = task(100, 15_000, comm="hog")


def found(**fields: Any) -> dict[FindingCode, Confidence]:
    return {finding.code: finding.confidence for finding in findings(event(**fields))}


def global_oom(**fields: Any) -> dict[FindingCode, Confidence]:
    return found(**({"rows": [HOG, SMALL], "victim": HOG, "meminfo": meminfo()} | fields))


def memcg_oom(**fields: Any) -> dict[FindingCode, Confidence]:
    return found(**({"rows": [BOXED], "victim": BOXED, "scope": Scope.MEMCG, "memcg": memcg()} | fields))


def zone(name: str = "Normal", node: int | None = None, free: int = 8000, **more: Any) -> ZoneMemory:
    fields: dict[str, Any] = {"min_kb": 8100, "low_kb": 10000, "high_kb": 12000, "present_kb": RAM_PAGES * 4}
    return ZoneMemory(zone=name, node=node, free_kb=free, **(fields | more))


def test_a_hog_is_no_finding() -> None:
    assert global_oom() == {}
    assert memcg_oom() == {}
    assert found() == {}


def test_nothing_is_said_of_a_kill_line_alone() -> None:
    assert found(outcome=Outcome.KILLED, victims=(killed(HOG),)) == {}


def test_sysrq_is_the_whole_story() -> None:
    assert global_oom(traits=(Trait.SYSRQ,), meminfo=meminfo(free_pages=100_000)) == {
        FindingCode.SYSRQ: Confidence.HIGH
    }


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [(1 << 20, 0, Confidence.HIGH), (1 << 20, 40_000, Confidence.MEDIUM), (1 << 20, 400_000, None), (0, 0, None)],
)
def test_swap_full(total: int, free: int, expected: Confidence | None) -> None:
    assert global_oom(meminfo=meminfo(swap_kb=(total, free))).get(FindingCode.SWAP_FULL) == expected


@pytest.mark.parametrize(
    ("more", "full"),
    [
        ({"swap_usage_kb": 16384, "swap_limit_kb": 16384}, True),
        ({"swap_usage_kb": 1024, "swap_limit_kb": 16384}, False),
        ({"swap_usage_kb": 0, "swap_limit_kb": 0}, False),
        ({"swap_limit_kb": None, "memsw_usage_kb": 98000, "memsw_limit_kb": 98304}, True),
        ({"swap_limit_kb": None, "memsw_usage_kb": 65536, "memsw_limit_kb": 65536}, False),
    ],
)
def test_swap_of_a_cgroup(more: dict[str, Any], *, full: bool) -> None:
    assert (FindingCode.SWAP_FULL in memcg_oom(memcg=memcg(**more))) is full


def test_no_swap_matters_where_many_could_have_used_it() -> None:
    rows = [task(pid, 10_000) for pid in range(100, 120)]
    assert global_oom(rows=rows, victim=rows[-1])[FindingCode.SWAP_ABSENT] is Confidence.LOW
    assert FindingCode.SWAP_ABSENT not in global_oom(rows=rows, victim=rows[-1], meminfo=meminfo(swap_kb=(4096, 4000)))


def test_shared_memory() -> None:
    protected = task(102, 300, adj=-1000, comm="filler")
    hits = global_oom(rows=[HOG, protected], victim=task(100, 20_000), meminfo=meminfo(shmem_pages=170_000))
    assert hits == {FindingCode.SHMEM_HOG: Confidence.HIGH, FindingCode.VICTIM_SMALL: Confidence.MEDIUM}


def test_shared_memory_of_a_cgroup() -> None:
    stats = {"anon": 2 * MIB, "file": 60 * MIB, "shmem": 60 * MIB}
    assert memcg_oom(memcg=memcg(stats=stats))[FindingCode.SHMEM_HOG] is Confidence.HIGH


def test_slab_growth_names_the_largest_caches() -> None:
    slabs = (Slab(name="kmalloc-64", used_kb=5, total_kb=700), Slab(name="leaky", used_kb=5, total_kb=300_000))
    [finding] = findings(event(meminfo=meminfo(slab_unreclaimable_pages=100_000), slabs=slabs))
    assert (finding.code, finding.confidence) == (FindingCode.SLAB_GROWTH, Confidence.HIGH)
    assert "leaky 293 MiB" in finding.sentence
    assert finding.numbers["slab_unreclaimable_bytes"] == 100_000 * 4096


def test_reclaimable_slab_is_a_guess() -> None:
    assert found(meminfo=meminfo(slab_reclaimable_pages=100_000)) == {FindingCode.SLAB_GROWTH: Confidence.LOW}


def test_slab_that_fills_low_memory() -> None:
    # A quarter of RAM, and nearly all that the kernel can use.
    zones = (zone("DMA", present_kb=16_384), zone(present_kb=240_000), zone("HighMem", present_kb=790_000))
    [finding] = findings(event(meminfo=meminfo(zones=zones, slab_unreclaimable_pages=50_000)))
    assert (finding.code, finding.confidence) == (FindingCode.SLAB_GROWTH, Confidence.HIGH)
    assert finding.numbers["share"] == pytest.approx(0.78, abs=0.01)
    assert "low memory" in finding.sentence


def test_slab_of_2_6_18_is_not_told_apart() -> None:
    info = meminfo(slab_unreclaimable_pages=0, slab_reclaimable_pages=0, slab_pages=100_000)
    assert info.totals is not None
    old = replace(info, totals=replace(info.totals, slab_unreclaimable_pages=None, slab_reclaimable_pages=None))
    [finding] = findings(event(meminfo=old))
    assert (finding.code, finding.confidence) == (FindingCode.SLAB_GROWTH, Confidence.MEDIUM)
    assert finding.numbers["slab_bytes"] == 100_000 * 4096


def test_a_small_victim_beside_what_nobody_accounts_for() -> None:
    hits = global_oom(rows=[SMALL], victim=SMALL, meminfo=meminfo(active_anon_pages=5000))
    assert hits == {FindingCode.UNACCOUNTED: Confidence.HIGH, FindingCode.VICTIM_SMALL: Confidence.HIGH}


def test_victims_of_a_group_count_together() -> None:
    rows = [task(pid, 10_000, comm="worker") for pid in range(100, 110)]
    victims = tuple(killed(row, role=Role.GROUP if at else Role.SELECTED) for at, row in enumerate(rows))
    whole = {"rows": rows, "victim": rows[0], "meminfo": meminfo(), "traits": (Trait.GROUP_KILL,)}
    assert FindingCode.VICTIM_SMALL in found(**whole, victims=victims[:1])
    # The first is printed twice.
    assert FindingCode.VICTIM_SMALL not in found(**whole, victims=(*victims, victims[0]))


def test_swap_and_page_tables_come_free_with_the_victim() -> None:
    stats = {"anon": 10 * MIB, "file": 0, "pagetables": 40 * MIB}
    small = task(100, 500, comm="stress", tables=9_000)
    assert memcg_oom(rows=[small], victim=small, memcg=memcg(stats=stats)).keys() == {
        FindingCode.PAGE_TABLES,
        FindingCode.KERNEL_MEMORY,
    }


def test_unaccounted() -> None:
    assert found(meminfo=meminfo(active_anon_pages=100_000)) == {FindingCode.UNACCOUNTED: Confidence.HIGH}
    hidden = meminfo(active_anon_pages=100_000, zones=(zone(node=1, present_kb=RAM_PAGES * 2),))
    assert found(meminfo=hidden) == {FindingCode.UNACCOUNTED: Confidence.LOW}


def test_page_cache_that_stays() -> None:
    assert found(meminfo=meminfo(active_file_pages=150_000)) == {FindingCode.PAGE_CACHE: Confidence.LOW}
    info = meminfo(active_file_pages=150_000)
    assert info.totals is not None
    dirty = replace(info, totals=replace(info.totals, dirty_pages=90_000))
    [finding] = findings(event(meminfo=dirty))
    assert finding.confidence is Confidence.MEDIUM
    assert finding.numbers["dirty_bytes"] == 90_000 * 4096


def test_page_tables() -> None:
    assert found(meminfo=meminfo(pagetables_pages=20_000)) == {FindingCode.PAGE_TABLES: Confidence.MEDIUM}
    assert found(meminfo=meminfo(pagetables_pages=60_000)) == {FindingCode.PAGE_TABLES: Confidence.HIGH}


def test_kernel_memory_of_a_cgroup() -> None:
    stats = {"anon": 20 * MIB, "file": 0, "kernel": 40 * MIB, "percpu": 30 * MIB, "pagetables": 0}
    assert memcg_oom(memcg=memcg(stats=stats))[FindingCode.KERNEL_MEMORY] is Confidence.HIGH


@pytest.mark.parametrize(("total", "free", "hit"), [(150, 140, True), (150, 10, False), (10, 10, False)])
def test_huge_pages(total: int, free: int, *, hit: bool) -> None:
    pool = HugePages(node=0, total=total, free=free, size_kb=2048)
    assert (FindingCode.HUGEPAGES_IDLE in global_oom(meminfo=meminfo(hugepages=(pool,)))) is hit


def test_locked_memory() -> None:
    assert global_oom(meminfo=meminfo(unevictable_pages=180_000))[FindingCode.UNEVICTABLE] is Confidence.HIGH
    stats = {"anon": 64 * MIB, "file": 0, "unevictable": 40 * MIB}
    assert memcg_oom(memcg=memcg(stats=stats)) == {FindingCode.UNEVICTABLE: Confidence.HIGH}


def buddy(*counts: int, types: str | None = "UME") -> FreeList:
    blocks = tuple(
        FreeBlocks(count=n, size_kb=4 << at, migrate_types=types if n else None) for at, n in enumerate(counts)
    )
    return FreeList(zone="Normal", blocks=blocks, total_kb=sum(block.count * block.size_kb for block in blocks))


@pytest.mark.parametrize(
    ("order", "free_list", "free_kb", "hit"),
    [
        (3, buddy(5000, 1000, 0, 0, 0), 28_000, True),
        (3, buddy(5000, 1000, 0, 3, 0), 28_096, False),
        (2, buddy(5000, 1000, 0, 0, 0), 28_000, True),
        (0, buddy(5000, 1000, 0, 0, 0), 28_000, False),
        (3, buddy(500, 100, 0, 0, 0), 2_800, False),
        (3, buddy(0, 0, 0, 900, types="H"), 28_800, True),
    ],
)
def test_fragmentation(order: int, free_list: FreeList, free_kb: int, *, hit: bool) -> None:
    info = replace(meminfo(zones=(zone(free=free_kb),)), free_lists=(free_list,))
    assert (FindingCode.FRAGMENTATION in global_oom(order=order, meminfo=info)) is hit


@pytest.mark.parametrize(
    ("dma_kb", "expected"),
    # 7.3 with 51 MiB free: 48 MiB in single pages, and a few larger pieces in DMA alone.
    [(3_400, Confidence.MEDIUM), (12_000, None)],
)
def test_larger_pieces_in_a_small_zone_are_no_answer(dma_kb: int, expected: Confidence | None) -> None:
    pieces = replace(buddy(0, 0, 0, 0, 0, 0, 0, dma_kb // 512), zone="DMA")
    zones = (zone("DMA", free=dma_kb, min_kb=144), zone(free=48_772))
    info = replace(meminfo(zones=zones), free_lists=(pieces, buddy(12_191)))
    assert global_oom(order=3, meminfo=info).get(FindingCode.FRAGMENTATION) is expected


MOVABLE, KERNEL = ("GFP_HIGHUSER_MOVABLE",), ("GFP_KERNEL_ACCOUNT", "__GFP_ZERO")


@pytest.mark.parametrize(
    ("mask", "types", "hit"),
    [
        # 6.6 on an AM62x: 198 MiB free, all pieces of 16 KiB and more are CMA's; a fork asked for a kernel stack.
        (GfpMask(value=0x400DC0, flags=KERNEL), "C", True),
        (GfpMask(value=0x400DC0, flags=KERNEL), "MC", False),
        (GfpMask(value=0x100CCA, flags=MOVABLE), "C", False),
    ],
)
def test_pieces_of_cma_are_for_movable_pages(mask: GfpMask, types: str, *, hit: bool) -> None:
    free_list = buddy(15_000, 8_000, 400, 200, types=types)
    info = replace(meminfo(zones=(zone(free=136_800, free_cma_kb=12_800),)), free_lists=(free_list,))
    assert (FindingCode.FRAGMENTATION in global_oom(order=2, gfp_mask=mask, meminfo=info)) is hit


def test_what_is_kept_for_cma_is_not_free() -> None:
    info = replace(meminfo(zones=(zone(free=12_000, free_cma_kb=9_000),)), free_lists=(buddy(2_000, 500),))
    mask = GfpMask(value=0xDC0, flags=KERNEL)
    assert FindingCode.FRAGMENTATION not in global_oom(order=2, gfp_mask=mask, meminfo=info)


def test_pieces_in_high_memory_are_of_no_use_to_the_kernel() -> None:
    high = replace(buddy(0, 0, 0, 0, 90_000, types=None), zone="HighMem")
    zones = (zone(free=28_000), zone("HighMem", free=5_760_000))
    info = replace(meminfo(zones=zones), free_lists=(buddy(5000, 1000, types=None), high))
    assert FindingCode.FRAGMENTATION in global_oom(order=2, gfp_mask=GfpMask(value=0xD0), meminfo=info)
    assert FindingCode.FRAGMENTATION not in global_oom(order=2, gfp_mask=GfpMask(value=0x200D2), meminfo=info)


HIGHMEM_MACHINE = (
    zone("DMA", free=3000, min_kb=70, low_kb=85, high_kb=100, lowmem_reserve_pages=(0, 800)),
    zone("Normal", free=3500, min_kb=3700, low_kb=4600, high_kb=5500),
    zone("HighMem", free=2_000_000, min_kb=500, low_kb=900, high_kb=1300),
)


@pytest.mark.parametrize(("mask", "hit"), [(0xD0, True), (0x200D2, False), (0x0, False)])
def test_low_memory_of_32_bits(mask: int, *, hit: bool) -> None:
    hits = global_oom(gfp_mask=GfpMask(value=mask), meminfo=meminfo(zones=HIGHMEM_MACHINE, free_pages=150_000))
    assert (FindingCode.LOW_ZONE_EXHAUSTED in hits) is hit


def test_what_low_memory_keeps_from_high_requests_is_there_for_the_kernel() -> None:
    # 2.6.18 on i386: Normal keeps 100 MiB from those that could use HighMem, and nothing from the kernel.
    dma, normal, high = HIGHMEM_MACHINE
    roomy = replace(normal, free_kb=60_000, lowmem_reserve_pages=(0, 0, 25_600))
    zones = (replace(dma, lowmem_reserve_pages=(0, 880, 4080)), roomy, high)
    info = meminfo(zones=zones, free_pages=150_000)
    assert FindingCode.LOW_ZONE_EXHAUSTED not in global_oom(gfp_mask=GfpMask(value=0xD0), meminfo=info)
    pieces = replace(info, free_lists=(buddy(15_000, types=None),))
    assert FindingCode.FRAGMENTATION in global_oom(order=1, gfp_mask=GfpMask(value=0xD0), meminfo=pieces)
    assert FindingCode.FRAGMENTATION not in global_oom(order=1, gfp_mask=GfpMask(value=0x200D2), meminfo=pieces)


def test_dma_zone() -> None:
    zones = (zone("DMA", free=80, min_kb=70, low_kb=85, high_kb=100), zone("Normal", free=900_000))
    hits = global_oom(gfp_mask=GfpMask(value=0xCC1), meminfo=meminfo(zones=zones, free_pages=220_000))
    assert hits[FindingCode.LOW_ZONE_EXHAUSTED] is Confidence.HIGH


TWO_NODES = (zone(node=0, free=400_000), zone(node=1, free=1000))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"scope": Scope.CPUSET, "mems_allowed": "1"}, Confidence.HIGH),
        ({"scope": Scope.MEMORY_POLICY, "nodemask": "1", "mems_allowed": "0-1"}, Confidence.HIGH),
        ({"scope": Scope.GLOBAL, "mems_allowed": "0-1"}, Confidence.MEDIUM),
        ({"scope": Scope.GLOBAL, "mems_allowed": "0-1", "order": 3}, None),
    ],
)
def test_one_node_is_full(fields: dict[str, Any], expected: Confidence | None) -> None:
    hits = global_oom(meminfo=meminfo(zones=TWO_NODES, free_pages=100_250), **fields)
    assert hits.get(FindingCode.NODE_FULL) == expected


def test_full_node_alone_in_the_report() -> None:
    hits = global_oom(
        meminfo=meminfo(zones=TWO_NODES[1:], free_pages=100_250),
        scope=Scope.CPUSET,
        nodemask="(null)",
        mems_allowed="1",
    )
    assert hits[FindingCode.NODE_FULL] is Confidence.HIGH


def test_both_nodes_full() -> None:
    zones = (zone(node=0, free=900), zone(node=1, free=1000))
    assert global_oom(meminfo=meminfo(zones=zones), mems_allowed="0-1") == {}


def test_unkillable_tasks() -> None:
    rows = [task(10, 200_000, adj=-1000), SMALL]
    hits = found(rows=rows, outcome=Outcome.PANIC, meminfo=meminfo())
    assert hits == {FindingCode.UNKILLABLE_TASKS: Confidence.HIGH}


def test_limit_below_floor() -> None:
    rows = [task(10, 15_500, adj=-1000)]
    hits = found(rows=rows, outcome=Outcome.NO_VICTIM, scope=Scope.MEMCG, memcg=memcg())
    assert hits == {FindingCode.LIMIT_BELOW_FLOOR: Confidence.HIGH, FindingCode.UNKILLABLE_TASKS: Confidence.HIGH}


def test_many_small_tasks() -> None:
    rows = [task(pid, 2_000, comm="worker") for pid in range(100, 200)]
    hits = global_oom(rows=rows, victim=rows[-1], meminfo=meminfo(swap_kb=(4096, 4000)))
    assert hits == {FindingCode.MANY_SMALL_TASKS: Confidence.HIGH, FindingCode.VICTIM_SMALL: Confidence.HIGH}


def test_the_reaper_got_nothing() -> None:
    for reaper in (Reaper(outcome=ReaperOutcome.UNABLE), Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=700_000)):
        victim = replace(killed(HOG), reaper=reaper)
        assert global_oom(victims=(victim,)) == {FindingCode.MEMORY_NOT_REAPED: Confidence.MEDIUM}
    clean = replace(killed(HOG), reaper=Reaper(outcome=ReaperOutcome.REAPED, anon_rss_kb=0))
    assert global_oom(victims=(clean,)) == {}


def test_every_code_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [code.name for code in FindingCode if f"FindingCode.{code.name}" not in text] == []


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [code.value for code in FindingCode if f"| `{code.value}` |" not in page] == []
