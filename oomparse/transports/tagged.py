"""Lines of which only the syslog tag is left: ``kernel: text`` or ``host kernel: text``.

Turns what people get by cutting the date off (``cut``, ``awk``, a mail) into messages.
"""

import re

from oomparse.transports.base import LineTransport, Sample
from oomparse.transports.escapes import unescape_syslog
from oomparse.transports.syslog import STAMP


class TaggedTransport(LineTransport):
    """``kernel: text``."""

    name = "tagged"
    confidence = 0.55
    pattern = re.compile(
        rb"(?:(?P<facility>[a-z\d]{2,8})\.(?P<level>[a-z]{3,7}) |(?P<host>[A-Za-z\d][^\s:\[\]]{0,63}) )?"
        rb"(?P<tag>kernel): "
        + STAMP.replace(rb"(\d", rb"(?P<seconds>\d").replace(rb"([TC]", rb"(?P<caller>[TC]")
        + rb"(?P<text>.*)",
        re.DOTALL,
    )
    samples = (
        Sample(
            lines=(b"kernel: hog invoked oom-killer: order=0", b"box kernel: [    7.670939]  active_file:0"),
            messages=(
                {"text": "hog invoked oom-killer: order=0", "from_kernel": True, "host": None},
                {"text": " active_file:0", "host": "box", "monotonic_us": 7670939},
            ),
        ),
        Sample(
            lines=(b"kern.warn kernel: Mem-Info:", b"daemon.info kernel: Mem-Info:"),
            messages=(
                {"text": "Mem-Info:", "host": None, "level": 4, "facility": 0, "from_kernel": True},
                {"text": "Mem-Info:", "facility": 3, "from_kernel": False},
            ),
        ),
    )

    def unescape(self, text: str) -> str:
        """Undo what syslog daemons write."""
        return unescape_syslog(text)


TRANSPORT = TaggedTransport()
