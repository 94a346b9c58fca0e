"""Messages in, `OomEvent`s out: where a report begins and ends, and which line belongs to which.

Sans-IO: `Assembler.feed` takes one `Message` and returns the events that it completed or changed; `Assembler.close`
returns the rest.  It reads no clock: time passes only in the stamps.  Two reports that are printed at once are told
apart by caller id, by names and pids, and by the order in which kernels print.  Memory is bounded by
`MAX_OPEN_REPORTS`, `MAX_KEPT_REPORTS` and the bounds in `oomparse.report`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from oomparse.errors import IssueCode
from oomparse.grammar.dispatch import Parsed, parse_line, single
from oomparse.grammar.format import LineFormat, Section, TypedLine
from oomparse.grammar.fragment import joined, may_be_continued
from oomparse.grammar.header import Header, SysrqLine
from oomparse.grammar.kill import Killed
from oomparse.grammar.memcg import MemcgStats, cut_stat, plain_stats, stat_line, stats_tail
from oomparse.grammar.others import LmkKilled
from oomparse.grammar.reaper import Reaped
from oomparse.grammar.record import (
    Piece,
    ends_wrapped,
    is_exact,
    join_wrapped,
    may_go_on,
    pieces,
)
from oomparse.grammar.run_on import MAX_RECORD_CHARACTERS
from oomparse.grammar.strict import refusal
from oomparse.grammar.tasks import TASK_ROW, TaskHeader, TaskLine, count_rows
from oomparse.grammar.verdict import ConstraintLine, NotKilled, PanicLine, Selected
from oomparse.kinship import kinship
from oomparse.message import Message
from oomparse.model import OomEvent
from oomparse.pattern import pattern
from oomparse.report import MAX_FOREIGN_RUN, RANK, READ_LATER, WEAK_SECTIONS, Report

MAX_OPEN_REPORTS = 64
"""Reports of one host that wait for their verdict at once."""
MAX_KEPT_REPORTS = 64
"""Reports of one host that wait for a reaper line."""
MAX_REPORTS = MAX_OPEN_REPORTS + MAX_KEPT_REPORTS
"""Reports of all hosts that are not done with; the oldest goes first."""
MAX_CHARACTERS = 1 << 27
"""Characters of all their lines."""
MAX_HOSTS = 1_024
"""Hosts (or boots) whose reports are kept apart at once."""
REAPER_WAIT_US = 30 * 1_000_000
"""The reaper is at work seconds after the kill (2 s from 5.10 on); later it says nothing."""
COMM_BYTES = 15
EVERY_VICTIM = 256
"""A live event is written again for every further victim, up to so many; then for every eighth more."""

_PLAIN_SECTIONS = frozenset({Section.CPU, Section.STACK, Section.MEMCG, Section.MEMINFO, Section.SLABS, Section.TASKS})
"""Sections whose lines do nothing but belong to a report."""
_VERDICTS = (ConstraintLine, Selected, Killed, NotKilled)


class Assembler:
    """Turns messages into events.

    ``live`` (the default): an event is returned as soon as its kill line arrives, and again, with the same ``event_id``
    and the next ``revision``, when a later line adds to it.  Otherwise every event is returned once, complete, in the
    order of the log.  ``include_user``: lines that a user process wrote count too (their events carry
    ``source.from_kernel=False``).  ``strict``: a line inside a report that no format takes exactly raises
    `LineSyntaxError`.
    """

    def __init__(self, *, live: bool = True, include_user: bool = False, strict: bool = False) -> None:
        self._live = live
        self._include_user = include_user
        self._strict = strict
        self._hosts: OrderedDict[tuple[str | None, str | None], _Host] = OrderedDict()
        self._reports: list[Report] = []
        self._changed: list[Report] = []
        self._held: list[Message] = []
        self._beginning = True
        self._fed_characters = 0
        self._heavy = False
        """The reports hold more than `MAX_CHARACTERS`."""
        self._clocked = False
        """Whether the log has the kernel's own stamps."""
        self._current: Report | None = None
        """The report that took the last message."""
        self.headless: Message | None = None
        """The first line of a report that began without its header, or that may be another's reaper line."""

    def feed(self, message: Message) -> tuple[OomEvent, ...]:
        """Take one message; return the events that are new or changed."""
        if message.from_kernel is False and not self._include_user:
            return ()
        self._weigh(message)
        current, self._current = self._current, None
        if self._held:
            if self._go_on(message):
                return self._emit()
        elif current is not None and self._continue_section(current, message):
            self._current = current
            return self._emit() if self._heavy else ()
        text = message.text
        if "\n" in text or len(text) > MAX_RECORD_CHARACTERS:
            self._place(message, pieces(text))
        else:
            parsed = parse_line(text)
            if _may_be_broken(message, parsed):
                self._held.append(message)
            else:
                self._place(message, (Piece(text, parsed),))
        return self._emit()

    def take(self, message: Message, parsed: Parsed) -> None:
        """Take a message that is one whole line, and parsed already: `feed` for a report that is read again."""
        self._release()
        self._place(message, (Piece(message.text, parsed),))

    def idle(self) -> tuple[OomEvent, ...]:
        """Say that no message has come for a while: what waited for a continuation is taken as it is."""
        self._release()
        return self._emit(idle=True)

    @property
    def quiet(self) -> bool:
        """Whether lines of no report would change nothing: none waits for its end, none may begin headless."""
        return not self._held and not any(host.waiting for host in self._hosts.values())

    @property
    def goes_on(self) -> bool:
        """Whether a report took the last message."""
        return self._current is not None

    @property
    def settled(self) -> bool:
        """Whether every report has come to its end, but for what may still be said of its victims."""
        reports = [report for host in self._hosts.values() for report in host.open]
        return not self._held and all(report.has_verdict or not report.is_event for report in reports)

    def adopt(self, report: Report) -> tuple[OomEvent, ...] | None:
        """Take a report that was read elsewhere, from its header to its kill line, instead of its lines.

        None where it might not begin or end here if its lines were fed.
        """
        if self._strict or self._held:
            return None
        message = report.last
        host = self._host(message)
        if host.sysrq is not None:
            return None
        for other in host.open:
            if not other.has_verdict and other.is_event:
                return None
        for other in host.open:
            self._end(other)
        host.open = [report]
        host.last, host.last_known, host.fresh = message, True, True
        self._reports.append(report)
        if self._live:
            self._mark(report)
            return self._emit()
        self._changed.clear()
        return self._emit_settled(final=False)

    @property
    def killed(self) -> Report:
        """The report that has a kill line, of those that are not settled; the one that began last if there is none."""
        return next((report for report in reversed(self._reports) if report.kills), self._reports[-1])

    def gap(self) -> tuple[OomEvent, ...]:
        """Say that lines are left out here, none of which is a report's."""
        self._release()
        self._beginning = False
        for host in self._hosts.values():
            host.fresh = False
        return self._emit()

    def close(self) -> tuple[OomEvent, ...]:
        """Say that the log has ended; return the events that are still open."""
        self._release()
        for report in self._reports:
            self._end(report)
        self._hosts.clear()
        return self._emit(final=True)

    # --- lines that go on in the next message

    def _go_on(self, message: Message) -> bool:
        """Try to join ``message`` to the line that is held; False where it stands for itself."""
        first = self._held[0]
        bare = first.printed is None and message.printed is None
        same_record = first.monotonic_us is not None and first.monotonic_us == message.monotonic_us
        if not self._clocked and (first.printed == message.printed or _NO_TIME_LATER.fullmatch(message.printed or "")):
            same_record = _OPEN_NAME.search(self._held[-1].text) is not None  # a date is that of many records
        together = bare or same_record or message.fragment == "+"
        if together and "\n" not in message.text and message.host == first.host:
            texts = [held.text for held in self._held]
            if not ends_wrapped(texts, message.text) and (
                not is_exact(parse_line(message.text)) or join_wrapped([*texts, message.text]) is not None
            ):
                self._held.append(message)
                return True
        self._release()
        return False

    def _release(self) -> None:
        """Place what was held: as much of it as makes one line, the rest for itself."""
        while self._held:
            held = self._held
            broken = len(held) > 1 and _may_be_broken(held[0], parse_line(held[0].text))
            for count in range(len(held), 1, -1) if broken else ():
                texts = [message.text for message in held[:count]]
                joined = join_wrapped(texts)
                if joined is not None:
                    self._held = held[count:]
                    whole = replace(held[0], text=joined.text, line_end=held[count - 1].line_end)
                    self._place(whole, (joined,))
                    break
            else:
                self._held = held[1:]
                self._place(held[0], pieces(held[0].text))

    # --- where a line belongs

    def _continue_section(self, report: Report, message: Message) -> bool:
        """Take the next task or the next memory.stat line right after one: most of a report is such lines."""
        section, text, last = report.section, message.text, report.last
        line, line_format = _next_of_section(report, text)
        where = (message.host, message.boot_id)
        if section is None or line is None or where != (last.host, last.boot_id) or message.caller != last.caller:
            return False
        host = self._hosts.get(where)
        if host is None or len(host.open) != 1 or report.expired(message, foreign=False):
            return False
        report.add(message, text, section, line, line_format)
        host.last, host.last_known = message, section is Section.TASKS
        return True

    def feed_run(self, texts: Sequence[str], carrier: Message) -> int:
        """Take the texts that plainly go on with the report of the last message, up to one that does not.

        Return how many.  For a report that is read again, most of which is such lines: all came as ``carrier`` did, at
        about the same time, each a whole line that one format takes without reservation.
        """
        report = self._current
        if report is None or self._held or carrier.printed is None or report.has_verdict:
            return 0
        host = self._hosts[report.first.host, report.first.boot_id]
        if host.open != [report]:
            return 0
        run = _run_of_section(report, texts)
        if run:
            return run if report.section is not None and report.add_run(report.section, texts[:run], carrier) else 0
        lines = _plain_lines(texts)
        taken = 0
        while taken < len(lines):
            line_format, line = lines[taken]
            section = line_format.section
            if not report.takes(section, line):
                break
            end = taken + 1
            if section in READ_LATER:
                while end < len(lines) and lines[end].format.section is section:
                    end += 1
                if report.add_later(section, texts[taken:end], lines[taken:end], carrier):
                    taken = end
                    continue
            report.add(carrier, texts[taken], section, line, line_format)
            taken += 1
        return taken

    def _place(self, message: Message, found: Iterable[Piece]) -> None:
        host = self._host(message)
        self._clocked = self._clocked or message.monotonic_us is not None
        for text, parsed in found:
            self._expire(host, message, foreign=parsed is None)
            if parsed is None:
                self._place_unknown(host, message, text)
            else:
                self._place_known(host, message, text, parsed)
        host.last = message

    def _host(self, message: Message) -> "_Host":
        key = (message.host, message.boot_id)
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(fresh=self._beginning)
            if len(self._hosts) > MAX_HOSTS:
                _, oldest = self._hosts.popitem(last=False)
                for report in oldest.open:
                    report.note(IssueCode.LIMIT_REACHED, f"MAX_HOSTS ({MAX_HOSTS})", message)
                    self._end(report)
        elif len(self._hosts) > 1:
            self._hosts.move_to_end(key)
        return host

    def _expire(self, host: "_Host", message: Message, *, foreign: bool) -> None:
        for report in [report for report in host.open if report.expired(message, foreign=foreign)]:
            self._end(report)
            host.open.remove(report)

    def _place_known(self, host: "_Host", message: Message, text: str, parsed: Parsed) -> None:
        line_format, line = parsed
        section = line_format.section
        if section is Section.NOTICE:
            return
        if isinstance(line, SysrqLine):
            host.sysrq = message
        elif isinstance(line, Header):
            self._open_with_header(host, message, text, line, line_format)
        elif isinstance(line, Reaped):
            self._place_reaped(host, message, text, line, line_format)
        else:
            self._place_line(host, message, text, section, line, line_format)

    def _open_with_header(
        self, host: "_Host", message: Message, text: str, line: Header, line_format: LineFormat
    ) -> None:
        line_format_is_bare = line_format.name == "header_bare"
        if line_format_is_bare and message.printed is None and message.from_kernel is not True:
            return  # prose: nothing but a stamp or the kernel's own tag makes these words a header
        for report in [report for report in host.open if report.has_verdict or report.header is None]:
            self._end(report)
            host.open.remove(report)
        report = self._start(host, message)
        report.sysrq = host.take_sysrq(report)
        self._add(report, message, text, Section.HEADER, self._whole_comm(host, message, line), line_format)

    def _whole_comm(self, host: "_Host", message: Message, line: Header) -> Header:
        """Put a comm together that holds a newline, where the console stamped both of its lines."""
        last = host.last
        if (
            line.comm is None
            or last is None
            or host.last_known
            or last.monotonic_us is None
            or last.monotonic_us != message.monotonic_us
            or "\n" in last.text
        ):
            return line
        comm = f"{last.text}\n{line.comm}"
        return replace(line, comm=comm) if len(comm.encode("utf-8", "surrogateescape")) <= COMM_BYTES else line

    def _place_line(  # noqa: PLR0917 - a line and where it stands
        self, host: "_Host", message: Message, text: str, section: Section, line: TypedLine, line_format: LineFormat
    ) -> None:
        host.last_known = True
        if isinstance(line, PanicLine) and not line.oom:
            for ended in host.open:
                self._end(ended)
            host.open.clear()
            return
        if line_format.tolerant and self._continue_fragment(host, message, text):
            return
        report = self._target(host, message, section, line, line_format)
        if report is None:
            doubtful = line_format.tolerant and not _is_another_verdict(host.open, line)
            if host.open and (doubtful or section in (Section.HEADER, Section.CPUSET)):
                self._place_unknown(host, message, text)
                return
            if isinstance(line, Killed) and line.new_words:
                return
            mixed = [found for found in host.open if found.interleaved and not found.has_verdict]
            if mixed and section is not Section.VERDICT:  # one of them has taken the other's
                for found in mixed:
                    found.ambiguous.add(section)
                self._place_unknown(host, message, text)
                return
            if section in (Section.HEADER, Section.CPUSET) or (section in WEAK_SECTIONS and not host.fresh):
                return
            if isinstance(line, TaskLine) and not host.fresh:
                return
            self._end_superseded(host, section, line)
            self.headless = self.headless or message
            report = self._start(host, message)
        self._add(report, message, text, section, line, line_format)
        if report.has_verdict:
            host.fresh = True

    def _target(
        self, host: "_Host", message: Message, section: Section, line: TypedLine, line_format: LineFormat
    ) -> Report | None:
        """Return the open report that the line belongs to."""
        able = [report for report in host.open if report.same_caller(message) and report.takes(section, line)]
        if line_format.tolerant and section in WEAK_SECTIONS:
            able = [report for report in able if report.section is section]  # alone such a line proves nothing
        if not able:
            return None
        report = able[0]
        if len(able) > 1:
            kin = {report: kinship(report, line) for report in reversed(able)}
            report = max(kin, key=kin.__getitem__)
            alike = [other for other in able if kin[other] == kin[report]]
            for other in alike if len(alike) > 1 else ():
                other.ambiguous.add(type(line) if section is Section.CPU else section)
        newest = host.open[-1]
        if report is not newest and not newest.has_verdict and len(host.open) > 1:
            for other in (report, newest):
                if not other.interleaved:
                    other.interleaved = True
                    other.note(IssueCode.INTERLEAVED, None, message)
        return report

    def _end_superseded(self, host: "_Host", section: Section, line: TypedLine) -> None:
        """A verdict that no open report can take belongs to a report of its own; those with a verdict are over."""
        for report in [report for report in host.open if report.has_verdict or not report.is_event]:
            if isinstance(line, (*_VERDICTS, LmkKilled)) or RANK[section] < report.rank:
                self._end(report)
                host.open.remove(report)

    def _place_reaped(self, host: "_Host", message: Message, text: str, line: Reaped, line_format: LineFormat) -> None:
        host.last_known = True
        near: Report | None = None
        for report in reversed(self._reports):
            if (report.first.host, report.first.boot_id) != (message.host, message.boot_id) or report.settled:
                continue
            if line.pid in report.reaped:
                continue
            if _names_victim(report, line.pid):
                self._add(report, message, text, Section.REAPER, line, line_format)
                return
            if near is None and report.kills and not _too_late(report, message):
                near = report
        self.headless = self.headless or message
        if near is not None:
            near.note(IssueCode.CONFLICT, text, message)
            self._mark(near)
            return
        report = self._start(host, message)
        self._add(report, message, text, Section.REAPER, line, line_format)
        self._end(report)
        host.open.remove(report)

    def _place_unknown(self, host: "_Host", message: Message, text: str) -> None:
        host.last_known = False
        if not text.strip():
            return
        self._beginning = False
        waiting = [found for found in host.open if found.same_caller(message)]
        if not waiting:
            host.fresh = False
            return
        report = waiting[-1]
        known = _in_context(report, text)
        if known is not None:
            self._add(report, message, text, *known, None)
            return
        if self._continue_fragment(host, message, text) or _continues_row(report, message, text):
            return
        if report.has_verdict:
            report.fragment = text if may_be_continued(text) else report.fragment
            host.fresh = False
            return
        if not report.is_event:
            report.dropped = True
            self._end(report)
            host.open.remove(report)
            host.fresh = False
            return
        if self._strict:
            raise refusal(text, message)
        if may_be_continued(text):
            report.fragment = text
        report.add_foreign(text, message.line_start)
        if len(report.foreign_run) > MAX_FOREIGN_RUN:
            self._end(report)
            host.open.remove(report)

    def _continue_fragment(self, host: "_Host", message: Message, text: str) -> bool:
        """Append to a line that the kernel printed in parts; take it for what it is so far."""
        report = next((found for found in reversed(host.open) if found.same_caller(message)), None)
        if report is None or report.fragment is None or (whole := joined(report.fragment, text)) is None:
            return False
        report.forget_fragment()
        parsed = parse_line(whole)
        if parsed is not None and (isinstance(parsed.line, Header) or report.takes(parsed.format.section, parsed.line)):
            self._add(report, message, whole, parsed.format.section, parsed.line, parsed.format)
        else:
            report.fragment = whole
            if not report.has_verdict:
                report.add_foreign(whole, message.line_start)
        return True

    # --- reports

    def _start(self, host: "_Host", message: Message) -> Report:
        report = Report(message)
        host.open.append(report)
        self._reports.append(report)
        if len(host.open) > MAX_OPEN_REPORTS:
            oldest = host.open.pop(0)
            oldest.note(IssueCode.LIMIT_REACHED, f"MAX_OPEN_REPORTS ({MAX_OPEN_REPORTS})", message)
            self._end(oldest)
        return report

    def _add(  # noqa: PLR0917 - a line and where it stands
        self,
        report: Report,
        message: Message,
        text: str,
        section: Section,
        line: TypedLine,
        line_format: LineFormat | None,
    ) -> None:
        if self._strict and (line.damaged or (line_format is not None and line_format.tolerant)):
            raise refusal(text, message)
        before = report.has_verdict
        report.add(message, text, section, line, line_format)
        self._current = report
        if report.has_verdict:
            self._mark(report)
            if not before:
                self._end_overtaken(report, message)

    def _end_overtaken(self, report: Report, message: Message) -> None:
        """End the reports that got no line, and named no victim, while a later one came to its verdict."""
        host = self._hosts.get((message.host, message.boot_id))
        if host is None:
            return
        for other in [other for other in host.open if other is not report]:
            named = other.selected or other.constraint
            if not other.has_verdict and not named and not other.interleaved and other.same_caller(message):
                self._end(other)
                host.open.remove(other)

    def _mark(self, report: Report) -> None:
        if report not in self._changed:
            self._changed.append(report)

    def _end(self, report: Report) -> None:
        """Close a report; what stands in it and is no OOM report's is forgotten."""
        if report.closed:
            return
        report.closed = True
        report.foreign_run.clear()
        if report.is_event and not report.dropped:
            if not report.has_verdict:
                self._mark(report)
        else:
            report.settled = True

    def _weigh(self, message: Message) -> None:
        """Look now and then whether the reports have become too heavy."""
        self._fed_characters += len(message.text)
        if self._fed_characters > MAX_CHARACTERS // 8:
            self._fed_characters = 0
            self._heavy = sum(report.size for report in self._reports) > MAX_CHARACTERS

    def _emit(self, *, final: bool = False, idle: bool = False) -> tuple[OomEvent, ...]:
        if not self._changed and not final and len(self._reports) <= MAX_KEPT_REPORTS and not self._heavy:
            return ()
        if self._live:
            return self._emit_changes(final=final, idle=idle)
        self._changed.clear()
        return self._emit_settled(final=final)

    def _emit_changes(self, *, final: bool, idle: bool) -> tuple[OomEvent, ...]:
        while self._reports and (self._reports[0].settled or self._overfull):
            self._end_oldest()
        events: list[OomEvent] = []
        waiting: list[Report] = []
        for report in self._changed:
            if not final and not idle and not report.closed and len(report.kills) < report.next_victims:
                waiting.append(report)
                continue
            report.revision += 1
            if len(report.kills) >= EVERY_VICTIM:
                report.next_victims = len(report.kills) * 9 // 8
            events.append(_event_of(report))
        self._changed = waiting
        if final:
            self._reports.clear()
        return tuple(events)

    @property
    def _overfull(self) -> bool:
        """Whether the oldest report must go, whatever it waits for."""
        return self._heavy or len(self._reports) > MAX_REPORTS

    def _end_oldest(self) -> None:
        """Let the oldest report go: from here on it takes no line."""
        report = self._reports.pop(0)
        if not report.closed:  # else its host has let go of it
            host = self._hosts.get((report.first.host, report.first.boot_id))
            if host is not None and report in host.open:
                host.open.remove(report)
            if not report.has_verdict and self._overfull:
                bound = f"MAX_CHARACTERS ({MAX_CHARACTERS})" if self._heavy else f"MAX_REPORTS ({MAX_REPORTS})"
                report.note(IssueCode.LIMIT_REACHED, bound, None)
            self._end(report)
        if self._heavy:
            self._heavy = sum(report.size for report in self._reports) > MAX_CHARACTERS // 2

    def _emit_settled(self, *, final: bool) -> tuple[OomEvent, ...]:
        events: list[OomEvent] = []
        reports = self._reports
        newest = reports[-1].last if reports else None
        while reports:
            report = reports[0]
            settled = report.settled
            if not (settled or final or self._heavy):
                if len(reports) <= MAX_KEPT_REPORTS:
                    if not report.closed or newest is None or not _too_late(report, newest):
                        break
                elif len(reports) <= MAX_REPORTS and not (report.closed or report.has_verdict):
                    break
            self._end_oldest()
            report.settled = True
            if not settled and report.is_event and not report.dropped:
                report.revision = 1
                events.append(_event_of(report))
        if final:
            reports.clear()
        return tuple(events)


