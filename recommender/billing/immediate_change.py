"""The settlement of a change that happens now: its lines, and the subscription that results.

Decided: a promotion in force goes along to a plan that it covers at the same interval, a new one replaces it.
A negative net is not paid out: it becomes a credit balance, taken off later charges before tax.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from recommender.billing.catalogue import Interval, Plan, Promotion
from recommender.billing.discounts import covers, discount_cents
from recommender.billing.periods import period_containing
from recommender.billing.proration import Line, balance_used, full_period, net_cents, remaining_time, unused_time
from recommender.billing.quota import hold_from, hold_from_new_anchor
from recommender.billing.subscription import PaidTime, RunningDiscount, Subscription, Wish


def settle_now(
    *, subscription: Subscription, wish: Wish, now: datetime, new_period_in: str | None
) -> tuple[tuple[Line, ...], Subscription]:
    """Credit for the old plan, charge for the new one, and the subscription held from this instant on.

    A whole period that starts now is charged, its boundaries in the time zone `new_period_in`; with `None` the rest of
    the running one.
    """
    code, price = wish.plan.code, wish.plan.price_cents[wish.interval]
    discount = discount_on(subscription, wish.plan, wish.interval, promotion=wish.promotion)
    off = discount_cents(discount.promotion, price_cents=price) if discount else 0
    old = subscription.paying_plan
    credit = () if old is None else unused_time(subscription.paid, plan=old.code, period=subscription.period, now=now)
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
    balance = balance_used(subscription.credit_balance_cents, plan=code, net=net_cents((*credit, *charge)), now=now)
    lines = (*credit, *charge, *balance)
    after = Subscription(
        status="active",
        period=period,
        plan=wish.plan,
        interval=wish.interval,
        catalogue_version=wish.catalogue_version,
        currency=wish.currency,
        anchor=anchor,
        timezone=zone,
        paid=PaidTime(price_cents=price - off, charged_cents=net_cents(charge)),
        holdings=holdings,
        discount=discount,
        promotions_used=subscription.promotions_used | ({wish.promotion.code} if wish.promotion else set()),
        credit_balance_cents=subscription.credit_balance_cents + net_cents(balance) - min(net_cents(lines), 0),
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
