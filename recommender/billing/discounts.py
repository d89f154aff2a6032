"""Promotions: who may use one, and what it takes off a price.

Decided: a discount is taken off the whole period's price, rounded once, and only then prorated.
Others: Polar does the same for fixed amounts and accepts a drift of a cent for percentages.
"""

from datetime import datetime

from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import Interval, Plan, Promotion
from recommender.billing.money import round_half_away_from_zero


def promotion_refusals(
    promotion: Promotion, *, plan: Plan, interval: Interval, now: datetime, used: frozenset[str]
) -> tuple[Blocker, ...]:
    """Every reason why the promotion may not be used on a plan at an instant.

    Args:
        promotion: The offer.
        plan: The plan it is to be used on.
        interval: The billing interval of the plan.
        now: The instant, against which the offer's window is held.
        used: Codes of the promotions that the organisation has taken before: each is taken once.

    Returns:
        One blocker per reason; empty when the promotion may be used.
    """
    found = []
    if promotion.code in used:
        found.append(_refusal(promotion, "promotion_already_used"))
    if not covers(promotion, plan=plan, interval=interval):
        found.append(_refusal(promotion, "promotion_other_plan"))
    start, end = promotion.window.start, promotion.window.end
    if start is not None and now < start:
        found.append(_refusal(promotion, "promotion_not_yet_valid", clears_at=start))
    if end is not None and end <= now:
        found.append(_refusal(promotion, "promotion_expired"))
    return tuple(found)


def covers(promotion: Promotion, *, plan: Plan, interval: Interval) -> bool:
    """Whether the promotion is for this plan at this interval."""
    return plan.code in promotion.plans and interval in promotion.intervals


def discount_cents(promotion: Promotion, *, price_cents: int) -> int:
    """The reduction of a price by a promotion.

    Args:
        promotion: The offer, of a percentage or an amount.
        price_cents: The net price of one interval, in minor units.

    Returns:
        Minor units, rounded once, never more than the price.

    Raises:
        ValueError: The promotion has neither a percentage nor an amount.

    Examples:
        >>> from fractions import Fraction
        >>> from recommender.billing.catalogue import Window
        >>> plans, intervals = frozenset({"basic"}), frozenset({"month"})
        >>> welcome = Promotion("welcome", plans, intervals, Window(), Fraction(15), amount_cents=None, cycles=None)
        >>> discount_cents(welcome, price_cents=19_000)
        2850
    """
    if promotion.amount_cents is not None:
        return min(promotion.amount_cents, price_cents)
    if promotion.percent is None:
        raise ValueError(f"promotion {promotion.code} has neither a percentage nor an amount")
    return min(round_half_away_from_zero(price_cents * promotion.percent / 100), price_cents)


def _refusal(promotion: Promotion, code: str, *, clears_at: datetime | None = None) -> Blocker:
    return Blocker(code, "choose_without_promotion", "plans", subject=promotion.code, clears_at=clears_at)
