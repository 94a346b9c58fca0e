"""The counters of Mem-Info: found by key in every era, never by place, and never guessed."""

import dataclasses
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.grammar.counters import KEYS, UNRECLAIMABLE, KeyKind, key_range, read_counters
from oomparse.sections import MemTotals, NodeMemory, PageCounts, SwapInfo, ZoneMemory

# What a kernel of that release prints: the arguments of printk() in mm/page_alloc.c or mm/show_mem.c, joined.
# ruff: noqa: E501  # they are easier to compare with the kernel's where they break as the kernel's do
PRINTED: dict[KeyKind, dict[str, str]] = {
    KeyKind.TOTALS: {
        "2.6.18": "Active:%lu inactive:%lu dirty:%lu writeback:%lu unstable:%lu free:%u slab:%lu mapped:%lu pagetables:%lu",
        "2.6.21": "Active:%lu inactive:%lu dirty:%lu writeback:%lu unstable:%lu\n free:%lu slab:%lu mapped:%lu "
        "pagetables:%lu bounce:%lu",
        "2.6.28": "Active_anon:%lu active_file:%lu inactive_anon:%lu\n inactive_file:%lu unevictable:%lu dirty:%lu "
        "writeback:%lu unstable:%lu\n free:%lu slab:%lu mapped:%lu pagetables:%lu bounce:%lu",
        "2.6.32": "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n active_file:%lu inactive_file:%lu "
        "isolated_file:%lu\n unevictable:%lu dirty:%lu writeback:%lu unstable:%lu\n free:%lu slab_reclaimable:%lu "
        "slab_unreclaimable:%lu\n mapped:%lu shmem:%lu pagetables:%lu bounce:%lu",
        "3.7": "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n active_file:%lu inactive_file:%lu "
        "isolated_file:%lu\n unevictable:%lu dirty:%lu writeback:%lu unstable:%lu\n free:%lu slab_reclaimable:%lu "
        "slab_unreclaimable:%lu\n mapped:%lu shmem:%lu pagetables:%lu bounce:%lu\n free_cma:%lu",
        "4.1": "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n active_file:%lu inactive_file:%lu "
        "isolated_file:%lu\n unevictable:%lu dirty:%lu writeback:%lu unstable:%lu\n slab_reclaimable:%lu "
        "slab_unreclaimable:%lu\n mapped:%lu shmem:%lu pagetables:%lu bounce:%lu\n free:%lu free_pcp:%lu free_cma:%lu",
        "5.8": "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n active_file:%lu inactive_file:%lu "
        "isolated_file:%lu\n unevictable:%lu dirty:%lu writeback:%lu\n slab_reclaimable:%lu slab_unreclaimable:%lu\n "
        "mapped:%lu shmem:%lu pagetables:%lu bounce:%lu\n free:%lu free_pcp:%lu free_cma:%lu",
        "5.15": "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n active_file:%lu inactive_file:%lu "
        "isolated_file:%lu\n unevictable:%lu dirty:%lu writeback:%lu\n slab_reclaimable:%lu slab_unreclaimable:%lu\n "
        "mapped:%lu shmem:%lu pagetables:%lu bounce:%lu\n kernel_misc_reclaimable:%lu\n free:%lu free_pcp:%lu "
        "free_cma:%lu",
        "7.3": "active_anon:%lu inactive_anon:%lu isolated_anon:%lu\n active_file:%lu inactive_file:%lu "
        "isolated_file:%lu\n unevictable:%lu dirty:%lu writeback:%lu\n slab_reclaimable:%lu slab_unreclaimable:%lu\n "
        "mapped:%lu shmem:%lu pagetables:%lu\n sec_pagetables:%lu bounce:%lu\n kernel_misc_reclaimable:%lu\n free:%lu "
        "free_pcp:%lu free_cma:%lu",
    },
    KeyKind.NODE: {
        "4.8": "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "isolated(anon):%lukB isolated(file):%lukB mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB shmem_thp: %lukB "
        "shmem_pmdmapped: %lukB anon_thp: %lukB writeback_tmp:%lukB unstable:%lukB pages_scanned:%lu all_unreclaimable? %s",
        "4.12": "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "isolated(anon):%lukB isolated(file):%lukB mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB "
        "writeback_tmp:%lukB unstable:%lukB all_unreclaimable? %s",
        "5.9": "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "isolated(anon):%lukB isolated(file):%lukB mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB shmem_thp: %lukB "
        "shmem_pmdmapped: %lukB anon_thp: %lukB writeback_tmp:%lukB kernel_stack:%lukB shadow_call_stack:%lukB "
        "all_unreclaimable? %s",
        "6.6": "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "isolated(anon):%lukB isolated(file):%lukB mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB shmem_thp:%lukB "
        "shmem_pmdmapped:%lukB anon_thp:%lukB writeback_tmp:%lukB kernel_stack:%lukB pagetables:%lukB "
        "sec_pagetables:%lukB all_unreclaimable? %s",
        "6.18": "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "isolated(anon):%lukB isolated(file):%lukB mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB "
        "kernel_stack:%lukB pagetables:%lukB sec_pagetables:%lukB all_unreclaimable? %s Balloon:%lukB",
        "7.3": "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "isolated(anon):%lukB isolated(file):%lukB mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB shmem_thp:%lukB "
        "shmem_pmdmapped:%lukB anon_thp:%lukB kernel_stack:%lukB shadow_call_stack:%lukB pagetables:%lukB "
        "sec_pagetables:%lukB all_unreclaimable? %s Balloon:%lukB gpu_active:%lukB gpu_reclaim:%lukB",
    },
    KeyKind.ZONE: {
        "2.6.18": "free:%lukB min:%lukB low:%lukB high:%lukB active:%lukB inactive:%lukB present:%lukB pages_scanned:%lu "
        "all_unreclaimable? %s",
        "2.6.28": "free:%lukB min:%lukB low:%lukB high:%lukB active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
        "inactive_file:%lukB unevictable:%lukB present:%lukB pages_scanned:%lu all_unreclaimable? %s",
        "2.6.32": "free:%lukB min:%lukB low:%lukB high:%lukB active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
        "inactive_file:%lukB unevictable:%lukB isolated(anon):%lukB isolated(file):%lukB present:%lukB mlocked:%lukB "
        "dirty:%lukB writeback:%lukB mapped:%lukB shmem:%lukB slab_reclaimable:%lukB slab_unreclaimable:%lukB "
        "kernel_stack:%lukB pagetables:%lukB unstable:%lukB bounce:%lukB writeback_tmp:%lukB pages_scanned:%lu "
        "all_unreclaimable? %s",
        "3.18": "free:%lukB min:%lukB low:%lukB high:%lukB active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
        "inactive_file:%lukB unevictable:%lukB isolated(anon):%lukB isolated(file):%lukB present:%lukB managed:%lukB "
        "mlocked:%lukB dirty:%lukB writeback:%lukB mapped:%lukB shmem:%lukB slab_reclaimable:%lukB "
        "slab_unreclaimable:%lukB kernel_stack:%lukB pagetables:%lukB unstable:%lukB bounce:%lukB free_cma:%lukB "
        "writeback_tmp:%lukB pages_scanned:%lu all_unreclaimable? %s cma_watermark:%lukB",
        "4.1": "free:%lukB min:%lukB low:%lukB high:%lukB active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
        "inactive_file:%lukB unevictable:%lukB isolated(anon):%lukB isolated(file):%lukB present:%lukB managed:%lukB "
        "mlocked:%lukB dirty:%lukB writeback:%lukB mapped:%lukB shmem:%lukB slab_reclaimable:%lukB "
        "slab_unreclaimable:%lukB kernel_stack:%lukB pagetables:%lukB unstable:%lukB bounce:%lukB free_pcp:%lukB "
        "local_pcp:%ukB free_cma:%lukB writeback_tmp:%lukB pages_scanned:%lu all_unreclaimable? %s",
        "4.8": "free:%lukB min:%lukB low:%lukB high:%lukB active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
        "inactive_file:%lukB unevictable:%lukB writepending:%lukB present:%lukB managed:%lukB mlocked:%lukB "
        "slab_reclaimable:%lukB slab_unreclaimable:%lukB kernel_stack:%lukB pagetables:%lukB bounce:%lukB free_pcp:%lukB "
        "local_pcp:%ukB free_cma:%lukB",
        "5.8": "free:%lukB min:%lukB low:%lukB high:%lukB reserved_highatomic:%luKB active_anon:%lukB "
        "inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB writepending:%lukB present:%lukB "
        "managed:%lukB mlocked:%lukB kernel_stack:%lukB shadow_call_stack:%lukB pagetables:%lukB bounce:%lukB "
        "free_pcp:%lukB local_pcp:%ukB free_cma:%lukB",
        "5.17": "free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB reserved_highatomic:%luKB active_anon:%lukB "
        "inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB writepending:%lukB present:%lukB "
        "managed:%lukB mlocked:%lukB bounce:%lukB free_pcp:%lukB local_pcp:%ukB free_cma:%lukB",
        "7.3": "free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB reserved_highatomic:%lukB free_highatomic:%lukB "
        "active_anon:%lukB inactive_anon:%lukB active_file:%lukB inactive_file:%lukB unevictable:%lukB "
        "writepending:%lukB zspages:%lukB present:%lukB managed:%lukB mlocked:%lukB bounce:%lukB free_pcp:%lukB "
        "local_pcp:%lukB free_cma:%lukB",
    },
}
ERAS = [(kind, release, printf) for kind, by_release in PRINTED.items() for release, printf in by_release.items()]
MODELS = {KeyKind.TOTALS: MemTotals, KeyKind.NODE: NodeMemory, KeyKind.ZONE: ZoneMemory}
RELEASES = {release for _, release, _ in ERAS}


