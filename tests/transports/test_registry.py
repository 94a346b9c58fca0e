"""What the registry knows of formats before it imports them is true."""

import pytest

from oomparse.transports import registry
from oomparse.transports.base import SURE, Transport, clean
from oomparse.transports.registry import recognise, transports


def test_the_surest_formats_are_known() -> None:
    known = [(row.confidence, row.name) for row in registry._KNOWN]
    assert known == [(transport.confidence, transport.name) for transport in transports()][: len(known)]


SAMPLES = sorted(
    {clean(line) for transport in transports() for sample in transport.samples for line in sample.lines} - {b""}
)


def asked_in_turn(data: bytes) -> Transport | None:
    sure = (transport for transport in transports() if transport.confidence >= SURE)
    return next((transport for transport in sure if transport.takes(data, 0)), None)


@pytest.mark.parametrize("data", SAMPLES)
def test_a_line_is_recognised_as_if_all_were_asked(data: bytes) -> None:
    for line in (data, data[1:], b"7" + data, b"[" + data, b"A" + data):
        assert recognise(line) is asked_in_turn(line)


def test_formats_that_are_asked_later_are_less_sure() -> None:
    least = registry._KNOWN[-1].confidence
    later = [transport for module in registry._LESS_SURE for transport in registry._transports_in(module)]
    assert all(transport.confidence < least for transport in later)
    assert registry._only_known()
