"""A whole report that nothing interrupts, told from its telling lines alone.

Turns what `oomparse.telling` has found into a `PlainReport`, and that into an `OomEvent` that knows its victim and its
scope at once (``mm/oom_kill.c``, since 5.2).  The rest of a plain report is read when first asked for, by
`oomparse.again`, so that it says what it would have said.  It takes later lines of the reaper as it is; any other line
makes it read itself first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from oomparse.again import Again, Later, PackedReport, Parts, further, moved
from oomparse.classify import said_by_constraint
from oomparse.errors import SourceError
from oomparse.grammar.dispatch import single
from oomparse.grammar.format import LineFormat, Section, TypedLine
from oomparse.grammar.reaper import Reaped
from oomparse.lazy import StandIn
from oomparse.message import Message
from oomparse.model import OomEvent, Reaper, ReaperOutcome, Role, Scope, Source, Victim
from oomparse.outline import outline_again
from oomparse.pattern import pattern
from oomparse.prefilter import count
from oomparse.record import maker
from oomparse.report import Report
from oomparse.telling import Telling, telling

REWRITTEN = "it was truncated or written anew while it was read"
_GLOBAL = pattern(
    r"oom-kill:constraint=([A-Z_]+),nodemask=(?:\(null\)|[\d,-]+),cpuset=[^,=]*,mems_allowed=[\d,-]+"
    r"(?:,task=|(,global_oom)?,task_memcg=)"
)
"""A constraint line that names no cgroup as full; what it says first cannot be a part of a name here."""


_SELECTED, _REAPED = Role.SELECTED, ReaperOutcome.REAPED
_VICTIM = (
    "pid",
    "comm",
    "uid",
    "total_vm_kb",
    "anon_rss_kb",
    "file_rss_kb",
    "shmem_rss_kb",
    "pgtables_kb",
    "oom_score_adj",
    "reaper_text",
)
_REAPER = ("reaper_anon_rss_kb", "reaper_file_rss_kb", "reaper_shmem_rss_kb")


class _Unread:
    """An attribute of a report that has not been read: computed from the telling lines, or by reading the others.

    Unlike ``__getattr__``, it does not make the attributes that are there slower.
    """

    def __init__(self, name: str, told: "Callable[[Telling], Any] | None" = None) -> None:
        self._name = name
        self._told = told

    def __get__(self, report: "PlainReport | None", owner: type["PlainReport"]) -> Any:
        if report is None:
            return self
        value = None if self._told is None else self._told(Telling(report.told))
        if value is None:
            report.read_whole()
            return report.__dict__[self._name]
        report.__dict__[self._name] = value
        return value


class PlainReport(Report):
    """A report of which only the constraint and the kill line have been read.

    What an outline proves is set; asking for any other attribute reads the whole report ``again``.
    """

    has_verdict = True
    is_event = True

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
    _later: Later = ()
    counter_text = None  # is no evidence where the constraint line names a cgroup, and absent where it names none

    def __init__(self, message: Message, told: re.Match[str], again: Parts) -> None:
        self.first = self.last = message
        self.told = told
        self.foreign_run = []
        self.builder = build_lazily
        self.closed = self.settled = self.dropped = False
        self.revision = 0
        self._again: Parts | None = again

    def add(
        self, message: Message, text: str, section: Section, line: TypedLine, line_format: LineFormat | None
    ) -> None:
        """Take a line that came later."""
        if self._again is None:
            super().add(message, text, section, line, line_format)
        elif isinstance(line, Reaped):
            self._take_reaped(message, text, line, None if line_format is None else line_format.name)
        else:
            self.read_whole()
            super().add(message, text, section, line, line_format)

    def _take_reaped(self, message: Message, text: str, line: Reaped, line_format: str | None) -> None:
        self._later = (*self._later, (message, text, line, line_format))
        self.reaped[line.pid] = line
        self.last = message

    def move(self, lines: int) -> None:
        """Count the lines from so many further on."""
        if self._again is not None:
            found, told, data, number, message, tz, at = self._again
            self._again = (found, told, data, number + lines, further(message, lines), tz, at)
            self._later = tuple(
                [(further(message, lines), text, line, name) for message, text, line, name in self._later]
            )

    def packed(self, *, text: bool) -> PackedReport | None:
        """Return what goes to another process, while no more has been read of the report; else None.

        Without the ``text``, if it is known where that stands in its file.
        """
        if self._again is None:
            return None
        found, _, data, number, message, tz, at = self._again
        place = data if at is None or text else at
        size, reaped = len(data), bool(found.reaped)
        return PackedReport(place, size, found.lines, found.fraction, reaped, message, number, tz, self._later)

    @classmethod
    def unpacked(cls, packed: PackedReport, data: bytes) -> "PlainReport":
        """Return a report that was `packed`, of which ``data`` are the lines; it takes no line any more."""
        message = packed.message
        if count(data, b"\n", 0, len(data)) != packed.lines:
            raise SourceError(REWRITTEN, path=message.path)
        found = outline_again(data, packed.lines, packed.fraction, reaped=packed.reaped)
        told = telling(found, data, message)
        if told is None:
            raise SourceError(REWRITTEN, path=message.path)
        report = cls(message, told, (found, told, data, packed.number, message, packed.tz, None))
        for of_reaper in packed.later:
            report._take_reaped(*of_reaper)
        report.settled = report.closed = True
        return report

    def victims(self) -> tuple[Victim, ...]:
        """Return the victim, of which the constraint line says nothing else."""
        group = self.told.group
        pid, comm, uid, total_vm, anon_rss, file_rss, shmem_rss, pgtables, adj, reaper = group(*_VICTIM)
        victim = maker(Victim)(
            pid=int(pid),
            comm=comm,
            uid=int(uid),
            total_vm_kb=int(total_vm),
            anon_rss_kb=int(anon_rss),
            file_rss_kb=int(file_rss),
            shmem_rss_kb=int(shmem_rss),
            pgtables_kb=int(pgtables),
            oom_score_adj=int(adj),
            role=_SELECTED,
            reaper=self._reaper(int(pid)) if reaper is not None or self._later else None,
        )
        return (victim,)

    def _reaper(self, pid: int) -> Reaper | None:
        if self._later:
            from oomparse.building import reaper_of

            return reaper_of(self.reaped.get(pid))
        anon_rss, file_rss, shmem_rss = self.told.group(*_REAPER)
        return maker(Reaper)(
            outcome=_REAPED,
            anon_rss_kb=int(anon_rss),
            file_rss_kb=int(file_rss),
            shmem_rss_kb=int(shmem_rss),
        )

    @property
    def is_read(self) -> bool:
        """Whether every line has been read."""
        return self._again is None

    def copy(self) -> "PlainReport":
        """Return a report that stays as this one is."""
        twin = object.__new__(PlainReport)
        twin.__dict__.update(self.__dict__, reaped=dict(self.reaped))
        return twin

    def read_whole(self) -> None:
        """Read every line, once, as the assembler would have."""
        again, self._again = self._again, None
        if again is None:
            return
        del self.told, self.builder
        kept = {name: getattr(self, name) for name in ("closed", "settled", "dropped", "revision")}
        found, told, data, number, message, tz, _ = again
        self.__dict__.update(Again(found, told, data, number, message, tz).report().__dict__)
        self.__dict__.update(kept)
        for message, text, line, name in self._later:
            super().add(message, text, Section.REAPER, line, None if name is None else single(name).format)


_TOLD: dict[str, Callable[[Telling], Any]] = {
    "kills": lambda told: [told.killed()],
    "victim_pids": lambda told: {int(told.found["pid"])},
    "kill_text": lambda told: told.kill_text,
    "constraint_text": lambda told: told.constraint_text,
    "constraint": lambda told: told.constraint(),
    "reaped": lambda told: {} if (reaped := told.reaped()) is None else {reaped.pid: reaped},
}
_SET = frozenset({"first", "last", "foreign_run", "builder", "closed", "settled", "dropped", "revision"})
for _name in vars(Report(Message(text=""))):
    if _name not in vars(PlainReport) and _name not in _SET:
        setattr(PlainReport, _name, _Unread(_name, _TOLD.get(_name)))


class PlainLoader(StandIn):
    """The fields of a plain report's event: victims and scope at once, the others from the whole report."""

    _packed: tuple[PackedReport, bytes] | None = None
    """The report as it came from another process, and its lines; most are never looked into."""
    _before = 0
    """Lines before it that the other process did not know of."""
    _event: OomEvent | None = None

    def __init__(self, report: PlainReport | None) -> None:
        self._known = report

    @classmethod
    def of(cls, packed: PackedReport, data: bytes, before: int) -> "PlainLoader":
        """Return the loader of a report that came from another process; ``data`` are its lines."""
        loader = cls(None)
        loader._packed, loader._before = (packed, data), before
        return loader

    def packed(self, *, text: bool) -> PackedReport | None:
        """Return what goes to another process, while no more has been read of the report; else None."""
        return self._report.packed(text=text) if self._event is None else None

    def __reduce__(self) -> tuple[Any, ...]:
        packed = self.packed(text=True)
        if packed is None:
            return _restored, (self._report, self._event)
        return PlainLoader.of, (packed, packed.text, 0)

    @property
    def _report(self) -> PlainReport:
        if self._known is None:
            assert self._packed is not None
            self._known, self._packed = PlainReport.unpacked(*self._packed), None
            if self._before:
                self._known.move(self._before)
        return self._known

    def load(self, name: str) -> Any:
        """Return a field."""
        if self._event is None and not self._report.is_read:
            if name == "victims":
                return self._report.victims()
            if name == "scope":
                return _scope(self._report.told["constraint_text"]) or _scope_of_all(self._report)
        return getattr(self.instance(), name)

    def instance(self) -> OomEvent:
        """Return the event of the whole report."""
        if self._event is None:
            from oomparse.building import build_event

            self._report.read_whole()
            self._event = build_event(self._report)
        return self._event

    def move(self, lines: int) -> None:
        """Count the report's lines from so many further on."""
        if self._known is None:
            self._before += lines
            return
        self._known.move(lines)
        if self._event is not None:
            known = {"source": self._event.source, "issues": self._event.issues}
            self._event = replace(self._event, **moved_values(known, lines))

    def lines(self) -> tuple[str, ...]:
        """Return the report's messages."""
        return tuple(self._report.texts)


