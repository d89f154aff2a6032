"""Usage beyond an allowance, priced exactly per unit and rounded once."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, isinf

from recommender.billing.catalogue import Plan
from recommender.billing.money import round_half_away_from_zero

Units = int | float | Fraction
"""Whole units when metered, a float when projected; `math.inf` as an allowance means unlimited."""


@dataclass(frozen=True, slots=True)
class Overage:
    """What one metric used beyond its allowance; `amount_cents` is `None` when no more can be bought."""

    metric: str
    used: Units
    allowance: Units
    excess: Fraction
    price_cents: Fraction | None
    amount_cents: int | None


def excess_units(*, used: Units, allowance: Units) -> Fraction:
    """Units beyond the allowance, never below 0; `ValueError` for usage that is negative or not finite."""
    if not isfinite(used) or used < 0:
        raise ValueError(f"usage is a finite number from 0, not {used}")
    if isinf(allowance):
        return Fraction(0)
    return max(Fraction(used) - Fraction(allowance), Fraction(0))


def overage_cents(*, used: Units, allowance: Units, price_cents: Fraction) -> int:
    """Net minor units for the units beyond the allowance at an exact price per unit, rounded once."""
    return round_half_away_from_zero(excess_units(used=used, allowance=allowance) * price_cents)


def overages_on(plan: Plan, *, usage: Mapping[str, Units]) -> tuple[Overage, ...]:
    """Every renewable limit that a month of this usage would exceed on the plan, in the plan's order.

    `usage` maps a metric to the units of one month; a metric that is absent was not used.
    """
    found = []
    for limit in plan.limits:
        if limit.metric is None or not limit.renewable:
            continue
        used = usage.get(limit.metric, 0)
        excess = excess_units(used=used, allowance=limit.value)
        if not excess:
            continue
        price = plan.overage_cents.get(limit.metric)
        amount = None if price is None else round_half_away_from_zero(excess * price)
        found.append(Overage(limit.metric, used, limit.value, excess, price, amount))
    return tuple(found)
