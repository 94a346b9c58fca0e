"""A place in a log that survives rotation and restart.

Turns "so far have I read" into something to be written down, and that back into a file: found by its inode where it
still has one, else by its content, under whatever name rotation has given to it, compressed or not.  Of the content
only hashes are kept.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO, NamedTuple, Self

import msgspec

from oomparse.errors import SourceError
from oomparse.sources.archives import Kind, contents
from oomparse.sources.compression import MAGIC_BYTES, codec_of
from oomparse.sources.files import open_file
from oomparse.sources.rotation import Age, rotation_of

CONTEXT_BYTES = 1024
"""So much of the head of a file, and of what stands before the place, is compared."""
MAX_TRIES = 50
"""So often a file is looked for that is rotated on while it is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far one file was read."""

    device: int
    inode: int
    offset: int
    """Bytes (after unpacking) in front of the first line that is still to be read."""
    lines: int
    """Lines in front of it."""
    head_bytes: int
    head: str
    """The hash of the first ``head_bytes``."""
    tail_bytes: int
    tail: str
    """The hash of the ``tail_bytes`` in front of ``offset``."""

    def fits(self, head: bytes, tail: bytes) -> bool:
        """Say whether a file with such a head, and such bytes in front of ``offset``, is the one."""
        return digest(head[: self.head_bytes]) == self.head and digest(tail[len(tail) - self.tail_bytes :]) == self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a followed log was read: one place, or several while its writers move on to the next file."""

    path: str
    time: float
    """What was written up to then had been seen; in seconds since 1970."""
    places: tuple[Place, ...] = ()
    """Oldest file first; none where there is nothing in the log yet."""

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes, fit for JSON."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a position; raises `SourceError` for what is none."""
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise SourceError(f"this is no position in a log: {error}") from error


class Found(NamedTuple):
    """Where a place is now."""

    path: str
    age: Age
    packed: bool
    """True for a compressed file, whose offsets are those of what it holds."""


def digest(data: bytes) -> str:
    """Return a hash that tells logs apart and does not tell what they say."""
    return hashlib.sha256(data).hexdigest()[:32]


def find(place: Place, path: str) -> Found | None:
    """Look for a place in ``path`` and in what rotation made of it; None where it is gone."""
    if place.head_bytes == 0:
        return None  # Any file would fit
    names = _names(path)
    for _ in range(MAX_TRIES):
        if (found := _find_in(names, place)) is not None:
            return found
        # A file that is renamed, or packed, while it is looked for stands under neither name.
        before, names = names, _names(path)
        if names == before:
            break
    return None


def _find_in(names: "list[_Name]", place: Place) -> Found | None:
    for name, age, identity in names:
        if identity == (place.device, place.inode) and holds(name, place):
            return Found(name, age, packed=False)
    for name, age, _ in names:
        if holds(name, place):
            return Found(name, age, packed=False)
    for name, age, _ in names:
        if _fits_packed(place, name):
            return Found(name, age, packed=True)
    return None


class _Name(NamedTuple):
    path: str
    age: Age
    identity: tuple[int, int] | None


def _names(path: str) -> list[_Name]:
    """Return a log and what rotation made of it, newest first, as they stand now."""
    own = (path, rotation_of(os.path.basename(path)).age)  # noqa: PTH119 - Text
    return [_Name(name, age, _identity(name)) for name, age in (own, *siblings(path))]


def siblings(path: str) -> list[tuple[str, Age]]:
    """Return the files that rotation made of ``path``, newest first, and without ``path`` itself."""
    folder, base = os.path.split(path)
    own = rotation_of(base).base
    found: list[tuple[str, Age]] = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                base_of, age = rotation_of(entry.name)
                if base_of == own and entry.name != base and entry.is_file():
                    found.append((os.path.join(folder, entry.name), age))  # noqa: PTH118 - Text
    except OSError:
        return []
    return sorted(found, key=lambda row: (row[1], row[0]), reverse=True)


def is_packed(path: str) -> bool:
    """Say whether a file is compressed; raises `SourceError`."""
    with open_file(path) as stream:
        return codec_of(stream.read(MAGIC_BYTES)) is not None


class Unpacked(NamedTuple):
    """A compressed file, unpacked up to a place."""

    head: bytes
    tail: bytes
    """What stands in front of the place."""
    rest: Iterator[bytes]
    """What stands behind it; runs until the file is closed."""


def unpack_to(stream: BinaryIO, path: str, place: Place | None) -> Unpacked | None:
    """Unpack ``stream`` up to a place (or nothing of it); None where it is not the file of the place."""
    content = next(contents(stream, path=path), None)
    if content is None or content.path != path or content.kind is not Kind.TEXT:
        return None
    blocks, head = content.blocks(), b""
    while len(head) < CONTEXT_BYTES and (block := next(blocks, b"")):
        head += block
    # Most files are told apart here, before they are unpacked up to the place.
    if place is None or digest(head[: place.head_bytes]) != place.head:
        return None if place else Unpacked(head[:CONTEXT_BYTES], b"", chain((head,), blocks))
    tail, left = b"", place.offset
    for block in chain((head,), blocks):
        tail = (tail + block[:left])[-CONTEXT_BYTES:]
        if len(block) >= left:
            if place.fits(head, tail):
                return Unpacked(head[:CONTEXT_BYTES], tail, chain((block[left:],), blocks))
            return None
        left -= len(block)
    return None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - Text
    except OSError:
        return None
    return status.st_dev, status.st_ino


def context(descriptor: int, offset: int) -> tuple[bytes, bytes]:
    """Return the head of an open file, and what stands in front of ``offset``."""
    start = max(offset - CONTEXT_BYTES, 0)
    return os.pread(descriptor, CONTEXT_BYTES, 0), os.pread(descriptor, offset - start, start)


def holds(path: str, place: Place) -> bool:
    """Say whether a file that is not compressed holds what stands in front of a place."""
    try:
        with open_file(path) as stream:
            long_enough = os.fstat(stream.fileno()).st_size >= place.offset
            return long_enough and place.fits(*context(stream.fileno(), place.offset))
    except OSError:
        return False


def _fits_packed(place: Place, path: str) -> bool:
    try:
        with open_file(path) as stream:
            return unpack_to(stream, path, place) is not None
    except OSError:
        return False
