"""Kills that were not the kernel's: told apart, and written only when asked for."""

import json
from pathlib import Path

from tests.command_line import Run

LOG = (
    b"Feb 20 10:59:34 box earlyoom[10231]: sending SIGTERM to process 7378 uid 1000 "
    b'"tail": oom_score 156, VmRSS 4962 MiB\n'
    b"Feb 20 10:59:35 box systemd-oomd[949]: Killed /user.slice/x.scope due to memory pressure for /user.slice being "
    b"60.10% > 50.00% for > 20s with reclaim activity\n"
)


def test_sentences(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "syslog"
    log.write_bytes(LOG)
    done = run("--userspace", log)
    assert done.status == 1
    assert done.shown.count("This was not the kernel's OOM killer but") == 2


def test_records(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "syslog"
    log.write_bytes(LOG)
    done = run("--userspace", "--format", "jsonl", log)
    records = [json.loads(line) for line in done.shown.splitlines()]
    assert [(record["schema"], record["killer"]) for record in records] == [
        ("oomparse.userspace_kill/1", "earlyoom"),
        ("oomparse.userspace_kill/1", "systemd-oomd"),
    ]


def test_explain_says_that_it_was_not_the_kernel(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "syslog"
    log.write_bytes(LOG)
    done = run("explain", "--userspace", log)
    assert done.status == 1
    assert done.shown.count("This was not the kernel's OOM killer but") == 2
    assert done.shown.endswith("No OOM events.\n")
    records = [json.loads(line) for line in run("explain", "--userspace", "--format", "json", log).shown.splitlines()]
    assert [record["killer"] for record in records] == ["earlyoom", "systemd-oomd"]
    assert run("explain", log).shown == "No OOM events.\n"
    assert run("explain", "--format", "json", log).shown == ""


def test_summary_counts_them_apart(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "syslog"
    log.write_bytes(LOG)
    done = run("summary", "--userspace", "--format", "json", log)
    report = json.loads(done.shown)
    assert (done.status, report["events"], report["kills"]) == (1, 0, 0)
    assert {row["key"]: row["kills"] for row in report["by_userspace_killer"]} == {"earlyoom": 1, "systemd-oomd": 1}
    assert json.loads(run("summary", "--format", "json", log).shown)["by_userspace_killer"] == []


def test_silent_unless_asked_for(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "syslog"
    log.write_bytes(LOG)
    done = run("--format", "jsonl", log)
    assert (done.status, done.shown) == (1, "")
