"""Explanations of real reports against what user space knew: whom the kernel chose, how much memory there was, why."""

from functools import cache

import pytest

import oomparse
from oomparse.decode.gfp import decode_mask
from oomparse.explain import FindingCode, Ranking, ReasonCode, badness, findings, ledger
from oomparse.model import LimitKind, OomEvent, Outcome
from oomparse.testing import Case, corpus

CORPUS = [case for case in corpus() if not case.record.negative]

# What each scenario plants, without the cgroup version in its name; scenarios that are not here plant nothing.
PLANTED: dict[str, set[FindingCode]] = {
    "global-shmem": {FindingCode.SHMEM_HOG, FindingCode.VICTIM_SMALL},
    "charge-kinds": {FindingCode.SHMEM_HOG, FindingCode.VICTIM_SMALL, FindingCode.UNEVICTABLE},
    "global-page-cache": {FindingCode.UNEVICTABLE, FindingCode.UNKILLABLE_TASKS, FindingCode.VICTIM_SMALL},
    "global-slab": {FindingCode.SLAB_GROWTH, FindingCode.VICTIM_SMALL},
    "fragmented": {FindingCode.FRAGMENTATION, FindingCode.UNEVICTABLE, FindingCode.VICTIM_SMALL},
    "hugepages": {FindingCode.HUGEPAGES_IDLE},
    "swap-global": {FindingCode.SWAP_FULL},
    "swap-memcg2": {FindingCode.SWAP_FULL},
    "memsw": {FindingCode.SWAP_FULL},
    "cpuset": {FindingCode.NODE_FULL},
    "mempolicy": {FindingCode.NODE_FULL},
    "sysrq-f": {FindingCode.SYSRQ},
    "memcg-nokill": {FindingCode.LIMIT_BELOW_FLOOR, FindingCode.UNKILLABLE_TASKS},
    "global-deadlock": {FindingCode.UNKILLABLE_TASKS},
    "memcg-300": {FindingCode.PAGE_TABLES},
    "storm": {FindingCode.MANY_SMALL_TASKS, FindingCode.VICTIM_SMALL},
    "userland-storm": {FindingCode.MANY_SMALL_TASKS, FindingCode.VICTIM_SMALL},
}
# Whether the hog's own share is large enough to be the victim differs from kernel to kernel, ...
MAY_BE = {name: {FindingCode.VICTIM_SMALL} for name in PLANTED}
# ... and so does where the kernel keeps what pins the pieces.
MAY_BE_TOO = {"fragmented": {FindingCode.SLAB_GROWTH}}
# What a capture's own course made otherwise: it lacks a finding that its scenario plants.
OTHERWISE: dict[str, set[FindingCode]] = {
    # Page tables of 32 bits are too small for it.
    "5.10.0-30-686/memcg-300-v1": {FindingCode.PAGE_TABLES},
    "6.1.0-50-686-pae/memcg-300": {FindingCode.PAGE_TABLES},
    "6.1.0-50-686-pae/memcg-300-v1": {FindingCode.PAGE_TABLES},
    # Most tasks had not begun when the limit was hit.
    "5.10.0-30-686/storm-v1": {FindingCode.MANY_SMALL_TASKS},
    "6.1.0-50-686-pae/storm": {FindingCode.MANY_SMALL_TASKS},
    "6.1.0-50-686-pae/storm-v1": {FindingCode.MANY_SMALL_TASKS},
    # Memory that only movable pages may have was left to the victim, so the protected one holds less than it.
    "6.1.0-50-cloud-arm64/global-page-cache": {FindingCode.UNKILLABLE_TASKS},
}
# The kernel's choice is not made by points there, or it has none to make.
UNDETERMINED = {ReasonCode.ALLOCATING_TASK, ReasonCode.VICTIM_DYING}
# The second of the list was chosen, by 53 pages: the first took more between the choice and the dump.
MOVED = {"6.1.0-50-cloud-arm64/storm-v1"}
# One report is made while the statistics have not heard yet of all that the last victim gave back.
BEHIND = {"7.2.13+deb14-cloud-amd64/children": (-0.02, 0.18), "7.2.13+deb14-cloud-amd64/userland-storm": (-0.07, 0.15)}


def plain(case: Case) -> str:
    return case.record.scenario.removesuffix("-v1").removesuffix("-v2")


@cache
def events(name: str) -> tuple[OomEvent, ...]:
    """Parse the best log of a case, once for all tests."""
    case = next(case for case in CORPUS if case.name == name)
    return tuple(oomparse.parse(case.data(case.logs[0])))


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_the_kernels_choice_is_the_first_of_the_ranking(case: Case) -> None:
    wrong: list[Ranking] = []
    for event in events(case.name):
        ranking = badness(event)
        reasons = {reason.code for reason in ranking.reasons}
        if ranking.computable and event.outcome is Outcome.KILLED and ranking.agrees is not True:
            wrong += [] if reasons & UNDETERMINED else [ranking]
    if case.name in MOVED:
        assert [ranking.chosen_rank for ranking in wrong] == [2]
        return
    assert wrong == []


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_a_printed_score_is_recomputed(case: Case) -> None:
    for event in events(case.name):
        ranking = badness(event)
        if event.selected is None or not event.selected.oom_score or ranking.chosen_rank is None:
            continue
        assert ranking.candidates[ranking.chosen_rank - 1].score == event.selected.oom_score


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_the_ledger_closes(case: Case) -> None:
    limits = {
        group["path"]: int(limit)
        for group in case.truth["cgroups"]
        if (limit := group.get("memory.max") or group.get("memory.limit_in_bytes") or "max").isdecimal()
    }
    for event in events(case.name):
        account = ledger(event)
        if account.remainder_bytes is None or account.total_bytes is None:
            continue
        assert sum(item.bytes for item in account.items) + account.remainder_bytes == account.total_bytes
        known = case.truth["mem_total_bytes"] if account.subject == "machine" else limits.get(account.subject)
        # In a storm a dying victim gives memory back while the next report is made.
        hit = account.subject == "machine" or (event.memcg is not None and LimitKind.MEMORY in event.memcg.limit_hit)
        if known is not None and hit:
            assert account.total_bytes == pytest.approx(known, rel=0.02)
        least, most = BEHIND.get(case.name, (-0.02, 0.15))
        assert least < (account.remainder_share or 0) < most


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_findings_name_what_was_planted_and_nothing_else(case: Case) -> None:
    found = {finding.code for event in events(case.name) for finding in findings(event)}
    # Some kernels print nothing where nobody can be killed.
    planted = PLANTED.get(plain(case), set()) if events(case.name) else set()
    planted = planted - OTHERWISE.get(case.name, set())
    may_be = MAY_BE.get(plain(case), set()) & planted | MAY_BE_TOO.get(plain(case), set())
    assert found - may_be == planted - may_be


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_masks_decode_to_what_the_kernel_printed(case: Case) -> None:
    for event in events(case.name):
        mask = event.gfp_mask
        if mask is not None and mask.printed is not None:
            assert "|".join(decode_mask(mask.value, case.kernel) or ()) == mask.printed


def test_everything_that_is_planted_is_tested() -> None:
    assert PLANTED.keys() <= {plain(case) for case in CORPUS}
