"""A whole report that nothing interrupts, told from its telling lines alone.

Turns the lines from ``invoked oom-killer`` to ``Killed process`` of one report into a `PlainReport`, at the price of
the three that name its victim and its scope (``mm/oom_kill.c``, since 5.2).  `outline` looks at bytes: one header,
every kind of telling line in the kernel's order, and all lines stamped within one second.  What is not so plain is
refused, and is for the assembler to read line by line.  The rest of a plain report is read when first asked for, by
the same assembler, so that it says what it would have said.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple, cast

from oomparse.assembler import Assembler
from oomparse.building import build_event, scope_of_report, victims_of
from oomparse.classify import said_by_constraint
from oomparse.errors import IssueCode
from oomparse.grammar.dispatch import Parsed, single
from oomparse.grammar.format import LineFormat, Section, TypedLine
from oomparse.grammar.kill import Killed
from oomparse.grammar.reaper import Reaped
from oomparse.grammar.verdict import ConstraintLine
from oomparse.lazy import Packed, StandIn
from oomparse.message import Message
from oomparse.model import OomEvent, Scope, Source
from oomparse.prefilter import count
from oomparse.report import MAX_FOREIGN_RUN, Report
from oomparse.report_sections import ReportSections
from oomparse.sources.lines import LineSplitter
from oomparse.timestamps import Resolved, TimeResolver
from oomparse.transports import DecodeContext, Decoder, get

MAX_LINES = MAX_FOREIGN_RUN
"""A report of so few lines cannot hold a run of foreign lines that would end it."""
MAX_TELLING_LINES = 8
BYTES_BEFORE = 2048
FRACTION_DIGITS = 6

_HEADER = b" invoked oom-killer: gfp_mask="
_REAPED = b"oom_reaper: reaped process "
_SYSRQ = b"Manual OOM execution"
# The telling lines of a report, in the kernel's order; only the first kind may come more than once.
_KINDS = (
    b": usage ",
    b"Memory cgroup stats for ",
    b"tgid total_vm",
    b"oom-kill:constraint=",
    b"emory: Killed process ",
)
_COUNTER, _CONSTRAINT, _KILL = 0, 3, 4
_FOLLOWING = tuple(
    tuple(enumerate(_KINDS))[max(reached if reached == _COUNTER else reached + 1, 0) :]
    for reached in range(-1, len(_KINDS))
)
"""The kinds that may come next, by one more than the kind that came last."""
_HEADER_FORMAT, _CONSTRAINT_FORMAT, _KILL_FORMAT, _REAPED_FORMAT = "header_4_6", "oom_kill", "killed_5_4", "reaped"


class Outline(NamedTuple):
    """Where a plain report stands in a block, and its lines that tell most."""

    start: int
    end: int
    lines: int
    head: bytes
    constraint: bytes
    kill: bytes
    reaped: bytes
    """The reaper's line, where it follows at once; it belongs to the report then."""
    fraction: int
    """Where the stamps differ, six digits long; -1 where all are the same."""


UNFINISHED = Outline(0, 0, 0, b"", b"", b"", b"", -1)
"""More bytes would tell."""


def outline(data: bytes, at: int, end: int, triggers: list[int]) -> Outline | None:
    """Tell from the bytes whether the line at ``at`` begins a plain report that ends well before ``end``."""
    head = _line(data, at)
    if _HEADER not in head or not at or data.find(_SYSRQ, max(0, at - BYTES_BEFORE), at) >= 0:
        return None
    following = bisect_right(triggers, at)
    found = _telling_lines(data, triggers[following : following + MAX_TELLING_LINES])
    if found is None:
        return None
    constraint, kill, stop = found
    if not kill or stop >= end:
        return UNFINISHED
    reaped = _line(data, stop)
    if _REAPED not in reaped:
        reaped = b""
    elif (stop := stop + len(reaped) + 1) >= end:
        return UNFINISHED
    if data[stop : stop + 4] != head[:4]:
        return None  # what follows may be the rest of the kill line
    shared, fraction = _shared_prefix(head, kill)
    lines = count(data, b"\n", at, stop)
    if lines > MAX_LINES or count(data, b"\n" + shared, at, stop) != lines - 1:
        return None
    if fraction >= 0:
        before = data.rfind(b"\n", 0, at - 1) + 1
        if data.startswith(head[: fraction + FRACTION_DIGITS], before):
            return None  # a comm may hold a newline: then its two lines have one stamp
    return Outline(at, stop, lines, head, constraint, kill, reaped, fraction)


