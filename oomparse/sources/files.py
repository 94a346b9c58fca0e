"""Which files to read, and in which order.

Turns what a person names (files, folders, globs, URLs, ``-``) into `Series`: a log with its rotated predecessors,
oldest first, to be read as one stream, so that a report that was split by a rotation is whole.  Refuses what is no
log (devices, folders without one) with a `SourceError` that says what to do instead.
"""

import errno
import glob
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import field
from functools import partial
from typing import BinaryIO

from oomparse.errors import SourceError
from oomparse.record import record
from oomparse.sources.archives import Content, Kind, contents
from oomparse.sources.rotation import Age, rotation_of

Target = str | os.PathLike[str]
OnError = Callable[[SourceError], object]

_KMSG = "this is the kernel's log device, not a file: use `oomparse follow --kmsg`, or `dmesg | oomparse -`"
_KMSG_DEVICE = (1, 11)
_NULL_DEVICE = (1, 3)
_HELP = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "no permission to read this: run as root, or as a member of its group (often adm or systemd-journal)",
    errno.EISDIR: "this is a folder, not a file",
    errno.ENOTDIR: "there is no such file: a part of the path is not a folder",
}


@record(frozen=True, slots=True, kw_only=True)
class File:
    """Something to open: a local file, standard input, or an object behind a URL."""

    path: str
    opener: Callable[[], AbstractContextManager[BinaryIO]] = field(repr=False, compare=False)
    size: int | None = None
    """In bytes, as stored (compressed); ``None`` for a pipe."""
    mtime: float | None = None
    """When it was last written, in seconds since 1970."""


@record(frozen=True, slots=True, kw_only=True)
class Series:
    """A log and its rotated predecessors, oldest first; or the journal files of one target, which belong together."""

    name: str
    """The path of the file that is being written, whether or not it is among them."""
    kind: Kind
    """`Kind.JOURNAL` where all files are (perhaps compressed) journals: those are for `oomparse.sources.journal`."""
    files: tuple[File, ...]

    @property
    def size(self) -> int | None:
        """The bytes to be read from all files, compressed; ``None`` where that is not known."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None

    @property
    def mtime(self) -> float | None:
        """When the newest was last written: the end of the log, for stamps without a year."""
        return max((file.mtime for file in self.files if file.mtime is not None), default=None)

    def contents(
        self, *, on_error: OnError | None = None, on_read: Callable[[int], object] | None = None
    ) -> Iterator[Content]:
        """Open one file after the other and yield what it holds; each `Content` must be read before the next.

        A file that cannot be opened raises `SourceError`, unless ``on_error`` takes it.  ``on_read`` is told the size
        of every block that is read (of the compressed data), for a progress bar.
        """
        for file in self.files:
            try:
                with file.opener() as stream:
                    yield from contents(stream, path=file.path, mtime=file.mtime, on_read=on_read)
            except SourceError as error:
                if on_error is None:
                    raise
                on_error(error)


def expand(targets: Iterable[Target], *, on_error: OnError | None = None) -> list[Series]:
    """Return what there is to read, in the order given, and sorted by name within a folder.

    A target is a file, a folder (searched to its depth for whatever looks like a log or a journal), a glob (``**``
    included), a URL (through fsspec, extra ``remote``; nothing else touches the network), or ``-`` for standard input.
    Files of one rotated set are one series, wherever they stand in the list; a file named twice is read once.

    What cannot be read raises `SourceError`, unless ``on_error`` takes it; then the rest is returned.
    """
    found = _Found(on_error)
    for target in targets:
        with found.errors():
            _add(found, os.fspath(target))
    return found.series()


def open_file(path: str) -> BinaryIO:
    """Open a local file or a named pipe for reading; `SourceError` says what is wrong with anything else."""
    _status(path)
    try:
        return open(path, "rb")  # the caller closes it
    except OSError as error:
        raise source_error(error, path) from error


def _status(path: str) -> os.stat_result:
    """Return what ``path`` is, if that is something to read to its end."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise source_error(error, path) from error
    device = stat.S_ISCHR(status.st_mode) and (os.major(status.st_rdev), os.minor(status.st_rdev))
    if device == _KMSG_DEVICE or os.path.realpath(path) == "/proc/kmsg":
        raise SourceError(_KMSG, path=path)
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(_HELP[errno.EISDIR], path=path)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode) or device == _NULL_DEVICE):
        raise SourceError("this is a device or a socket, not a log", path=path)
    return status


def source_error(error: OSError | ValueError, path: str) -> SourceError:
    """Say what went wrong with ``path``, to the person who named it."""
    if isinstance(error, ValueError):
        return SourceError(f"this cannot be a path: {error}", path=path)
    return SourceError(_HELP.get(error.errno or 0) or f"cannot be read: {error.strerror or error}", path=path)


