"""Usage beyond an allowance, priced exactly per unit and rounded once."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Final

from recommender.billing.catalogue import Plan
from recommender.billing.money import round_half_away_from_zero

Units = int | float | Fraction
"""Whole units when metered, a float when projected; `math.inf` as an allowance means unlimited."""
_NOTHING: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Overage:
    """Usage of one metric beyond its allowance; `amount_cents` is `None` when no more can be bought."""

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
    return Fraction(used) - Fraction(allowance) if used > allowance else _NOTHING


def overage_cents(*, used: Units, allowance: Units, price_cents: Fraction) -> int:
    """The price of the units beyond an allowance.

    Args:
        used: Units used, finite and not negative.
        allowance: Units included; `inf` without limit.
        price_cents: Exact net price of one unit, in minor units.

    Returns:
        Net minor units, rounded once.

    Raises:
        ValueError: Usage is negative or not finite.

    Examples:
        >>> overage_cents(used=51_001, allowance=50_000, price_cents=Fraction(4, 5))
        801
    """
    return round_half_away_from_zero(excess_units(used=used, allowance=allowance) * price_cents)


def overages_on(plan: Plan, *, usage: Mapping[str, Units]) -> tuple[Overage, ...]:
    """Every renewable limit that a month of this usage would exceed on the plan.

    Args:
        plan: The plan, with its limits and its prices for more.
        usage: Metric → units of one month; a metric that is absent was not used.

    Returns:
        One entry per exceeded limit, in the plan's order; its amount is `None` where no more can be bought.

    Raises:
        ValueError: Usage is negative or not finite.
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
