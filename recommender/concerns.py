"""What speaks against a plan for one organisation: plain facts of its usage, its integrations and its bill.

A concern needs no ranker: it is a limit that does not hold what is used, an integration that is connected and lacks,
or money for room that nobody needs. What is not known concerns nobody.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isinf
from typing import Final, Literal, get_args

from recommender.billing.catalogue import Plan
from recommender.billing.overage import Units, overages_on

Code = Literal["over_limit", "allowance_exceeded", "integration_missing", "over_allowance", "not_needed"]
"""The graver first: what is not held at all, what is missing, what costs more, what is not needed."""

MOST_CONCERNS: Final = 3
BEYOND_TIMES: Final = 1.1
"""Usage beyond so many times the largest limit of a family is a matter for sales."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One fact against a plan, with the figures that its sentence names."""

    code: Code
    params: Mapping[str, str | int]


def concerns(
    plan: Plan, *, usage: Mapping[str, Units], connected: Collection[str], recommended: Sequence[Concern] | None = None
) -> tuple[Concern, ...]:
    """What speaks against the plan, at most `MOST_CONCERNS`, the graver first.

    `usage` maps a metric of which something is known to the units of a month, or held. `recommended` are the concerns
    about the recommended plan, given for a larger one of its family: if that has none, the larger one is not needed.
    """
    order = get_args(Code)
    found = sorted((*_over_limits(plan, usage), *_missing(plan, connected)), key=lambda each: order.index(each.code))
    if recommended is not None and usage and not found and not recommended:
        found = [Concern("not_needed", {})]
    return tuple(found[:MOST_CONCERNS])


def _over_limits(plan: Plan, usage: Mapping[str, Units]) -> Iterator[Concern]:
    sold = {each.metric: each for each in overages_on(plan, usage=usage)}
    for limit in plan.limits:
        used = usage.get(limit.metric or "", 0)
        if limit.metric is None or isinf(limit.value) or used <= limit.value:
            continue
        excess = ceil(used - limit.value)
        figures: dict[str, str | int] = {
            "metric": limit.metric,
            "used": int(used),
            "limit": int(limit.value),
            "excess": excess,
        }
        overage = sold.get(limit.metric)
        if not limit.renewable or overage is None:
            yield Concern("over_limit", figures)
        elif overage.amount_cents is None:
            yield Concern("allowance_exceeded", figures)
        else:
            yield Concern("over_allowance", figures | {"amount_cents": overage.amount_cents})


def _missing(plan: Plan, connected: Collection[str]) -> Iterator[Concern]:
    for code in sorted(set(connected) - plan.integrations):
        yield Concern("integration_missing", {"integration": code})


@dataclass(frozen=True, slots=True)
class Beyond:
    """Usage that the largest plan of a family does not hold."""

    metric: str
    used: int
    limit: int
    plan: str
    """The plan with the largest limit."""
    times: float
    """Usage as a multiple of that limit."""


def beyond_largest(plans: Sequence[Plan], *, usage: Mapping[str, Units]) -> Beyond | None:
    """Where usage goes furthest beyond everything that these plans of one family hold; `None` where it does not."""
    found = []
    for metric, used in usage.items():
        holding = [(plan.limit_of(metric), plan) for plan in plans]
        if not holding or any(limit is None or isinf(limit) for limit, _ in holding):
            continue
        limit, plan = max(((float(limit or 0), plan) for limit, plan in holding), key=lambda each: each[0])
        if limit > 0 and used > BEYOND_TIMES * limit:
            found.append(Beyond(metric, int(used), int(limit), plan.code, float(used) / limit))
    return max(found, key=lambda each: each.times, default=None)
