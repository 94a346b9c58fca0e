"""A line that is decoded alone is what it is in its log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.message import Line, Message
from oomparse.timestamps import TimeResolver
from oomparse.transports import DecodeContext, Decoder, get
from oomparse.transports.auto import AutoDecoder

DATES = (
    "Nov 21 03:18:24",
    "Nov 21 03:18:25",
    "Nov 21 23:59:59",
    "Nov 21 24:00:00",
    "Nov  1 03:18:24",
    "Jan  1 00:00:01",
    "2026-11-21T03:18:24.738194+00:00",
    "2026-11-21T03:18:25.000001+00:00",
    "2026-11-21 03:18:24",
    "Sat Nov 21 03:18:24 2026",
    "<4>Nov 21 03:18:24",
    "nonsense",
)
WORDS = (
    " box kernel: [",
    " box kernel: [ ",
    " kernel: [",
    " box kern.warn kernel: [",
    " box kernel: ",
    " box app[7]: [",
    " [",
)
STAMPS = (
    "    7.670939] ",
    "86400.298542] ",
    "86401.298542] ",
    "86400.298542]",
    "86400.298542][   T12] ",
    "86400.29854] ",
    "86400.298542123] ",
    "8640x.298542] ",
    "864_0.298542] ",
    "",
)
TEXTS = (
    b"Out of memory: Killed process 1 (init)",
    b"Memory cgroup out of memory: Killed process 10 (a)",
    b"",
    b" indented",
    b"[79B blob data]",
    b"one#012two",
    b"\\x0aescaped",
    b"\x1b[31mred\x1b[0m",
    b"caf\xc3\xa9 \xff",
    b"end\r",
    b"-- Boot 0123456789abcdef0123456789abcdef --",
)
some_lines = st.one_of(
    st.tuples(*map(st.sampled_from, (DATES, WORDS, STAMPS, TEXTS))).map(
        lambda parts: "".join(parts[:3]).encode() + parts[3]
    ),
    st.sampled_from(TEXTS),
)


def decoders() -> tuple[Decoder, Decoder]:
    """Two readings of one log, which know its year."""
    contexts = [DecodeContext(times=TimeResolver(anchor=1_790_000_000.0), path="kern.log") for _ in range(2)]
    return AutoDecoder(contexts[0]), AutoDecoder(contexts[1])


def fed(decoder: Decoder, line: Line) -> tuple[Message, ...]:
    return (*decoder.feed(line), *decoder.flush())


@given(st.lists(st.tuples(some_lines, st.booleans()), max_size=12))
def test_alone_or_fed(lines: list[tuple[bytes, bool]]) -> None:
    """Some of a log's lines are asked for alone, as those of whole reports are; nothing is held between any two."""
    one, other = decoders()
    for number, (data, asked) in enumerate(lines, 1):
        line = Line(data, number)
        alone = one.alone(line) if asked else None
        assert ((alone,) if alone is not None else fed(one, line)) == fed(other, line)


@pytest.mark.parametrize("date", DATES[:10])
def test_it_is_decoded_alone(date: str) -> None:
    decoder, _ = decoders()
    for stamp in ("86400.298542", "86400.298543"):
        line = Line(f"{date} box kernel: [{stamp}] Mem-Info:".encode(), 1)
        if not isinstance(decoder.alone(line), Message):
            fed(decoder, line)
    message = decoder.alone(Line(f"{date} box kernel: [86409.000001] Call Trace:".encode(), 9))
    assert message is not None
    assert (message.text, message.monotonic_us, message.line_start) == ("Call Trace:", 86_409_000_001, 9)
    assert (message.host, message.printed, message.from_kernel) == ("box", date, True)


def test_what_is_held_is_not_overtaken() -> None:
    decoder = get("syslog").decoder(DecodeContext())
    line = Line(b"Nov 21 03:18:24 box kernel: [    7.670939] Mem-Info:", 1)
    assert decoder.feed(line) == ()
    assert decoder.alone(line) is None
    assert len(decoder.flush()) == 1
    assert decoder.alone(line) is not None
