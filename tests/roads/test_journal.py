"""journald stores the kernel's messages, and journalctl shows them in all its formats."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

import oomparse
from oomparse.testing.wrap import Machine, wrap
from tests.roads.table import CASES, NEGATIVE, differences, messages, reference, report, trees

REMOTE = next(
    (
        path
        for path in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
        if os.path.exists(path)  # noqa: PTH110
    ),
    shutil.which("systemd-journal-remote"),
)
JOURNALCTL = shutil.which("journalctl")
pytestmark = pytest.mark.skipif(
    REMOTE is None or JOURNALCTL is None,
    reason="systemd-journal-remote or journalctl is missing",
)
FEW = ("global", "hostile-names", "interleaved", "quiet")
HIDDEN = ("sequence", "caller")
STYLES: dict[str, tuple[str, ...]] = {
    "short": ("clock",),
    "short-precise": ("clock",),
    "short-iso": ("clock",),
    "short-iso-precise": ("clock",),
    "short-full": ("clock",),
    "short-unix": ("clock",),
    "short-monotonic": (),
    "short-delta": (),
    "with-unit": ("clock",),
    "verbose": (),
    "export": (),
    "json": (),
    "json-pretty": (),
    "json-sse": (),
    "json-seq": (),
    "cat": ("speaker", "stamp", "records"),
}


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert REMOTE
    folder = tmp_path_factory.mktemp("journals")
    for case in CASES:
        export = b"".join(wrap(messages(case), "journal-export", machine=Machine(host=case)))
        subprocess.run([REMOTE, "-o", folder / f"{case}.journal", "-"], input=export, capture_output=True, check=True)
    return folder


def shown(journal: Path, *options: str) -> bytes:
    assert JOURNALCTL
    command = [JOURNALCTL, "--no-pager", "-q", "--file", str(journal), *options]
    return subprocess.run(command, capture_output=True, check=True).stdout


def compared(journals: Path, losses: tuple[str, ...], *options: str, cases: Iterable[str] = CASES) -> str:
    found = {}
    for case in cases:
        got = trees(oomparse.parse(shown(journals / f"{case}.journal", *options)))
        found[case] = differences(reference(case, (*HIDDEN, *losses)), got)
        assert not (got and case in NEGATIVE)
    return report(found)


@pytest.mark.parametrize("style", STYLES)
def test_every_format_is_read_as_the_journal(style: str, journals: Path) -> None:
    assert compared(journals, STYLES[style], "-a", "-o", style) == ""


@pytest.mark.parametrize("style", [style for style in STYLES if style.startswith("short")])
def test_without_host(style: str, journals: Path) -> None:
    assert compared(journals, STYLES[style], "-a", "--no-hostname", "-o", style, cases=FEW) == ""


@pytest.mark.parametrize("style", STYLES)
def test_without_all(style: str, journals: Path) -> None:
    losses = STYLES[style] if "json" in style or style in ("export", "cat") else ("blobs", *STYLES[style])
    if style.startswith("short") or style == "with-unit":
        losses = ("colours", *losses)
    assert compared(journals, losses, "-o", style, cases=FEW) == ""


def test_the_journal_itself(journals: Path) -> None:
    pytest.importorskip("systemd.journal", reason="systemd-python (the extra `journal`) is not installed")
    found = {
        case: differences(reference(case, HIDDEN), trees(oomparse.read_journal(journals / f"{case}.journal")))
        for case in CASES
    }
    assert report(found) == ""
