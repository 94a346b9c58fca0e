"""Cuts a stream of lines into JSON objects, one for each record.

Knows JSON Lines, objects that follow each other over many lines (``jq``, ``journalctl -o json-pretty``), arrays of
objects (or of arrays of them), and an array of objects inside an object or two (``dmesg --json``, ``aws logs``, hits of
a search).  It only counts brackets: what an object holds is for others.  Its memory is bounded by `MAX_RECORD_BYTES`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MAX_RECORD_BYTES = 1024 * 1024
"""A longer object is given up."""
CONTAINERS = frozenset(
    (b'"dmesg"', b'"events"', b'"entries"', b'"records"', b'"logEvents"', b'"hits"', b'"rows"', b'"results"', b'"logs"')
)
"""Keys of a document whose array holds the records."""
MAX_CONTAINERS = 3
"""Objects and arrays around the records."""

# A string that does not end takes the rest of the line: trying every quotation mark in it would take quadratic time.
_TOKEN = re.compile(rb'"(?>[^"\\]|\\.)*+(?:"|\\?$)|[{}\[\]]', re.DOTALL)
_JSON_LINE = re.compile(rb'[\s\x1e]*(?:["{}\[\],]|-?\d|true|false|null|$)')


class Piece(NamedTuple):
    """One object, as bytes, and the number of the line on which it begins."""

    data: bytes
    line: int


def records(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records that a document on one line holds; none where it is one itself."""
    return list(_records(document, MAX_CONTAINERS))


def _records(found: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    for key, value in found.items() if depth else ():
        if type(value) is list and _is_container(key):
            for item in value:
                yield from (each for each in (item if type(item) is list else [item]) if type(each) is dict)
        elif type(value) is dict and _is_container(key):
            yield from _records(value, depth - 1)


def _is_container(key: str) -> bool:
    return f'"{key}"'.encode() in CONTAINERS


class JsonScanner:
    """Feed it lines; it returns the objects that are complete."""

    def __init__(self) -> None:
        self._depth = 0
        self._bases: list[int] = []
        """The depths at which the arrays around the records hold their elements."""
        self._parts: list[bytes] = []
        self._size = 0
        self._begin = 0
        self._inside = False
        self._keys: list[bytes] = []
        """The last key at each depth, while only containers are open."""

    @property
    def open(self) -> bool:
        """Whether an object or array is not closed yet."""
        return self._depth > 0

    def reset(self) -> None:
        """Forget what is open."""
        self._depth = self._size = 0
        self._bases, self._parts, self._keys = [], [], []
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
                if not self._bases and 0 < self._depth <= MAX_CONTAINERS:
                    self._keys[self._depth - 1 :] = [token.group()]
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
        base = self._bases[-1] if self._bases else 0
        if mark == 0x7B and self._depth == base and not self._inside:
            self._inside = begins = True
        elif mark == 0x5B and self._holds_records(base):
            self._bases.append(self._depth + 1)
            self._inside = False
            self._parts, self._size = [], 0
        self._depth += 1
        return begins

    def _holds_records(self, base: int) -> bool:
        """Return whether the array that opens here holds the records of the document."""
        if base or not self._depth:
            return self._depth == base and not self._inside and len(self._bases) < MAX_CONTAINERS
        return len(self._keys) == self._depth <= MAX_CONTAINERS and CONTAINERS.issuperset(self._keys)

    def _closes(self, mark: int) -> bool:
        """Count a closing bracket; return whether a record ends with it."""
        if self._depth == 0:
            return False
        self._depth -= 1
        if self._bases and self._depth < self._bases[-1]:
            self._bases.pop()
        base = self._bases[-1] if self._bases else 0
        if mark == 0x7D and self._inside and self._depth == base:
            self._inside = False
            return True
        if self._depth == 0:
            self._inside = False
            self._keys = []
        return False
