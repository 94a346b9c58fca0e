import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from oomparse.errors import SourceError
from oomparse.message import Line
from oomparse.sources.archives import Kind
from oomparse.sources.files import Series, Target, expand

JOURNAL = b"LPKSHHRH" + bytes(200)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for number, (name, data) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    return folder


def lines(series: Series) -> list[Line]:
    return [line for content in series.contents() for line in content.lines()]


def names(found: list[Series], folder: Path) -> list[list[str]]:
    return [[os.path.relpath(file.path, folder) for file in series.files] for series in found]


ROTATED = {
    "kern.log": b"five\n",
    "kern.log.1": b"three\nfour\n",
    "kern.log.2.gz": gzip.compress(b"one\ntwo\n"),
}


@pytest.mark.parametrize("how", ["list", "folder", "glob"])
def test_a_rotated_set_is_one_stream(how: str, tmp_path: Path) -> None:
    write(tmp_path, ROTATED)
    targets: dict[str, list[Target]] = {
        "list": [tmp_path / name for name in ROTATED],
        "folder": [tmp_path],
        "glob": [f"{tmp_path}/kern*"],
    }
    (series,) = expand(targets[how])
    old, middle, new = (str(tmp_path / name) for name in ["kern.log.2.gz", "kern.log.1", "kern.log"])
    assert lines(series) == [
        Line(b"one", 1, old),
        Line(b"two", 2, old),
        Line(b"three", 1, middle),
        Line(b"four", 2, middle),
        Line(b"five", 1, new),
    ]
    assert series.name == new
    assert series.mtime == 1_700_000_002
    assert series.size == len(ROTATED["kern.log.2.gz"]) + 11 + 5


def test_order_is_that_of_the_list_and_of_names_within_a_folder(tmp_path: Path) -> None:
    write(tmp_path, {"z/b.log": b"b\n", "z/a.log": b"a\n", "z/deep/c": b"c\n", "y.log": b"y\n", "z/a.log.1": b"0\n"})
    found = expand([tmp_path / "z", tmp_path / "y.log", tmp_path / "z" / "b.log"])
    assert names(found, tmp_path) == [["z/a.log.1", "z/a.log"], ["z/b.log"], ["z/deep/c"], ["y.log"]]


def test_hosts_are_kept_apart(tmp_path: Path) -> None:
    write(tmp_path, {f"{host}/{name}": b"x\n" for host in ["a", "b"] for name in ROTATED})
    assert [len(files) for files in names(expand([f"{tmp_path}/**"]), tmp_path)] == [3, 3]
    assert [len(files) for files in names(expand([f"{tmp_path}/*/kern.log*"]), tmp_path)] == [3, 3]


def test_paths_that_are_spelt_differently_are_one_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"logs/{name}": data for name, data in ROTATED.items()} | {"kern.log": b"six\n"})
    monkeypatch.chdir(tmp_path)
    spelt = ["./logs//kern.log.2.gz", "logs/./kern.log.1", "logs/kern.log"]
    assert [len(found.files) for found in expand(spelt)] == [3]
    assert [found.name for found in expand(["./logs/kern.log.1", "./kern.log"])] == ["logs/kern.log", "kern.log"]


def test_what_a_link_hides_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"here/kern.log.1": b"one\n", "there/kern.log": b"two\n", "there/deep/x": b"", "kern.log": b"3\n"})
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there" / "deep")
    monkeypatch.chdir(tmp_path)
    found = expand(["here/kern.log.1", "here/link/../kern.log"])
    assert [[line.data for line in lines(series)] for series in found] == [[b"one"], [b"two"]]


def test_a_folder_is_searched_by_content(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "messages": b"text\n",
            "whatever": "Zeile ohne Namen, größer\n".encode(),
            "binary.log": bytes(range(1, 32)) * 99,
            "wtmp": bytes(4000),
            ".hidden/kern.log": b"text\n",
            "old.tar": b"",
            "journal/0123/system.journal": JOURNAL,
            "journal/0123/user-1000.journal~": JOURNAL,
            "journal/4567/old.journal.gz": gzip.compress(JOURNAL),
        },
    )
    (tmp_path / "nowhere.log").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.log")
    found = expand([tmp_path])
    assert names([series for series in found if series.kind is Kind.TEXT], tmp_path) == [
        ["messages"],
        ["old.tar"],
        ["whatever"],
    ]
    (journal,) = [series for series in found if series.kind is Kind.JOURNAL]
    assert journal.name == str(tmp_path)
    assert [Path(file.path).name for file in journal.files] == [
        "system.journal",
        "user-1000.journal~",
        "old.journal.gz",
    ]


def test_a_named_file_is_read_whatever_it_holds(tmp_path: Path) -> None:
    write(tmp_path, {"x": bytes(range(1, 32)) * 99, "system.journal": JOURNAL})
    (binary,) = expand([tmp_path / "x"])
    assert [content.kind for content in binary.contents()] == [Kind.BINARY]
    (journal,) = expand([tmp_path / "system.journal"])
    assert journal.kind is Kind.JOURNAL


