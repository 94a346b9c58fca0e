"""Reads a log whose format nobody named, and one that changes its format midway.

Turns lines into messages by the format of each line: the decoder at work is asked first; a line that it does not take
for certain goes to the surest format that does, and only what nobody takes is a continuation or bare text.  So a live
stream is never held up for sniffing, and concatenated or rotated logs need no border.
"""

from collections.abc import Sequence

from oomparse.message import Line, Message
from oomparse.transports.base import DecodeContext, Decoder, bare_text, clean
from oomparse.transports.registry import get, recognise


class WrappedDecoder(Decoder):
    """Base of decoders that take something off a record and decode the rest."""

    def __init__(self, context: DecodeContext) -> None:
        self.context = context

    def feed(self, line: Line) -> Sequence[Message]:
        """Take a line; one that is not wrapped is bare text."""
        messages = self.offer(line)
        if messages is not None:
            return messages
        data = clean(line.data)
        return (*self.flush(), bare_text(data, line, self.context)) if data else ()


class AutoDecoder(Decoder):
    """Decodes any log, line by line."""

    def __init__(self, context: DecodeContext | None = None) -> None:
        self.context = context or DecodeContext()
        self._decoders: dict[str, Decoder] = {}
        self._current = self._decoder("text")
        self._offer = self._current.offer

    def _decoder(self, name: str) -> Decoder:
        decoder = self._decoders.get(name)
        if decoder is None:
            decoder = self._decoders[name] = get(name).decoder(self.context)
        return decoder

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that some format takes for certain."""
        messages = self._offer(line)
        return self._recognise(line) if messages is None else messages

    def _recognise(self, line: Line) -> Sequence[Message] | None:
        """Take a line that is not in the format at work."""
        data = clean(line.data)
        if not data:
            return self._current.feed(line)
        transport = recognise(data, self.context.depth)
        return None if transport is None else self._switch(transport.reads_as or transport.name, line)

    def _switch(self, name: str, line: Line) -> Sequence[Message]:
        decoder = self._decoder(name)
        if decoder is self._current:
            return decoder.feed(line)
        before = self._current.flush()
        self._current = decoder
        self._offer = decoder.offer
        return (*before, *decoder.feed(line))

    def feed(self, line: Line) -> Sequence[Message]:
        """Take any line."""
        messages = self._offer(line)
        if messages is None:
            messages = self._recognise(line)
            if messages is None:
                wrapped = isinstance(self._current, WrappedDecoder)
                messages = self._switch("text", line) if wrapped else self._current.feed(line)
        return messages

    def alone(self, line: Line) -> Message | None:
        """Ask the decoder at work."""
        return self._current.alone(line)

    @property
    def linewise(self) -> bool:
        """As the decoder at work."""
        return self._current.linewise

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._current.flush()
