"""Facts of an organisation that might speak for one plan over another, each with the world without it.

Figures are usage, limits and bills as they are, never attributions. Nothing is claimed here; `reasons.py` checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import exp, floor, log
from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.ranking.counterfactuals import (
    with_level_usage,
    with_price,
    with_usage_times,
    without_current_plan,
    without_integrations,
    without_templates,
)
from recommender.ranking.derived import Facts
from recommender.ranking.features import FEATURES
from recommender.ranking.needs import EQUAL_CENTS, GROWTH_WEEKS, LEAST_SAVING_CENTS, weekly_growth, weeks_to
from recommender.ranking.projection import COUNTS
from recommender.ranking.situation import PlanTable, Situations

Figure = str | int

NEAR: Final = 0.9
"""Share of a limit from which usage is close to it."""
NOTICEABLE: Final = 0.2
"""Share of a limit below which it is no news that usage fits."""
LEAST_SAVING: Final = 0.02
"""Share of a bill below which a lower one is not worth a word; nor is less than `LEAST_SAVING_CENTS`."""
GROWS: Final = log(1.2)
"""Trend from which usage is said to grow: a fifth from one half of the history to the other."""
GROWTH_DAYS: Final = 14.0

TEMPLATE_THEME: Final = frozenset(
    {
        "template_fit",
        "template_share",
        "templates_installed",
        "template_kind",
        "ecommerce_share",
        "support_share",
        "lead_generation_share",
        "internal_knowledge_share",
        "family_kind",
        "family",
    }
)
INTEGRATION_THEME: Final = frozenset({"integration_coverage", "missing_integrations", "integrations_connected"})
CURRENT_THEME: Final = frozenset(
    {"has_current_plan", "is_current_plan", "tiers_from_current", "same_family_as_current", "bill_over_current"}
)
MONEY_THEME: Final = frozenset(
    {
        "monthly_price",
        "price_over_cheapest",
        "price_step_up",
        "projected_bill",
        "bill_over_cheapest",
        "bill_step_up",
        "overage_cost",
        "bill_risk",
    }
)
_ANY_LIMIT: Final = frozenset({"strained_limits", "overrun"})
_STOCK: Final = frozenset({"violated_stock_limits"})
_ALLOWANCE: Final = frozenset({"uncovered_allowances", "overage_cost", "bill_risk"})


@dataclass(frozen=True, slots=True)
class Fact:
    """A true statement about the organisation, and the world in which it is not true."""

    code: str
    params: Mapping[str, Figure]
    theme: frozenset[str]
    """The features through which it reaches a ranker."""
    situations: Situations
    """The organisation as it would be without the fact."""
    plans: PlanTable
    """The plans as they would be without the fact."""


@cache
def usage_theme(metric: int) -> frozenset[str]:
    """The features that speak of one metric, or of limits of its kind."""
    of_kind = _ALLOWANCE if COUNTS[metric] else _STOCK
    return frozenset(name for name in FEATURES if METRICS[metric] in name) | _ANY_LIMIT | of_kind


def facts_for(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """Everything true of the one organisation that might favour `plan` over `rival`; indexes into the plan table."""
    yield from _current_plan(facts, plan)
    yield from template_facts(facts, plan=plan, rival=rival)
    yield from _integrations(facts, plan, rival)
    for metric in range(len(METRICS)):
        yield from _usage(facts, plan, rival, metric)
        yield from _growth(facts, plan, rival, metric)
    yield from _limits_together(facts, plan, rival)
    yield from _bill_ahead(facts, plan, rival)
    yield from _bill_by_year(facts, plan, rival)
    yield from bill_facts(facts, plan, rival)


def template_facts(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """An installed template that the plan's family is meant for and the rival's is not."""
    suits = facts.plans.suits
    favoured = facts.situations.templates[0] & suits[plan] & ~suits[rival]
    for template in np.flatnonzero(favoured)[:1]:
        yield Fact(
            "template_installed",
            {"template": facts.plans.templates[template]},
            TEMPLATE_THEME,
            without_templates(facts.situations),
            facts.plans,
        )


def _current_plan(facts: Facts, plan: int) -> Iterator[Fact]:
    """The plan held holds all usage and integrations; where a limit is used noticeably, the most used one is named."""
    share = np.where(facts.usage_known[0], facts.use_of_limit[0, plan], 0.0)
    fits = facts.usage_known[0].any() and (share <= 1).all() and facts.covered[0, plan] == facts.connected[0, 0]
    if facts.situations.current_plan[0] != plan or not fits:
        return
    params: dict[str, Figure] = {"plan": facts.plans.codes[plan]}
    most = int(np.argmax(share))
    if share[most] >= NOTICEABLE:
        used, limit = facts.reported_monthly[0, most], facts.plans.limits[plan, most]
        params |= {"metric": METRICS[most], "used": int(used), "limit": int(limit)}
    world = without_current_plan(facts.situations)
    yield Fact("current_plan_fits", params, CURRENT_THEME, world, facts.plans)


def _integrations(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    """Each integration that the other plan lacks; of several no single one would be missed, all of them are."""
    covers = facts.plans.covers
    lacking = np.flatnonzero(facts.situations.integrations[0] & covers[plan] & ~covers[rival])
    for integration in lacking:
        yield Fact(
            "integration_connected",
            {"integration": facts.plans.integrations[integration], "plan": facts.plans.codes[rival]},
            INTEGRATION_THEME,
            without_integrations(facts.situations, lacking),
            facts.plans,
        )


def _usage(facts: Facts, plan: int, rival: int, metric: int) -> Iterator[Fact]:
    """Usage fits into the smaller plan, or it needs the larger one."""
    used = float(facts.reported_monthly[0, metric])
    limit, other = (float(facts.plans.limits[i, metric]) for i in (plan, rival))
    if used == 0:
        return
    params: dict[str, Figure] = {"metric": METRICS[metric], "used": int(used)}
    if NOTICEABLE * limit <= used <= limit < other:
        code = "usage_small" if _goes_down(facts, plan) and used <= limit / 2 else "usage_fits"
        without = with_usage_times(facts.situations, metric, 1.5 * limit / used + 1 / used)
        yield Fact(code, params | {"limit": int(limit)}, usage_theme(metric), without, facts.plans)
    elif limit > other and used > NEAR * other:
        without = with_usage_times(facts.situations, metric, 0.5 * other / used)
        figures = params | {"limit": int(other), "plan": facts.plans.codes[rival]}
        code = "usage_near_limit" if used <= other else "usage_needs" if used <= limit else "usage_beyond"
        if code == "usage_beyond":
            figures |= {"own_limit": int(limit)}
        yield Fact(code, figures, usage_theme(metric), without, facts.plans)


def _limits_together(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    """Several limits of the other plan are passed: no single one would be missed, all of them are.

    One that the plan holds is named rather than one that it does not hold either, stored things before what renews, and
    of these the one that is passed by most.
    """
    used, limits = facts.reported_monthly[0], facts.plans.limits
    passed = np.flatnonzero((used > limits[rival]) & (limits[plan] > limits[rival]))
    if len(passed) < 2:
        return
    held, over = used <= limits[plan], used / np.maximum(limits[rival], 1)
    named = max(passed.tolist(), key=lambda metric: (held[metric], not COUNTS[metric], over[metric]))
    world = facts.situations
    for metric in passed.tolist():
        world = with_usage_times(world, metric, 0.5 * float(limits[rival, metric]) / float(used[metric]))
    theme = frozenset[str]().union(*(usage_theme(metric) for metric in passed.tolist()))
    params: dict[str, Figure] = {
        "metric": METRICS[named],
        "used": int(used[named]),
        "limit": int(limits[rival, named]),
        "plan": facts.plans.codes[rival],
        "more": len(passed) - 1,
        "holds": int(held[named]),
    }
    yield Fact("limits_passed", params, theme, world, facts.plans)


def _goes_down(facts: Facts, plan: int) -> bool:
    current, plans = int(facts.situations.current_plan[0]), facts.plans
    return current >= 0 and plans.family[current] == plans.family[plan] and bool(plans.tier[plan] < plans.tier[current])


def _growth(facts: Facts, plan: int, rival: int, metric: int) -> Iterator[Fact]:
    """Growing usage speaks for the plan with more room, and says when the other one is full."""
    limit, other = (float(facts.plans.limits[i, metric]) for i in (plan, rival))
    if limit <= other or not facts.usage_known[0, metric]:
        return
    trend, weekly = float(facts.projection.trend[0, metric]), float(weekly_growth(facts)[0, metric])
    used, ahead = (float(each[0, metric]) for each in (facts.reported_monthly, facts.ahead_monthly))
    figures: dict[str, Figure] = {"metric": METRICS[metric]}
    full: dict[str, Figure] = {"used": int(used), "limit": int(other), "plan": facts.plans.codes[rival]}
    if COUNTS[metric] and used <= other < ahead:
        figures |= full | {"weeks": weeks_to(other, totals=facts.situations.totals[0, :, metric], monthly=ahead)}
        without = with_level_usage(facts.situations, metric)
        yield Fact("limit_reached_soon", figures, usage_theme(metric), without, facts.plans)
    elif COUNTS[metric] and trend >= GROWS and facts.history_days[0] >= GROWTH_DAYS and used >= NOTICEABLE * other:
        figures |= {"percent": round(100 * (exp(trend) - 1))}
        without = with_level_usage(facts.situations, metric)
        yield Fact("growth", figures, usage_theme(metric), without, facts.plans)
    elif used <= other < used + GROWTH_WEEKS * weekly:
        figures |= full | {"weeks": floor((other - used) / weekly) + 1}
        without = with_usage_times(facts.situations, metric, 0.5 * other / used)
        yield Fact("limit_reached_soon", figures, usage_theme(metric), without, facts.plans)


def _bill_ahead(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    """The other plan costs less yet, and more once every week is like the last; what costs most there is named."""
    now, ahead = facts.reported_bill_cents[0], facts.bill_ahead_cents[0]
    if not now[rival] < now[plan] < ahead[plan] + LEAST_SAVING_CENTS <= ahead[rival]:
        return
    over = np.maximum(facts.ahead_monthly[0] - facts.plans.limits[rival], 0.0)
    named = int(np.argmax(over * np.nan_to_num(facts.plans.overage_cents[rival])))
    world = facts.situations
    for metric in np.flatnonzero(COUNTS).tolist():
        world = with_level_usage(world, metric)
    figures: dict[str, Figure] = {
        "metric": METRICS[named],
        "used": int(facts.ahead_monthly[0, named]),
        "plan": facts.plans.codes[rival],
        "ahead_amount_cents": round(float(ahead[plan])),
        "ahead_other_amount_cents": round(float(ahead[rival])),
    }
    yield Fact("bill_passed_soon", figures, usage_theme(named) | MONEY_THEME, world, facts.plans)


def _bill_by_year(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    """The smaller plan costs less by the month, the larger one by the year; what costs most beyond a limit is named."""
    month, year = facts.reported_bill_cents[0], facts.year_bill_cents[0]
    used, limits = facts.reported_monthly[0], facts.plans.limits[rival]
    over = np.maximum(used - limits, 0.0) * np.nan_to_num(facts.plans.overage_cents[rival])
    if not (month[rival] < month[plan] and year[plan] + EQUAL_CENTS < year[rival]) or not over.any():
        return
    named, world = int(np.argmax(over)), facts.situations
    for metric in np.flatnonzero(over).tolist():
        world = with_usage_times(world, metric, 0.5 * float(limits[metric]) / float(used[metric]))
    figures: dict[str, Figure] = {
        "metric": METRICS[named],
        "used": int(used[named]),
        "limit": int(limits[named]),
        "plan": facts.plans.codes[rival],
        "year_amount_cents": round(float(year[plan])),
        "year_other_amount_cents": round(float(year[rival])),
        "dearer_amount_cents": round(float(month[plan])) - round(float(month[rival])),
    }
    yield Fact("cheaper_by_year", figures, usage_theme(named) | MONEY_THEME, world, facts.plans)


def bill_facts(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    """The next month would cost less at the projected usage, overage included; or no candidate would cost less.

    The cheapest plan is one that holds what is used; where no more can be bought beyond a limit, it only costs less.
    """
    bill, other = (float(facts.reported_bill_cents[0, i]) for i in (plan, rival))
    if not facts.usage_known[0].any() or bill > other - max(LEAST_SAVING_CENTS, LEAST_SAVING * other):
        return
    dearer = float(facts.plans.monthly_price_cents[plan]) + other - bill
    held = int(facts.situations.current_plan[0])
    least = bill <= facts.least(facts.reported_bill_cents)[0, 0]
    unsold = ~COUNTS | np.isnan(facts.plans.overage_cents[plan])
    holds = not (unsold & (facts.reported_monthly[0] > facts.plans.limits[plan])).any()
    code = "saves" if rival == held else "cheapest_bill" if least and holds else "bill_lower"
    yield Fact(
        code,
        {
            "amount_cents": round(bill),
            "other_amount_cents": round(other),
            "overage_amount_cents": round(other - float(facts.plans.monthly_price_cents[rival])),
            "saving_amount_cents": round(other) - round(bill),
            "plan": facts.plans.codes[rival],
        },
        MONEY_THEME,
        facts.situations,
        with_price(facts.plans, plan, dearer),
    )