def _telling_lines(data: bytes, triggers: list[int]) -> tuple[bytes, bytes, int] | None:
    """Return the constraint and the kill line, and where that ends, if the lines up to there are in order.

    Without a kill line there were not enough of them to tell.
    """
    reached = -1
    counters: set[bytes] = set()
    constraint = b""
    for trigger in triggers:
        line = _line(data, trigger)
        for kind, words in _FOLLOWING[reached + 1]:  # noqa: B007 - it is used below
            if words in line:
                break
        else:
            return None
        if kind == _COUNTER:
            name = line[: line.index(_KINDS[_COUNTER])].rpartition(b" ")[2]
            if name in counters:
                return None
            counters.add(name)
        elif kind == _CONSTRAINT:
            constraint = line
        elif kind == _KILL:
            return (constraint, line, trigger + len(line) + 1) if constraint else None
        reached = kind
    return (constraint, b"", 0) if len(triggers) < MAX_TELLING_LINES else None


def _shared_prefix(head: bytes, kill: bytes) -> tuple[bytes, int]:
    """Return what the two lines begin with up to the fraction of a second, and where that is; -1 if they have none."""
    differ = _first_difference(head, kill)
    found = _FRACTION.search(head, max(differ - FRACTION_DIGITS - 1, 0), differ + FRACTION_DIGITS + 1)
    if found is not None and found.start() < differ <= found.end():
        start = found.start() + 1
        return head[:start], start
    return head[: head.rfind(b" ", 0, differ) + 1], -1


@lru_cache(maxsize=64)
def _text_of(start: int, middle: bytes, *, stamped: bool) -> re.Pattern[str]:
    """Return what finds the text of each line that is no more than printable ASCII, which no decoder changes."""
    fraction = rf"[0-9]{{{FRACTION_DIGITS}}}" if stamped else ""
    prefix = rf".{{{start}}}{fraction}{re.escape(middle.decode('latin-1'))}"
    return re.compile(rf"^(?:{prefix}({_USUAL}*+(?:#(?![023]){_USUAL}*+)*+)|.*)$", re.MULTILINE)


_USUAL = r'[ -"$-\[\]-~]'
"""Printable, and neither a backslash nor the ``#`` of rsyslog's octal (``#1 SMP`` is none)."""


_FRACTION = re.compile(rb"[.,]\d{%d}(?!\d)" % FRACTION_DIGITS)


def _first_difference(one: bytes, other: bytes) -> int:
    """Return where two lines begin to differ, or the length of the shorter one."""
    length = min(len(one), len(other))
    differing = int.from_bytes(one[:length], "big") ^ int.from_bytes(other[:length], "big")
    return length - (differing.bit_length() + 7) // 8


def _line(data: bytes, at: int) -> bytes:
    return data[at : data.find(b"\n", at)]


class Telling(NamedTuple):
    """The lines that name scope and victim, and the reaper's, if it follows; and the header, unparsed."""

    constraint: ConstraintLine
    constraint_text: str
    kill: Killed
    reaped: Reaped | None
    reaped_text: str
    header_text: str

    def parsed(self, message: Message, kill: Message) -> Parsed | None:
        """Return one of these lines as it was parsed."""
        if message is kill:
            return Parsed(single(_KILL_FORMAT).format, self.kill)
        if message.text == self.header_text:
            return single(_HEADER_FORMAT).parse(message.text)
        if message.text == self.constraint_text:
            return Parsed(single(_CONSTRAINT_FORMAT).format, self.constraint)
        if self.reaped is not None and message.text == self.reaped_text:
            return Parsed(single(_REAPED_FORMAT).format, self.reaped)
        return None


