"""Cases in the words of kernels that the corpus does not have."""

import pytest

import oomparse
from oomparse import IssueCode
from oomparse.testing import Case, corpus
from oomparse.testing.printk import RELEASES, NotRepresentableError, stated
from oomparse.testing.reword import reword
from oomparse.testing.wrap import wrap

OLDER = [release for release in RELEASES if int(release[0]) < 4 or "-" in release]
CASES = corpus().select(kernel="6.1.0-56", form="dmesg")


@pytest.mark.parametrize("release", OLDER)
def test_every_older_era_says_what_it_can_of_every_scenario(release: str) -> None:
    said = 0
    for scenario in ("global-anon", "swap-global", "memcg-v1", "memcg-nested", "storm", "weird-comm", "no-dump-tasks"):
        (case,) = [case for case in CASES if case.record.scenario == scenario]
        try:
            reworded = reword(case, release)
        except NotRepresentableError:
            assert scenario not in ("global-anon", "swap-global")
            continue
        said += 1
        found = list(oomparse.parse(b"".join(wrap(reworded.messages, "kmsg"))))
        assert [event.victims for event in found] == [event.victims for event in reworded.events]
        assert [event.scope for event in found] == [event.scope for event in reworded.events]
        assert not any(issue.code is IssueCode.UNKNOWN_LINE for event in found for issue in event.issues)
    assert said


def test_stamps_and_numbers_rise_through_a_storm() -> None:
    case: Case = corpus().case("6.1.0-56-cloud-amd64/storm")
    reworded = reword(case, "2.6.32")
    assert len(reworded.events) == case.record.kills
    stamps = [message.monotonic_us or 0 for message in reworded.messages]
    assert stamps == sorted(set(stamps))
    assert [message.sequence for message in reworded.messages] == list(range(len(reworded.messages)))


def test_what_is_read_is_what_was_expected() -> None:
    reworded = reword(corpus().case("6.1.0-56-cloud-amd64/swap-global"), "2.6.32-431.el6.x86_64")
    (found,) = oomparse.parse(message.text for message in reworded.messages)
    (event,) = reworded.events
    assert stated(found) == stated(event)
    assert event.source.kernel_release == "2.6.32-431.el6.x86_64"


@pytest.mark.parametrize(("name", "release"), [("memcg-v2", "2.6.24"), ("noop", "6.1"), ("global-anon", "2.4.20")])
def test_what_that_kernel_does_not_print_is_refused(name: str, release: str) -> None:
    with pytest.raises(NotRepresentableError):
        reword(corpus().case(f"6.1.0-56-cloud-amd64/{name}"), release)
