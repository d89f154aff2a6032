"""From what is known of an organisation to a decision: who comes first, with which chance, why, and on what terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np

from recommender.billing.catalogue import Catalogue, Interval
from recommender.cards import plan_card, projected_usage
from recommender.ranking.exploration import OFF, Policy, ShownPlan, explore
from recommender.ranking.facts import Facts
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.ranker import FloatArray, Ranker, rank
from recommender.ranking.reasons import NEUTRAL, Explanation, Reason, explain
from recommender.ranking.situation import PlanTable, Situations
from serving.plan_cards.advice import Advisor
from serving.plan_cards.assortment import Assortment
from serving.plan_cards.records import card_record, holder_of
from serving.plan_cards.repository import Candidate, Decision
from serving.plan_cards.situations import Known, situation

POLICIES: Final[Mapping[Literal["off", "gentle"], Policy]] = {
    "off": OFF,
    "gentle": Policy(temperature=0.5, floor=0.02, reach=2.0),
}
"""`PLANS_EXPLORATION` → how the first place is varied."""

_COLUMN: Final = {name: column for column, name in enumerate(FEATURES)}


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
    """Rank every plan that the organisation may take, and explain the first; nothing is stored."""
    catalogue, plans = assortment.catalogue, assortment.tables[interval]
    situations = situation(facts, catalogue=catalogue, plans=plans)
    rows = _rows(situations, plans)
    codes = tuple(code for code, may in zip(plans.codes, situations.eligible[0], strict=True) if may)

    def ranked(ranker: Ranker) -> tuple[ShownPlan, ...]:
        if not codes:
            return ()
        return explore(rank(codes, _utilities(ranker, rows)), decision_id=decision_id, policy=terms.policy)

    def explained(ranker: Ranker) -> Explanation:
        return explain(situations=situations, plans=plans, ranker=ranker, plan=order[0].plan)

    advice = await advisor.ask(ranked)
    order = advice.answer
    explanation = await advisor.ask_again(advice.ranker, explained) if order else None
    reasons = explanation.reasons if explanation is not None else ()
    candidates = _candidates(order, codes=codes, rows=rows, reasons=reasons, shown=terms.shown)
    shown = order[: terms.shown]
    content = {
        "context": _context(explanation, nothing_on_sale=not order),
        "plans": _cards(shown, facts=facts, measured=Facts(situations, plans), assortment=assortment, reasons=reasons),
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


def _rows(situations: Situations, plans: PlanTable) -> FloatArray:
    """Every declared feature of every candidate; where nothing is on sale there is nothing to compute."""
    if not situations.eligible.any():
        return np.empty((0, len(FEATURES)))
    rows, _ = feature_rows(feature_cube(situations, plans), situations.eligible)
    return rows


def _candidates(
    order: tuple[ShownPlan, ...], *, codes: tuple[str, ...], rows: FloatArray, reasons: tuple[Reason, ...], shown: int
) -> tuple[Candidate, ...]:
    """Every candidate as it is stored; the reasons speak for the first."""
    return tuple(
        Candidate(
            plan=each.plan,
            position=each.position,
            shown=each.position <= shown,
            recommended=each.position == 1,
            utility=each.utility,
            probability=each.probability,
            propensity=each.propensity,
            reasons=[reason.as_record() for reason in reasons] if each.position == 1 else [],
            features=dict(zip(FEATURES, rows[codes.index(each.plan)].tolist(), strict=True)),
        )
        for each in order
    )


def _utilities(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """One utility per candidate; `rows` has every declared feature. `rank` refuses what is not finite."""
    columns = [_COLUMN[name] for name in ranker.feature_names]
    return ranker.utilities(np.ascontiguousarray(rows[:, columns]), np.array([len(rows)], dtype=np.int64))


def _context(explanation: Explanation | None, *, nothing_on_sale: bool) -> dict[str, Any]:
    if nothing_on_sale:
        return {"code": "nothing", "params": {}}
    context = NEUTRAL if explanation is None else explanation.context
    return {"code": context.code, "params": dict(context.params)}


def _cards(
    shown: tuple[ShownPlan, ...],
    *,
    facts: Known,
    measured: Facts,
    assortment: Assortment,
    reasons: tuple[Reason, ...],
) -> list[dict[str, Any]]:
    """The cards that are shown; the reasons stand on the first."""
    interval: Interval = "year" if measured.plans.interval == "year" else "month"
    holder, usage = holder_of(facts), projected_usage(measured.projection)
    return [
        card_record(
            plan_card(
                plan=assortment.catalogue.plan(place.plan),
                place=place,
                interval=interval,
                holder=holder,
                usage=usage,
                days=round(float(measured.history_days[0])),
                reasons=reasons if place.position == 1 else (),
                now=facts.at,
            )
        )
        for place in shown
    ]


def _expiry(catalogue: Catalogue, *, now: datetime, lifetime: timedelta) -> datetime:
    """At the end of its lifetime, or earlier when a plan or a promotion comes or goes before."""
    windows = [plan.window for plan in catalogue.plans] + [promotion.window for promotion in catalogue.promotions]
    edges = (edge for window in windows for edge in (window.start, window.end) if edge is not None and edge > now)
    return min([now + lifetime, *edges])