def telling(found: Outline, message: Message) -> Telling | None:
    """Parse the three lines, the last of which is ``message``; None where they are not exact, or do not agree."""
    texts = _texts(found, message)
    if texts is None:
        return None
    head, constraint, reaper = texts
    if not single(_HEADER_FORMAT).match(head):
        return None
    reason, killed = _exact(_CONSTRAINT_FORMAT, constraint), _exact(_KILL_FORMAT, message.text)
    if not isinstance(reason, ConstraintLine) or not isinstance(killed, Killed):
        return None
    if killed.pid is None or (reason.pid, reason.comm) != (killed.pid, killed.comm):
        return None
    reaped = _exact(_REAPED_FORMAT, reaper) if reaper else None
    if reaper and not (isinstance(reaped, Reaped) and reaped.pid == killed.pid):
        return None
    return Telling(reason, constraint, killed, cast("Reaped | None", reaped), reaper, head)


def _exact(name: str, text: str) -> TypedLine | None:
    line = single(name).read(text)
    return None if line is None or line.damaged else line


def _texts(found: Outline, message: Message) -> tuple[str, str, str] | None:
    """Return the texts of the header, the constraint and the reaper's line, which have the prefix of the kill line."""
    text = message.text.encode("utf-8", "surrogateescape")
    if not found.kill.endswith(text) or message.caller is not None:
        return None
    offset = len(found.kill) - len(text)
    same = 0 if found.fraction < 0 else found.fraction + FRACTION_DIGITS
    if same > offset or found.head[same:offset] != found.kill[same:offset]:
        return None
    if "." in (message.printed or "") and any(issue.code is IssueCode.YEAR_ASSUMED for issue in message.issues):
        return None  # each line has its own stamp then, and none says its year
    together = b"\n".join((found.head[offset:], found.constraint[offset:], found.reaped[offset:]))
    if b"#" in together or b"\\" in together or b"\x1b" in together:
        return None  # what decoding may change; so may a byte that is no ASCII
    head, constraint, reaper = together.decode("utf-8", "surrogateescape").split("\n")
    return head, constraint, reaper


class Again:
    """The lines of a plain report, to be read one by one after all, as the reading of the whole log would have."""

    def __init__(  # noqa: PLR0917 - a report and where it stands
        self, found: Outline, lines: Telling, data: bytes, number: int, message: Message, tz: str | None
    ) -> None:
        self._data = data[found.start : found.end]
        self._telling = lines
        self.number = number
        self.message = message
        self._tz = tz
        self._kill_at = found.lines - (2 if found.reaped else 1)
        text = len(message.text.encode("utf-8", "surrogateescape"))
        self._prefix = found.kill[: len(found.kill) - text]
        self._fraction = found.fraction

    def moved(self, lines: int) -> "Again":
        """Return the same lines, numbered from so many further on."""
        twin = copy(self)
        twin.number += lines
        twin.message = _further(self.message, lines)
        return twin

    def report(self) -> Report:
        """Read them."""
        last = self.message
        assembler = Assembler(live=False)
        times = _KnownTime(last, self._tz)
        decoder = get(last.transport).decoder(DecodeContext(times=times, path=last.path))
        lines = self._data.split(b"\n")[:-1]
        texts = self._texts(lines)
        unusual = [at for at, text in enumerate(texts) if text is None]
        begin = 0
        for end in (*unusual, len(texts)):
            while begin < end:
                usual = cast("list[str]", texts[begin:end])
                taken = assembler.feed_run(usual, last)
                if not taken:
                    self._feed(assembler, self._as_message(usual[0], self.number + begin))
                begin += taken or 1
            if end == self._kill_at:
                self._feed(assembler, last)
            elif end < len(texts):
                for message in self._decoded(lines[end], end, decoder):
                    self._feed(assembler, message)
            begin = end + 1
        return assembler.newest

    def _feed(self, assembler: Assembler, message: Message) -> None:
        parsed = self._telling.parsed(message, self.message)
        if parsed is None:
            assembler.feed(message)
        else:
            assembler.take(message, parsed)

    def _decoded(self, data: bytes, at: int, decoder: Decoder) -> Iterable[Message]:
        for line in LineSplitter(path=self.message.path, first_number=self.number + at).feed(data + b"\n"):
            yield from decoder.feed(line)
        yield from decoder.flush()

    def _texts(self, lines: Sequence[bytes]) -> list[str | None]:
        """Return the texts of those lines that have the prefix of the kill line, and differ in the text alone.

        The first line and those from the kill line on, whose stamps are the event's, are None; so is what has to be
        decoded.
        """
        prefix, fraction = self._prefix, self._fraction
        start, middle = (prefix, b"") if fraction < 0 else (prefix[:fraction], prefix[fraction + FRACTION_DIGITS :])
        alike = self._data.startswith(start) and count(self._data, b"\n" + start, 0, len(self._data)) == len(lines) - 1
        text_of = _text_of(len(start), middle, stamped=fraction >= 0)
        if alike:
            found = text_of.findall(self._data[:-1].decode("latin-1"))
        else:
            found = [
                "".join(text_of.findall(line.decode("latin-1"))) if line.startswith(start) else "" for line in lines
            ]
        texts: list[str | None] = [text or None for text in found]
        texts[0] = None
        texts[self._kill_at :] = [None] * (len(texts) - self._kill_at)
        return texts

    def _as_message(self, text: str, number: int) -> Message:
        last = self.message
        return Message(
            text=text,
            transport=last.transport,
            wall=last.wall,
            printed=last.printed,
            host=last.host,
            boot_id=last.boot_id,
            level=last.level,
            facility=last.facility,
            from_kernel=last.from_kernel,
            path=last.path,
            line_start=number,
            line_end=number,
        )


