"""``oomparse fixtures``: the corpus on the command line."""

import json
from pathlib import Path

from tests.command_line import Run

CASE = "6.1.0-56-cloud-amd64/memcg-nested"


def test_list_selects(run: Run) -> None:
    done = run("fixtures", "list", "--kernel", "6.1.0-56", "--scope", "cpuset")
    assert done.status == 0
    assert [line.split()[:2] for line in done.shown.splitlines()] == [
        ["6.1.0-56-cloud-amd64/cpuset", "cpuset"],
        ["6.1.0-56-cloud-amd64/cpuset-v1", "cpuset"],
    ]


def test_list_as_json_says_everything(run: Run) -> None:
    done = run("fixtures", "list", "--scenario", "memcg-nested", "--kernel", "6.1.0-56", "--json")
    (record,) = (json.loads(line) for line in done.shown.splitlines())
    assert record["name"] == CASE
    assert {"file", "format"} <= set(record["logs"][0])


def test_list_selects_by_log_and_architecture(run: Run) -> None:
    journals = run("fixtures", "list", "--log", "journal", "--kernel", "6.1").shown.splitlines()
    assert [line.split()[0] for line in journals if "-nested" in line] == ["6.1.0-56-cloud-amd64/userland-nested"]
    arm = run("fixtures", "list", "--architecture", "aarch64").shown.splitlines()
    assert arm
    assert all("arm64" in line.split()[0] for line in arm)


def test_list_of_nothing_is_status_one(run: Run) -> None:
    assert run("fixtures", "list", "--kernel", "1.2").status == 1


def test_show(run: Run) -> None:
    assert "limit on the parent" in run("fixtures", "show", CASE).shown
    assert "invoked oom-killer" in run("fixtures", "show", CASE, "--log", "kmsg").shown
    (killed,) = json.loads(run("fixtures", "show", CASE, "--truth").shown)["oom_killed_pids"]
    (event,) = json.loads(run("fixtures", "show", CASE, "--expected").shown)
    assert event["victims"][0]["pid"] == killed


def test_unknown_names_say_what_there_is(run: Run) -> None:
    done = run("fixtures", "show", "nonsense")
    assert (done.status, done.shown) == (2, "")
    assert "no case is called 'nonsense'" in done.said
    assert "it has kmsg, dmesg" in run("fixtures", "show", CASE, "--log", "papyrus").said
    assert "syslog-5424" in run("fixtures", "emit", CASE, "--as", "papyrus").said


def test_what_is_emitted_is_found_again(run: Run, tmp_path: Path) -> None:
    done = run("fixtures", "emit", CASE, "--as", "journal-json", "--host", "web-7", "--now")
    found = json.loads(run("parse", "--format", "jsonl", "-", piped=done.shown.encode()).shown)
    assert (found["victim"]["comm"], found["source"]["host"]) == ("app-a", "web-7")
    log = tmp_path / "kern.log"
    done = run("fixtures", "emit", CASE, "--to", log, "--times", 2, "--rate", 100_000)
    assert f"messages sent to {log}" in done.said
    assert log.read_text().count("Killed process") == 2


def test_a_case_in_the_words_of_another_kernel(run: Run) -> None:
    done = run("fixtures", "emit", CASE, "--as", "dmesg", "--release", "2.6.32-431.el6.x86_64")
    assert done.shown.splitlines()[-1].endswith(
        "] Killed process 85, UID 33, (app-a) total-vm:94776kB, anon-rss:32492kB, file-rss:0kB"
    )
    refused = run("fixtures", "emit", CASE, "--release", "2.6.24")
    assert (refused.status, refused.shown) == (2, "")
    assert "2.6.24 has no memory cgroups" in refused.said


def test_target_that_cannot_be_opened(run: Run) -> None:
    done = run("fixtures", "emit", CASE, "--to", "/nowhere/kern.log")
    assert done.status == 2
    assert "/nowhere/kern.log" in done.said
    assert "Traceback" not in done.said
