"""Whole Mem-Info blocks, slab tables and call traces of every era, as typed sections."""

# ruff: noqa: E501  # kernel lines are as long as they are

import dataclasses

import pytest

from oomparse.decode.kernel import intersect
from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.format import TypedLine
from oomparse.section_builder import build_meminfo, build_slabs, build_stack
from oomparse.sections import (
    Allocation,
    Frame,
    FreeBlocks,
    HugePages,
    MemInfo,
    NodeMemory,
    PerCpuList,
    Slab,
    SwapInfo,
    ZoneMemory,
)


def typed(text: str) -> list[TypedLine]:
    """Parse every line; all of them must be known."""
    lines = []
    for line in text.strip("\n").split("\n"):
        parsed = parse_line(line)
        assert parsed is not None, line
        lines.append(parsed.line)
    return lines


def meminfo(text: str) -> MemInfo:
    built = build_meminfo(typed(text))
    assert built is not None
    return built


I386_2_6_18 = """
Mem-info:
DMA per-cpu:
cpu 0 hot: high 6, batch 1 used:2
cpu 0 cold: low 0, high 2, batch 1 used:0
Normal per-cpu:
cpu 0 hot: low 62, high 186, batch 31 used:92
HighMem per-cpu: empty
Free pages:       13744kB (512kB HighMem)
Active:1693 inactive:626 dirty:19 writeback:0 unstable:0 free:3436 slab:21573 mapped:1371 pagetables:65
DMA free:3588kB min:68kB low:84kB high:100kB active:0kB inactive:0kB present:16384kB pages_scanned:30 all_unreclaimable? yes
lowmem_reserve[]: 0 880 4080
Normal free:9644kB min:3756kB low:4692kB high:5632kB active:12kB inactive:8kB present:901120kB pages_scanned:0 all_unreclaimable? no
lowmem_reserve[]: 0 0 25600
HighMem free:512kB min:512kB low:640kB high:768kB active:6772kB inactive:2504kB present:131072kB pages_scanned:0 all_unreclaimable? no
lowmem_reserve[]: 0 0 0
DMA: 1*4kB 0*8kB 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 1*512kB 1*1024kB 1*2048kB 0*4096kB = 3588kB
Normal: 1*4kB 1*8kB 2*16kB 0*32kB 0*64kB 1*128kB 1*256kB 0*512kB 1*1024kB 0*2048kB 2*4096kB = 9644kB
HighMem: empty
Swap cache: add 216998, delete 216997, find 12574/42598, race 2+7
Free swap  = 5kB
Total swap = 1461904kB
Free swap:            5kB
262144 pages of RAM
32768 pages of HIGHMEM
5169 reserved pages
3265 pages shared
1 pages swap cached
19 pages dirty
0 pages writeback
1371 pages mapped
21573 pages slab
65 pages pagetables
"""

X86_64_2_6_24 = """
Mem-info:
Node 0 DMA per-cpu:
CPU    0: Hot: hi:    0, btch:   1 usd:   0   Cold: hi:    0, btch:   1 usd:   0
Node 0 DMA32 per-cpu:
CPU    0: Hot: hi:  186, btch:  31 usd: 155   Cold: hi:   62, btch:  15 usd:  49
CPU    1: Hot: hi:  186, btch:  31 usd: 141   Cold: hi:   62, btch:  15 usd:  51
Active:61345 inactive:46288 dirty:0 writeback:0 unstable:0
 free:1196 slab:3612 mapped:14 pagetables:3719 bounce:0
Node 0 DMA free:2004kB min:60kB low:72kB high:88kB active:732kB inactive:1048kB present:10944kB pages_scanned:5839 all_unreclaimable? yes
lowmem_reserve[]: 0 488 488 488
Node 0 DMA: 12*4kB 149*8kB 47*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 1992kB
Swap cache: add 21, delete 21, find 12/42, race 0+1
Free swap  = -245804kB
Total swap = 1461904kB
131008 pages of RAM
3113 reserved pages
618 pages shared
0 pages swap cached
"""

