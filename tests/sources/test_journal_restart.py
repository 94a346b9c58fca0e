"""A follower of the journal that is killed and started again: nothing is lost, and what was delivered stays so."""

import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.reports import memcg_report, reaped
from tests.sources.test_journal import Writer, entry, pytestmark, wait_for, writer

__all__ = ["pytestmark", "writer"]

PATIENCE = 30.0
"""Seconds until a test gives up waiting."""
FOLLOWER = textwrap.dedent(
    """
    import sys
    import oomparse
    start = sys.argv[3] == "start"
    for event in oomparse.read_journal(sys.argv[1], follow=True, cursor=sys.argv[2], from_start=start):
        print(event.event_id, event.revision, event.victim.pid, flush=True)
    """
)


def exported(texts: list[str], number: int) -> bytes:
    return b"".join(entry(at, text.encode()) for at, text in enumerate(texts, number))


class Following:
    """A follower in a process of its own, killed as hard as can be."""

    def __init__(self, folder: Path, cursor: Path, output: Path, start: str) -> None:
        self.output = output
        with output.open("ab") as out:
            command = [sys.executable, "-c", FOLLOWER, str(folder), str(cursor), start]
            self._process = subprocess.Popen(command, stdout=out)

    def lines(self) -> list[list[str]]:
        return [fields for line in self.output.read_text().splitlines() if len(fields := line.split()) == 3]

    def reaped(self) -> set[int]:
        return {int(pid) for _, revision, pid in self.lines() if revision == "2"}

    def wait(self, pid: int) -> None:
        until = time.monotonic() + PATIENCE
        while pid not in self.reaped():
            assert time.monotonic() < until, self.lines()
            assert self._process.poll() is None
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.mark.parametrize("start", ["start", "end"])
def test_killed_and_started_again(start: str, writer: Writer, tmp_path: Path) -> None:
    folder, cursor, output = writer.path.parent, tmp_path / "cursor", tmp_path / "out"
    writer.write(entry(0, b"Linux version 6.1.0"))
    wait_for(folder)
    number, moments, kills = 1, random.Random(11), 0
    following = Following(folder, cursor, output, start)
    until = time.monotonic() + PATIENCE
    while not cursor.exists() and time.monotonic() < until:
        time.sleep(0.01)
    for at in range(8):
        texts = [*memcg_report("hog", 100 + at), reaped("hog", 100 + at)]
        half = moments.randrange(len(texts))
        writer.write(exported(texts[:half], number))
        if at % 2:
            time.sleep(moments.uniform(0, 0.2))
            following.kill()
            kills += 1
        writer.write(exported(texts[half:], number + half))
        if at % 2:
            following = Following(folder, cursor, output, start)
        number += 5_000  # milliseconds
        following.wait(100 + at)
    following.kill()
    assert following.reaped() == set(range(100, 108))
    # An event is printed twice only where the process died between printing it and saving that it had.
    assert len(following.lines()) <= 16 + kills
