import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.errors import SourceError
from oomparse.message import Line
from oomparse.sources.lines import MAX_LINE_BYTES, LineSplitter, read_blocks, read_lines


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"\n\n", [b"", b""]),
        (b"a\r\nb\r\n", [b"a\r", b"b\r"]),
        (b"a\0b\0\n\0\0\n\0c", [b"a\0b\0", b"", b"c"]),
        (bytes(3 * MAX_LINE_BYTES) + b"a\n" + bytes(3 * MAX_LINE_BYTES), [b"a"]),
        (b"\xff\xfe\n", [b"\xff\xfe"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_lines_of_a_stream(data: bytes, expected: list[bytes]) -> None:
    lines = list(read_lines(io.BytesIO(data), path="log", first_number=5))
    assert lines == [Line(text, number, "log") for number, text in enumerate(expected, 5)]


@given(st.lists(st.text("ab\0\n", max_size=12).map(str.encode)), st.integers(1, 9))
def test_blocks_do_not_matter(blocks: list[bytes], limit: int) -> None:
    splitter = LineSplitter(max_line_bytes=limit)
    lines = [line for block in blocks for line in splitter.feed(block)] + splitter.flush()
    texts = [text.lstrip(b"\0") for text in b"".join(blocks).split(b"\n")]
    if texts[-1] == b"":
        texts.pop()
    assert lines == [Line(text[:limit], n, None, len(text) > limit) for n, text in enumerate(texts, 1)]


def test_a_line_may_be_as_long_as_the_bound() -> None:
    data = b"x" * MAX_LINE_BYTES + b"\n" + b"y" * (MAX_LINE_BYTES + 1) + b"\nz"
    lines = list(read_lines(io.BytesIO(data)))
    assert [(len(line.data), line.cut, line.number) for line in lines] == [
        (MAX_LINE_BYTES, False, 1),
        (MAX_LINE_BYTES, True, 2),
        (1, False, 3),
    ]


def test_an_endless_line_costs_no_memory() -> None:
    program = (
        "import io, resource\n"
        "from oomparse.sources.lines import read_lines\n"
        "class Endless(io.RawIOBase):\n"
        "    left = 200\n"
        "    def read(self, size=-1):\n"
        "        self.left -= 1\n"
        "        return b'x' * 1_000_000 if self.left >= 0 else b''\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "(line,) = read_lines(Endless())\n"
        "assert line.cut\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20 * 1024


def test_a_pipe_gives_what_it_has() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pipe:
        blocks = read_blocks(stream)
        pipe.write(b"one\n")
        assert next(blocks) == b"one\n"
        pipe.write(b"two\n")
        assert next(blocks) == b"two\n"


def test_text_mode_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="binary mode"):
        list(read_lines(io.StringIO("a\n")))  # type: ignore[arg-type]  # That is the test


def test_a_failing_read_names_the_file() -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002 - The signature is not ours
            raise OSError(5, "Input/output error")

    with pytest.raises(SourceError, match=r"^disk\.log: reading failed: Input/output error$"):
        list(read_lines(Failing(), path="disk.log"))
