"""What a file holds, layer by layer: compressed data, tar and zip archives, and at the bottom text or a journal.

Turns a stream of bytes into `Content`s, each one run of bytes with its own path.  Everything is told by its bytes,
never by a name, and everything is streamed: an archive is never held, and nothing is written.  A layer that is cut or
damaged gives what it held; the `Content` that suffered says so in ``issue``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.message import Line
from oomparse.sources.compression import FOREIGN, NO_END_MARK, codec_of, decompress
from oomparse.sources.lines import read_blocks, split_lines

if TYPE_CHECKING:
    import tarfile
    import zipfile

MAX_LAYERS = 5
"""Archives within archives are opened so deep."""
MAX_TAR_HEADER_BYTES = 1 << 20
"""The headers of one tar member (a long name, extended attributes, the map of a sparse file) may take so much."""
TAR_BLOCK_BYTES = 512
TAR_BUFFER_BYTES = 128 * TAR_BLOCK_BYTES
SNIFF_BYTES = 1 << 14
"""Text and binary data are told apart by so many bytes."""
MAX_GARBAGE = 0.3
"""The share of characters that no text has, above which bytes are not taken for text."""

JOURNAL_MAGIC = b"LPKSHHRH"


class Kind(StrEnum):
    """What a run of bytes looks like."""

    TEXT = "text"
    JOURNAL = "journal"
    """A binary systemd journal: for `oomparse.sources.journal`."""
    BINARY = "binary"


def kind_of(head: bytes) -> Kind:
    """Judge by the first bytes.  NULs do not count: a crash leaves runs of them in a good log."""
    if head.startswith(JOURNAL_MAGIC):
        return Kind.JOURNAL
    text = head[:SNIFF_BYTES].replace(b"\0", b"").decode("utf-8", "replace")
    garbage = sum(text.count(chr(code)) for code in range(0x20) if chr(code) not in "\t\n\r\f\x1b")
    garbage += text.count("\ufffd") + text.count("\x7f")
    return Kind.BINARY if garbage > MAX_GARBAGE * len(text) or (head and not text) else Kind.TEXT


@dataclass(slots=True, kw_only=True)
class Content:
    """One run of bytes: a file, what a compressed file holds, or a member of an archive.

    It can be read once, by `blocks` or by `lines`, and only before the next `Content` is asked for.
    """

    path: str | None
    """The file; ``archive!/member`` for a member of an archive."""
    kind: Kind
    mtime: float | None = None
    """When it was last written, in seconds since 1970, as far as known."""
    issue: Issue | None = None
    """Why this is not all; known once everything was read."""
    _blocks: Iterator[bytes] = field(repr=False)
    _layer: "_Layer" = field(repr=False)

    @property
    def file(self) -> BinaryIO | None:
        """The seekable file that holds these bytes as they are, if one does."""
        return self._layer.file if self._layer.depth == 0 else None

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes, in blocks of any size."""
        yield from self._blocks
        self.issue = self._layer.problem()

    def lines(self, *, first_number: int = 1) -> Iterator[Line]:
        """Yield the lines, with this path and numbered from ``first_number``."""
        return split_lines(self.blocks(), path=self.path, first_number=first_number)


