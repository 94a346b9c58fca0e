"""Objects behind URLs, through fsspec (extra ``remote``).

Turns a URL, a glob or a prefix (``s3://bucket/logs/2026/**``) into the files that it stands for.  The only module that
may use the network, and only for a URL that somebody gave.
"""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, BinaryIO

from oomparse.errors import SourceError
from oomparse.sources.files import File

_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""What the file systems of fsspec call the time of the last change."""


def remote_files(url: str) -> list[File]:
    """Return the objects that ``url`` names, sorted by name; a prefix stands for everything below it.

    Raises `SourceError` where fsspec, or its driver for this kind of URL, is not installed, and for whatever that
    driver raises.
    """
    try:
        import fsspec
    except ImportError as error:
        raise SourceError('URLs are read through fsspec: pip install "oomparse[remote]"', path=url) from error
    try:
        system, _, paths = fsspec.get_fs_token_paths(url, mode="rb")
        files: list[File] = []
        for path in sorted(paths):
            below = system.find(path, detail=True) if system.isdir(path) else {path: system.info(path)}
            files.extend(_file(system, name, info) for name, info in sorted(below.items()))
    except Exception as error:  # Each driver has its own
        raise _source_error(error, url) from error
    if not files:
        raise SourceError("no object behind this URL", path=url)
    return files


def _file(system: Any, name: str, info: dict[str, Any]) -> File:
    path = str(system.unstrip_protocol(name))

    def opener() -> AbstractContextManager[BinaryIO]:
        try:
            return system.open(name, "rb")  # type: ignore[no-any-return]  # fsspec is untyped
        except Exception as error:
            raise _source_error(error, path) from error

    return File(path=path, opener=opener, size=info.get("size"), mtime=_mtime(info))


def _mtime(info: dict[str, Any]) -> float | None:
    value = next(filter(None, map(info.get, _TIMES)), None)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.timestamp() if value.tzinfo else None
    return float(value) if isinstance(value, int | float) else None


def _source_error(error: Exception, path: str) -> SourceError:
    what = "there is no such object" if isinstance(error, FileNotFoundError) else str(error) or type(error).__name__
    return SourceError(what, path=path)
