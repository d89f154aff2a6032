from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.intervals import MONTHS_OF
from recommender.billing.catalogue import Interval
from recommender.billing.periods import Period, as_utc, boundary, next_period, period_containing
from tests.recommender.billing.builders import at, span

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")

instants = st.datetimes(
    min_value=datetime(2015, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from(
        [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")]
    ),
)
month_ends = st.builds(
    lambda year, day, hour: datetime(year, 1, day, hour, tzinfo=ZoneInfo("UTC")),
    st.integers(2016, 2024),
    st.integers(28, 31),
    st.integers(0, 23),
)
intervals = st.sampled_from(tuple(MONTHS_OF))


def starts(anchor: str, interval: Interval, count: int) -> list[str]:
    return [f"{boundary(anchor=at(anchor), interval=interval, number=n):%Y-%m-%d}" for n in range(count)]


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("2024-01-31", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),  # C1
        ("2017-01-31", ["2017-01-31", "2017-02-28", "2017-03-31", "2017-04-30"]),  # C2
        ("2012-03-31", ["2012-03-31", "2012-04-30", "2012-05-31", "2012-06-30", "2012-07-31"]),  # C3
        ("2025-01-31", ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]),  # C7
        ("2024-02-29", ["2024-02-29", "2024-03-29"]),  # C11
        ("2025-02-28", ["2025-02-28", "2025-03-28"]),  # C11
        ("2024-11-30", ["2024-11-30", "2024-12-30", "2025-01-30", "2025-02-28", "2025-03-30"]),
    ],
)
def test_a_month_end_anchor_is_remembered(anchor: str, expected: list[str]) -> None:
    assert starts(anchor, "month", len(expected)) == expected


def test_a_leap_day_anchor_returns_every_fourth_year() -> None:  # C12
    assert starts("2024-02-29", "year", 5) == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2025-08-13T20:00:00", span("2025-07-31T15:00:00", "2025-08-31T15:00:00")),
        ("2025-09-30T15:00:00", span("2025-09-30T15:00:00", "2025-10-31T15:00:00")),
    ],
)
def test_the_period_holding_an_instant_excludes_its_end(instant: str, expected: Period) -> None:  # C8
    assert period_containing(anchor=at("2025-01-31T15:00:00"), interval="month", instant=at(instant)) == expected


def test_after_a_short_month_the_next_period_ends_on_the_anchor_day() -> None:
    february = span("2025-01-31", "2025-02-28")

    assert next_period(anchor=at("2024-12-31"), interval="month", period=february) == span("2025-02-28", "2025-03-31")


def test_half_a_period_is_half_to_the_second() -> None:
    january = span("2025-01-01", "2025-02-01")

    assert january.since(at("2025-01-16T12:00:00")).share_of(january) == Fraction(1, 2)


def test_an_hour_over_a_change_of_clocks_is_an_hour() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = Period(datetime(2025, 3, 30, 1, 30, tzinfo=berlin), datetime(2025, 3, 30, 3, 30, tzinfo=berlin))

    assert night.microseconds == 3600 * 10**6


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        as_utc(datetime(2025, 1, 1))  # noqa: DTZ001 - this is the wrong input under test


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        span("2025-02-01", "2025-01-01")


def test_an_instant_outside_cannot_cut_a_period() -> None:
    with pytest.raises(ValueError, match="outside"):
        span("2025-01-01", "2025-02-01").since(at("2025-02-02"))


def test_an_empty_period_has_no_shares() -> None:
    empty = span("2025-01-01", "2025-01-01")

    with pytest.raises(ValueError, match="without length"):
        empty.share_of(empty)


def every_instant_lies_in_exactly_one_period(anchor: datetime, interval: Interval, instant: datetime) -> None:
    period = period_containing(anchor=anchor, interval=interval, instant=instant)
    before = period_containing(anchor=anchor, interval=interval, instant=period.start - timedelta(microseconds=1))
    after = next_period(anchor=anchor, interval=interval, period=period)

    assert period.holds(as_utc(instant))
    assert before.end == period.start
    assert period.end == after.start
    assert not before.holds(as_utc(instant))
    assert not after.holds(as_utc(instant))


def ten_years_of_periods_leave_no_gap(anchor: datetime, interval: Interval) -> None:
    count = 120 // MONTHS_OF[interval]
    first = period_containing(anchor=anchor, interval=interval, instant=anchor)
    periods = [first]
    for _ in range(count - 1):
        periods.append(next_period(anchor=anchor, interval=interval, period=periods[-1]))

    assert periods[0].start == as_utc(anchor)
    assert all(left.end == right.start for left, right in pairwise(periods))
    assert sum(p.microseconds for p in periods) == Period(periods[0].start, periods[-1].end).microseconds
    zone = anchor.tzinfo
    assert zone is not None
    starts = [p.start.astimezone(zone) for p in periods]
    wall = as_utc(anchor).astimezone(zone)  # an anchor in the hour that the clocks skip is an hour later
    assert max(start.day for start in starts) in {wall.day, anchor.day} or interval == "year"
    for start in starts:
        asked = start.replace(hour=anchor.hour, minute=anchor.minute)
        skipped = as_utc(asked).astimezone(zone).hour != anchor.hour
        assert start.minute == anchor.minute
        assert skipped or start.hour == anchor.hour


@given(instants | month_ends, intervals, instants)
def test_every_instant_lies_in_exactly_one_period(anchor: datetime, interval: Interval, instant: datetime) -> None:
    every_instant_lies_in_exactly_one_period(anchor, interval, instant)


@given(instants | month_ends, intervals)
def test_ten_years_of_periods_leave_no_gap(anchor: datetime, interval: Interval) -> None:
    ten_years_of_periods_leave_no_gap(anchor, interval)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(instants | month_ends, intervals, instants)
def test_every_instant_lies_in_exactly_one_period_at_length(
    anchor: datetime, interval: Interval, instant: datetime
) -> None:
    every_instant_lies_in_exactly_one_period(anchor, interval, instant)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(instants | month_ends, intervals)
def test_ten_years_of_periods_leave_no_gap_at_length(anchor: datetime, interval: Interval) -> None:
    ten_years_of_periods_leave_no_gap(anchor, interval)


@given(instants | month_ends, intervals, st.lists(st.fractions(0, 1), max_size=6))
def test_the_parts_of_a_cut_period_add_up_to_the_whole(
    anchor: datetime, interval: Interval, places: list[Fraction]
) -> None:
    whole = period_containing(anchor=anchor, interval=interval, instant=anchor)
    inner = sorted(whole.start + timedelta(microseconds=int(place * whole.microseconds)) for place in places)

    parts = [Period(left, right) for left, right in pairwise([whole.start, *inner, whole.end])]

    assert sum(part.share_of(whole) for part in parts) == 1
