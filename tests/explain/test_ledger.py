"""Items that add up, whoever counted them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.explain import ledger
from oomparse.model import Scope
from oomparse.sections import HugePages, MemInfo, MemTotals, NodeMemory, PageCounts, ZoneMemory
from tests.explain.events import MIB, PAGE, RAM_PAGES, UNLIMITED_KB, event, memcg, meminfo, task


def test_the_machine_adds_up() -> None:
    account = ledger(
        event(
            meminfo=meminfo(
                shmem_pages=30_000,
                unevictable_pages=10,
                hugepages=(HugePages(total=10, free=10, size_kb=2048),),
                nodes=(NodeMemory(node=0, kernel_stack_kb=400),),
                swap_kb=(8192, 2048),
            )
        )
    )
    assert account.subject == "machine"
    assert account.total_bytes == RAM_PAGES * PAGE
    assert account.item("shmem") == 30_000 * PAGE
    assert account.item("huge_pages") == 20 * MIB
    assert account.item("kernel_stacks") == 400 * 1024
    assert account.remainder_bytes == -400 * 1024  # the stacks come on top of what meminfo() shares out
    assert sum(item.bytes for item in account.items) + account.remainder_bytes == account.total_bytes
    assert (account.swap_total_bytes, account.swap_used_bytes) == (8 * MIB, 6 * MIB)
    assert [item.bytes for item in account.items] == sorted((item.bytes for item in account.items), reverse=True)


def test_reserved_pages_are_no_ram() -> None:
    info = meminfo()
    counts = PageCounts(ram_pages=RAM_PAGES, reserved_pages=1000)
    account = ledger(event(meminfo=MemInfo(totals=info.totals, page_counts=counts, page_size_bytes=PAGE)))
    assert account.total_bytes == (RAM_PAGES - 1000) * PAGE


def test_locked_shared_memory_is_counted_once() -> None:
    account = ledger(event(meminfo=meminfo(active_anon_pages=100, unevictable_pages=5000, shmem_pages=4000)))
    assert account.item("shmem") == 4000 * PAGE
    assert account.item("anon") == 0
    assert account.item("unevictable") == 1100 * PAGE


def test_lists_of_both_kinds_up_to_2_6_27() -> None:
    totals = MemTotals(active_pages=1000, inactive_pages=500, slab_pages=70, free_pages=10, pagetables_pages=3)
    account = ledger(
        event(meminfo=MemInfo(totals=totals, page_counts=PageCounts(ram_pages=2000), page_size_bytes=PAGE))
    )
    assert account.item("anon_and_page_cache") == 1500 * PAGE
    assert account.item("slab") == 70 * PAGE
    assert account.remainder_bytes == (2000 - 1583) * PAGE


def test_kernel_stacks_of_old_zones() -> None:
    zone = ZoneMemory(zone="Normal", kernel_stack_kb=160, present_kb=RAM_PAGES * 4)
    assert ledger(event(meminfo=meminfo(zones=(zone,)))).item("kernel_stacks") == 160 * 1024


def test_damaged_counters_have_no_remainder() -> None:
    info = MemInfo(totals=MemTotals(shmem_pages=5), page_counts=PageCounts(ram_pages=100), page_size_bytes=PAGE)
    account = ledger(event(meminfo=info))
    assert account.remainder_bytes is None
    assert "missing" in (account.why_not or "")


def test_nothing_to_count() -> None:
    account = ledger(event([task(5, 10, comm="a")]))
    assert (account.total_bytes, account.items) == (None, ())
    assert account.why_not is not None
    assert account.by_task[0].rss_bytes == 10 * PAGE


def test_cgroup_v2() -> None:
    stats = {
        "anon": 40 * MIB,
        "file": 10 * MIB,
        "shmem": 4 * MIB,
        "kernel": 9 * MIB,
        "pagetables": 2 * MIB,
        "sock": MIB,
    }
    stats |= {"slab_unreclaimable": 3 * MIB, "slab_reclaimable": MIB, "kernel_stack": MIB, "pgfault": 123456789}
    account = ledger(event(scope=Scope.MEMCG, memcg=memcg(stats=stats)))
    assert account.subject == "/box"
    assert (account.total_bytes, account.limit_bytes) == (64 * MIB, 64 * MIB)
    assert {item.name: item.bytes // MIB for item in account.items} == {
        "anon": 40,
        "page_cache": 6,
        "shmem": 4,
        "slab_unreclaimable": 3,
        "page_tables": 2,
        "other_kernel": 2,
        "slab_reclaimable": 1,
        "kernel_stacks": 1,
        "sockets": 1,
    }
    assert account.remainder_bytes == 4 * MIB


def test_cgroup_up_to_5_2_is_the_sum_of_its_subtree() -> None:
    own, child = {"cache": 1024, "rss": 2048, "shmem": 1000}, {"cache": 0, "rss": 40960, "shmem": 0}
    account = ledger(
        event(
            scope=Scope.MEMCG,
            memcg=memcg(
                stats_unit="kB",
                stats=own,
                hierarchy={"/box": own, "/box/a": child},
                kmem_usage_kb=512,
                swap_usage_kb=None,
                memsw_usage_kb=65536 + 1024,
                memsw_limit_kb=UNLIMITED_KB,
            ),
        )
    )
    assert account.item("anon") == 42 * MIB
    assert account.item("shmem") == 1000 * 1024
    assert account.item("page_cache") == 24 * 1024
    assert account.item("other_kernel") == 512 * 1024
    assert account.swap_used_bytes == MIB


def test_shared_memory_of_a_cgroup_before_4_14() -> None:
    # No counter of its own: it counts as cache, and stands on the anonymous lists.
    stats = {
        "cache": 50_000,
        "rss": 10_000,
        "mapped_file": 0,
        "inactive_anon": 41_000,
        "active_anon": 14_000,
        "inactive_file": 3_000,
        "active_file": 2_000,
    }
    account = ledger(
        event(scope=Scope.MEMCG, memcg=memcg(usage_kb=60_000, limit_kb=60_000, stats_unit="kB", stats=stats))
    )
    assert account.item("anon") == 10_000 * 1024
    assert account.item("shmem") == 45_000 * 1024
    assert account.item("page_cache") == 5_000 * 1024
    assert account.remainder_bytes == 0


def test_shared_memory_is_anonymous_before_2_6_32() -> None:
    info = meminfo()
    assert info.totals is not None
    old = replace(info, totals=replace(info.totals, shmem_pages=None))
    account = ledger(event(meminfo=old))
    assert account.item("anon_and_shmem") == ledger(event(meminfo=info)).item("anon")
    assert account.item("anon") == 0


def test_page_tables_from_the_dump_where_no_counter_has_them() -> None:
    rows = [task(pid, 100, tables=256) for pid in range(10, 20)]
    stats = {"anon": 50 * MIB, "file": 0}
    assert ledger(event(rows, scope=Scope.MEMCG, memcg=memcg(stats=stats))).item("page_tables") == 10 * MIB
    full = {"anon": 60 * MIB, "file": 0}
    assert ledger(event(rows, scope=Scope.MEMCG, memcg=memcg(stats=full))).item("page_tables") == 4 * MIB


@pytest.mark.parametrize("stats", [None, {}, {"cache": 0, "rss": 0}])
def test_cgroup_without_statistics(stats: dict[str, int] | None) -> None:
    account = ledger(event(scope=Scope.MEMCG, memcg=memcg(stats=stats)))
    assert account.total_bytes == 64 * MIB
    assert account.remainder_bytes is None
    assert account.why_not is not None


def test_tasks_by_name() -> None:
    rows = [task(pid, 100, comm="php-fpm", rss_anon_pages=60) for pid in range(10, 15)] + [
        task(9, 400, comm="\x1b[mysql")
    ]
    shares = ledger(event(rows)).by_task
    assert [(share.comm, share.tasks, share.rss_bytes // PAGE) for share in shares] == [
        ("php-fpm", 5, 500),
        ("\\x1b[mysql", 1, 400),
    ]
    assert shares[0].anon_bytes == 300 * PAGE
    assert shares[1].anon_bytes is None


COUNTS = st.integers(0, 1 << 40)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(MemTotals.__dataclass_fields__.keys() - {"other"}, COUNTS)))
def test_any_counters_balance(counts: dict[str, Any]) -> None:
    info = MemInfo(totals=MemTotals(**counts), page_counts=PageCounts(ram_pages=1 << 30), page_size_bytes=PAGE)
    account = ledger(event(meminfo=info))
    assert all(item.bytes > 0 for item in account.items)
    if account.remainder_bytes is not None:
        assert sum(item.bytes for item in account.items) + account.remainder_bytes == account.total_bytes