def _event_of(report: Report) -> OomEvent:
    if report.builder is not None:
        return report.builder(report)
    from oomparse.building import build_event

    return build_event(report)


class _Host:
    """What is open on one host."""

    __slots__ = ("fresh", "last", "last_known", "open", "sysrq")

    def __init__(self, *, fresh: bool) -> None:
        self.open: list[Report] = []
        self.sysrq: Message | None = None
        self.last: Message | None = None
        self.last_known = False
        self.fresh = fresh
        """Nothing but report lines has come since the log began, or since the last verdict."""

    @property
    def waiting(self) -> bool:
        """Whether the next line may belong to a report although nothing in it says so."""
        return self.fresh or any(not report.has_verdict for report in self.open)

    def take_sysrq(self, report: Report) -> bool:
        asked, self.sysrq = self.sysrq, None
        return asked is not None and not Report(asked).expired(report.first, foreign=False)


_OPEN_NAME = pattern(rf"(?:\bKill(?:ed)? process \d{{1,10}} \(|,task=)[^\n]{{0,{COMM_BYTES}}}\Z")
"""How a verdict ends that breaks within a name: the name has a newline, which syslog daemons make two records of."""

_NO_TIME_LATER = pattern(r"[<+][ +]*0\.0+>?")
"""The stamp of ``dmesg -d`` and ``-e`` for a record of the same moment."""


