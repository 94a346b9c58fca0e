"""Kernel text without any prefix: ``dmesg -t``, ``journalctl -o cat``, and what people paste.

Turns every line that is not blank into one message; what belongs together is for the grammar to say.  Takes whatever
nobody else takes.  A line that comes indented, as the whole of a posting often does, loses that indentation.
"""

from collections.abc import Sequence

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.transports.base import DecodeContext, Decoder, Sample, Transport, bare_text, clean

MIN_INDENT = 2
"""One leading blank is the kernel's own (stack frames, counters)."""
_DROPPED = b"printk messages dropped **"


class TextTransport(Transport):
    """Bare text."""

    name = "text"
    confidence = 0.01
    samples = (
        Sample(
            lines=(b"active_anon:195 inactive_anon:0", b" active_file:0 inactive_file:0", b"", b"Free swap  = 0kB\r"),
            messages=(
                {"text": "active_anon:195 inactive_anon:0", "line_start": 1, "printed": None, "from_kernel": None},
                {"text": " active_file:0 inactive_file:0", "line_start": 2},
                {"text": "Free swap  = 0kB", "line_start": 4},
            ),
        ),
        Sample(
            lines=(b"Call Trace:", b"[<80123456>] out_of_memory+0x1fd/0x4c0", b"[<0000000000000000>] foo+0x1/0x2"),
            messages=(
                {"text": "Call Trace:"},
                {"text": "[<80123456>] out_of_memory+0x1fd/0x4c0", "printed": None},
                {"text": "[<0000000000000000>] foo+0x1/0x2", "printed": None},
            ),
        ),
        Sample(
            lines=(b"    hog invoked oom-killer: order=0", b"    Call Trace:", b"     dump_stack+0x1/0x2", b"Hello"),
            messages=(
                {"text": "hog invoked oom-killer: order=0"},
                {"text": "Call Trace:"},
                {"text": " dump_stack+0x1/0x2"},
                {"text": "Hello"},
            ),
        ),
    )

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return very little: everything is text."""
        return self.confidence if any(head) else 0.0

    def decoder(self, context: DecodeContext) -> "TextDecoder":
        """Begin a reading."""
        return TextDecoder(context)

    def text_offset(self, data: bytes) -> int:  # noqa: ARG002  # part of the interface
        """Return 0: the text is all there is."""
        return 0


class TextDecoder(Decoder):
    """Reads bare text."""

    def __init__(self, context: DecodeContext) -> None:
        self.context = context
        self._indent: int | None = None

    def offer(self, line: Line) -> Sequence[Message] | None:  # noqa: ARG002  # part of the interface
        """Take nothing: no line is surely bare text."""
        return None

    def feed(self, line: Line) -> Sequence[Message]:
        """Take any line."""
        data = clean(line.data)
        stripped = data.lstrip(b" \t")
        if not stripped:
            return ()
        indent = len(data) - len(stripped)
        if self._indent is None or indent < self._indent:
            self._indent = indent if indent >= MIN_INDENT else 0
        message = bare_text(data[self._indent :], line, self.context)
        if _DROPPED in data and data.startswith(b"** "):
            issue = Issue(code=IssueCode.MESSAGES_LOST, detail=message.text.strip("* "), line=line.number)
            message = bare_text(data, line, self.context, issues=(issue,))
        return (message,)

    @property
    def linewise(self) -> bool:
        """No later line changes an indentation of nothing."""
        return self._indent == 0

    def flush(self) -> Sequence[Message]:
        """Nothing is ever held back."""
        return ()


TRANSPORT = TextTransport()
