"""``oomparse [parse]`` as a process: what it prints where, and the status it ends with."""

import bz2
import gzip
import json
import lzma
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Process, Run, kill_line


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def comms(text: str) -> list[str]:
    return [record["victim"]["comm"] for record in records(text)]


def test_a_bare_file_means_parse_and_text(process: Process, log: Path) -> None:
    bare, named = process(log), process("parse", log)
    assert bare.shown == named.shown
    assert bare.said == ""
    first, *_, last = bare.shown.splitlines()
    assert first == "[12.500000]  killed hog (pid 7): the machine is out of memory"
    assert last == "2 events (1 global, 1 by a cgroup limit), 2 kills, 2 reports incomplete."


def test_json_lines_are_one_object_a_line(process: Process, log: Path) -> None:
    done = process("parse", "--format", "jsonl", log)
    assert done.status == 0
    assert done.said == ""
    first, second = records(done.shown)
    assert (first["schema"], first["victim"]["pid"], first["scope"]) == ("oomparse.event/1", 7, "global")
    assert (second["victim"]["anon_rss_kb"], second["scope"]) == (8000, "memcg")
    assert first["source"]["line_start"] == 1


def test_brief_json_has_no_sections(run: Run, log: Path) -> None:
    (full, _), (brief, _) = (records(run("--format", "jsonl", *more, log).shown) for more in ([], ["--brief"]))
    assert set(full) - set(brief) == {"meminfo", "tasks", "slabs", "stack"}


def test_status_is_that_of_grep(process: Process, log: Path, quiet_log: Path) -> None:
    assert process(log).status == 0
    assert process(quiet_log).status == 1
    assert process(log, "gone.log").status == 2


@pytest.mark.parametrize("form", ["text", "jsonl", "ecs", "otel", "prometheus"])
def test_status_is_the_same_in_every_form(run: Run, log: Path, quiet_log: Path, form: str) -> None:
    assert run("--format", form, log).status == 0
    assert run("--format", form, quiet_log).status == 1
    assert run("--format", form, log, "gone.log").status == 2


def test_nothing_found_is_said_in_text_only(run: Run, quiet_log: Path) -> None:
    assert run(quiet_log).shown == "No OOM events.\n"
    silent = run("--format", "jsonl", quiet_log)
    assert (silent.shown, silent.said) == ("", "")


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gzip", "bzip2", "xz"]
)
@pytest.mark.parametrize("dash", [["-"], []])
def test_standard_input_also_compressed(run: Run, log: Path, pack: Callable[[bytes], bytes], dash: list[str]) -> None:
    done = run("--format", "jsonl", *dash, piped=pack(log.read_bytes()))
    assert comms(done.shown) == ["hog", "job"]
    assert done.status == 0


def test_folders_and_globs(run: Run, log: Path) -> None:
    assert comms(run("--format", "jsonl", log.parent).shown) == ["hog", "job"]
    assert comms(run("--format", "jsonl", log.parent / "k*.log").shown) == ["hog", "job"]


