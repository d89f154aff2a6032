"""Periods are half-open spans of UTC time, cut along an anchor that never forgets its day.

Decided: a boundary is always counted from the anchor, never from the boundary before it, so 31 January bills on
28 February, 31 March and 30 April. Its day and hour are those of the anchor's own time zone: who starts on 1 September
at 00:30 in Berlin is billed on the 1st, in winter too. Lengths are exact to the microsecond, hence also to the second.
Others: Kill Bill and Lago count days in the customer's zone and must decide whom the day of a change belongs to;
Stripe and Polar count seconds in UTC, so their day may change with the clocks.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from data_contracts.intervals import MONTHS_OF, Interval

_MICROSECOND: Final = timedelta(microseconds=1)


def as_utc(instant: datetime) -> datetime:
    """Convert an instant to UTC.

    Python subtracts two datetimes of one zone by their wall clocks, an hour wrong over a change of the clocks.
    In UTC the wall clock is the time that passed.

    Args:
        instant: An instant with a time zone.

    Returns:
        The same instant in UTC.

    Raises:
        ValueError: The instant has no time zone.
    """
    if instant.utcoffset() is None:
        raise ValueError(f"{instant!r} has no time zone")
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time: `start` belongs to it, `end` belongs to the next period. Both become UTC.

    Raises:
        ValueError: The end lies before the start, or an instant has no time zone.

    Examples:
        >>> june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
        >>> june.since(datetime(2025, 6, 16, tzinfo=UTC)).share_of(june)
        Fraction(1, 2)
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start))
        object.__setattr__(self, "end", as_utc(self.end))
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    @property
    def microseconds(self) -> int:
        """The exact length of the period."""
        return (self.end - self.start) // _MICROSECOND

    def holds(self, instant: datetime) -> bool:
        """Whether the instant lies in the period."""
        return self.start <= instant < self.end

    def until(self, instant: datetime) -> "Period":
        """The part before the instant; `ValueError` when the instant lies outside."""
        return Period(self.start, self._inside(instant))

    def since(self, instant: datetime) -> "Period":
        """The part from the instant on; `ValueError` when the instant lies outside."""
        return Period(self._inside(instant), self.end)

    def share_of(self, whole: "Period") -> Fraction:
        """Its length as an exact fraction of the whole's; `ValueError` for a whole without length."""
        if not whole.microseconds:
            raise ValueError("a period without length has no shares")
        return Fraction(self.microseconds, whole.microseconds)

    def _inside(self, instant: datetime) -> datetime:
        utc = as_utc(instant)
        if not self.start <= utc <= self.end:
            raise ValueError(f"{utc} lies outside {self.start} … {self.end}")
        return utc


def boundary(*, anchor: datetime, interval: Interval, number: int) -> datetime:
    """The instant at which a period along the anchor begins; a day that the month lacks becomes its last day.

    Args:
        anchor: The start of period 0; its day and hour in its time zone are remembered.
        interval: The length of every period.
        number: The number of the period, from 0; negative before the anchor.

    Returns:
        The start of that period, in UTC.

    Examples:
        >>> january = datetime(2025, 1, 31, tzinfo=UTC)
        >>> [boundary(anchor=january, interval="month", number=number).day for number in range(4)]
        [31, 28, 31, 30]
    """
    as_utc(anchor)
    years, month = divmod(anchor.month - 1 + number * MONTHS_OF[interval], 12)
    year, month = anchor.year + years, month + 1
    return as_utc(anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1])))


def period_containing(*, anchor: datetime, interval: Interval, instant: datetime) -> Period:
    """The one period along the anchor that holds the instant, also before the anchor.

    Args:
        anchor: The start of one of the periods.
        interval: The length of every period.
        instant: The instant to be found.

    Returns:
        The period with `start <= instant < end`.

    Examples:
        >>> anchor, instant = datetime(2025, 1, 31, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)
        >>> period = period_containing(anchor=anchor, interval="month", instant=instant)
        >>> period.start.day, period.end.day
        (28, 31)
    """
    utc = as_utc(instant)
    local = utc.astimezone(anchor.tzinfo)
    number = ((local.year - anchor.year) * 12 + local.month - anchor.month) // MONTHS_OF[interval]
    while boundary(anchor=anchor, interval=interval, number=number) > utc:
        number -= 1
    while (end := boundary(anchor=anchor, interval=interval, number=number + 1)) <= utc:
        number += 1
    return Period(boundary(anchor=anchor, interval=interval, number=number), end)


def next_period(*, anchor: datetime, interval: Interval, period: Period) -> Period:
    """The period that begins where this one ends, on the day the anchor remembers."""
    return period_containing(anchor=anchor, interval=interval, instant=period.end)
