"""Time stamps of logs: from the text that stands on a line to aware wall-clock time.

Turns ``Nov 21 03:18:24`` (no year, no zone), ``Sat Nov 21 03:18:24 2026``, ISO 8601 and their relatives into datetimes,
and says in issues what had to be assumed.  It reads no clock and no environment: the year comes from the caller, from a
file's time (`TimeResolver.start_file`) or from neighbouring lines; without any of these there is no wall time, because
a wrong one is worse.  Seconds since boot are none of its business.  The only user of dateutil.
"""

# ruff: noqa: DTZ001  # A stamp is naive until its year and zone are known.

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from oomparse.errors import Issue, IssueCode, OomparseError
from oomparse.pattern import pattern

if TYPE_CHECKING:
    from dateutil import parser as dateparser

LEAP_YEAR = 2000
"""Stands in for the missing year while month and day are read, so that 29 February can be."""
ROLL_OVER = timedelta(days=182)
"""A stamp without a year that jumps back further than this began a new year."""
BACK_STEP = timedelta(days=2)
"""Lines may stand this much out of order, also across new year."""
ANCHOR_SLACK = timedelta(days=1)
"""The last line of a file may be this much younger than the file's own time (zones, copies)."""
STAMP_CACHE = 4096
MAX_STAMP = 80
"""Longer texts are no time stamps."""


class _Day(NamedTuple):
    """A day whose stamps differ in their clock alone: ``Nov 21 03:18:24``."""

    words: str
    """What stands before the clock."""
    naive: datetime
    """Its first moment, in LEAP_YEAR."""
    wall: datetime
    issues: tuple[Issue, ...]


class Resolved(NamedTuple):
    """A stamp's wall-clock time, and what had to be assumed for it."""

    wall: datetime | None
    issues: tuple[Issue, ...] = ()


NOTHING = Resolved(None)

_MONTHS = (
    ("jan", "january", "januar", "jänner", "janvier", "janv", "enero", "ene", "janeiro", "gennaio", "gen", "januari",
     "sty", "янв", "января", "ledna", "led", "tammi", "oca"),
    ("feb", "february", "februar", "février", "févr", "fév", "febrero", "fevereiro", "fev", "febbraio", "februari",
     "lut", "фев", "февраля", "úno", "helmi", "şub"),
    ("mar", "march", "märz", "mär", "mrz", "mars", "marzo", "março", "maart", "mrt", "mars", "мар", "марта", "bře",
     "maalis"),
    ("apr", "april", "avril", "avr", "abril", "abr", "aprile", "kwi", "апр", "апреля", "dub", "huhti", "nis"),
    ("may", "mai", "mayo", "maio", "maggio", "mag", "mei", "maj", "май", "мая", "kvě", "touko"),
    ("jun", "june", "juni", "juin", "junio", "junho", "giugno", "giu", "cze", "июн", "июня", "čen", "kesä", "haz"),
    ("jul", "july", "juli", "juillet", "juil", "julio", "julho", "luglio", "lug", "lip", "июл", "июля", "čec", "heinä",
     "tem"),
    ("aug", "august", "août", "aoû", "agosto", "ago", "augustus", "augusti", "sie", "авг", "августа", "srp", "elo",
     "ağu"),
    ("sep", "sept", "september", "septembre", "septiembre", "setembro", "set", "settembre", "wrz", "сен", "сент",
     "сентября", "zář", "syys", "eyl"),
    ("oct", "october", "oktober", "okt", "octobre", "octubre", "outubro", "out", "ottobre", "ott", "paź", "окт",
     "октября", "říj", "loka", "eki"),
    ("nov", "november", "novembre", "noviembre", "novembro", "lis", "ноя", "нояб", "ноября", "marras", "kas"),
    ("dec", "december", "dezember", "dez", "décembre", "déc", "diciembre", "dic", "dezembro", "dicembre", "gru", "дек",
     "декабря", "pro", "joulu", "ara"),
)  # fmt: skip


_ENGLISH = {names[0].capitalize(): number for number, names in enumerate(_MONTHS, 1)}
"""What syslog prints; read without dateutil, which takes longer to import than most logs to read."""


@cache
def _parser() -> "dateparser.parser":
    from dateutil import parser as dateparser

    class ManyLanguages(dateparser.parserinfo):
        """Month names as ``dmesg -T`` prints them in the locales that posted logs come from."""

        MONTHS = list[Any](_MONTHS)  # noqa: RUF012  # dateutil declares it as an instance variable

    return dateparser.parser(ManyLanguages())


