"""What a plan really costs one organisation: as it was sold, with promotions, and what comes after them.

Decided: plans are compared by the mean of their next twelve months, each month at what is charged in it. A promotion
that ends within them counts for as long as it lasts; one that goes on longer counts in full. A running month or year
counts as a whole one.
Others: shops compare by the first invoice, which makes a plan look cheap that is dear from the fourth month on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final

from data_contracts.intervals import MONTHS_OF
from recommender.billing.account import Account
from recommender.billing.availability import offer_refusals
from recommender.billing.catalogue import Interval, Plan, Promotion
from recommender.billing.discounts import discount_cents
from recommender.billing.immediate_change import discount_on
from recommender.billing.subscription import RunningDiscount, Subscription

COMPARED_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class ChargedPrice:
    """What a month of a plan costs from now on, net, in exact minor units; a year's price counts a twelfth."""

    now_cents: Fraction
    then_cents: Fraction
    """After `months`; the same where nothing changes."""
    months: int | None = None
    """For so many months `now_cents` is charged; `None`: for as long as the plan is held."""

    @property
    def compared_cents(self) -> Fraction:
        """The mean of the next `COMPARED_MONTHS` months.

        Examples:
            >>> welcome = ChargedPrice(Fraction(16_150), Fraction(19_000), months=3)
            >>> float(welcome.compared_cents)
            18287.5
        """
        reduced = COMPARED_MONTHS if self.months is None else min(self.months, COMPARED_MONTHS)
        rest = COMPARED_MONTHS - reduced
        return (reduced * self.now_cents + rest * self.then_cents) / COMPARED_MONTHS

    @property
    def averaged(self) -> bool:
        """Whether what is compared is not what is charged now."""
        return self.compared_cents != self.now_cents


@dataclass(frozen=True, slots=True)
class SoldPlan:
    """A plan as one organisation has it, or would get it now."""

    plan: Plan
    price: ChargedPrice
    promotion: Promotion | None = None
    """What it may choose the plan with; none on a plan that it holds or waits for."""


def charged_price(plan: Plan, interval: Interval, *, discount: RunningDiscount | None = None) -> ChargedPrice:
    """The price of a month of the plan under a promotion, and after it; `KeyError` for an interval that is not sold."""
    price, months = plan.price_cents[interval], MONTHS_OF[interval]
    off = 0 if discount is None else discount_cents(discount.promotion, price_cents=price)
    lasts = None if discount is None or discount.cycles_left is None or not off else discount.cycles_left * months
    return ChargedPrice(Fraction(price - off, months), Fraction(price, months), lasts)


def sold_to(
    account: Account, plan: Plan, interval: Interval, *, promotions: Sequence[Promotion], now: datetime
) -> SoldPlan:
    """The plan as this account has it, waits for it, or would get it now; `KeyError` for an interval that is not sold.

    What is held has the price of the version that was sold, its number of seats and the promotion in force. Otherwise
    the best promotion that the account may use counts, else one in force that goes along.
    """
    held = account.subscription
    agreed = None if held is None else _agreed(held, plan, interval)
    if agreed is not None:
        return agreed
    plan = account.sized(plan)
    priced: list[tuple[Fraction, str, SoldPlan]] = []
    for each in promotions:
        if not offer_refusals(account, each, plan=plan, interval=interval, now=now):
            price = charged_price(plan, interval, discount=RunningDiscount(each, each.cycles))
            priced.append((price.compared_cents, each.code, SoldPlan(plan, price, each)))
    if priced:
        return min(priced, key=lambda found: found[:2])[2]
    running = None if held is None else discount_on(held, plan, interval, promotion=None)
    return SoldPlan(plan, charged_price(plan, interval, discount=running))


def _agreed(held: Subscription, plan: Plan, interval: Interval) -> SoldPlan | None:
    """The plan as it is held, or as it was agreed for the period's end; `None` for any other."""
    mine, waiting = held.paying_plan, held.scheduled
    if mine is not None and (mine.code, held.interval) == (plan.code, interval):
        return SoldPlan(mine, charged_price(mine, interval, discount=held.discount))
    if waiting is None or (waiting.plan.code, waiting.interval) != (plan.code, interval):
        return None
    discount = discount_on(held, waiting.plan, interval, promotion=waiting.promotion)
    return SoldPlan(waiting.plan, charged_price(waiting.plan, interval, discount=discount))
