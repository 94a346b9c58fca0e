"""Whole reports behind prefixes that no logging program of note writes: what they say is what the plain log says."""

import pytest

import oomparse
from oomparse import Victim
from oomparse.testing import corpus

PREFIXES = (
    b"[2026-11-21 03:18:24] ",
    b"2026/11/21 03:18:24 kernel: ",
    b"Nov 21 2026 03:18:24 box7 kernel: ",
    b"1700000000.123 box7 kernel: ",
    b"[03:18:24] ",
    b"node3: Nov 21 03:18:24 node3 kernel: ",
    b"web-3  | 2026-11-21T03:18:24Z web-3 kernel: ",
)
CASES = [
    case
    for scenario in ("memcg-nested", "global-threads", "oom-group", "noop", "sysrq-mw", "crash")
    for case in corpus().select(scenario=scenario, form="dmesg")
]


def who(data: bytes) -> list[tuple[Victim, ...]]:
    return [event.victims for event in oomparse.parse(data)]


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: prefix.decode().strip())
def test_a_whole_report_is_read(prefix: bytes) -> None:
    assert CASES
    for case in CASES:
        lines = case.data(case.log("dmesg")).splitlines(keepends=True)
        plain = [line[line.index(b"] ") + 2 :] if line.startswith(b"[ ") else line for line in lines]
        assert who(b"".join(prefix + line for line in plain)) == who(b"".join(plain)), case


@pytest.mark.parametrize("prefix", PREFIXES[:1] + PREFIXES[4:5], ids=lambda prefix: prefix.decode().strip())
def test_what_a_process_says_is_no_kernel_line(prefix: bytes) -> None:
    line = b"systemd[1]: Out of memory: Killed process 812 (hog) total-vm:9kB, anon-rss:8kB, file-rss:4kB"
    assert who(prefix + line) == []


def test_a_date_that_may_mean_two_days_is_none() -> None:
    line = b"05/06/2026 03:18:24 Out of memory: Killed process 812 (hog) total-vm:9kB, anon-rss:8kB, file-rss:4kB\n"
    assert all(event.time.wall is None for event in oomparse.parse(line))