def version(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def printed(printf: str) -> tuple[str, dict[str, int]]:
    """Fill in a format string; every number is another."""
    numbers = itertools.count(1001)
    line = re.sub(r"%l?u", lambda _: str(next(numbers)), printf).replace("%s", "yes")
    return line, {key: int(value) for key, value in re.findall(r"([\w()-]+): ?(\d+)", line)}


@pytest.mark.parametrize(("kind", "release", "printf"), ERAS, ids=[f"{kind} {release}" for kind, release, _ in ERAS])
def test_every_key_of_an_era(kind: KeyKind, release: str, printf: str) -> None:
    line, expected = printed(printf)
    found = read_counters(kind, line)
    assert found.values == expected
    assert not found.other
    assert not found.damaged
    assert found.all_unreclaimable is (True if "all_unreclaimable" in printf else None)
    for key in expected:
        known = key_range(kind, key)
        assert known is not None
        assert version(known.since) <= version(release), key
        assert known.until is None or version(release) <= version(known.until), key


@pytest.mark.parametrize(("kind", "release", "printf"), ERAS, ids=[f"{kind} {release}" for kind, release, _ in ERAS])
def test_cut_anywhere(kind: KeyKind, release: str, printf: str) -> None:
    """A line that ends too early has no wrong number, and says so unless it ends where such lines may end."""
    line, expected = printed(printf)
    for end in range(len(line)):
        found = read_counters(kind, line[:end])
        for key, value in found.values.items():
            known = key_range(kind, key)
            assert known is not None
            # only a bare number that may end a line can lack digits without anything to tell it
            may_end = (known.last and not known.unit) or line[:end].startswith("Active_anon")
            assert expected[key] == value or may_end, line[:end]
        assert found.values.keys() <= expected.keys()
        assert not found.other


@pytest.mark.parametrize("kind", MODELS)
def test_ranges(kind: KeyKind) -> None:
    fields = {field.name for field in dataclasses.fields(MODELS[kind])}
    for key, known in KEYS[kind].items():
        assert known.field in fields, key
        assert known.field.endswith(("_kb" if known.unit else "_pages", "pages_scanned", UNRECLAIMABLE)), key
        assert known.until is None or version(known.since) <= version(known.until), key


def test_page_counts_have_fields() -> None:
    fields = {field.name for field in (*dataclasses.fields(PageCounts), *dataclasses.fields(SwapInfo))}
    assert all(known.field in fields for known in KEYS[KeyKind.PAGE_COUNTS].values())


def test_ranges_that_date_a_report() -> None:
    def since_until(kind: KeyKind, key: str) -> tuple[str, str | None]:
        known = key_range(kind, key)
        assert known is not None
        return known.since, known.until

    assert since_until(KeyKind.ZONE, "managed") == ("3.8", None)
    assert since_until(KeyKind.ZONE, "boost") == ("5.16", None)
    assert since_until(KeyKind.ZONE, "free_highatomic") == ("6.16", None)
    assert since_until(KeyKind.NODE, "sec_pagetables") == ("6.1", None)
    assert since_until(KeyKind.TOTALS, "unstable") == ("2.6.18", "5.7")
    assert key_range(KeyKind.ZONE, "sec_pagetables") is None


DAMAGED = [
    ("free:12kB min:3kB free_cma:0kNode 0 DMA32 free:5kB", {"free": 12, "min": 3}),
    ("free:12kB mapped:Node 0 DMA free:15kB", {"free": 12}),
    ("free:12kB mapped: dirty:0kB high:9kB", {"free": 12}),
    ("free:12kB [   12.5] usb 1-1: low:9kB", {"free": 12}),
    ("free:12kB free:13kB high:9kB", {"free": 12}),
    ("free:12kB high:9 low:8kB", {"free": 12}),
    ("free:12kB pages_scanned:9kB low:8kB", {"free": 12}),
    ("free:12kB pages_scanned:9", {"free": 12}),
    ("free:12kB all_unreclaimable? ye", {"free": 12}),
    ("free:12kB all_unreclaimable:1 low:8kB", {"free": 12}),
    ("free:12kB high:\u0663kB", {"free": 12}),
    ("free:12kB high:111111111111111111111kB", {"free": 12}),
    ("free:12kB high:-3kB", {"free": 12}),
    ("free:12kB high:9kB", {"free": 12, "high": 9}),
    ("free:", {}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "values"), DAMAGED)
def test_damage_ends_the_reading(text: str, values: dict[str, int]) -> None:
    found = read_counters(KeyKind.ZONE, text)
    assert found.values == values
    assert found.damaged


@pytest.mark.parametrize(("old", "new"), [("mlocked", "pinned"), ("free", "unused"), ("free_cma", "free_dma")])
def test_a_renamed_key_moves_nothing(old: str, new: str) -> None:
    line, expected = printed(PRINTED[KeyKind.ZONE]["7.3"])
    found = read_counters(KeyKind.ZONE, line.replace(f"{old}:", f"{new}:", 1))
    number = expected.pop(old)
    assert found.values == expected
    assert found.other == {f"{new}_kb": number}
    assert found.unknown == (new,)
    assert not found.damaged


def test_an_added_key_moves_nothing() -> None:
    line, expected = printed(PRINTED[KeyKind.NODE]["7.3"])
    found = read_counters(KeyKind.NODE, f"{line} hot(anon):7kB nr_hot:9")
    assert found.values == expected
    assert found.other == {"hot(anon)_kb": 7, "nr_hot_pages": 9}
    assert found.unknown == ("hot(anon)", "nr_hot")


@given(st.sampled_from(sorted(KeyKind)), st.text("free:kBmin 0123()_?yesno\n", max_size=60) | st.text(max_size=40))
def test_any_text_is_read(kind: KeyKind, text: str) -> None:
    found = read_counters(kind, text)
    assert all(f"{key}:" in text for key in found.values)