def _may_be_broken(message: Message, parsed: Parsed | None) -> bool:
    """Whether the next message may bring the rest of this line: an unstamped log, or a name with a newline."""
    return not (message.printed is not None and is_exact(parsed)) and may_go_on(message.text, parsed)


def _is_another_verdict(reports: Iterable[Report], line: TypedLine) -> bool:
    """Whether a damaged line tells of a kill that none of these reports has; it begins as such a line does."""
    return isinstance(line, _VERDICTS) and not any(line.pid in report.victim_pids for report in reports)


def _next_of_section(report: Report, text: str) -> tuple[TypedLine | None, LineFormat | None]:
    """Read the next task of a task dump, or the next line of memory.stat."""
    if report.section is Section.TASKS:
        if text.startswith("[") and "\n" not in text and (parsed := single(TASK_ROW).parse(text)) is not None:
            return parsed.line, parsed.format
    elif report.section is Section.MEMCG and report.stats_open:
        return stat_line(text), None
    return None, None


def _plain_lines(texts: Iterable[str]) -> list[Parsed]:
    """Parse lines of the plain sections that a format takes without reservation, up to where a long run begins."""
    lines: list[Parsed] = []
    for text in texts:
        parsed = parse_line(text)
        if parsed is None:
            break
        line_format, line = parsed
        if line_format.tolerant or line.damaged or line.unknown or line_format.section not in _PLAIN_SECTIONS:
            break
        lines.append(parsed)
        if isinstance(line, (TaskHeader, MemcgStats)):
            break
    return lines


