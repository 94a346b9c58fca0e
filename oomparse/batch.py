"""One log, or many, read by several processes: by file, and a large plain file by ranges of its bytes.

Turns a series into `Part`s, has each read in a worker as if it stood alone, and puts the events together in the order
of the log.  Parts that may not stand alone (a report lies across their border, a reaper's line may belong to a victim
before it, a year turns between them) are read again as one: the events are those that a single process finds.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import BinaryIO, Self, TypeAlias, cast

from oomparse.errors import SourceError
from oomparse.garbage import collect_seldom
from oomparse.lazy import Packed
from oomparse.message import Message
from oomparse.model import OomEvent
from oomparse.options import Options
from oomparse.parcel import Sent, pack_event, renumbered
from oomparse.prefilter import trigger_lines
from oomparse.reader import Reading, nothing_found, read_series
from oomparse.skim import LINES_BEFORE, Skimmer
from oomparse.sources.archives import Content, Kind, contents
from oomparse.sources.files import File, OnError, Series
from oomparse.sources.lines import BLOCK_BYTES
from oomparse.timestamps import TimeResolver

PART_BYTES = 16 << 20
"""A plain file is cut into ranges of about this size: the events of so much are held until those before are out."""
SMALL_PART_BYTES = 4 << 20
"""Of a file that would give few ranges they are smaller, down to this size, ..."""
PARTS_PER_JOB = 8
"""... so that every worker has so many: where one has a range more than the other, the other waits."""
CALM_BYTES = 1 << 16
"""Around a cut there is no trigger for so long; or it stands right before a report."""
SEARCH_BYTES = 1 << 20
"""A cut is looked for no further behind its place, ..."""
NEAR_BYTES = 1 << 16
"""... and is nearly always found so near."""
APART_SECONDS = 60.0
"""A line so long after the border has nothing to do with what stands before it."""
WAITING_PER_JOB = 2
"""Parts that are read ahead of the one whose events are being yielded."""

Pack: TypeAlias = Callable[[OomEvent], Packed | Sent]
"""Makes of an event what goes to another process."""

_HEADER = b" invoked oom-killer: "
_LAST_LINES = (b"Killed process ", b"oom_reaper: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file, or a range of its bytes.  ``at_report``: the range begins with the first line of a report."""

    file: File
    start: int = 0
    end: int | None = None
    at_report: bool = False
    first_number: int = 1
    """Of its first line in the file."""

    @property
    def size(self) -> int:
        """In bytes, as stored."""
        return (self.end or self.file.size or 0) - self.start


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a part holds, and what its borders look like."""

    events: list[Packed | Sent] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)
    read_anything: bool = False
    errors: list[SourceError] = field(default_factory=list)
    lines: int = 0
    damaged: bool = False
    linewise: bool = False
    settled: bool = False
    quiet: bool = False
    calm_lines: int | None = None
    """Lines before the first trigger; ``None`` where there is no trigger."""
    first: Message | None = None
    headless: Message | None = None
    times: TimeResolver | None = None


def read_in_parallel(
    found: Sequence[Series],
    options: Options,
    *,
    jobs: int,
    named: Iterable[str] = (),
    on_error: OnError | None = None,
    on_read: Callable[[int], object] | None = None,
    pack: Pack | None = None,
) -> Iterator[OomEvent]:
    """Yield the events of several logs, in the order given, as `oomparse.reader.read_series` would.

    ``on_read`` is told the size of each part when it has been read; ``pack`` makes of an event what a worker sends
    (`oomparse.parcel.pack_event`).
    """
    names = set(named)
    plan = [(series, _parts(series, options, jobs=jobs)) for series in found]
    tasks = [(series, part, options, pack or pack_event) for series, parts in plan for part in parts]
    with ProcessPoolExecutor(max_workers=min(jobs, len(tasks)) or 1, initializer=collect_seldom) as pool:
        findings = _in_order(pool, tasks, jobs * WAITING_PER_JOB)
        for series, parts in plan:
            joined = _Joined(series, options, on_error)
            if not parts:
                yield from joined.read_here(explicit=series.name in names, on_read=on_read)
                continue
            for part in parts:
                yield from joined.take(part, next(findings))
                if on_read is not None:
                    on_read(part.size)
            yield from joined.close(explicit=series.name in names)


def _in_order(
    pool: ProcessPoolExecutor, tasks: Iterable[tuple[Series, Part, Options, Pack]], ahead: int
) -> Iterator[Findings]:
    """Have the tasks done, a few of them ahead of the one whose findings are asked for."""
    waiting: deque[Future[Findings]] = deque()
    for task in tasks:
        waiting.append(pool.submit(_read_part, *task))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


# --- cutting a series


def _parts(series: Series, options: Options, *, jobs: int) -> list[Part]:
    """Cut a series; what only this process has open (standard input) cannot be."""
    if any(file.size is None for file in series.files):
        return []
    if _in_one_piece(series, options):
        return [Part(file=series.files[0])]
    parts: list[Part] = []
    for file in series.files:
        begin = Part(file=file)
        for border, at_report in _cuts(file, jobs=jobs):
            parts.append(replace(begin, end=border))
            begin = Part(file=file, start=border, end=file.size, at_report=at_report)
        parts.append(begin)
    return parts


def _in_one_piece(series: Series, options: Options) -> bool:
    return series.kind is Kind.JOURNAL or options.every_line


def _cuts(file: File, *, jobs: int) -> list[tuple[int, bool]]:
    """Return where a large plain file may be cut, and whether a report begins there."""
    if file.size is None or file.size < 2 * SMALL_PART_BYTES:
        return []
    size = min(max(file.size // (jobs * PARTS_PER_JOB) + 1, SMALL_PART_BYTES), PART_BYTES)
    found: list[tuple[int, bool]] = []
    try:
        with file.opener() as stream:
            content = next(contents(stream, path=file.path), None)
            plain = content.file if content is not None and content.kind is Kind.TEXT else None
            if plain is not None:
                places = range(size, file.size - size // 2, size)
                found = [cut for place in places if (cut := _cut(plain, place)) is not None]
    except SourceError:
        return []  # Whoever reads the file says what is wrong with it
    return found


def _cut(stream: BinaryIO, place: int) -> tuple[int, bool] | None:
    """Return where to cut near ``place``: far from every trigger, or right before a report that follows another."""
    for search_bytes in (NEAR_BYTES, SEARCH_BYTES):
        stream.seek(place - CALM_BYTES)
        data = stream.read(CALM_BYTES + search_bytes)
        found = _cut_in(data[: data.rfind(b"\n") + 1])
        if found is not None:
            at, at_report = found
            return place - CALM_BYTES + at, at_report
    return None


def _cut_in(data: bytes) -> tuple[int, bool] | None:
    start = data.find(b"\n") + 1
    calm = data.find(b"\n", CALM_BYTES) + 1
    triggers = [trigger for trigger in trigger_lines(data) if trigger >= start]
    if calm and all(abs(trigger - calm) >= CALM_BYTES for trigger in triggers):
        return calm, False
    for before, trigger in pairwise(triggers):
        if _HEADER in _line(data, trigger) and any(words in _line(data, before) for words in _LAST_LINES):
            return trigger, True
    return None


def _line(data: bytes, at: int) -> bytes:
    return data[at : data.find(b"\n", at)]


# --- reading a part


def _read_part(series: Series, part: Part, options: Options, pack: Pack) -> Findings:
    """Read a part in a worker."""
    found = Findings()
    if _in_one_piece(series, options):
        try:
            found.events = [pack(event) for event in read_series(series, options, on_error=found.errors.append)]
        except SourceError as error:
            found.errors.append(error)
    else:
        found.events = [pack(event) for event in _events(_reading(series, part, options), [part], found)]
    return found


def _reading(series: Series, part: Part, options: Options) -> Reading:
    reading = Reading(options, path=series.name, anchor=series.mtime)
    if part.start or part.file != series.files[0]:
        reading.begin_within()
    return reading


def _events(reading: Reading, parts: Sequence[Part], found: Findings) -> Iterator[OomEvent]:
    """Read adjacent parts with one reading; note what the borders look like."""
    for part in parts:
        try:
            with part.file.opener() as stream:
                for content in contents(stream, path=part.file.path, mtime=part.file.mtime):
                    yield from _content_events(reading, part, content, found)
        except SourceError as error:
            found.errors.append(error)
    yield from reading.idle()
    found.read_anything, found.first, found.times = reading.read_anything, reading.first, reading.times
    found.linewise, found.quiet, found.settled = reading.linewise, reading.may_skip, reading.settled
    found.headless = reading.headless
    yield from reading.close()
    if reading.unsaid:
        found.errors.append(SourceError(reading.unsaid))


def _content_events(reading: Reading, part: Part, content: Content, found: Findings) -> Iterator[OomEvent]:
    found.kinds.add(content.kind)
    reading.times.start_file(content.mtime)
    begin = part.start if content.file is not None else None
    skimmer = Skimmer(
        reading,
        path=content.path,
        first_number=part.first_number,
        begin=begin,
        at_report=part.at_report or (not part.start and reading.at_beginning),
        calm=part.start > 0 and not part.at_report,
    )
    for block in _blocks(part, content):
        yield from skimmer.feed(block)
    yield from skimmer.close()
    if found.calm_lines is None and skimmer.calm_lines is not None:
        found.calm_lines = found.lines + skimmer.calm_lines
    found.lines += skimmer.number - part.first_number
    if content.issue is not None:
        found.damaged = True
        reading.add_issue(content.issue)


def _blocks(part: Part, content: Content) -> Iterator[bytes]:
    stream = content.file
    if part.end is None or stream is None:
        yield from content.blocks()
        return
    stream.seek(part.start)
    left = part.end - part.start
    while left > 0 and (block := stream.read(min(left, BLOCK_BYTES))):
        left -= len(block)
        yield block


# --- putting the parts together


class _Joined:
    """The parts of one series, in order: yields what stands alone, and reads again what does not."""

    def __init__(self, series: Series, options: Options, on_error: OnError | None) -> None:
        self._series = series
        self._options = options
        self._on_error = on_error
        self._run: list[tuple[Part, Findings, int]] = []
        """Parts whose events are not yielded yet, because the next part may belong to them; and the lines before."""
        self._lines = 0
        """Lines of the file so far."""
        self._kinds: set[Kind] = set()
        self._read_anything = False
        self._count = 0

    def take(self, part: Part, found: Findings) -> Iterator[OomEvent]:
        """Take the next part; yield the events that are certain by now."""
        self._kinds |= found.kinds
        self._read_anything = self._read_anything or found.read_anything
        if self._run and _stands_alone(part, found, self._run):
            yield from self._flush()
        lines = self._lines if part.start else 0
        self._run.append((part, found, lines))
        self._lines = lines + found.lines

    def read_here(self, *, explicit: bool, on_read: Callable[[int], object] | None) -> Iterator[OomEvent]:
        """Read the whole series in this process."""
        try:
            yield from read_series(
                self._series, self._options, explicit=explicit, on_error=self._on_error, on_read=on_read
            )
        except SourceError as error:
            if self._on_error is None:
                raise
            self._on_error(error)

    def close(self, *, explicit: bool) -> Iterator[OomEvent]:
        """Yield the rest."""
        yield from self._flush()
        if explicit and self._on_error is not None and not self._count:
            problem = nothing_found(self._series, self._kinds, read_anything=self._read_anything)
            if problem is not None:
                self._on_error(problem)

    def _unpacked(self, part: Part, found: Findings, lines: int) -> Iterator[OomEvent]:
        with _Texts(part.file) as texts:
            for packed in found.events:
                self._count += 1
                if isinstance(packed, Sent):
                    yield packed.unpack(lines, texts.range)
                else:
                    yield cast("OomEvent", renumbered(packed, lines).unpack())

    def _flush(self) -> Iterator[OomEvent]:
        """Yield the events of the parts at hand: as the workers found them, or, where they are several, read anew."""
        run, self._run = self._run, []
        if not run:
            return
        part, found, lines = run[0]
        if len(run) == 1:
            try:
                yield from self._unpacked(part, found, lines)
            except SourceError as problem:
                found.errors.append(problem)
        else:
            found = Findings()
            reading = _reading(self._series, part, self._options)
            for event in _events(reading, _merged(run), found):
                self._count += 1
                yield event
        for error in found.errors:
            if self._on_error is None:
                raise error
            self._on_error(error)


class _Texts:
    """The file of a part, for the texts that its worker has left there."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._open = ExitStack()
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def range(self, at: int, size: int) -> bytes:
        """Return the bytes that stand there."""
        if self._stream is None:
            self._stream = self._open.enter_context(self._file.opener())
        return os.pread(self._stream.fileno(), size, at)


