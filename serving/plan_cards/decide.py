"""Decide which plans to show to an organisation, in which order, with which probabilities and reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, cast

import numpy as np

from recommender.billing.availability import Selection, selection
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.charged import SoldPlan
from recommender.billing.subscription import Wish
from recommender.cards import projected_usage
from recommender.experiments.assignment import Assignment
from recommender.ranking.charged_plans import as_charged, charged_plans
from recommender.ranking.counterfactuals import without_usage
from recommender.ranking.day_cube import DAY_US, microseconds
from recommender.ranking.derived import Facts
from recommender.ranking.dominance import dominating_first
from recommender.ranking.exploration import (
    Draw,
    ShownPlan,
    draw_first,
    in_order,
    in_share,
    name_of_draw,
    within_budget,
)
from recommender.ranking.features import FEATURES
from recommender.ranking.guard import Guard, Instead, guards, several_families
from recommender.ranking.ranker import FloatArray, Ranker, rank
from recommender.ranking.reasons import Explanation, explain
from recommender.row import ShownAs
from serving.accounts.account import Snapshot, situation
from serving.plan_cards.contracts import Guarded, Strategy
from serving.plan_cards.promotions import sold_plan
from serving.plan_cards.ranker_calls import COLUMN, rows_of, utilities_of, willing_utilities
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.records import DrawRecord
from serving.plan_cards.repository import Candidate, Decision, EarlierDraw
from serving.plan_cards.showing import content_of, places_of
from serving.sale.assortment import Assortment

RULES_SHARE: Final = "rules_share"
"""The salt that draws the organisations of the rules' share."""

_TOO_SMALL: Final = [COLUMN[name] for name in ("violated_stock_limits", "uncovered_allowances")]
"""Features above 0 where a plan cannot hold the organisation's usage and sells no overage."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The operator's settings for decisions."""

    exploration_budget: float
    rules_share: float
    shown: int
    """Cards on a trial; with a plan held, one more."""
    lifetime: timedelta
    draw_days: float
    """The lifetime of an organisation's draw, in days."""
    assignment: Assignment | None = None
    """The organisation's arm in an experiment, which determines the ranker."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with all of its candidates."""

    decision: Decision
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The answer of one ranker: the order of plans, and how the first one was chosen."""

    order: tuple[ShownPlan, ...]
    drawn: Draw
    wanted: int
    """The plan that was drawn, by its place in the plan table."""
    instead: Instead
    """The guard's verdict on the drawn plan."""
    raised: tuple[str, ...]
    """Plans that the ranker put below one that they dominate (`recommender.ranking.dominance`)."""


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
    question = _Question(snapshot, interval, assortment, terms, earlier)
    organization_id, place = snapshot.organization.organization_id, terms.assignment
    result = await fallback.run(
        question.answer,
        rules_share=in_share(organization_id, salt=RULES_SHARE, share=terms.rules_share),
        arm=None if place is None else place.arm.ranker,
    )
    ranked = result.answer
    explanation = (
        await fallback.rerun(result.ranker, partial(question.explanation, ranked)) if ranked is not None else None
    )
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
    content["draw"] = None if ranked is None else question.draw_record(ranked)
    content["raised"] = [] if ranked is None else list(ranked.raised)
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
        content=content,
        occurred_at=snapshot.at,
        expires_at=_expiry(assortment.catalogue, now=snapshot.at, lifetime=terms.lifetime),
    )
    return Decided(decision, question.candidates(order, explanation=explanation, row=row))


