"""Versions of one plan: whether the plan held is sold on other terms now.

Decided: a version is new where what it costs or what it holds differs: price at the interval, price of usage beyond
the allowance, limits, features. A new name, text or sales window is no new version of what was sold.
Others: Stripe moves a subscription to any other price object, equal terms included.
"""

from recommender.billing.catalogue import Catalogue, Interval, Plan, QuantityNotSold, UnknownPlan
from recommender.billing.entitlements import differences


def same_terms(held: Plan, other: Plan, *, interval: Interval, at: Interval | None = None) -> bool:
    """Whether both versions of a plan cost and hold the same, in the numbers they are given in.

    Args:
        held: The plan as it was sold.
        other: The same plan of another catalogue version.
        interval: The interval of the plan held.
        at: That of the other one; `None`: the same.

    Returns:
        False where the price, a limit, a feature or the price of more usage differs, or a limit is in one only.

    Examples:
        >>> from dataclasses import replace
        >>> basic = Plan("basic", "Basic", "", "shop", 1, {"month": 19_000}, "", (), ())
        >>> same_terms(basic, replace(basic, name="Starter"), interval="month")
        True
        >>> same_terms(basic, replace(basic, price_cents={"month": 20_900}), interval="month")
        False
    """
    prices = held.price_cents.get(interval), other.price_cents.get(at or interval)
    limited = {limit.code for limit in held.limits}, {limit.code for limit in other.limits}
    differ = any(differences(current=held, target=other))
    return prices[0] == prices[1] and limited[0] == limited[1] and not differ and _overage(held) == _overage(other)


def newer_version(held: Plan, *, interval: Interval, on_sale: Catalogue) -> Plan | None:
    """The plan held as it is sold now, in the same number, where its terms have changed; else `None`.

    `None`, too, where it is not sold any more, not at this interval, or not in this number.
    """
    try:
        plan = on_sale.plan(held.code).of(held.quantity)
    except (UnknownPlan, QuantityNotSold):
        return None
    if interval not in plan.price_cents or same_terms(held, plan, interval=interval):
        return None
    return plan


def _overage(plan: Plan) -> dict[str, object]:
    return dict(plan.overage_cents)
