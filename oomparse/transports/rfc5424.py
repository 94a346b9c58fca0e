r"""Syslog by RFC 5424, with structured data, and in octet-counted frames (RFC 6587).

Turns ``<4>1 2026-11-21T03:18:24.738194+00:00 host kernel - - - text`` into messages.  A frame is ``LENGTH SP RECORD``;
frames follow each other without a line end, and a record in a frame may hold some.  A count that does not fit (the
file was edited, or its line ends were changed) is ignored.  The facility proves who wrote the record where it is not
the kernel's; the name ``kernel`` is as good as the daemon.
"""

import re
from collections.abc import Sequence

from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.transports.base import MAX_MESSAGE_BYTES, DecodeContext, LineDecoder, LineTransport, Sample, clean
from oomparse.transports.escapes import unescape_syslog
from oomparse.transports.syslog import STAMP, losses

# rsyslog keeps the blank that stood behind the tag in RFC 3164.
_ELEMENT = rb"\[(?>[^\]\\\"]|\"(?>[^\"\\]|\\.)*\"|\\.){0,8192}\]"
_RECORD = re.compile(
    rb"<(\d{1,3})>\d{1,2} (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
    rb"(?:-|(?:%s)+)(?: (?:\xef\xbb\xbf)?(?: (?=\[ {0,5}\d{1,10}\.\d{6}))?%s(.*)|$)" % (_ELEMENT, STAMP),
    re.DOTALL,
)
_FRAME = re.compile(rb"(\d{1,6}) (?=<\d{1,3}>)")


class Rfc5424Transport(LineTransport):
    """Syslog by RFC 5424."""

    name = "rfc5424"
    confidence = 0.92
    pattern = _RECORD

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Recognise a record, with or without a frame around it."""
        frame = _FRAME.match(data)
        return _RECORD.match(data, frame.end()) if frame else _RECORD.match(data)

    def unescape(self, text: str) -> str:
        """Undo what syslog daemons write."""
        return unescape_syslog(text)

    def width(self, match: re.Match[bytes]) -> int:
        """Return where the text begins."""
        return match.start(9) if match[9] is not None else match.end()

    def text_offset(self, data: bytes) -> int:
        """Return where the kernel's text begins in a line, or -1."""
        match = self.match(data)
        return -1 if match is None else self.width(match)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        priority, stamp, host, app, process, _, seconds, caller, raw = match.groups()
        facility, level = divmod(int(priority), 8)
        printed = None if stamp == b"-" else stamp.decode("utf-8", "surrogateescape")
        wall, issues = context.times.resolve(printed) if printed else (None, ())
        micros = None
        if seconds is not None:
            whole, fraction = seconds.split(b".")
            micros = int(whole) * 1_000_000 + int(fraction[:6])
        text = self.text(raw or b"")
        if app != b"kernel" or text[:1] == "[":
            issues += losses(text, None if app == b"kernel" else app.decode("utf-8", "replace"), line.number)
        return maker(Message)(
            text=text,
            transport="rfc5424",
            monotonic_us=micros,
            wall=wall,
            printed=printed,
            host=None if host == b"-" else host.decode("utf-8", "surrogateescape"),
            caller=None if caller is None else caller.decode("ascii"),
            level=level,
            facility=facility,
            from_kernel=facility == 0 and app == b"kernel" and process in (b"-", b"0"),
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
            issues=issues,
        )

    def decoder(self, context: DecodeContext) -> "Rfc5424Decoder":
        """Begin a reading."""
        return Rfc5424Decoder(self, context)

    samples = (
        Sample(
            lines=(
                b"<4>1 2026-11-21T03:18:24.738194+00:00 oomlab kernel - - - [    7.670939] hog invoked oom-killer:",
                b'<4>1 2026-11-21T03:18:24.738195Z oomlab kernel - - [a@1 k="x]\\"y"][b@2] \xef\xbb\xbfMem-Info:',
                b"<4>1 2026-11-21T03:18:24+00:00 oomlab kernel - - -  [    7.670941]  active_file:0",
                b"<12>1 - - kernel - - - Killed process 1 (init)",
                b"<4>1 2026-11-21T03:18:24Z oomlab logger 123 - - Killed process 1 (init)",
            ),
            messages=(
                {
                    "text": "hog invoked oom-killer:",
                    "monotonic_us": 7670939,
                    "host": "oomlab",
                    "level": 4,
                    "facility": 0,
                    "from_kernel": True,
                    "printed": "2026-11-21T03:18:24.738194+00:00",
                },
                {"text": "Mem-Info:", "monotonic_us": None, "from_kernel": True},
                {"text": " active_file:0", "monotonic_us": 7670941},
                {"text": "Killed process 1 (init)", "host": None, "printed": None, "from_kernel": False},
                {"text": "Killed process 1 (init)", "from_kernel": False},
            ),
        ),
        Sample(
            lines=(
                b"52 <4>1 2026-11-21T03:18:24Z box kernel - - - Mem-Info:71 "
                b"<4>1 2026-11-21T03:18:24Z box kernel - - - active_anon:1",
                b" active_file:054 <4>1 2026-11-21T03:18:24Z box kernel - - - Call Trace:",
                b"99999 <4>1 2026-11-21T03:18:24Z box kernel - - - Tasks state:",
                b"<4>1 2026-11-21T03:18:24Z box kernel - - - Node 0",
            ),
            messages=(
                {"text": "Mem-Info:", "line_start": 1},
                {"text": "active_anon:1\n active_file:0", "line_start": 1, "line_end": 2},
                {"text": "Call Trace:", "line_start": 2},
                {"text": "Tasks state:", "line_start": 3},
                {"text": "Node 0", "line_start": 4},
            ),
        ),
    )


class Rfc5424Decoder(LineDecoder):
    """Reads records and frames of records."""

    def __init__(self, transport: Rfc5424Transport, context: DecodeContext) -> None:
        super().__init__(transport, context)
        self._missing = 0

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a record, frames of records, or the rest of a frame."""
        data = line.data
        if self._missing and not _FRAME.match(data) and not _RECORD.match(data):
            return self._rest(line)
        self._missing = 0
        return self._frames(line) if _FRAME.match(data) else super().offer(line)

    @property
    def linewise(self) -> bool:
        """Every record begins on a line of its own, unless a frame is open."""
        return not self._missing

    def _rest(self, line: Line) -> Sequence[Message]:
        """Take a line that stands in the frame that is open, and whatever frames follow it there."""
        taken = line.data[: self._missing]
        self._append(clean(taken), line)
        self._missing = max(self._missing - len(line.data) - 1, 0)
        follows = line.data[len(taken) :]
        return self._frames(line._replace(data=follows)) if follows else ()

    def _frames(self, line: Line) -> Sequence[Message]:
        messages: list[Message] = []
        data = line.data
        while frame := _FRAME.match(data):
            size = int(frame[1])
            record, after = data[frame.end() : frame.end() + size], data[frame.end() + size :]
            if after and not _FRAME.match(after):
                record, after = data[frame.end() :], b""
            taken = super().offer(line._replace(data=record))
            messages += super().feed(line._replace(data=record)) if taken is None else taken
            # The line end that is not part of the line counts, unless the frame ends in it.
            self._missing = min(max(size - len(record) - 1, 0), MAX_MESSAGE_BYTES)
            data = after
        return messages


TRANSPORT = Rfc5424Transport()
