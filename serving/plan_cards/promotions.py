"""Which offer is open to an organisation on a plan, and the price with it."""

from typing import Any

from recommender.billing.availability import offer_refusals
from recommender.billing.catalogue import Catalogue, Interval, Plan, Promotion
from recommender.billing.discounts import discount_cents
from serving.accounts.account import Known
from serving.web.fields import utc_text
from serving.words.plans import Words
from serving.words.promotions import bookable_text, then_text


def open_promotion(plan: Plan, interval: Interval, *, facts: Known, catalogue: Catalogue) -> Promotion | None:
    """The offer that takes most off the plan's price now, is meant for the organisation and was not used by it yet."""
    standing = facts.standing
    if (plan.code, interval) in {(standing.held.plan, standing.held.interval), standing.scheduled}:
        return None  # what is held or waits is not bought again, and its price is the one that is paid
    usable = [
        promotion
        for promotion in catalogue.promotions
        if not offer_refusals(facts.account, promotion, plan=plan, interval=interval, now=facts.at)
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
        "text": bookable_text(promotion, words.locale),
        "price": words.price(price - discount_cents(promotion, price_cents=price), interval),
        "cycles": promotion.cycles,
        "then_text": then_text(promotion, plan, interval, words),
        "ends_at": None if promotion.window.end is None else utc_text(promotion.window.end),
    }
