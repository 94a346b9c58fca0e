r"""Container logs as the kubelet finds them (CRI): ``2026-11-21T03:28:15.612779123Z stdout F text``.

Turns them into messages, whatever format the text has; a text that was cut (``P``) is joined with what follows.  A
container shows kernel lines when it prints the ring buffer: what it prints is not proven to be the kernel's.
"""

import re
from collections.abc import Sequence

from oomparse.message import Line, Message
from oomparse.transports.auto import WrappedDecoder
from oomparse.transports.base import MAX_DEPTH, MAX_MESSAGE_BYTES, DecodeContext, Sample, Transport, clean
from oomparse.transports.envelope import Envelope, InnerDecoder

_LINE = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) std(?:out|err) ([FP])[:\w]{0,16}(?: (.*)|$)",
    re.DOTALL,
)


class CriTransport(Transport):
    """CRI container logs."""

    name = "cri"
    confidence = 0.93
    samples = (
        Sample(
            lines=(
                b"2026-11-21T03:28:15.612779123Z stdout F [    7.684207] active_anon:195",
                b"2026-11-21T03:28:15.612779124Z stdout F                 active_file:0",
                b"2026-11-21T03:28:15.612779125Z stdout P Nov 21 03:18:24 box kernel: Mem",
                b"2026-11-21T03:28:15.612779126Z stdout F -Info:",
                b"2026-11-21T03:28:15.612779127Z stderr F hello",
            ),
            messages=(
                {
                    "text": "active_anon:195\n active_file:0",
                    "transport": "cri/dmesg",
                    "printed": "2026-11-21T03:28:15.612779123Z",
                    "monotonic_us": 7684207,
                    "line_start": 1,
                    "line_end": 2,
                },
                {"text": "Mem-Info:", "host": "box", "from_kernel": None, "line_start": 3, "line_end": 4},
                {"text": "hello", "transport": "cri"},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a line is one of a container."""
        return depth < MAX_DEPTH and _LINE.match(data) is not None

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines of a container."""
        lines = [cleaned for data in head if (cleaned := clean(data))]
        return self.confidence * sum(self.takes(data, 0) for data in lines) / len(lines) if lines else 0.0

    def decoder(self, context: DecodeContext) -> "CriDecoder":
        """Begin a reading."""
        return CriDecoder(context)


class CriDecoder(WrappedDecoder):
    """Reads CRI logs."""

    def __init__(self, context: DecodeContext) -> None:
        super().__init__(context)
        self._inner = InnerDecoder(context)
        self._part = b""
        self._first: Line | None = None

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line of a container."""
        found = _LINE.match(clean(line.data))
        if found is None:
            return None
        first = self._first or line
        text = (self._part + (found[3] or b""))[: MAX_MESSAGE_BYTES + 1]
        if found[2] == b"P":
            self._part, self._first = text, first
            return ()
        self._part, self._first = b"", None
        printed = found[1].decode("ascii")
        wall, issues = self.context.times.resolve(printed)
        envelope = Envelope(
            transport="cri",
            line=first._replace(cut=line.cut or first.cut),
            line_end=line.number,
            wall=wall,
            printed=printed,
            from_process=True,
            issues=issues,
        )
        return self._inner.feed(text, envelope)

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._inner.flush()


TRANSPORT = CriTransport()