class _Question:
    """One organisation and the plans on sale at one interval."""

    def __init__(
        self, snapshot: Snapshot, interval: Interval, assortment: Assortment, terms: Terms, earlier: EarlierDraw | None
    ) -> None:
        self._snapshot, self._interval, self._terms, self._earlier = snapshot, interval, terms, earlier
        self._catalogue, listed = assortment.catalogue, assortment.tables[interval]
        self.sold: dict[str, SoldPlan] = {
            code: sold_plan(self._catalogue.plan(code), interval, snapshot=snapshot, catalogue=self._catalogue)
            for code in listed.codes
        }
        self.charged = charged_plans(listed, self.sold)
        self.plans = as_charged(listed, self.charged)
        self.situations = situation(snapshot, catalogue=self._catalogue, plans=self.plans)
        self.measured = Facts(self.situations, self.plans)
        self.rows = rows_of(self.situations, self.plans)
        offered = np.flatnonzero(self.situations.eligible[0]).tolist()
        self.offered: tuple[int, ...] = tuple(offered)
        self.codes = tuple(self.plans.codes[i] for i in offered)
        self._states = {code: self._selection(code).state for code in self.codes}

    def answer(self, ranker: Ranker) -> Ranked | None:
        """The ranker's order after the guard and the draw; `None` where nothing is on sale to the organisation."""
        if not self.codes:
            return None
        learned = willing_utilities(ranker, self.rows)
        utilities = self._by_plan(learned)[0, list(self.offered)]
        best_first = rank(self.codes, utilities)
        guard = self._guard(utilities, ranker)
        instead = {code: self.plans.codes[guard.instead_of(i).plan] for code, i in self._places()}
        drawn = self._earlier.draw if self._earlier is not None and self._earlier.by(ranker) else None
        if drawn is None or not drawn.is_of(best_first):
            budget, out = (
                self._terms.exploration_budget,
                self._out_of_question() if self._terms.exploration_budget else (),
            )
            policy = within_budget(best_first, budget=budget, out_of_question=out, instead=instead)
            drawn = draw_first(best_first, draw=self._name_of_draw(), policy=policy, out_of_question=out)
        wanted = self.plans.codes.index(drawn.plan)
        raised = tuple(code for code, more in zip(self.codes, utilities > learned, strict=True) if more)
        return Ranked(in_order(best_first, drawn, instead=instead), drawn, wanted, guard.instead_of(wanted), raised)

    def explanation(self, ranked: Ranked, ranker: Ranker) -> Explanation:
        """Explain the first plan, by the ranker that put it there."""
        codes, found = self.plans.codes, ranked.instead
        return explain(
            situations=self.situations,
            plans=self.plans,
            ranker=ranker,
            plan=codes[found.plan],
            alternative=codes[found.alternative],
            overruled=codes[ranked.wanted] if found.why == "no_need" else None,
        )

    def guard_record(self, ranked: Ranked) -> Guarded | None:
        """The plan that the guard replaced, its alternative and the reason code; `None` where it replaced none."""
        codes, found = self.plans.codes, ranked.instead
        if found.why is None:
            return None
        return {"first": codes[ranked.wanted], "alternative": codes[found.alternative], "code": found.why}

    def draw_record(self, ranked: Ranked) -> DrawRecord:
        """The draw and its instant; later decisions on the same basis reuse it for `draw_days`."""
        earlier = self._earlier
        kept = earlier is not None and earlier.draw == ranked.drawn
        at = earlier.drawn_at if earlier is not None and kept else self._snapshot.at
        return {"plan": ranked.drawn.plan, "chances": dict(ranked.drawn.chances), "at": at.isoformat()}

    def candidates(
        self, order: tuple[ShownPlan, ...], *, explanation: Explanation | None, row: Mapping[str, ShownAs]
    ) -> tuple[Candidate, ...]:
        """Every candidate as it is stored; the first one has the reasons."""
        reasons = explanation.records() if explanation is not None else []
        return tuple(
            Candidate(
                plan=each.plan,
                position=each.position,
                shown=each.plan in row,
                shown_as=row.get(each.plan),
                recommended=each.position == 1,
                utility=each.utility,
                probability=each.probability,
                propensity=each.propensity,
                reasons=reasons if each.position == 1 else [],
                features=dict(zip(FEATURES, self.rows[self.codes.index(each.plan)].tolist(), strict=True)),
            )
            for each in order
        )

    def _places(self) -> list[tuple[str, int]]:
        return list(zip(self.codes, self.offered, strict=True))

    def _guard(self, utilities: FloatArray, ranker: Ranker) -> Guard:
        blocked = np.array([[self._states.get(code) == "blocked" for code in self.plans.codes]])
        at_rest = None
        if several_families(self.measured)[0]:
            at_rest = self._by_plan(utilities_of(ranker, rows_of(without_usage(self.situations), self.plans)))
        return guards(self.measured, utilities=self._by_plan(utilities), blocked=blocked, at_rest=at_rest)[0]

    def _by_plan(self, utilities: FloatArray) -> FloatArray:
        """Utilities of the candidates as a row over the plan table, (1, p); no plan is below one that it dominates."""
        row = np.full((1, len(self.plans.codes)), -np.inf)
        row[0, list(self.offered)] = utilities
        return dominating_first(row, self.measured)

    def _out_of_question(self) -> frozenset[str]:
        """The candidates that exploration must not put first: plans too small for the usage, and blocked ones."""
        too_small = np.count_nonzero(self.rows[:, _TOO_SMALL] > 0, axis=1).tolist()
        return frozenset(
            code for code, small in zip(self.codes, too_small, strict=True) if small or self._states[code] == "blocked"
        )

    def _selection(self, code: str) -> Selection:
        wish = Wish.from_catalogue(self._catalogue, self._catalogue.plan(code), self._interval)
        return selection(account=self._snapshot.account, wish=wish, now=self._snapshot.at)

    def _name_of_draw(self) -> str:
        return name_of_draw(
            self._snapshot.organization.organization_id,
            days_since_1970=microseconds(self._snapshot.at) / DAY_US,
            days=self._terms.draw_days,
        )


def _expiry(catalogue: Catalogue, *, now: datetime, lifetime: timedelta) -> datetime:
    """The expiry of a decision: its lifetime, or earlier when a plan or promotion starts or ends before."""
    windows = [plan.window for plan in catalogue.plans] + [promotion.window for promotion in catalogue.promotions]
    edges = (edge for window in windows for edge in (window.start, window.end) if edge is not None and edge > now)
    return min([now + lifetime, *edges])