def test_a_name_may_look_like_a_pattern(tmp_path: Path) -> None:
    write(tmp_path, {"kern[1].log": b"a\n", "kern1.log": b"b\n"})
    (series,) = expand([tmp_path / "kern[1].log"])
    assert [line.data for line in lines(series)] == [b"a"]


def test_a_file_url_needs_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    path = write(tmp_path, {"a b.log": b"a\n"}) / "a b.log"
    (series,) = expand([path.as_uri()])
    assert lines(series) == [Line(b"a", 1, str(path))]


def refusals(tmp_path: Path) -> dict[str, str]:
    write(tmp_path, {"file": b"", "lz4.log": b"\x04\x22\x4d\x18", "bin/true": bytes(range(1, 32)) * 99})
    (tmp_path / "empty").mkdir()
    return {
        f"{tmp_path}/none": "there is no such file",
        f"{tmp_path}/file/x": "a part of the path is not a folder",
        f"{tmp_path}/none*": "no file matches this pattern",
        f"{tmp_path}/empty": r"nothing to read here: no text \(kern\.log, messages, .*and no journal",
        f"{tmp_path}/bin": "nothing to read here",
        f"{tmp_path}/lz4.log": "lz4 -dc FILE",
        "/dev/kmsg": "oomparse follow --kmsg",
        "/proc/kmsg": "oomparse follow --kmsg",
        "/dev/zero": "this is a device or a socket, not a log",
        "a\0b": "this cannot be a path",
        "x" * 5000: "cannot be read: File name too long",
    }


@pytest.mark.parametrize("number", range(11))
def test_refusals_say_what_is_wrong_and_where(number: int, tmp_path: Path) -> None:
    target, says = list(refusals(tmp_path).items())[number]
    if target == "/dev/kmsg" and not os.path.exists(target):  # noqa: PTH110 - As the code asks
        pytest.skip("this machine has no /dev/kmsg")
    with pytest.raises(SourceError, match=says) as caught:
        expand([target])
    assert caught.value.path == target
    assert str(caught.value).startswith(target)


def test_one_refusal_does_not_cost_the_others(tmp_path: Path) -> None:
    targets = [*refusals(tmp_path), str(tmp_path / "file")]
    errors: list[SourceError] = []
    found = expand(targets, on_error=errors.append)
    assert names(found, tmp_path) == [["file"]]
    assert [error.path for error in errors] == targets[:-1]


def test_a_file_that_vanishes_does_not_cost_the_others(tmp_path: Path) -> None:
    write(tmp_path, ROTATED)
    (series,) = expand([tmp_path])
    (tmp_path / "kern.log.1").unlink()
    errors: list[SourceError] = []
    data = [b"".join(content.blocks()) for content in series.contents(on_error=errors.append)]
    assert data == [b"one\ntwo\n", b"five\n"]
    assert [error.path for error in errors] == [str(tmp_path / "kern.log.1")]
    with pytest.raises(SourceError, match="no such file"):
        lines(series)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_no_permission(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from oomparse.sources.files import expand\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "errors = []\n"
        "found = expand(sys.argv[1:], on_error=errors.append)\n"
        "print(len(found), *[e.msg for e in errors], sep='\\n')\n"
    )
    write(tmp_path, {"a.log": b"x\n", "b.log": b"x\n", "locked/c.log": b"x\n"})
    for path in [tmp_path, *tmp_path.parents]:
        if path.owner() == "root" and len(path.parts) > 2:
            path.chmod(path.stat().st_mode | 0o055)
    (tmp_path / "b.log").chmod(0)
    (tmp_path / "locked").chmod(0o700)
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    count, *errors = done.stdout.splitlines()
    assert count == "1"
    assert len(errors) == 2
    assert all("no permission" in error for error in errors)


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (series,) = expand([pipe])
    thread = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(b"one\n"),))
    thread.start()
    assert lines(series) == [Line(b"one", 1, str(pipe))]
    thread.join()
    assert series.size is None
    assert series.mtime is None


@pytest.mark.parametrize("target", ["-", "/dev/stdin"])
def test_standard_input(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"one\n"))))
    (series,) = expand([target])
    assert lines(series) == [Line(b"one", 1, "-")]
    assert not sys.stdin.buffer.closed
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        lines(series)


def test_urls() -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name, data in ROTATED.items():
        system.pipe(f"/urls/host/{name}", data)
    for url in ["memory://urls", "memory://urls/host/kern*", "memory://urls/**/kern.log*"]:
        (series,) = expand([url])
        assert [line.data for line in lines(series)] == [b"one", b"two", b"three", b"four", b"five"], url
        assert series.mtime
        assert series.size
    assert lines(series)[-1].path == "memory:///urls/host/kern.log"
    with pytest.raises(SourceError, match="no such object"):
        expand(["memory://nowhere/x.log"])
    with pytest.raises(SourceError, match="no object behind"):
        expand(["memory://nowhere/*.log"])
    with pytest.raises(SourceError, match="nosuchthing"):
        expand(["nosuchthing://x/y"])


def test_urls_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SourceError, match=r'pip install "oomparse\[remote\]"'):
        expand(["s3://bucket/kern.log"])
