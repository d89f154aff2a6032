"""The price of a plan as one organisation is charged: as it was sold, with promotions, and what comes after them.

Decided: plans are compared by the mean of their next twelve months, each month at what is charged in it. A promotion
that ends within them counts for as long as it lasts; one that goes on longer counts in full. So does an announced move
to another version: until it the price held counts, then the one that was told. A running month or year counts as a
whole one.
Others: shops compare by the first invoice, which makes a plan look cheap that is dear from the fourth month on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
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
    """The price of a month of a plan from now on, net, in exact minor units; a year's price counts a twelfth."""

    now_cents: Fraction
    then_cents: Fraction
    """After `months`; the same where nothing changes."""
    months: int | None = None
    """For so many months `now_cents` is charged; `None`: for as long as the plan is held."""
    later: tuple[tuple[int, Fraction], ...] = ()
    """Later prices: after how many months from now, and the price of a month then."""

    @property
    def compared_cents(self) -> Fraction:
        """The mean of the next `COMPARED_MONTHS` months.

        Examples:
            >>> welcome = ChargedPrice(Fraction(16_150), Fraction(19_000), months=3)
            >>> float(welcome.compared_cents)
            18287.5
        """
        if self.months is None:
            return self.now_cents
        steps = ((0, self.now_cents), (self.months, self.then_cents), *self.later)
        starts = [min(month, COMPARED_MONTHS) for month, _ in steps]
        lasting = (end - start for start, end in pairwise((*starts, COMPARED_MONTHS)))
        return sum(months * cents for months, (_, cents) in zip(lasting, steps, strict=True)) / Fraction(
            COMPARED_MONTHS
        )

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
    """The promotion that it may choose the plan with; none on a plan that it holds or waits for."""


def charged_price(
    plan: Plan, interval: Interval, *, discount: RunningDiscount | None = None, moved: tuple[int, Plan] | None = None
) -> ChargedPrice:
    """The price of a month of the plan as it is charged from now on; `KeyError` for an interval that is not sold.

    Args:
        plan: As it is held, or would be.
        interval: At which it is paid.
        discount: The promotion in force.
        moved: After how many months it becomes which version of the plan, where that was announced.
    """
    months = MONTHS_OF[interval]
    lasts = None if discount is None or discount.cycles_left is None else discount.cycles_left * months

    def cents(month: int) -> Fraction:
        sold = plan if moved is None or month < moved[0] else moved[1]
        price, reduced = sold.price_cents[interval], lasts is None or month < lasts
        off = discount_cents(discount.promotion, price_cents=price) if discount is not None and reduced else 0
        return Fraction(price - off, months)

    changes = {0, *(() if lasts is None else (lasts,)), *(() if moved is None else (moved[0],))}
    steps: list[tuple[int, Fraction]] = []
    for month in sorted(changes):
        if not steps or steps[-1][1] != cents(month):
            steps.append((month, cents(month)))
    (_, now), *rest = steps
    if not rest:
        return ChargedPrice(now, Fraction(plan.price_cents[interval], months))
    return ChargedPrice(now, rest[0][1], rest[0][0], tuple(rest[1:]))


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
        return SoldPlan(mine, charged_price(mine, interval, discount=held.discount, moved=_announced(held)))
    if waiting is None or (waiting.plan.code, waiting.interval) != (plan.code, interval):
        return None
    discount = discount_on(held, waiting.plan, interval, promotion=waiting.promotion)
    return SoldPlan(waiting.plan, charged_price(waiting.plan, interval, discount=discount))


def _announced(held: Subscription) -> tuple[int, Plan] | None:
    """After how many months, the running period counted whole, which version of the plan follows by announcement."""
    move, at, anchor = held.announced, held.moves_at, held.local_anchor
    if move is None or at is None or anchor is None:
        return None
    start, end = (instant.astimezone(anchor.tzinfo) for instant in (held.period.start, at))
    return 12 * (end.year - start.year) + end.month - start.month, move.plan
