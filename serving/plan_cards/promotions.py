"""Promotions that an organisation may use on a plan, and the price with them."""

from recommender.billing.availability import offer_refusals
from recommender.billing.catalogue import Catalogue, Interval, Plan, Promotion
from recommender.billing.discounts import discount_cents
from serving.accounts.account import Snapshot
from serving.plan_cards.contracts import PlanPromotion
from serving.web.fields import utc_text
from serving.words.plans import Words
from serving.words.promotions import bookable_text, then_text


def open_promotion(plan: Plan, interval: Interval, *, snapshot: Snapshot, catalogue: Catalogue) -> Promotion | None:
    """The promotion with the largest discount now that is meant for the organisation and that it has not used."""
    current = snapshot.current
    if (plan.code, interval) in {(current.held.plan, current.held.interval), current.scheduled}:
        return None  # what is held or waits is not bought again, and its price is the one that is paid
    usable = [
        promotion
        for promotion in catalogue.promotions
        if not offer_refusals(snapshot.account, promotion, plan=plan, interval=interval, now=snapshot.at)
    ]
    price = plan.price_cents[interval]
    return max(usable, key=lambda each: (discount_cents(each, price_cents=price), each.code), default=None)


def promotion_answer(code: str | None, plan: Plan, interval: Interval, words: Words) -> PlanPromotion | None:
    """The promotion in words with the resulting price; `None` without one, or when the catalogue no longer has it."""
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
