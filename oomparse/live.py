"""Logs that are still being written: events as they happen, and a place to go on from after a restart.

Composes the following sources, the transports and a live `Assembler`.  A kill is delivered with its line; what comes
later (the reaper, further victims) is delivered as the next revision of the same event.

Progress is saved as the last place at which nothing was pending, together with what has been delivered since: after a
crash the lines from there are read again, and what was delivered is not delivered again.
"""

import asyncio
import os
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, NamedTuple

from oomparse.errors import Issue, IssueCode, SourceError
from oomparse.message import Line, Message
from oomparse.model import OomEvent
from oomparse.options import Options
from oomparse.sources.cursor import CursorStore
from oomparse.sources.files import File, open_file
from oomparse.transports import DecodeContext, decoder

UPDATES_SECONDS = 30.0
"""So long after its kill an event may get a reaper's result; until then a restart reads it again."""
SAVE_SECONDS = 1.0
"""How often progress without events is saved."""
MAX_DELIVERED = 10_000
"""Events that are remembered as delivered at once."""
QUEUE_EVENTS = 64
"""Events that wait for a slow reader of `afollow`."""
BEFORE_ALL = -1
"""The sequence number before the first record of a boot."""
POLL_SECONDS = 0.2
"""How soon its threads notice that nobody reads any more."""


class _Delivered(NamedTuple):
    """An event that may still change, and where its first line stands."""

    mark: Any
    until: float


class LiveReading:
    """Lines in, events out, and the mark up to which everything is dealt with.

    A mark is whatever the source counts in (a line's index, a cursor, a sequence number); ``start`` is that of the
    beginning, from which on what has been ``delivered`` before a restart is read again.
    """

    def __init__(
        self,
        options: Options,
        *,
        path: str | None = None,
        start: Any = None,
        delivered: Mapping[str, int] | None = None,
    ) -> None:
        self._decoder = decoder(options.transport, DecodeContext(times=options.times(time.time()), path=path))
        self._assembler = replace(options, live=True).assembler()
        self._done: OrderedDict[str, int] = OrderedDict(delivered or {})
        self._awaited = set(self._done)
        """What was delivered before a restart and has not come again yet."""
        self._started = _Delivered(start, time.monotonic() + UPDATES_SECONDS)
        self._changing: deque[_Delivered] = deque()
        self._quiet: Any = start
        self._lost: list[Issue] = []
        self.boot_id: str | None = None

    def line(self, line: Line, mark: Any) -> Iterator[OomEvent]:
        """Read a line; ``mark`` is the place in front of it."""
        messages = self._decoder.feed(line)
        yield from self.messages(messages)
        if messages:
            self.settle(mark)  # the decoder holds nothing older than this line

    def messages(self, messages: Iterable[Message]) -> Iterator[OomEvent]:
        """Read messages that are already decoded."""
        for message in messages:
            whole = message if self.boot_id is None else replace(message, boot_id=self.boot_id)
            yield from self._new(self._assembler.feed(whole))

    def idle(self, mark: Any) -> Iterator[OomEvent]:
        """Let go what waits for a continuation; ``mark`` is the place behind the last line."""
        yield from self.messages(self._decoder.flush())
        yield from self._new(self._assembler.idle())
        self.settle(mark)

    def settle(self, mark: Any) -> None:
        """Hear that everything in front of ``mark`` has been read."""
        if self._assembler.settled:
            self._quiet = mark

    def lose(self, issues: Iterable[Issue]) -> None:
        """Hear that something before the next line is missing; the next event says so."""
        self._lost += issues

    def close(self) -> Iterator[OomEvent]:
        """End the log."""
        yield from self.messages(self._decoder.flush())
        yield from self._new(self._assembler.close())

    def _new(self, events: Iterable[OomEvent]) -> Iterator[OomEvent]:
        for event in events:
            self._awaited.discard(event.event_id)
            if len(self._changing) < MAX_DELIVERED:
                self._changing.append(_Delivered(self._quiet, time.monotonic() + UPDATES_SECONDS))
            if event.revision > self._done.get(event.event_id, 0):
                self._done[event.event_id] = event.revision
                self._done.move_to_end(event.event_id)
                while len(self._done) > MAX_DELIVERED:
                    self._done.popitem(last=False)
                lost, self._lost = tuple(self._lost), []
                yield replace(event, issues=(*event.issues, *lost)) if lost else event

    def mark(self) -> Any:
        """Return the place to go on from after a restart."""
        now = time.monotonic()
        if self._awaited and now < self._started.until:
            return self._started.mark
        while self._changing and self._changing[0].until < now:
            self._changing.popleft()
        if not self._changing and self._assembler.settled:
            self._done.clear()
        return self._changing[0].mark if self._changing else self._quiet

    def delivered(self) -> dict[str, int]:
        """Return what has been delivered since `mark`."""
        return dict(self._done)


