"""A plain report's lines, read one by one after all.

Turns the bytes of a report that was taken as a whole (`oomparse.outline`) into the `Report` that reading the log line
by line would have given, when more of it is asked for than who died and whose memory ran out.  Most of its lines differ
from the kill line in their text alone: those are cut out by one search, and taken a section at a time.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from oomparse.assembler import Assembler
from oomparse.grammar.reaper import Reaped
from oomparse.message import Message
from oomparse.outline import FRACTION_DIGITS, Outline
from oomparse.prefilter import count
from oomparse.record import replaced
from oomparse.report import Report
from oomparse.sources.lines import LineSplitter
from oomparse.telling import Telling
from oomparse.timestamps import Resolved, TimeResolver
from oomparse.transports import DecodeContext, Decoder, get

Parts: TypeAlias = tuple[Outline, re.Match[str], bytes, int, Message, str | None, int | None]
"""What an `Again` is made of (most are never asked for), and where its lines begin in their file."""


class Again:
    """The lines of a plain report, to be read one by one after all, as the reading of the whole log would have."""

    def __init__(  # noqa: PLR0917 - a report and where it stands
        self,
        found: Outline,
        told: re.Match[str],
        data: bytes,
        number: int,
        message: Message,
        tz: str | None,
    ) -> None:
        """Take the report's lines, the number of the first one, and the kill line."""
        self._found = found
        self._data = data
        self._told = told
        self.number = number
        self.message = message
        self._tz = tz

    def report(self) -> Report:
        """Read them."""
        last = self.message
        assembler = Assembler(live=False)
        times = _KnownTime(last, self._tz)
        decoder = get(last.transport).decoder(DecodeContext(times=times, path=last.path))
        lines = self._data.split(b"\n")[:-1]
        texts = self._texts(lines)
        kill_at = self._kill_at
        begin = 0
        while begin < len(texts):
            end = texts.index("", begin)
            while begin < end:
                usual = texts[begin:end]
                taken = assembler.feed_run(usual, last)
                if not taken:
                    self._feed(assembler, self._as_message(usual[0], self.number + begin))
                begin += taken or 1
            if end == kill_at:
                self._feed(assembler, last)
            else:
                for message in self._decoded(lines[end], end, decoder):
                    self._feed(assembler, message)
            begin = end + 1
        return assembler.killed

    @property
    def _kill_at(self) -> int:
        return self._found.lines - (2 if self._found.reaped else 1)

    def _feed(self, assembler: Assembler, message: Message) -> None:
        parsed = Telling(self._told).parsed(message, self.message)
        if parsed is None:
            assembler.feed(message)
        else:
            assembler.take(message, parsed)

    def _decoded(self, data: bytes, at: int, decoder: Decoder) -> Iterable[Message]:
        for line in LineSplitter(path=self.message.path, first_number=self.number + at).feed(data + b"\n"):
            yield from decoder.feed(line)
        yield from decoder.flush()

    def _texts(self, lines: Sequence[bytes]) -> list[str]:
        """Return the texts of those lines that have the prefix of the kill line, and differ in the text alone.

        The others are empty: those that have to be decoded, the first one, and those from the kill line on, whose
        stamps are the event's.
        """
        kill, fraction = self._found.kill, self._found.fraction
        prefix = kill[: len(kill) - len(self.message.text.encode("utf-8", "surrogateescape"))]
        start, middle = (prefix, b"") if fraction < 0 else (prefix[:fraction], prefix[fraction + FRACTION_DIGITS :])
        alike = self._data.startswith(start) and count(self._data, b"\n" + start, 0, len(self._data)) == len(lines) - 1
        text_of = _text_of(len(start), middle, stamped=fraction >= 0)
        if alike:
            texts: list[str] = text_of.findall(self._data[:-1].decode("latin-1"))
        else:
            texts = [
                "".join(text_of.findall(line.decode("latin-1"))) if line.startswith(start) else "" for line in lines
            ]
        texts[0] = ""
        kill_at = self._kill_at
        texts[kill_at:] = [""] * (len(texts) - kill_at)
        return texts

    def _as_message(self, text: str, number: int) -> Message:
        return replaced(self.message, text=text, monotonic_us=None, issues=(), line_start=number, line_end=number)


class _KnownTime(TimeResolver):
    """Knows what one stamp means, which has no year perhaps; the others say all themselves."""

    def __init__(self, message: Message, tz: str | None) -> None:
        super().__init__(tz=tz)
        self._known = message.printed
        self._means = Resolved(message.wall, message.issues)

    def resolve(self, stamp: str) -> Resolved:
        """Return the wall-clock time of a stamp."""
        return self._means if stamp == self._known else super().resolve(stamp)


@lru_cache(maxsize=64)
def _text_of(start: int, middle: bytes, *, stamped: bool) -> re.Pattern[str]:
    """Return what finds the text of each line that is no more than printable ASCII, which no decoder changes."""
    fraction = rf"[0-9]{{{FRACTION_DIGITS}}}" if stamped else ""
    prefix = rf".{{{start}}}{fraction}{re.escape(middle.decode('latin-1'))}"
    return re.compile(rf"^(?:{prefix}({_USUAL}*+(?:#(?![023]){_USUAL}*+)*+)|.*)$", re.MULTILINE)


_USUAL = r'[ -"$-\[\]-~]'
"""Printable, and neither a backslash nor the ``#`` of rsyslog's octal (``#1 SMP`` is none)."""


Later: TypeAlias = tuple[tuple[Message, str, Reaped, str | None], ...]
"""A report's reaper lines that came later, each with the name of its format."""


class PackedReport(NamedTuple):
    """A plain report on its way to another process: what cannot be told from its bytes."""

    text: bytes | int
    """Its lines, or where they begin in their file."""
    size: int
    lines: int
    fraction: int
    reaped: bool
    """The reaper's line is the last one."""
    message: Message
    """The kill line."""
    number: int
    """Of the first line."""
    tz: str | None
    later: Later = ()

    def is_in(self, data: bytes) -> bool:
        """Whether these bytes may be the report's, as far as a quick look tells."""
        return len(data) == self.size and data.rfind(self.message.text.encode("utf-8", "surrogateescape")) >= 0


def further(message: Message, lines: int) -> Message:
    """Return a message whose lines are counted from so many further on."""
    return replaced(message, line_start=moved(message.line_start, lines), line_end=moved(message.line_end, lines))


def moved(line: int | None, lines: int) -> int | None:
    """Return the number of a line that so many more are before."""
    return None if line is None else line + lines