ARM_2_6_25 = """
Mem-info:
DMA per-cpu:
CPU    0: hi:   18, btch:   3 usd:  12
Active:9992 inactive:2577 dirty:0 writeback:0 unstable:0
 free:339 slab:873 mapped:11 pagetables:727 bounce:0
DMA free:1356kB min:1016kB low:1268kB high:1524kB active:39968kB inactive:10308kB present:65024kB pages_scanned:815 all_unreclaimable? yes
lowmem_reserve[]: 0 0 0
DMA: 117*4kB 7*8kB 0*16kB 0*32kB 1*64kB 0*128kB 1*256kB 1*512kB 0*1024kB 0*2048kB 0*4096kB = 1356kB
5334 total pagecache pages
Swap cache: add 0, delete 0, find 0/0
Free swap  = 0kB
Total swap = 0kB
16384 pages of RAM
557 free pages
1265 reserved pages
873 slab pages
13340 pages shared
0 pages swap cached
"""

RHEL6 = """
Mem-Info:
Node 0 DMA per-cpu:
CPU    0: hi:    0, btch:   1 usd:   0
Node 1 Normal per-cpu:
CPU    0: hi:  186, btch:  31 usd:  17
active_anon:3491 inactive_anon:456 isolated_anon:1
 active_file:65 inactive_file:10 isolated_file:2
 unevictable:7 dirty:3 writeback:4 unstable:5
 free:33387 slab_reclaimable:7164 slab_unreclaimable:12148
 mapped:1210 shmem:66 pagetables:4528 bounce:8
Node 1 Normal free:4000kB min:4080kB low:5100kB high:6120kB active_anon:973196kB inactive_anon:324988kB active_file:256kB inactive_file:24kB unevictable:612716kB isolated(anon):11kB isolated(file):12kB present:2068480kB mlocked:611724kB dirty:13kB writeback:14kB mapped:4836kB shmem:15kB slab_reclaimable:9708kB slab_unreclaimable:13848kB kernel_stack:1056kB pagetables:7824kB unstable:16kB bounce:17kB writeback_tmp:18kB pages_scanned:19 all_unreclaimable? no
lowmem_reserve[]: 0 0 0 0
Node 1 Normal: 113*4kB 150*8kB 61*16kB 21*32kB 6*64kB 2*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 3940kB
54119 total pagecache pages
52620 pages in swap cache
Swap cache stats: add 1048880, delete 996260, find 38/71
Free swap  = 0kB
Total swap = 4194300kB
1048560 pages RAM
34673 pages reserved
5882 pages shared
1004266 pages non-shared
"""

V4_4 = """
Mem-Info:
active_anon:60194 inactive_anon:855 isolated_anon:0
 active_file:0 inactive_file:0 isolated_file:0
 unevictable:0 dirty:0 writeback:0 unstable:0
 slab_reclaimable:27 slab_unreclaimable:410
 mapped:231 shmem:857 pagetables:147 bounce:0
 free:487 free_pcp:52 free_cma:0
Node 0 DMA32 free:1948kB min:1980kB low:2472kB high:2968kB active_anon:240776kB inactive_anon:3420kB active_file:0kB inactive_file:0kB unevictable:0kB isolated(anon):0kB isolated(file):0kB present:261624kB managed:249832kB mlocked:0kB dirty:0kB writeback:0kB mapped:924kB shmem:3428kB slab_reclaimable:108kB slab_unreclaimable:1640kB kernel_stack:432kB pagetables:588kB unstable:0kB bounce:0kB free_pcp:208kB local_pcp:120kB free_cma:0kB writeback_tmp:0kB pages_scanned:1540 all_unreclaimable? yes
lowmem_reserve[]: 0 0 0
Node 0 DMA32: 1*4kB (M) 1*8kB (M) 1*16kB (U) 0*32kB 0*64kB 1*128kB (M) 3*256kB (UM) 2*512kB (M) 0*1024kB 0*2048kB 0*4096kB = 1948kB
Node 0 hugepages_total=42 hugepages_free=39 hugepages_surp=1 hugepages_size=2048kB
857 total pagecache pages
0 pages in swap cache
Swap cache stats: add 0, delete 0, find 0/0
Free swap  = 0kB
Total swap = 0kB
65406 pages RAM
0 pages HighMem/MovableOnly
2948 pages reserved
"""

