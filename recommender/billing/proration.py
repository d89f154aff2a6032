"""What a change within a period costs: unused time back, the rest of the time charged, line by line.

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
from typing import Literal

from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import Period
from recommender.billing.subscription import PaidTime

LineKind = Literal["unused_time", "remaining_time", "full_period", "overage", "discount", "credit_balance"]


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
    """What an overage line counts."""
    units: int | None = None
    """How many units of it."""
    unit_price_cents: Fraction | None = None
    """Exact net price of one."""
    late: bool = False
    """Whether this usage was reported after its window had been billed."""


def credit_cents(*, paid: PaidTime, share: Fraction) -> int:
    """What this share of a paid period is worth in credit: minor units from 0 to what was paid and not yet returned."""
    return min(round_half_away_from_zero(paid.price_cents * share), paid.creditable_cents)


def unused_time(paid: PaidTime, *, plan: str, period: Period, now: datetime) -> tuple[Line, ...]:
    """The credit for the rest of a period that was paid for; no line for a free plan."""
    rest = period.since(now)
    share = rest.share_of(period)
    credit = Line("unused_time", plan, rest, -credit_cents(paid=paid, share=share), paid.price_cents, share)
    return _priced(credit)


def remaining_time(
    *, plan: str, price_cents: int, discount_cents: int, period: Period, now: datetime
) -> tuple[Line, ...]:
    """The charge for the rest of a period, and its share of the discount on the whole period's price."""
    rest = period.since(now)
    share = rest.share_of(period)
    return _charge(Line("remaining_time", plan, rest, 0, price_cents, share), discount_cents=discount_cents)


def full_period(*, plan: str, price_cents: int, discount_cents: int, period: Period) -> tuple[Line, ...]:
    """The charge for a whole period, and the discount on it."""
    return _charge(Line("full_period", plan, period, 0, price_cents, Fraction(1)), discount_cents=discount_cents)


def balance_used(balance_cents: int, *, plan: str, net: int, now: datetime) -> tuple[Line, ...]:
    """What a credit balance pays of a net charge."""
    if not (used := min(balance_cents, max(net, 0))):
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
