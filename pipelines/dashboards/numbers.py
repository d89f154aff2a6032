"""Numbers, intervals and dates as texts in three languages."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent

from data_contracts.languages import Locale
from pipelines.metrics.declared import Unit
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.words import say
from recommender.billing.money import decimal_places

_YEAR: Final = timedelta(days=365)
NO_NUMBER: Final = "–"

_PERCENT: Final[dict[Locale, str]] = {"de": "#,##0.0\N{NO-BREAK SPACE}%", "fr": "#,##0.0\N{NARROW NO-BREAK SPACE}%"}
"""The formats of languages that put a space before the sign; it must not break the line."""

_SPANS: Final = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


def number(value: float | None, unit: Unit, *, locale: Locale, currency: str) -> str:
    """A number with its unit; a dash for none."""
    if value is None:
        return NO_NUMBER
    if unit == "share":
        return str(format_percent(value, format=_PERCENT.get(locale, "#,##0.0%"), locale=locale))
    if unit == "points":
        points = format_decimal(100 * value, format="+#,##0.0;-#,##0.0", locale=locale)
        return say(locale, "number.points", value=points)
    if unit == "cents":
        places = decimal_places(currency)
        return str(format_currency(round(value) / 10**places, currency, locale=locale))
    if unit in ("seconds", "milliseconds"):
        size, name = next(((size, name) for size, name in _SPANS if value >= size), _SPANS[-1])
        size, name = (1, "milliseconds") if unit == "milliseconds" else (size, name)
        count = format_decimal(round(value / size, 1), locale=locale)
        return say(locale, "number.day" if name == "days" and count == "1" else f"number.{name}", value=count)
    return str(format_decimal(round(value), locale=locale))


def axis_label(unit: Unit, *, locale: Locale, currency: str) -> str:
    """How an axis writes numbers of this unit: `{value}` with the unit; percent signs come from the number format."""
    if unit == "cents":
        return re.sub(r"\d(.*\d)?", "{value}", str(format_currency(0, currency, locale=locale)))
    return (
        say(locale, f"number.{unit}", value="{value}") if unit in ("points", "milliseconds", "seconds") else "{value}"
    )


def interval(estimate: Estimate, unit: Unit, *, locale: Locale, currency: str) -> str:
    """The interval of an estimate; empty when it has none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = (number(edge, unit, locale=locale, currency=currency) for edge in (estimate.low, estimate.high))
    return say(locale, "number.interval", low=low, high=high)


def p_value(value: float, *, locale: Locale) -> str:
    """A p-value with three significant digits."""
    return str(format_decimal(value, format="@##", locale=locale))


def short_day(value: date, *, locale: Locale) -> str:
    """A date without its year."""
    return str(format_skeleton("MMMd", value, locale=locale))


def day(value: date, *, locale: Locale) -> str:
    """A date with its year."""
    return str(format_date(value, format="medium", locale=locale))


def days(values: Sequence[date], *, locale: Locale) -> list[str]:
    """Dates, with their year only where they span a year or more."""
    spelled = day if values and max(values) - min(values) >= _YEAR else short_day
    return [spelled(each, locale=locale) for each in values]


def instant(value: datetime, *, locale: Locale) -> str:
    """An instant in UTC, marked as UTC."""
    return f"{format_datetime(value, format='short', tzinfo=None, locale=locale)} UTC"
