"""Many events as a few tables: by victim, cgroup, unit, pod, host and hour, and the storms among them.

`Summary` takes events one by one, from any number of logs and in any order, in bounded memory; an event that several
logs hold (or a stream repeats with a higher revision) is counted once, by its ``event_id``; a log that names no host
(dmesg) is a copy of one that does where time since boot and process are the same.  `SummaryReport` is what
it has counted, plain data for msgspec; `render_text` writes it for people.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from oomparse.errors import printable
from oomparse.model import OomEvent
from oomparse.userspace import UserspaceKill

SUMMARY_SCHEMA = "oomparse.summary/1"

MAX_KEYS = 10_000
"""Different names of one kind that are counted apart; what comes later is counted together."""
MAX_REMEMBERED = 1_000_000
"""Events whose id is remembered to know copies by; beyond that the oldest are forgotten."""
MAX_MINUTES = 200_000
"""Minutes with events that are kept to find storms in."""
STORM_KILLS = 5
"""As many kills within two minutes on one host make a storm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One line of a table.  A group kill is one event and many kills."""

    key: str
    events: int
    kills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Many kills in a short time on one host.

    ``start`` is the first minute where the log says the date; else ``start_seconds`` counts from boot.
    """

    host: str | None
    start: datetime | None = None
    start_seconds: float | None = None
    minutes: int
    events: int
    kills: int
    victim: str | None = None
    """The name that died most often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryReport:
    """What was counted; each table has its largest line first, hours are in order.

    ``uncounted`` says how many events each table could not tell apart any more (`MAX_KEYS`).  ``by_cgroup`` names the
    cgroup whose limit was hit, and for other events the victim's.
    """

    schema: str = SUMMARY_SCHEMA
    events: int
    kills: int
    copies: int
    """Further copies of events that were counted already."""
    first: datetime | None = None
    last: datetime | None = None
    by_scope: tuple[Count, ...] = ()
    by_outcome: tuple[Count, ...] = ()
    by_victim: tuple[Count, ...] = ()
    by_cgroup: tuple[Count, ...] = ()
    by_unit: tuple[Count, ...] = ()
    by_pod: tuple[Count, ...] = ()
    by_host: tuple[Count, ...] = ()
    by_hour: tuple[Count, ...] = ()
    """Hours in UTC, ``2024-02-29T17:00Z``."""
    storms: tuple[Storm, ...] = ()
    by_userspace_killer: tuple[Count, ...] = ()
    """Kills that were not the kernel's (echoes are not counted)."""
    uncounted: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Minute:
    events: int = 0
    kills: int = 0
    names: dict[str, int] = field(default_factory=dict)


_TABLES = ("scope", "outcome", "victim", "cgroup", "unit", "pod", "host", "hour", "userspace_killer")
_Moment = tuple[int, int | None, str | None]
"""Microseconds since boot, and who died or asked."""
_Clock = tuple[str | None, str | None, bool]
"""Host, boot, and whether minutes are dates: what makes minutes comparable."""


