r"""Container logs: as the kubelet finds them (CRI), ``2026-11-21T03:28:15.612779123Z stdout F text``, and as people do.

Turns them into messages, whatever format the text has; a text that was cut (``P``) is joined with what follows.
``docker logs -t`` and ``kubectl logs --timestamps`` show the stamp alone (of nanoseconds, which no syslog has),
``kubectl logs --prefix`` and ``docker compose logs`` who printed the text.  A container shows kernel lines when it
prints the ring buffer: what it prints is not proven to be the kernel's.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from oomparse.message import Line, Message
from oomparse.timestamps import NOTHING
from oomparse.transports.auto import WrappedDecoder
from oomparse.transports.base import MAX_DEPTH, MAX_MESSAGE_BYTES, DecodeContext, Decoder, Sample, Transport, clean
from oomparse.transports.envelope import Envelope, InnerDecoder
from oomparse.transports.wrapped import is_log

_LINE = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) std(?:out|err) ([FP])[:\w]{0,16}(?: (.*)|$)",
    re.DOTALL,
)

_STAMP = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d%s(?:Z|[+-]\d\d:\d\d)) (.*)"
_STAMPED = re.compile(_STAMP % rb"(?:\.\d{1,9})?", re.DOTALL)
_SURELY_STAMPED = re.compile(_STAMP % rb"\.\d{7,9}", re.DOTALL)
_NAMED = re.compile(rb"(?:\[pod/[^\]\s]{1,512}\]|[\w.-]{1,128} *\|) (?:%s|(.*))" % (_STAMP % rb"\.\d{1,9}"), re.DOTALL)


class CriTransport(Transport):
    """CRI container logs."""

    name = "cri"
    confidence = 0.93
    samples: ClassVar[tuple[Sample, ...]] = (
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

    def decoder(self, context: DecodeContext) -> Decoder:
        """Begin a reading."""
        return CriDecoder(context)


class StampedTransport(CriTransport):
    """``docker logs -t``, ``kubectl logs --timestamps``."""

    name = "container-stamped"
    confidence = 0.87
    samples = (
        Sample(
            lines=(
                b"2026-11-21T03:28:15.612779123Z [    7.684207] active_anon:195",
                b"2026-11-21T03:28:15.6127791Z                 active_file:0",
                b"2026-11-21T03:28:15.612779125Z Nov 21 03:18:24 box kernel: Mem-Info:",
            ),
            messages=(
                {"text": "active_anon:195\n active_file:0", "monotonic_us": 7684207, "line_end": 2},
                {"text": "Mem-Info:", "host": "box", "from_kernel": None},
            ),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a stamp of nanoseconds stands first."""
        return depth < MAX_DEPTH and _SURELY_STAMPED.match(data) is not None

    def decoder(self, context: DecodeContext) -> Decoder:
        """Begin a reading."""
        return StampedDecoder(context, self.name, _STAMPED)


class NamedTransport(CriTransport):
    """``kubectl logs --prefix``, ``docker compose logs``."""

    name = "container-named"
    confidence = 0.605
    samples = (
        Sample(
            lines=(
                b"[pod/shell-x/shell] [    7.684207] active_anon:195",
                b"[pod/shell-x/shell]                 active_file:0",
                b"[pod/shell-x/shell] 2026-11-21T03:28:15.6127791Z Nov 21 03:18:24 box kernel: Mem-Info:",
            ),
            messages=({"text": "active_anon:195\n active_file:0"}, {"text": "Mem-Info:", "from_kernel": None}),
        ),
        Sample(
            lines=(b"web-1  | [    7.684207] active_anon:195", b"web-1  |                 active_file:0"),
            messages=({"text": "active_anon:195\n active_file:0", "transport": "container-named/dmesg"},),
        ),
    )

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a container's name stands before a log line."""
        found = _NAMED.match(data) if depth < MAX_DEPTH else None
        return found is not None and is_log(found[2] or found[3] or b"", depth + 1)

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines with a name."""
        lines = [cleaned for data in head if (cleaned := clean(data))]
        if not any(self.takes(data, 0) for data in lines):
            return 0.0
        return self.confidence * sum(_NAMED.match(data) is not None for data in lines) / len(lines)

    def decoder(self, context: DecodeContext) -> Decoder:
        """Begin a reading."""
        return StampedDecoder(context, self.name, _NAMED)


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


class StampedDecoder(WrappedDecoder):
    """Reads lines with a container's stamp or name."""

    def __init__(self, context: DecodeContext, name: str, pattern: re.Pattern[bytes]) -> None:
        super().__init__(context)
        self._inner = InnerDecoder(context)
        self._name = name
        self._pattern = pattern

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line of a container."""
        found = self._pattern.match(clean(line.data))
        if found is None:
            return None
        printed = None if found[1] is None else found[1].decode("ascii")
        wall, issues = self.context.times.resolve(printed) if printed else NOTHING
        envelope = Envelope(
            transport=self._name,
            line=line,
            line_end=line.number,
            wall=wall,
            printed=printed,
            from_process=True,
            issues=issues,
        )
        text = found[2] if found[2] is not None else found[3]
        return self._inner.feed(text[: MAX_MESSAGE_BYTES + 1], envelope)

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._inner.flush()


TRANSPORTS = (CriTransport(), StampedTransport(), NamedTransport())
