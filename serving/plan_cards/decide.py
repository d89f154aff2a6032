"""Decide which plans to show to an organisation, in which order, with which probabilities and reasons."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import orjson

from data_contracts.decision_log.candidates import Frame, LoggedCandidate
from recommender.billing.catalogue import Catalogue, Interval
from recommender.cards import projected_usage
from recommender.ranking.exploration import in_share
from serving.accounts.account import Snapshot
from serving.db.decision_log import LoggedDecision
from serving.plan_cards.answering import answered
from serving.plan_cards.contracts import Strategy
from serving.plan_cards.question import Question, Terms
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.repository import Decision, EarlierDraw
from serving.plan_cards.showing import content_of, places_of, with_caution, with_paid_interval
from serving.sale.assortment import Assortment

RULES_SHARE: Final = "rules_share"
"""The salt that draws the organisations of the rules' share."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and all that is logged of it."""

    decision: Decision
    logged: LoggedDecision


async def decide(
    *,
    snapshot: Snapshot,
    interval: Interval,
    assortment: Assortment,
    fallback: RankerFallback,
    terms: Terms,
    decision_id: str,
    basis: str,
    earlier: EarlierDraw | None = None,
) -> Decided:
    """Rank every plan that the organisation may take, and explain the first; nothing is stored.

    `earlier` is a draw of this organisation that still holds: the same ranker leaves it at that.
    """
    question = Question(snapshot, interval, assortment, terms, earlier)
    organization_id, place = snapshot.organization.organization_id, terms.assignment
    result = await fallback.run(
        question,
        answered,
        rules_share=in_share(organization_id, salt=RULES_SHARE, share=terms.rules_share),
        arm=None if place is None else place.arm.ranker,
    )
    ranked, explanation, measured = result.answer.ranked, result.answer.explanation, result.answer.measured
    order, row = places_of(ranked.order if ranked else (), snapshot=snapshot, assortment=assortment, shown=terms.shown)
    usage = projected_usage(measured, usage_range=fallback.champions.champion.usage_range)
    guarded = None if ranked is None else question.guard_record(ranked)
    content = content_of(
        order[: len(row)],
        row=row,
        snapshot=snapshot,
        measured=measured,
        sold=question.sold,
        assortment=assortment,
        explanation=explanation,
        usage=usage,
        guarded=guarded,
    )
    content = with_paid_interval(content, paid=snapshot.current.held.interval, interval=interval)
    content["context"]["params"] |= {} if ranked is None else ranked.elsewhere
    decision = Decision(
        decision_id=decision_id,
        organization_id=organization_id,
        interval=interval,
        catalogue_version=assortment.catalogue.version,
        strategy=cast("Strategy", result.ranker.name),
        model_version=result.ranker.version,
        fallback_reason=result.fallback_reason,
        experiment=None if place is None else place.experiment.name,
        arm=None if place is None else place.arm.name,
        latency_ms=None,
        guard=guarded,
        charged=question.charged,
        basis=basis,
        content={**with_caution(content, ranker=result.ranker, measured=measured), **question.drawn(ranked)},
        occurred_at=snapshot.at,
        expires_at=_expiry(assortment.catalogue, now=snapshot.at, lifetime=terms.lifetime),
    )
    candidates = question.candidates(order, explanation=explanation, row=row, rows=result.answer.rows)
    return Decided(decision, _logged(decision, question.frame, candidates))


def _logged(decision: Decision, frame: Frame, candidates: tuple[LoggedCandidate, ...]) -> LoggedDecision:
    content, charged = (orjson.dumps(each).decode() for each in (decision.content, decision.charged))
    return LoggedDecision(frame, content, charged if decision.charged else None, candidates)


def _expiry(catalogue: Catalogue, *, now: datetime, lifetime: timedelta) -> datetime:
    """The expiry of a decision: its lifetime, or earlier when a plan or promotion starts or ends before."""
    windows = [plan.window for plan in catalogue.plans] + [promotion.window for promotion in catalogue.promotions]
    edges = (edge for window in windows for edge in (window.start, window.end) if edge is not None and edge > now)
    return min([now + lifetime, *edges])