class Progress:
    """Saves where to go on from; does nothing without a file to save it in."""

    def __init__(self, cursor: str | os.PathLike[str] | None, kind: str) -> None:
        self._store = CursorStore(cursor) if cursor is not None else None
        self._kind = kind
        self._saved: dict[str, object] | None = None
        self._next = 0.0
        self.state: dict[str, Any] = {}
        if self._store is not None:
            state = self._store.load() or {}
            if state and state.get("kind") != kind:
                raise SourceError(
                    f"this cursor is of another kind of log ({state.get('kind')}): name another file", path=str(cursor)
                )
            self.state = state
        delivered = self.state.get("delivered", {})
        if not isinstance(delivered, dict) or not all(type(revision) is int for revision in delivered.values()):
            raise SourceError("this is no cursor of oomparse: remove it to begin anew", path=str(cursor))
        self.delivered: dict[str, int] = delivered
        """What was delivered before the restart and is read again."""

    def save(self, place: Callable[[], Mapping[str, object]], reading: LiveReading, *, now: bool) -> None:
        """Save the place, if anything has changed: ``now``, else at most every `SAVE_SECONDS`."""
        if self._store is None or (not now and time.monotonic() < self._next):
            return
        state = {"kind": self._kind, **place(), "delivered": reading.delivered()}
        self._next = time.monotonic() + SAVE_SECONDS
        if {**state, "time": None} != self._saved:
            self._store.save(state)
            self._saved = {**state, "time": None}


def follow(
    path: str | os.PathLike[str],
    *,
    cursor: str | os.PathLike[str] | None = None,
    from_start: bool = False,
    stop: Event | None = None,
    year: int | None = None,
    tz: str | None = None,
    transport: str | None = None,
    include_user: bool = False,
) -> Iterator[OomEvent]:
    """Yield the events of a log file as they are written to it, across its rotations; ``-`` is standard input.

    Begins at the end of the file (``from_start``: at its beginning), or where ``cursor``, a file that keeps the
    progress, says.  An event is done with when the next one is asked for: a reader that dies before gets it again.
    Ends when ``stop`` is set (standard input also at its end).  Raises `SourceError` where the log cannot be read.
    """
    options = Options(year=year, tz=tz, transport=transport, include_user=include_user)
    stop = stop or Event()
    if os.fspath(path) == "-":
        yield from _follow_stream(options, stop)
        return
    from oomparse.sources.follow import FileFollower
    from oomparse.sources.places import Position

    progress = Progress(cursor, "file")
    saved = progress.state.get("position")
    position = Position.from_dict(saved) if saved else None
    reading = LiveReading(options, path=os.fspath(path), start=0, delivered=progress.delivered)
    with FileFollower(path, position=position, from_start=from_start) as follower:

        def place() -> Mapping[str, object]:
            return {"position": follower.position(reading.mark()).to_dict()}

        index = 0
        for batch in follower.batches(stop):
            if batch is None:
                for event in reading.idle(index):
                    yield event
                    progress.save(place, reading, now=True)
                progress.save(place, reading, now=False)
                continue
            reading.lose(batch.issues)
            for index, line in enumerate(batch.lines, batch.first):
                for event in reading.line(line, index):
                    yield event
                    progress.save(place, reading, now=True)
            index = batch.first + len(batch.lines)
        for event in reading.idle(index):
            yield event
        progress.save(place, reading, now=True)


def _follow_stream(options: Options, stop: Event) -> Iterator[OomEvent]:
    from oomparse.sources.follow import follow_stream

    reading = LiveReading(options, path="-")
    for batch in follow_stream(0, stop):
        if batch is None:
            yield from reading.idle(0)
        else:
            for line in batch.lines:
                yield from reading.line(line, 0)
    yield from reading.close()


