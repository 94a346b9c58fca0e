"""Cuts a stream of lines into JSON objects, one for each record.

Knows JSON Lines, objects that follow each other over many lines (``jq``, ``journalctl -o json-pretty``), arrays of
objects, and an array of objects inside one object (``dmesg --json``, ``aws logs``).  It only counts brackets: what an
object holds is for others.  Its memory is bounded by `MAX_RECORD_BYTES`.
"""

import re
from typing import NamedTuple

MAX_RECORD_BYTES = 1024 * 1024
"""A longer object is given up."""
CONTAINERS = frozenset(
    (b'"dmesg"', b'"events"', b'"entries"', b'"records"', b'"logEvents"', b'"hits"', b'"rows"', b'"results"', b'"logs"')
)
"""Keys of a document whose array holds the records."""

# A string that does not end takes the rest of the line: trying every quotation mark in it would take quadratic time.
_TOKEN = re.compile(rb'"(?>[^"\\]|\\.)*+(?:"|\\?$)|[{}\[\]]', re.DOTALL)
_JSON_LINE = re.compile(rb'[\s\x1e]*(?:["{}\[\],]|-?\d|true|false|null|$)')


class Piece(NamedTuple):
    """One object, as bytes, and the number of the line on which it begins."""

    data: bytes
    line: int


class JsonScanner:
    """Feed it lines; it returns the objects that are complete."""

    def __init__(self) -> None:
        self._depth = 0
        self._base = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._begin = 0
        self._inside = False
        self._key = b""

    @property
    def open(self) -> bool:
        """Whether an object or array is not closed yet."""
        return self._depth > 0

    def reset(self) -> None:
        """Forget what is open."""
        self._depth = self._base = self._size = 0
        self._parts = []
        self._inside = False

    def fits(self, data: bytes) -> bool:
        """Return whether a line can go on with what is open."""
        return _JSON_LINE.match(data) is not None

    def feed(self, data: bytes, number: int) -> list[Piece]:
        """Take a line."""
        found: list[Piece] = []
        start = 0
        for token in _TOKEN.finditer(data):
            mark = data[token.start()]
            if mark == 0x22:
                if self._depth == 1:
                    self._key = token.group()
            elif mark in b"{[":
                if self._opens(mark):
                    start, self._begin = token.start(), number
            elif self._closes(mark):
                self._parts.append(data[start : token.end()])
                found.append(Piece(b"\n".join(self._parts), self._begin))
                self._parts, self._size = [], 0
        if self._inside:
            self._parts.append(data[start:])
            self._size += len(data) - start
            if self._size > MAX_RECORD_BYTES:
                self.reset()
        return found

    def _opens(self, mark: int) -> bool:
        """Count an opening bracket; return whether a record begins with it."""
        begins = False
        if mark == 0x7B and self._depth == self._base and not self._inside:
            self._inside = begins = True
        elif mark == 0x5B and (self._depth == 0 or (self._depth == 1 and self._base == 0 and self._key in CONTAINERS)):
            self._base = self._depth + 1
            self._inside = False
            self._parts, self._size = [], 0
        self._depth += 1
        return begins

    def _closes(self, mark: int) -> bool:
        """Count a closing bracket; return whether a record ends with it."""
        if self._depth == 0:
            return False
        self._depth -= 1
        if self._depth < self._base:
            self._base = 0
        if mark == 0x7D and self._inside and self._depth == self._base:
            self._inside = False
            return True
        if self._depth == 0:
            self._inside = False
        return False
