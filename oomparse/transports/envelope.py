"""Records that wrap a log line: what they say besides it, and the reading of what is inside.

Turns the text of a record and its `Envelope` into messages.  The text may be a log line of any format; its own stamp
and host go before those of the envelope.  A text that is none is the message itself, exactly as it stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from oomparse.errors import Issue
from oomparse.message import Line, Message
from oomparse.transports.auto import AutoDecoder
from oomparse.transports.base import HEAD_LINES, MAX_DEPTH, MAX_MESSAGE_BYTES, DecodeContext, bare_text
from oomparse.transports.escapes import unescape_syslog
from oomparse.transports.registry import recognise


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a record says besides its text.

    ``line`` is its first line and ``line_end`` the number of its last.  ``from_process`` is True for what containers
    print: whatever it claims to be, the kernel did not hand it over.  ``from_syslog`` is True for what a syslog daemon
    wrote, with its escapes.
    """

    transport: str
    line: Line
    line_end: int
    wall: datetime | None = None
    printed: str | None = None
    host: str | None = None
    level: int | None = None
    facility: int | None = None
    from_kernel: bool | None = None
    from_process: bool = False
    from_syslog: bool = False
    issues: tuple[Issue, ...] = ()

    @property
    def speaker(self) -> tuple[object, ...]:
        """Who wrote it, as far as it says: only what one speaker wrote can belong together."""
        return self.from_kernel, self.facility, self.host, self.from_process


class InnerDecoder:
    """Decodes the texts of a stream of records as one log.

    Several records may stand on one line, so the lines of that log are the records, numbered here.
    """

    def __init__(self, context: DecodeContext) -> None:
        self.context = context
        self._auto = AutoDecoder(context.inner()) if context.depth < MAX_DEPTH else None
        self._envelopes: dict[int, Envelope] = {}
        self._number = 0
        self._speaker: tuple[object, ...] = ()

    def feed(self, text: bytes, envelope: Envelope) -> Sequence[Message]:
        """Take the text of a record."""
        before: Sequence[Message] = ()
        if envelope.speaker != self._speaker:
            before, self._speaker = self.flush(), envelope.speaker
        self._number += 1
        self._envelopes[self._number] = envelope
        return (*before, *self._feed(text, envelope))

    def _feed(self, text: bytes, envelope: Envelope) -> Sequence[Message]:
        lines = text.removesuffix(b"\n").split(b"\n")
        messages: list[Message] = []
        if len(lines) > 1:
            known = [recognise(line, self.context.depth + 1) is not None for line in lines[:HEAD_LINES]]
            if not any(known):
                return (*self.flush(), self._message(text.removesuffix(b"\n"), envelope))
            if known[0] and not any(known[1:]):  # one record, prefixed once
                messages += (*self._feed(lines[0], envelope), *self.flush())
                rest = b"\n".join(lines[1:])[:MAX_MESSAGE_BYTES].decode("utf-8", "surrogateescape")
                messages[-1] = replace(messages[-1], text=f"{messages[-1].text}\n{rest}")
                return messages
        for data in lines:
            line = envelope.line._replace(data=data, number=self._number)
            taken = None if self._auto is None or not data else self._auto.offer(line)
            messages += self._merged(taken) if taken is not None else (*self.flush(), self._message(data, envelope))
        return messages

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._merged(self._auto.flush()) if self._auto is not None else ()

    def _merged(self, messages: Sequence[Message]) -> list[Message]:
        merged = []
        for message in messages:
            first = self._envelopes.get(message.line_start or 0)
            last = self._envelopes.get(message.line_end or 0)
            merged.append(message if first is None else _with_envelope(message, first, last or first))
            for number in [number for number in self._envelopes if number < (message.line_end or 0)]:
                del self._envelopes[number]
        return merged

    def _message(self, data: bytes, envelope: Envelope) -> Message:
        message = bare_text(data, envelope.line, self.context, envelope.issues)
        return replace(
            message,
            text=unescape_syslog(message.text) if envelope.from_syslog else message.text,
            transport=envelope.transport,
            wall=envelope.wall,
            printed=envelope.printed,
            host=envelope.host,
            level=envelope.level,
            facility=envelope.facility,
            from_kernel=None if envelope.from_kernel and envelope.from_process else envelope.from_kernel,
            line_end=envelope.line_end,
        )


def _with_envelope(message: Message, first: Envelope, last: Envelope) -> Message:
    from_kernel = first.from_kernel if message.from_kernel is None else message.from_kernel
    if first.from_kernel is False:
        from_kernel = False
    elif from_kernel and first.from_process:
        from_kernel = None
    dated = message.wall is not None or first.wall is None
    issues = tuple(issue if issue.line is None else replace(issue, line=first.line.number) for issue in message.issues)
    return replace(
        message,
        text=unescape_syslog(message.text) if first.from_syslog else message.text,
        transport=first.transport if message.transport == "text" else f"{first.transport}/{message.transport}",
        wall=message.wall if dated else first.wall,
        printed=message.printed if dated else first.printed,
        host=message.host or first.host,
        level=first.level if message.level is None else message.level,
        facility=first.facility if message.facility is None else message.facility,
        from_kernel=from_kernel,
        line_start=first.line.number,
        line_end=last.line_end,
        issues=issues if dated else issues + first.issues,
    )
