"""The other commands, and the frame around all of them."""

import json
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import oomparse.cli
from oomparse.cli import app
from oomparse.cli import run as run_here
from oomparse.cli.lazy import LazyGroup
from tests.command_line import Run, kill_line


def invoke(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, input=stdin, standalone_mode=True)
    return result.exit_code, result.output


def test_version() -> None:
    assert invoke("--version") == (0, f"oomparse {version('oomparse')}\n")


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["parse", "--help"], ["gfp", "-h"], ["trace", "-h"]])
def test_help_works_everywhere(arguments: list[str]) -> None:
    status, shown = invoke(*arguments)
    assert status == 0
    assert shown.startswith("Usage: ")


def test_every_command_can_be_imported_and_documents_itself() -> None:
    assert isinstance(app, LazyGroup)
    with click.Context(app) as ctx:
        names = app.list_commands(ctx)
        modules = {module.name for module in pkgutil.iter_modules(oomparse.cli.__path__)}
        assert {"parse", "trace", "gfp", "schema"} <= set(names) <= modules
        for name in names:
            command = app.get_command(ctx, name)
            assert command is not None
            assert command.help


def test_a_log_starts_no_command_that_is_not_asked_for(log: Path) -> None:
    code = (
        "import sys; from oomparse.cli import run; status = run(sys.argv[1:]);"
        "print(status, *sorted(set(sys.modules) & {'pyparsing', 'rich', 'pyarrow', 'oomparse.cli.gfp'}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["0x201da", "--kernel", "3.10"], "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (["201DA", "--kernel", "3.10.0-1160.el7.x86_64"], "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (["0", "--kernel", "5.10"], "no flags"),
        (["GFP_KERNEL|__GFP_ZERO", "--kernel", "6.1"], "0xdc0"),
        (["GFP_KERNEL | __GFP_ZERO", "--kernel", "6.1"], "0xdc0"),
    ],
)
def test_gfp(arguments: list[str], answer: str) -> None:
    assert invoke("gfp", *arguments) == (0, f"{answer}\n")


def test_gfp_of_all_kernels() -> None:
    status, shown = invoke("gfp", "0x201da")
    lines = shown.splitlines()
    assert status == 0
    assert "since 2.6.31  GFP_HIGHUSER_MOVABLE|__GFP_COLD" in lines
    assert len({line.split()[-1] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["0x201da", "--kernel", "soon"], "no gfp table for 'soon'"),
        (["GFP_KERNEL"], "give its release with --kernel"),
        (["__GFP_MAGIC", "--kernel", "6.1"], "has no flag '__GFP_MAGIC'"),
        ([], "Missing argument"),
    ],
)
def test_gfp_refuses_what_has_no_answer(run: Run, arguments: list[str], sentence: str) -> None:
    done = run("gfp", *arguments)
    assert done.status == 2
    assert sentence in done.said
    assert done.shown == ""


def test_schema_is_printed() -> None:
    status, shown = invoke("schema")
    assert status == 0
    assert json.loads(shown)["title"] == "oomparse.event/1"


def test_trace_names_the_format_or_the_place(tmp_path: Path, run: Run) -> None:
    broken = kill_line().replace("file-rss:4kB", "file-rss:4XB")
    (tmp_path / "t.log").write_text(f"{kill_line()}[   13.000000] usb 1-1: new device\n{broken}")
    done = run("trace", "t.log")
    good, foreign, bad, caret = done.shown.splitlines()
    assert good.split()[:2] == ["1", "killed_5_4"]
    assert foreign.split()[:2] == ["2", "-"]
    assert bad.split()[0] == "3"
    assert bad.split()[1].startswith("~")
    assert bad[caret.index("^") :].startswith("XB")
    assert done.said == "oomparse: t.log: 3 lines, 2 taken by a format, 1 of them as they stand\n"
    assert done.status == 0
    assert len(run("trace", "--unknown", "t.log").shown.splitlines()) == 3


def test_trace_status(run: Run, quiet_log: Path) -> None:
    assert run("trace", quiet_log).status == 1
    assert run("trace", "gone.log").status == 2
    assert run("trace", piped=kill_line().encode()).status == 0


def test_explain_says_who_and_why_of_each_event(run: Run, log: Path) -> None:
    done = run("explain", log)
    assert (done.status, done.said) == (0, "")
    assert done.shown.startswith("Event 1: The kernel killed hog (pid 7)")
    assert "\n\nEvent 2: The kernel killed job (pid 8)" in done.shown


def test_explain_one_event_as_json(run: Run, log: Path) -> None:
    done = run("explain", "--event", 2, "--format", "json", log)
    (line,) = done.shown.splitlines()
    assert json.loads(line)["schema"] == "oomparse.explanation/1"
    assert "job" in json.loads(line)["headline"]
    assert done.status == 0


def test_explain_without_such_an_event(run: Run, log: Path) -> None:
    assert run("explain", "--event", 3, log) == (1, "", f"oomparse: there is no event 3 in {log}\n")
    assert run("explain", "gone.log").status == 2


def test_summary_counts_a_copy_once(run: Run, log: Path, quiet_log: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.log").write_bytes(log.read_bytes())
    done = run("summary", "--format", "json", log, "copy.log")
    report = json.loads(done.shown)
    assert (report["events"], report["kills"], report["copies"]) == (2, 2, 2)
    assert {row["key"] for row in report["by_victim"]} == {"hog", "job"}
    assert "2 events, 2 kills" in run("summary", log).shown
    assert run("summary", log, "gone.log").status == 2
    assert run("summary", quiet_log).status == 1


def test_a_bug_is_one_line_and_a_traceback_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr("oomparse.export.schema.json_schema", broken)
    assert run_here(["schema"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("oomparse: internal error (ZeroDivisionError: of our own making); please report it")
    monkeypatch.setenv("OOMPARSE_DEBUG", "1")
    assert run_here(["schema"]) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err
