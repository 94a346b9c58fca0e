"""What grep found in several files: ``/var/log/kern.log:123:text`` and, around it, ``/var/log/kern.log-124-text``.

Takes the file name off, and decodes the rest as a log of its own.  A name ends where a log line begins, or is that of
the line before, or looks like that of a log.  Line numbers (``-n``) may be there or not.
"""

import re

from oomparse.transports.base import MAX_DEPTH, Sample
from oomparse.transports.registry import get
from oomparse.transports.wrapped import PeeledTransport, Peeler, is_log

MAX_PATHS_TRIED = 8
"""Places in a line at which the file name may end."""

_TOKEN = re.compile(rb"\S{1,512}")
_NUMBERED_END = re.compile(rb"([:-])\d{1,9}\1")
_PLAIN_END = re.compile(rb"[:-]")
_PATH_END = re.compile(rb"([:-])\d{1,9}\1|[:-]")
_SUFFIX = rb"\.(?:log|txt|out|json|jsonl)(?:\.\d{1,3})?(?:\.(?:gz|xz|bz2|zst))?|\.(?:gz|xz|bz2|zst)"
_LOG_PATH = re.compile(rb"\S{0,512}?(?:%s|/(?:messages|syslog|kern\.log|dmesg)\S{0,24})[:-](?:\d{1,9}[:-])?" % _SUFFIX)
_SPACED_PATH = re.compile(rb"[^:\s][^:]{0,256}?(?:%s)(?=[:-])" % _SUFFIX)
_DIGITS = b"0123456789"


class _PathRemover:
    """Removes ``file:``, ``file:123:``, ``file-`` and ``file-123-``; remembers the file that it saw last."""

    def __init__(self) -> None:
        self._path = b""
        self._numbered = False

    def __call__(self, data: bytes) -> bytes | None:
        if data == b"--":
            return b""
        end = self._known_end(data) or _path_end(data)
        if end is None:
            return None
        self._path = data[: end.start()]
        self._numbered = end.end() > end.start() + 1
        return data[end.end() :]

    def _known_end(self, data: bytes) -> re.Match[bytes] | None:
        """Return the end of the name that the line before had; with more behind it, it may be another file's."""
        size = len(self._path)
        if not size or not data.startswith(self._path):
            return None
        if self._numbered:
            return _NUMBERED_END.match(data, size)
        if data[size : size + 1] == b"-" and (longer := _path_end(data)) is not None and longer.start() > size:
            return longer if _begins_log(data[longer.end() :]) else _PLAIN_END.match(data, size)
        return _PLAIN_END.match(data, size)


def _begins_log(data: bytes) -> bool:
    """Return whether a log line begins here, without another wrapper of lines around it."""
    if is_log(data, MAX_DEPTH):
        return True
    name = "json" if data[:1] in b"{[" else "cri" if data[:1] in _DIGITS else ""
    return bool(name) and get(name).takes(data, 0)


def _path_end(data: bytes) -> re.Match[bytes] | None:
    """Find the end of the file name: where a log line begins behind it, or where the name itself is one of a log."""
    first = _TOKEN.match(data)
    if first is None:
        return None
    token = first.group()
    for number, found in enumerate(_PATH_END.finditer(data, 1, len(token))):
        if number >= MAX_PATHS_TRIED:
            break
        if found.end() < len(data) and _begins_log(data[found.end() :]):
            return found
    name = _LOG_PATH.match(token)
    if name:
        return _PATH_END.search(token, len(name.group().rstrip(b":-0123456789")))
    spaced = _SPACED_PATH.match(data)
    if spaced:
        found_end = _PATH_END.match(data, spaced.end())
        if found_end is not None and _begins_log(data[found_end.end() :]):
            return found_end
    return None


class GrepTransport(PeeledTransport):
    """What grep found in several files."""

    name = "grep"
    confidence = 0.57
    samples = (
        Sample(
            lines=(
                b"/var/log/kern.log-20261121:123:Nov 21 03:18:24 oomlab kernel: Mem-Info:",
                b"/var/log/kern.log-20261121-124-Nov 21 03:18:24 oomlab kernel: Node 0",
                b"--",
                b"/var/log/kern.log:Nov 21 03:18:25 oomlab kernel: Out of memory",
                b"/var/log/kern.log-20261121:Nov 21 03:18:25 oomlab kernel: Call Trace:",
                b"dmesg.txt:[    7.684207] active_anon:195",
                b"dmesg.txt-                active_file:0",
                b"my logs/dmesg.txt:[    7.684208] Mem-Info:",
            ),
            messages=(
                {"text": "Mem-Info:", "host": "oomlab"},
                {"text": "Node 0"},
                {"text": "Out of memory"},
                {"text": "Call Trace:"},
                {"text": "active_anon:195\n active_file:0", "monotonic_us": 7684207},
                {"text": "Mem-Info:", "monotonic_us": 7684208},
            ),
        ),
        Sample(
            lines=(b'found.json:{"_TRANSPORT":"kernel","MESSAGE":"Mem-Info:"}',),
            messages=({"text": "Mem-Info:", "from_kernel": True},),
        ),
    )

    def peeler(self) -> Peeler:
        """Return what removes the file name."""
        return _PathRemover()

    def alone(self, data: bytes) -> bool:
        """Return whether the name of a log file stands first."""
        return _LOG_PATH.match(data) is not None


TRANSPORT = GrepTransport()
