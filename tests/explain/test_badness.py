"""The kernel's formula, era by era, against scores that kernels printed and choices that they made."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.explain import Ranking, ReasonCode, badness
from oomparse.explain.facts import page_size
from oomparse.model import Era, Outcome, Role, Scope, Selection, Trait, Victim
from oomparse.sections import TaskRow
from tests.explain.events import MIB, UNLIMITED_KB, event, kernel, killed, memcg, meminfo, old_task, task


def codes(ranking: Ranking) -> list[ReasonCode]:
    return [reason.code for reason in ranking.reasons]


def order(rows: Sequence[TaskRow], release: str = "6.1.0") -> list[int | None]:
    ranking = badness(event(rows, source=kernel(release), meminfo=meminfo()))
    return [candidate.pid for candidate in ranking.candidates]


# What 4.4.155 printed in a memcg of 44 MiB: a parent and four children, all root.
FAMILY = [task(24, 2193, tables=0, uid=0, pgtables_bytes=None, nr_ptes=10, nr_pmds=3)] + [
    task(pid, 2447, uid=0, pgtables_bytes=None, nr_ptes=9, nr_pmds=3) for pid in (25, 26, 27, 28)
]
FAMILY_MEMCG = memcg(
    usage_kb=45056,
    limit_kb=45056,
    swap_usage_kb=None,
    swap_limit_kb=None,
    memsw_usage_kb=45056,
    memsw_limit_kb=UNLIMITED_KB,
)


def test_printed_score_of_4_4() -> None:
    ranking = badness(
        event(
            FAMILY,
            FAMILY[1],
            scope=Scope.MEMCG,
            memcg=FAMILY_MEMCG,
            selected=Selection(pid=25, comm="task-25", oom_score=211),
            source=kernel("4.4.155"),
        )
    )
    assert ranking.agrees is True
    assert ranking.total_pages == 11264
    assert ranking.candidates[0].score == 211
    assert codes(ranking) == [ReasonCode.TIE]


def test_child_sacrificed_in_4_4() -> None:
    parent = task(24, 4499, uid=0, pgtables_bytes=None, nr_ptes=14, nr_pmds=3)
    rows = [parent, *FAMILY[2:]]
    ranking = badness(
        event(
            rows,
            parent,
            scope=Scope.MEMCG,
            memcg=FAMILY_MEMCG,
            selected=Selection(pid=24, comm="parent", oom_score=388),
            victims=(killed(FAMILY[2], role=Role.CHILD),),
            source=kernel("4.4.155"),
        )
    )
    assert (ranking.agrees, ranking.chosen_pid, ranking.chosen_rank) == (True, 24, 1)
    assert ranking.candidates[0].score == 388
    assert codes(ranking) == [ReasonCode.CHILD_SACRIFICED]


@pytest.mark.parametrize(("release", "first"), [("4.19.78", 1), ("5.2.1", 1), ("5.3.1", 3), ("6.12.0", 3)])
def test_of_equals(release: str, first: int) -> None:
    rows = [task(11, 50), task(12, 100), task(13, 100), task(14, 100)]
    assert order(rows, release)[0] == 11 + first


def test_resident_memory_swap_and_page_tables_all_count() -> None:
    rows = [task(10, 100), task(11, 90, swapents_pages=20), task(12, 90, tables=15)]
    assert order(rows) == [11, 12, 10]


def test_adj_is_scaled_by_whole_thousandths() -> None:
    rows = [task(10, 1000, adj=0), task(11, 1000, adj=1)]
    ranking = badness(event(rows, rows[1], meminfo=meminfo(swap_kb=(4 * 321, 0))))
    assert ranking.total_pages == 262_144 + 321
    assert ranking.candidates[0].points == 1001 + 262
    assert ranking.agrees is True


def test_minus_1000_and_init_are_never_chosen() -> None:
    rows = [task(1, 9000), task(20, 8000, adj=-1000), task(21, 10, adj=-999)]
    ranking = badness(event(rows, rows[2], meminfo=meminfo()))
    assert [candidate.pid for candidate in ranking.candidates if candidate.eligible] == [21]
    assert ranking.agrees is True


@pytest.mark.parametrize(("release", "points"), [("5.8.1", 1), ("5.9.2", 101 - 900 * 262)])
def test_least_points(release: str, points: int) -> None:
    ranking = badness(event([task(10, 100, adj=-900)], source=kernel(release), meminfo=meminfo()))
    assert ranking.candidates[0].points == points


@pytest.mark.parametrize(
    ("release", "score"),
    [
        ("3.10.0", 1000 * (50000 - 30 * 262) // 262144),
        ("3.16.0", 1000 * 48500 // 262144),
        ("3.16.0", 1000 * 50000 // 262144),
    ],
)
def test_root_bonus_is_the_one_that_explains_the_score(release: str, score: int) -> None:
    root = old_task(10, 50_000, uid=0)
    selected = Selection(pid=10, oom_score=score)
    ranking = badness(event([root], root, selected=selected, source=kernel(release), meminfo=meminfo()))
    assert ranking.candidates[0].score == score


def test_no_root_bonus_since_4_17() -> None:
    ranking = badness(event([task(10, 50_000, uid=0)], source=kernel("4.18.0-147.el8.x86_64"), meminfo=meminfo()))
    assert ranking.candidates[0].points == 50_001


def test_per_mille_of_2_6_36() -> None:
    rows = [
        task(10, 200_000, uid=500, pgtables_bytes=None, swapents_pages=None),
        task(11, 5_000, uid=0, adj=900, pgtables_bytes=None, swapents_pages=None),
        task(12, 10, uid=500, adj=1000, pgtables_bytes=None, swapents_pages=None),
    ]
    ranking = badness(event(rows, rows[2], source=kernel("2.6.32-431.11.2.el6.x86_64"), meminfo=meminfo()))
    assert [(candidate.pid, candidate.points) for candidate in ranking.candidates] == [(12, 1000), (11, 889), (10, 762)]
    assert ranking.agrees is True


def test_swap_that_is_not_printed_may_explain_the_choice() -> None:
    rows = [task(pid, 1000 - pid, pgtables_bytes=None, swapents_pages=None) for pid in (10, 200)]
    full = meminfo(swap_kb=(4_000_000, 0))
    ranking = badness(event(rows, rows[1], source=kernel("2.6.38"), meminfo=full))
    assert ranking.agrees is None
    assert codes(ranking) == [ReasonCode.SWAP_NOT_PRINTED]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "no task dump"),
        ([], "no rows"),
        ([TaskRow(pid=1, rss_pages=5, oom_adj=0)], "before 2.6.36"),
        ([TaskRow(pid=1, rss_pages=5)], "head of the task dump"),
        ([TaskRow(pid=1, oom_score_adj=0)], "no rss"),
    ],
)
def test_refused_with_the_reason(rows: list[TaskRow] | None, words: str) -> None:
    ranking = badness(event(rows))
    assert not ranking.computable
    assert words in (ranking.why_not or "")
    assert ranking.agrees is None


def test_allocating_task_is_not_chosen_by_points() -> None:
    rows = [task(10, 1000), task(11, 10)]
    ranking = badness(event(rows, rows[1], traits=(Trait.ALLOCATING_TASK,), meminfo=meminfo()))
    assert ranking.agrees is None
    assert codes(ranking) == [ReasonCode.ALLOCATING_TASK]


def test_passed_over() -> None:
    rows = [task(10, 1000), task(11, 10)]
    ranking = badness(event(rows, rows[1], meminfo=meminfo()))
    assert (ranking.agrees, ranking.chosen_rank) == (False, 2)
    assert codes(ranking) == [ReasonCode.PASSED_OVER]


def test_chosen_one_is_not_in_the_dump() -> None:
    rows = [task(10, 1000), task(11, 1000)]
    ranking = badness(event(rows, task(99, 5), meminfo=meminfo()))
    assert ranking.agrees is None
    assert codes(ranking) == [ReasonCode.NOT_IN_DUMP]
    boxed = badness(event(rows, task(99, 5), scope=Scope.MEMCG, memcg=memcg()))
    assert "shows only those tasks" in boxed.reasons[0].sentence


@pytest.mark.parametrize(("size", "said"), [(1000, True), (1001, False)])
def test_tasks_of_one_size_may_share_their_memory(size: int, *, said: bool) -> None:
    rows = [task(10, 1000), task(11, size, tables=1 + 1000 - size)]
    ranking = badness(event(rows, rows[1], meminfo=meminfo()))
    assert codes(ranking) == [ReasonCode.TIE]
    assert ("share their memory" in ranking.reasons[0].sentence) is said


def test_a_thread_is_known_by_its_size() -> None:
    rows = [old_task(65, 5000), old_task(66, 100)]
    victim = Victim(pid=69, comm="hog/t4", total_vm_kb=5500 * 4, anon_rss_kb=20000, file_rss_kb=0)
    ranking = badness(
        event(
            rows,
            outcome=Outcome.KILLED,
            victims=(victim,),
            selected=Selection(pid=69),
            source=kernel("4.4.155"),
            meminfo=meminfo(),
        )
    )
    assert (ranking.agrees, ranking.chosen_rank) == (True, 1)
    assert codes(ranking) == [ReasonCode.THREAD_NAMED]


def test_nobody_to_kill() -> None:
    ranking = badness(event([task(10, 1000, adj=-1000)], outcome=Outcome.NO_VICTIM, meminfo=meminfo()))
    assert ranking.agrees is True
    assert codes(ranking) == [ReasonCode.NOBODY_ELIGIBLE]


def test_nobody_killed_while_a_victim_is_dying() -> None:
    ranking = badness(event([task(10, 1000)], outcome=Outcome.NO_VICTIM, meminfo=meminfo()))
    assert ranking.agrees is None
    assert codes(ranking) == [ReasonCode.VICTIM_DYING]


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ({}, 16384),
        ({"swap_usage_kb": 8192, "swap_limit_kb": 16384}, 16384 + 4096),
        (
            {"swap_usage_kb": None, "swap_limit_kb": None, "memsw_usage_kb": 81920, "memsw_limit_kb": 98304},
            16384 + 8192,
        ),
    ],
)
def test_memcg_total_is_the_limit_with_its_swap(more: dict[str, Any], total: int) -> None:
    rows = [task(10, 1000, adj=500), task(11, 1000)]
    ranking = badness(event(rows, rows[0], scope=Scope.MEMCG, memcg=memcg(**more)))
    assert ranking.total_pages == total
    assert ranking.candidates[0].points == 1001 + 500 * (total // 1000)


def test_without_a_total_adj_cannot_be_scaled() -> None:
    rows = [task(10, 1000, adj=500), task(11, 2000)]
    ranking = badness(event(rows, rows[0]))
    assert ranking.total_pages is None
    assert ranking.agrees is None
    assert codes(ranking) == [ReasonCode.TOTAL_UNKNOWN]


def test_a_range_of_kernels_tries_what_they_do() -> None:
    rows = [task(10, 100), task(11, 100)]
    era = Era(since="4.19", until="6.6")
    for chosen in rows:
        ranking = badness(event(rows, chosen, source=kernel(""), era=era, meminfo=meminfo()))
        assert ranking.agrees is True


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_of_equals_in_a_cgroup_before_5_3_any_may_be_met_first(chosen: int) -> None:
    # mm/memcontrol.c:mem_cgroup_scan_tasks() walks the cgroup, the dump walks the machine's tasks.
    rows = [task(11, 100), task(12, 100), task(13, 100), task(14, 50)]
    ranking = badness(
        event(rows, rows[chosen], scope=Scope.MEMCG, memcg=memcg(), source=kernel("4.19.78"), meminfo=None)
    )
    assert (ranking.agrees, ranking.chosen_rank) == (True, 1)
    assert codes(ranking) == [ReasonCode.TIE]


def test_a_process_of_root_in_a_container_lacks_the_bonus() -> None:
    # 3% of 1 GiB are 7,860 pages; the daemon of the host has it, the container's does not.
    rows = [old_task(10, 50_000, uid=0), old_task(11, 49_000, uid=0)]
    ranking = badness(event(rows, rows[1], source=kernel("3.10.0"), meminfo=meminfo()))
    assert (ranking.agrees, ranking.chosen_rank) == (True, 1)
    assert codes(ranking) == [ReasonCode.LARGER_SPARED, ReasonCode.ROOT_BONUS]


@pytest.mark.parametrize(
    ("rows", "release", "words"),
    [
        (
            [task(10, 5000, adj=-900, comm="leak"), task(11, 1000)],
            "6.1.0",
            "leak (pid 10) holds more, 19.5 MiB, but",
        ),
        (
            [task(10, 5000, adj=-1000, comm="leak"), task(11, 1000)],
            "6.1.0",
            "not be killed: oom_score_adj is -1000",
        ),
        ([task(10, 5000, comm="job"), task(11, 1000, adj=900)], "6.1.0", "adj is 0, that of the chosen one 900"),
        ([old_task(10, 1010, uid=0), old_task(11, 1000)], "3.16.0", "but 3% are taken off for root"),
        ([task(10, 900), task(11, 1000)], "6.1.0", None),
    ],
)
def test_why_not_the_larger_one(rows: list[TaskRow], release: str, words: str | None) -> None:
    ranking = badness(event(rows, rows[1], source=kernel(release), meminfo=meminfo()))
    assert ranking.agrees is True
    if words is None:
        assert ranking.reasons == ()
    else:
        [reason] = ranking.reasons
        assert reason.code is ReasonCode.LARGER_SPARED
        assert words in reason.sentence


def test_a_missing_bonus_explains_nothing_that_the_printed_score_denies() -> None:
    rows = [old_task(10, 50_000, uid=0), old_task(11, 49_000, uid=0)]
    selected = Selection(pid=11, oom_score=1000 * (49_000 - 30 * 262) // 262_144)
    ranking = badness(event(rows, rows[1], selected=selected, source=kernel("3.10.0"), meminfo=meminfo()))
    assert (ranking.agrees, ranking.chosen_rank) == (False, 2)


def test_total_of_a_cgroup_from_the_printed_score() -> None:
    # 3.13.0-43-generic: a limit of 980 kB, 32 GiB of swap that the report does not print, and a score of 996.
    row = old_task(14_463, 180, ptes=16_300, swapents_pages=8_324_456, uid=275_858)
    ranking = badness(
        event(
            [row],
            row,
            scope=Scope.MEMCG,
            memcg=memcg(usage_kb=980, limit_kb=980, swap_usage_kb=None, swap_limit_kb=None),
            selected=Selection(pid=14_463, oom_score=996),
            source=kernel("3.13.0-43-generic"),
        )
    )
    assert ranking.total_source == "the printed score"
    assert ranking.total_pages == pytest.approx(8_340_936 / 0.9965, rel=0.001)
    assert ranking.candidates[0].score == 996


def test_swap_that_is_not_printed_may_give_adj_more_weight() -> None:
    # With 4 GiB of swap a thousandth is 1,064 pages, not 16.
    rows = [task(10, 15_000, swapents_pages=100), task(11, 500, adj=100)]
    ranking = badness(event(rows, rows[1], scope=Scope.MEMCG, memcg=memcg(), source=kernel("5.10.0")))
    assert (ranking.agrees, ranking.total_is_least) == (None, True)
    assert codes(ranking) == [ReasonCode.TOTAL_UNKNOWN]


def test_swap_that_is_used_but_not_printed_leaves_the_score_open() -> None:
    row = task(10, 1000, swapents_pages=500)
    ranking = badness(event([row], row, scope=Scope.MEMCG, memcg=memcg(swap_usage_kb=2000, swap_limit_kb=UNLIMITED_KB)))
    assert ranking.total_is_least
    assert (ranking.candidates[0].points, ranking.candidates[0].score) == (1501, None)


def test_a_score_that_differs_is_said() -> None:
    row = task(10, 50_000, uid=500, pgtables_bytes=None, swapents_pages=None)
    selected = Selection(pid=10, oom_score=250)
    ranking = badness(
        event([row], row, selected=selected, source=kernel("2.6.38"), meminfo=meminfo(swap_kb=(400_000, 0)))
    )
    assert ranking.agrees is True
    assert codes(ranking) == [ReasonCode.SCORE_DIFFERS]
    assert ranking.reasons[0].sentence.startswith(
        "the kernel printed a score of 250, the dump gives 138; it counts swap"
    )


@pytest.mark.parametrize(
    ("release", "rss", "adj", "proc"),
    [
        # fs/proc/base.c:proc_oom_score(), 262,144 pages of RAM and no swap.
        ("5.8.1", 65_535, 0, 250),
        ("5.8.1", 1, -900, 0),
        ("5.9.2", 65_535, 0, (1000 + 250) * 2 // 3),
        ("5.9.2", 65_535, 1000, (1000 + 1249) * 2 // 3),
        ("5.9.2", 1, -900, (1000 - 899) * 2 // 3),
    ],
)
def test_score_of_proc(release: str, rss: int, adj: int, proc: int) -> None:
    ranking = badness(event([task(10, rss, adj=adj)], source=kernel(release), meminfo=meminfo()))
    assert ranking.candidates[0].proc_oom_score == proc


def test_panic_on_oom_is_no_choice() -> None:
    ranking = badness(event([task(10, 1000)], outcome=Outcome.PANIC, traits=(Trait.PANIC_ON_OOM,), meminfo=meminfo()))
    assert ranking.agrees is None
    assert codes(ranking) == [ReasonCode.PANIC]


def test_under_a_memory_policy_old_kernels_kill_whoever_asked() -> None:
    rows = [TaskRow(pid=10, rss_pages=5, oom_adj=0)]
    ranking = badness(event(rows, message="No available memory (MPOL_BIND)"))
    assert not ranking.computable
    assert "whoever asked" in (ranking.why_not or "")


def test_page_size_from_a_limit_that_is_none() -> None:
    # Nobody was killed: 16 KiB pages show in LONG_MAX / PAGE_SIZE pages alone.
    limits = memcg(swap_limit_kb=9007199254740976)
    one = event([task(10, 1000, adj=-1000)], scope=Scope.MEMCG, memcg=limits, outcome=Outcome.NO_VICTIM)
    assert (page_size(one).bytes, page_size(one).source) == (16384, "memcg_limit")


def test_page_size_although_the_victim_still_maps_memory() -> None:
    row = task(10, 1000)
    victim = Victim(pid=10, total_vm_kb=(row.total_vm_pages or 0) * 16 + 64)
    one = event([row], row, victims=(victim,))
    assert (page_size(one).bytes, page_size(one).source) == (16384, "kill_line")


@pytest.mark.parametrize(("page", "source"), [(65536, "kill_line"), (16384, "kill_line")])
def test_page_size_from_the_kill_line(page: int, source: str) -> None:
    row = task(10, 1000)
    one = event([row], row, victims=(killed(row, page=page),))
    assert (page_size(one).bytes, page_size(one).source) == (page, source)
    assert badness(one).candidates[0].rss_bytes == 1000 * page


def test_page_size_is_assumed_last_and_said() -> None:
    ranking = badness(event([task(10, 256)]))
    assert (ranking.page_size_bytes, ranking.page_size_source) == (4096, "assumed")
    assert ranking.candidates[0].rss_bytes == MIB


ROWS = st.builds(
    task,
    pid=st.integers(1, 50),
    rss=st.integers(0, 1 << 40),
    adj=st.integers(-1000, 1000),
    comm=st.text(max_size=15),
    tables=st.integers(0, 1 << 20),
    uid=st.sampled_from([0, 1000]),
)


@given(st.lists(ROWS, max_size=12), st.sampled_from(["2.6.38", "3.10.0", "4.4.0", "4.18.0-348.el8", "5.10.0", "7.3"]))
def test_every_table_has_an_order(rows: list[TaskRow], release: str) -> None:
    ranking = badness(event(rows, rows[0] if rows else None, source=kernel(release), meminfo=meminfo()))
    assert len(ranking.candidates) == (len(rows) if ranking.computable else 0)
    points = [
        candidate.points for candidate in ranking.candidates if candidate.eligible and candidate.points is not None
    ]
    assert points == sorted(points, reverse=True)
