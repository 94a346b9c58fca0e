r"""The journal as journalctl prints it, where no syslog file looks the same.

Turns ``-o short-unix`` (``1795231695.612779 host kernel: text``), ``short-monotonic`` (``[    7.140715] host kernel:
text``) and ``short-delta`` (``[    7.140715 <    0.000234 >] host kernel: text``) into messages.  The other styles of
the short family are `oomparse.transports.syslog`.  The seconds are those at which the journal got the text.
"""

import re
from collections.abc import Sequence

from oomparse.message import Line, Message
from oomparse.record import maker
from oomparse.transports.base import DecodeContext, LineDecoder, LineTransport, Sample, clean, microseconds
from oomparse.transports.syslog import MAX_HOSTS, losses

_BODY = rb"(?:(?P<host>\S*[^\s:]) )?(?P<tag>kernel|[^\s:\[]{1,64}\[\d{1,10}\]|[^\s:\[]{1,64}): (?P<text>.*)"
_KERNEL_BODY = rb"(?:(?P<host>\S*[^\s:]) )?(?P<tag>kernel): (?P<text>.*)"
_MONOTONIC = rb"\[ {0,5}(?P<seconds>\d{1,10}\.\d{6})\] "


class JournalShortTransport(LineTransport):
    """Base of the styles with seconds in place of a date."""

    def message(self, match: re.Match[bytes], line: Line, context: DecodeContext) -> Message:
        """Build the message of a match."""
        groups = match.groupdict()
        printed = (groups.get("seconds") or groups["date"]).decode("ascii")
        wall, issues = context.times.resolve(printed) if "date" in groups else (None, ())
        text = self.text(match["text"])
        tag = match["tag"].decode("utf-8", "surrogateescape")
        issues += losses(text, None if tag == "kernel" else tag, line.number)
        return maker(Message)(
            text=text,
            transport=self.name,
            monotonic_us=None if "date" in groups else microseconds(printed),
            wall=wall,
            printed=printed,
            host=None if match["host"] is None else match["host"].decode("utf-8", "surrogateescape"),
            from_kernel=tag == "kernel",
            path=line.path or context.path,
            line_start=line.number,
            line_end=line.number,
            issues=issues,
        )


class ShortUnixTransport(JournalShortTransport):
    """``journalctl -o short-unix``."""

    name = "journal-short-unix"
    confidence = 0.9
    pattern = re.compile(rb"(?P<date>\d{9,11}\.\d{6}) " + _BODY, re.DOTALL)
    samples = (
        Sample(
            lines=(
                b"1795231695.612779 oomlab kernel: active_anon:185",
                b"                                  active_file:0",
                b"1795231695.612780 systemd[1]: Killed process 1 (init)",
            ),
            messages=(
                {
                    "text": "active_anon:185\n active_file:0",
                    "printed": "1795231695.612779",
                    "host": "oomlab",
                    "from_kernel": True,
                },
                {"text": "Killed process 1 (init)", "host": None, "from_kernel": False},
            ),
        ),
    )


class ShortMonotonicTransport(JournalShortTransport):
    """``journalctl -o short-monotonic``."""

    name = "journal-short-monotonic"
    confidence = 0.82
    # Only ``kernel:`` tells this from dmesg, whose text may begin in any way.
    pattern = re.compile(_MONOTONIC + _KERNEL_BODY, re.DOTALL)
    samples = (
        Sample(
            lines=(
                b"[    7.140715] oomlab kernel: active_anon:185",
                b"                               active_file:0",
                b"[    7.140716] kernel: Mem-Info:",
                b"[    7.140717] oomlab systemd[1]: Killed process 1 (init)",
                b"[    7.140718] oomlab unknown: Killed process 1 (init)",
                b"[    7.140719] oomlab kernel: Mem-Info:",
            ),
            messages=(
                {
                    "text": "active_anon:185\n active_file:0",
                    "monotonic_us": 7140715,
                    "printed": "7.140715",
                    "host": "oomlab",
                    "from_kernel": True,
                },
                {"text": "Mem-Info:", "host": None},
                {"text": "Killed process 1 (init)", "from_kernel": False},
                {"text": "Killed process 1 (init)", "from_kernel": False, "host": "oomlab"},
                {"text": "Mem-Info:", "from_kernel": True},
            ),
        ),
    )

    def looks_like(self, head: Sequence[bytes]) -> float:
        """Return `confidence` times the share of lines that a reading takes."""
        lines = [Line(cleaned, 1) for data in head if (cleaned := clean(data))]
        reading = self.decoder(DecodeContext())
        taken = [reading.offer(line) is not None for line in lines]
        return self.confidence * sum(taken) / len(lines) if lines else 0.0

    def decoder(self, context: DecodeContext) -> "ShortMonotonicDecoder":
        """Begin a reading."""
        return ShortMonotonicDecoder(self, context)


class ShortMonotonicDecoder(LineDecoder):
    """Reads ``short-monotonic``, where the kernel's lines show what the lines of processes look like."""

    _process = re.compile(_MONOTONIC + _BODY, re.DOTALL)

    def __init__(self, transport: ShortMonotonicTransport, context: DecodeContext) -> None:
        super().__init__(transport, context)
        self._kernel = transport.match
        self._match = self._match_any
        self._hosts: set[bytes | None] = set()

    def _match_any(self, data: bytes) -> re.Match[bytes] | None:
        found = self._kernel(data)
        if found is not None:
            if len(self._hosts) < MAX_HOSTS:
                self._hosts.add(found["host"])
            return found
        found = self._process.match(data)
        if found is None or found["host"] not in self._hosts:
            return None
        # Without a host before it, the first word of any kernel text would do for a tag.
        sure = found["host"] is not None or found["tag"] == b"unknown" or found["tag"].endswith(b"]")
        return found if sure else None


class ShortDeltaTransport(JournalShortTransport):
    """``journalctl -o short-delta``."""

    name = "journal-short-delta"
    confidence = 0.9
    pattern = re.compile(rb"\[ {0,5}(?P<seconds>\d{1,10}\.\d{6})(?: <[ \d.-]{1,24} >| {2,20}\*?)\] " + _BODY, re.DOTALL)
    samples = (
        Sample(
            lines=(
                b"[    0.000000                ] oomlab kernel: Linux version 6.1.0",
                b"[    7.140715 <    0.000234 >] oomlab kernel: active_anon:185",
                b"                                               active_file:0",
                b"[    7.140716 <    0.000001 >] oomlab systemd[1]: Killed process 1 (init)",
            ),
            messages=(
                {"text": "Linux version 6.1.0", "printed": "0.000000"},
                {"text": "active_anon:185\n active_file:0", "monotonic_us": 7140715, "printed": "7.140715"},
                {"text": "Killed process 1 (init)", "from_kernel": False},
            ),
        ),
    )


TRANSPORTS = (ShortUnixTransport(), ShortMonotonicTransport(), ShortDeltaTransport())
