"""Reads a log whose format nobody named, and one that changes its format midway.

Turns lines into messages by the format of each line: the decoder at work is asked first; a line that it does not take
for certain goes to the surest format that does, and only what nobody takes is a continuation or bare text.  So a live
stream is never held up for sniffing, and concatenated or rotated logs need no border.
"""

from collections.abc import Sequence

from oomparse.message import Line, Message
from oomparse.transports.base import DecodeContext, Decoder, clean
from oomparse.transports.registry import get, transports

SURE = 0.5
"""A format takes over from this confidence on."""


class AutoDecoder(Decoder):
    """Decodes any log, line by line."""

    def __init__(self, context: DecodeContext | None = None) -> None:
        self.context = context or DecodeContext()
        self._decoders: dict[str, Decoder] = {}
        self._current = self._decoder("text")

    def _decoder(self, name: str) -> Decoder:
        decoder = self._decoders.get(name)
        if decoder is None:
            decoder = self._decoders[name] = get(name).decoder(self.context)
        return decoder

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that some format takes for certain."""
        messages = self._current.offer(line)
        if messages is not None:
            return messages
        data = clean(line.data)
        if not data:
            return self._current.feed(line)
        head = (data,)
        for transport in transports():
            if transport.confidence < SURE:
                break
            if transport.looks_like(head) >= SURE:
                return self._switch(transport.name, line if data == line.data else line._replace(data=data))
        return None

    def _switch(self, name: str, line: Line) -> Sequence[Message]:
        decoder = self._decoder(name)
        if decoder is self._current:
            return decoder.feed(line)
        before = self._current.flush()
        self._current = decoder
        return (*before, *decoder.feed(line))

    def feed(self, line: Line) -> Sequence[Message]:
        """Take any line."""
        messages = self.offer(line)
        return self._current.feed(line) if messages is None else messages

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._current.flush()
