"""A real syslog-ng receives the kernel's lines and writes them in its own formats.

Debian lets nobody install it beside rsyslog; a copy unpacked elsewhere does, where ``SYSLOG_NG`` names the program.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

import oomparse
from oomparse.testing.wrap import Machine, wrap
from tests.roads.rsyslog import PATIENCE_SECONDS, free_port
from tests.roads.table import CASES, differences, messages, reference, report, trees

SYSLOG_NG = os.environ.get("SYSLOG_NG") or shutil.which("syslog-ng", path=os.environ.get("PATH", "") + ":/usr/sbin")
pytestmark = pytest.mark.skipif(SYSLOG_NG is None, reason="syslog-ng is not installed (in Debian it replaces rsyslog)")
END = b"that was all"
FORMATS = {
    "default": ("", ("tag",)),
    "iso": ('template("$ISODATE $HOST $MSGHDR$MSG\\n")', ("tag",)),
    "rfc5424": ("flags(syslog-protocol)", ()),
}
HIDDEN = ("sequence", "caller", "records")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert SYSLOG_NG
    folder, port = tmp_path_factory.mktemp("syslog-ng"), free_port()
    outputs = "\n".join(f'file("{folder}/{name}-${{HOST}}.log" {how});' for name, (how, _) in FORMATS.items())
    (folder / "syslog-ng.conf").write_text(
        f"@version: current\noptions {{ keep-hostname(yes); use-dns(no); flush-lines(1); }};\n"
        f'log {{ source {{ network(ip("127.0.0.1") port({port}) transport("tcp")); }};\n'
        f"destination {{ {outputs} }}; }};\n"
    )
    places = [f"--{name}={folder}/{name}" for name in ("persist-file", "pidfile", "control")]
    modules = Path(SYSLOG_NG).resolve().parents[1] / "lib" / "syslog-ng"
    versions = [*(str(path) for path in modules.glob("[0-9]*")), str(modules)]
    command = [
        SYSLOG_NG,
        "-F",
        "-e",
        "--no-caps",
        f"--module-path={':'.join(versions)}",
        "-f",
        f"{folder}/syslog-ng.conf",
    ]
    with (
        (folder / "out").open("wb") as out,
        subprocess.Popen([*command, *places], stdout=out, stderr=out) as process,
    ):
        try:
            end = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    connection = socket.create_connection(("127.0.0.1", port))
                    break
                except OSError:
                    said = (folder / "out").read_text()
                    assert process.poll() is None, said
                    assert time.monotonic() < end, said
                    time.sleep(0.05)
            with connection:
                for case in CASES:
                    connection.sendall(b"".join(wrap(messages(case), "syslog-network", machine=Machine(host=case))))
                    connection.sendall(b"<6>Nov 21 03:59:59 %s kernel: [ 9999.000000] %s\n" % (case.encode(), END))
            for path in (folder / f"{name}-{case}.log" for name in FORMATS for case in CASES):
                while not (path.exists() and END in path.read_bytes()):
                    assert time.monotonic() < end, f"{path} is not complete; {(folder / 'out').read_text()}"
                    time.sleep(0.02)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_what_it_writes_is_read_as_the_buffer(name: str, written: Path) -> None:
    found = {
        case: differences(
            reference(case, (*HIDDEN, *FORMATS[name][1])), trees(oomparse.parse_file(written / f"{name}-{case}.log"))
        )
        for case in CASES
    }
    assert report(found) == ""
