r"""Raw records of ``/dev/kmsg``, also as extended netconsole sends them.

Turns ``4,361,7670939,-,caller=T12;text`` and its `` KEY=value`` dictionary lines into messages
(``kernel/printk/printk.c:info_print_ext_header()``, since 3.5; netconsole puts the kernel release before).  The prefix
is facility * 8 + level: a facility other than 0 means that a process wrote the record.  Fragments (``c``, then ``+``)
that follow each other with nothing between are joined; what else carries such a flag keeps it in ``fragment``.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from oomparse.errors import Issue, IssueCode
from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.transports.base import MAX_MESSAGE_BYTES, DecodeContext, LineDecoder, LineTransport, Sample
from oomparse.transports.escapes import unescape_kmsg

_CALLER = re.compile(rb"caller=([TC]\d{1,10})")


class KmsgTransport(LineTransport):
    """Records read from ``/dev/kmsg``."""

    name = "kmsg"
    pattern = re.compile(
        rb"(?:\d[\w.+~-]{2,63},)?(\d{1,5}),(\d{1,20}),(\d{1,16})(?:,([-c+]))?((?:,[^;,]{0,64}){0,8});(?P<text>.*)",
        re.DOTALL,
    )

    def unescape(self, text: str) -> str:
        r"""Undo ``\xNN``."""
        return unescape_kmsg(text)

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        prefix, sequence, micros, flag, rest, raw = match.groups()
        facility, level = divmod(int(prefix), 8)
        caller = _CALLER.search(rest) if rest else None
        return maker(Message)(
            text=self.text(raw),
            transport="kmsg",
            monotonic_us=int(micros),
            printed=micros.decode("ascii"),
            caller=caller[1].decode("ascii") if caller else None,
            level=level,
            facility=facility,
            sequence=int(sequence),
            fragment=None if flag is None or flag == b"-" else flag.decode("ascii"),
            from_kernel=facility == 0,
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
        )

    def decoder(self, context: DecodeContext) -> "KmsgDecoder":
        """Begin a reading."""
        return KmsgDecoder(self, context)

    samples = (
        Sample(
            lines=(
                rb"4,390,7684207,-;active_anon:195\x0a active_file:0 /user\x5cx2d1 caf\xc3\xa9",
                b"6,391,7685040,-,caller=T74;input: AT Keyboard",
                b" SUBSYSTEM=input",
                b" DEVICE=+input:input0",
                b"12,394,7690000;Killed process 1 (init)",
            ),
            messages=(
                {
                    "text": "active_anon:195\n active_file:0 /user\\x2d1 café",
                    "printed": "7684207",
                    "monotonic_us": 7684207,
                    "sequence": 390,
                    "level": 4,
                    "facility": 0,
                    "from_kernel": True,
                },
                {"text": "input: AT Keyboard", "caller": "T74", "line_start": 2, "line_end": 4},
                {
                    "text": "Killed process 1 (init)",
                    "level": 4,
                    "facility": 1,
                    "from_kernel": False,
                    "issues": (Issue(code=IssueCode.MESSAGES_LOST, detail="2 records: sequence 392 to 393", line=5),),
                },
            ),
        ),
        Sample(
            lines=(
                b"6,257,882020,c;Task in ",
                b"4,258,882100,+;/lab/left killed as a result of limit of /lab/left",
                b"12,263,883206,c;labnoise: tick 16",
                b"4,264,883398,+; active_anon:24544KB",
            ),
            messages=(
                {"text": "Task in /lab/left killed as a result of limit of /lab/left", "line_end": 2},
                {"text": "labnoise: tick 16", "fragment": "c", "from_kernel": False},
                {"text": " active_anon:24544KB", "fragment": "+", "from_kernel": True},
            ),
        ),
        Sample(
            lines=(b"4,390,7684207,-;Mem-Info:\0004,391,7684208,-;Node 0\000",),
            messages=({"text": "Mem-Info:"}, {"text": "Node 0", "sequence": 391}),
        ),
        Sample(
            lines=(b"6.1.0,4,390,7684207,-;Mem-Info:",),
            messages=({"text": "Mem-Info:", "sequence": 390},),
        ),
    )


class KmsgDecoder(LineDecoder):
    """Reads ``/dev/kmsg`` records; joins fragments and notices gaps in the sequence."""

    def __init__(self, transport: KmsgTransport, context: DecodeContext) -> None:
        super().__init__(transport, context)
        self._last: int | None = None

    def offer(self, line: Line) -> Sequence[Message] | None:
        """Take a record or a dictionary line; records may be separated by NUL bytes (``dmesg --kmsg-file``)."""
        if b"\0" in line.data:
            return self._records(line)
        before = self._held
        messages = super().offer(line)
        held = self._held
        if messages is None:
            return self._dictionary(line)
        if held is None or held is before or held.sequence is None:
            return messages
        last, self._last = self._last, held.sequence
        if last is not None and held.sequence > last + 1:
            lost = held.sequence - last - 1
            detail = f"{lost} records: sequence {last + 1} to {held.sequence - 1}"
            issue = Issue(code=IssueCode.MESSAGES_LOST, detail=detail, line=line.number)
            self._held = replace(held, issues=(*held.issues, issue))
        elif held.fragment == "+" and last is not None and messages and _goes_on(messages[-1], held):
            self._held = _joined(messages[-1], held)
            return messages[:-1]
        return messages

    @property
    def linewise(self) -> bool:
        """A line that is left out would count as lost."""
        return False

    def _records(self, line: Line) -> Sequence[Message] | None:
        records = [line._replace(data=data) for data in line.data.split(b"\0") if data]
        if not records or not self.transport.match(records[0].data):
            return None
        return [message for record in records for message in self.feed(record)]

    def _dictionary(self, line: Line) -> Sequence[Message] | None:
        if self._held is None or not line.data.startswith(b" ") or b"=" not in line.data:
            return None
        self._held = replace(self._held, line_end=line.number)
        return ()


def _goes_on(first: Message, second: Message) -> bool:
    return (
        first.fragment is not None
        and first.sequence is not None
        and second.sequence == first.sequence + 1
        and first.facility == second.facility
        and first.caller == second.caller
        and len(first.text) + len(second.text) <= MAX_MESSAGE_BYTES
    )


def _joined(first: Message, second: Message) -> Message:
    # The sequence is that of the last piece, so that a third one finds its place.
    return replace(first, text=first.text + second.text, line_end=second.line_end, sequence=second.sequence)


TRANSPORT = KmsgTransport()
