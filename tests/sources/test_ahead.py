"""Reading ahead changes nothing but who waits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.generate import Plan, write_file
from oomparse import reader
from oomparse.errors import SourceError
from oomparse.export.jsonl import encode
from oomparse.reader import parse_paths
from oomparse.sources.ahead import BATCH_BYTES, read_ahead


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "oomparse-read-ahead"]


@pytest.mark.parametrize("size", [1, 1000, BATCH_BYTES, BATCH_BYTES + 1])
def test_all_blocks_in_order(size: int) -> None:
    blocks = [bytes([number]) * size for number in range(1, 9)]
    assert list(read_ahead(blocks)) == blocks
    assert not readers()


def test_no_blocks() -> None:
    assert list(read_ahead([])) == []


def test_a_failure_comes_after_the_blocks_before_it() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"one"
        raise SourceError("the disk is gone")

    ahead = read_ahead(blocks())
    assert next(ahead) == b"one"
    with pytest.raises(SourceError, match="the disk is gone"):
        next(ahead)
    assert not readers()


def test_whoever_stops_early_leaves_no_thread() -> None:
    taken: list[int] = []

    def blocks() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield b"x" * BATCH_BYTES

    ahead = read_ahead(blocks())
    assert isinstance(ahead, Iterator)
    next(ahead)
    ahead.close()  # type: ignore[attr-defined]  # it is a generator
    assert not readers()
    assert len(taken) <= 3


@pytest.mark.parametrize("name", ["kern.log", "kern.log.gz"])
def test_the_events_are_the_same(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / name
    write_file(Plan(size=3_000_000, report_every=700_000, tasks=10), log)
    alone = [encode(event) for event in parse_paths([log])]
    asked: list[object] = []

    def noted(blocks: Iterator[bytes]) -> Iterator[bytes]:
        asked.append(blocks)
        return read_ahead(blocks)

    monkeypatch.setattr(reader, "AHEAD_FROM_BYTES", 1)
    monkeypatch.setattr(reader, "read_ahead", noted)
    assert [encode(event) for event in parse_paths([log])] == alone
    assert len(alone) == 4
    assert asked
