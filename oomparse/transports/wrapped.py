r"""Logs that went through hands: quoted mails, indented postings, editors' line numbers, colours, Windows.

Takes off each line what was put before it, and decodes the rest as a log of its own, whatever its format; so wrappers
nest, up to `MAX_DEPTH`.  A line is in a wrapper if its rest is surely of some format, or if nothing else looks so.
"""

import codecs
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence

from oomparse.message import Line, Message
from oomparse.transports.auto import AutoDecoder, WrappedDecoder
from oomparse.transports.base import MAX_DEPTH, DecodeContext, Sample, Transport, clean
from oomparse.transports.escapes import strip_colour
from oomparse.transports.registry import recognise

Peeler = Callable[[bytes], bytes | None]
"""Takes the wrapper off a line; None where the line is not wrapped."""


class PeeledTransport(Transport):
    """A wrapper that stands before (or in) every line."""

    confidence = 0.6

    @abstractmethod
    def peeler(self) -> Peeler:
        """Return what takes the wrapper off; it may learn from the lines that it sees."""

    def alone(self, data: bytes) -> bool:  # noqa: ARG002  # for those who can tell
        """Return whether a line is wrapped, whatever is inside."""
        return False

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a line is wrapped."""
        if depth >= MAX_DEPTH:
            return False
        inner = self.peeler()(data)
        return inner is not None and (self.alone(data) or is_log(inner, depth + 1))

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines that are wrapped."""
        lines = [cleaned for data in head if (cleaned := clean(data))]
        if not any(self.takes(data, 0) for data in lines):
            return 0.0
        peel = self.peeler()
        return self.confidence * sum(peel(data) is not None for data in lines) / len(lines)

    def decoder(self, context: DecodeContext) -> "PeeledDecoder":
        """Begin a reading."""
        return PeeledDecoder(self, context)


def is_log(data: bytes, depth: int) -> bool:
    """Return whether a line begins as one of a log does; a stamp somewhere in it is not enough."""
    found = recognise(data, depth)
    return found is not None and found.reads_as is None


class PeeledDecoder(WrappedDecoder):
    """Decodes what is inside."""

    def __init__(self, transport: PeeledTransport, context: DecodeContext) -> None:
        super().__init__(context)
        self._peel = transport.peeler()
        self._inner = AutoDecoder(context.inner())

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that is wrapped."""
        data = self._peel(clean(line.data))
        return None if data is None else self._inner.feed(line._replace(data=data))

    def flush(self) -> Sequence[Message]:
        """Let the held message go."""
        return self._inner.flush()


_QUOTE = re.compile(rb"[ \t]{0,3}>(?:[ \t]{0,3}[>|])* ?|\| ")


def _unquote(data: bytes) -> bytes | None:
    found = _QUOTE.match(data)
    return data[found.end() :] if found else None


class QuotedTransport(PeeledTransport):
    """A log in a quoted mail."""

    name = "quoted"
    samples = (
        Sample(
            lines=(
                b"> >  | [    7.684207] active_anon:195",
                b"> >  |                 active_file:0",
                b">> [    7.684208] Mem-Info:",
            ),
            messages=({"text": "active_anon:195\n active_file:0"}, {"text": "Mem-Info:", "monotonic_us": 7684208}),
        ),
        Sample(
            lines=(b">   hog invoked oom-killer: order=0", b">   Call Trace:", b">    dump_stack+0x6b/0x88", b"Why?"),
            messages=(
                {"text": "hog invoked oom-killer: order=0", "transport": "text"},
                {"text": "Call Trace:"},
                {"text": " dump_stack+0x6b/0x88"},
                {"text": "Why?"},
            ),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what removes quote marks."""
        return _unquote

    def alone(self, data: bytes) -> bool:
        """Return whether a quote mark stands first."""
        return data.lstrip()[:1] == b">"


class _Unindenter:
    """Removes the indentation of the first line from all lines, or as much of it as there is."""

    def __init__(self) -> None:
        self._indent = 0

    def __call__(self, data: bytes) -> bytes | None:
        stripped = data.lstrip(b" \t\xa0\xc2")
        indent = len(data) - len(stripped)
        if not indent:
            return None if stripped else b""
        if not self._indent and stripped:
            self._indent = indent
        return data[min(indent, self._indent) :]


