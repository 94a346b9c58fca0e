"""One report while it is being read: which lines it has, which it may still take.

Used by `oomparse.assembler` alone.  A `Report` collects typed lines and the texts of the long sections; it decides by
the order in which kernels print (`RANK`), by names and by time whether a line can belong to it.  It builds nothing:
see `oomparse.building`.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from oomparse.errors import Issue, IssueCode
from oomparse.grammar.arrangements import PrintedBy
from oomparse.grammar.dispatch import Parsed
from oomparse.grammar.format import LineFormat, Section, TypedLine
from oomparse.grammar.fragment import may_be_continued
from oomparse.grammar.header import CpuLine, CpusetLine, HardwareLine, Header, WorkqueueLine
from oomparse.grammar.kill import Killed
from oomparse.grammar.memcg import (
    CUT_RECORD_BYTES,
    STATS_PRINTED_BY,
    GroupKill,
    LimitReached,
    MemcgCounter,
    MemcgProtection,
    MemcgStats,
    TaskInMemcg,
    stat_line,
)
from oomparse.grammar.others import LmkDetail, LmkKilled
from oomparse.grammar.reaper import Reaped
from oomparse.grammar.tasks import TaskHeader
from oomparse.grammar.verdict import ConstraintLine, NoKillable, NotKilled, PanicLine, Selected, SharingMm
from oomparse.message import Message
from oomparse.model import OomEvent

MAX_REPORT_LINES = 250_000
"""Lines of the long sections that one report keeps."""
MAX_REPORT_CHARACTERS = 1 << 25
"""Characters of all lines that one report keeps."""
MAX_UNKNOWN_LINES = 1_000
"""Unknown lines that one report keeps."""
MAX_PID_DIGITS = 12
MAX_FOREIGN_RUN = 300
"""So many unknown lines in a row, and the report is over: its tail was lost."""
MAX_ISSUES = 1_000
"""Issues that one report keeps."""
MAX_UNKNOWN_CHARACTERS = 4_096
"""The rest of a longer unknown line is left out."""
MAX_LMK_DETAILS = 32
"""Further lines of one kill by Android's driver (it prints four)."""
MAX_VICTIMS = 10_000
"""Kill lines that one report keeps (memory.oom.group)."""
MAX_GAP_US = 30 * 1_000_000
"""A report whose next line comes later than this has ended before."""
MAX_STEP_BACK_US = 5 * 1_000_000
"""Stamps that step back further than this are another boot's."""

SAID_BEFORE_2_6_20 = "Out of Memory"
"""What 2.6.18 and 2.6.19 say when they choose, whatever they say when they kill."""

RANK = {
    Section.SYSRQ: 0,
    Section.HEADER: 0,
    Section.CPUSET: 1,
    Section.CPU: 2,
    Section.STACK: 3,
    Section.MEMCG: 4,
    Section.MEMINFO: 4,
    Section.SLABS: 4,
    Section.TASKS: 5,
    Section.VERDICT: 6,
    Section.REAPER: 7,
}
"""The order in which kernels print the sections; memcg counters, Mem-Info and slabs come in any order."""

READ_LATER = frozenset({Section.STACK, Section.MEMINFO, Section.SLABS})
"""Sections of whose lines only the text is kept."""
WEAK_SECTIONS = frozenset({Section.CPU, Section.STACK, Section.MEMINFO, Section.SLABS})
"""Sections that other kernel messages print too (warn_alloc, SysRq-m, any stack trace)."""


