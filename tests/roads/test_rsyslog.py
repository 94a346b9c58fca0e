"""A real rsyslogd receives the kernel's lines in every way that it knows, and writes them in every format."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import oomparse
from oomparse.testing.compare import comparable
from oomparse.testing.wrap import Machine, wrap
from tests.cli.test_follow import following, next_event
from tests.command_line import kill_line
from tests.roads import rsyslog
from tests.roads.table import CASES, NEGATIVE, differences, messages, reference, report, trees

pytestmark = pytest.mark.skipif(rsyslog.RSYSLOGD is None, reason="rsyslogd is not installed")
END = b"that was all"
HIDDEN = ("sequence", "caller", "records")
"""What reaches a syslog daemon is a line at a time."""
OUTPUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "traditional": ("RSYSLOG_TraditionalFileFormat", ("tag",)),
    "file": ("RSYSLOG_FileFormat", ("tag",)),
    "protocol23": ("RSYSLOG_SyslogProtocol23Format", ()),
    "forward": ("RSYSLOG_ForwardFormat", ()),
    "json": ("json", ()),
}
"""A file's name, its template, and what it loses besides: only some write the facility, by which a forger is known."""
INPUTS = ("escaped", "unescaped")


def configuration(folder: Path, port: int, *, escape: bool, more: str = "") -> str:
    templates = "\n".join(
        f'template(name="{name}-path" type="string" string="{folder}/{name}-%HOSTNAME%.log")' for name in OUTPUTS
    )
    actions = "\n".join(
        f'action(type="omfile" dynaFile="{name}-path" template="{template}" asyncWriting="off" flushOnTXEnd="on")'
        for name, (template, _) in OUTPUTS.items()
    )
    return f"""
global(parser.escapeControlCharactersOnReceive="{"on" if escape else "off"}" net.enableDNS="off" maxMessageSize="8k")
module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="json" type="list") {{ property(name="jsonmesg") constant(value="\\n") }}
{templates}
{actions}
{more}
"""


def end_of(case: str) -> bytes:
    return b"<6>Nov 21 03:59:59 %s kernel: [ 9999.000000] %s\n" % (case.encode(), END)


def sent(case: str) -> bytes:
    return b"".join(wrap(messages(case), "syslog-network", machine=Machine(host=case))) + end_of(case)