def _run_of_section(report: Report, texts: Sequence[str]) -> int:
    """Count the texts that go on with a task dump or memory.stat, and say no more than that."""
    if report.section is Section.TASKS:
        return count_rows(texts)
    if report.section is Section.MEMCG and report.stats_open:
        return len(plain_stats(texts))
    return 0


def _names_victim(report: Report, pid: int) -> bool:
    if report.kills:
        return pid in report.victim_pids
    chosen = (found.pid for found in (report.constraint, report.selected) if found is not None)
    return pid in report.victim_pids or pid in chosen


def _too_late(report: Report, message: Message) -> bool:
    last = report.last
    now, then = message.monotonic_us, last.monotonic_us
    if now is not None and then is not None:
        return abs(now - then) > REAPER_WAIT_US
    if message.wall is not None and last.wall is not None:
        return abs((message.wall - last.wall).total_seconds()) * 1_000_000 > REAPER_WAIT_US
    return False


def _continues_row(report: Report, message: Message, text: str) -> bool:
    """Append to the last task row the rest of a name with a newline, which a console stamps like the row itself."""
    same = message.monotonic_us is not None and message.monotonic_us == report.last.monotonic_us
    fits = report.extended + len(text) < COMM_BYTES
    if report.section is not Section.TASKS or not same or not fits or report.foreign_run:
        return False
    report.extend_row(text)
    return True


def _in_context(report: Report, text: str) -> tuple[Section, TypedLine] | None:
    """Read a line that only its place in the report explains: memory.stat lines, the rest of a broken line."""
    if report.has_verdict:
        return None
    if report.stats_open and report.section is Section.MEMCG:
        stat = stat_line(text)
        if stat is not None:
            return Section.MEMCG, stat
        tail = stats_tail(text) or cut_stat(report.stat_texts(), text)
        if tail is not None:
            return Section.MEMCG, tail
    return None
