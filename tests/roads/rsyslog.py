"""A real rsyslogd of the test's own: its configuration, process identifier and ports below a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 20
RSYSLOGD = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Rsyslogd:
    """A running daemon."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self._process = process

    def hang_up(self) -> None:
        """Make it open its files again, as logrotate does."""
        self._process.send_signal(signal.SIGHUP)

    def wait_for(self, path: Path, text: bytes) -> bytes:
        """Wait until a file holds a text, and return the file."""
        end = time.monotonic() + PATIENCE_SECONDS
        data = b""
        while time.monotonic() < end:
            data = path.read_bytes() if path.exists() else b""
            if text in data:
                return data
            assert self._process.poll() is None, self.said()
            time.sleep(0.01)
        raise AssertionError(f"{text!r} did not arrive in {path}, which has {len(data)} bytes; {self.said()}")

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Wait for something that the daemon does."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.01)

    def said(self) -> str:
        return (self.folder / "rsyslogd.out").read_text(errors="replace")


@contextmanager
def running(folder: Path, configuration: str, *ports: int) -> Iterator[Rsyslogd]:
    """Run rsyslogd until the end of the block; it listens on ``ports`` (TCP) at its beginning."""
    assert RSYSLOGD
    folder.mkdir(exist_ok=True)
    (folder / "rsyslog.conf").write_text(f'global(workDirectory="{folder}")\n{configuration}', encoding="utf-8")
    command = [RSYSLOGD, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslogd.pid")]
    with (folder / "rsyslogd.out").open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            daemon = Rsyslogd(folder, process)
            end = time.monotonic() + PATIENCE_SECONDS
            for port in ports:
                while not _listens(port):
                    assert process.poll() is None, daemon.said()
                    assert time.monotonic() < end, daemon.said()
                    time.sleep(0.02)
            yield daemon
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
