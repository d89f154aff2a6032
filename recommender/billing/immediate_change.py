"""The settlement of a change that happens now: its lines, and the subscription that results.

Decided: a promotion in force goes along to a plan that it covers at the same interval, a new one replaces it.
A total below zero becomes a credit balance, tax included, which pays later charges.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from recommender.billing.catalogue import Interval, Plan, Promotion
from recommender.billing.discounts import covers, discount_cents
from recommender.billing.periods import period_containing
from recommender.billing.proration import Line, counted, full_period, net_cents, remaining_time, unused_time
from recommender.billing.quota import hold_from, hold_from_new_anchor
from recommender.billing.subscription import PaidTime, RunningDiscount, Subscription, Wish
from recommender.billing.tax import Buyer
from recommender.billing.taxed_lines import settled, taxed_change


def settle_now(
    *, subscription: Subscription, wish: Wish, buyer: Buyer | None, now: datetime, new_period_in: str | None
) -> tuple[tuple[Line, ...], Subscription]:
    """Credit for the old plan, charge for the new one, and the subscription held from this instant on.

    A whole period that starts now is charged, its boundaries in the time zone `new_period_in`; with `None` the rest of
    the running one. Without a `buyer` nothing is taxed.
    """
    code, price = wish.plan.code, wish.plan.price_cents[wish.interval]
    discount = discount_on(subscription, wish.plan, wish.interval, promotion=wish.promotion)
    off = discount_cents(discount.promotion, price_cents=price) if discount else 0
    old = subscription.paying_plan
    credit: tuple[Line, ...] = ()
    if old is not None:
        credit = counted(unused_time(subscription.paid, plan=old.code, period=subscription.period, now=now), old)
    anchor, zone = subscription.anchor, subscription.timezone
    if new_period_in is None:
        period = subscription.period
        charge = remaining_time(plan=code, price_cents=price, discount_cents=off, period=period, now=now)
        holdings = hold_from(subscription.holdings, plan=wish.plan, now=now)
    else:
        anchor, zone = now, new_period_in
        local = now.astimezone(ZoneInfo(zone))
        period = period_containing(anchor=local, interval=wish.interval, instant=now)
        charge = full_period(plan=code, price_cents=price, discount_cents=off, period=period)
        holdings = hold_from_new_anchor(subscription.holdings if old else (), plan=wish.plan, now=local)
    charge = counted(charge, wish.plan)
    lines = taxed_change(credit, charge, today=None if buyer is None else buyer.at(now))
    paid = PaidTime(price - off, net_cents(charge), taxed=lines[-1].taxed if lines else None)
    held, currency = subscription.credit_balance_cents, wish.currency
    lines, balance = settled(lines, balance_cents=held, currency=currency, plan=code, now=now)
    after = Subscription(
        status="active",
        period=period,
        plan=wish.plan,
        interval=wish.interval,
        catalogue_version=wish.catalogue_version,
        currency=wish.currency,
        anchor=anchor,
        timezone=zone,
        paid=paid,
        holdings=holdings,
        discount=discount,
        promotions_used=subscription.promotions_used | ({wish.promotion.code} if wish.promotion else set()),
        credit_balance_cents=balance,
    )
    return lines, after


def discount_on(
    subscription: Subscription, plan: Plan, interval: Interval, *, promotion: Promotion | None
) -> RunningDiscount | None:
    """The promotion asked for, else the one in force if it covers the wished plan; cycles of months are no years."""
    if promotion is not None:
        return RunningDiscount(promotion, promotion.cycles)
    running = subscription.discount
    if running is None or interval != subscription.interval:
        return None
    return running if covers(running.promotion, plan=plan, interval=interval) else None
