"""The facts that the guard decided by: that a plan is enough, or the need that makes it dearer than the alternative."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.ranking.counterfactuals import with_usage_times
from recommender.ranking.derived import Facts
from recommender.ranking.needs import NEEDS, needed_over
from recommender.ranking.projection import COUNTS
from recommender.ranking.reason_facts import Fact, Figure, bill_facts, usage_theme

NEED_OF: Final[Mapping[str, str]] = {
    "limits_passed": "limit_passed",
    "usage_needs": "limit_passed",
    "usage_beyond": "limit_passed",
    "limit_reached_soon": "limit_near",
    "bill_passed_soon": "bill_near",
    "cheaper_by_year": "cheaper_by_year",
    "integration_connected": "integration_lacking",
    "template_installed": "template_unsuited",
}
"""Reason → the need that it names."""


def enough(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """The other plan would cost more, and there is no need that it meets and this one fails.

    A larger plan, which a promotion makes the cheaper one, is not enough but costs less; so does one whose limits are
    passed, as those of the other are, or which charges for what is beyond them.
    """
    bills, plans = facts.reported_bill_cents[0], facts.plans
    larger = plans.family[plan] == plans.family[rival] and plans.tier[plan] > plans.tier[rival]
    passed = (facts.reported_monthly[0] > plans.limits[plan]).any()
    if bills[plan] < bills[rival] and not needed_over(facts)[0, rival, plan]:
        for fact in bill_facts(facts, plan=plan, rival=rival):
            yield fact if larger or passed else replace(fact, code="enough")


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


def is_need(fact: Fact, *, facts: Facts, worlds: Facts, world: int, plan: int, rival: int) -> bool:
    """Whether a fact is a need of the plan over the other that is not there without it.

    `facts` are of the one organisation; in the `world` of that number in `worlds` the fact is not true.
    """
    need = NEEDS.get(NEED_OF.get(fact.code, ""))
    if need is None or not facts.once(need)[0, plan, rival]:
        return False
    return not worlds.once(need)[world, plan, rival]
