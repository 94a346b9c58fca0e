"""``oomparse follow`` as a process: events when they happen, clean ends, and going on where it stopped."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.command_line import Run, kill_line

PATIENCE_SECONDS = 30


@contextmanager
def following(*arguments: object, stdin: Any = subprocess.DEVNULL) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``oomparse follow --format jsonl``; whatever happens, end it."""
    command = [sys.executable, "-m", "oomparse", "follow", "--format", "jsonl", "--brief", *map(str, arguments)]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        limit = threading.Timer(PATIENCE_SECONDS, process.kill)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def next_event(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    event: dict[str, Any] = json.loads(line)
    return event


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as log:
        log.write(text)


def ended(process: "subprocess.Popen[bytes]", number: signal.Signals) -> tuple[int, bytes, bytes]:
    process.send_signal(number)
    shown, said = process.communicate()
    return process.returncode, shown, said


def stdin_of(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    assert process.stdin is not None
    return process.stdin


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_kill_is_told_at_once_and_a_signal_ends_it_cleanly(log: Path, number: signal.Signals, status: int) -> None:
    with following("--from-start", log) as process:
        assert [next_event(process)["victim"]["comm"] for _ in range(2)] == ["hog", "job"]
        add(log, kill_line("late", 9, seconds=200))
        assert next_event(process)["victim"]["comm"] == "late"
        assert ended(process, number) == (status, b"", b"")


def test_what_becomes_known_later_is_an_update(log: Path) -> None:
    with following("--from-start", log) as process:
        next_event(process), next_event(process)
        add(log, kill_line("late", 9, seconds=200))
        first = next_event(process)
        add(log, "[  200.500000] oom_reaper: reaped process 9 (late), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n")
        second = next_event(process)
    assert (first["revision"], first["victim"]["reaper"]) == (1, None)
    assert (second["revision"], second["victim"]["reaper"]["outcome"]) == (2, "reaped")
    assert first["event_id"] == second["event_id"]


def test_a_cursor_goes_on_where_it_stopped(log: Path, tmp_path: Path) -> None:
    options = ("--cursor", tmp_path / "cursor", "--from-start", log)
    with following(*options) as process:
        next_event(process), next_event(process)
        assert ended(process, signal.SIGTERM)[0] == 143
    add(log, kill_line("meanwhile", 9, seconds=200))
    with following(*options) as process:
        assert next_event(process)["victim"]["comm"] == "meanwhile"
        assert ended(process, signal.SIGTERM) == (143, b"", b"")


def test_a_file_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    with following(tmp_path / "later.log") as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith(b"later.log: there is no such file yet; waiting for it\n")
        (tmp_path / "later.log").write_text(kill_line())
        assert next_event(process)["victim"]["comm"] == "hog"


def test_standard_input_is_followed_to_its_end() -> None:
    with following("-", stdin=subprocess.PIPE) as process:
        stdin_of(process).write(kill_line().encode())
        stdin_of(process).flush()
        assert next_event(process)["victim"]["comm"] == "hog"
        stdin_of(process).close()
        assert process.wait() == 0


def test_nothing_found_on_standard_input() -> None:
    with following(stdin=subprocess.PIPE) as process:
        stdin_of(process).close()
        assert process.wait() == 1


def test_scope(log: Path) -> None:
    with following("--from-start", "--scope", "memcg", log) as process:
        assert next_event(process)["victim"]["comm"] == "job"


def test_it_ends_when_nobody_reads_any_more(log: Path) -> None:
    with following("--from-start", log) as process:
        next_event(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait() == 0
        assert process.stderr.read() == b""


def test_text_for_people_has_blocks_and_no_totals(log: Path) -> None:
    command = [sys.executable, "-m", "oomparse", "follow", "-"]
    done = subprocess.run(command, input=log.read_bytes(), capture_output=True, check=True)
    text = done.stdout.decode()
    assert text.startswith("[12.500000]  killed hog (pid 7): the machine is out of memory\n")
    assert "events" not in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--journal", "--kmsg"], "--journal and --kmsg are two sources"),
        (["--kmsg", "--tz", "UTC"], "--year, --tz and --transport are for files"),
        (["--cursor", "c", "-"], "standard input cannot be read again"),
        (["--format", "prometheus", "kern.log"], "written at the end, which a live source does not have"),
        (["--kmsg", "kern.log"], "this is a file, not a log device"),
        (["--journal", "gone"], "gone"),
    ],
)
def test_what_cannot_be_followed_is_said(run: Run, log: Path, arguments: list[str], sentence: str) -> None:
    assert Path(log.name).exists()
    done = run("follow", *arguments)
    assert done.status == 2
    assert sentence in done.said
    assert "Traceback" not in done.said
    assert done.shown == ""
