"""Whether an organisation can take a plan, when, and what stands in the way if it cannot."""

from typing import Any

from recommender.billing.blockers import Blocker, blockers_for
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.change_rules import effective_instant, rule_for, situation_of
from recommender.billing.eligibility import refusals_for
from serving.fields import utc_text
from serving.plan_cards.situations import Known, applicant


def selection_of(plan: Plan, *, facts: Known, interval: Interval) -> dict[str, Any]:
    """Whether and when the organisation can take the plan at this interval, and every blocker if it cannot."""
    standing = facts.standing
    rule = rule_for(
        situation_of(
            current=standing.plan,
            current_interval=standing.held.interval,
            target=plan,
            target_interval=interval,
        )
    )
    effective_at = effective_instant(timing=rule.timing, now=facts.at, period=standing.period)
    refusals = refusals_for(offer=plan, interval=interval, applicant=applicant(facts.organization), now=facts.at)
    blockers = blockers_for(
        target=plan,
        direction=rule.direction,
        stock_usage=facts.levels,
        in_use=dict.fromkeys(facts.organization.integrations),
    )
    if rule.direction == "none":
        state, refusals, blockers = "current", (), ()
    elif refusals:
        state = "unavailable"
    else:
        state = "blocked" if blockers else "selectable"
    return {
        "state": state,
        "direction": rule.direction,
        "effective_at": None if effective_at is None else utc_text(effective_at),
        "blockers": [_blocker(blocker) for blocker in (*refusals, *blockers)],
    }


def _blocker(blocker: Blocker) -> dict[str, Any]:
    return {
        "code": blocker.code,
        "remedy": blocker.remedy,
        "url_key": blocker.url_key,
        "subject": blocker.subject,
        "used": blocker.used,
        "limit": blocker.limit,
        "excess": blocker.excess,
        "clears_at": None if blocker.clears_at is None else utc_text(blocker.clears_at),
        "params": dict(blocker.params),
    }