def _merged(run: Sequence[tuple[Part, Findings, int]]) -> list[Part]:
    """Return the parts of a run, ranges of the same file as one."""
    merged: list[Part] = []
    for part, _, lines in run:
        if merged and part.start:
            merged[-1] = replace(merged[-1], end=part.end)
        else:
            merged.append(replace(part, first_number=lines + 1))
    return merged


def _stands_alone(part: Part, found: Findings, run: Sequence[tuple[Part, Findings, int]]) -> bool:
    """Whether the lines before a part change nothing in it, nor its lines anything before."""
    before = run[-1][1]
    if any(each.damaged or each.errors for _, each, _ in run) or found.damaged or found.errors:
        return False
    if not (before.linewise and found.linewise and before.settled and _same_year(before, found, part)):
        return False
    if found.calm_lines is None:
        return True
    if not part.at_report and not (before.quiet and found.calm_lines >= LINES_BEFORE):
        return False
    return not before.events or found.headless is None or _apart(found.first, found.headless)


def _apart(first: Message | None, later: Message) -> bool:
    if first is None:
        return False
    if first.monotonic_us is not None and later.monotonic_us is not None:
        return later.monotonic_us - first.monotonic_us > APART_SECONDS * 1_000_000
    if first.wall is not None and later.wall is not None:
        return (later.wall - first.wall).total_seconds() > APART_SECONDS
    return False


def _same_year(before: Findings, found: Findings, part: Part) -> bool:
    """Whether the first stamp of a part means what it means after the part before it."""
    first = found.first
    if first is None or before.times is None or first.printed is None:
        return True
    if first.wall is None:
        return before.first is None or before.first.wall is None
    times = deepcopy(before.times)
    if not part.start:
        times.start_file(part.file.mtime)
    means = times.resolve(first.printed)
    return means.wall == first.wall and set(means.issues) <= set(first.issues)
