"""Stamps become aware times, and what was assumed is said."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.errors import IssueCode, OomparseError
from oomparse.timestamps import NOTHING, TimeResolver, starting_year, zone

JANUARY = datetime(2026, 1, 3, 12, tzinfo=UTC)


def wall(stamp: str, **options: object) -> datetime | None:
    return TimeResolver(**options).resolve(stamp).wall  # type: ignore[arg-type]  # parametrised


def codes(resolver: TimeResolver, stamp: str) -> list[IssueCode]:
    return [issue.code for issue in resolver.resolve(stamp).issues]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-21T03:18:24.738194+02:00", datetime(2026, 11, 21, 1, 18, 24, 738194, UTC)),
        ("2026-11-21T03:18:24,670939+0000", datetime(2026, 11, 21, 3, 18, 24, 670939, UTC)),
        ("2026-11-21T03:18:24.738194123Z", datetime(2026, 11, 21, 3, 18, 24, 738194, UTC)),
        ("2026-11-21 03:18:24", datetime(2026, 11, 21, 3, 18, 24, tzinfo=UTC)),
        ("Sat Nov 21 03:18:24 2026", datetime(2026, 11, 21, 3, 18, 24, tzinfo=UTC)),
        ("Sat Nov  1 03:18:24 2026", datetime(2026, 11, 1, 3, 18, 24, tzinfo=UTC)),
        ("2026 Nov 21 03:18:24", datetime(2026, 11, 21, 3, 18, 24, tzinfo=UTC)),
        ("Sat 2026-11-21 03:28:15 UTC", datetime(2026, 11, 21, 3, 28, 15, tzinfo=UTC)),
        ("Sat 2026-11-21 03:28:15.612779 CET", datetime(2026, 11, 21, 2, 28, 15, 612779, UTC)),
        ("1795231695.612779", datetime(2026, 11, 21, 3, 28, 15, 612779, UTC)),
        ("Di Aug 12 03:54:03 2025", datetime(2025, 8, 12, 3, 54, 3, tzinfo=UTC)),
        ("Mi Mär 12 03:54:03 2025", datetime(2025, 3, 12, 3, 54, 3, tzinfo=UTC)),
        ("mar. août 12 03:54:03 2025", datetime(2025, 8, 12, 3, 54, 3, tzinfo=UTC)),
        ("五 7月  3 10:11:12 2026", datetime(2026, 7, 3, 10, 11, 12, tzinfo=UTC)),
        ("금 11월 21 10:11:12 2026", datetime(2026, 11, 21, 10, 11, 12, tzinfo=UTC)),
        ("lun dic  7 10:11:12 2026", datetime(2026, 12, 7, 10, 11, 12, tzinfo=UTC)),
        ("qui mar  5 10:11:12 2026", datetime(2026, 3, 5, 10, 11, 12, tzinfo=UTC)),
        ("Fri, 21 Nov 2025 10:11:12 +0100", datetime(2025, 11, 21, 9, 11, 12, tzinfo=UTC)),
    ],
)
def test_stamps_with_a_year(stamp: str, expected: datetime) -> None:
    assert wall(stamp) == expected


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "x",
        "12",
        "Tue",
        "Foo 12 03:54:03 2025",
        "Feb 30 03:54:03 2025",
        "99:99:99",
        "Nov 21 25:00:00",
        "x" * 500,
        "²",
        "\udcff",
    ],
)
def test_what_is_no_stamp_has_no_time(stamp: str) -> None:
    assert TimeResolver(year=2025).resolve(stamp) == NOTHING


@given(st.text(max_size=50))
def test_any_text_is_survived(text: str) -> None:
    resolver = TimeResolver(anchor=JANUARY, tz="Europe/Berlin")
    found = resolver.resolve(text)
    assert found.wall is None or found.wall.tzinfo is not None
    assert resolver.resolve(text) == found


def test_a_year_that_nobody_knows_is_not_guessed() -> None:
    assert TimeResolver().resolve("Nov 21 03:18:24") == NOTHING


def test_a_given_year_is_not_assumed() -> None:
    resolver = TimeResolver(year=2024, tz="UTC")
    assert resolver.resolve("Feb 29 03:18:24") == (datetime(2024, 2, 29, 3, 18, 24, tzinfo=UTC), ())


def test_the_year_comes_from_the_files_time() -> None:
    resolver = TimeResolver(anchor=JANUARY, tz="UTC")
    found = resolver.resolve("Dec 31 23:59:59")
    assert found.wall == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert [(issue.code, issue.detail) for issue in found.issues] == [
        (IssueCode.YEAR_ASSUMED, "2025, from the file's time")
    ]
    assert resolver.resolve("Jan  1 00:00:00").wall == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_last_line_may_be_a_day_younger_than_the_file() -> None:
    assert wall("Jan  4 06:00:00", anchor=JANUARY) == datetime(2026, 1, 4, 6, tzinfo=UTC)
    assert wall("Jan  5 06:00:00", anchor=JANUARY) == datetime(2025, 1, 5, 6, tzinfo=UTC)
    assert wall("Jan  4 06:00:00", anchor=JANUARY.timestamp()) == datetime(2026, 1, 4, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamps", "years"),
    [
        (["Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  2 00:00:01"], [2025, 2026, 2026]),
        # Lines out of order around new year
        (["Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:59", "Jan  1 00:00:02"], [2025, 2026, 2025, 2026]),
        # A quiet machine: months without a line are no new year; only the second line tells that the first is older
        (["Jan  2 00:00:00", "Aug  1 00:00:00", "Dec 31 00:00:00"], [2026, 2025, 2025]),
        # A clock put back by an hour, or a month
        (["Aug  1 10:00:00", "Aug  1 09:00:00", "Jul  1 09:00:00"], [2025, 2025, 2025]),
        # The file's time forbids a second new year
        (["Dec 31 00:00:00", "Jan  1 00:00:00", "Dec 30 00:00:00"], [2025, 2026, 2025]),
    ],
)
def test_new_year(stamps: list[str], years: list[int]) -> None:
    resolver = TimeResolver(anchor=JANUARY)
    found = [resolver.resolve(stamp).wall for stamp in stamps]
    assert [each.year for each in found if each] == years


def test_a_sample_of_the_file_tells_the_first_year() -> None:
    stamps = ["Jan  2 00:00:00", "Aug  1 00:00:00", "Dec 31 00:00:00"]
    resolver = TimeResolver()
    resolver.start_file(JANUARY, stamps)
    assert [found.year for stamp in stamps if (found := resolver.resolve(stamp).wall)] == [2025, 2025, 2025]


def test_29_february() -> None:
    assert wall("Feb 29 12:00:00", anchor=JANUARY) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert wall("Feb 29 12:00:00", year=2023) is None
    resolver = TimeResolver(year=2023)
    stamps = ["Dec 31 12:00:00", "Feb 28 12:00:00", "Feb 29 12:00:00", "Mar  1 12:00:00"]
    assert [found and (found.year, found.month) for found in (resolver.resolve(stamp).wall for stamp in stamps)] == [
        (2023, 12),
        (2024, 2),
        (2024, 2),
        (2024, 3),
    ]


def test_a_neighbour_with_a_year_helps() -> None:
    resolver = TimeResolver(tz="UTC")
    resolver.resolve("2026-01-01T00:10:00+00:00")
    found = resolver.resolve("Dec 31 23:50:00")
    assert found.wall == datetime(2025, 12, 31, 23, 50, tzinfo=UTC)
    assert [issue.detail for issue in found.issues] == ["2025, from a neighbouring line"]


def test_starting_year_counts_every_new_year() -> None:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    stamps = [f"{month}  5 10:00:00" for _ in range(3) for month in months]
    assert starting_year(stamps, datetime(2026, 12, 31, tzinfo=UTC)) == 2024
    assert starting_year(["Nov  5 10:00:00", "Jan  5 10:00:00"], JANUARY + timedelta(days=10)) == 2025
    assert starting_year(["garbage", "2026-01-01T00:00:00Z"], JANUARY) is None
    resolver = TimeResolver(tz="UTC")
    resolver.start_file(datetime(2026, 12, 31, tzinfo=UTC), stamps)
    years = [found.year for stamp in stamps if (found := resolver.resolve(stamp).wall)]
    assert years == [2024] * 12 + [2025] * 12 + [2026] * 12


def test_the_next_file_of_a_log_has_its_own_time() -> None:
    resolver = TimeResolver(tz="UTC")
    resolver.start_file(datetime(2020, 3, 1, tzinfo=UTC), ["Feb 20 00:00:00", "Feb 29 00:00:00"])
    assert resolver.resolve("Feb 29 00:00:00").wall == datetime(2020, 2, 29, tzinfo=UTC)
    resolver.start_file(datetime(2024, 3, 1, tzinfo=UTC), ["Feb 29 00:00:00"])
    assert resolver.resolve("Feb 29 00:00:00").wall == datetime(2024, 2, 29, tzinfo=UTC)


def test_a_given_year_outlives_the_files_time() -> None:
    resolver = TimeResolver(year=2019, tz="UTC")
    resolver.start_file(JANUARY, ["Feb 20 00:00:00"])
    assert resolver.resolve("Feb 20 00:00:00").wall == datetime(2019, 2, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "offset"),
    [("+02:00", 2), ("-0330", -3.5), ("+5", 5), ("UTC", 0), ("Z", 0), ("UTC+3", 3), ("Europe/Berlin", 1)],
)
def test_zones(name: str, offset: float) -> None:
    moment = datetime(2026, 1, 15, 12, tzinfo=zone(name))
    assert moment.utcoffset() == timedelta(hours=offset)


def test_the_local_zone_is_somewhere() -> None:
    assert datetime(2026, 1, 15, tzinfo=zone("local")).utcoffset() is not None


@pytest.mark.parametrize(
    "name", ["", "Berlin", "CEST", "/etc/passwd", "../UTC", "Europe", "+99:00", "+02:99", "x" * 300, "\0"]
)
def test_an_unknown_zone_says_what_to_give(name: str) -> None:
    with pytest.raises(OomparseError, match=r"Europe/Berlin|\+02:00"):
        zone(name)


def test_an_unlikely_year_is_refused() -> None:
    with pytest.raises(OomparseError, match="2026"):
        TimeResolver(year=99999)


def test_a_zone_of_the_stamp_goes_before_the_given_one() -> None:
    assert wall("2026-11-21T03:18:24+02:00", tz="Asia/Tokyo") == datetime(2026, 11, 21, 1, 18, 24, tzinfo=UTC)
    resolver = TimeResolver(tz="Asia/Tokyo", year=2026)
    assert resolver.resolve("Nov 21 03:18:24").wall == datetime(2026, 11, 20, 18, 18, 24, tzinfo=UTC)
    assert not resolver.resolve("Nov 21 03:18:24").issues


def test_a_zone_nobody_named_is_assumed_to_be_utc_and_said() -> None:
    assert codes(TimeResolver(year=2026), "Nov 21 03:18:24") == [IssueCode.ZONE_ASSUMED]


def test_an_abbreviation_of_several_zones_is_not_guessed() -> None:
    found = TimeResolver().resolve("Sat 2026-11-21 03:28:15 CST")
    assert found.wall is None
    assert [issue.code for issue in found.issues] == [IssueCode.ZONE_ASSUMED]
    with_zone = TimeResolver(tz="America/Chicago").resolve("Sat 2026-11-21 03:28:15 CST")
    assert with_zone.wall == datetime(2026, 11, 21, 3, 28, 15, tzinfo=timezone(timedelta(hours=-6)))


@pytest.mark.parametrize("stamp", ["Oct 25 02:30:00", "Mar 29 02:30:00"])
def test_a_time_that_happened_twice_or_never(stamp: str) -> None:
    assert codes(TimeResolver(year=2026, tz="Europe/Berlin"), stamp) == [IssueCode.TIME_AMBIGUOUS]


def test_the_ends_of_the_calendar() -> None:
    resolver = TimeResolver(tz="America/New_York")
    for stamp in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "Dec 31 23:59:59", "Jan  1 00:00:00"):
        resolver.resolve(stamp)


@given(
    st.lists(st.integers(0, 400 * 86_400), max_size=12),
    st.sampled_from([None, "UTC", "+02:00", "Europe/Berlin"]),
    st.sampled_from([None, 2025]),
    st.sampled_from(["%b %e %H:%M:%S", "%a %b %e %H:%M:%S", "%m-%d %H:%M:%S", "%b %d %H:%M:%S", "%b %e %H:%M:%S %Y"]),
)
def test_stamps_of_one_day_mean_what_each_of_them_does(
    times: list[int], tz: str | None, year: int | None, form: str
) -> None:
    """A log with near and far steps, read with and without what is remembered of the day before."""
    near = [when + step for when in times for step in (0, 1, 7, 3600)]
    stamps = [datetime.fromtimestamp(1_735_000_000 + when, UTC).strftime(form) for when in near]
    quick, slow = (TimeResolver(year=year, tz=tz, anchor=1_770_000_000.0) for _ in range(2))
    for stamp in stamps:
        slow._day = None
        assert quick.resolve(stamp) == slow.resolve(stamp)
        assert (quick._last, quick._year) == (slow._last, slow._year)


def test_a_day_is_remembered() -> None:
    resolver = TimeResolver(anchor=1_770_000_000.0)
    resolver.resolve("Jan 30 03:18:24")
    day = resolver._day
    assert day is not None
    assert resolver.resolve("Jan 30 23:59:59").wall == datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)
    assert resolver._day is day
    resolver.resolve("Jan 31 00:00:00")
    assert resolver._day is not None
    assert resolver._day.words == "Jan 31 "
