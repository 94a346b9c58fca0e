"""Every transport's samples become what they say, alone, by detection, and cut anywhere."""

from collections.abc import Iterator

import pytest

from oomparse.message import Line, Message
from oomparse.timestamps import TimeResolver
from oomparse.transports import DecodeContext, Sample, Transport, decode, detect, transports

CASES = [
    pytest.param(transport, sample, id=f"{transport.name}-{number}")
    for transport in transports()
    for number, sample in enumerate(transport.samples)
]


def context() -> DecodeContext:
    return DecodeContext(times=TimeResolver(year=2026))


def as_lines(sample: Sample) -> Iterator[Line]:
    return (Line(data, number) for number, data in enumerate(sample.lines, 1))


def check(messages: list[Message], sample: Sample) -> None:
    shown = [
        {name: getattr(message, name) for name in expected}
        for message, expected in zip(messages, sample.messages, strict=False)
    ]
    assert shown == list(sample.messages)
    assert len(messages) == len(sample.messages), messages


@pytest.mark.parametrize(("transport", "sample"), CASES)
def test_sample_by_name(transport: Transport, sample: Sample) -> None:
    check(list(decode(as_lines(sample), transport=transport.name, context=context())), sample)
    check(list(transport.decode(as_lines(sample), context())), sample)


@pytest.mark.parametrize(("transport", "sample"), CASES)
def test_sample_by_detection(transport: Transport, sample: Sample) -> None:
    if not sample.detected:
        pytest.skip("no line of this sample alone tells the format")
    assert detect(sample.lines).name == transport.name
    check(list(decode(as_lines(sample), context=context())), sample)


@pytest.mark.parametrize("transport", transports(), ids=lambda transport: transport.name)
def test_every_transport_has_samples_and_a_name_of_its_own(transport: Transport) -> None:
    assert transport.samples
    assert [other.name for other in transports()].count(transport.name) == 1


@pytest.mark.parametrize(("transport", "sample"), CASES)
def test_a_sample_cut_anywhere_never_raises(transport: Transport, sample: Sample) -> None:
    for row, data in enumerate(sample.lines):
        for column in range(0, len(data), 3):
            cut = [*sample.lines[:row], data[:column]]
            list(decode((Line(part, number) for number, part in enumerate(cut, 1)), context=context()))
            list(decode([Line(data[column:], 1), *as_lines(sample)], transport=transport.name, context=context()))
