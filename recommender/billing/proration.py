"""Proration: a change within a period credits unused time and charges the rest of the period, line by line.

Decided: shares are exact fractions of the period; each line is rounded once. A credit is one line: the share of the
discounted price, never more than was paid less what was given back. A charge is the full price's share, and beneath
it the discount that brings it to the discounted price's share: so charge and later credit agree to the cent.
Others: Stripe and Polar prorate to the second as here; Lago bills the day of a change twice (its August: 21 + 11 days
of 31); OpenMeter keeps an issued invoice and credits nothing. Not implemented: refunds to the payment method.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal

from recommender.billing.catalogue import Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import Period
from recommender.billing.subscription import PaidTime
from recommender.billing.tax import Treatment

LineKind = Literal[
    "unused_time",
    "remaining_time",
    "full_period",
    "overage",
    "rest_of_month",
    "discount",
    "credit_balance",
    "rounding",
    "carried",
]
SETTLING: Final = frozenset({"credit_balance", "rounding", "carried"})
"""Lines that sell nothing and are not taxed: what a balance pays of the total, what cannot be paid of it, and what is
carried to the next invoice (below 0) or from earlier ones (above)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a quote or an invoice, net: `amount_cents` is what is owed, negative in the customer's favour."""

    kind: LineKind
    plan: str
    period: Period
    amount_cents: int
    price_cents: int
    """Net price of the whole period that the share was taken of."""
    share: Fraction
    """Exact share of the period."""
    metric: str | None = None
    """The metric of an overage line, or of the rest of a month that is paid for its use."""
    units: int | None = None
    """Units of the metric on an overage line."""
    unit_price_cents: Fraction | None = None
    """Exact net price of one."""
    late: bool = False
    """Whether this usage was reported after its window had been billed."""
    taxed: Treatment | None = None
    """How it is taxed; `None`: a credit balance, which is taxed already, or no tax is asked for."""
    per: str | None = None
    """The thing that is priced by number, as in `Plan`; `None`: the price is of the whole plan."""
    quantity: int = 1
    """How many the price is of."""


def counted(lines: Iterable[Line], plan: Plan) -> tuple[Line, ...]:
    """The lines of a plan with how many of it are sold."""
    return tuple(replace(line, per=plan.per, quantity=plan.quantity) for line in lines)


def credit_cents(*, paid: PaidTime, share: Fraction) -> int:
    """The credit for a share of a paid period: minor units from 0 to what was paid and not yet returned."""
    return min(round_half_away_from_zero(paid.price_cents * share), paid.creditable_cents)


def unused_time(paid: PaidTime, *, plan: str, period: Period, now: datetime) -> tuple[Line, ...]:
    """The credit for the rest of a period that was paid for.

    Args:
        paid: What was charged for the period, and what of it was given back already.
        plan: Code of the plan that was paid for.
        period: The whole period.
        now: The instant from which on the time is unused.

    Returns:
        One line in the customer's favour; none for a free plan.

    Raises:
        ValueError: `now` lies outside the period.

    Examples:
        Half of June is left of a plan for 190 €:

        >>> from datetime import UTC
        >>> june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
        >>> paid = PaidTime(price_cents=19_000, charged_cents=19_000)
        >>> [line.amount_cents for line in unused_time(paid, plan="basic", period=june, now=june.start.replace(day=16))]
        [-9500]
    """
    rest = period.since(now)
    share = rest.share_of(period)
    credit = Line(
        "unused_time", plan, rest, -credit_cents(paid=paid, share=share), paid.price_cents, share, taxed=paid.taxed
    )
    return _priced(credit)


def remaining_time(
    *, plan: str, price_cents: int, discount_cents: int, period: Period, now: datetime
) -> tuple[Line, ...]:
    """The charge for the rest of a period, and beneath it the same share of the discount.

    Args:
        plan: Code of the plan that is charged.
        price_cents: Net price of the whole period, in minor units.
        discount_cents: What a promotion takes off that price, in minor units.
        period: The whole period.
        now: The instant from which on the plan is held.

    Returns:
        The charge and, where there is a discount, a negative line; together the share of the discounted price.

    Raises:
        ValueError: `now` lies outside the period.

    Examples:
        >>> from datetime import UTC
        >>> june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
        >>> middle = june.start.replace(day=16)
        >>> lines = remaining_time(plan="scale", price_cents=49_000, discount_cents=4_900, period=june, now=middle)
        >>> [(line.kind, line.amount_cents) for line in lines]
        [('remaining_time', 24500), ('discount', -2450)]
    """
    rest = period.since(now)
    share = rest.share_of(period)
    return _charge(Line("remaining_time", plan, rest, 0, price_cents, share), discount_cents=discount_cents)


def full_period(*, plan: str, price_cents: int, discount_cents: int, period: Period) -> tuple[Line, ...]:
    """The charge for a whole period, and beneath it the discount.

    Args:
        plan: Code of the plan that is charged.
        price_cents: Net price of the period, in minor units.
        discount_cents: What a promotion takes off, in minor units.
        period: The period that is paid in advance.

    Returns:
        The charge and, where there is a discount, a negative line; none for a free plan.
    """
    return _charge(Line("full_period", plan, period, 0, price_cents, Fraction(1)), discount_cents=discount_cents)


def balance_used(balance_cents: int, *, plan: str, due: int, now: datetime) -> tuple[Line, ...]:
    """The part of a charge that a credit balance pays.

    Args:
        balance_cents: Minor units in the customer's favour, tax included.
        plan: Code of the plan that is charged.
        due: The total of the charge, tax included, in minor units; a negative one needs no balance.
        now: The instant of the charge.

    Returns:
        One negative line, or none where nothing is used.
    """
    if not (used := min(balance_cents, max(due, 0))):
        return ()
    share = Fraction(used, balance_cents)
    return (Line("credit_balance", plan, Period(now, now), -used, -balance_cents, share),)


def net_cents(lines: Iterable[Line]) -> int:
    """The sum of the lines; negative when the customer is owed."""
    return sum(line.amount_cents for line in lines)


def _charge(unpriced: Line, *, discount_cents: int) -> tuple[Line, ...]:
    gross = round_half_away_from_zero(unpriced.price_cents * unpriced.share)
    net = round_half_away_from_zero((unpriced.price_cents - discount_cents) * unpriced.share)
    charge = replace(unpriced, amount_cents=gross)
    discount = replace(unpriced, kind="discount", amount_cents=net - gross, price_cents=-discount_cents)
    return _priced(charge, discount)


def _priced(*lines: Line) -> tuple[Line, ...]:
    """The lines that stand for a price; one that rounds to nothing stays, one for a free plan or no discount goes."""
    return tuple(line for line in lines if line.price_cents)
