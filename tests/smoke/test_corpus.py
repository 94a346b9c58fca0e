"""The corpus of an installed oomparse: the pytest plugin, and ``oomparse fixtures``, with nothing else beside them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CASE = "6.1.0-56-cloud-amd64/memcg-nested"


def fixtures(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-m", "oomparse", "fixtures", *arguments], capture_output=True, check=False)


@pytest.mark.oom_cases(kernel="6.1", scenario="memcg-nested")
def test_plugin_is_there_by_itself(oom_case: Any, oom_log: Any) -> None:
    import oomparse

    (event,) = oomparse.parse_file(oom_log("journal-export", compression="zst", host="web-3", fresh=True))
    (expected,) = oom_case.expected()
    assert event.source.host == "web-3"
    assert event.victim is not None
    assert event.victim.pid == expected["victims"][0]["pid"] == oom_case.truth["oom_killed_pids"][0]


def test_each_case_has_its_files(oom_corpus: Any) -> None:
    assert len(oom_corpus) > 30
    for case in oom_corpus:
        for log in case.logs:
            assert case.data(log)
            assert isinstance(case.expected(log), list)
        assert case.truth["kernel"]["release"] == case.kernel


def test_stream_writes_what_a_follower_reads(oom_stream: Any, tmp_path: Path) -> None:
    import oomparse

    path = tmp_path / "kern.log"
    live = oom_stream(path, case=CASE)
    live.write_until(b"Killed process")
    (event,) = oomparse.parse_file(path)
    assert event.victim is not None
    assert event.victim.comm == "app-a"


def test_list_names_the_cases_and_says_where_the_rest_is(oom_corpus: Any) -> None:
    done = fixtures("list", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["name"] for record in records] == [case.name for case in oom_corpus]
    assert (b"OOMPARSE_CORPUS" in done.stderr) == oom_corpus.partial


def test_show_and_emit() -> None:
    assert b"limit on the parent" in fixtures("show", CASE).stdout
    lines = fixtures("emit", CASE, "--as", "syslog-5424", "--host", "web-3").stdout.splitlines()
    assert b" web-3 kernel - - - [    2.020414] Memory cgroup out of memory: Killed process 85 (app-a)" in lines[-1]


def test_plugin_loads_nothing_before_a_test_asks() -> None:
    script = (
        "import sys, pytest; known = set(sys.modules); import oomparse.testing.pytest_plugin; "
        "print(sorted(name for name in set(sys.modules) - known))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['oomparse', 'oomparse.testing', 'oomparse.testing.pytest_plugin']"
