"""Progress on disk: what a follower saves so that a restart loses nothing and repeats nothing.

Turns a small JSON object into a file and back.  The file is replaced whole or not at all, also when the machine goes
down: written beside, flushed to disk, renamed.  What stands in it is for the caller to say.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from oomparse.errors import SourceError
from oomparse.sources.files import source_error

VERSION = 1
MAX_CURSOR_BYTES = 1 << 24


class CursorStore:
    """A file that holds the progress of one follower."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def load(self) -> dict[str, Any] | None:
        """Return what was saved last, or None where nothing was.

        Raises `SourceError` for a file that cannot be read, or is no such file.
        """
        if os.path.exists(self.path) and not os.path.isfile(self.path):  # noqa: PTH110, PTH113 - As the person wrote it
            what = "folder" if os.path.isdir(self.path) else "device or pipe"  # noqa: PTH112 - As above
            raise SourceError(f"this is a {what}; a cursor is kept in a file, which is replaced", path=self.path)
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - A path as the person wrote it
                data = file.read(MAX_CURSOR_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise source_error(error, self.path) from error
        if not data:
            return None  # As mktemp makes it
        try:
            saved = json.loads(data)
        except ValueError:
            saved = None
        if not isinstance(saved, dict) or not isinstance(saved.get("state"), dict):
            raise SourceError(
                "this is no cursor of oomparse: name another file, or remove it to begin anew", path=self.path
            )
        if saved.get("version") != VERSION:
            raise SourceError("this cursor was written by another version: remove it to begin anew", path=self.path)
        state: dict[str, Any] = saved["state"]
        return state

    def save(self, state: Mapping[str, object]) -> None:
        """Replace what was saved; when this returns, it is on disk.  Raises `SourceError` where it cannot be."""
        data = json.dumps({"version": VERSION, "state": state}, separators=(",", ":")).encode("ascii")
        target = Path(os.path.realpath(self.path))  # A link stays a link
        beside = target.with_name(f".{target.name}.new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            beside.replace(target)
            folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise SourceError(f"the cursor cannot be saved: {error.strerror or error}", path=self.path) from error
