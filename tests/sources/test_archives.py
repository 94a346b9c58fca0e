import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.sources import compression
from oomparse.sources.archives import MAX_LAYERS, MAX_TAR_HEADER_BYTES, Content, Kind, contents, kind_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"Nov 21 02:20:%02d host kernel: line %d %x\n" % (n % 60, n, hash((n, 7))) for n in range(12_000))
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": partial(lzma.compress, preset=0),
    "bzip2": bz2.compress,
    "zstd": zstd.compress,
}
packed = pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
either_gunzip = pytest.mark.parametrize("isal", [True, False], ids=["isal", "zlib"])


class Pipe(io.BytesIO):
    """A stream that cannot seek, and gives a little at a time."""

    def seekable(self) -> bool:
        return False

    def read1(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002 - The signature is not ours
        return super().read1(997)


def read(stream: BinaryIO, path: str | None = None) -> list[tuple[str | None, Kind, bytes, Issue | None]]:
    return [(one.path, one.kind, b"".join(one.blocks()), one.issue) for one in contents(stream, path=path)]


def only(stream: BinaryIO) -> tuple[bytes, Issue | None]:
    ((_, _, data, issue),) = read(stream)
    return data, issue


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
@pytest.mark.parametrize("data", [b"", b"a", b"a\nb\n", TEXT, b"\0" * 2000 + b"text\n"], ids=len)
def test_plain(stream: type[io.BytesIO], data: bytes) -> None:
    assert only(stream(data)) == (data, None)


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
@packed
def test_compressed(pack: Callable[[bytes], bytes], stream: type[io.BytesIO]) -> None:
    assert only(stream(pack(TEXT))) == (TEXT, None)
    assert only(stream(pack(b""))) == (b"", None)


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
@packed
def test_members_are_one_stream(pack: Callable[[bytes], bytes], stream: type[io.BytesIO]) -> None:
    data = pack(b"one\n") + b"\0" * 8 + pack(b"") + gzip.compress(b"two\n") + pack(TEXT) + b"\0" * 512
    assert only(stream(data)) == (b"one\ntwo\n" + TEXT, None)


def test_skippable_zstd_frames() -> None:
    skippable = b"\x53\x2a\x4d\x18\x04\0\0\0abcd"
    assert only(io.BytesIO(skippable + zstd.compress(b"one\n") + skippable)) == (b"one\n", None)


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
@packed
def test_a_cut_stream_gives_what_it_held(pack: Callable[[bytes], bytes], stream: type[io.BytesIO]) -> None:
    whole = pack(TEXT)
    longest = 0
    for size in [3, 11, 12, 40, len(whole) // 2, len(whole) - 9, len(whole) - 1]:
        if compression.codec_of(whole[:size]) is None:
            continue
        data, issue = only(stream(whole[:size]))
        assert TEXT.startswith(data)
        assert issue is not None
        assert issue.code is IssueCode.SOURCE_TRUNCATED
        assert "end before their end mark" in str(issue.detail)
        longest = max(longest, len(data))
    assert longest > len(TEXT) // 3


@either_gunzip
@packed
def test_damage_costs_nothing_before_it(
    pack: Callable[[bytes], bytes], isal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes out equals what the decompressor gives when it is fed byte by byte."""
    if not isal:
        monkeypatch.setattr(compression, "_fast_gunzip", lambda: None)
    whole = pack(TEXT[:60_000])
    chance = random.Random(1)
    for at in [*(chance.randrange(30, len(whole)) for _ in range(4)), len(whole) - 6]:
        damaged = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        codec = compression.codec_of(damaged)
        assert codec
        inner, expected = codec.open(), b""
        try:
            for offset in range(len(damaged)):
                expected += inner.decompress(damaged[offset : offset + 1])
        except Exception:  # noqa: BLE001 - Each library has its own
            failed = True
        else:
            failed = not inner.eof
        data, issue = only(io.BytesIO(damaged))
        # A block of bzip2 is unpacked before its checksum is seen: taken in one piece, as here, it is not had at all.
        assert data.startswith(expected) if codec.name == "bzip2" else data == expected
        assert (issue is not None) == failed


def test_a_checksum_error_keeps_every_byte() -> None:
    damaged = bytearray(gzip.compress(TEXT))
    damaged[-6] ^= 1
    data, issue = only(io.BytesIO(bytes(damaged)))
    assert data == TEXT
    assert issue
    assert issue.code is IssueCode.SOURCE_TRUNCATED


def test_garbage_after_the_end_is_reported() -> None:
    data, issue = only(io.BytesIO(gzip.compress(b"one\n") + b"and some more text"))
    assert data == b"one\n"
    assert issue
    assert "follows the end mark" in str(issue.detail)


def test_isal_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    assert only(io.BytesIO(gzip.compress(TEXT))) == (TEXT, None)
    assert only(io.BytesIO(gzip.compress(TEXT)[:-20]))[1] is not None


def test_a_bomb_costs_no_memory() -> None:
    program = (
        "import io, lzma, gzip, resource\n"
        "from oomparse.sources.archives import contents\n"
        "zeros = b'x' * (1 << 20)\n"
        "stream = io.BytesIO()\n"
        "with gzip.GzipFile(fileobj=stream, mode='wb', compresslevel=1) as out:\n"
        "    for _ in range(300): out.write(zeros)\n"
        "stream.seek(0)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "(content,) = contents(stream)\n"
        "lines = list(content.lines())\n"
        "assert lines[0].cut and len(lines) == 1\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 24 * 1024


def test_a_greedy_xz_dictionary_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_WINDOW_BYTES", 1 << 20)
    data, issue = only(io.BytesIO(lzma.compress(TEXT)))
    assert data == b""
    assert issue


def test_compressed_twice_and_too_often() -> None:
    data = TEXT
    for _ in range(MAX_LAYERS):
        data = gzip.compress(data)
    assert only(io.BytesIO(data)) == (TEXT, None)
    data, issue = only(io.BytesIO(gzip.compress(data)))
    assert data == b""
    assert issue
    assert issue.code is IssueCode.LIMIT_REACHED
    assert "MAX_LAYERS" in str(issue.detail)


@pytest.mark.parametrize(
    ("head", "says"),
    [(b"\x04\x22\x4d\x18data", "lz4 -dc FILE"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"\x1f\x9d", "uncompress")],
)
def test_formats_that_are_not_read_say_what_to_do(head: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        list(contents(io.BytesIO(head), path="x"))


def tar(files: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "log/kern.log"
        archive.addfile(link)
    return stream.getvalue()


FILES = {
    "log/kern.log": b"one\n" * 5000,
    "log/kern.log.1.gz": gzip.compress(b"two\n"),
    "log/" + "long" * 60 + ".log": b"three\n",
    "bin/true": b"\x7fELF\x02\x01" + bytes(range(1, 32)) * 400,
    "journal/system.journal": b"LPKSHHRH" + bytes(200),
    "empty": b"",
}
UNPACKED = [
    ("x!/log/kern.log", Kind.TEXT, b"one\n" * 5000, None),
    ("x!/log/kern.log.1.gz", Kind.TEXT, b"two\n", None),
    ("x!/log/" + "long" * 60 + ".log", Kind.TEXT, b"three\n", None),
    ("x!/bin/true", Kind.BINARY, FILES["bin/true"], None),
    ("x!/journal/system.journal", Kind.JOURNAL, FILES["journal/system.journal"], None),
    ("x!/empty", Kind.TEXT, b"", None),
]


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@packed
def test_tar(pack: Callable[[bytes], bytes], form: int, stream: type[io.BytesIO]) -> None:
    assert read(stream(pack(tar(FILES, form=form))), "x") == UNPACKED


def test_tar_members_that_nobody_reads_are_passed() -> None:
    names = [content.path for content in contents(io.BytesIO(tar(FILES)), path="x", mtime=5.0)]
    assert names == [row[0] for row in UNPACKED]


def test_members_have_their_own_time_and_line_numbers() -> None:
    found = contents(io.BytesIO(tar({"a": b"1\n2", "b": b"3\n"})), path="x", mtime=5.0)
    assert [(one.mtime, [tuple(line)[:3] for line in one.lines()]) for one in found] == [
        (1_700_000_000, [(b"1", 1, "x!/a"), (b"2", 2, "x!/a")]),
        (1_700_000_000, [(b"3", 1, "x!/b")]),
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_cut_tar_gives_what_it_held(pack: Callable[[bytes], bytes]) -> None:
    whole = pack(tar({"a": os.urandom(3000).hex().encode(), "b": b"bb\n" * 500}))
    for size in range(600, len(whole), 97 if pack is gzip.compress else 512):
        found = read(io.BytesIO(whole[:size]), "x")
        issues = [row[3] for row in found if row[3]]
        joined = b"".join(row[2] for row in found)
        assert (size > tarfile.BLOCKSIZE * 14) or issues, size
        assert len(issues) <= 1
        assert len(joined) == min(max(size - 512, 0), 6000) + min(max(size - 7168, 0), 1500) or pack is gzip.compress


def test_damage_in_one_member_is_told_of_that_member_alone() -> None:
    found = read(io.BytesIO(tar({"a": b"a\n", "b.gz": gzip.compress(TEXT)[:-30], "c": b"c\n"})), "x")
    assert [(row[0], row[3] is None) for row in found] == [("x!/a", True), ("x!/b.gz", False), ("x!/c", True)]


def test_damage_between_two_members_is_told() -> None:
    data = bytearray(tar({"a": b"a\n", "b": b"b\n"}))
    data[1024 + 150] ^= 1  # The checksum of the second header
    found = read(io.BytesIO(bytes(data)), "x")
    assert [(row[0], row[2], row[3] is None) for row in found] == [("x!/a", b"a\n", True), ("x", b"", False)]


def test_a_tar_header_is_bounded() -> None:
    name = "n" * (MAX_TAR_HEADER_BYTES * 2)
    found = read(io.BytesIO(tar({"a": b"a\n", name: b"b\n"}, form=tarfile.GNU_FORMAT)), "x")
    assert found[0][:3] == ("x!/a", Kind.TEXT, b"a\n")
    assert "MAX_TAR_HEADER_BYTES" in str(found[1][3])


@settings(max_examples=150)
@given(st.data())
def test_hostile_archives_raise_nothing(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([tar({"a": b"a\n", "b" * 120: b"b\n"}), zipped({"a": b"a\n" * 99})])))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    read(io.BytesIO(bytes(whole)), "x")


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("directory/", "")
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 21, 2, 3, 4)), data, method)
    return stream.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip(method: int) -> None:
    assert read(io.BytesIO(zipped(FILES, method)), "x") == UNPACKED
    mtimes = {one.mtime for one in contents(io.BytesIO(zipped(FILES, method)))}
    assert mtimes == {1_795_226_584}


def test_damaged_zips() -> None:
    whole = zipped({"a": TEXT, "b": b"b\n"})
    damaged = bytearray(whole)
    damaged[5000] ^= 0x55
    first, second = read(io.BytesIO(bytes(damaged)), "x")
    assert first[3] is not None
    assert second == ("x!/b", Kind.TEXT, b"b\n", None)
    ((path, _, data, issue),) = read(io.BytesIO(whole[:-200]), "x")
    assert (path, data) == ("x", b"")
    assert "zip -FF" in str(issue)
    monthless = whole.replace(b"\x75\x5d", b"\xe0\xff")  # The date, in both of its places
    assert [one.mtime for one in contents(io.BytesIO(monthless))] == [None, None]
    (odd,) = read(io.BytesIO(zipped({"a": b"a\n"}, zipfile.ZIP_LZMA)), "x")
    assert "method 14" in str(odd[3])


def test_a_zip_cannot_be_read_from_a_pipe() -> None:
    with pytest.raises(SourceError, match="give it as a file"):
        read(Pipe(zipped(FILES)), "-")


def test_a_live_pipe_is_not_kept_waiting() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pipe:
        pipe.write(b"one\n")
        content = next(contents(stream))
        blocks = content.blocks()
        assert next(blocks) == b"one\n"
        pipe.write(b"two\n")
        assert next(blocks) == b"two\n"


def test_a_compressed_pipe_may_trickle() -> None:
    reading, writing = os.pipe()
    data = gzip.compress(b"one\n")

    def trickle() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for offset in range(len(data)):
                pipe.write(data[offset : offset + 1])

    thread = threading.Thread(target=trickle)
    thread.start()
    with os.fdopen(reading, "rb") as stream:
        assert only(stream) == (b"one\n", None)
    thread.join()


def test_an_object_that_can_only_read() -> None:
    class Readable:
        def __init__(self, data: bytes) -> None:
            self.read = io.BytesIO(data).read

    stream: Any = Readable(gzip.compress(TEXT))
    assert only(stream) == (TEXT, None)


def test_progress_counts_what_was_read() -> None:
    data = gzip.compress(TEXT)
    seen: list[int] = []
    for content in contents(io.BytesIO(data), on_read=seen.append):
        for _ in content.blocks():
            pass
    assert sum(seen) == len(data)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_disk_that_fails(pack: Callable[[bytes], bytes]) -> None:
    class Failing(Pipe):
        def read1(self, size: int | None = -1, /) -> bytes:
            if block := super().read1(size):
                return block
            raise OSError(5, "Input/output error")

    content: Content = next(contents(Failing(pack(TEXT)[:-50]), path="x"))
    assert TEXT.startswith(b"".join(content.blocks()))
    assert content.issue == Issue(code=IssueCode.SOURCE_TRUNCATED, detail="x: reading failed: Input/output error")
    with pytest.raises(SourceError, match=r"^x: reading failed: Input/output error$"):
        next(contents(Failing(b""), path="x"))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", Kind.TEXT),
        (b"Nov 21 02:20:54 h\xc3\xb6st kernel: x\r\n", Kind.TEXT),
        (b"\0" * 5000 + b"[    0.000000] Linux\n", Kind.TEXT),
        (b"\x1b[32m[    0.000000]\x1b[0m Linux \xff\xfe\n", Kind.TEXT),
        (b"\0" * 100, Kind.BINARY),
        (random.Random(3).randbytes(4000), Kind.BINARY),
        (b"LPKSHHRH\0\0", Kind.JOURNAL),
    ],
)
def test_kinds(head: bytes, kind: Kind) -> None:
    assert kind_of(head) is kind
