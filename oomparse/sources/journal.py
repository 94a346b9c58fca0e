"""Entries of binary systemd journals, through systemd-python (extra ``journal``).

Turns the running journal, a folder of journals or single files into entries: mappings of field names to bytes (a list
of bytes where a field is repeated), as journald stored them, with ``__CURSOR`` (text), ``__REALTIME_TIMESTAMP`` and
``__MONOTONIC_TIMESTAMP`` (microseconds).  What they mean is for `oomparse.transports.journal_entry`.  Kernel entries
are found by the journal's own index.  A file that is cut or damaged gives what libsystemd can still read of it, and
an issue.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, NoReturn, Self, TypeAlias

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.sources.archives import Content
from oomparse.sources.files import File, OnError, source_error
from oomparse.sources.journal_files import JournalFile, Workshop

Entry: TypeAlias = Mapping[str, object]
"""bytes or a list of bytes; text, an integer or a pair for the fields that begin with two underscores."""

MAX_BAD_ENTRIES = 1000
"""After so many unreadable entries in a row the rest of a journal is given up."""
SMALL_ENTRIES = 10_000
"""Journals of up to so many entries (0.1 s of work) are read whole: that shows whether any entry is missing."""
MAX_UNINDEXED_ENTRIES = 250_000
"""As many where the index is in doubt, as a file was not closed."""
TICK_SECONDS = 0.05

_LIVE_FOLDERS = ("/var/log/journal", "/run/log/journal")
_HOW_TO_INSTALL = (
    'reading binary journals takes systemd-python: pip install "oomparse[journal]" (it compiles: Debian and Ubuntu '
    "need libsystemd-dev pkg-config gcc python3-dev, Fedora needs systemd-devel gcc python3-devel), or your "
    "distribution's python3-systemd; or let journalctl read it: journalctl -k -o export | oomparse -"
)
_HELP = {
    errno.ENODATA: "this journal is empty or cut within its header: nothing is left to read",
    errno.EBADMSG: "this journal is damaged within its header, or is no journal",
    errno.EPROTONOSUPPORT: (
        "this journal was written by a newer systemd than the library here can read; where it was written, "
        "journalctl -k -o export turns it into text for oomparse"
    ),
}


class Journal:
    """An open journal, to be read once, from its beginning unless another place was sought.

    For one thread at a time, as libsystemd demands.
    """

    def __init__(
        self, reader: Any, *, name: str, kernel_only: bool, files: Sequence[JournalFile] = (), workshop: Workshop
    ) -> None:
        self.name = name
        """The folder or file that it was opened as."""
        self.issues = workshop.issues
        """What is missing from it; complete once everything was read."""
        self._reader = reader
        self._workshop = workshop
        self._kernel_only = kernel_only
        self._files = files
        self._from_start = True
        self._indexed = kernel_only and not self.issues and _use_index(files)
        reader.data_threshold = 0  # Fields are cut after 64 KiB otherwise
        reader.converters = _AsStored()
        if self._indexed:
            reader.add_match("_TRANSPORT=kernel")

    @classmethod
    def of_files(
        cls, files: Iterable[File | Content], *, kernel_only: bool = True, on_error: OnError | None = None
    ) -> Self:
        """Open journal files as one journal, its entries in order of time.

        ``kernel_only`` leaves out what did not come through the kernel's log.  A file that cannot be opened raises
        `SourceError`, unless ``on_error`` takes it; then the others are read.
        """
        module = _systemd()
        workshop = Workshop()
        opened: list[JournalFile] = []
        try:
            for file in files:
                try:
                    opened.append(_open(module, workshop.open(file)))
                except SourceError as error:
                    if on_error is None:
                        raise
                    on_error(error)
            # From here on the descriptors are libsystemd's to close.
            reader = module.Reader(files=[file.descriptor for file in opened] or _no_files())
        except BaseException:
            for taken in opened:
                os.close(taken.descriptor)
            workshop.close()
            raise
        name = opened[0].path if len(opened) == 1 else os.path.commonpath([file.path for file in opened])
        return cls(reader, name=name or "journal", kernel_only=kernel_only, files=opened, workshop=workshop)

    @classmethod
    def live(
        cls, folder: str | os.PathLike[str] | None = None, *, namespace: str | None = None, kernel_only: bool = True
    ) -> Self:
        """Open the journal of this machine, or the one that is being written in ``folder``.

        Rotation is followed.  Raises `SourceError` where there is no journal, or none that may be read.
        """
        module = _systemd()
        name = os.fspath(folder) if folder is not None else "journal"
        _require_readable((name,) if folder is not None else _LIVE_FOLDERS, name)
        try:
            reader = module.Reader(path=name) if folder is not None else module.Reader(namespace=namespace)
        except OSError as error:
            raise _journal_error(error, name) from error
        return cls(reader, name=name, kernel_only=kernel_only, workshop=Workshop())

    def seek_cursor(self, cursor: str) -> bool:
        """Go behind the entry of ``cursor``; False where that entry is gone: what came next is read next."""
        self._from_start = False
        try:
            self._reader.seek_cursor(cursor)
            if self._reader.get_next() and self._reader.test_cursor(cursor):
                return True
            self._reader.seek_cursor(cursor)
        except (OSError, ValueError) as error:
            raise SourceError(f"this is no cursor of a journal: {cursor!r}", path=self.name) from error
        return False

    def seek_end(self) -> str | None:
        """Go behind the last entry; return its cursor, or None where there is no entry yet."""
        self._from_start = False
        self._reader.seek_tail()
        # Without a step back, libsystemd does not notice what is written next.
        last = self._reader.get_previous()
        if last:
            return str(last["__CURSOR"])
        self._reader.seek_head()
        return None

    def entries(self) -> Iterator[Entry]:
        """Yield the entries up to the present end."""
        read = bad = in_a_row = 0
        cursor: str | None = None
        while in_a_row < MAX_BAD_ENTRIES:
            try:
                entry: dict[str, object] = self._reader.get_next()
            except (OSError, ValueError):
                bad, in_a_row = bad + 1, in_a_row + 1
                if self._indexed:
                    self._leave_index(cursor)
                    bad = 0
                continue
            if not entry:
                break
            in_a_row = 0
            read += 1
            cursor = str(entry["__CURSOR"])
            if self._indexed or not self._kernel_only or entry.get("_TRANSPORT") == b"kernel":
                yield entry
        self._report(read, bad, gave_up=in_a_row >= MAX_BAD_ENTRIES)

    def _report(self, read: int, bad: int, *, gave_up: bool) -> None:
        what = f"damaged entries that could not be read: {bad}" if bad else ""
        if len(self._files) == 1 and not self._indexed and self._from_start and read + bad < self._files[0].entries:
            what = f"only {read} of {self._files[0].entries} entries could be read"
        if gave_up:
            what += "; MAX_BAD_ENTRIES reached, the rest was given up"
        if what:
            self.issues.append(Issue(code=IssueCode.SOURCE_TRUNCATED, detail=f"{self.name}: {what}"))

    def follow(self, stop: Event, *, tick_seconds: float = TICK_SECONDS) -> Iterator[Entry | None]:
        """Yield entries as they are written, until ``stop`` is set; None about every ``tick_seconds`` between."""
        while not stop.is_set():
            for entry in self.entries():
                yield entry
                if stop.is_set():
                    return
            yield None
            with suppress(OSError):
                # journald tells of what it wrote up to a quarter of a second late: a tick does not rely on it.
                self._reader.wait(tick_seconds)

    def _leave_index(self, cursor: str | None) -> None:
        """Go on from the last good entry without the index, which may be what is damaged."""
        self._indexed = False
        self._reader.flush_matches()
        with suppress(OSError, SourceError):
            if cursor is None:
                self._reader.seek_head()
            else:
                self.seek_cursor(cursor)

    def close(self) -> None:
        """Close the files."""
        self._reader.close()
        self._workshop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _AsStored(dict[str, Any]):
    """Converters that leave every field as it is; systemd-python's own turn times into the local zone."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002 - The signature is dict's
        return _same


