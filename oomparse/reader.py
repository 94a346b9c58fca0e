"""Logs in, events out: the reading functions of the public face.

Composes `oomparse.sources` (where bytes are), `oomparse.transports` (what a record looks like) and the `Assembler`.
Bad text never raises here, except in strict mode; a source that cannot be read raises `SourceError`.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from oomparse.errors import Issue, SourceError
from oomparse.message import Line, Message
from oomparse.model import OomEvent
from oomparse.options import Options
from oomparse.outline import Outline
from oomparse.plain import PlainReport
from oomparse.skim import Skimmer
from oomparse.sources.ahead import read_ahead
from oomparse.sources.archives import Content, Kind, contents
from oomparse.sources.files import OnError, Series, expand
from oomparse.telling import telling
from oomparse.transports import DecodeContext, Decoder, decoder

if TYPE_CHECKING:
    from oomparse.batch import Pack
    from oomparse.userspace import UserspaceKill

AHEAD_FROM_BYTES = 8 << 20
"""A log of so many bytes, as stored, is read ahead."""

Text: TypeAlias = str | bytes | BinaryIO | Iterable[str | bytes]
"""A whole log, its lines, or a file opened in binary mode."""


class Reading:
    """One log on its way through a decoder and an assembler."""

    def __init__(self, options: Options, *, path: str | None = None, anchor: float | None = None) -> None:
        self._options = options
        self.times = options.times(anchor)
        self._decoder: Decoder = decoder(options.transport, DecodeContext(times=self.times, path=path))
        self._assembler = options.assembler()
        self._issues: list[Issue] = []
        self.read_anything = False
        self._within = False
        self.first: Message | None = None
        """The first message."""
        self.on_message: Callable[[Message], object] | None = None
        """Told of every message; then every line is read."""

    def lines(self, lines: Iterable[Line]) -> Iterator[OomEvent]:
        """Read lines."""
        decode, assemble = self._decoder.feed, self._assembler.feed
        for line in lines:
            self.read_anything = True
            for message in decode(line):
                if self.on_message is not None:
                    self.on_message(message)
                yield from assemble(message)

    def line(self, line: Line) -> Iterator[OomEvent]:
        """Read one line."""
        self.read_anything = True
        for message in self._decoder.feed(line):
            self.first = self.first or message
            yield from self._assembler.feed(message)

    def begin_within(self) -> None:
        """Hear that the log began elsewhere: what comes first may be the middle of anything."""
        self._within = True
        self._assembler.gap()

    @property
    def at_beginning(self) -> bool:
        """Whether what comes first is the beginning of the log."""
        return not (self._within or self.read_anything)

    def add_issue(self, issue: Issue) -> None:
        """Note what is wrong with the source, for the event that it cut."""
        self._issues.append(issue)

    @property
    def linewise(self) -> bool:
        """Whether the log has a format whose lines can be left out."""
        return self._decoder.linewise

    @property
    def settled(self) -> bool:
        """Whether every report has come to its end."""
        return self._assembler.settled

    @property
    def headless(self) -> Message | None:
        """The first line that may belong to a report before the beginning."""
        return self._assembler.headless

    @property
    def may_skip(self) -> bool:
        """Whether lines without a trigger would change nothing."""
        return self._decoder.linewise and self._assembler.quiet

    @property
    def goes_on(self) -> bool:
        """Whether the last message belongs to a report."""
        return self._assembler.goes_on

    def whole(
        self, found: Outline, data: bytes, number: int, path: str | None, at: int | None
    ) -> tuple[bool, tuple[OomEvent, ...]]:
        """Take a whole report at once; say whether it was taken, or has to be read line by line after all."""
        options, decoder = self._options, self._decoder
        if options.strict or (self.first is not None and not decoder.linewise):
            return False, ()  # not linewise: the line may stand in the midst of a record
        before: tuple[OomEvent, ...] = ()
        start, end, lines, _, _, _, kill, reaped, _ = found
        line = Line(kill, number + lines - (2 if reaped else 1), path)
        message = decoder.alone(line)
        if message is None:
            before = tuple(self.messages(decoder.flush()))
            messages = (*decoder.feed(line), *decoder.flush())
            if len(messages) != 1 or not decoder.linewise:
                return False, before  # a wrapped log: the message does not say how to read the other lines
            message = messages[0]
        told = telling(found, data, message) if message.from_kernel is not False else None
        if told is None:
            return False, before
        again = (found, told, data[start:end], number, message, options.tz, at)
        events = self._assembler.adopt(PlainReport(message, told, again))
        if events is None:
            return False, before
        self.read_anything = True
        return True, (*before, *events) if before else events

    def gap(self) -> Iterator[OomEvent]:
        """Hear that lines are left out here."""
        yield from self.messages(self._decoder.flush())
        yield from self._assembler.gap()

    def glance(self, line: Line) -> bool:
        """Look at a line that is left out, for its stamp; return False where a user process wrote it."""
        message = self._decoder.alone(line)
        messages = (message,) if message is not None else (*self._decoder.feed(line), *self._decoder.flush())
        return self._options.include_user or any(message.from_kernel is not False for message in messages)

    def content(self, content: Content, *, ahead: bool = False) -> Iterator[OomEvent]:
        """Read a file, if so wished ``ahead``; what is wrong with it becomes an issue of the event that it cut."""
        self.times.start_file(content.mtime)
        if self._options.every_line or self.on_message is not None:
            yield from self.lines(content.lines())
        else:
            skimmer = Skimmer(self, path=content.path, at_report=self.at_beginning)
            for block in read_ahead(content.blocks()) if ahead else content.blocks():
                yield from skimmer.feed(block)
            yield from skimmer.close()
        if content.issue is not None:
            self.add_issue(content.issue)

    def messages(self, messages: Iterable[Message]) -> Iterator[OomEvent]:
        """Read messages that are already decoded."""
        for message in messages:
            self.first = self.first or message
            if self.on_message is not None:
                self.on_message(message)
            yield from self._assembler.feed(message)

    def idle(self) -> Iterator[OomEvent]:
        """Let go what waits for a continuation."""
        yield from self.messages(self._decoder.flush())
        yield from self._assembler.idle()

    def close(self) -> Iterator[OomEvent]:
        """End the log."""
        yield from self.messages(self._decoder.flush())
        events = self._assembler.close()
        if events and self._issues:
            last = events[-1]
            events = (*events[:-1], replace(last, issues=(*last.issues, *self._issues)))
            self._issues = []
        yield from events

    @property
    def unsaid(self) -> str:
        """What was wrong with the files, where no event was left to say it; empty where nothing was."""
        return "; ".join(issue.detail or issue.code for issue in self._issues)


def parse(
    source: Text,
    *,
    strict: bool = False,
    year: int | None = None,
    tz: str | None = None,
    transport: str | None = None,
    include_user: bool = False,
) -> Iterator[OomEvent]:
    r"""Yield the events of a log: its text, its lines, or a file opened in binary mode (compressed or not).

    ``year`` and ``tz`` are for stamps that lack them; ``transport`` names the format instead of letting it be detected;
    ``include_user`` also reads lines that a user process wrote; ``strict`` raises `LineSyntaxError` at the first line
    of a report that no format takes.

    >>> log = "Killed process 7 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB"
    >>> [(event.victim.pid, event.victim.comm) for event in parse(log)]
    [(7, 'hog')]
    """
    options = Options(strict=strict, year=year, tz=tz, transport=transport, include_user=include_user)
    reading = Reading(options)
    if isinstance(source, (str, bytes)):
        yield from reading.lines(_split(source))
    elif hasattr(source, "read"):
        name = getattr(source, "name", None)
        for content in contents(cast("BinaryIO", source), path=name if isinstance(name, str) else None):
            yield from reading.content(content)
    else:
        yield from reading.lines(_numbered(source))
    yield from reading.close()


def _split(text: str | bytes) -> Iterator[Line]:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        yield Line(line, number)


def _numbered(lines: Iterable[str | bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, 1):
        data = line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")
        yield Line(data.rstrip(b"\n"), number)


def parse_file(
    path: str | os.PathLike[str],
    *,
    strict: bool = False,
    year: int | None = None,
    tz: str | None = None,
    transport: str | None = None,
    include_user: bool = False,
) -> Iterator[OomEvent]:
    """Yield the events of one file: plain, gz, xz, bz2 or zst, an archive of logs, or a systemd journal.

    The arguments are those of `parse`.  Raises `SourceError` where the file cannot be read.
    """
    options = Options(strict=strict, year=year, tz=tz, transport=transport, include_user=include_user)
    for series in expand((path,)):
        yield from read_series(series, options)


def parse_paths(
    targets: Sequence[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    on_error: OnError | None = None,
    on_read: Callable[[int], object] | None = None,
    on_userspace: Callable[["UserspaceKill"], object] | None = None,
    pack: "Pack | None" = None,
    strict: bool = False,
    year: int | None = None,
    tz: str | None = None,
    transport: str | None = None,
    include_user: bool = False,
) -> Iterator[OomEvent]:
    """Yield the events of many logs: files, folders, globs, URLs, ``-`` for standard input.

    A log and its rotated predecessors are read as one stream, oldest first.  What cannot be read raises `SourceError`,
    unless ``on_error`` takes it; then the rest is read.  ``jobs`` worker processes read so many logs at once; the order
    of the events stays.  ``on_read`` is told the size of every block that is read; ``on_userspace`` of every kill that
    was not the kernel's (systemd-oomd, earlyoom, the kubelet, …), for which every line is read, by one process.
    ``pack`` makes of an event what a worker sends (`oomparse.export.jsonl.pack`, where all will be written as JSON).
    The rest is as in `parse`.
    """
    options = Options(strict=strict, year=year, tz=tz, transport=transport, include_user=include_user)
    named = {os.fspath(target) for target in targets}
    found = expand(targets, on_error=on_error)
    if on_userspace is None and jobs > 1:
        from oomparse.batch import read_in_parallel

        yield from read_in_parallel(
            found, options, jobs=jobs, named=named, on_error=on_error, on_read=on_read, pack=pack
        )
        return
    for series in found:
        try:
            yield from read_series(
                series,
                options,
                explicit=series.name in named,
                on_error=on_error,
                on_read=on_read,
                on_userspace=on_userspace,
            )
        except SourceError as error:
            if on_error is None:
                raise
            on_error(error)


def read_series(
    series: Series,
    options: Options,
    *,
    explicit: bool = False,
    on_error: OnError | None = None,
    on_read: Callable[[int], object] | None = None,
    on_userspace: Callable[["UserspaceKill"], object] | None = None,
) -> Iterator[OomEvent]:
    """Yield the events of one log.  ``explicit``: somebody named this very file, and wants to hear if it is no log."""
    if series.kind is Kind.JOURNAL:
        from oomparse.live import journal_events

        hear = None if on_userspace is None else _userspace_only(on_userspace)
        yield from journal_events(series.files, options, on_error=on_error, on_message=hear)
        return
    reading = Reading(options, path=series.name, anchor=series.mtime)
    if on_userspace is not None:
        reading.on_message = _userspace_only(on_userspace)
    ahead = on_read is None and (series.size or 0) >= AHEAD_FROM_BYTES  # who is told hears it in his own thread
    events = 0
    kinds: set[Kind] = set()
    for content in series.contents(on_error=on_error, on_read=on_read):
        kinds.add(content.kind)
        for event in reading.content(content, ahead=ahead):
            events += 1
            yield event
    for event in reading.close():
        events += 1
        yield event
    if reading.unsaid and on_error is not None:
        on_error(SourceError(reading.unsaid))
    if explicit and not events and on_error is not None:
        problem = nothing_found(series, kinds, read_anything=reading.read_anything)
        if problem is not None:
            on_error(problem)


def nothing_found(series: Series, kinds: Collection[Kind], *, read_anything: bool) -> SourceError | None:
    """Return why a log gave no event, if that is because it is no log."""
    if not read_anything and kinds:
        return SourceError("this file is empty", path=series.name)
    if kinds == {Kind.BINARY}:
        return SourceError("this is binary data, not a log: no kernel text was found in it", path=series.name)
    return None


def _userspace_only(tell: Callable[["UserspaceKill"], object]) -> Callable[[Message], object]:
    from oomparse.userspace import recognise

    def hear(message: Message) -> None:
        kill = recognise(message)
        if kill is not None:
            tell(kill)

    return hear
