"""The next blocks of a file are read, and unpacked, while those before are looked at.

Reading and unpacking need no interpreter, so a thread does both on another processor; it is at most one batch ahead.
For files alone: a pipe may keep its reader waiting for ever.
"""

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

BATCH_BYTES = 1 << 20
"""A batch is handed over when it holds so much."""

Batch: TypeAlias = "list[bytes] | BaseException"


def read_ahead(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blocks; what reading them raises is raised here.

    >>> list(read_ahead([b"one", b"two"]))
    [b'one', b'two']
    """
    wanted: SimpleQueue[int] = SimpleQueue()
    ready: SimpleQueue[Batch] = SimpleQueue()
    thread = Thread(target=_fetch, args=(iter(blocks), wanted, ready), name="oomparse-read-ahead", daemon=True)
    thread.start()
    try:
        wanted.put(BATCH_BYTES)
        while batch := ready.get():
            if isinstance(batch, BaseException):
                raise batch
            wanted.put(BATCH_BYTES)
            yield from batch
    finally:
        wanted.put(0)
        thread.join()


def _fetch(blocks: Iterator[bytes], wanted: "SimpleQueue[int]", ready: "SimpleQueue[Batch]") -> None:
    while size := wanted.get():
        batch: list[bytes] = []
        taken = 0
        try:
            while taken < size and (block := next(blocks, None)) is not None:
                batch.append(block)
                taken += len(block)
        except BaseException as error:  # noqa: BLE001  # for whoever asked
            ready.put(batch or error)
            if batch:
                wanted.get()
                ready.put(error)
            return
        ready.put(batch)
