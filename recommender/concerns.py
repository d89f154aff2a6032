"""Concerns about a plan for one organisation: plain facts of its usage, its integrations and its bill.

A concern needs no ranker: it is a limit that does not hold what is used, an integration that is connected and lacks,
or money for room that nobody needs. What is not known concerns nobody.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isinf
from typing import Final, Literal, get_args

from recommender.billing.catalogue import Plan
from recommender.billing.overage import Units, overages_on
from recommender.ranking.needs import GROWTH_WEEKS

Code = Literal[
    "little_known", "new_price", "over_limit", "allowance_exceeded", "integration_missing", "over_allowance",
    "full_soon", "not_needed",
]  # fmt: skip
"""The graver first: a place that is a guess; what is not held at all, missing, dearer, full soon, not needed."""

LITTLE_KNOWN: Final[Code] = "little_known"
"""The ranker has not seen the plan chosen or left, and places it by plans like it."""
NEW_PRICE: Final[Code] = "new_price"
"""The ranker knows the plan at other prices only."""
MOST_CONCERNS: Final = 3
NOTHING: Final[Mapping[str, Units]] = {}
BEYOND_TIMES: Final = 1.1
"""Usage beyond so many times the largest limit of a family is a matter for sales."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One fact against a plan, with the figures that its sentence names."""

    code: Code
    params: Mapping[str, str | int]


def concerns(
    plan: Plan,
    *,
    usage: Mapping[str, Units],
    connected: Collection[str],
    weekly: Mapping[str, Units] = NOTHING,
    recommended: Sequence[Concern] | None = None,
) -> tuple[Concern, ...]:
    """The concerns about the plan, at most `MOST_CONCERNS`, the graver first.

    `usage` maps a metric of which something is known to the units of a month, or held; `weekly` one that is held to the
    units by which it grows in a week. `recommended` are the concerns about the recommended plan, given for a larger one
    of its family: if that has none, the larger one is not needed.
    """
    order, every = get_args(Code), (*_over_limits(plan, usage), *_missing(plan, connected))
    found = sorted((*every, *_full_soon(plan, usage, weekly)), key=lambda each: order.index(each.code))
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


def _full_soon(plan: Plan, usage: Mapping[str, Units], weekly: Mapping[str, Units]) -> Iterator[Concern]:
    """Usage of levels passes a limit within `GROWTH_WEEKS` at its present growth."""
    for limit in plan.limits:
        metric = limit.metric or ""
        used, more = usage.get(metric, 0), weekly.get(metric, 0)
        if more > 0 and used <= limit.value < used + GROWTH_WEEKS * more:
            yield Concern("full_soon", {"metric": metric, "weeks": floor((limit.value - used) / more) + 1})


def needed_over(
    plan: Plan,
    held: Plan,
    *,
    usage: Mapping[str, Units],
    connected: Collection[str],
    weekly: Mapping[str, Units],
    templates: Collection[str],
) -> bool:
    """Whether the plan meets a need that the plan held does not, whatever the two cost.

    A need is a limit that is passed, or soon will be, and beyond which no more can be bought, an integration that is
    connected, or a template that is installed.
    """

    def unmet(other: Plan) -> dict[str, float]:
        """Unmet requirement → by how much."""
        found: dict[str, float] = {}
        for each in (*_over_limits(other, usage), *_missing(other, connected), *_full_soon(other, usage, weekly)):
            if each.code != "over_allowance":
                found[str(each.params.get("metric") or each.params["integration"])] = float(
                    each.params.get("excess", 0)
                )
        return found

    mine, suited = unmet(plan), (plan.templates - held.templates) & set(templates)
    return bool(suited) or any(mine.get(what, -1.0) < much for what, much in unmet(held).items())


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