class _Found:
    """The files so far, each once, in order."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error = on_error
        self._groups: dict[tuple[Kind, str], list[File]] = {}
        self._seen: set[str] = set()

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except SourceError as error:
            if self._on_error is None:
                raise
            self._on_error(error)

    def walk_error(self, error: OSError) -> None:
        with self.errors():
            raise source_error(error, error.filename)

    def add(self, file: File, kind: Kind, group: str) -> None:
        local = file.path if "://" in file.path else os.path.realpath(file.path)
        if local not in self._seen:
            self._seen.add(local)
            self._groups.setdefault((kind, group), []).append(file)

    def series(self) -> list[Series]:
        return [
            Series(name=name, kind=kind, files=tuple(sorted(files, key=_age)))
            for (kind, name), files in self._groups.items()
        ]


def _age(file: File) -> tuple[Age, float, str]:
    # Equal ages: the same file plain and compressed, or two hosts' logs copied together.
    return rotation_of(os.path.basename(file.path)).age, file.mtime or 0.0, file.path


def _group(path: str) -> str:
    """Return the name of the log of which this is a file, however the path to it is spelt."""
    # A link/.. may be anywhere.
    folder, name = os.path.split(path if ".." in path.split("/") else os.path.normpath(path))
    return os.path.join(folder, rotation_of(name).base) if name else path


def _add(found: _Found, target: str) -> None:
    if "://" in target:
        from urllib.parse import unquote, urlsplit

        url = urlsplit(target)
        if url.scheme == "file":
            target = unquote(url.path)
        elif url.scheme:
            _add_remote(found, target)
            return
    if target in {"-", "/dev/stdin"}:
        found.add(File(path="-", opener=_stdin), Kind.TEXT, "-")
    elif os.path.isdir(target):
        if not _add_folder(found, target, journals=target):
            raise SourceError(
                "nothing to read here: no text (kern.log, messages, syslog, dmesg, *.log, rotated or compressed), "
                "no archive and no journal in this folder or below",
                path=target,
            )
    elif glob.has_magic(target) and not os.path.lexists(target):
        matches = sorted(glob.glob(target, recursive=True))
        if not matches:
            raise SourceError("no file matches this pattern", path=target)
        for match in matches:
            with found.errors():
                if os.path.isdir(match):
                    _add_folder(found, match, journals=match)
                else:
                    _add_file(found, match, journals=_folder_of(match))
    else:
        _add_file(found, target, journals=_folder_of(target))


def _add_remote(found: _Found, url: str) -> None:
    from oomparse.sources.remote import remote_files

    for file in remote_files(url):
        head, _, tail = file.path.partition("://")
        found.add(file, Kind.TEXT, f"{head}://{_group(tail)}")


def _folder_of(path: str) -> str:
    return os.path.dirname(path) or "."


def _add_file(found: _Found, path: str, *, journals: str) -> None:
    """Add a file that was named, whatever it holds."""
    status = _status(path)
    # Looking into a pipe would take out what is to be read.
    kind = _sniff(path) if stat.S_ISREG(status.st_mode) else Kind.TEXT
    _add_local(found, path, status, kind, journals)


def _add_folder(found: _Found, root: str, *, journals: str) -> bool:
    """Add what is readable in a folder and below; say whether there was anything."""
    some = False
    for folder, folders, names in os.walk(root, onerror=found.walk_error):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(folder, name)
            # Links into nowhere, pipes and sockets are no logs; nobody named them.
            if name.startswith(".") or not os.path.isfile(path):
                continue
            with found.errors():
                kind = _sniff(path)
                if kind is not Kind.BINARY:
                    _add_local(found, path, _status(path), kind, journals)
                    some = True
    return some


def _add_local(found: _Found, path: str, status: os.stat_result, kind: Kind, journals: str) -> None:
    regular = stat.S_ISREG(status.st_mode)
    file = File(
        path=path,
        opener=partial(open_file, path),
        size=status.st_size if regular else None,
        mtime=status.st_mtime if regular else None,
    )
    if kind is Kind.JOURNAL:
        found.add(file, Kind.JOURNAL, journals)
    else:
        found.add(file, Kind.TEXT, _group(path))


def _sniff(path: str) -> Kind:
    """Look at the first bytes; an archive counts as text, whatever its first member is."""
    with open_file(path) as stream:
        first = next(contents(stream, path=path), None)
        return Kind.TEXT if first is None or first.path != path else first.kind


def _stdin() -> AbstractContextManager[BinaryIO]:
    if sys.stdin is None:
        raise SourceError("standard input is closed", path="-")
    return nullcontext(sys.stdin.buffer)  # Not ours to close
