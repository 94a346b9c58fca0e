"""Logs to read, and the command line: within this process or as one of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import oomparse.cli
from tests.command_line import Done, Process, Run, kill_line


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with one global and one memcg kill."""
    path = tmp_path / "kern.log"
    path.write_text(kill_line() + kill_line("job", 8, seconds=99, memcg=True), encoding="utf-8")
    return path


@pytest.fixture
def quiet_log(tmp_path: Path) -> Path:
    """A log without any kill."""
    path = tmp_path / "quiet.log"
    path.write_text("[    1.000000] usb 1-1: new high-speed USB device\n" * 3, encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command line within this process: fast."""
    monkeypatch.chdir(tmp_path)

    def run_here(*arguments: object, piped: bytes = b"") -> Done:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped)))
        status = oomparse.cli.run([str(argument) for argument in arguments])
        shown, said = capsysbinary.readouterr()
        return Done(status, shown.decode(), said.decode())

    return run_here


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Run the command line as a process of its own, on real pipes."""

    def run_process(
        *arguments: object, piped: bytes | None = None, env: Mapping[str, str] | None = None, **options: Any
    ) -> Done:
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if piped is None else {"input": piped}
        usual: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": tmp_path, "timeout": 60}
        done = subprocess.run(
            [sys.executable, "-m", "oomparse", *map(str, arguments)],
            **usual | source | options,
            env={**os.environ, **(env or {})},
            check=False,
        )
        return Done(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())

    return run_process
