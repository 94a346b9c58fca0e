"""The table of all transports, one row each, and the entry-point group for other people's.

Turns names into transports and the first lines of a log into the one that fits.  A module is imported when its row is
first needed.
"""

import sys
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from oomparse.errors import OomparseError
from oomparse.transports.base import HEAD_LINES, SURE, Transport

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "oomparse.transports"
"""Each entry point names a `Transport` instance, or a class that is called without arguments."""

BUILT_IN = (
    "kmsg",
    "rfc5424",
    "journal_short",
    "syslog",
    "dmesg",
    "journal_text",
    "jsonlog",
    "cri",
    "logcat",
    "tagged",
    "wrapped",
    "text",
)
"""Module names; each module has its transport, or several, in ``TRANSPORT`` or ``TRANSPORTS``."""


@cache
def transports() -> tuple[Transport, ...]:
    """Return every transport, the surest first."""
    found: list[Transport] = []
    for name in BUILT_IN:
        module = import_module(f"oomparse.transports.{name}")
        found += getattr(module, "TRANSPORTS", None) or (module.TRANSPORT,)
    for entry in _entry_points():
        try:
            loaded = entry.load()
            found.append(loaded() if isinstance(loaded, type) else loaded)
        except Exception as error:  # noqa: BLE001  # other people's code may fail in any way, and is not needed
            warnings.warn(f"the transport {entry.name!r} ({entry.value}) does not load: {error}", stacklevel=2)
    return tuple(sorted(found, key=lambda transport: -transport.confidence))


def _entry_points() -> "Iterable[EntryPoint]":
    """Return other people's transports.

    Where no installed package so much as names the group, as nearly everywhere, `importlib.metadata` is not imported:
    that takes longer than most logs take to be read.
    """
    group = ENTRY_POINT_GROUP.encode()
    files = (file for place in sys.path for file in Path(place).glob("*-info/entry_points.txt"))
    if not any(group in file.read_bytes() for file in files):
        return ()
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


def recognise(data: bytes, depth: int = 0) -> Transport | None:
    """Return the surest transport that takes this line alone, or None where it could be anything."""
    for transport in transports():
        if transport.confidence < SURE:
            break
        if transport.takes(data, depth):
            return transport
    return None


def get(name: str) -> Transport:
    """Return the transport of that name; raises `OomparseError` where there is none."""
    for transport in transports():
        if transport.name == name:
            return transport
    known = ", ".join(sorted(transport.name for transport in transports()))
    raise OomparseError(f"unknown transport {name!r}: give one of {known}")


def detect(head: Sequence[bytes]) -> Transport:
    """Return the transport that fits the first lines of a log best; bare text where none does."""
    head = head[:HEAD_LINES]
    return max(transports(), key=lambda transport: transport.looks_like(head))