class _KnownTime(TimeResolver):
    """Knows what one stamp means, which has no year perhaps; the others say all themselves."""

    def __init__(self, message: Message, tz: str | None) -> None:
        super().__init__(tz=tz)
        self._known = message.printed
        self._means = Resolved(message.wall, message.issues)

    def resolve(self, stamp: str) -> Resolved:
        """Return the wall-clock time of a stamp."""
        return self._means if stamp == self._known else super().resolve(stamp)


class PlainReport(Report):
    """A report of which only the constraint and the kill line have been read.

    What an outline proves is set; asking for any other attribute reads the whole report ``again``.
    """

    section = Section.VERDICT
    selected = None
    cpuset = None
    panic = None
    limit_text = None
    spared = None
    lmk = None
    group = None
    caller = None
    no_killable = False
    interleaved = False
    counter_text = None  # is no evidence where the constraint line names a cgroup, and absent where it names none

    def __init__(self, message: Message, lines: Telling, again: Again) -> None:
        self.first = self.last = message
        self.constraint, self.constraint_text = lines.constraint, lines.constraint_text
        self.kills = [lines.kill]
        self.victim_pids = {lines.kill.pid} if lines.kill.pid is not None else set()
        self.kill_text = message.text
        self.sharing = []
        self.foreign_run = []
        self.reaped = {} if lines.reaped is None else {lines.reaped.pid: lines.reaped}
        self.closed = self.settled = self.dropped = False
        self.revision = 0
        self.builder = build_lazily
        self._again: Again | None = again
        self._later: list[tuple[Message, str, TypedLine, str | None]] = []

    @property
    def has_verdict(self) -> bool:
        """It has a kill line."""
        return True

    @property
    def is_event(self) -> bool:
        """It has a header."""
        return True

    def add(
        self, message: Message, text: str, section: Section, line: TypedLine, line_format: LineFormat | None
    ) -> None:
        """Take a line that came later."""
        if self._again is None:
            super().add(message, text, section, line, line_format)
        elif isinstance(line, Reaped):
            # The format by its name, because a report may go to another process.
            self._later.append((message, text, line, None if line_format is None else line_format.name))
            self.reaped[line.pid] = line
            self.last = message
        else:
            self.read_whole()
            super().add(message, text, section, line, line_format)

    def move(self, lines: int) -> None:
        """Count the lines from so many further on."""
        if self._again is not None:
            self._again = self._again.moved(lines)
            self._later = [(_further(message, lines), text, line, name) for message, text, line, name in self._later]

    @property
    def is_read(self) -> bool:
        """Whether every line has been read."""
        return self._again is None

    def copy(self) -> "PlainReport":
        """Return a report that stays as this one is."""
        twin = object.__new__(PlainReport)
        twin.__dict__.update(self.__dict__, reaped=dict(self.reaped), _later=list(self._later))
        return twin

    def read_whole(self) -> None:
        """Read every line, once, as the assembler would have."""
        again, self._again = self._again, None
        if again is None:
            return
        kept = {name: self.__dict__[name] for name in ("closed", "settled", "dropped", "revision", "builder", "_later")}
        self.__dict__.update(again.report().__dict__)
        self.__dict__.update(kept)
        for message, text, line, name in self._later:
            super().add(message, text, Section.REAPER, line, None if name is None else single(name).format)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_again", "_later") or self._again is None:
            raise AttributeError(name)
        self.read_whole()
        return getattr(self, name)