def _restored(report: PlainReport, event: OomEvent | None) -> PlainLoader:
    loader = PlainLoader(report)
    loader._event = event  # noqa: SLF001 - a constructor
    return loader


def moved_values(values: Mapping[str, Any], lines: int) -> dict[str, Any]:
    """Return the fields of an event, of which those that count lines do so from so many further on."""
    further_on = dict(values)
    if "source" in further_on:
        source: Source = further_on["source"]
        further_on["source"] = replace(
            source, line_start=moved(source.line_start, lines), line_end=moved(source.line_end, lines)
        )
    if "issues" in further_on:
        further_on["issues"] = tuple(replace(issue, line=moved(issue.line, lines)) for issue in further_on["issues"])
    return further_on


def build_lazily(report: Report) -> OomEvent:
    """Return the event of a plain report, of which only the victim and the scope are known yet."""
    assert isinstance(report, PlainReport)  # and not read yet: then it has no builder
    loader = PlainLoader(report if report.settled else report.copy())
    return plain_event(loader, report.victims(), _scope(report.told["constraint_text"]))


def plain_event(loader: PlainLoader, victims: tuple[Victim, ...], scope: Scope | None) -> OomEvent:
    """Return an event of which victims are known, and the scope if it is given."""
    event, fill = object.__new__(OomEvent), object.__setattr__
    fill(event, "_loader", loader)
    fill(event, "victims", victims)
    if scope is not None:
        fill(event, "scope", scope)
    return event


def _scope(constraint: str) -> Scope | None:
    """Return what the constraint line says, if that needs no closer look."""
    said = said_by_constraint(constraint, None, None, global_oom=False)  # oom_memcg goes before all else
    if said is None and (line := _GLOBAL.match(constraint)) is not None:
        said = said_by_constraint(constraint, line[1], None, global_oom=line[2] is not None)
    return None if said is None else said[0]


def _scope_of_all(report: PlainReport) -> Scope:
    """Return what the constraint line, parsed, and the kill line say."""
    from oomparse.building import scope_of_report
    from oomparse.report_sections import ReportSections

    return scope_of_report(report, ReportSections({}, ()))[0]
