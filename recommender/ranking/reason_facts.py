"""What is true of an organisation and might speak for one plan over another, each with what the world would be without.

Figures are usage, limits and bills as they are, never attributions. Nothing is claimed here; `reasons.py` checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, log
from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.ranking.derived import Facts
from recommender.ranking.features import FEATURES
from recommender.ranking.projection import COUNTS
from recommender.ranking.situation import DAY_SECONDS, PlanTable, Situations

Figure = str | int

NEAR: Final = 0.9
"""Share of a limit from which usage is close to it."""
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
    context: str
    """The code of the sentence above the cards if this reason leads."""
    params: Mapping[str, Figure]
    theme: frozenset[str]
    """The features through which it reaches a ranker."""
    situations: Situations
    """Without the fact."""
    plans: PlanTable
    """Without the fact."""


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
    yield from _bill(facts, plan, rival)


def template_facts(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """An installed template that the plan's family is meant for and the rival's is not."""
    suits = facts.plans.suits
    favoured = facts.situations.templates[0] & suits[plan] & ~suits[rival]
    for template in np.flatnonzero(favoured)[:1]:
        yield Fact(
            "template_installed",
            "template",
            {"template": facts.plans.templates[template]},
            TEMPLATE_THEME,
            _without_templates(facts.situations),
            facts.plans,
        )


def _current_plan(facts: Facts, plan: int) -> Iterator[Fact]:
    fits = (facts.use_of_limit[0, plan] <= 1).all() and facts.covered[0, plan] == facts.connected[0, 0]
    if facts.situations.current_plan[0] == plan and fits:
        yield Fact(
            "current_plan_fits",
            "stay",
            {"plan": facts.plans.codes[plan]},
            CURRENT_THEME,
            _without_current_plan(facts.situations),
            facts.plans,
        )


def _integrations(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    covers = facts.plans.covers
    for integration in np.flatnonzero(facts.situations.integrations[0] & covers[plan] & ~covers[rival]):
        yield Fact(
            "integration_connected",
            "integration",
            {"integration": facts.plans.integrations[integration]},
            INTEGRATION_THEME,
            _without_integration(facts.situations, int(integration)),
            facts.plans,
        )


def _usage(facts: Facts, plan: int, rival: int, metric: int) -> Iterator[Fact]:
    """Usage fits into the smaller plan, or it needs the larger one."""
    used = float(facts.projection.monthly[0, metric])
    limit, other = (float(facts.plans.limits[i, metric]) for i in (plan, rival))
    if not facts.projection.known[0, metric] or used == 0 or used > limit:
        return
    params: dict[str, Figure] = {"metric": METRICS[metric], "used": int(used)}
    if limit < other:
        code = "usage_small" if _goes_down(facts, plan) and used <= limit / 2 else "usage_fits"
        without = _with_usage_times(facts.situations, metric, 1.5 * limit / used + 1 / used)
        yield Fact(code, "usage", params | {"limit": int(limit)}, usage_theme(metric), without, facts.plans)
    elif limit > other and used > NEAR * other:
        code = "usage_needs" if used > other else "usage_near_limit"
        without = _with_usage_times(facts.situations, metric, 0.5 * other / used)
        figures = params | {"limit": int(other), "plan": facts.plans.codes[rival]}
        yield Fact(code, "usage", figures, usage_theme(metric), without, facts.plans)


def _goes_down(facts: Facts, plan: int) -> bool:
    current, plans = int(facts.situations.current_plan[0]), facts.plans
    return current >= 0 and plans.family[current] == plans.family[plan] and bool(plans.tier[plan] < plans.tier[current])


def _growth(facts: Facts, plan: int, rival: int, metric: int) -> Iterator[Fact]:
    """Growing usage speaks for the plan with more room."""
    trend = float(facts.projection.trend[0, metric])
    larger = bool(facts.plans.limits[plan, metric] > facts.plans.limits[rival, metric])
    if COUNTS[metric] and larger and trend >= GROWS and facts.history_days[0] >= GROWTH_DAYS:
        yield Fact(
            "growth",
            "usage",
            {"metric": METRICS[metric], "percent": round(100 * (exp(trend) - 1))},
            usage_theme(metric),
            _with_level_usage(facts.situations, metric),
            facts.plans,
        )


def _bill(facts: Facts, plan: int, rival: int) -> Iterator[Fact]:
    """No candidate would cost less at the projected usage, overage included."""
    bill, other = (float(facts.bill_cents[0, i]) for i in (plan, rival))
    if bill < other and bill <= facts.least(facts.bill_cents)[0, 0]:
        dearer = float(facts.plans.monthly_price_cents[plan]) + other - bill
        yield Fact(
            "cheapest_bill",
            "usage",
            {"amount_cents": round(bill), "other_amount_cents": round(other), "plan": facts.plans.codes[rival]},
            MONEY_THEME,
            facts.situations,
            _with_price(facts.plans, plan, dearer),
        )


def _without_templates(situations: Situations) -> Situations:
    """The situations with no template installed."""
    return replace(situations, templates=np.zeros_like(situations.templates))


def _without_integration(situations: Situations, integration: int) -> Situations:
    """The situations with one integration disconnected."""
    connected = situations.integrations.copy()
    connected[:, integration] = False
    return replace(situations, integrations=connected)


def _without_current_plan(situations: Situations) -> Situations:
    """The situations with no plan held."""
    return replace(situations, current_plan=np.full_like(situations.current_plan, -1))


def _with_usage_times(situations: Situations, metric: int, factor: float) -> Situations:
    """The situations with the usage of one metric times a factor, in whole units a day."""
    totals = situations.totals.copy()
    totals[:, :, metric] = np.floor(totals[:, :, metric] * factor)
    return replace(situations, totals=totals)


def _with_level_usage(situations: Situations, metric: int) -> Situations:
    """The situations with one count metric's total spread evenly over the days it could be used: no trend, no peaks."""
    totals = situations.totals.copy()
    days = situations.seconds / DAY_SECONDS
    spread = days / np.maximum(days.sum(axis=1, keepdims=True), 1e-9)
    totals[:, :, metric] = totals[:, :, metric].sum(axis=1, keepdims=True) * spread
    return replace(situations, totals=totals)


def _with_price(plans: PlanTable, plan: int, monthly_price_cents: float) -> PlanTable:
    """The plans with another monthly price of one of them."""
    prices = plans.monthly_price_cents.copy()
    prices[plan] = monthly_price_cents
    return replace(plans, monthly_price_cents=prices)
