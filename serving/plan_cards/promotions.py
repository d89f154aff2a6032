"""The price that an organisation is charged for a plan, and the promotion that it may use, in words."""

from functools import partial

from recommender.billing.catalogue import Catalogue, Interval, Plan, Promotion
from recommender.billing.charged import SoldPlan, sold_to
from recommender.billing.discounts import discount_cents
from serving.accounts.account import Snapshot
from serving.plan_cards.contracts import PlanPromotion
from serving.web.fields import utc_text
from serving.words.plans import Words
from serving.words.promotions import bookable_text, then_text


def sold_plan(plan: Plan, interval: Interval, *, snapshot: Snapshot, catalogue: Catalogue) -> SoldPlan:
    """The plan as the organisation has it or would get it now, with its price and the promotion to take it with."""
    return sold_to(snapshot.account, plan, interval, promotions=catalogue.promotions, now=snapshot.at)


def promotion_answer(code: str | None, plan: Plan, interval: Interval, words: Words) -> PlanPromotion | None:
    """The promotion in words with the resulting price; `None` without one, or when the catalogue no longer has it."""
    promotion = next((each for each in words.catalogue.promotions if each.code == code), None)
    if promotion is None:
        return None
    make = partial(_promotion_answer, promotion, plan, interval, words)
    return words.once(f"promotion {code} by the {interval}", (plan,), make)


def _promotion_answer(promotion: Promotion, plan: Plan, interval: Interval, words: Words) -> PlanPromotion:
    price = plan.price_cents[interval]
    return {
        "code": promotion.code,
        "text": bookable_text(promotion, words.locale),
        "price": words.price(price - discount_cents(promotion, price_cents=price), interval),
        "cycles": promotion.cycles,
        "then_text": then_text(promotion, plan, interval, words),
        "ends_at": None if promotion.window.end is None else utc_text(promotion.window.end),
    }