@pytest.fixture(scope="module", params=INPUTS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    port = rsyslog.free_port()
    text = configuration(folder, port, escape=request.param == "escaped")
    with rsyslog.running(folder, text, port) as daemon:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for case in CASES:
                connection.sendall(sent(case))
        for case in CASES:
            for name in OUTPUTS:
                daemon.wait_for(folder / f"{name}-{case}.log", END)
    return folder


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_it_writes_is_read_as_the_buffer(output: str, written: Path) -> None:
    found = {}
    for case in CASES:
        got = trees(oomparse.parse_file(written / f"{output}-{case}.log"))
        found[case] = differences(reference(case, (*HIDDEN, *OUTPUTS[output][1])), got)
        assert not (got and case in NEGATIVE)
    assert report(found) == ""


def one_file(path: Path, port: int) -> str:
    return f"""
global(processInternalMessages="on")
module(load="imtcp")
module(load="imudp")
input(type="imtcp" port="{port}" address="127.0.0.1")
input(type="imudp" port="{port}" address="127.0.0.1" rcvbufSize="4m")
action(type="omfile" file="{path}" template="RSYSLOG_FileFormat" asyncWriting="off" flushOnTXEnd="on")
"""


def emit(case: str, target: str, *options: str) -> None:
    command = [sys.executable, "-m", "oomparse", "fixtures", "emit", case, "--to", target, "--as", "syslog-network"]
    subprocess.run([*command, *options], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("case", "scheme", "options"), [("global", "udp", ("--rate", "2000")), ("memcg-stat-in-one-record", "tcp", ())]
)
def test_emit_reaches_a_file_by_way_of_rsyslog(
    case: str, scheme: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    port, log = rsyslog.free_port(), tmp_path / "kern.log"
    with rsyslog.running(tmp_path / "rsyslog", one_file(log, port), port) as daemon:
        emit(CASES[case][0], f"{scheme}://127.0.0.1:{port}", *options)
        daemon.wait_for(log, messages(case)[-1].text.split("\n")[-1].encode())
    command = [sys.executable, "-m", "oomparse", "--format", "jsonl", str(log)]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    got = [comparable(json.loads(line), brief=False) for line in shown.splitlines()]
    assert differences(reference(case, HIDDEN), got) == []


def test_follow_goes_with_logrotate(tmp_path: Path) -> None:
    port, log = rsyslog.free_port(), tmp_path / "kern.log"
    log.write_text(kill_line("first", 9))
    wanted = [event["victims"][0]["pid"] for event in reference("old", ())]
    with (
        rsyslog.running(tmp_path / "rsyslog", one_file(log, port), port) as daemon,
        following("--from-start", log) as process,
    ):
        assert next_event(process)["victim"]["comm"] == "first"
        for number in range(3):
            records = list(wrap(messages("old"), "syslog-network", machine=Machine(host=f"box{number}")))
            texts = [record.split(b": ", 1)[1].strip() for record in records]
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"".join(records[:30]))
                daemon.wait_for(log, texts[29])
                # logrotate's way: the daemon writes to the old file until it is told.
                old = log.rename(tmp_path / f"kern.log.{number}")
                connection.sendall(b"".join(records[30:45]))
                daemon.wait_for(old, texts[44])
                daemon.hang_up()
                daemon.wait_until(log.exists)
                connection.sendall(b"".join(records[45:]))
            pids: list[int] = []
            while len(pids) < len(wanted):
                event = next_event(process)
                assert event["source"]["host"] == f"box{number}"
                if event["revision"] == 1:
                    pids.append(event["victim"]["pid"])
            assert pids == wanted


def test_octet_counted_frames_as_rsyslog_forwards_them(tmp_path: Path) -> None:
    port, received = rsyslog.free_port(), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(65536):
                    received.extend(data)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        forward = f"""
module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
action(type="omfwd" target="127.0.0.1" port="{server.getsockname()[1]}" protocol="tcp" TCP_Framing="octet-counted"
       template="RSYSLOG_SyslogProtocol23Format")
"""
        with (
            rsyslog.running(tmp_path, forward, port) as daemon,
            socket.create_connection(("127.0.0.1", port)) as connection,
        ):
            connection.sendall(sent("global"))
            daemon.wait_until(lambda: END in received)
        thread.join(rsyslog.PATIENCE_SECONDS)
    assert received[:1].isdigit()
    assert differences(reference("global", HIDDEN), trees(oomparse.parse(bytes(received)))) == []


def test_a_forger_at_the_syslog_socket_is_no_kernel(tmp_path: Path) -> None:
    door, log = tmp_path / "log.socket", tmp_path / "messages"
    configured = f"""
module(load="imuxsock" sysSock.use="off")
input(type="imuxsock" socket="{door}" createPath="on" usePIDFromSystem="off")
action(type="omfile" file="{log}" template="RSYSLOG_SyslogProtocol23Format")
"""
    with rsyslog.running(tmp_path / "rsyslog", configured) as daemon:
        daemon.wait_until(door.exists)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(str(door))
            for record in wrap(messages("group"), "syslog-network"):
                for line in record.splitlines():
                    connection.send(b"<12>" + line.partition(b">")[2])
            connection.send(b"<12>Nov 21 03:59:59 kernel: " + END)
        daemon.wait_for(log, END)
    assert list(oomparse.parse_file(log)) == []
    assert [event.source.from_kernel for event in oomparse.parse_file(log, include_user=True)] == [False]
