"""The end of a promotion in words: the price now, for how long, and the price after it."""

from dataclasses import dataclass
from datetime import datetime

from data_contracts.intervals import MONTHS_OF
from recommender.billing.periods import boundary
from recommender.billing.renewal import renew
from recommender.billing.subscription import Subscription


@dataclass(frozen=True, slots=True)
class PromotionEnd:
    """From this instant on the plan costs its full price again."""

    at: datetime
    price_cents: int
    """Net price of one whole interval from then on, in minor units."""


def promotion_end_of(subscription: Subscription) -> PromotionEnd | None:
    """When the promotion in force runs out, on what is held or waits; `None` without one, and for one without end.

    A promotion of three monthly cycles, the first of them begun on 31 January, ends on 30 April.
    """
    if not subscription.is_renewed:
        return None
    held = subscription if subscription.coming is None else renew(subscription).after
    plan, interval, anchor, running = held.plan, held.interval, held.local_anchor, held.discount
    if plan is None or interval is None or anchor is None or running is None or running.cycles_left is None:
        return None
    start = held.period.start.astimezone(anchor.tzinfo)
    months = 12 * (start.year - anchor.year) + start.month - anchor.month
    number = months // MONTHS_OF[interval] + running.cycles_left
    at, move = boundary(anchor=anchor, interval=interval, number=number), held.announced
    then = plan if move is None or at < move.not_before else move.plan
    return PromotionEnd(at, then.price_cents[interval])