def test_workers_give_the_same_in_the_same_order(process: Process, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.log").write_text(kill_line(f"job-{number}"))
    names = [tmp_path / f"{number}.log" for number in (2, 0, 3, 1)]
    alone, together = process("--format", "jsonl", *names), process("--format", "jsonl", "--jobs", 2, *names)
    assert comms(together.shown) == ["job-2", "job-0", "job-3", "job-1"]
    assert alone.shown == together.shown


def test_one_source_fails_and_the_other_is_read(run: Run, log: Path) -> None:
    done = run("--format", "jsonl", "gone.log", log)
    assert comms(done.shown) == ["hog", "job"]
    assert done.said == "oomparse: gone.log: there is no such file\n"
    assert done.status == 2


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_is_missing_is_an_error_where_no_event_says_so(process: Process, tmp_path: Path, jobs: str) -> None:
    noise = b"".join(b"[%5d.000000] usb 1-1: new device number %d\n" % (at, at * 7919) for at in range(2000))
    for name in ("a.log.gz", "b.log.gz"):
        (tmp_path / name).write_bytes(gzip.compress(noise)[:-1000])
    done = process("--jobs", jobs, tmp_path)
    assert done.status == 2
    assert done.said.count("the data end before their end mark") == 2


def test_totals_say_that_something_was_not_read(run: Run, log: Path) -> None:
    assert run("gone.log", log).shown.splitlines()[-1].endswith("incomplete. Not everything could be read.")
    assert run("gone.log").shown == ""


BAD_USES: dict[str, tuple[list[object], str]] = {
    "no such file": (["gone.log"], "gone.log: there is no such file"),
    "no match": (["*.nothing"], "*.nothing: no file matches this pattern"),
    "folder without logs": (["empty"], "empty: nothing to read here"),
    "empty file": (["empty.log"], "empty.log: this file is empty"),
    "binary file": (["binary.log"], "binary.log: this is binary data, not a log"),
    "nul in name": (["unlogged/x/y"], "unlogged/x/y: there is no such file"),
    "zone": (["--tz", "Mars/Phobos", "quiet.log"], "unknown time zone 'Mars/Phobos': give a name like Europe/Berlin"),
    "year": (["--year", "0", "quiet.log"], "0 is not in the range"),
    "no year": (["--year", "MMXXVI", "quiet.log"], "'MMXXVI' is not a valid integer"),
    "format": (["--format", "xml", "quiet.log"], "'xml' is not one of 'text', 'jsonl'"),
    "transport": (["--transport", "pigeon", "quiet.log"], "unknown transport 'pigeon': give one of"),
    "scope": (["--scope", "moon", "quiet.log"], "'moon' is not one of 'global'"),
    "since": (["--since", "whenever", "quiet.log"], "'whenever' is no time; give one like"),
    "jobs": (["--jobs", "0", "quiet.log"], "0 is not in the range"),
    "option": (["--no-such-option", "quiet.log"], "No such option"),
    "overwriting": (["-o", "quiet.log", "quiet.log"], "quiet.log is both read and written"),
    "no folder for -o": (["-o", "gone/out", "quiet.log"], "gone/out: No such file or directory"),
}


@pytest.mark.parametrize("case", BAD_USES)
def test_what_cannot_be_done_is_said_in_a_sentence(run: Run, quiet_log: Path, tmp_path: Path, case: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.log").touch()
    (tmp_path / "binary.log").write_bytes(bytes(range(256)) * 64)
    before = quiet_log.read_bytes()
    arguments, sentence = BAD_USES[case]
    done = run(*arguments)
    assert done.status == 2
    assert sentence in done.said
    assert "Traceback" not in done.said
    assert done.shown == ""
    assert quiet_log.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(run: Run, log: Path) -> None:
    log.chmod(0)
    done = run(log)
    assert done.status == 2
    assert "no permission to read this" in done.said


def test_no_source_on_a_terminal_is_a_usage_error(process: Process) -> None:
    leader, follower = pty.openpty()
    try:
        done = process(stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)
    assert done.status == 2
    assert "name a file" in done.said


def test_strict_shows_the_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.log").write_text(kill_line().replace("file-rss:4kB", "file-rss:4XB"))
    done = run("--strict", "new.log")
    assert done.status == 2
    first, line, caret = done.said.splitlines()
    assert first.startswith("oomparse: new.log:1: column ")
    assert line[caret.index("^") :].startswith("XB")


def test_output_goes_to_the_named_file_and_nowhere_else(run: Run, log: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    done = run("--format", "jsonl", "-o", "out.jsonl", log)
    assert (done.shown, done.said, done.status) == ("", "", 0)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out.jsonl"}
    assert comms((tmp_path / "out.jsonl").read_text()) == ["hog", "job"]


def test_arrow_in_a_pipe(run: Run, log: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is the extra `arrow`")
    assert run("--format", "arrow", "--brief", "-o", "out.arrow", log).status == 0
    table = pa.ipc.open_stream((tmp_path / "out.arrow").read_bytes()).read_all()
    assert [victim["comm"] for victim in table.column("victim").to_pylist()] == ["hog", "job"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["old", "new"]),
        (["--since", "2026-01-01T00:00:00Z"], ["new"]),
        (["--since", "2026-11-21 03:00", "--tz", "+01:00"], ["new"]),
        (["--since", "2026-11-21 02:00:01", "--tz", "UTC"], []),
        (["--until", "Nov 21 2026 02:00"], ["old"]),
        (["--since", "2025-01-01", "--until", "2025-12-31"], ["old"]),
        (["--scope", "memcg"], []),
        (["--scope", "memcg", "--scope", "global"], ["old", "new"]),
    ],
)
def test_events_are_filtered_by_time_and_scope(
    run: Run, tmp_path: Path, options: list[str], expected: list[str]
) -> None:
    kill = kill_line().partition("] ")[2]
    lines = [f"2025-06-01T10:00:00Z web3 kernel: {kill.replace('hog', 'old')}"]
    lines += [f"2026-11-21T02:00:00Z web3 kernel: {kill.replace('hog', 'new')}"]
    (tmp_path / "iso.log").write_text("".join(lines))
    done = run("--format", "jsonl", *options, "iso.log")
    assert comms(done.shown) == expected
    assert done.status == (0 if expected else 1)
    assert done.said == ""


def test_an_event_without_a_time_passes_and_that_is_said_once(run: Run, log: Path) -> None:
    done = run("--format", "jsonl", "--since", "2999-01-01", log)
    assert comms(done.shown) == ["hog", "job"]
    assert done.said == "oomparse: 2 events without a wall-clock time kept: --since and --until cannot judge them\n"


NAME = b"caf\xc3\xa9\xff\x1b[2J"


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"LC_ALL": "C.UTF-8"}, 'killed "caf\N{LATIN SMALL LETTER E WITH ACUTE}\\xff\\x1b[2J" (pid 7)'),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, r'killed "caf\xe9\xff\x1b[2J" (pid 7)'),
        ({"PYTHONIOENCODING": "ascii"}, r'killed "caf\xe9\xff\x1b[2J" (pid 7)'),
    ],
)
def test_any_name_is_shown_in_any_locale(
    process: Process, tmp_path: Path, environment: dict[str, str], shown: str
) -> None:
    (tmp_path / "odd.log").write_bytes(kill_line().encode().replace(b"hog", NAME))
    done = process("odd.log", env=environment)
    assert shown in done.shown
    assert done.status == 0
    assert comms(process("--format", "jsonl", "odd.log", env=environment).shown) == [
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}\\xff\x1b[2J"
    ]