def read_kmsg(
    device: str | int = "/dev/kmsg",
    *,
    follow: bool = False,
    cursor: str | os.PathLike[str] | None = None,
    from_start: bool = True,
    stop: Event | None = None,
    include_user: bool = False,
) -> Iterator[OomEvent]:
    """Yield the events in the kernel's log device; ``follow`` waits for more, and then updates events.

    Begins with the oldest record that the kernel still has (``from_start=False``: with what comes from now on), or
    behind what ``cursor`` says was dealt with in this boot.
    """
    from oomparse.sources.kmsg import Kmsg, boot_id

    options = Options(transport="kmsg", include_user=include_user)
    progress = Progress(cursor, "kmsg")
    boot = boot_id()
    if not follow:
        yield from _batch_kmsg(device, options, boot)
        return
    same_boot = progress.state.get("boot_id") == boot
    last = _as_number(progress.state.get("sequence")) if same_boot else BEFORE_ALL
    # Of another boot than the cursor's nothing has been seen.
    from_end = not from_start and not progress.state
    with Kmsg(device, from_end=from_end and cursor is None, after=last) as kmsg:
        if from_end and cursor is not None:
            for record in kmsg.records():  # The place to go on from, should nothing come before a restart
                last = _sequence(record[0], last)
        reading = LiveReading(options, start=last, delivered=progress.delivered if same_boot else None)
        reading.boot_id = boot

        def place() -> Mapping[str, object]:
            return {"boot_id": boot, "sequence": reading.mark()}

        for line in kmsg.follow(stop or Event()):
            if line is None:
                events = reading.idle(last)
            else:
                before, last = last, _sequence(line, last)
                events = reading.line(line, before)
            for event in events:
                yield event
                progress.save(place, reading, now=True)
            if line is None:
                progress.save(place, reading, now=False)
        yield from reading.close()


def _batch_kmsg(device: str | int, options: Options, boot: str | None) -> Iterator[OomEvent]:
    from oomparse.sources.kmsg import Kmsg

    decode = decoder("kmsg", DecodeContext(path=str(device)))
    assembler = options.assembler()
    with Kmsg(device) as kmsg:
        for line in kmsg.lines():
            for message in decode.feed(line):
                yield from assembler.feed(replace(message, boot_id=boot))
    for message in decode.flush():
        yield from assembler.feed(replace(message, boot_id=boot))
    yield from assembler.close()


def _as_number(value: object) -> int:
    return value if type(value) is int else BEFORE_ALL


def _sequence(line: Line, last: int) -> int:
    """Return the record's number; the lines of its dictionary have none."""
    fields = line.data.split(b",", 2)
    return int(fields[1]) if len(fields) > 2 and fields[1].isdigit() and len(fields[1]) < 20 else last


def read_journal(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    *,
    follow: bool = False,
    cursor: str | os.PathLike[str] | None = None,
    from_start: bool | None = None,
    stop: Event | None = None,
    include_user: bool = False,
) -> Iterator[OomEvent]:
    """Yield the events of a systemd journal: this machine's, a folder's, or that of one or several files.

    ``follow`` waits for more (of this machine's journal, or of a folder that is being written to), begins at its end
    unless ``from_start``, and updates events.  ``include_user`` also reads what user processes wrote.  Takes
    systemd-python (extra ``journal``); raises `SourceError` where it is missing or the journal cannot be read.
    """
    options = Options(include_user=include_user)
    if follow:
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise SourceError("only the journal of this machine or of one folder can be followed")
        yield from _follow_journal(path, options, cursor, stop or Event(), from_start=bool(from_start))
        return
    if path is None:
        from oomparse.sources.journal import Journal

        with Journal.live(kernel_only=not include_user) as journal:
            yield from _events(journal, options)
    elif isinstance(path, (str, os.PathLike)) and os.path.isdir(path):  # noqa: PTH112 - A path as it was given
        from oomparse.sources.archives import Kind
        from oomparse.sources.files import expand

        files = [file for series in expand((path,)) if series.kind is Kind.JOURNAL for file in series.files]
        if not files:
            raise SourceError("there are no journal files in this folder", path=os.fspath(path))
        yield from journal_events(files, options)
    else:
        paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
        yield from journal_events([_journal_file(os.fspath(name)) for name in paths], options)


def _journal_file(path: str) -> File:
    return File(path=path, opener=lambda: open_file(path))


