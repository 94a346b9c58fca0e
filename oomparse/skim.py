"""A log without its noise: only the lines that stand near a trigger are read.

Turns blocks of bytes into the events that reading every line would give, at the speed of the search in
`oomparse.prefilter`.  From a few lines before a trigger on, lines are read one by one until no report waits for its
verdict; everything up to the next trigger is skipped, and only counted.  Formats whose records span lines are read in
full.  What reading every line may find and this may not: a broken line whose every part lacks a trigger.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from typing import Protocol

from oomparse.message import Line
from oomparse.model import OomEvent
from oomparse.outline import UNFINISHED, Outline, outline
from oomparse.prefilter import Triggers, count, find_triggers
from oomparse.sources.lines import MAX_LINE_BYTES

LINES_BEFORE = 16
"""Lines before a trigger that may belong to it: the first part of a broken line."""
BYTES_BEFORE = 1 << 14
LINES_AFTER = 2 * LINES_BEFORE
"""Lines at the beginning of a log and after a trigger that are read in any case."""
LINES_IN_CALM = 2
"""So many of them where nothing is near: they tell the format, and the time."""
MAX_WAIT_LINES = 10_000
"""Lines of no report that are read while one waits for its verdict.  A host that died never ends its last."""
MAX_WAIT_BYTES = 1 << 18
"""So much of a report is kept for the block that may hold its end."""


JOINED_BYTES = 1 << 17
"""A block of so few bytes is joined to the line that it goes on with; a larger one is too long to be copied."""
LOOK_BYTES = 1 << 18
"""After so much that is skipped, a line is looked at for its stamp: a year may turn."""


class LineReader(Protocol):
    """What reads the lines: `oomparse.reader.Reading`."""

    @property
    def may_skip(self) -> bool:
        """Whether lines without a trigger would change nothing."""

    @property
    def goes_on(self) -> bool:
        """Whether the last line belongs to a report."""

    def line(self, line: Line) -> Iterator[OomEvent]:
        """Read one line."""

    def whole(
        self, found: Outline, data: bytes, number: int, path: str | None, at: int | None
    ) -> tuple[bool, tuple[OomEvent, ...]]:
        """Take a whole report at once; say whether it was taken, or has to be read line by line."""

    def gap(self) -> Iterator[OomEvent]:
        """Hear that lines are left out here."""

    def glance(self, line: Line) -> bool:
        """Look at a line that is left out, for its stamp; return False where a user process wrote it."""


class Skimmer:
    """Blocks in, events out."""

    def __init__(
        self,
        reader: LineReader,
        *,
        path: str | None = None,
        first_number: int = 1,
        begin: int | None = None,
        at_report: bool = False,
        calm: bool = False,
    ) -> None:
        """Begin to read.

        ``begin`` is where the first block begins in its file, if its bytes stand there as they are.  ``at_report``: it
        does not begin within a record.  ``calm``: it begins in the midst of a log, far from every trigger.
        """
        self._reader = reader
        self._at_report = at_report
        self._begin = begin
        """Where the next block begins."""
        self._base: int | None = None
        """Where those bytes begin that are being read."""
        self._path = path
        self.number = self._first_number = first_number
        """The number of the line that comes next."""
        self.calm_lines: int | None = None
        """Lines before the first trigger; ``None`` while there was none."""
        self._rest = b""
        """The beginning of a line that ends in a later block."""
        self._before = b""
        """The last lines that were skipped."""
        self._unseen_bytes = 0
        """So much was skipped without a glance."""
        self._waiting = False
        self._waits_at = 0
        """Where in the rest a report begins whose end is in a later block."""
        self._closing = False
        self._skipping = False
        self._in_any_case = LINES_IN_CALM if calm else LINES_AFTER
        self._while_waiting = MAX_WAIT_LINES
        """Lines that are still to be read in any case, or while a report waits."""
        self._fraction = -1
        """Where the stamps of the last plain report differed."""

    def feed(self, block: bytes) -> Iterator[OomEvent]:
        """Read a block."""
        begin = self._begin
        if begin is not None:
            self._base, self._begin = begin - len(self._rest), begin + len(block)
        first = block.find(b"\n") + 1
        if not first:
            held = len(self._rest) - (self._rest.rfind(b"\n") + 1)
            self._rest += block[: MAX_LINE_BYTES + 1 - held]  # one more byte shows that it is too long
            if held + len(block) > MAX_LINE_BYTES:
                self._begin = self._base = None  # something was left out
            return
        if self._rest and len(block) > JOINED_BYTES:
            whole, at = yield from self._across(block, first)
            if whole is block:
                self._base = begin
            block = whole
        else:
            block, at = self._rest + block, self._waits_at
        self._waits_at = 0
        end = block.rfind(b"\n") + 1
        stop = yield from self._lines(block, at, end)
        if self._waiting:
            start, _ = _back(block, stop, max(0, stop - BYTES_BEFORE), LINES_BEFORE)
            self._rest, self._waits_at = block[start:], stop - start
        else:
            self._rest = block[end:]

    def _across(self, block: bytes, first: int) -> Generator[OomEvent, None, tuple[bytes, int]]:
        """Read the line, or the report, that began in an earlier block.

        Return the block to go on with, and where; a large one is joined to what came before only where it has to be.
        """
        rest = self._rest
        head = block[: block.rfind(b"\n", 0, JOINED_BYTES) + 1 if self._waiting else first]
        joined = rest + (head or block[:first])
        at = yield from self._lines(joined, self._waits_at, len(joined))
        if at - len(rest) >= (BYTES_BEFORE if self._waiting else 0):
            return block, at - len(rest)
        return rest + block, at

    def close(self) -> Iterator[OomEvent]:
        """Read what is left: a line without end, and what more lines would have made clearer."""
        data, at = self._rest, self._waits_at
        self._base = None if self._begin is None else self._begin - len(data)
        self._rest, self._waits_at, self._closing = b"", 0, True
        if data:
            data += b"" if data.endswith(b"\n") else b"\n"
            yield from self._lines(data, at, len(data))

    def _lines(self, data: bytes, at: int, end: int) -> Generator[OomEvent, None, int]:
        """Read the whole lines in ``data[at:end]``, or skip them; return where more lines are waited for."""
        triggers = find_triggers(data)
        offsets = triggers.offsets
        if self.calm_lines is None and offsets and offsets[-1] >= at:
            first = offsets[bisect_left(offsets, at)]
            self.calm_lines = self.number - self._first_number + count(data, b"\n", at, first)
        self._waiting = False
        while at < end and not self._waiting:
            if self._skipping:
                at = yield from self._skip(data, at, end, offsets)
            else:
                at = yield from self._read(data, at, end, triggers)
        return at

    def _read(self, data: bytes, at: int, end: int, triggers: Triggers) -> Generator[OomEvent, None, int]:
        """Read lines until nothing waits; return where that was."""
        reader, offsets = self._reader, triggers.offsets
        following, last, ended = bisect_left(offsets, at), len(offsets), -1
        while at < end:
            stop = data.find(b"\n", at)
            if following < last and offsets[following] < stop:
                self._in_any_case, self._while_waiting = LINES_AFTER, MAX_WAIT_LINES
                found, events = self._whole(data, at, end, triggers, following, follows=at == ended)
                if events:
                    yield from events
                if found is not None:
                    at = ended = found.end
                    following = found.behind
                    continue
                if self._waiting:
                    break
                following = bisect_left(offsets, stop, following)
            elif self._in_any_case:
                self._in_any_case -= 1
            elif not reader.may_skip and reader.goes_on:
                self._while_waiting = MAX_WAIT_LINES
            elif not reader.may_skip and self._while_waiting:
                self._while_waiting -= 1
            else:
                self._skipping = True
                self._before = b""
                yield from reader.gap()
                break
            yield from reader.line(self._line(data, at, self.number))
            self.number += 1
            at = stop + 1
        return at

    def _whole(
        self, data: bytes, at: int, end: int, triggers: Triggers, which: int, *, follows: bool
    ) -> tuple[Outline | None, tuple[OomEvent, ...]]:
        """Take the report that begins at ``at`` as a whole; None where it is not so plain."""
        if not at and not (self._at_report and self.number == self._first_number):
            return None, ()  # what stands before is not known
        # At the end of the log, nothing goes on with its last line.
        found = outline(data, at, end + 1 if self._closing else end, triggers, which, self._fraction, follows=follows)
        if found is UNFINISHED:
            self._waiting = end - at < MAX_WAIT_BYTES and not self._closing
            return None, ()
        if found is None:
            return None, ()
        place = None if self._base is None else self._base + at
        taken, events = self._reader.whole(found, data, self.number, self._path, place)
        if not taken:
            return None, events
        self.number += found.lines
        self._fraction = found.fraction
        return found, events

    def _skip(self, data: bytes, at: int, end: int, offsets: Sequence[int]) -> Generator[OomEvent, None, int]:
        """Skip lines up to those before the next trigger; return where reading goes on."""
        reader = self._reader
        seen = at
        for offset in offsets[bisect_left(offsets, at) : bisect_left(offsets, end)]:
            if offset < seen:
                continue  # in the line that was looked at
            trigger = max(data.rfind(b"\n", at, offset) + 1, at)
            seen = data.find(b"\n", offset)
            number = self.number + count(data, b"\n", at, trigger)
            if reader.glance(self._line(data, trigger, number)):
                self._skipping = False
                self._in_any_case = LINES_AFTER
                start, lines = _back(data, trigger, at, LINES_BEFORE)
                if start == at:
                    yield from self._read_before(LINES_BEFORE - lines)
                self.number = number - lines
                return start
        self.number += count(data, b"\n", at, end)
        self._unseen_bytes += end - at
        if self._unseen_bytes >= LOOK_BYTES:
            self._unseen_bytes = 0
            reader.glance(self._line(data, _back(data, end, at, 1)[0], self.number - 1))
        start, _ = _back(data, end, max(at, end - BYTES_BEFORE), LINES_BEFORE)
        self._before = (self._before + data[start:end])[-BYTES_BEFORE:]
        return end

    def _read_before(self, wanted: int) -> Iterator[OomEvent]:
        """Read the last lines of what an earlier block had, and was skipped."""
        data = self._before
        start, lines = _back(data, len(data), 0, wanted)
        for number in range(self.number - lines, self.number):
            yield from self._reader.line(self._line(data, start, number))
            start = data.find(b"\n", start) + 1

    def _line(self, data: bytes, at: int, number: int) -> Line:
        end = data.find(b"\n", at)
        cut = end - at > MAX_LINE_BYTES
        return Line(data[at : at + MAX_LINE_BYTES] if cut else data[at:end], number, self._path, cut)


def _back(data: bytes, at: int, least: int, wanted: int) -> tuple[int, int]:
    """Step back from the line at ``at`` by up to ``wanted`` lines, not before ``least``: where, and how many."""
    lines = 0
    while lines < wanted and at > least:
        at = max(data.rfind(b"\n", least, at - 1) + 1, least)
        lines += 1
    return at, lines