_NO_SECTIONS = ReportSections({}, ())


class PlainLoader(StandIn):
    """The fields of a plain report's event: victims and scope at once, the others from the whole report."""

    def __init__(self, report: PlainReport) -> None:
        self._report = report
        self._event: OomEvent | None = None

    def load(self, name: str) -> Any:
        """Return a field."""
        if self._event is None:
            if name == "victims":
                return victims_of(self._report, _NO_SECTIONS)
            if name == "scope":
                return self._scope()
        return getattr(self.instance(), name)

    def instance(self) -> OomEvent:
        """Return the event of the whole report."""
        if self._event is None:
            self._report.read_whole()
            self._event = build_event(self._report)
        return self._event

    def _scope(self) -> Scope:
        line, text = self._report.constraint, self._report.constraint_text
        said = said_by_constraint(text, line.constraint, line.oom_memcg, global_oom=line.global_oom) if line else None
        return said[0] if said is not None else scope_of_report(self._report, _NO_SECTIONS)[0]

    def move(self, lines: int) -> None:
        """Count the report's lines from so many further on."""
        self._report.move(lines)
        if self._event is not None:
            known = {"source": self._event.source, "issues": self._event.issues}
            self._event = replace(self._event, **_moved_values(known, lines))

    def lines(self) -> tuple[str, ...]:
        """Return the report's messages."""
        return tuple(self._report.texts)


def renumbered(packed: Packed, lines: int) -> Packed:
    """Return a packed event (not used again) whose log had so many lines more before it."""
    if not lines:
        return packed
    if isinstance(packed.loader, PlainLoader):
        packed.loader.move(lines)
    return packed._replace(values=_moved_values(packed.values, lines))


def _moved_values(values: Mapping[str, Any], lines: int) -> dict[str, Any]:
    """Return the fields of an event, of which those that count lines do so from so many further on."""
    moved = dict(values)
    if "source" in moved:
        source: Source = moved["source"]
        moved["source"] = replace(
            source, line_start=_moved(source.line_start, lines), line_end=_moved(source.line_end, lines)
        )
    if "issues" in moved:
        moved["issues"] = tuple(replace(issue, line=_moved(issue.line, lines)) for issue in moved["issues"])
    return moved


def _further(message: Message, lines: int) -> Message:
    return replace(message, line_start=_moved(message.line_start, lines), line_end=_moved(message.line_end, lines))


def _moved(line: int | None, lines: int) -> int | None:
    return None if line is None else line + lines


def build_lazily(report: Report) -> OomEvent:
    """Return the event of a plain report, none of its fields read yet."""
    if not isinstance(report, PlainReport) or report.is_read:
        return build_event(report)
    event = object.__new__(OomEvent)
    object.__setattr__(event, "_loader", PlainLoader(report if report.settled else report.copy()))
    return event
