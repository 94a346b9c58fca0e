import json
import os
from pathlib import Path

import pytest

from oomparse.errors import SourceError
from oomparse.sources.cursor import CursorStore


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = CursorStore(tmp_path / "cursor")
    assert store.load() is None
    store.save({"journal": "s=1;i=2", "seen": ["a", "b"], "odd": "\udcff"})
    store.save({"journal": "s=1;i=3", "odd": "\udcff"})
    assert CursorStore(str(tmp_path / "cursor")).load() == {"journal": "s=1;i=3", "odd": "\udcff"}
    assert [path.name for path in tmp_path.iterdir()] == ["cursor"]
    assert (tmp_path / "cursor").stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CursorStore(tmp_path / "cursor")
    store.save({"n": 1})

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SourceError, match=r"cursor: the cursor cannot be saved: No space left on device"):
        store.save({"n": 2})
    assert store.load() == {"n": 1}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "cursor").symlink_to(tmp_path / "real" / "cursor")
    CursorStore(tmp_path / "cursor").save({"n": 1})
    assert (tmp_path / "cursor").is_symlink()
    assert json.loads((tmp_path / "real" / "cursor").read_text())["state"] == {"n": 1}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"Nov 21 02:20:54 host kernel: x\n", "no cursor of oomparse"),
        (b"[]", "no cursor of oomparse"),
        (b'{"version":1,"state":[]}', "no cursor of oomparse"),
        (b'{"version":2,"state":{}}', "another version"),
        (b"\xff", "no cursor of oomparse"),
    ],
)
def test_what_is_no_cursor(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "cursor").write_bytes(data)
    with pytest.raises(SourceError, match=says):
        CursorStore(tmp_path / "cursor").load()


def test_an_empty_file_is_no_cursor_yet(tmp_path: Path) -> None:
    (tmp_path / "cursor").touch()
    assert CursorStore(tmp_path / "cursor").load() is None


def test_where_nothing_can_be_saved(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be saved: No such file or directory"):
        CursorStore(tmp_path / "none" / "cursor").save({})
    with pytest.raises(SourceError, match="this is a folder"):
        CursorStore(tmp_path).load()