class Report:
    """The lines of one report so far."""

    builder: "Callable[[Report], OomEvent] | None" = None
    """Makes the event, where `oomparse.building` does not."""

    def __init__(self, first: Message) -> None:  # noqa: PLR0915 - a field for each thing that a report may say
        self.first = first
        self.last = first
        self.caller = first.caller
        self.rank = 0
        self.section: Section | None = None
        self.header: Header | None = None
        self.header_message: Message | None = None
        self.sysrq = False
        self.cpu: CpuLine | None = None
        self.cpuset: CpusetLine | None = None
        self.hardware: str | None = None
        self.workqueue: str | None = None
        self.task_in: TaskInMemcg | None = None
        self.limit_text: str | None = None
        self.counters: dict[str, MemcgCounter] = {}
        self.counter_text: str | None = None
        self.protection: MemcgProtection | None = None
        self.stats_open = False
        self.has_stats = False
        self.stats_path: str | None = None
        self.has_task_header = False
        self.constraint: ConstraintLine | None = None
        self.constraint_text: str | None = None
        self.fragment: str | None = None
        self.selected: Selected | None = None
        self.kills: list[Killed] = []
        self.kill_message: Message | None = None
        self.kill_text: str | None = None
        self.sharing: list[SharingMm] = []
        self.group: GroupKill | None = None
        self.spared: NotKilled | None = None
        self.no_killable = False
        self.panic: PanicLine | None = None
        self.lmk: LmkKilled | None = None
        self.lmk_details: list[LmkDetail] = []
        self.reaped: dict[int, Reaped] = {}
        self.body: dict[Section, list[str]] = {}
        """The texts of each section but the verdict."""
        self.texts: list[str] = []
        self.unknown: list[tuple[str, int | None]] = []
        self.foreign_run: list[tuple[str, int | None]] = []
        self.printed_by: set[PrintedBy] = set()
        self._formats: set[str] = set()
        """The kernels that print each of the lines."""
        self.issues: list[Issue] = []
        self._noted: set[Issue] = set()
        self.size = 0
        """Characters of the lines that are kept."""
        self.extended = 0
        """Characters that were appended to the last task row."""
        self.next_victims = 0
        """So many victims make a live event worth writing again."""
        self.victim_pids: set[int] = set()
        self._killed: set[tuple[int | None, str | None]] = set()
        self._evidence_pids: set[int] = set()
        self._looked_at = 0
        """Rows whose pids are known."""
        self.interleaved = False
        self.ambiguous: set[Section | type[TypedLine]] = set()
        """Sections of which a line could as well have been another report's; of the first lines, their kinds."""
        self.closed = False
        self.dropped = False
        self.revision = 0
        self.settled = False

    @property
    def has_verdict(self) -> bool:
        """Whether the report has said how it ends."""
        return bool(
            self.kills or self.spared or self.no_killable or self.panic or self.lmk or (self.reaped and not self.header)
        )

    @property
    def is_event(self) -> bool:
        """Whether the lines are an OOM report's, rather than any stack trace's or Mem-Info's."""
        return bool(
            self.header
            or self.has_verdict
            or self.constraint
            or self.selected
            or self.sharing
            or self.group
            or self.task_in
            or self.limit_text
            or self.counters
            or self.has_stats
            or self.has_task_header
        )

    def doubts(self, what: Section | type[TypedLine]) -> bool:
        """Whether such lines may be those of a report that was printed at the same time."""
        return self.interleaved and self.caller is None and what in self.ambiguous

    def expired(self, message: Message, *, foreign: bool) -> bool:
        """Whether ``message`` was printed too long after (or before) the report's last line to belong to it.

        A ``foreign`` line of an earlier date ends nothing: a program may have sent it late, or have another clock.
        """
        last = self.last
        if message.monotonic_us is not None and last.monotonic_us is not None:
            gap = message.monotonic_us - last.monotonic_us
            return gap > MAX_GAP_US or gap < -MAX_STEP_BACK_US
        if message.wall is not None and last.wall is not None:
            seconds = (message.wall - last.wall).total_seconds() * 1_000_000
            return seconds > MAX_GAP_US or (seconds < -MAX_GAP_US and not foreign)
        return False

    def same_caller(self, message: Message) -> bool:
        """Whether the caller ids, where both are known, are the same."""
        return message.caller is None or self.caller is None or message.caller == self.caller

    def takes(self, section: Section, line: TypedLine) -> bool:
        """Whether the report has not yet passed, or already got, such a line."""
        if section is Section.VERDICT:
            return self._takes_verdict(line)
        if self.has_verdict:
            return False
        if section in READ_LATER:
            return RANK[section] >= self.rank
        if isinstance(line, CpuLine) and self.cpu is None and self.rank <= RANK[Section.STACK]:
            return self._may_be_invoker(line.comm)  # a foreign "Code:" line may stand before it
        if RANK[section] < self.rank or isinstance(line, CpuLine):
            return False
        if isinstance(line, CpusetLine):
            return self.cpuset is None and self._may_be_invoker(line.comm)
        if isinstance(line, TaskInMemcg):
            known = self.task_in
            return known is None or (line.task_memcg is None and known.oom_memcg is None)
        if isinstance(line, MemcgCounter):
            return line.kind not in self.counters
        return not (isinstance(line, TaskHeader) and self.has_task_header)

    def _may_be_invoker(self, comm: str) -> bool:
        """A thread's comm is that of the header; a header that is cut or glued proves nothing."""
        header = self.header
        if header is None or header.comm is None or header.damaged or len(header.comm) > 15:
            return True
        return comm[:15] == header.comm or header.comm.endswith(comm) or comm.endswith(header.comm)

    def _takes_verdict(self, line: TypedLine) -> bool:
        if self.lmk is not None:
            return isinstance(line, LmkDetail) and len(self.lmk_details) < MAX_LMK_DETAILS
        if isinstance(line, ConstraintLine):
            return self.constraint is None and self.selected is None and not self.has_verdict
        if isinstance(line, Selected):
            return self.selected is None and not self.has_verdict
        if isinstance(line, Killed):
            return self._takes_kill(line)
        if isinstance(line, NotKilled):
            return self.group is not None or not self.has_verdict
        if isinstance(line, GroupKill):
            return bool(self.kills or self.spared) and (self.group is None or self.group.path == line.path)
        if isinstance(line, SharingMm):
            return bool(self.kills or self.selected)
        if isinstance(line, NoKillable):
            return not self.has_verdict
        if isinstance(line, PanicLine):
            return self.no_killable or not self.has_verdict
        return not isinstance(line, LmkKilled)

    def _takes_kill(self, line: Killed) -> bool:
        if line.new_words and (self.header is None or self.has_verdict):
            return False
        if self.group is not None:
            return True
        if self.kills:
            # 2.6.18 prints one line for every thread group that shares the victim's memory.
            last = self.kills[-1]
            old = last.total_vm_kb is None and line.total_vm_kb is None and last.message == line.message
            return old and last.comm == line.comm and (self.header is not None or self.selected is not None)
        if self.no_killable or self.panic or self.spared or (self.reaped and not self.header):
            return False
        said = self.selected.message if self.selected is not None else None
        if line.message is not None and said not in (None, SAID_BEFORE_2_6_20, line.message):
            return False
        return not (
            self.constraint is not None
            and self.selected is None  # "Kill process … or sacrifice child": 5.0 may kill another
            and self.constraint.pid not in (None, line.pid)
            and line.pid is not None
            and self.constraint.comm not in (None, line.comm)
        )

    def add(
        self, message: Message, text: str, section: Section, line: TypedLine, line_format: LineFormat | None
    ) -> None:
        """Take a line that `takes` allows."""
        if self.foreign_run:
            self._keep_foreign(message)
        self.last = message
        self.extended = 0
        if self.section is not section:
            self.rank = max(self.rank, RANK[section])
            self.section = section
        exact = line_format is not None and not line_format.tolerant
        if line_format is not None and exact:
            self._date(line_format)
        if section is Section.MEMCG or (section is Section.MEMINFO and exact):
            self.printed_by.update(line.kernels())
        if line.damaged or not (exact or line_format is None or line.unknown):
            self.note(IssueCode.DAMAGED_LINE, text, message)
        for key in line.unknown:
            self.note(IssueCode.UNKNOWN_FIELD, key, message)
        if len(self.texts) >= MAX_REPORT_LINES:
            self.note(IssueCode.LIMIT_REACHED, f"MAX_REPORT_LINES ({MAX_REPORT_LINES})", None)
        elif self.size >= MAX_REPORT_CHARACTERS:
            self.note(IssueCode.LIMIT_REACHED, f"MAX_REPORT_CHARACTERS ({MAX_REPORT_CHARACTERS})", None)
        else:
            self.size += len(text)
            self.texts.append(text)
            if section not in (Section.VERDICT, Section.REAPER):
                self.body.setdefault(section, []).append(text)
        if section not in READ_LATER:
            self._keep(message, text, line)
        whole = exact and not line.damaged and not (section is Section.MEMINFO and line.in_parts)
        self.fragment = None if whole or not may_be_continued(text) else text

    def _date(self, line_format: LineFormat) -> None:
        """Note which kernels print lines of a format."""
        if line_format.name not in self._formats:
            self._formats.add(line_format.name)
            self.printed_by.add(
                PrintedBy(line_format.since, line_format.until, line_format.distros, line_format.mainline)
            )

    def _keep_foreign(self, message: Message) -> None:
        """Count the foreign lines as unknown ones: the report goes on behind them."""
        self.unknown += self.foreign_run
        self.foreign_run = []
        if len(self.unknown) > MAX_UNKNOWN_LINES:
            del self.unknown[MAX_UNKNOWN_LINES:]
            self.note(IssueCode.LIMIT_REACHED, f"MAX_UNKNOWN_LINES ({MAX_UNKNOWN_LINES})", message)

    def add_later(self, section: Section, texts: Sequence[str], lines: Sequence[Parsed], message: Message) -> bool:
        """Take lines of one section that is read later, all exact and without unknown keys; False without room."""
        if self.foreign_run or not self._take(section, texts, message):
            return False
        for line_format, _ in lines:
            self._date(line_format)
        dated: tuple[PrintedBy, ...] = ()
        for _, line in lines if section is Section.MEMINFO else ():
            if (kernels := line.kernels()) is not dated:
                self.printed_by.update(kernels)
                dated = kernels  # of the next zone as well
        line = lines[-1].line
        self.fragment = texts[-1] if line.in_parts and may_be_continued(texts[-1]) else None
        return True

    def add_run(self, section: Section, texts: Sequence[str], message: Message) -> bool:
        """Take further lines of the section that it has begun, none of them damaged; False where there is no room.

        They are rows of the task dump, or lines of memory.stat.
        """
        if not self._take(section, texts, message):
            return False
        if section is Section.MEMCG:
            self.printed_by.add(STATS_PRINTED_BY)
        return True

    def _take(self, section: Section, texts: Sequence[str], message: Message) -> bool:
        size = sum(map(len, texts))
        if len(self.texts) + len(texts) > MAX_REPORT_LINES or self.size + size > MAX_REPORT_CHARACTERS:
            return False
        self.last = message
        self.extended = 0
        self.section, self.rank = section, max(self.rank, RANK[section])
        self.size += size
        self.texts += texts
        self.body.setdefault(section, []).extend(texts)
        return True

    def _keep(self, message: Message, text: str, line: TypedLine) -> None:
        match line:
            case Header():
                self.header, self.header_message = line, self.header_message or message
            case CpusetLine():
                self.cpuset = line
            case CpuLine():
                self.cpu = line
            case HardwareLine():
                self.hardware = line.hardware
            case WorkqueueLine():
                self.workqueue = line.workqueue
            case TaskInMemcg():
                self._keep_task_in(line, text)
            case LimitReached():
                self.task_in, self.limit_text = TaskInMemcg(oom_memcg=line.oom_memcg), text
            case MemcgCounter():
                self.counters[line.kind] = line
                self.counter_text = self.counter_text or text
            case MemcgStats():
                self.has_stats = True
                self.stats_open = True
                self.stats_path = self.stats_path or line.path
            case MemcgProtection():
                self.protection = line
            case TaskHeader():
                self.has_task_header = True
            case _:
                self._keep_verdict(message, text, line)

    def _keep_task_in(self, line: TaskInMemcg, text: str) -> None:
        if self.task_in is None:
            self.task_in = line
        else:
            self.task_in = TaskInMemcg(
                task_memcg=self.task_in.task_memcg or line.task_memcg,
                oom_memcg=self.task_in.oom_memcg or line.oom_memcg,
            )
        self.limit_text = text if self.limit_text is None else f"{self.limit_text}{text}"

    @property
    def evidence_pids(self) -> set[int]:
        """The pids of the task dump; asked for where reports are told apart."""
        rows = self.body.get(Section.TASKS, [])
        for text in islice(rows, self._looked_at, None):
            pid = text[text.find("[") + 1 : text.find("]")].strip()
            if pid.isdecimal() and len(pid) < MAX_PID_DIGITS:
                self._evidence_pids.add(int(pid))
        self._looked_at = len(rows)
        return self._evidence_pids

    def _keep_verdict(  # noqa: C901, PLR0912 - one case a line
        self, message: Message, text: str, line: TypedLine
    ) -> None:
        match line:
            case ConstraintLine():
                self.constraint, self.constraint_text = line, text
            case Selected():
                self.selected = line
                if self.kill_text is None:
                    self.kill_text = text
                self.kill_message = self.kill_message or message
            case Killed():
                self._keep_kill(message, text, line)
            case SharingMm():
                if len(self.sharing) < MAX_VICTIMS:
                    self.sharing.append(line)
                    self.victim_pids.add(line.pid)
            case NotKilled():
                if not self.kills:
                    self.spared = line
                    self.kill_text = self.kill_text or text
                    self.kill_message = self.kill_message or message
            case GroupKill():
                self.group = line
            case NoKillable():
                self.no_killable = True
            case PanicLine():
                self.panic = line
            case LmkKilled():
                self.lmk = line
                self.kill_message = message
            case LmkDetail():
                self.lmk_details.append(line)
            case Reaped():
                self.reaped[line.pid] = line
            case _:
                pass

    def _keep_kill(self, message: Message, text: str, line: Killed) -> None:
        if (line.pid, line.comm) in self._killed:
            return  # memory.oom.group names its first victim twice
        if len(self.kills) >= MAX_VICTIMS:
            self.note(IssueCode.LIMIT_REACHED, f"MAX_VICTIMS ({MAX_VICTIMS})", None)
            return
        self._killed.add((line.pid, line.comm))
        if line.pid is not None:
            self.victim_pids.add(line.pid)
        if not self.kills:
            if self.kill_text is None or line.message is not None:
                self.kill_text = text
            self.kill_message = message
        self.kills.append(line)

    def extend_row(self, text: str) -> None:
        """Append a line to the last task row: its name holds a newline."""
        self.extended += len(text) + 1
        rows = self.body[Section.TASKS]
        rows[-1] = f"{rows[-1]}\n{text}"
        self.texts[-1] = f"{self.texts[-1]}\n{text}"

    def stat_texts(self) -> list[str]:
        """Return the lines of memory.stat that have come so far; more than one record's are not looked at."""
        texts: list[str] = []
        length = 0
        for text in reversed(self.body.get(Section.MEMCG, [])):
            if stat_line(text) is None or length > max(CUT_RECORD_BYTES):
                break
            length += len(text)
            texts.append(text)
        return texts[::-1]

    def forget_fragment(self) -> None:
        """Take back what the first parts of a line said of it: more of the line is known now."""
        if self.texts and self.texts[-1] == self.fragment:
            del self.texts[-1]
        last = None if self.section is None else self.body.get(self.section)
        if last and last[-1] == self.fragment:
            del last[-1]
        if self.limit_text == self.fragment:
            self.task_in = self.limit_text = None
        self.issues = [issue for issue in self.issues if issue.detail != self.fragment]
        self._noted = set(self.issues)
        self.unknown = [row for row in self.unknown if row[0] != self.fragment]
        self.foreign_run = [row for row in self.foreign_run if row[0] != self.fragment]
        if self.constraint is not None and self.constraint_text == self.fragment:
            self.constraint = self.constraint_text = None
        self.fragment = None

    def add_foreign(self, text: str, lineno: int | None) -> None:
        """Remember a line that no format takes; it counts as unknown once the report goes on after it."""
        self.size += min(len(text), MAX_UNKNOWN_CHARACTERS)
        self.foreign_run.append((text[:MAX_UNKNOWN_CHARACTERS], lineno))

    def note(self, code: IssueCode, detail: str | None, message: Message | None) -> None:
        """Add an issue, once; one without a message is of the report as a whole."""
        issue = Issue(code=code, detail=detail, line=None if message is None else message.line_start)
        if issue in self._noted or len(self.issues) > MAX_ISSUES:
            return
        if len(self.issues) == MAX_ISSUES:
            issue = Issue(code=IssueCode.LIMIT_REACHED, detail=f"MAX_ISSUES ({MAX_ISSUES})")
        self.size += len(detail or "")
        self._noted.add(issue)
        self.issues.append(issue)
