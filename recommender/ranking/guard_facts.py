"""What the guard decided by: that a plan is enough, or the need for which it may be dearer than the alternative."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from recommender.ranking.derived import Facts
from recommender.ranking.needs import NEEDS, needed_over
from recommender.ranking.reason_facts import Fact, bill_facts, facts_for

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


def needs_named(facts: Facts, *, plan: int, rival: int) -> Iterator[Fact]:
    """The facts that are a need of the plan over the other, and without which that need would not be there."""
    for fact in facts_for(facts, plan=plan, rival=rival):
        need = NEEDS.get(NEED_OF.get(fact.code, ""))
        without = Facts(fact.situations, fact.plans)
        if need is not None and need(facts)[0, plan, rival] and not need(without)[0, plan, rival]:
            yield fact
