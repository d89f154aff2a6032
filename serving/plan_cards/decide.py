"""Decide which plans to show to an organisation, in which order, with which probabilities and reasons."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, cast

from recommender.billing.catalogue import Catalogue, Interval
from recommender.cards import projected_usage
from recommender.ranking.exploration import in_share
from recommender.ranking.ranker import Ranker
from recommender.ranking.reasons import Explanation
from serving.accounts.account import Snapshot
from serving.plan_cards.contracts import Strategy
from serving.plan_cards.question import Question, Ranked, Terms
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.repository import Candidate, Decision, EarlierDraw
from serving.plan_cards.showing import content_of, places_of
from serving.sale.assortment import Assortment

RULES_SHARE: Final = "rules_share"
"""The salt that draws the organisations of the rules' share."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with all of its candidates."""

    decision: Decision
    candidates: tuple[Candidate, ...]


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
        partial(_explained, question),
        rules_share=in_share(organization_id, salt=RULES_SHARE, share=terms.rules_share),
        arm=None if place is None else place.arm.ranker,
    )
    ranked, explanation = result.answer or (None, None)
    order, row = places_of(ranked.order if ranked else (), snapshot=snapshot, assortment=assortment, shown=terms.shown)
    usage = projected_usage(question.measured, usage_range=fallback.champions.champion.usage_range)
    guarded = None if ranked is None else question.guard_record(ranked)
    content = content_of(
        order[: len(row)],
        row=row,
        snapshot=snapshot,
        measured=question.measured,
        sold=question.sold,
        assortment=assortment,
        explanation=explanation,
        usage=usage,
        guarded=guarded,
    )
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
        content={**content, **question.drawn(ranked)},
        occurred_at=snapshot.at,
        expires_at=_expiry(assortment.catalogue, now=snapshot.at, lifetime=terms.lifetime),
    )
    return Decided(decision, question.candidates(order, explanation=explanation, row=row))


def _explained(question: Question, ranker: Ranker) -> tuple[Ranked, Explanation] | None:
    """What a ranker makes of the question, with its reasons; `None` where nothing is on sale to the organisation."""
    ranked = question.answer(ranker)
    return None if ranked is None else (ranked, question.explanation(ranked, ranker))


def _expiry(catalogue: Catalogue, *, now: datetime, lifetime: timedelta) -> datetime:
    """The expiry of a decision: its lifetime, or earlier when a plan or promotion starts or ends before."""
    windows = [plan.window for plan in catalogue.plans] + [promotion.window for promotion in catalogue.promotions]
    edges = (edge for window in windows for edge in (window.start, window.end) if edge is not None and edge > now)
    return min([now + lifetime, *edges])
