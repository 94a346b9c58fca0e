"""What a record looks like: every format that carries kernel messages.

Turns lines into `oomparse.message.Message`.  One file per format, each with ``looks_like()``, ``decode()`` and samples;
`registry.BUILT_IN` lists them, and other people's come through the entry-point group ``oomparse.transports``.
"""

from collections.abc import Iterable, Iterator

from oomparse.message import Line, Message
from oomparse.transports.auto import AutoDecoder
from oomparse.transports.base import (
    DecodeContext,
    Decoder,
    LineTransport,
    Sample,
    Transport,
)
from oomparse.transports.registry import detect, get, transports

__all__ = [
    "AutoDecoder",
    "DecodeContext",
    "Decoder",
    "LineTransport",
    "Sample",
    "Transport",
    "decode",
    "decoder",
    "detect",
    "get",
    "transports",
]


def decoder(transport: str | None = None, context: DecodeContext | None = None) -> Decoder:
    """Begin to decode a log: of that format, or of whatever formats its lines have."""
    context = context or DecodeContext()
    return AutoDecoder(context) if transport is None else get(transport).decoder(context)


def decode(
    lines: Iterable[Line], *, transport: str | None = None, context: DecodeContext | None = None
) -> Iterator[Message]:
    """Decode a whole log: of that format, or of whatever formats its lines have."""
    reading = decoder(transport, context)
    feed = reading.feed
    for line in lines:
        yield from feed(line)
    yield from reading.flush()
