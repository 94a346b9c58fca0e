"""The table of all transports, one row each, and the entry-point group for other people's.

Turns names into transports and the first lines of a log into the one that fits.  A module is imported when its row is
first needed.
"""

import glob
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

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
    "dmesg_times",
    "dmesg",
    "journal_text",
    "jsonlog",
    "cri",
    "logcat",
    "tagged",
    "wrapped",
    "grep",
    "dated",
    "text",
)
"""Module names; each module has its transport, or several, in ``TRANSPORT`` or ``TRANSPORTS``."""


class _Known(NamedTuple):
    """What need not be imported to be ruled out: a format whose lines begin with, or hold, certain bytes."""

    confidence: float
    name: str
    module: str
    first: bytes = b""
    """The bytes with which its lines may begin; any, if empty."""
    part: bytes = b""
    """What stands in all of its lines."""


_DIGITS = b"0123456789"
_KNOWN = (
    _Known(0.98, "utf-16", "wrapped", first=b"\xff\xfe"),
    _Known(0.95, "kmsg", "kmsg", first=_DIGITS, part=b";"),
    _Known(0.93, "cri", "cri", first=_DIGITS, part=b" std"),
    _Known(0.92, "rfc5424", "rfc5424", first=_DIGITS + b"<", part=b"<"),
    _Known(0.9, "journal-short-unix", "journal_short", first=_DIGITS),
    _Known(0.9, "journal-short-delta", "journal_short", first=b"["),
    _Known(0.9, "journal-export", "journal_text", first=b"_"),
    _Known(0.9, "journal-verbose", "journal_text", part=b"[s="),
    _Known(0.88, "logcat", "logcat", first=_DIGITS + b"VDIWEFA"),
    _Known(0.87, "container-stamped", "cri", first=_DIGITS, part=b"T"),
    _Known(0.85, "syslog", "syslog"),
    _Known(0.82, "journal-short-monotonic", "journal_short", first=b"["),
    _Known(0.81, "dmesg-times", "dmesg_times", part=b"] "),
    _Known(0.8, "dmesg", "dmesg"),
)
"""The surest formats, in the order in which they are asked; most logs are theirs."""
_LESS_SURE = {"dated", "jsonlog", "tagged", "grep", "text"}
"""Modules none of whose formats comes before those."""


def _transports_in(module: str) -> tuple[Transport, ...]:
    found = import_module(f"oomparse.transports.{module}")
    several: tuple[Transport, ...] | None = getattr(found, "TRANSPORTS", None)
    return several or (found.TRANSPORT,)


@cache
def _load(known: _Known) -> Transport:
    return next(transport for transport in _transports_in(known.module) if transport.name == known.name)


@cache
def transports() -> tuple[Transport, ...]:
    """Return every transport, the surest first."""
    found = [transport for module in BUILT_IN for transport in _transports_in(module)]
    return tuple(sorted([*found, *_others()], key=lambda transport: -transport.confidence))


@cache
def _only_known() -> bool:
    """Whether no format that is not known here could come before one that is."""
    return {row.module for row in _KNOWN} | _LESS_SURE >= set(BUILT_IN) and not _others()


@cache
def _others() -> tuple[Transport, ...]:
    """Return other people's transports."""
    found: list[Transport] = []
    for entry in _entry_points():
        try:
            loaded = entry.load()
            found.append(loaded() if isinstance(loaded, type) else loaded)
        except Exception as error:  # noqa: BLE001  # other people's code may fail in any way, and is not needed
            warnings.warn(f"the transport {entry.name!r} ({entry.value}) does not load: {error}", stacklevel=2)
    return tuple(found)


def _entry_points() -> "Iterable[EntryPoint]":
    """Return other people's transports.

    Where no installed package so much as names the group, as nearly everywhere, `importlib.metadata` is not imported:
    that takes longer than most logs take to be read.
    """
    group = ENTRY_POINT_GROUP.encode()
    if not any(group in text for place in sys.path for text in _entry_point_files(place)):
        return ()
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


def _entry_point_files(folder: str) -> "Iterator[bytes]":
    for path in glob.iglob(os.path.join(glob.escape(folder), "*-info", "entry_points.txt")):
        with open(path, "rb") as file:
            yield file.read()


def recognise(data: bytes, depth: int = 0) -> Transport | None:
    """Return the surest transport that takes this line alone, or None where it could be anything."""
    if _only_known():
        for known in _KNOWN:
            if known.part in data and (not known.first or data[:1] in known.first) and _load(known).takes(data, depth):
                return _load(known)
    for transport in transports():
        if transport.confidence < SURE:
            break
        if transport.takes(data, depth):
            return transport
    return None


def get(name: str) -> Transport:
    """Return the transport of that name; raises `OomparseError` where there is none."""
    if name in BUILT_IN and _only_known():
        first = _transports_in(name)[0]
        if first.name == name:
            return first
    for transport in transports():
        if transport.name == name:
            return transport
    known = ", ".join(sorted(transport.name for transport in transports()))
    raise OomparseError(f"unknown transport {name!r}: give one of {known}")


def detect(head: Sequence[bytes]) -> Transport:
    """Return the transport that fits the first lines of a log best; bare text where none does."""
    head = head[:HEAD_LINES]
    return max(transports(), key=lambda transport: transport.looks_like(head))