V7_3 = """
Purging GPU memory, 0 pages freed, 0 pages still pinned, 4112 pages left available.
Mem-Info:
active_anon:40581 inactive_anon:1 isolated_anon:2
 active_file:3 inactive_file:4 isolated_file:5
 unevictable:6 dirty:7 writeback:8
 slab_reclaimable:184 slab_unreclaimable:2136
 mapped:232 shmem:857 pagetables:208
 sec_pagetables:9 bounce:10
 kernel_misc_reclaimable:11
 free:429 free_pcp:1448 free_cma:12
Node 0 active_anon:162324kB inactive_anon:4kB active_file:12kB inactive_file:16kB unevictable:24kB isolated(anon):8kB isolated(file):20kB mapped:928kB dirty:28kB writeback:32kB shmem:3428kB shmem_thp:1kB shmem_pmdmapped:2kB anon_thp:3kB kernel_stack:1056kB pagetables:832kB sec_pagetables:36kB all_unreclaimable? yes Balloon:5kB gpu_active:6kB gpu_reclaim:7kB
Node 0 DMA free:772kB boost:1kB min:144kB low:180kB high:216kB reserved_highatomic:2kB free_highatomic:3kB active_anon:14200kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:4kB zspages:5kB present:15992kB managed:15360kB mlocked:0kB bounce:0kB free_pcp:224kB local_pcp:220kB free_cma:6kB
lowmem_reserve[]: 0 171 171 171 171
Node 0 DMA32 free:944kB boost:0kB min:1540kB low:1924kB high:2308kB reserved_highatomic:0kB free_highatomic:0kB active_anon:148108kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:0kB zspages:0kB present:245632kB managed:175812kB mlocked:0kB bounce:0kB free_pcp:5568kB local_pcp:2292kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0 0
Node 0 DMA: 1*4kB (M) 0*8kB 0*16kB 0*32kB 0*64kB 0*128kB 1*256kB (U) 1*512kB (U) 0*1024kB 0*2048kB 0*4096kB = 772kB
Node 0 DMA32: 0*4kB 0*8kB 1*16kB (H) 1*32kB (E) 0*64kB 1*128kB (E) 1*256kB (E) 1*512kB (UME) 0*1024kB 0*2048kB 0*4096kB = 944kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=1048576kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
857 total pagecache pages
0 pages in swap cache
Free swap  = 0kB
Total swap = 0kB
65406 pages RAM
0 pages HighMem/MovableOnly
17613 pages reserved
1 pages cma reserved
2 pages hwpoisoned
Memory allocations (profiling is currently turned on):
    38.4 MiB    12034 mm/slub.c:2325 func:alloc_slab_page
     512 KiB        7 drivers/block/zram.c:41 [zram] func:zram_init
"""