def contents(
    stream: BinaryIO,
    *,
    path: str | None = None,
    mtime: float | None = None,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[Content]:
    """Yield what ``stream`` holds: one `Content`, or one for each file in an archive, in the order of the archive.

    ``on_read`` is told the size of every block that is read from ``stream``.  Raises `SourceError` when nothing can be
    read (later failures are an ``issue``), and for formats that are known but not unpacked.
    """
    layer = _Layer(path=path, mtime=mtime, blocks=iter(()))
    layer.blocks = _root_blocks(layer, read_blocks(stream, path=path), on_read)
    if getattr(stream, "seekable", bool)():  # An object may have read() and nothing else
        start = stream.tell()

        def replay() -> Iterator[bytes]:
            stream.seek(start)
            return read_blocks(stream, path=path)

        layer.replay = replay
        layer.file = stream
    return _descend(layer)


def _root_blocks(layer: "_Layer", blocks: Iterator[bytes], on_read: Callable[[int], object] | None) -> Iterator[bytes]:
    some = False
    try:
        for block in blocks:
            some = True
            if on_read:
                on_read(len(block))
            yield block
    except SourceError as error:
        if not some:
            raise
        layer.report(error.msg)


@dataclass(slots=True, kw_only=True)
class _Layer:
    """A run of bytes that is yet to be looked at, and what it was found in."""

    path: str | None
    mtime: float | None
    blocks: Iterator[bytes]
    above: "_Layer | None" = None
    depth: int = 0
    found: Issue | None = None
    replay: Callable[[], Iterator[bytes]] | None = None
    file: BinaryIO | None = None
    """The seekable file itself, for the outermost layer."""

    def below(self, blocks: Iterator[bytes]) -> "_Layer":
        """What this one holds, whole."""
        return _Layer(path=self.path, mtime=self.mtime, blocks=blocks, above=self, depth=self.depth + 1)

    def member(self, name: str, mtime: float | None, blocks: Iterator[bytes]) -> "_Layer":
        """One of the files that this one holds; damage elsewhere is none of its business."""
        member = _Layer(path=f"{self.path or '-'}!/{name}", mtime=mtime, blocks=iter(()), depth=self.depth + 1)
        member.blocks = _guarded(self, member, blocks)
        return member

    def content(self, kind: Kind, blocks: Iterator[bytes]) -> Content:
        return Content(path=self.path, kind=kind, mtime=self.mtime, _blocks=blocks, _layer=self)

    def nothing(self) -> Content:
        """What cannot be read, so that its issue is seen."""
        return self.content(Kind.BINARY, iter(()))

    def problem(self) -> Issue | None:
        """What cut this layer short: the outermost damage is the cause of the others."""
        return (self.above.problem() if self.above else None) or self.found

    def report(self, what: str, code: IssueCode = IssueCode.SOURCE_TRUNCATED) -> None:
        if self.found is None:
            self.found = Issue(code=code, detail=f"{self.path}: {what}" if self.path else what)


def _descend(layer: _Layer) -> Iterator[Content]:
    head = _head(layer.blocks, hurry=layer.depth == 0)
    blocks = chain((head,), layer.blocks)
    codec = codec_of(head)
    is_tar, is_zip = _is_tar(head), head.startswith(b"PK\x03\x04")
    foreign = next((row for row in FOREIGN if row[0].match(head)), None)
    if layer.depth >= MAX_LAYERS and (codec or is_tar or is_zip):
        layer.report(f"MAX_LAYERS: archives {MAX_LAYERS} deep are not opened", IssueCode.LIMIT_REACHED)
        yield layer.nothing()
    elif codec:
        plain = decompress(blocks, codec, on_damage=layer.report, replay=layer.replay)
        yield from _descend(layer.below(plain))
    elif is_tar:
        yield from _tar_members(layer, blocks)
    elif is_zip and layer.file:
        yield from _zip_members(layer, layer.file)
    elif is_zip:
        yield _refuse(
            layer, "a zip archive within a stream, which cannot be read there: unpack it, or give it as a file"
        )
    elif foreign:
        yield _refuse(layer, f"{foreign[1]} data, which oomparse does not unpack: {foreign[2]} FILE | oomparse -")
    else:
        yield layer.content(kind_of(head), blocks)


def _refuse(layer: _Layer, why: str) -> Content:
    if layer.depth == 0:
        raise SourceError(f"this is {why}", path=layer.path)
    layer.report(f"this is {why}")
    return layer.nothing()


def _head(blocks: Iterator[bytes], *, hurry: bool) -> bytes:
    """Take enough bytes to tell what follows; from a live pipe (``hurry``) a line of text is enough."""
    head = b""
    while len(head) < TAR_BLOCK_BYTES:
        if hurry and b"\n" in head and b"\0" not in head:
            break
        block = next(blocks, b"")
        if not block:
            break
        head += block
    return head


def _is_tar(head: bytes) -> bool:
    """Say whether ``head`` begins with a tar header; its checksum tells, so archives older than ustar count."""
    if not head[148:156].strip(b" \0").isdigit():
        return False  # Where the checksum would be
    import tarfile

    try:
        tarfile.TarInfo.frombuf(head[:TAR_BLOCK_BYTES], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _tar_members(layer: _Layer, blocks: Iterator[bytes]) -> Iterator[Content]:
    import tarfile

    source = _Budgeted(blocks)
    ended = False
    end_mark: type[Exception] = tarfile.EOFHeaderError  # type: ignore[attr-defined]  # not in typeshed

    class Member(tarfile.TarInfo):
        """A header that notes the archive's end mark: `tarfile` takes damage between members for the end."""

        @classmethod
        def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "Member":
            nonlocal ended
            try:
                return super().fromtarfile(tarfile_)
            except end_mark:
                ended = True
                raise

    last: Content | None = None
    try:
        with tarfile.open(fileobj=cast("Any", source), mode="r|", tarinfo=Member, bufsize=TAR_BUFFER_BYTES) as archive:
            while (info := archive.next()) is not None:
                cast("Any", archive).members.clear()  # They would pile up
                source.left = None
                if info.isfile():
                    member = layer.member(info.name, info.mtime, _tar_blocks(archive, info))
                    for last in _descend(member):
                        yield last
                    for _ in member.blocks:  # What nobody read goes past here: the next header is read on a budget
                        pass
                source.left = MAX_TAR_HEADER_BYTES
        if not ended:
            layer.report(f"tar: {NO_END_MARK}")
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - Hostile headers make tarfile raise whatever its arithmetic meets
        layer.report(f"tar: {error}")
    if (issue := layer.problem()) and not (last and last.issue == issue):
        yield layer.nothing()  # Damage between two members belongs to neither


def _tar_blocks(archive: "tarfile.TarFile", info: "tarfile.TarInfo") -> Iterator[bytes]:
    if info.issparse():
        yield from read_blocks(cast("BinaryIO", archive.extractfile(info)))
        return
    # Not by extractfile(): at the end of a cut archive that drops what it has just read.
    stream, left = cast("BinaryIO", archive.fileobj), info.size
    while left > 0:
        block = stream.read(min(left, TAR_BUFFER_BYTES))
        if not block:
            raise _CutError(f"tar: {NO_END_MARK}")
        left -= len(block)
        yield block


def _zip_members(layer: _Layer, file: BinaryIO) -> Iterator[Content]:
    import zipfile

    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        layer.report(f"zip: {error}; an archive without its last part can be repaired with zip -FF")
        yield layer.nothing()
        return
    with archive:
        for info in archive.infolist():
            if not info.is_dir():
                mtime = _zip_time(info)
                yield from _descend(layer.member(info.filename, mtime, _zip_blocks(archive, info)))


def _zip_time(info: "zipfile.ZipInfo") -> float | None:
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:  # Nothing keeps an archive from saying the 150th month
        return None


def _zip_blocks(archive: "zipfile.ZipFile", info: "zipfile.ZipInfo") -> Iterator[bytes]:
    import zipfile

    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}:
        raise NotImplementedError(f"compression method {info.compress_type} is not read")
    with archive.open(info) as member:
        yield from read_blocks(cast("BinaryIO", member), path=archive.filename)


def _guarded(archive: _Layer, member: _Layer, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``blocks`` up to the first damage; where the archive itself is cut, that is the cause."""
    try:
        yield from blocks
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - As for headers: whatever zipfile and tarfile raise is damage
        if archive.problem() is None:
            (archive if isinstance(error, _CutError) else member).report(str(error))
        member.found = archive.problem() or member.found


class _CutError(EOFError):
    """The archive ends within a member."""


class _Budgeted:
    """The stream that `tarfile` reads.  While ``left`` is a number, more than so many bytes are damage."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.left: int | None = MAX_TAR_HEADER_BYTES
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0 and (self._rest or (block := next(self._blocks, b""))):
            self._rest = self._rest or block
            parts.append(self._rest[:size])
            self._rest = self._rest[size:]
            size -= len(parts[-1])
        data = b"".join(parts)
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                import tarfile

                raise tarfile.ReadError(f"MAX_TAR_HEADER_BYTES: a header is longer than {MAX_TAR_HEADER_BYTES} bytes")
        return data