# Zone abbreviations that mean one offset only, in seconds.  CST, IST, BST and their like mean several: left out.
_ABBREVIATIONS = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 3600, "CET": 3600, "CEST": 7200, "EET": 7200, "EEST": 10800,
    "MSK": 10800, "JST": 32400, "KST": 32400, "EST": -18000, "EDT": -14400, "CDT": -18000, "MST": -25200,
    "MDT": -21600, "PST": -28800, "PDT": -25200, "AKST": -32400, "AKDT": -28800, "HST": -36000, "AEST": 36000,
    "AEDT": 39600, "NZST": 43200, "NZDT": 46800,
}  # fmt: skip

# Nov 21 03:18:24: nearly every stamp without a year.
_PLAIN = pattern(r"(?P<month>[A-Z][a-z]{2})  ?(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d)")
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?"
# Nov 21 03:18:24[.123456] [2026], optionally after a weekday or a year; also dmesg's "Nov21 03:18".
_NAMED = pattern(
    rf"(?:(?P<first>\d{{4}}) )?(?:[^\d\s]\S* )?(?P<month>\d{{0,2}}[^\d\s]+?)\s*(?P<day>\d{{1,2}})\s+(?P<clock>{_CLOCK})"
    r"(?: (?P<year>\d{4}))?(?: (?P<zone>[A-Z]{1,5}|[+-]\d\d:?\d\d))?"
)
# 2026-11-21 03:18:24.123456, any separator, optionally after a weekday and before a zone.
_ISO = pattern(
    rf"(?:[^\d\s]\S* )?(?P<day>\d{{4}}-\d\d-\d\d)[T ](?P<clock>{_CLOCK}) ?(?P<zone>Z|[A-Z]{{2,5}}|[+-]\d\d(?::?\d\d)?)?"
)
_NUMBERED_MONTH = pattern(r"(\d{1,2})[月월]")
_MONTH_DAY = pattern(rf"(?P<month>\d\d)-(?P<day>\d\d) (?P<clock>{_CLOCK})")
_EPOCH = pattern(r"(?P<seconds>\d{9,11})\.(?P<fraction>\d{1,9})")
_OFFSET = pattern(r"(?:UTC|GMT)?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d\d))?")


class _Stamp(NamedTuple):
    """What a stamp says by itself.  ``naive`` lies in LEAP_YEAR where ``has_year`` is False."""

    naive: datetime
    has_year: bool
    zone: tzinfo | None = None
    zone_name: str | None = None


def zone(name: str) -> tzinfo:
    """Return the time zone that a person named: ``Europe/Berlin``, ``+02:00``, ``UTC`` or ``local``.

    Raises `OomparseError` for a name that no zone has.
    """
    text = name.strip()
    if text.upper() in ("UTC", "Z", "GMT"):
        return UTC
    if text.lower() == "local":
        from dateutil import tz as datetz

        return datetz.tzlocal()
    if offset := _OFFSET.fullmatch(text):
        return _fixed(offset)
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text)
    except (OSError, ValueError, LookupError):  # what zoneinfo raises for unknown, malformed and directory names
        raise OomparseError(
            f"unknown time zone {name!r}: give a name like Europe/Berlin, an offset like +02:00, UTC or local"
        ) from None


