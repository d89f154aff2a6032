"""From what is known of an organisation to a decision: who comes first, with which chance, why, and on what terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np

from recommender.billing.catalogue import Catalogue, Interval
from recommender.ranking.exploration import OFF, Policy, explore
from recommender.ranking.facts import Facts
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.ranker import rank
from recommender.ranking.situation import PlanTable
from serving.plan_cards.advice import Advisor
from serving.plan_cards.assortment import Assortment
from serving.plan_cards.cards import context_of, selection_of
from serving.plan_cards.repository import Candidate, Decision
from serving.plan_cards.situations import Known, situation

POLICIES: Final[Mapping[Literal["off", "gentle"], Policy]] = {
    "off": OFF,
    "gentle": Policy(temperature=0.5, floor=0.02, reach=2.0),
}
"""`PLANS_EXPLORATION` → how the first place is varied."""

_NAMES: Final = tuple(FEATURES)
_COLUMN: Final = {name: column for column, name in enumerate(_NAMES)}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator decides about decisions."""

    policy: Policy
    shown: int
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with every candidate it ranked."""

    decision: Decision
    candidates: tuple[Candidate, ...]


async def decide(
    *,
    facts: Known,
    interval: Interval,
    assortment: Assortment,
    advisor: Advisor,
    terms: Terms,
    decision_id: str,
    basis: str,
) -> Decided:
    """Rank every plan that the organisation may take; nothing is stored."""
    catalogue, plans = assortment.catalogue, assortment.tables[interval]
    situations = situation(facts, catalogue=catalogue, plans=plans)
    eligible = situations.eligible
    rows, _ = feature_rows(feature_cube(situations, plans), eligible)
    codes = tuple(code for code, may in zip(plans.codes, eligible[0], strict=True) if may)
    advice = await advisor.advise(lambda names: np.ascontiguousarray(rows[:, [_COLUMN[name] for name in names]]))
    order = explore(rank(codes, advice.utilities), decision_id=decision_id, policy=terms.policy)
    bills = Facts(situations, plans)
    candidates = tuple(
        Candidate(
            plan=each.plan,
            position=each.position,
            shown=each.position <= terms.shown,
            recommended=each.position == 1,
            utility=each.utility,
            probability=each.probability,
            propensity=each.propensity,
            reasons=(),
            features=dict(zip(_NAMES, rows[codes.index(each.plan)].tolist(), strict=True)),
        )
        for each in order
    )
    content = {
        "context": context_of(facts, catalogue=catalogue, recommended=order[0].plan if order else None),
        "plans": [
            _card(candidate, facts=facts, catalogue=catalogue, interval=interval, bills=bills, plans=plans)
            for candidate in candidates
            if candidate.shown
        ],
    }
    decision = Decision(
        decision_id=decision_id,
        organization_id=facts.organization.organization_id,
        interval=interval,
        catalogue_version=catalogue.version,
        strategy=advice.ranker.name,
        model_version=advice.ranker.version,
        fallback_reason=advice.fallback_reason,
        basis=basis,
        content=content,
        occurred_at=facts.at,
        expires_at=_expiry(catalogue, now=facts.at, lifetime=terms.lifetime),
    )
    return Decided(decision, candidates)


def _card(
    candidate: Candidate, *, facts: Known, catalogue: Catalogue, interval: Interval, bills: Facts, plans: PlanTable
) -> dict[str, Any]:
    place = plans.codes.index(candidate.plan)
    overage = round(float(bills.overage_cents[0, place]))
    return {
        "plan": candidate.plan,
        "position": candidate.position,
        "recommended": candidate.recommended,
        "probability": candidate.probability,
        "propensity": candidate.propensity,
        "reasons": candidate.reasons,
        "projected_bill": {
            "amount_cents": round(float(plans.monthly_price_cents[place])) + overage,
            "overage_cents": overage,
            "days": round(float(bills.history_days[0])),
        },
        "selection": selection_of(catalogue.plan(candidate.plan), facts=facts, interval=interval),
    }


def _expiry(catalogue: Catalogue, *, now: datetime, lifetime: timedelta) -> datetime:
    """At the end of its lifetime, or earlier when a plan or a promotion comes or goes before."""
    windows = [plan.window for plan in catalogue.plans] + [promotion.window for promotion in catalogue.promotions]
    edges = (edge for window in windows for edge in (window.start, window.end) if edge is not None and edge > now)
    return min([now + lifetime, *edges])
