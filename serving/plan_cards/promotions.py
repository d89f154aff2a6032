"""Which offer is open to an organisation on a plan, and the price with it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from recommender.billing.catalogue import Catalogue, Interval, Plan, Promotion
from recommender.billing.discounts import discount_cents, promotion_refusals
from serving.accounts.account import Known
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.plans import Words
from serving.words.texts import day, say


def open_promotion(plan: Plan, interval: Interval, *, facts: Known, catalogue: Catalogue) -> Promotion | None:
    """The offer that takes most off the plan's price now and that the organisation has not used yet."""
    standing = facts.standing
    if (plan.code, interval) in {(standing.held.plan, standing.held.interval), standing.scheduled}:
        return None  # what is held or waits is not bought again, and its price is the one that is paid
    used = frozenset[str]() if standing.subscription is None else standing.subscription.promotions_used
    usable = [
        promotion
        for promotion in catalogue.promotions
        if not promotion_refusals(promotion, plan=plan, interval=interval, now=facts.at, used=used)
    ]
    price = plan.price_cents[interval]
    return max(usable, key=lambda each: (discount_cents(each, price_cents=price), each.code), default=None)


def promotion_answer(code: str | None, plan: Plan, interval: Interval, words: Words) -> dict[str, Any] | None:
    """The offer in words with the price that results; `None` without one, or when the catalogue no longer has it."""
    promotion = next((each for each in words.catalogue.promotions if each.code == code), None)
    if promotion is None:
        return None
    price = plan.price_cents[interval]
    return {
        "code": promotion.code,
        "text": _text(promotion, words),
        "price": words.price(price - discount_cents(promotion, price_cents=price), interval),
        "ends_at": None if promotion.window.end is None else utc_text(promotion.window.end),
    }


def promotion_text(promotion: Promotion, locale: str) -> str:
    """The offer's own line, in this language if it has one."""
    texts: Mapping[str, str] = promotion.texts
    return texts.get(locale) or next(iter(texts.values()), promotion.code)


def _text(promotion: Promotion, words: Words) -> str:
    text, end = promotion_text(promotion, words.locale), promotion.window.end
    return text if end is None else say(words.locale, "promotion.until", text=text, date=last_day(end, words.locale))


def last_day(end: datetime, locale: LocaleCode) -> str:
    """The last day before a half-open end, in UTC as the catalogue states it."""
    return day(locale, end.astimezone(UTC) - timedelta(microseconds=1), "UTC")