def _same(value: object) -> object:
    return value


def _systemd() -> Any:
    try:
        from systemd import journal
    except ImportError as error:
        raise SourceError(_HOW_TO_INSTALL) from error
    return journal


def _use_index(files: Sequence[JournalFile]) -> bool:
    """Say whether to trust the index: a machine that ran out of memory often went down without closing its journal."""
    limit = SMALL_ENTRIES if all(file.closed for file in files) else MAX_UNINDEXED_ENTRIES
    return not files or sum(file.entries for file in files) > limit


def _no_files() -> NoReturn:
    raise SourceError("none of the journal files can be read")


def _open(module: Any, file: JournalFile) -> JournalFile:
    """Return ``file`` if libsystemd takes it; tried out alone, as one bad file makes it refuse all."""
    trial = os.dup(file.descriptor)
    try:
        module.Reader(files=[trial]).close()
    except OSError as error:
        os.close(trial)
        os.close(file.descriptor)
        raise _journal_error(error, file.path) from error
    return file


def _journal_error(error: OSError, path: str) -> SourceError:
    return SourceError(_HELP[error.errno], path=path) if error.errno in _HELP else source_error(error, path)


def _require_readable(folders: Sequence[str], name: str) -> None:
    """Raise where libsystemd would silently read nothing."""
    found = [path for folder in folders for path in Path(folder).glob("**/*.journal")]
    if not found:
        where = " and ".join(folders)
        raise SourceError(f"no journal files in {where}: is journald running, and does it write there?", path=name)
    if not any(os.access(path, os.R_OK) for path in found):
        raise SourceError("no permission to read the journal: run as root or in the group systemd-journal", path=name)
