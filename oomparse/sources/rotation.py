"""The names of rotated logs.

Turns file names into sets that belong together and their order, oldest first: ``kern.log.2.gz``, ``kern.log.1``,
``kern.log``; ``messages-20251228.xz``, ``messages-20260104``, ``messages``.  logrotate, newsyslog and savelog name
them so.  Names alone are looked at; which format a file has is told by its bytes.
"""

import re
from typing import NamedTuple

from oomparse.pattern import pattern

_ROTATED = pattern(
    r"""
    (?P<stem>.+?)
    (?:[-._](?P<date>
        (?:19|20)\d\d(?:-?[01]\d(?:-?[0-3]\d(?:[-_T]?\d{2,10})*)?)?  # dateext, with the time of day or %s behind it
        | 1\d{9}                                                    # %s alone: seconds since 1970
    ))?
    (?P<extension>\.(?:log|txt))?
    (?:\.(?P<number>\d{1,3}))?
    (?P<old>\.old)?
    (?:\.(?:gz|xz|bz2|zst|zstd|Z|lz4))?
    """,
    re.VERBOSE,
)

Age = tuple[int, str, int]
"""Sorts oldest first: dated files, then numbered ones (the highest is the oldest), then the one being written."""


class Rotation(NamedTuple):
    """What a file's name says of its place in a rotated set."""

    base: str
    """The name of the file that is being written: equal for all files of a set."""
    age: Age


def rotation_of(name: str) -> Rotation:
    """Read a file name (without folders).

    >>> rotation_of("kern.log.12.gz")
    Rotation(base='kern.log', age=(1, '', -12))
    >>> rotation_of("messages-20260104")
    Rotation(base='messages', age=(0, '20260104', 0))
    """
    match = _ROTATED.fullmatch(name)
    if match is None or not any(char.isalpha() for char in match["stem"]):  # 10.0.0.7 is a host
        return Rotation(name, (2, "", 0))
    base = match["stem"] + (match["extension"] or "")
    number = -int(match["number"]) if match["number"] else 0
    if match["date"]:
        return Rotation(base, (0, re.sub(r"\D", "", match["date"]), number))
    if match["number"] or match["old"]:
        return Rotation(base, (1, "", number or -1 if match["old"] else number))
    return Rotation(base, (2, "", 0))
