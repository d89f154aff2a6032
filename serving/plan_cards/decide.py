"""From what is known of an organisation to a decision: who comes first, with which chance, why, and on what terms."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from recommender.billing.availability import Selection, selection
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.subscription import Wish
from recommender.cards import MonthlyUsage, plan_card, projected_usage
from recommender.experiments.assignment import Assignment
from recommender.ranking.abstention import Abstained, Abstaining, is_near_tie
from recommender.ranking.derived import Facts
from recommender.ranking.exploration import ShownPlan, explore, in_share, within_budget
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.ranker import FloatArray, IntArray, Ranker, rank
from recommender.ranking.reasons import NEUTRAL, Explanation, Reason, explain
from recommender.ranking.situation import PlanTable, Situations
from serving.accounts.account import Known, situation
from serving.accounts.records import card_record, usage_record
from serving.plan_cards.promotions import open_promotion
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.repository import Candidate, Decision
from serving.sale.assortment import Assortment

RULES_SHARE: Final = "rules_share"
"""The salt by which the organisations of the rules' share are drawn."""

_COLUMN: Final = {name: column for column, name in enumerate(FEATURES)}
_TOO_SMALL: Final = [_COLUMN[name] for name in ("violated_stock_limits", "uncovered_allowances")]
"""Above 0 where the plan cannot hold what the organisation uses and no more can be bought."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator decides about decisions."""

    exploration_budget: float
    rules_share: float
    shown: int
    lifetime: timedelta
    assignment: Assignment | None = None
    """The organisation's place in an experiment; its arm says who answers."""


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
    fallback: RankerFallback,
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
        best_first = rank(codes, _willing_utilities(ranker, rows, rules=fallback.rules))
        if not terms.exploration_budget:
            return explore(best_first, decision_id=decision_id)
        out = out_of_question(codes, rows, catalogue=catalogue, interval=interval, facts=facts)
        policy = within_budget(best_first, budget=terms.exploration_budget, out_of_question=out)
        return explore(best_first, decision_id=decision_id, policy=policy, out_of_question=out)

    def explained(ranker: Ranker) -> Explanation:
        return explain(situations=situations, plans=plans, ranker=ranker, plan=order[0].plan)

    organization_id = facts.organization.organization_id
    by_rules = in_share(organization_id, salt=RULES_SHARE, share=terms.rules_share)
    place = terms.assignment
    advice = await fallback.run(ranked, rules_share=by_rules, arm=None if place is None else place.arm.ranker)
    order = advice.answer
    explanation = await fallback.rerun(advice.ranker, explained) if order else None
    reasons = explanation.reasons if explanation is not None else ()
    records = explanation.records() if explanation is not None else []
    candidates = _candidates(order, codes=codes, rows=rows, reasons=records, shown=terms.shown)
    shown = order[: terms.shown]
    measured = Facts(situations, plans)
    usage = projected_usage(measured, usage_range=fallback.champions.champion.usage_range)
    cards = _cards(shown, facts=facts, measured=measured, assortment=assortment, reasons=reasons, usage=usage)
    context = _context(explanation, nothing_on_sale=not order)
    decision = Decision(
        decision_id=decision_id,
        organization_id=organization_id,
        interval=interval,
        catalogue_version=catalogue.version,
        strategy=advice.ranker.name,
        model_version=advice.ranker.version,
        fallback_reason=advice.fallback_reason,
        experiment=None if place is None else place.experiment.name,
        arm=None if place is None else place.arm.name,
        latency_ms=None,
        basis=basis,
        content={"context": context, "usage": usage_record(facts, usage), "plans": cards},
        occurred_at=facts.at,
        expires_at=_expiry(catalogue, now=facts.at, lifetime=terms.lifetime),
    )
    return Decided(decision, candidates)


def out_of_question(
    codes: tuple[str, ...], rows: FloatArray, *, catalogue: Catalogue, interval: Interval, facts: Known
) -> frozenset[str]:
    """The candidates that nobody would suggest for the sake of learning: too small for the usage, or blocked."""
    too_small = np.count_nonzero(rows[:, _TOO_SMALL] > 0, axis=1)
    return frozenset(
        code
        for code, small in zip(codes, too_small.tolist(), strict=True)
        if small or _selection(code, catalogue=catalogue, interval=interval, facts=facts).state == "blocked"
    )


def _selection(code: str, *, catalogue: Catalogue, interval: Interval, facts: Known) -> Selection:
    wish = Wish.from_catalogue(catalogue, catalogue.plan(code), interval)
    return selection(account=facts.account, wish=wish, now=facts.at)


def _rows(situations: Situations, plans: PlanTable) -> FloatArray:
    """Every declared feature of every candidate; where nothing is on sale there is nothing to compute."""
    if not situations.eligible.any():
        return np.empty((0, len(FEATURES)))
    rows, _ = feature_rows(feature_cube(situations, plans), situations.eligible)
    return rows


def _candidates(
    order: tuple[ShownPlan, ...], *, codes: tuple[str, ...], rows: FloatArray, reasons: list[dict[str, Any]], shown: int
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
            reasons=reasons if each.position == 1 else [],
            features=dict(zip(FEATURES, rows[codes.index(each.plan)].tolist(), strict=True)),
        )
        for each in order
    )


def _willing_utilities(ranker: Ranker, rows: FloatArray, *, rules: Ranker) -> FloatArray:
    """One utility per candidate; `Abstained` where the ranker should leave the decision to the next one."""
    utilities = _utilities(ranker, rows)
    if ranker is rules:
        return utilities
    if isinstance(ranker, Abstaining) and (doubt := ranker.abstention_reasons(*_asked(ranker, rows))[0]) is not None:
        raise Abstained(doubt)
    if is_near_tie(utilities, _utilities(rules, rows), rows[:, _COLUMN["tier"]]):
        raise Abstained("near_tie")
    return utilities


def _utilities(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """One utility per candidate; `rows` has every declared feature. `rank` refuses what is not finite."""
    return ranker.utilities(*_asked(ranker, rows))


def _asked(ranker: Ranker, rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """The columns that a ranker reads, of one decision."""
    columns = [_COLUMN[name] for name in ranker.feature_names]
    return np.ascontiguousarray(rows[:, columns]), np.array([len(rows)], dtype=np.int64)


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
    usage: MonthlyUsage,
) -> list[dict[str, Any]]:
    """The cards that are shown; the reasons stand on the first."""
    interval: Interval = "year" if measured.plans.interval == "year" else "month"
    catalogue = assortment.catalogue
    return [
        card_record(
            plan_card(
                wish=Wish.from_catalogue(
                    catalogue, facts.standing.as_sold(catalogue.plan(place.plan), interval), interval
                ),
                place=place,
                account=facts.account,
                usage=usage,
                days=round(float(measured.history_days[0])),
                reasons=reasons if place.position == 1 else (),
                now=facts.at,
            ),
            promotion=open_promotion(catalogue.plan(place.plan), interval, facts=facts, catalogue=catalogue),
        )
        for place in shown
    ]


def _expiry(catalogue: Catalogue, *, now: datetime, lifetime: timedelta) -> datetime:
    """At the end of its lifetime, or earlier when a plan or a promotion comes or goes before."""
    windows = [plan.window for plan in catalogue.plans] + [promotion.window for promotion in catalogue.promotions]
    edges = (edge for window in windows for edge in (window.start, window.end) if edge is not None and edge > now)
    return min([now + lifetime, *edges])