class Summary:
    """Counts events."""

    def __init__(self) -> None:
        self._events = 0
        self._kills = 0
        self._copies = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._tables: dict[str, dict[str, list[int]]] = {name: {} for name in _TABLES}
        self._uncounted: dict[str, int] = {}
        self._seen: OrderedDict[str, set[int | None]] = OrderedDict()
        self._moments: OrderedDict[_Moment, tuple[str, bool]] = OrderedDict()
        self._minutes: dict[tuple[_Clock, int], _Minute] = {}

    def add(self, event: OomEvent) -> None:
        """Count an event; of one that is known by its id, only victims that are new."""
        self._note_moment(event)
        known = self._seen.get(event.event_id)
        fresh: list[str | None] = []
        pids = known if known is not None else set()
        for victim in event.victims:
            # The first victim of a group kill is printed twice.
            if victim.pid is None or victim.pid not in pids:
                fresh.append(victim.comm)
            pids.add(victim.pid)
        if known is None:
            self._seen[event.event_id] = pids
            if len(self._seen) > MAX_REMEMBERED:
                self._seen.popitem(last=False)
            self._events += 1
        else:
            self._copies += 1
            if not fresh or None in {victim.pid for victim in event.victims}:
                return
        self._count(event, events=int(known is None), victims=fresh)

    def _note_moment(self, event: OomEvent) -> None:
        """Make an event known, if it is known already from a log that names no host, or is from such a log."""
        named = event.victim or event.invoker
        seconds = event.time.monotonic_seconds
        if named is None or seconds is None or event.event_id in self._seen:
            return
        moment = (round(seconds * 1_000_000), named.pid, named.comm)
        hosted = event.source.host is not None
        known_id, known_hosted = self._moments.get(moment, (event.event_id, hosted))
        if known_hosted == hosted or known_id not in self._seen:
            self._moments[moment] = (event.event_id, hosted)
            if len(self._moments) > MAX_REMEMBERED:
                self._moments.popitem(last=False)
            return
        self._seen[event.event_id] = self._seen[known_id]
        if hosted:
            self._moments[moment] = (event.event_id, True)
            self._count_place(event, 1, len({victim.pid for victim in event.victims}))

    def add_all(self, events: Iterable[OomEvent]) -> "Summary":
        """Count every event and return the summary itself."""
        for event in events:
            self.add(event)
        return self

    def add_userspace(self, kill: UserspaceKill) -> None:
        """Count a kill that was not the kernel's; echoes of kernel kills are passed over."""
        if not kill.echo and kill.action in {"killed", "evicted"}:
            self._tick("userspace_killer", str(kill.killer), 0, 1)

    def report(self) -> SummaryReport:
        """Return what was counted so far."""
        tables = {name: _listed(table) for name, table in self._tables.items()}
        return SummaryReport(
            events=self._events,
            kills=self._kills,
            copies=self._copies,
            first=self._first,
            last=self._last,
            storms=tuple(self._storms()),
            uncounted=dict(self._uncounted),
            by_scope=tables["scope"],
            by_outcome=tables["outcome"],
            by_victim=tables["victim"],
            by_cgroup=tables["cgroup"],
            by_unit=tables["unit"],
            by_pod=tables["pod"],
            by_host=tables["host"],
            by_hour=tuple(sorted(tables["hour"], key=lambda count: count.key)),
            by_userspace_killer=tables["userspace_killer"],
        )

    def _count(self, event: OomEvent, *, events: int, victims: list[str | None]) -> None:
        kills = len(victims)
        self._kills += kills
        self._tick("scope", event.scope.value, events, kills)
        self._tick("outcome", event.outcome.value, events, kills)
        for comm, times in Counter(victims).items():
            self._tick("victim", comm, events, times)
        memcg = event.memcg
        self._tick("cgroup", (memcg.oom_memcg or memcg.task_memcg) if memcg is not None else None, events, kills)
        identity = event.identity
        self._tick("unit", identity.unit if identity is not None else None, events, kills)
        self._tick("pod", identity.pod_uid if identity is not None else None, events, kills)
        wall = self._count_place(event, events, kills)
        self._note_minute(event, wall, events, victims)

    def _count_place(self, event: OomEvent, events: int, kills: int) -> datetime | None:
        """Count where and when it was; return when, in UTC."""
        self._tick("host", event.source.host, events, kills)
        wall = event.time.wall
        if wall is None:
            return None
        wall = wall.astimezone(UTC)
        self._first = wall if self._first is None else min(wall, self._first)
        self._last = wall if self._last is None else max(wall, self._last)
        self._tick("hour", f"{wall:%Y-%m-%dT%H}:00Z", events, kills)
        return wall

    def _tick(self, table: str, key: str | None, events: int, kills: int) -> None:
        if key is None:
            return
        rows = self._tables[table]
        shown = printable(key)
        if shown not in rows and len(rows) >= MAX_KEYS:
            self._uncounted[table] = self._uncounted.get(table, 0) + events
            return
        row = rows.setdefault(shown, [0, 0])
        row[0] += events
        row[1] += kills

    def _note_minute(self, event: OomEvent, wall: datetime | None, events: int, victims: list[str | None]) -> None:
        source = event.source
        key: tuple[_Clock, int]
        if wall is not None:
            key = ((source.host, None, True), int(wall.timestamp() // 60))
        elif event.time.monotonic_seconds is not None:
            # Two boots have the same seconds; where nothing names the boot, the file must do.
            key = ((source.host, source.boot_id or source.path, False), int(event.time.monotonic_seconds // 60))
        else:
            return
        if key not in self._minutes and len(self._minutes) >= MAX_MINUTES:
            self._uncounted["minute"] = self._uncounted.get("minute", 0) + events
            return
        minute = self._minutes.setdefault(key, _Minute())
        minute.events += events
        minute.kills += len(victims)
        for comm in victims:
            if comm is not None and (comm in minute.names or len(minute.names) < _NAMES_PER_MINUTE):
                minute.names[comm] = minute.names.get(comm, 0) + 1

    def _storms(self) -> Iterable[Storm]:
        clocks: dict[_Clock, list[int]] = {}
        for clock, minute in self._minutes:
            clocks.setdefault(clock, []).append(minute)
        found = [
            self._storm(clock, run)
            for clock, minutes in clocks.items()
            for run in _runs(sorted(minutes))
            if any(self._kills_in(clock, minute) >= STORM_KILLS for minute in run)
        ]
        return sorted(found, key=lambda storm: -storm.kills)

    def _kills_in(self, clock: _Clock, minute: int) -> int:
        """Return the kills of a minute and the next."""
        pair = (self._minutes.get((clock, minute + later)) for later in (0, 1))
        return sum(one.kills for one in pair if one is not None)

    def _storm(self, clock: _Clock, run: list[int]) -> Storm:
        parts = [self._minutes[clock, minute] for minute in run]
        names: dict[str, int] = {}
        for part in parts:
            for comm, times in part.names.items():
                names[comm] = names.get(comm, 0) + times
        host, _, dated = clock
        return Storm(
            host=None if host is None else printable(host),
            start=_EPOCH + timedelta(minutes=run[0]) if dated else None,
            start_seconds=None if dated else run[0] * 60.0,
            minutes=run[-1] - run[0] + 1,
            events=sum(part.events for part in parts),
            kills=sum(part.kills for part in parts),
            victim=printable(max(names, key=lambda comm: names[comm])) if names else None,
        )


_NAMES_PER_MINUTE = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _runs(minutes: list[int]) -> Iterable[list[int]]:
    """Split minutes into runs without a gap."""
    run: list[int] = []
    for minute in minutes:
        if run and minute > run[-1] + 1:
            yield run
            run = []
        run.append(minute)
    if run:
        yield run


def _listed(table: Mapping[str, list[int]]) -> tuple[Count, ...]:
    counts = (Count(key=key, events=events, kills=kills) for key, (events, kills) in table.items())
    return tuple(sorted(counts, key=lambda count: (-count.kills, -count.events, count.key)))


MAX_ROWS = 15
"""Lines of a table in the text."""

_TITLES = (
    ("by_scope", "whose memory"),
    ("by_outcome", "outcome"),
    ("by_victim", "victim"),
    ("by_cgroup", "cgroup"),
    ("by_unit", "unit"),
    ("by_pod", "pod"),
    ("by_host", "host"),
    ("by_hour", "hour"),
    ("by_userspace_killer", "not the kernel"),
)


def render_text(report: SummaryReport) -> str:
    """Return the tables as text with aligned numbers."""
    copies = f"; {report.copies} further copies of them were left out" if report.copies else ""
    lines = [f"{report.events} events, {report.kills} kills{copies}"]
    if report.first is not None and report.last is not None:
        lines.append(f"from {report.first:%Y-%m-%d %H:%M:%S}Z to {report.last:%Y-%m-%d %H:%M:%S}Z")
    for name, title in _TITLES:
        rows: tuple[Count, ...] = getattr(report, name)
        if rows:
            lines += ["", f"{'events':>8} {'kills':>8}  by {title}"]
            lines += [f"{row.events:>8} {row.kills:>8}  {row.key}" for row in rows[:MAX_ROWS]]
            if len(rows) > MAX_ROWS:
                lines.append(f"{'':>17}  … and {len(rows) - MAX_ROWS} more")
    if report.storms:
        lines += ["", "storms"]
        lines += [_storm_text(storm) for storm in report.storms[:MAX_ROWS]]
    lines += [
        f"note: {events} events of further {name}s were not told apart" for name, events in report.uncounted.items()
    ]
    return "\n".join(lines) + "\n"


def _storm_text(storm: Storm) -> str:
    if storm.start is not None:
        when = f"{storm.start:%Y-%m-%d %H:%M}Z"
    else:
        when = f"{storm.start_seconds or 0:.0f} s after boot"
    host = f" on {storm.host}" if storm.host is not None else ""
    victim = f", mostly {storm.victim}" if storm.victim is not None else ""
    minutes = "a minute" if storm.minutes == 1 else f"{storm.minutes} minutes"
    return f"  {storm.kills} kills within {minutes} from {when}{host}{victim}"
