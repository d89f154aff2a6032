"""Messages, money, numbers and dates in the reader's language."""

import copy
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_interval
from babel.lists import format_list
from babel.numbers import NumberPattern, format_compact_decimal, format_currency, format_decimal, format_percent

from recommender.billing.money import decimal_places
from recommender.billing.periods import Period
from serving.words.locales import LOCALES, LocaleCode

MESSAGES_FOLDER: Final = Path(__file__).parent

_KEPT: Final = 4_096
"""The most figures of one kind whose text is kept: the same few prices and limits are said again and again."""

_MILLION: Final = 1_000_000
"""From here on a sentence says a number in short ("1,2 Mio.")."""

_LOCALES: Final[Mapping[LocaleCode, Locale]] = {code: Locale.parse(code) for code in LOCALES}


@cache
def messages(locale: LocaleCode) -> Mapping[str, str]:
    """The message table of a language: dotted key → text with `{placeholders}`."""
    read: dict[str, str] = json.loads((MESSAGES_FOLDER / f"messages.{locale}.json").read_text(encoding="utf-8"))
    return read


def say(locale: LocaleCode, key: str, /, **params: object) -> str:
    """Format a message of this language with its parameters.

    A message with plural forms (`key.one`, `key.other`, or `key.many` beside `key`) is chosen by `params["count"]`.
    Raises `KeyError` for an unknown key or a missing parameter; a test compares the keys of the languages.
    """
    table = messages(locale)
    text = table.get(f"{key}.{_plural_form(locale, params['count'])}") if "count" in params else None
    if text is None:
        text = table[key] if key in table else table[f"{key}.other"]
    if not params:
        return text
    return text.format_map({name: _formatted(locale, value) for name, value in params.items()})


def known(locale: LocaleCode, key: str) -> bool:
    """Whether this language has the message, with or without plural forms."""
    table = messages(locale)
    return key in table or f"{key}.other" in table


def _plural_form(locale: LocaleCode, count: object) -> str:
    """The plural kind of a count: from a million on it is said in short, which counts as the whole millions do."""
    if not isinstance(count, (int, float)):
        return "other"
    counted = count if abs(count) < _MILLION else count // _MILLION * _MILLION
    return _LOCALES[locale].plural_form(counted)


def _formatted(locale: LocaleCode, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return number(locale, value)


@lru_cache(_KEPT)
def number(locale: LocaleCode, value: float) -> str:
    """A number with the separators of the language and at most two decimals."""
    return format_decimal(value, format="#,##0.##", locale=_LOCALES[locale])


@lru_cache(_KEPT)
def percent(locale: LocaleCode, share: float) -> str:
    """A share in whole percent ("85 %", "85%"); what is less than one of them, but not nothing, says so ("< 1 %")."""
    if 0 < share < 0.01:
        return f"< {percent(locale, 0.01)}"
    return format_percent(share, locale=_LOCALES[locale])


@lru_cache(_KEPT)
def money(locale: LocaleCode, amount_cents: int, currency: str, *, decimals: bool = False) -> str:
    """An amount of money; a whole amount has no decimals ("190 €", "€190") unless `decimals` is set.

    The decimals are those of ISO 4217, in which prices, invoices and books are kept; CLDR has fewer for some.
    """
    places = decimal_places(currency)
    amount = Decimal(amount_cents).scaleb(-places)
    shown = places if decimals or amount != amount.to_integral_value() else 0
    return _as_money(locale, amount, currency, decimals=(shown, shown))


def exact_money(locale: LocaleCode, cents: Decimal, currency: str) -> str:
    """A price that may be a part of a minor unit, with all of its decimals ("0,0125 €")."""
    places = decimal_places(currency)
    return _as_money(locale, cents.scaleb(-places), currency, decimals=(places, 10))


def _as_money(locale: LocaleCode, amount: Decimal, currency: str, *, decimals: tuple[int, int]) -> str:
    pattern = _money_pattern(locale, decimals)
    return format_currency(amount, currency, format=pattern, locale=_LOCALES[locale], currency_digits=False)


@cache
def _money_pattern(locale: LocaleCode, decimals: tuple[int, int]) -> NumberPattern:
    pattern: NumberPattern = copy.copy(_LOCALES[locale].currency_formats["standard"])
    pattern.frac_prec = decimals
    return pattern


@lru_cache(_KEPT)
def compact(locale: LocaleCode, value: float) -> str:
    """A number in short form: 950, 1k, 1,5k, 200M; at most one decimal, rounded down."""
    for size, suffix in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if value >= size:
            tenths = int(value * 10 // size)
            return format_decimal(Decimal(tenths) / 10, format="#,##0.#", locale=_LOCALES[locale]) + suffix
    return number(locale, value)


def about(locale: LocaleCode, value: float) -> str:
    """An estimate as people say it: two digits that count, and a sign that it is one (~38k, ~40M; 950 is exact)."""
    return number(locale, value) if value < 1_000 else f"~{compact(locale, rounded(value))}"


@lru_cache(_KEPT)
def in_short(locale: LocaleCode, value: float, *, decimals: int = 1) -> str:
    """A number for a sentence: in full below a million, from there on as the language shortens it ("58,3 Mio.")."""
    if abs(value) < _MILLION:
        return number(locale, value)
    return format_compact_decimal(value, format_type="short", locale=_LOCALES[locale], fraction_digits=decimals)


def roughly(locale: LocaleCode, value: float) -> str:
    """An estimate for a sentence, with two digits that count and without a sign: "36.000", "40 Mio."."""
    return in_short(locale, rounded(value))


def rounded(value: float) -> float:
    """An estimate rounded half up to two digits that count, or to whole thousands, millions … where that is finer."""
    if value < 1_000:
        return value
    digits = len(str(int(value)))
    step: int = min(10 ** max(digits - 2, 0), 1_000 ** ((digits - 1) // 3))
    return int(value + step / 2) // step * step


def listed(locale: LocaleCode, texts: Sequence[str]) -> str:
    """Several texts as one enumeration ("a, b und c")."""
    return format_list(list(texts), locale=_LOCALES[locale])


def day(locale: LocaleCode, instant: datetime, timezone: str) -> str:
    """The calendar day of an instant in a time zone, in long form ("22. November 2026")."""
    return long_date(locale, instant.astimezone(ZoneInfo(timezone)).date())


def long_date(locale: LocaleCode, date: date) -> str:
    """A date in long form; French writes the first of a month as an ordinal ("1er décembre 2026")."""
    pattern = "'1er' MMMM y" if locale == "fr" and date.day == 1 else "long"
    return format_date(date, format=pattern, locale=_LOCALES[locale])


def days(locale: LocaleCode, period: Period, timezone: str) -> str:
    """The days of a half-open period, the last one included ("15.–30. November 2026"); one day stands alone."""
    zone = ZoneInfo(timezone)
    first, last = (at.astimezone(zone).date() for at in (period.start, period.end - timedelta(microseconds=1)))
    if first >= last:
        return long_date(locale, first)
    return format_interval(first, last, skeleton="yMMMMd", locale=_LOCALES[locale])


def country_name(locale: LocaleCode, code: str) -> str:
    """The name of a country by its ISO 3166 code; the code itself where CLDR has no name."""
    return str(_LOCALES[locale].territories.get(code, code))
