"""Promotions in words: discount, duration, the price after it, and the last day to take it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from recommender.billing.catalogue import Interval, Plan, Promotion
from recommender.billing.discounts import discount_cents
from serving.words.locales import LocaleCode
from serving.words.plans import Words
from serving.words.texts import day, say


def promotion_text(promotion: Promotion, locale: str) -> str:
    """The promotion's own text, in this language if it has one."""
    texts: Mapping[str, str] = promotion.texts
    return texts.get(locale) or next(iter(texts.values()), promotion.code)


def bookable_text(promotion: Promotion, locale: LocaleCode) -> str:
    """The promotion's own text with the last day on which it can be taken."""
    text, end = promotion_text(promotion, locale), promotion.window.end
    return text if end is None else say(locale, "promotion.until", text=text, date=last_day(end, locale))


def promotion_terms(promotion: Promotion, plan: Plan, interval: Interval, words: Words) -> str:
    """The whole price in one sentence: "161,50 €/Monat in den ersten 3 Monaten, danach 190 €/Monat zzgl. MwSt."."""
    params = {name: words.price(cents, interval)["text"] for name, cents in _prices(promotion, plan, interval).items()}
    return _said("promotion.terms", promotion, interval, words, params)


def then_text(promotion: Promotion, plan: Plan, interval: Interval, words: Words) -> str:
    """The duration of the discounted price, and the price after it."""
    amount = words.money(_prices(promotion, plan, interval)["then"])
    return _said(
        "promotion.then",
        promotion,
        interval,
        words,
        {"then": say(words.locale, f"price.{interval}.short", amount=amount)},
    )


def _prices(promotion: Promotion, plan: Plan, interval: Interval) -> dict[str, int]:
    full = plan.price_cents[interval]
    return {"now": full - discount_cents(promotion, price_cents=full), "then": full}


def _said(key: str, promotion: Promotion, interval: Interval, words: Words, params: Mapping[str, str]) -> str:
    if promotion.cycles is None:
        return say(words.locale, f"{key}.always", **params)
    return say(words.locale, f"{key}.{interval}", count=promotion.cycles, **params)


def last_day(end: datetime, locale: LocaleCode) -> str:
    """The last day before a half-open end, in UTC as the catalogue states it."""
    return day(locale, end.astimezone(UTC) - timedelta(microseconds=1), "UTC")
