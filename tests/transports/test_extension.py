"""A transport that somebody else wrote is installed, detected and used."""

import os
import subprocess
import sys
from pathlib import Path

MODULE = '''
"""An example: the log of an imaginary appliance."""

import re

from oomparse.transports import LineTransport, Sample


class ApplianceTransport(LineTransport):
    """``#4@box 12.345678 text``."""

    name = "appliance"
    pattern = re.compile(rb"#(?P<priority>\\d)@(?P<host>\\w+) (?P<seconds>\\d+\\.\\d{6}) (?P<text>.*)")
    samples = (
        Sample(
            lines=(b"#4@box 12.345678 Mem-Info:",),
            messages=({"text": "Mem-Info:", "host": "box", "level": 4, "monotonic_us": 12345678},),
        ),
    )
'''

PROGRAM = """
from oomparse.message import Line
from oomparse.transports import decode, detect, get

lines = [b"#4@box 12.345678 active_anon:1", b"                 active_file:0", b"[   12.345679] Mem-Info:"]
print(detect(lines[:2]).name, get("appliance").text_offset(lines[0]))
for message in decode(Line(data, number) for number, data in enumerate(lines, 1)):
    print([message.transport, message.host, message.monotonic_us, message.text, message.line_end])
"""


def install(folder: Path, module: str) -> None:
    metadata = folder / "oomparse_appliance-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: oomparse-appliance\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[oomparse.transports]\nappliance = appliance:ApplianceTransport\n")
    (folder / "appliance.py").write_text(module)


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-W", "default", "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_transport_is_used(tmp_path: Path) -> None:
    install(tmp_path, MODULE)
    result = run(tmp_path)
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "appliance 17",
        "['appliance', 'box', 12345678, 'active_anon:1\\nactive_file:0', 2]",
        "['dmesg', None, 12345679, 'Mem-Info:', 3]",
    ]


def test_a_broken_transport_is_warned_of_and_left_out(tmp_path: Path) -> None:
    install(tmp_path, "raise RuntimeError('not today')")
    result = run(tmp_path)
    assert "'appliance' (appliance:ApplianceTransport) does not load: not today" in result.stderr
    assert "unknown transport 'appliance'" in result.stderr