class IndentedTransport(PeeledTransport):
    """A log in a block of code: every line is indented."""

    name = "indented"
    confidence = 0.58
    samples = (
        Sample(
            lines=(
                b"    Aug 11 09:15:29 slow kernel: active_anon:195",
                b"                                  active_file:0",
                b"    Aug 11 09:18:04 slow kernel: Mem-Info:",
            ),
            messages=({"text": "active_anon:195\n active_file:0"}, {"text": "Mem-Info:", "host": "slow"}),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what removes the indentation of the first line."""
        return _Unindenter()


_NUMBER = re.compile(rb"[ \t]{0,8}\d{1,9}(?:[:-]|(?:[|)]|\xe2\x94\x82)?[ \t]?)")

_GREP_NUMBER = re.compile(rb"[1-9]\d{0,8}:[^\d:]")


def _unnumber(data: bytes) -> bytes | None:
    found = _NUMBER.match(data)
    return data[found.end() :] if found else None


class NumberedTransport(PeeledTransport):
    """A log with the line numbers of an editor, of ``cat -n`` or of ``grep -n``."""

    name = "numbered"
    confidence = 0.59
    samples = (
        Sample(
            lines=(
                b"166246 Apr 18 00:37:34   kernel: [14049899.298743]  [<ffffffff811b921c>] foo+0x51c/0x560",
                b"166247 Apr 18 00:37:34   kernel: [14049899.298745] Mem-Info:",
            ),
            messages=({"text": " [<ffffffff811b921c>] foo+0x51c/0x560", "host": None}, {"text": "Mem-Info:"}),
        ),
        Sample(
            lines=(b"12:[    7.684207] active_anon:195", b"13:                active_file:0"),
            messages=({"text": "active_anon:195\n active_file:0"},),
        ),
        Sample(
            lines=(b"12:hog invoked oom-killer: order=0", b"13-Call Trace:", b"14- dump_stack+0x6b/0x88"),
            messages=(
                {"text": "hog invoked oom-killer: order=0"},
                {"text": "Call Trace:"},
                {"text": " dump_stack+0x6b/0x88"},
            ),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what removes the number."""
        return _unnumber

    def alone(self, data: bytes) -> bool:
        """Return whether grep's ``12:`` stands first; a device's address goes on with a number."""
        return _GREP_NUMBER.match(data) is not None


# dmesg -x leaves the facility and the level without colour.
_COLOURED = re.compile(rb"(?:[a-z0-9]{3,8} *:[a-z]{3,6} *: )?\x1b\[")


def _uncolour(data: bytes) -> bytes | None:
    # Text in a coloured log has its own escape characters escaped; a line that begins otherwise is no part of it.
    return strip_colour(data) if not data or data[:1] in b" \t" or _COLOURED.match(data) else None


class ColouredTransport(PeeledTransport):
    """``dmesg --color=always``, ``grep --color=always`` with file names, and the like."""

    name = "coloured"
    confidence = 0.61
    samples = (
        Sample(
            lines=(
                b"\x1b[32m[Nov21 03:18] \x1b[0m\x1b[33mMem: \x1b[0mfoo",
                b"\x1b[32m[  +0.000208] \x1b[0m\x1b[1mactive_anon:195",
                b"               active_file:0\x1b[0m",
            ),
            messages=({"text": "Mem: foo", "printed": "Nov21 03:18"}, {"text": "active_anon:195\n active_file:0"}),
        ),
        Sample(
            lines=(
                b"kern  :info  : \x1b[32m[    4.161869] \x1b[0mTasks state:",
                b"kern  :warn  : \x1b[1mMem-Info:\x1b[0m",
            ),
            messages=(
                {"text": "Tasks state:", "monotonic_us": 4161869, "from_kernel": True},
                {"text": "Mem-Info:", "from_kernel": True},
            ),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what removes colours."""
        return _uncolour

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a colour stands first."""
        return depth < MAX_DEPTH and _COLOURED.match(data) is not None


class Utf16Transport(PeeledTransport):
    """A log that Windows saved as UTF-16."""

    name = "utf-16"
    confidence = 0.98
    samples = (
        Sample(
            lines=(
                "\ufeff[    7.684207] caf\u00e9".encode("utf-16-le") + b"\r\0",
                b"\0" + "[    7.684208] Mem-Info:\r".encode("utf-16-le"),
                b"\0",
            ),
            messages=({"text": "caf\u00e9", "monotonic_us": 7684207}, {"text": "Mem-Info:", "transport": "dmesg"}),
        ),
        Sample(
            lines=("\ufeff[    7.684207] Mem-Info:".encode("utf-16-be") + b"\0", "Node 0".encode("utf-16-be") + b"\0"),
            messages=({"text": "Mem-Info:\nNode 0"},),
        ),
        Sample(
            lines=("\ufeffNov 21 03:18:24 box kernel: caf\u00e9".encode("utf-16-le") + b"\r\0",),
            messages=({"text": "caf\u00e9", "host": "box", "transport": "syslog"},),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what decodes."""
        return _Utf16Decoder()

    def takes(self, data: bytes, depth: int) -> bool:
        """Return whether a byte-order mark stands first."""
        return depth < MAX_DEPTH and data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` where a byte-order mark stands first."""
        return self.confidence if head and self.takes(head[0], 0) else 0.0

    def decoder(self, context: DecodeContext) -> PeeledDecoder:
        """Begin a reading."""
        return RawPeeledDecoder(self, context)


class RawPeeledDecoder(PeeledDecoder):
    """Decodes what is inside lines whose NUL bytes mean something."""

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a line that is wrapped."""
        data = self._peel(line.data)
        return None if data is None else self._inner.feed(line._replace(data=data))


class _Utf16Decoder:
    """Turns lines, cut at the byte of the line end, into UTF-8."""

    def __init__(self) -> None:
        self._encoding = "utf-16-le"

    def __call__(self, data: bytes) -> bytes | None:
        if data and b"\0" not in data:
            return None  # Also the name of a process may begin with a byte-order mark
        if data[:2] == codecs.BOM_UTF16_BE:
            self._encoding, data = "utf-16-be", data[2:]
        elif data[:2] == codecs.BOM_UTF16_LE:
            self._encoding, data = "utf-16-le", data[2:]
        if len(data) % 2:
            # The other half of the line end: before the line in one order, behind it in the other.
            data = data[1:] if self._encoding == "utf-16-le" else data[:-1]
        return data.decode(self._encoding, "replace").encode("utf-8", "replace").rstrip(b"\r")


TRANSPORTS = (
    Utf16Transport(),
    QuotedTransport(),
    IndentedTransport(),
    NumberedTransport(),
    ColouredTransport(),
)