def journal_events(
    files: Iterable[File],
    options: Options,
    *,
    on_error: Callable[[SourceError], object] | None = None,
    on_message: Callable[[Message], object] | None = None,
) -> Iterator[OomEvent]:
    """Yield the events of journal files, read as one journal; ``on_message`` is told every entry."""
    from oomparse.sources.journal import Journal

    kernel_only = not options.include_user and on_message is None
    with Journal.of_files(files, kernel_only=kernel_only, on_error=on_error) as journal:
        yield from _events(journal, options, on_error, on_message)


def _events(
    journal: Any,
    options: Options,
    on_error: Callable[[SourceError], object] | None = None,
    on_message: Callable[[Message], object] | None = None,
) -> Iterator[OomEvent]:
    """Yield the events of a journal; the last one says what is missing from it, or an error where there is none."""
    last: OomEvent | None = None
    for event in _entries(journal, options, on_message):
        if last is not None:
            yield last
        last = event
    if last is not None:
        yield replace(last, issues=(*last.issues, *journal.issues)) if journal.issues else last
    elif journal.issues:
        problem = SourceError("; ".join(issue.detail or issue.code for issue in journal.issues))
        if on_error is None:
            raise problem
        on_error(problem)


def _entries(
    journal: Any, options: Options, on_message: Callable[[Message], object] | None = None
) -> Iterator[OomEvent]:
    from oomparse.transports.journal_entry import entry_message

    context = DecodeContext(path=journal.name)
    assembler = options.assembler()
    for entry in journal.entries():
        message = entry_message(entry, context)
        if message is not None:
            if on_message is not None:
                on_message(message)
                if not message.from_kernel and not options.include_user:
                    continue
            yield from assembler.feed(message)
    yield from assembler.close()


def _follow_journal(
    folder: str | os.PathLike[str] | None,
    options: Options,
    cursor: str | os.PathLike[str] | None,
    stop: Event,
    *,
    from_start: bool,
) -> Iterator[OomEvent]:
    from oomparse.sources.journal import Journal
    from oomparse.transports.journal_entry import entry_message

    progress = Progress(cursor, "journal")
    saved = str(progress.state.get("cursor", ""))
    with Journal.live(folder, kernel_only=not options.include_user) as journal:
        last, lost = saved, False
        if saved:
            lost = not journal.seek_cursor(saved)
        elif not progress.state and not from_start:
            last = journal.seek_end() or ""  # nothing stands for the beginning
        reading = LiveReading(options, start=last, delivered=progress.delivered)
        if lost:
            gone = "the journal no longer has the entry at which reading ended"
            reading.lose([Issue(code=IssueCode.MESSAGES_LOST, detail=gone)])
        context = DecodeContext(path=journal.name)

        def place() -> Mapping[str, object]:
            return {"cursor": reading.mark()}

        for entry in journal.follow(stop):
            if entry is None:
                events = reading.idle(last)
            else:
                message = entry_message(entry, context)
                last = str(entry["__CURSOR"])
                events = reading.messages(() if message is None else (message,))
            for event in events:
                yield event
                progress.save(place, reading, now=True)
            if entry is None:
                progress.save(place, reading, now=False)
            else:
                reading.settle(last)


async def afollow(path: str | os.PathLike[str], **options: Any) -> AsyncIterator[OomEvent]:
    """Follow a log without blocking, in an asynchronous service.

    ``async for event in oomparse.afollow("/var/log/kern.log"): …``.  The arguments are those of `follow`.  Reading goes
    on in a thread; it ends when the iteration is left.
    """
    stop: Event = options.pop("stop", None) or Event()
    queue: Queue[OomEvent | BaseException | None] = Queue(QUEUE_EVENTS)

    def put(item: OomEvent | BaseException | None) -> None:
        while not stop.is_set():
            with suppress(Full):
                queue.put(item, timeout=POLL_SECONDS)
                return

    def read() -> None:
        try:
            for event in follow(path, stop=stop, **options):
                put(event)
            put(None)
        except BaseException as error:  # noqa: BLE001 - It is raised where the events are awaited
            put(error)

    def take() -> OomEvent | BaseException | None:
        while not stop.is_set():
            with suppress(Empty):
                return queue.get(timeout=POLL_SECONDS)
        return None

    Thread(target=read, name="oomparse-follow", daemon=True).start()
    try:
        while True:
            item = await asyncio.to_thread(take)
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
