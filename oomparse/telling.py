"""The lines of a plain report that name its victim and its scope, looked at together.

Turns an `Outline` and its kill line's message into one match: of header, constraint line, kill line and perhaps the
reaper's line (``mm/oom_kill.c``, since 5.2), each by the pattern of its format.  What is not exact, or does not agree
with the others, is refused.
"""

import re
from functools import cache
from typing import NamedTuple, cast

from oomparse.errors import IssueCode
from oomparse.grammar._lowered import PATTERNS
from oomparse.grammar.dispatch import Parsed, single
from oomparse.grammar.kill import Killed
from oomparse.grammar.reaper import Reaped
from oomparse.grammar.verdict import ConstraintLine
from oomparse.message import Message
from oomparse.outline import FRACTION_DIGITS, Outline
from oomparse.prefilter import count
from oomparse.transports.escapes import BACKSLASH, ESCAPE, HASH

HEADER_FORMAT, CONSTRAINT_FORMAT, KILL_FORMAT, REAPED_FORMAT = "header_4_6", "oom_kill", "killed_5_4", "reaped"

_BRACKET = b"] "
_LINE_END = r"[\t\n\r\ ]*+\Z"
"""How the pattern of every format ends."""


class Telling(NamedTuple):
    """The lines that `telling` has found, each as it stands and as it is parsed."""

    found: re.Match[str]

    @property
    def constraint_text(self) -> str:
        """The constraint line."""
        return self.found["constraint_text"]

    @property
    def header_text(self) -> str:
        """The header."""
        return self.found["header_text"]

    @property
    def kill_text(self) -> str:
        """The kill line."""
        return self.found["kill_text"]

    @property
    def reaper_text(self) -> str | None:
        """The reaper's line, if it follows."""
        return self.found["reaper_text"]

    def killed(self) -> Killed:
        """Return the kill line as it is parsed."""
        return cast("Killed", single(KILL_FORMAT).read(self.kill_text))

    def reaped(self) -> Reaped | None:
        """Return the reaper's line as it is parsed."""
        text = self.reaper_text
        return None if text is None else cast("Reaped", single(REAPED_FORMAT).read(text))

    def constraint(self) -> ConstraintLine | None:
        """Return the constraint line as it is parsed; None where it is not exact."""
        line = single(CONSTRAINT_FORMAT).read(self.constraint_text)
        return None if line is None or line.damaged else cast("ConstraintLine", line)

    def parsed(self, message: Message, kill: Message) -> Parsed | None:
        """Return one of these lines as it was parsed."""
        if message is kill:
            return Parsed(single(KILL_FORMAT).format, self.killed())
        if message.text == self.header_text:
            return single(HEADER_FORMAT).parse(message.text)
        if message.text == self.reaper_text:
            return single(REAPED_FORMAT).parse(message.text)
        return None


def telling(outline: Outline, data: bytes, message: Message) -> re.Match[str] | None:
    """Look at the lines, of which ``message`` is the kill line; None where they are not exact, or do not agree.

    The match has the groups of the kill line's format, and those of the reaper's, if its line follows, behind
    ``reaper_``; for the lines themselves see `Telling`.
    """
    start, end, line_count, _, head, constraint, kill, reaped, fraction = outline
    text = message.text.encode("utf-8", "surrogateescape")
    at = len(kill) - len(text)
    same = 0 if fraction < 0 else fraction + FRACTION_DIGITS
    between = kill[same:at]
    if at < same or head[same:at] != between or kill[at:] != text or message.caller is not None:
        return None  # they differ in what stands before the text
    if message.issues and "." in (message.printed or "") and _assumes_year(message):
        return None  # each line has its own stamp then, and none says its year
    if same and between != _BRACKET and count(data, between, start, end) != line_count:
        return None  # lines of another host are among them
    others = b"\n".join((constraint[at:], head[at:], reaped[at:]))
    if HASH in others or BACKSLASH in others or ESCAPE in others:
        return None  # what decoding may change; so may a byte that is no ASCII
    found = _together().match(f"{message.text}\n{others.decode('utf-8', 'surrogateescape')}")
    if found is None:
        return None
    before, reaper_pid = found.group("before", "reaper_pid")
    if reaper_pid is not None and reaper_pid != found["pid"]:
        return None
    if ",task=" in before:  # A cgroup has such a name, and the task another one perhaps
        line = Telling(found).constraint()
        if line is None or (line.pid, line.comm) != (int(found["pid"]), found["comm"]):
            return None
    return found


@cache
def _together() -> re.Pattern[str]:
    """Return the pattern of the kill line, the constraint line, the header, and the reaper's line if there is one.

    Of the constraint line no more is looked at than that it names the same process; it is parsed when asked for.
    """
    constraint = r"oom-kill:constraint=(?P<before>[^\n]*),task=(?P=comm),pid=(?P=pid),uid=-?\d+"
    return re.compile(
        rf"(?P<kill_text>{_part(KILL_FORMAT)})\n(?P<constraint_text>{constraint})\n"
        rf"(?P<header_text>{_part(HEADER_FORMAT, 'header_')})\n(?P<reaper_text>{_part(REAPED_FORMAT, 'reaper_')})?\Z",
        re.ASCII,  # a digit of another script is for the format itself
    )


def _part(name: str, prefix: str = "") -> str:
    """Return the pattern of a format without the end of its line, and with a prefix to the names of its groups."""
    pattern = PATTERNS[name]
    assert pattern.endswith(_LINE_END)
    return pattern.removesuffix(_LINE_END).replace("(?P<", f"(?P<{prefix}")


def _assumes_year(message: Message) -> bool:
    return any(issue.code is IssueCode.YEAR_ASSUMED for issue in message.issues)
