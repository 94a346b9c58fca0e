"""util-linux dmesg renders a raw kernel buffer in all its styles; each is read as the buffer itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

import oomparse
from oomparse.testing.wrap import wrap
from tests.roads.table import CASES, NEGATIVE, differences, messages, reference, report, trees

DMESG = shutil.which("dmesg")
pytestmark = pytest.mark.skipif(
    DMESG is None or b"util-linux" not in subprocess.run([DMESG, "-V"], capture_output=True, check=False).stdout,
    reason="dmesg of util-linux is not installed",
)
HIDDEN = ("sequence", "caller", "records")
"""dmesg reads a file line by line."""
STYLES: dict[str, tuple[str, ...]] = {
    "": ("speaker",),
    "-P": ("speaker",),
    "-p": ("speaker",),
    "-x": (),
    "-r": (),
    "-J": ("speaker",),
    "-J -x": (),
    "-T": ("speaker", "clock"),
    "-T -x": ("clock",),
    "-t": ("speaker", "stamp"),
    "-t -x": ("stamp",),
    "-d": ("speaker",),
    "-d -x": (),
    "-d -T": ("speaker", "clock"),
    "-d -t": ("speaker", "clock"),
    "-e": ("speaker", "clock"),
    "-e -x": ("clock",),
    "-H --nopager": ("speaker", "clock"),
    "-H --nopager --color=always": ("speaker", "clock"),
    "--color=always": ("speaker",),
    "--color=always -x": (),
    "--color=always -T": ("speaker", "clock"),
    "--time-format iso": ("speaker", "clock"),
    "--time-format ctime": ("speaker", "clock"),
    "--time-format delta": ("speaker", "clock"),
    "--time-format reltime": ("speaker", "clock"),
    "--time-format notime": ("speaker", "stamp"),
    "--noescape": ("speaker",),
    "--noescape -x": (),
    "-k": (),
}
"""What each style loses besides; ``-k`` shows none but the kernel's own records."""


def shown(style: str, buffer: Path) -> bytes:
    assert DMESG
    return subprocess.run([DMESG, *style.split(), "-F", buffer], capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def buffers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("buffers")
    for case in CASES:
        (folder / case).write_bytes(b"".join(wrap(messages(case), "klog")))
    return folder


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_read_as_the_buffer(style: str, buffers: Path) -> None:
    assert DMESG
    found = {}
    for case in CASES:
        got = trees(oomparse.parse(shown(style, buffers / case)))
        found[case] = differences(reference(case, (*HIDDEN, *STYLES[style])), got)
        assert not (got and case in NEGATIVE)
    assert report(found) == ""