def test_a_path_that_is_no_text_can_be_read_and_told(process: Process, log: Path) -> None:
    odd = os.fsdecode(b"odd\xff.log")
    log.rename(log.with_name(odd))
    done = process(odd, odd + ".gone")
    assert r"found in   odd\xff.log" in done.shown
    assert done.said == "oomparse: odd\\xff.log.gone: there is no such file\n"


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [
        ([], {"NO_COLOR": ""}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--colour", "never"], {"NO_COLOR": ""}, False),
    ],
)
def test_colours_in_a_pipe_only_when_asked_for(
    process: Process, log: Path, options: list[str], environment: dict[str, str], coloured: bool
) -> None:
    assert ("\x1b[" in process(*options, log, env=environment).shown) is coloured


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"NO_COLOR": "", "TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": "", "TERM": "dumb"}, False)],
)
def test_colours_on_a_terminal(run: Run, log: Path, environment: dict[str, str], coloured: bool) -> None:
    shown, status = on_a_terminal([str(log)], environment)
    assert "killed hog (pid 7)" in shown
    assert ("\x1b[" in shown) is coloured
    assert status == 0


def on_a_terminal(arguments: list[str], environment: dict[str, str], feed: tuple[bytes, ...] = ()) -> tuple[str, int]:
    """Run with standard output and error on a terminal; feed standard input in pieces, a while apart."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "oomparse", *arguments],
        stdin=subprocess.PIPE,
        stdout=follower,
        stderr=follower,
        env={**os.environ, **environment},
    ) as process:
        os.close(follower)
        assert process.stdin is not None
        for piece in feed:
            process.stdin.write(piece)
            process.stdin.flush()
            time.sleep(0.7)
        process.stdin.close()
        shown = b""
        while select.select([leader], [], [], 30)[0]:
            try:
                shown += os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
    os.close(leader)
    return shown.decode(), process.returncode


def test_progress_appears_when_it_takes_long_and_goes_away(log: Path) -> None:
    pytest.importorskip("rich", reason="rich is the extra `rich`")
    block = b"[    1.000000] usb 1-1: new device\n" * 40_000
    feed = (block, block, log.read_bytes(), block)
    shown, status = on_a_terminal(["-"], {"TERM": "xterm", "NO_COLOR": "1"}, feed)
    assert "/s" in shown
    assert "killed hog (pid 7)" in shown
    assert "0 events" in shown
    assert status == 0


def test_no_progress_in_a_pipe(process: Process, log: Path) -> None:
    assert process("-", piped=log.read_bytes()).said == ""


def many_kills(tmp_path: Path, count: int = 2000) -> Path:
    path = tmp_path / "many.log"
    path.write_text("".join(kill_line(f"job-{number}", number, seconds=number) for number in range(count)))
    return path


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_a_closed_pipe_ends_it_quietly(tmp_path: Path, form: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "oomparse", "--format", form, many_kills(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_said(process: Process, log: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = process(log, stdout=full)
    assert done.status == 2
    assert done.said == "oomparse: cannot write the output: No space left on device\n"


def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (
        subprocess.Popen(
            [sys.executable, "-m", "oomparse", tmp_path / "fifo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
        (tmp_path / "fifo").open("wb"),
    ):  # returns when the other side is open too
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=30)
    assert (shown, said) == (b"", b"")
    assert process.returncode == 130


def test_closed_standard_streams(log: Path) -> None:
    command = f'"{sys.executable}" -m oomparse'
    outcomes = [
        subprocess.run(["/bin/sh", "-c", f"{command} {rest}"], capture_output=True, text=True, check=False)
        for rest in (f"'{log}' >&-", "<&-", "- <&-")
    ]
    assert [done.returncode for done in outcomes] == [2, 2, 2]
    assert all("Traceback" not in done.stderr for done in outcomes)
    assert outcomes[0].stderr == "oomparse: standard output is closed; -o FILE writes to a file\n"
