"""Bad input becomes messages and issues, never an exception, and never takes much memory."""

import json
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oomparse.errors import IssueCode, OomparseError
from oomparse.message import Line, Message
from oomparse.timestamps import TimeResolver
from oomparse.transports import AutoDecoder, DecodeContext, decode, decoder, get, transports
from oomparse.transports.base import MAX_CONTINUATION_LINES, MAX_LOOSE_LINES, MAX_MESSAGE_BYTES
from oomparse.transports.escapes import unescape_kmsg

SAMPLE_LINES = sorted({line for transport in transports() for sample in transport.samples for line in sample.lines})


def run(lines: Iterable[bytes], transport: str | None = None) -> list[Message]:
    context = DecodeContext(times=TimeResolver(year=2026))
    return list(
        decode((Line(data, number) for number, data in enumerate(lines, 1)), transport=transport, context=context)
    )


def texts(lines: Iterable[bytes]) -> list[str]:
    return [message.text for message in run(lines)]


@given(st.lists(st.one_of(st.sampled_from(SAMPLE_LINES), st.binary(max_size=60)), max_size=12), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_any_mixture_of_lines_decodes(lines: list[bytes], cut: int) -> None:
    for message in run([line[cut:] for line in lines]):
        message.text.encode("utf-8", "surrogateescape")
        assert message.line_start is not None
        assert message.line_end is not None
        assert 1 <= message.line_start <= message.line_end <= len(lines)


@pytest.mark.parametrize("transport", transports(), ids=lambda transport: transport.name)
def test_every_transport_survives_everything(transport: object) -> None:
    name = getattr(transport, "name", "")
    source = random.Random(7)  # the same lines on every run
    lines = [source.randbytes(source.randrange(80)) for _ in range(200)] + SAMPLE_LINES
    source.shuffle(lines)
    for message in run(lines, name):
        message.text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("transport", transports(), ids=lambda transport: transport.name)
def test_a_huge_line_is_cut_and_says_so(transport: object) -> None:
    name = getattr(transport, "name", "")
    first = get(name).samples[0].lines[0]
    for message in run([first + b"x" * 3_000_000], name) + run([first + b"x" * 3_000_000]):
        assert len(message.text) <= MAX_MESSAGE_BYTES


def test_a_cut_line_has_an_issue() -> None:
    messages = run([b"[    1.000000] " + b"x" * 100_000, b"[    1.000001] y"])
    assert [issue.code for issue in messages[0].issues] == [IssueCode.LIMIT_REACHED]
    assert messages[1].issues == ()
    line = Line(b"[    1.000000] abc", 1, None, True)
    assert [issue.code for issue in next(iter(decode([line]))).issues] == [IssueCode.LIMIT_REACHED]


def test_nul_bytes_of_a_crash_do_not_hide_the_line_behind_them() -> None:
    assert texts([b"\0" * 5000 + b"[    1.000000] Mem-Info:", b"\0\0"]) == ["Mem-Info:"]


def test_continuations_are_bounded() -> None:
    lines = [b"[    1.000000] stats", *[b"               x 1"] * (MAX_CONTINUATION_LINES + 5), b"[    1.000001] y"]
    first, *_, last = run(lines)
    assert first.text.count("\n") <= MAX_CONTINUATION_LINES + MAX_LOOSE_LINES
    assert last.text == "y"


def test_foreign_output_is_joined_for_a_few_lines_only() -> None:
    messages = run([b"[    1.000000] stats", *[b"hello"] * 40])
    assert messages[0].text == "\n".join(["stats", *["hello"] * MAX_LOOSE_LINES])
    assert [message.text for message in messages[1:]] == ["hello"] * (40 - MAX_LOOSE_LINES)


def test_a_blank_line_ends_a_wrapped_message_but_not_an_indented_one() -> None:
    assert texts([b"[    1.000000] a", b"", b"b"]) == ["a", "b"]
    assert texts([b"[    1.000000] a", b"", b"               b"]) == ["a\n\nb"]


def test_many_stamps_on_one_line() -> None:
    line = b"".join(b"x[    1.%06d] y" % number for number in range(3000))
    assert len(texts([b"[    1.000000] " + line])) == 3001


@pytest.mark.parametrize(
    "data",
    [
        b'{"MESSAGE":' + b"[" * 50_000,
        b'{"a":' * 50_000,
        b"[" * 100_000,
        b"[{" * 50_000 + b"}]" * 50_000,
        b'{"message": ' + b"9" * 6000 + b"}",
        b'{"MESSAGE": "\\ud800x", "_TRANSPORT": "kernel"}',
        b'{"message": {"message": {"message": 1}}, "time": 1e308}',
        b'{"msg": "x", "pri": 3, "time": 1e400}',
        b'{"msg": "x", "pri": 3, "time": NaN}',
        b'{"log": "x", "stream": "stdout", "time": "9999-99-99"}',
        b'{"MESSAGE": [256, -1, "x"], "_TRANSPORT": "kernel", "__REALTIME_TIMESTAMP": "99999999999999999999"}',
        b"data: {}",
        b'{"' + b'\\"' * 200_000,
        b'{"a":"' * 50_000,
        b"Nov 21 03:18:24 " + b"a" * 200_000,
        b"<4>Nov 21 03:18:24 a b: " * 5_000,
        b"[" + b"a " * 100_000,
        b"{}",
        b"> " * 5000,
        b"1:" * 5000,
        b"a:1:" * 5000,
        b"\x1b[31m" * 5000,
        b" " * 50_000,
        b"1 <4>" + b"9" * 10_000,
        b"<4>1 - - - - - " + b"[" * 10_000,
        b"\xff\xfe",
        b"\xfe\xff\x00",
    ],
)
def test_hostile_wrappers(data: bytes) -> None:
    for message in run([data, b"[    1.000000] Mem-Info:", data]):
        message.text.encode("utf-8", "surrogateescape")


def test_nested_wrappers_are_peeled_to_a_bounded_depth() -> None:
    data = b"Nov 21 03:18:24 box kernel: [    1.000000] Mem-Info:"
    for _ in range(3):
        data = json.dumps({"message": data.decode()}).encode()
    (message,) = run([data])
    assert (message.text, message.host, message.from_kernel) == ("Mem-Info:", "box", True)
    for _ in range(4):
        data = json.dumps({"message": data.decode()}).encode()
    (message,) = run([data])
    assert "Mem-Info:" in message.text


@pytest.mark.parametrize(
    "name",
    [
        "[   10.000000] x",
        "[12345.123456]",
        "\n[12345.12345]",
        "kernel: y",
        "x kernel: y",
        "<4>x",
        "4,1,1,-;x",
        "> x",
        "#012",
        "a\rb",
    ],
)
def test_a_process_name_does_not_forge_a_record(name: str) -> None:
    tail = f"Killed process 7 ({name}) total-vm:1kB"
    first, *rest = tail.split("\n")
    indented = [f"               {line}" for line in rest]
    lines = ["[   10.000000] a", f"[   10.000000] {first}", *indented, "[   10.000001] b"]
    assert texts([line.encode() for line in lines]) == ["a", tail, "b"]
    escaped = tail.replace("\n", "\\x0a").replace("\r", "\\x0d")
    assert texts([f"4,1,10000000,-;{escaped}".encode()]) == [tail]


def test_format_changes_midway() -> None:
    messages = run(
        [
            b"[    1.000000] a",
            b"Nov 21 03:18:24 box kernel: b",
            b"2026-11-21T03:18:24.738194+00:00 box kernel: c",
            b"4,1,2,-;d",
            b'{"message": "e"}',
            b"f",
            b"> [    1.000000] g",
            b"<4>1 2026-11-21T03:18:24Z box kernel - - - h",
        ]
    )
    assert [message.text for message in messages] == list("abcdefgh")


def test_live_messages_are_not_held_after_a_flush() -> None:
    reading = AutoDecoder()
    assert not reading.feed(Line(b"[    1.000000] a", 1))
    assert [message.text for message in reading.flush()] == ["a"]
    assert not reading.flush()
    assert not reading.feed(Line(b"[    1.000001] b", 2))
    assert [message.text for message in reading.feed(Line(b"[    1.000002] c", 3))] == ["b"]


def test_lines_of_another_file_are_not_joined() -> None:
    lines = [Line(b"[    1.000000] a", 1, "one"), Line(b"               b", 1, "two")]
    assert [(message.text.strip(), message.path) for message in decode(lines)] == [("a", "one"), ("b", "two")]


def test_unknown_transport_names_the_known_ones() -> None:
    with pytest.raises(OomparseError, match="dmesg"):
        decoder("nonsense")


@given(st.binary(max_size=40))
def test_kmsg_escapes_round_trip(data: bytes) -> None:
    escaped = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in data)
    assert unescape_kmsg(escaped) == data.decode("utf-8", "surrogateescape")
