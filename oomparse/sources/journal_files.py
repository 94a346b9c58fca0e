"""Journal files as libsystemd takes them: open descriptors of plain, whole files.

Turns a `File` or `Content` that holds a systemd journal into a file descriptor.  What is compressed or inside an
archive is unpacked into a temporary folder; a file that is shorter than its header says is copied there and filled up
with zeros, without which libsystemd would not open it.  Either takes at most `MAX_JOURNAL_BYTES` of disk.  Nothing is
written to a file that was there before.
"""

import errno
import io
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.sources.archives import JOURNAL_MAGIC, Content, Kind, contents
from oomparse.sources.files import File, source_error
from oomparse.sources.lines import read_blocks

MAX_JOURNAL_BYTES = 1 << 32
"""The largest journal that is unpacked or repaired; journald begins a new file far below."""

_HEADER = struct.Struct("<8sIIB7x64sQQ40xQQ")
"""The file header up to the number of entries (systemd, docs/JOURNAL_FILE_FORMAT.md)."""
_ONLINE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFile:
    """An open journal file, and what its header says."""

    path: str
    descriptor: int
    entries: int
    closed: bool
    """False for a file that journald is writing, or was writing when the machine went down."""


class Workshop:
    """Opens journal files; temporary files last until `close`, as libsystemd refuses files without a name."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        """What is missing from the files."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0

    def close(self) -> None:
        """Remove the temporary files."""
        if self._folder is not None:
            self._folder.cleanup()

    def open(self, file: File | Content) -> JournalFile:
        """Return an open file, the caller's to close.

        Raises `SourceError` for what is no journal, or cannot be read or unpacked.
        """
        path = file.path or "-"
        try:
            if isinstance(file, Content):
                return self._unpacked(file, path)
            with file.opener() as stream:
                raw = getattr(stream, "raw", None)
                if isinstance(raw, io.FileIO) and stream.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC:
                    return self._whole(os.dup(raw.fileno()), path)
                stream.seek(0)
                return self._unpacked(next(contents(stream, path=path), None), path)
        except SourceError:
            raise
        except OSError as error:
            if error.errno == errno.ENOSPC:
                where = tempfile.gettempdir()
                raise SourceError(
                    f"no room in {where} to unpack this: name another folder in TMPDIR", path=path
                ) from error
            raise source_error(error, path) from error

    def _unpacked(self, content: Content | None, path: str) -> JournalFile:
        if content is None or content.kind is not Kind.JOURNAL:
            raise SourceError("this is no systemd journal", path=path)
        descriptor = self._write(content.blocks(), path)
        if content.issue is not None:
            self.issues.append(content.issue)
        return self._whole(descriptor, path, told=content.issue is not None)

    def _whole(self, descriptor: int, path: str, *, told: bool = False) -> JournalFile:
        """Read the header of a file, and see to it that the file is as long as that says."""
        try:
            _, _, _, state, _, header_bytes, arena_bytes, _, entries = _header(descriptor, path)
            size, wanted = os.fstat(descriptor).st_size, header_bytes + arena_bytes
            if size < wanted:
                with os.fdopen(os.dup(descriptor), "rb") as stream:
                    stream.seek(0)
                    longer = self._write(read_blocks(stream, path=path), path)
                os.close(descriptor)
                descriptor = longer
                os.ftruncate(descriptor, min(wanted, MAX_JOURNAL_BYTES))
                if not told:
                    detail = f"{path}: the journal is cut after {size} of {wanted} bytes"
                    self.issues.append(Issue(code=IssueCode.SOURCE_TRUNCATED, detail=detail))
        except BaseException:
            os.close(descriptor)
            raise
        return JournalFile(path=path, descriptor=descriptor, entries=entries, closed=state != _ONLINE)

    def _write(self, blocks: Iterator[bytes], path: str) -> int:
        """Write a temporary file; zeros, of which a journal has many, take no room in it."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="oomparse-")
        self._count += 1
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(f"{self._folder.name}/{self._count}.journal", flags, 0o600)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            size = 0
            try:
                for block in blocks:
                    size += len(block)
                    if size > MAX_JOURNAL_BYTES:
                        _refuse_size(path)
                    if block.count(0) == len(block):
                        file.seek(size)
                    else:
                        file.write(block)
                file.truncate(size)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor


def _header(descriptor: int, path: str) -> tuple[bytes, int, int, int, bytes, int, int, int, int]:
    data = os.pread(descriptor, _HEADER.size, 0)
    if len(data) < _HEADER.size:
        raise SourceError("this journal is cut within its header: nothing is left to read", path=path)
    header: tuple[bytes, int, int, int, bytes, int, int, int, int] = _HEADER.unpack(data)
    return header


def _refuse_size(path: str) -> None:
    raise SourceError(f"MAX_JOURNAL_BYTES: this has more than {MAX_JOURNAL_BYTES} bytes unpacked", path=path)
