"""Compressed bytes in, plain bytes out, as a stream.

The format is told by its magic number, never by a name; several members one after the other (also of different
formats, and with NUL padding) are one stream.  A stream that is cut or damaged gives every byte that can still be had
and then says so.  Memory is bounded whatever the stream claims: output comes in steps, and windows have a limit.

isal, where installed, unpacks gzip at about twice the speed; it gives the same bytes, as damage is always left to zlib.
"""

import re
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, cast

from oomparse.errors import SourceError
from oomparse.record import record

if TYPE_CHECKING:
    from backports.zstd import ZstdError

STEP_BYTES = 1 << 18
"""The most that one call of a decompressor may put out."""
PIECE_BYTES = 1 << 16
"""The most that one call may take in."""
MAX_WINDOW_BYTES = 1 << 28
"""An xz stream that needs a larger dictionary is refused (zstd itself refuses more than 128 MiB)."""
MAGIC_BYTES = 10
"""So many bytes tell every format."""
NO_END_MARK = "the data end before their end mark"


class Decompressor(Protocol):
    """What `bz2`, `lzma` and `zstd` decompressors have in common."""

    @property
    def eof(self) -> bool:
        """True once the end mark was read."""

    @property
    def needs_input(self) -> bool:
        """False while there is output to be had without input."""

    @property
    def unused_data(self) -> bytes:
        """What was given after the end mark."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most ``max_length`` bytes; the input that this leaves is kept."""


class _Gunzip:
    """`zlib` under the interface of the others; header, checksum and length are zlib's to check."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))
        self.needs_input = not self.eof and not self._inner.unconsumed_tail and len(out) != max_length
        return out


# What reads a format is imported where a file of it comes.


def _unbzip2() -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _unxz() -> Decompressor:
    import lzma

    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MAX_WINDOW_BYTES)


def _unzstd() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor
    else:
        from backports.zstd import ZstdDecompressor
    return ZstdDecompressor()


def _zstd_error() -> "type[ZstdError]":
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdError
    else:
        from backports.zstd import ZstdError
    return ZstdError


def _fast_gunzip() -> Callable[[], Decompressor] | None:
    try:
        from isal import igzip_lib
    except ImportError:
        return None
    return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _damage() -> tuple[type[Exception], ...]:
    """What the decompressors raise at bytes that they cannot read (bz2: OSError)."""
    import lzma

    known: list[type[Exception]] = [EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, _zstd_error()]
    try:
        from isal import igzip_lib
    except ImportError:
        pass
    else:
        known.append(cast("type[Exception]", igzip_lib.IsalError))
    return tuple(known)


@record(frozen=True, slots=True, kw_only=True)
class Codec:
    """A compression format: how its streams begin, and who reads them."""

    name: str
    magic: re.Pattern[bytes]
    open: Callable[[], Decompressor]
    open_fast: Callable[[], Callable[[], Decompressor] | None] = lambda: None


CODECS = (
    Codec(name="gzip", magic=re.compile(rb"\x1f\x8b\x08"), open=_Gunzip, open_fast=_fast_gunzip),
    Codec(name="xz", magic=re.compile(rb"\xfd7zXZ\0"), open=_unxz),
    Codec(name="bzip2", magic=re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), open=_unbzip2),
    # A stream may begin with a skippable frame, as pzstd writes them.
    Codec(name="zstd", magic=re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL), open=_unzstd),
)

FOREIGN = (
    (re.compile(rb"\x04\x22\x4d\x18"), "lz4", "lz4 -dc"),
    (re.compile(rb"\x1f\x9d"), "compress (.Z)", "uncompress -c"),
    (re.compile(rb"LZIP[\0\1]"), "lzip", "lzip -dc"),
    (re.compile(rb"\x89LZO\0\r\n\x1a"), "lzop", "lzop -dc"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "7-Zip", "7z x -so"),
    (re.compile(rb"Rar!\x1a\x07"), "RAR", "unrar p -inul"),
)
"""Formats that are known but not read, and the command that unpacks them to its output."""


def codec_of(head: bytes) -> Codec | None:
    """Return the format whose magic number ``head`` (`MAGIC_BYTES` are enough) begins with."""
    return next((codec for codec in CODECS if codec.magic.match(head)), None)


def decompress(
    blocks: Iterator[bytes],
    codec: Codec,
    *,
    on_damage: Callable[[str], None],
    replay: Callable[[], Iterator[bytes]] | None = None,
) -> Iterator[bytes]:
    """Yield what the compressed ``blocks`` hold.

    ``on_damage`` is told, once and last, why this is not all.  With ``replay``, which yields the compressed bytes once
    more, not a byte before the damage is lost; without it up to `STEP_BYTES` may be.
    """
    given = before = 0  # Compressed bytes: all of them so far, and those before the latest block
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal given, before
        for block in _pieces(blocks):
            before, given = given, given + len(block)
            yield block

    # Without a second look isal must not be asked: at damage it would give other bytes than zlib.
    fast = codec.open_fast() if replay else None
    try:
        for data in _members(counted(), codec, fast):
            taken += len(data)
            yield data
    except SourceError:
        raise
    except _damage() as error:
        if replay and not isinstance(error, EOFError):
            rest = _until_damage(_members(_finely(replay(), before, given), codec, None))
            yield from _skip(rest, taken)
        on_damage(f"{codec.name}: {error}")


def _members(blocks: Iterator[bytes], codec: Codec, fast: Callable[[], Decompressor] | None) -> Iterator[bytes]:
    """Unpack one member after the other; raise one of `_damage` where that ends too early."""
    data = b""
    while True:
        inner = (fast if fast and codec.name == "gzip" else codec.open)()
        while not inner.eof:
            if not data and inner.needs_input:
                data = next(blocks, b"")
                if not data:
                    raise EOFError(NO_END_MARK)
            out = inner.decompress(data, STEP_BYTES)
            data = b""
            if out:
                yield out
        data = inner.unused_data.lstrip(b"\0")
        while len(data) < MAGIC_BYTES and (more := next(blocks, b"")):
            data = (data + more).lstrip(b"\0")
        if not data:
            return
        following = codec_of(data)
        if following is None:
            raise ValueError("what follows the end mark is not compressed; it was not read")
        codec = following


def _pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for start in range(0, len(block), PIECE_BYTES):
            yield block[start : start + PIECE_BYTES]


def _finely(blocks: Iterator[bytes], before: int, until: int) -> Iterator[bytes]:
    """Yield the bytes of ``blocks`` again, those from ``before`` to ``until`` one by one."""
    at = 0
    for block in blocks:
        if coarse := block[: max(before - at, 0)]:
            yield coarse
        middle = block[max(before - at, 0) : max(until - at, 0)]
        for offset in range(len(middle)):
            yield middle[offset : offset + 1]
        if coarse := block[max(until - at, 0) :]:
            yield coarse
        at += len(block)


def _until_damage(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except _damage():
        return


def _skip(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        if len(block) > count:
            yield block[count:]
        count = max(count - len(block), 0)