def _fixed(offset: re.Match[str]) -> tzinfo:
    hours, minutes = int(offset["hours"]), int(offset["minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise OomparseError(f"no such offset from UTC: {offset.group()!r}; give one like +02:00")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if offset["sign"] == "-" else delta)


@lru_cache(maxsize=STAMP_CACHE)
def _month_day(text: str) -> tuple[int, int] | None:
    """Read ``Nov 21``, ``août 12`` or ``7月 3``."""
    month, day = text.split(" ")
    if found := _NUMBERED_MONTH.fullmatch(month):
        return int(found.group(1)), int(day)
    try:
        if month in _ENGLISH:
            return _ENGLISH[month], datetime(LEAP_YEAR, _ENGLISH[month], int(day)).day
        date = _parser().parse(text, default=datetime(LEAP_YEAR, 1, 1))
    except (ValueError, OverflowError):
        return None
    return date.month, date.day


@lru_cache(maxsize=STAMP_CACHE)
def _read(text: str) -> _Stamp | None:
    """Read a stamp as far as it goes by itself; None for what is no time stamp."""
    try:
        return _read_or_raise(text)
    except (ValueError, LookupError, OverflowError, OomparseError):
        return None


def _read_or_raise(text: str) -> _Stamp | None:
    if (found := _PLAIN.fullmatch(text)) and (short := _month_day(f"{found['month']} {found['day']}")) is not None:
        since = _since_midnight(found["clock"])
        return None if since is None else _Stamp(datetime(LEAP_YEAR, *short) + since, has_year=False)
    if found := _ISO.fullmatch(text):
        naive = datetime.fromisoformat(f"{found['day']}T{_padded(found['clock'])}")
        return _zoned(naive, found["zone"], has_year=True)
    if found := _NAMED.fullmatch(text):
        day = _month_day(f"{found['month'].rstrip('.')} {found['day']}")
        if day is None:
            return None
        year = found["year"] or found["first"]
        naive = datetime.combine(datetime(int(year or LEAP_YEAR), *day), _clock(found["clock"]))
        return _zoned(naive, found["zone"], has_year=year is not None)
    if found := _MONTH_DAY.fullmatch(text):
        date = datetime(LEAP_YEAR, int(found["month"]), int(found["day"]))
        return _Stamp(datetime.combine(date, _clock(found["clock"])), has_year=False)
    if found := _EPOCH.fullmatch(text):
        micros = int(found["fraction"].ljust(6, "0")[:6])
        naive = datetime(1970, 1, 1) + timedelta(seconds=int(found["seconds"]), microseconds=micros)
        return _Stamp(naive, has_year=True, zone=UTC)
    return _read_anything(text)


def _read_anything(text: str) -> _Stamp | None:
    # Whatever the formats above do not know.  dateutil fills what is missing from the default: where two defaults give
    # two years, the stamp has none; where they give two days, it is no date at all.
    first = _parser().parse(text, default=datetime(LEAP_YEAR, 1, 1), tzinfos=_named_zone)
    second = _parser().parse(text, default=datetime(LEAP_YEAR + 4, 2, 2), tzinfos=_named_zone)
    if first.month != second.month or first.day != second.day:
        return None
    return _Stamp(first.replace(tzinfo=None), first.year == second.year, first.tzinfo)


def _named_zone(name: str | None, offset: int | None) -> tzinfo | None:
    if offset is None and name is not None:
        offset = _ABBREVIATIONS[name]  # a KeyError: better no time than one hours away
    return None if offset is None else timezone(timedelta(seconds=offset))


def _padded(clock: str) -> str:
    return clock if clock[2:3] == ":" else "0" + clock


def _clock(clock: str) -> time:
    return time.fromisoformat(_padded(clock))


def _zoned(naive: datetime, name: str | None, *, has_year: bool) -> _Stamp:
    if name is None:
        return _Stamp(naive, has_year)
    if name in _ABBREVIATIONS:
        return _Stamp(naive, has_year, timezone(timedelta(seconds=_ABBREVIATIONS[name])), name)
    if offset := _OFFSET.fullmatch(name):
        return _Stamp(naive, has_year, _fixed(offset))
    return _Stamp(naive, has_year, None, name)


_HOURS = {f"{hour:02}": timedelta(hours=hour) for hour in range(24)}
_MINUTES = {f":{minute:02}": timedelta(minutes=minute) for minute in range(60)}
_SECONDS = {f":{second:02}": timedelta(seconds=second) for second in range(60)}


def _since_midnight(clock: str) -> timedelta | None:
    """Read ``03:18:24``."""
    try:
        return _HOURS[clock[:2]] + _MINUTES[clock[2:5]] + _SECONDS[clock[5:]]
    except KeyError:
        return None


def _start_of_day(naive: datetime) -> datetime:
    return naive.replace(hour=0, minute=0, second=0, microsecond=0)


def starting_year(stamps: Iterable[str], anchor: datetime) -> int | None:
    """Return the year in which a log begins, from its stamps (or a sample of them, in order) and the time of its end.

    The sample must be dense enough to show every new year: two stamps of each year do.  None where no stamp can be
    read, or where the stamps have years themselves.
    """
    turns, last = 0, None
    for text in stamps:
        stamp = _read(text) if len(text) <= MAX_STAMP else None
        if stamp is None or stamp.has_year:
            continue
        if last is not None:
            if last - stamp.naive > ROLL_OVER:
                turns += 1
            elif _steps_back(last, stamp.naive):
                continue
        last = stamp.naive
    if last is None:
        return None
    year = _latest_year(last, anchor)
    return None if year is None else year - turns


def _latest_year(naive: datetime, anchor: datetime) -> int | None:
    """The last year in which the stamp is not younger than the anchor."""
    limit = anchor.replace(tzinfo=None) + ANCHOR_SLACK
    for year in range(limit.year, max(limit.year - 9, 0), -1):
        try:
            if naive.replace(year=year) <= limit:
                return year
        except ValueError:  # 29 February
            continue
    return None


def _steps_back(last: datetime, naive: datetime) -> bool:
    """Whether a December stamp stands after a January one only because lines are a little out of order."""
    return naive - last > ROLL_OVER and last - naive.replace(year=LEAP_YEAR - 1) <= BACK_STEP


class TimeResolver:
    """Resolves the stamps of one log, in the order in which they stand there.

    ``year`` is the year of the first stamp that has none; failing that, it is the last year in which that stamp is not
    younger than ``anchor`` (the file's time, an aware datetime or seconds since 1970); failing that, the year of a
    neighbouring stamp that has one.  ``tz`` (a name as for `zone`, or a tzinfo) is for stamps without an offset;
    without it they are taken as UTC, and an issue says so.
    """

    def __init__(
        self,
        *,
        year: int | None = None,
        tz: str | tzinfo | None = None,
        anchor: datetime | float | None = None,
    ) -> None:
        if year is not None and not 1 <= year <= 9998:
            raise OomparseError(f"no such year: {year}; give one like 2026")
        self._zone = zone(tz) if isinstance(tz, str) else tz
        self._given_year = year
        self._set_anchor(anchor)
        self._origin = ""
        self._year: int | None = None
        self._last: datetime | None = None
        self._neighbour: datetime | None = None
        self._stamp: str | None = None
        self._result = NOTHING
        self._day: _Day | None = None
        """The day of the last stamp, if all of it means the same year and has one offset."""
        self._year_issues: dict[int, Issue] = {}
        self._zone_issue = (Issue(code=IssueCode.ZONE_ASSUMED, detail="UTC; the stamps have no zone"),)

    def start_file(self, anchor: datetime | float | None, stamps: Iterable[str] = ()) -> None:
        """Begin another file of the same log: ``anchor`` is its time, ``stamps`` a sample of its stamps, in order.

        Without a sample, stamps that go on where the last file ended keep its year.  Does nothing where the caller
        gave the year.
        """
        self._stamp = self._day = None
        self._set_anchor(anchor)
        if self._given_year is not None or self._anchor is None:
            return
        year = starting_year(stamps, self._local(self._anchor))
        if year is not None:
            self._year, self._last, self._origin = year, None, "the file's time"

    def _set_anchor(self, anchor: datetime | float | None) -> None:
        self._anchor = _as_datetime(anchor)
        self._latest: datetime | None = None
        """No stamp of the file is younger."""
        if self._anchor is not None:
            with suppress(OverflowError):  # at the end of time nothing is
                self._latest = self._local(self._anchor) + ANCHOR_SLACK

    def resolve(self, stamp: str) -> Resolved:
        """Return the wall-clock time of a stamp; ``wall`` is None where the text does not say enough."""
        if stamp == self._stamp:
            return self._result
        self._stamp = stamp
        if self._day is not None:
            words, naive, wall, issues = self._day
            if stamp[:-8] == words and (since := _since_midnight(stamp[-8:])) is not None:
                self._last = naive + since
                self._result = result = Resolved(wall + since, issues)
                return result
        self._day = None
        try:
            self._result = self._resolve(stamp)
        except (ValueError, OverflowError):  # year 1 or 9999 moved to another zone
            self._result = NOTHING
        return self._result

    def _resolve(self, text: str) -> Resolved:
        if text[:1].isdecimal():
            try:  # nearly every stamp with a year is plain ISO 8601 with an offset
                wall = datetime.fromisoformat(text)
            except ValueError:
                pass
            else:
                if wall.tzinfo is not None:
                    self._neighbour = wall
                    return Resolved(wall)
        if len(text) > MAX_STAMP:
            return NOTHING
        stamp = _read(text)
        if stamp is None:
            return NOTHING
        if stamp.has_year:
            result = self._with_zone(stamp, stamp.naive)
            self._neighbour = result.wall or self._neighbour
            return result
        naive = self._with_year(stamp.naive)
        if naive is None:
            return NOTHING
        result = self._with_zone(stamp, naive)
        if self._given_year is None:
            result = Resolved(result.wall, (self._year_issue(naive.year), *result.issues))
        self._remember_day(text, stamp.naive, result)
        return result

    def _remember_day(self, text: str, naive: datetime, result: Resolved) -> None:
        """Keep what the stamps of one day share, where the next one may go on from it."""
        if self._last != naive or result.wall is None or not isinstance(result.wall.tzinfo, timezone):
            return  # a step back; no time; a zone that may change its offset
        since = _since_midnight(text[-8:])
        if since is not None and naive == _start_of_day(naive) + since and self._whole_day_possible(result.wall):
            self._day = _Day(text[:-8], _start_of_day(naive), result.wall - since, result.issues)

    def _whole_day_possible(self, wall: datetime) -> bool:
        return self._possible(_start_of_day(wall.replace(tzinfo=None)) + timedelta(days=1))

    def _with_year(self, naive: datetime) -> datetime | None:
        """Give a stamp in LEAP_YEAR its year, by the stamps before it."""
        if self._year is None:
            self._year = self._first_year(naive)
            if self._year is None:
                return None
        year = self._year
        last = self._last
        if last is not None and last - naive > ROLL_OVER and self._possible(_dated(naive, year + 1)):
            self._year = year = year + 1
            self._last = naive
        elif last is not None and _steps_back(last, naive):
            year -= 1
        else:
            self._last = naive
            dated = _dated(naive, year)
            if dated is None or self._possible(dated):
                return dated
            self._year = year = year - 1  # the lines before were of an earlier year than it seemed
        return _dated(naive, year)

    def _first_year(self, naive: datetime) -> int | None:
        if self._given_year is not None:
            return self._given_year
        if self._anchor is not None:
            self._origin = "the file's time"
            return _latest_year(naive, self._local(self._anchor))
        if self._neighbour is not None:
            self._origin = "a neighbouring line"
            near = self._local(self._neighbour)
            years = [year for year in (near.year - 1, near.year, near.year + 1) if _dated(naive, year) is not None]
            return min(years, key=lambda year: abs(naive.replace(year=year) - near), default=None)
        return None

    def _possible(self, dated: datetime | None) -> bool:
        """Return whether a stamp in its year is not younger than the file."""
        if self._latest is None or self._given_year is not None:
            return True
        return dated is not None and dated <= self._latest

    def _local(self, wall: datetime) -> datetime:
        return wall.astimezone(self._zone or UTC).replace(tzinfo=None)

    def _year_issue(self, year: int) -> Issue:
        issue = self._year_issues.get(year)
        if issue is None:
            issue = Issue(code=IssueCode.YEAR_ASSUMED, detail=f"{year}, from {self._origin}")
            self._year_issues[year] = issue
        return issue

    def _with_zone(self, stamp: _Stamp, naive: datetime) -> Resolved:
        if stamp.zone is not None:
            return Resolved(naive.replace(tzinfo=stamp.zone))
        if self._zone is None:
            if stamp.zone_name is not None:
                detail = f"none; {stamp.zone_name} means several zones: name one"
                return Resolved(None, (Issue(code=IssueCode.ZONE_ASSUMED, detail=detail),))
            return Resolved(naive.replace(tzinfo=UTC), self._zone_issue)
        from dateutil import tz as datetz

        wall = naive.replace(tzinfo=self._zone)
        if datetz.datetime_ambiguous(wall):
            return Resolved(wall, (Issue(code=IssueCode.TIME_AMBIGUOUS, detail="the clock was put back: the first"),))
        if not datetz.datetime_exists(wall):
            detail = "the clock was put forward: no such time"
            return Resolved(wall, (Issue(code=IssueCode.TIME_AMBIGUOUS, detail=detail),))
        return Resolved(wall)


def _dated(naive: datetime, year: int) -> datetime | None:
    """Return a stamp in a year; None for 29 February in a year without one: that year cannot be right."""
    try:
        return naive.replace(year=year)
    except ValueError:
        return None


def _as_datetime(anchor: datetime | float | None) -> datetime | None:
    if anchor is None:
        return None
    if isinstance(anchor, datetime):
        return anchor if anchor.tzinfo is not None else anchor.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(anchor, UTC)
    except (ValueError, OverflowError, OSError):
        return None