BLOCKS = {
    "2.6.18 i386": I386_2_6_18,
    "2.6.24 x86_64": X86_64_2_6_24,
    "2.6.25 arm": ARM_2_6_25,
    "el6": RHEL6,
    "4.4": V4_4,
    "7.3": V7_3,
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_nothing_in_a_block_is_damaged_or_unknown(block: str) -> None:
    for line in typed(block):
        assert not line.damaged, line
        assert not line.unknown, line


ERAS = {
    "2.6.18 i386": ("2.6.18", "2.6.18"),
    "2.6.24 x86_64": ("2.6.21", "2.6.24"),
    "2.6.25 arm": ("2.6.25", "2.6.26"),
    "el6": ("2.6.32", "3.6"),
    "4.4": ("4.1", "4.7"),
    "7.3": ("7.3", None),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_lines_date_the_block(name: str) -> None:
    """Formats and keys together say which kernels print such a block."""
    ranges: list[tuple[str, str | None]] = []
    for text in BLOCKS[name].strip("\n").split("\n"):
        parsed = parse_line(text)
        assert parsed is not None
        ranges.append((parsed.format.since, parsed.format.until))
        ranges.extend((known.since, known.until) for known in parsed.line.kernels())
    era = intersect(ranges)
    assert era.consistent
    assert (era.since, era.until) == ERAS[name]


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_free_lists_add_up(block: str) -> None:
    info = meminfo(block)
    assert info.page_size_bytes == 4096
    for free_list in info.free_lists:
        if free_list.blocks:
            assert sum(part.count * part.size_kb for part in free_list.blocks) == free_list.total_kb


@pytest.mark.parametrize("name", ["2.6.18 i386", "7.3"])
def test_zones_and_totals_agree(name: str) -> None:
    info = meminfo(BLOCKS[name])
    assert info.totals is not None
    assert info.totals.free_pages is not None
    assert info.page_counts is not None
    assert info.page_counts.ram_pages is not None
    assert sum(zone.free_kb or 0 for zone in info.zones) == info.totals.free_pages * 4
    assert sum(zone.present_kb or 0 for zone in info.zones) <= info.page_counts.ram_pages * 4


def test_i386_2_6_18() -> None:
    info = meminfo(I386_2_6_18)
    assert info.totals is not None
    assert (info.totals.active_pages, info.totals.slab_pages, info.totals.pagetables_pages) == (1693, 21573, 65)
    assert info.totals.active_anon_pages is None
    assert [zone.zone for zone in info.zones] == ["DMA", "Normal", "HighMem"]
    assert [zone.node for zone in info.zones] == [None, None, None]
    assert [zone.lowmem_reserve_pages for zone in info.zones] == [(0, 880, 4080), (0, 0, 25600), (0, 0, 0)]
    assert [zone.all_unreclaimable for zone in info.zones] == [True, False, False]
    assert info.zones[0].pages_scanned == 30
    assert info.free_lists[2].zone == "HighMem"
    assert info.free_lists[2].blocks == ()
    assert info.per_cpu == (
        PerCpuList(zone="DMA", cpu=0, temperature="hot", high_pages=6, batch_pages=1, used_pages=2),
        PerCpuList(zone="DMA", cpu=0, temperature="cold", low_pages=0, high_pages=2, batch_pages=1, used_pages=0),
        PerCpuList(
            zone="Normal", cpu=0, temperature="hot", low_pages=62, high_pages=186, batch_pages=31, used_pages=92
        ),
    )
    assert info.swap == SwapInfo(
        cache_pages=1,
        cache_add=216998,
        cache_delete=216997,
        cache_find_hit=12574,
        cache_find_total=42598,
        cache_race=(2, 7),
        free_kb=5,
        total_kb=1461904,
    )
    counts = info.page_counts
    assert counts is not None
    assert (counts.ram_pages, counts.highmem_pages, counts.reserved_pages) == (262144, 32768, 5169)
    assert (counts.shared_pages, counts.dirty_pages, counts.writeback_pages) == (3265, 19, 0)
    assert (counts.mapped_pages, counts.slab_pages, counts.pagetables_pages) == (1371, 21573, 65)
    assert counts.other == {"free_kb": 13744, "free_highmem_kb": 512}


def test_two_lists_a_cpu() -> None:
    info = meminfo(X86_64_2_6_24)
    assert [(row.node, row.zone, row.cpu, row.temperature, row.used_pages) for row in info.per_cpu] == [
        (0, "DMA", 0, "hot", 0),
        (0, "DMA", 0, "cold", 0),
        (0, "DMA32", 0, "hot", 155),
        (0, "DMA32", 0, "cold", 49),
        (0, "DMA32", 1, "hot", 141),
        (0, "DMA32", 1, "cold", 51),
    ]
    assert info.swap is not None
    assert info.swap.free_kb == -245804
    assert info.totals is not None
    assert (info.totals.unstable_pages, info.totals.free_pages, info.totals.bounce_pages) == (0, 1196, 0)


def test_arm_page_counts() -> None:
    counts = meminfo(ARM_2_6_25).page_counts
    assert counts is not None
    assert (counts.pagecache_pages, counts.ram_pages, counts.free_pages) == (5334, 16384, 557)
    assert (counts.reserved_pages, counts.slab_pages, counts.shared_pages) == (1265, 873, 13340)


def test_separate_lines_of_the_totals() -> None:
    totals = meminfo(RHEL6).totals
    assert totals is not None
    assert (totals.active_anon_pages, totals.isolated_file_pages, totals.unstable_pages) == (3491, 2, 5)
    assert (totals.free_pages, totals.slab_unreclaimable_pages, totals.bounce_pages) == (33387, 12148, 8)
    assert not totals.other


def test_zone_of_el6() -> None:
    zone = meminfo(RHEL6).zones[0]
    assert (zone.node, zone.zone, zone.free_kb, zone.present_kb) == (1, "Normal", 4000, 2068480)
    assert (zone.isolated_anon_kb, zone.isolated_file_kb, zone.dirty_kb) == (11, 12, 13)
    assert (zone.writeback_kb, zone.shmem_kb, zone.unstable_kb) == (14, 15, 16)
    assert (zone.bounce_kb, zone.writeback_tmp_kb, zone.pages_scanned) == (17, 18, 19)
    assert zone.managed_kb is None
    assert zone.all_unreclaimable is False


def test_one_record_or_several_lines() -> None:
    """The machine-wide counters are one record with newlines; most readers see lines."""
    lines = V4_4.strip("\n").split("\n")
    record = parse_line("\n".join(lines[1:7]))
    assert record is not None
    assert not record.line.damaged
    whole = build_meminfo([record.line])
    stripped = build_meminfo(typed("\n".join(line.strip() for line in lines[1:7])))
    assert whole is not None
    assert stripped is not None
    assert whole.totals == stripped.totals == meminfo(V4_4).totals


def test_hugepages_and_reserve_of_4_4() -> None:
    info = meminfo(V4_4)
    assert info.hugepages == (HugePages(node=0, total=42, free=39, surplus=1, size_kb=2048),)
    assert info.free_lists[0].blocks[6] == FreeBlocks(count=3, size_kb=256, migrate_types="UM")
    assert info.zones[0].managed_kb == 249832
    assert info.nodes == ()


def test_newest() -> None:
    info = meminfo(V7_3)
    node = info.nodes[0]
    assert (node.node, node.active_anon_kb, node.shmem_thp_kb, node.anon_thp_kb) == (0, 162324, 1, 3)
    assert (node.balloon_kb, node.gpu_active_kb, node.gpu_reclaim_kb) == (5, 6, 7)
    assert (node.sec_pagetables_kb, node.all_unreclaimable, node.unstable_kb) == (36, True, None)
    zone = info.zones[0]
    assert (zone.boost_kb, zone.reserved_highatomic_kb, zone.free_highatomic_kb) == (1, 2, 3)
    assert (zone.writepending_kb, zone.zspages_kb, zone.free_cma_kb, zone.local_pcp_kb) == (4, 5, 6, 220)
    assert zone.all_unreclaimable is None
    assert [zone.lowmem_reserve_pages for zone in info.zones] == [(0, 171, 171, 171, 171), (0, 0, 0, 0, 0)]
    assert info.page_counts is not None
    assert (info.page_counts.cma_reserved_pages, info.page_counts.hwpoisoned_pages) == (1, 2)
    assert info.swap == SwapInfo(cache_pages=0, free_kb=0, total_kb=0)
    assert info.allocations == (
        Allocation(size_text="38.4 MiB", calls=12034, file="mm/slub.c", line=2325, function="alloc_slab_page"),
        Allocation(
            size_text="512 KiB", calls=7, file="drivers/block/zram.c", line=41, module="zram", function="zram_init"
        ),
    )


def test_exact_allocations_of_6_10() -> None:
    info = meminfo("Memory allocations:\n    40265318    12034 mm/slub.c:2325 func:alloc_slab_page")
    assert info.allocations == (
        Allocation(bytes=40265318, calls=12034, file="mm/slub.c", line=2325, function="alloc_slab_page"),
    )


def test_no_line_no_section() -> None:
    lines = typed("hog invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0")
    assert build_meminfo(lines) is None
    assert build_slabs(lines) is None
    assert build_stack(lines) is None


def test_a_second_block_is_not_this_reports() -> None:
    assert meminfo(V4_4 + V7_3.strip("\n").partition("\n")[2]) == meminfo(V4_4)


def test_node_and_zone_as_two_records() -> None:
    info = meminfo("Node 3 \nNormal free:5kB min:1kB low:2kB high:3kB\nNode 3 \nNormal: 1*4kB 0*8kB = 4kB")
    assert (info.zones[0].node, info.free_lists[0].node) == (3, 3)


@pytest.mark.parametrize("width", range(60, 133, 4))
@pytest.mark.parametrize("block", [RHEL6, V4_4, V7_3], ids=["el6", "4.4", "7.3"])
def test_wrapped_at_a_column(block: str, width: int) -> None:
    """A terminal breaks lines anywhere, even inside numbers; what is read is right or missing."""
    lines: list[TypedLine] = []
    for line in block.strip("\n").split("\n"):
        for start in range(0, len(line), width):
            parsed = parse_line(line[start : start + width])
            if parsed is not None:
                lines.append(parsed.line)
    info, whole = build_meminfo(lines), meminfo(block)
    assert info is not None
    assert len(info.zones) == len(whole.zones)
    parts: list[tuple[NodeMemory | ZoneMemory, NodeMemory | ZoneMemory]] = [
        *zip(info.nodes, whole.nodes, strict=True),
        *zip(info.zones, whole.zones, strict=True),
    ]
    for got, expected in parts:
        for name, value in _values(expected).items():
            assert _values(got)[name] in (value, None), name
    assert info.totals == whole.totals
    assert {row.total_kb for row in info.free_lists} <= {row.total_kb for row in whole.free_lists} | {None}


@pytest.mark.parametrize("width", [40, 72, 78])
def test_wrapped_between_words(width: int) -> None:
    """A mailer breaks lines at spaces, and eats those."""
    lines = V7_3.strip("\n").split("\n")
    wrapped: list[TypedLine] = []
    for line in (*lines[10:12], *lines[15:17]):
        row = ""
        for word in [*line.split(), ""]:
            if word and len(row) + len(word) < width:
                row = f"{row} {word}".strip()
                continue
            parsed = parse_line(row)
            assert parsed is not None, row
            wrapped.append(parsed.line)
            row = word
    info = build_meminfo(wrapped)
    whole = meminfo(V7_3)
    assert info is not None
    assert info.nodes == whole.nodes
    assert _values(info.zones[0]) == {**_values(whole.zones[0]), "lowmem_reserve_pages": None}
    assert info.free_lists[0] == whole.free_lists[0]


def _values(part: NodeMemory | ZoneMemory) -> dict[str, object]:
    return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}


def test_a_cut_reserve_is_left_out() -> None:
    info = meminfo(
        "DMA free:5kB min:1kB\nlowmem_reserve[]: 0 880 4080\nNormal free:5kB min:1kB\nlowmem_reserve[]: 0 0 25"
    )
    assert [zone.lowmem_reserve_pages for zone in info.zones] == [(0, 880, 4080), (0, 0, 25)]
    info = meminfo("DMA free:5kB min:1kB\nlowmem_reserve[]: 0 880 4080\nNormal free:5kB min:1kB\nlowmem_reserve[]: 0 0")
    assert [zone.lowmem_reserve_pages for zone in info.zones] == [(0, 880, 4080), None]


def test_page_size_needs_agreement() -> None:
    assert meminfo("Node 0 Normal: 3*64kB (U) 0*128kB = 192kB").page_size_bytes == 65536
    assert meminfo("DMA: 1*4kB = 4kB\nNormal: 1*16kB = 16kB").page_size_bytes is None
    assert meminfo("DMA: empty").page_size_bytes is None


def test_unknown_counts_are_kept() -> None:
    info = meminfo("12 pages RAM\n3 pages balloon deflated")
    assert info.page_counts is not None
    assert info.page_counts.ram_pages == 12
    assert info.page_counts.other == {"balloon_deflated_pages": 3}


def test_slab_table() -> None:
    rows = build_slabs(
        typed(
            "Unreclaimable slab info:\n"
            "Name                      Used          Total\n"
            "task_struct              622KB        640KB\n"
            "dentry(17:a unit.slice)          4KB          8KB\n"
            "vmap_area                 40KB         66KB "
        )
    )
    assert rows == (
        Slab(name="task_struct", used_kb=622, total_kb=640),
        Slab(name="dentry(17:a unit.slice)", used_kb=4, total_kb=8),
        Slab(name="vmap_area", used_kb=40, total_kb=66),
    )
    assert build_slabs(typed("excessive unreclaimable slab but cannot dump stats")) is None


TRACE_6_1 = """
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 ? policy_node+0x51/0x70
 xfs_filemap_fault+0x5f/0x120 [xfs 0123456789abcdef0123456789abcdef01234567]
 asm_exc_page_fault+0x22/0x30
RIP: 0010:copy_user_generic_string+0x2c/0x40
Code: d9 48 c1 e9 0c 48 89 da 48 c1 ea 0d 48 b8 cf f7 53 e3 a5 9b c4 20 48 f7 e2 48 c1 ea 04 48 69 d2 fa 00 00 00 48 29 d1 83 c1 01 <88> 4d 00 49 8b 85 80 00 00 00 f0 4c 01 20 41 8b 7d 24 85 ff 74 00
RSP: 0018:ffffb0a3c0b8fd60 EFLAGS: 00010206
RAX: 1111111111111111 RBX: 2222222222222222 RCX: 3333333333333333
CR2: 00007f7cc15f0000
 do_syscall_64+0x5b/0xc0
RIP: 0033:0x40372d
Code: Unable to access opcode bytes at 0x403703.
RSP: 002b:00007ffd46b878f0 EFLAGS: 00000202 ORIG_RAX: 0000000000000000
RAX: 999999999999a60a RBX: 000000000a3ad000 RCX: 0000000000000098
RDX: 000000000000a316 RSI: 00007fe26b57a000 RDI: 0000000000000000
 </TASK>
"""


def test_trace_through_user_mode() -> None:
    stack = build_stack(typed(TRACE_6_1))
    assert stack is not None
    assert stack.frames == (
        Frame(symbol="dump_stack_lvl", offset=0x44, size=0x5C),
        Frame(symbol="policy_node", offset=0x51, size=0x70, reliable=False),
        Frame(symbol="xfs_filemap_fault", offset=0x5F, size=0x120, module="xfs"),
        Frame(symbol="asm_exc_page_fault", offset=0x22, size=0x30),
        Frame(symbol="do_syscall_64", offset=0x5B, size=0xC0),
    )
    assert stack.registers == {
        "RIP": "0033:0x40372d",
        "RSP": "002b:00007ffd46b878f0",
        "EFLAGS": "00000202",
        "ORIG_RAX": "0000000000000000",
        "RAX": "999999999999a60a",
        "RBX": "000000000a3ad000",
        "RCX": "0000000000000098",
        "RDX": "000000000000a316",
        "RSI": "00007fe26b57a000",
        "RDI": "0000000000000000",
    }
    assert stack.code == "Unable to access opcode bytes at 0x403703."


FRAMES = [
    (" [<ffffffff81162487>] dump_stack+0x4d/0x66", Frame(symbol="dump_stack", offset=0x4D, size=0x66, address=0xFFFFFFFF81162487)),
    (" [<c0459f7b>] ? out_of_memory+0x25/0x13a", Frame(symbol="out_of_memory", offset=0x25, size=0x13A, address=0xC0459F7B, reliable=False)),
    (" [<ffffffff88030f5b>] :jbd:journal_stop+0x4f7/0x57e", Frame(symbol="journal_stop", offset=0x4F7, size=0x57E, module="jbd", address=0xFFFFFFFF88030F5B)),
    (" [xfs:filemap_fault+0x28e/0x570] filemap_fault+0x28e/0x390", Frame(symbol="filemap_fault", offset=0x28E, size=0x390)),
    (" <IRQ>  [<ffffffff8108a1c5>] ? wake_up_process+0x15/0x20", Frame(symbol="wake_up_process", offset=0x15, size=0x20, address=0xFFFFFFFF8108A1C5, reliable=False)),
    ("([<0000000000112f1e>] show_stack+0x56/0x80)", Frame(symbol="show_stack", offset=0x56, size=0x80, address=0x112F1E)),
    ("[c0000001f2d4f8a0] [c000000000b5a2b4] dump_stack_lvl+0x74/0xa8 (unreliable)", Frame(symbol="dump_stack_lvl", offset=0x74, size=0xA8, address=0xC000000000B5A2B4, reliable=False)),
    (" show_stack+0x18/0x28 (C)", Frame(symbol="show_stack", offset=0x18, size=0x28)),
    ("  ext4_filemap_fault+0x31/0x50 [ext4]", Frame(symbol="ext4_filemap_fault", offset=0x31, size=0x50, module="ext4")),
    (" oom_kill_process.cold+0xb/0x10", Frame(symbol="oom_kill_process.cold", offset=0xB, size=0x10)),
    (" ? 0xffffffffc05e3061", Frame(address=0xFFFFFFFFC05E3061, reliable=False)),
]  # fmt: skip


@pytest.mark.parametrize(("line", "frame"), FRAMES, ids=[line.strip() for line, _ in FRAMES])
def test_frames(line: str, frame: Frame) -> None:
    stack = build_stack(typed(line))
    assert stack is not None
    assert stack.frames == (frame,)


def test_arm_names_both_sides() -> None:
    stack = build_stack(
        typed(
            "Backtrace: \n"
            "[<c002d348>] (dump_stack+0x0/0x14) from [<c006b088>] (oom_kill_process+0x5c/0x198)\n"
            "[<c006b02c>] (oom_kill_process+0x0/0x198) from [<c006b5a0>]\n"
            "(out_of_memory+0x194/0x1e0)\n"
            " r7:c09b6000 r6:00000015\n"
            "[<c00281d0>] (do_PrefetchAbort) from [<c0028960>] (ret_from_exception+0x0/0x10)\n"
            "Exception stack(0xc09b7fb0 to 0xc09b7ff8)\n"
            "7fa0:                                     afe075cb a9c01f17 afe075cb 0000005f"
        )
    )
    assert stack is not None
    assert [frame.symbol for frame in stack.frames] == [
        "dump_stack",
        "oom_kill_process",
        "out_of_memory",
        "do_PrefetchAbort",
        "ret_from_exception",
    ]
    assert stack.frames[1].offset == 0x5C


def test_several_frames_a_line() -> None:
    stack = build_stack(
        typed("Call Trace:<ffffffff8015b5d7>{out_of_memory+183} <ffffffff8804cb5d>{:jbd:journal_stop+762}")
    )
    assert stack is not None
    assert stack.frames == (
        Frame(symbol="out_of_memory", offset=183, address=0xFFFFFFFF8015B5D7),
        Frame(symbol="journal_stop", offset=762, module="jbd", address=0xFFFFFFFF8804CB5D),
    )


def test_a_second_trace_is_not_this_reports() -> None:
    stack = build_stack(typed("Call Trace:\n a+0x1/0x2\nCall Trace:\n panic+0x1/0x2"))
    assert stack is not None
    assert [frame.symbol for frame in stack.frames] == ["a"]


def test_a_cut_register_is_left_out() -> None:
    stack = build_stack(typed("RSP: 002b:00007ffd46b878f0 EFLAGS: 00000202\nRAX: 999999999999a60a RBX: 00000000"))
    assert stack is not None
    assert stack.registers == {
        "RSP": "002b:00007ffd46b878f0",
        "EFLAGS": "00000202",
        "RAX": "999999999999a60a",
    }
