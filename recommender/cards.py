"""One plan card: the plan's place, the reasons for it, its bill at this organisation's usage, and how it can be taken.

Codes, figures and instants only; the words are added where the language is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isinf
from typing import Final

from data_contracts.usage import METRICS
from recommender.billing.account import Account
from recommender.billing.availability import Selection, selection
from recommender.billing.catalogue import Interval, Limit, Plan
from recommender.billing.charged import ChargedPrice
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.overage import Overage, Units, overages_on
from recommender.billing.subscription import Wish
from recommender.ranking.derived import Facts
from recommender.ranking.explanation import Reason
from recommender.ranking.exploration import ShownPlan
from recommender.ranking.usage_range import NORMAL, UsageRange

VOLUMES: Final = ("conversations", "ai_tokens")
"""Metrics that may stand for a plan's volume on a card: the first of these that the plan limits."""


@dataclass(frozen=True, slots=True)
class ProjectedBill:
    """The cost of one month of this organisation's own usage on the plan, net, in minor units."""

    amount_cents: int
    """Price of a month, as it is charged at first, plus `overage_cents`."""
    overage_cents: int
    low_cents: int
    """The bill at the lower end of the usage's 80 % range; never above `amount_cents`."""
    high_cents: int
    """The bill at its upper end; never below `amount_cents`."""
    exceeded: tuple[str, ...]
    """Metrics whose allowance would not do and of which no more can be bought."""
    days: int
    """Days of usage that the projection rests on."""
    compared_cents: int
    """The mean of the next twelve months, promotions and their end included: by it plans are compared."""
    months: int | None = None
    """For so many months a promotion holds; `None`: the bill stays what it is."""
    then_cents: int | None = None
    """The bill after that."""
    usage_known: bool = True
    """False: no usage was reported, or none lately; the bill is the price alone."""


@dataclass(frozen=True, slots=True)
class MonthlyUsage:
    """Metric → whole units of a month: what is expected, and the ends of the range that holds 80 % of months."""

    expected: Mapping[str, Units]
    low: Mapping[str, Units]
    high: Mapping[str, Units]
    most: Mapping[str, Units]
    """80 % of months stay below it: the upper end for a plan that costs no less at the lower end than unused."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One limit of the plan, as a key figure or as a line of the feature list."""

    code: str
    metric: str | None
    value: float | None
    """`None`: without limit."""
    unit: str
    renewable: bool


@dataclass(frozen=True, slots=True)
class PlanCard:
    """Everything on one card that does not depend on a language."""

    plan: Plan
    place: ShownPlan
    interval: Interval
    price_cents: int
    """Net price of one interval."""
    metrics: tuple[Figure, ...]
    limits: tuple[Figure, ...]
    included: tuple[str, ...]
    """Codes of the features that the plan includes, as declared."""
    reasons: tuple[Reason, ...]
    projected_bill: ProjectedBill
    selection: Selection

    @property
    def recommended(self) -> bool:
        """Whether the plan of this card is recommended: it stands first."""
        return self.place.position == 1


def plan_card(
    *,
    wish: Wish,
    price: ChargedPrice,
    place: ShownPlan,
    account: Account,
    usage: MonthlyUsage,
    days: int,
    reasons: Sequence[Reason],
    now: datetime,
) -> PlanCard:
    """Put one card together, with the price as it is charged; `KeyError` for an interval that is not sold."""
    plan, interval = wish.plan, wish.interval
    return PlanCard(
        plan=plan,
        place=place,
        interval=interval,
        price_cents=plan.price_cents[interval],
        metrics=tuple(map(_figure, key_limits(plan))),
        limits=tuple(map(_figure, plan.limits)),
        included=tuple(feature.code for feature in plan.features if feature.included),
        reasons=tuple(reasons),
        projected_bill=projected_bill(plan=plan, price=price, usage=usage, days=days),
        selection=selection(account=account, wish=wish, now=now),
    )


def projected_bill(*, plan: Plan, price: ChargedPrice, usage: MonthlyUsage, days: int) -> ProjectedBill:
    """The bill of a month at the price as it is charged; each line is rounded once, half away from zero.

    A bill never falls with usage, so the ends of its range are the bills at the ends of the usage's range. Where the
    lower one is the price alone, no bill is below it, and the upper one is what 80 % of months stay below. Several
    metrics are taken to be low or high together.
    """
    first, compared, then = (
        round_half_away_from_zero(each) for each in (price.now_cents, price.compared_cents, price.then_cents)
    )
    overages = overages_on(plan, usage=usage.expected)
    overage = _total(overages)
    least = _total(overages_on(plan, usage=usage.low))
    most = _total(overages_on(plan, usage=usage.high if least else usage.most))
    return ProjectedBill(
        amount_cents=first + overage,
        overage_cents=overage,
        low_cents=first + least,
        high_cents=first + most,
        exceeded=tuple(each.metric for each in overages if each.amount_cents is None),
        days=days if usage.expected else 0,
        compared_cents=compared + overage,
        months=price.months,
        then_cents=None if price.months is None else then + overage,
        usage_known=bool(usage.expected),
    )


def _total(overages: Sequence[Overage]) -> int:
    """The price of the overages that can be bought, in minor units."""
    return sum(each.amount_cents or 0 for each in overages)


def projected_usage(facts: Facts, *, usage_range: UsageRange = NORMAL) -> MonthlyUsage:
    """The projection of the one organisation of `facts`, for the metrics of which something is known, and lately."""
    projection = facts.projection
    ends = usage_range.ends(projection, days=facts.history_days)
    known: list[tuple[int, str]] = [(i, metric) for i, metric in enumerate(METRICS) if facts.usage_known[0, i]]
    return MonthlyUsage(
        *({metric: int(values[0, column]) for column, metric in known} for values in (projection.monthly, *ends))
    )


def key_limits(plan: Plan) -> tuple[Limit, ...]:
    """The two limits that stand out: the volume, and the assistants; further limits where a plan has neither.

    The volume is conversations; a plan that limits tokens but not conversations is sold by tokens.
    """
    of = {limit.metric: limit for limit in reversed(plan.limits) if limit.metric is not None}
    volumes = [of[metric] for metric in VOLUMES if metric in of]
    volume = next((limit for limit in volumes if not isinf(limit.value)), volumes[0] if volumes else None)
    chosen = [limit for limit in (volume, of.get("assistants")) if limit is not None]
    others = [limit for limit in plan.limits if limit not in chosen and limit.metric not in VOLUMES]
    return tuple((chosen + others)[:2])


def _figure(limit: Limit) -> Figure:
    value = None if isinf(limit.value) else limit.value
    return Figure(limit.code, limit.metric, value, limit.unit, limit.renewable)
