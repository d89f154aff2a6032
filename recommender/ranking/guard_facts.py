"""What the guard decided by: that a plan is enough, or the need for which it may be dearer than the alternative."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.ranking.counterfactuals import with_usage_times
from recommender.ranking.derived import Facts
from recommender.ranking.needs import NEEDS, needed_over
from recommender.ranking.projection import COUNTS
from recommender.ranking.reason_facts import Fact, Figure, bill_facts, facts_for, usage_theme

NEED_OF: Final[Mapping[str, str]] = {
    "limits_passed": "limit_passed",
    "usage_needs": "limit_passed",
    "usage_beyond": "limit_passed",
    "limit_reached_soon": "limit_near",
    "bill_passed_soon": "bill_near",
    "integration_connected": "integration_lacking",
    "template_installed": "template_unsuited",
}
"""Reason → the need that it names."""


def enough(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """The other plan would cost more, and there is no need that it meets and this one fails.

    A larger plan, which a promotion makes the cheaper one, is not enough but costs less.
    """
    bills, plans = facts.reported_bill_cents[0], facts.plans
    larger = plans.family[plan] == plans.family[rival] and plans.tier[plan] > plans.tier[rival]
    if bills[plan] < bills[rival] and not needed_over(facts)[0, rival, plan]:
        for fact in bill_facts(facts, plan=plan, rival=rival):
            yield fact if larger else replace(fact, code="enough")


def smaller_blocked(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """The smaller plan costs less, but more is stored than it holds; what is over most is named."""
    bills, plans = facts.reported_bill_cents[0], facts.plans
    smaller = plans.family[plan] == plans.family[rival] and plans.tier[rival] < plans.tier[plan]
    used, limits = facts.reported_monthly[0], plans.limits[rival]
    over = np.flatnonzero(~COUNTS & (used > limits))
    if not smaller or bills[rival] > bills[plan] or not len(over):
        return
    world = facts.situations
    for metric in over.tolist():
        world = with_usage_times(world, metric, float(limits[metric]) / float(used[metric]))
    named = int(max(over.tolist(), key=lambda metric: used[metric] / max(limits[metric], 1.0)))
    params: dict[str, Figure] = {"metric": METRICS[named], "used": int(used[named]), "limit": int(limits[named])}
    yield Fact("smaller_blocked", params | {"plan": plans.codes[rival]}, usage_theme(named), world, plans)


def needs_named(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """The facts that are a need of the plan over the other, and without which that need would not be there."""
    for fact in facts_for(facts, plan=plan, rival=rival):
        need = NEEDS.get(NEED_OF.get(fact.code, ""))
        without = Facts(fact.situations, fact.plans)
        if need is not None and need(facts)[0, plan, rival] and not need(without)[0, plan, rival]:
            yield fact
