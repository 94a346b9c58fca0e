"""What the page on testing shows of other programs, run with the programs themselves where they are."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import oomparse
from oomparse.testing import corpus
from tests.roads import rsyslog

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 20
SYSLOG_NG = os.environ.get("SYSLOG_NG") or shutil.which("syslog-ng", path=os.environ.get("PATH", "") + ":/usr/sbin")
REMOTE = next(
    (
        place
        for place in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
        if Path(place).exists()
    ),
    None,
)
CASE = corpus().case("6.1.0-56-cloud-amd64/memcg-nested")


def emitted(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "oomparse", "fixtures", "emit", CASE.name, *arguments]
    return subprocess.run(command, capture_output=True, check=True)


def victims(path: Path) -> list[int | None]:
    return [victim.pid for event in oomparse.parse_file(path) for victim in event.victims]


@pytest.mark.skipif(SYSLOG_NG is None, reason="syslog-ng is not installed (in Debian it replaces rsyslog)")
def test_the_configuration_of_syslog_ng_keeps_whole_reports(tmp_path: Path) -> None:
    assert SYSLOG_NG
    (settings,) = re.findall(r"```text\n(# syslog-ng.*?)```", PAGE, re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path / "kern.log"
    configuration = settings.replace("5514", str(port)).replace("/tmp/kern.log", str(log))
    # A comment may not stand before the version.
    (tmp_path / "syslog-ng.conf").write_text(configuration.partition("\n")[2], encoding="utf-8")
    modules = Path(SYSLOG_NG).resolve().parents[1] / "lib" / "syslog-ng"
    places = [f"--{name}={tmp_path}/{name}" for name in ("persist-file", "pidfile", "control")]
    path = ":".join([*(str(folder) for folder in modules.glob("[0-9]*")), str(modules)])
    command = [SYSLOG_NG, "-F", "-e", "--no-caps", f"--module-path={path}", "-f", f"{tmp_path}/syslog-ng.conf", *places]
    with (tmp_path / "said").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as daemon:
        try:
            end = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < end:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert daemon.poll() is None, (tmp_path / "said").read_text()
                time.sleep(0.05)
            emitted("--to", f"tcp://127.0.0.1:{port}", "--host", "web-3", "--now")
            while time.monotonic() < end and not (log.exists() and b"Killed process" in log.read_bytes()):
                time.sleep(0.05)
        finally:
            daemon.terminate()
    (event,) = oomparse.parse_file(log)
    assert event.complete
    assert event.source.host == "web-3"
    assert victims(log) == CASE.truth["oom_killed_pids"]


@pytest.mark.skipif(rsyslog.RSYSLOGD is None, reason="rsyslogd is not installed")
@pytest.mark.parametrize("template", ["RSYSLOG_FileFormat", "RSYSLOG_TraditionalFileFormat"])
@pytest.mark.parametrize("form", [None, "syslog-5424"])
@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_rsyslogd_keeps_whole_reports(tmp_path: Path, scheme: str, form: str | None, template: str) -> None:
    port, log = rsyslog.free_port(), tmp_path / "kern.log"
    configuration = f"""
module(load="imtcp")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{log}" template="{template}" asyncWriting="off" flushOnTXEnd="on")
"""
    with rsyslog.running(tmp_path / "rsyslog", configuration, port) as daemon:
        written_as = ["--as", form] if form else []
        emitted("--to", f"{scheme}://127.0.0.1:{port}", "--host", "web-3", "--rate", "2000", *written_as)
        daemon.wait_for(log, b"Killed process 85 (app-a)")
    (event,) = oomparse.parse_file(log)
    assert event.complete
    # The traditional format has neither a year nor a zone.
    assert {issue.code for issue in event.issues} <= {oomparse.IssueCode.YEAR_ASSUMED, oomparse.IssueCode.ZONE_ASSUMED}
    assert event.source.host == "web-3"
    assert event.source.from_kernel
    assert victims(log) == CASE.truth["oom_killed_pids"]


@pytest.mark.skipif(REMOTE is None, reason="systemd-journal-remote is not installed")
@pytest.mark.parametrize("name", ["6.1.0-56-cloud-amd64/memcg-nested", "6.1.0-56-cloud-amd64/weird-comm"])
def test_export_stream_becomes_a_journal(tmp_path: Path, name: str) -> None:
    assert REMOTE
    case = corpus().case(name)
    command = [sys.executable, "-m", "oomparse", "fixtures", "emit", name, "--as", "journal-export", "--host", "web-3"]
    journal = tmp_path / "box.journal"
    with subprocess.Popen([*command, "--now"], stdout=subprocess.PIPE) as sender:
        subprocess.run([REMOTE, "-o", journal, "-"], stdin=sender.stdout, check=True, capture_output=True)
    assert sender.returncode == 0
    shown = subprocess.run(["journalctl", "--file", journal, "-o", "export"], check=True, capture_output=True).stdout
    events = list(oomparse.parse(shown))
    found = [(victim.pid, victim.comm) for event in events for victim in event.victims]
    expected = [(victim["pid"], victim["comm"]) for event in case.expected() for victim in event["victims"]]
    assert [pid for pid, _ in found] == [pid for pid, _ in expected]
    assert {event.source.host for event in events} == {"web-3"}


def test_a_file_that_a_shipper_tails_grows_as_it_is_told(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    log.write_bytes(b"Nov 21 03:00:00 web-3 kernel: [    0.500000] what was there before\n")
    command = [sys.executable, "-m", "oomparse", "fixtures", "emit", CASE.name, "--host", "web-3", "--rate", "400"]
    with subprocess.Popen([*command, "--to", str(log)], stderr=subprocess.DEVNULL) as sender:
        sizes = {log.stat().st_size}
        while sender.poll() is None:
            sizes.add(log.stat().st_size)
            time.sleep(0.001)
    assert len(sizes) > 3
    assert victims(log) == CASE.truth["oom_killed_pids"]
    assert log.read_bytes().startswith(b"Nov 21 03:00:00 web-3 kernel: [    0.500000] what was there before\n")
