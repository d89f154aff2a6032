"""One organisation and the plans on sale at one interval: who is first by a ranker, the guard and the draw, and why."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import numpy as np

from data_contracts.decision_log.candidates import LoggedCandidate
from recommender.billing.availability import Selection, selection
from recommender.billing.catalogue import Interval
from recommender.billing.charged import SoldPlan
from recommender.billing.subscription import Wish
from recommender.experiments.assignment import Assignment
from recommender.ranking.charged_plans import charged_plans
from recommender.ranking.day_cube import DAY_US, microseconds
from recommender.ranking.explanation import Explanation
from recommender.ranking.exploration import (
    Draw,
    ShownPlan,
    draw_first,
    in_order,
    name_of_draw,
    within_budget,
)
from recommender.ranking.features import FEATURES
from recommender.ranking.guard import Why
from recommender.ranking.ranker import FloatArray, Mask, Ranker, rank
from recommender.row import ShownAs
from serving.accounts.account import Snapshot, situation
from serving.plan_cards.contracts import Guarded
from serving.plan_cards.frames import frame_of
from serving.plan_cards.promotions import sold_plan
from serving.plan_cards.ranker_calls import COLUMN, Scores
from serving.plan_cards.records import DrawnContent, DrawRecord
from serving.plan_cards.repository import EarlierDraw
from serving.sale.assortment import Assortment

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
class Ranked:
    """The answer of one ranker: the order of plans, and how the first one was chosen."""

    order: tuple[ShownPlan, ...]
    drawn: Draw
    alternative: str
    """The plan that the first one was weighed against."""
    why: Why | None
    """The guard's objection to the plan that was drawn."""
    raised: tuple[str, ...]
    """Plans that the ranker put below one that they dominate (`recommender.ranking.dominance`)."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Where the interval that is paid has another first plan: `elsewhere` that plan, `elsewhere_interval` that one."""


class Question:
    """One organisation and the plans on sale at one interval, ready to be put to a ranker (`answering.py`)."""

    def __init__(
        self, snapshot: Snapshot, interval: Interval, assortment: Assortment, terms: Terms, earlier: EarlierDraw | None
    ) -> None:
        self._snapshot, self._interval, self._terms, self._earlier = snapshot, interval, terms, earlier
        self._catalogue, listed = assortment.catalogue, assortment.tables[interval]
        self.sold = self._sold(interval, listed.codes)
        by_year = {} if interval == "year" else self._sold("year", self.sold)
        self.frame = listed.once(frame_of, of_prices=True)
        """The frame that decisions on these plans are packed beside."""
        self.charged = charged_plans(listed, self.sold, listed=self._catalogue.plans, by_year=by_year)
        self.plans = assortment.charged.table(listed, self.charged)
        paid = assortment.interval_for(snapshot.current.held.interval)
        self.leading = None if interval == paid else Question(snapshot, paid, assortment, terms, earlier)
        """The same question at the interval that is paid; `None`: that is this one's."""
        self.situations = situation(snapshot, catalogue=self._catalogue, plans=self.plans)
        self.offered: list[int] = np.flatnonzero(self.situations.eligible[0]).tolist()
        self.codes = tuple(self.plans.codes[i] for i in self.offered)
        self._states = {code: self._selection(code).state for code in self.codes}

    def _sold(self, interval: Interval, codes: Collection[str]) -> dict[str, SoldPlan]:
        """The price charged to the organisation for each of these plans that is sold at the interval."""
        plans = (self._catalogue.plan(code) for code in codes)
        return {
            plan.code: sold_plan(plan, interval, snapshot=self._snapshot, catalogue=self._catalogue)
            for plan in plans
            if interval in plan.price_cents
        }

    @property
    def blocked(self) -> Mask:
        """(plans,) which plans are open to the organisation, but cannot be taken as things stand."""
        return np.array([self._states.get(code) == "blocked" for code in self.plans.codes])

    def ranked(self, scores: Scores, ranker: Ranker, *, led: Ranked | None) -> Ranked:
        """The ranker's order after the guard and the draw; `led` is the answer to the leading question."""
        best_first, guard = rank(self.codes, self._stated(scores), log_worth=scores.worth), scores.guard
        instead = {
            code: self.plans.codes[guard.instead_of(i).plan] for code, i in zip(self.codes, self.offered, strict=True)
        }
        drawn = (
            led.drawn
            if led
            else (self._earlier.draw if self._earlier is not None and self._earlier.by(ranker) else None)
        )
        if drawn is None or not drawn.is_of(best_first):
            budget = self._terms.exploration_budget
            out = self._out_of_question(scores.rows) if budget else ()
            policy = within_budget(best_first, budget=budget, out_of_question=out, instead=instead)
            drawn = draw_first(best_first, draw=self._name_of_draw(), policy=policy, out_of_question=out)
        found = guard.instead_of(self.plans.codes.index(drawn.plan))
        order = in_order(best_first, drawn, instead=instead)
        alternative, elsewhere = self.plans.codes[found.alternative], self._elsewhere(order, led)
        return Ranked(order, drawn, alternative, found.why, self._raised(scores), elsewhere)

    def _elsewhere(self, order: Sequence[ShownPlan], led: Ranked | None) -> Mapping[str, str]:
        if led is None or self.leading is None or led.order[0].plan == order[0].plan:
            return {}
        return {"elsewhere": led.order[0].plan, "elsewhere_interval": self.leading.plans.interval}

    def follows(self, led: Ranked, scores: Scores) -> bool:
        """Whether the first plan is the one of the leading question, at the interval that is paid.

        So it is wherever each plan that may be first there may be first at this interval's prices too: all but where an
        offer of one interval turns the order.
        """
        firsts = [each.plan for each in led.order if each.propensity]
        stands, place = scores.guard.stands, self.plans.codes.index
        return all(code in self.codes and stands(place(code)) for code in firsts)

    def following(self, led: Ranked, scores: Scores) -> Ranked:
        """The order of this interval, but with the first plan, and the chances, of the leading one."""
        chances = {each.plan: each.propensity for each in led.order}
        best_first = sorted(
            rank(self.codes, self._stated(scores), log_worth=scores.worth),
            key=lambda each: each.plan != led.order[0].plan,
        )
        order = tuple(
            ShownPlan(each.plan, place, each.utility, each.probability, chances.get(each.plan, 0.0))
            for place, each in enumerate(best_first, start=1)
        )
        codes = self.plans.codes
        alternative = codes[scores.guard.alternative_to(codes.index(order[0].plan))]
        return replace(led, order=order, alternative=alternative, raised=self._raised(scores))

    def _stated(self, scores: Scores) -> FloatArray:
        """The scores that order the candidates, (candidates,)."""
        return scores.by_plan[self.offered]

    def _raised(self, scores: Scores) -> tuple[str, ...]:
        above = self._stated(scores) > scores.stated
        return tuple(code for code, more in zip(self.codes, above, strict=True) if more)

    def guard_record(self, ranked: Ranked) -> Guarded | None:
        """The plan that the guard replaced, its alternative and the reason code; `None` where it replaced none."""
        if ranked.why is None:
            return None
        return {"first": ranked.drawn.plan, "alternative": ranked.alternative, "code": ranked.why}

    def drawn(self, ranked: Ranked | None) -> DrawnContent:
        """The draw and its instant, which later decisions on the same basis reuse, and the plans that were raised."""
        if ranked is None:
            return {"draw": None, "raised": []}
        earlier = self._earlier
        kept = earlier is not None and earlier.draw == ranked.drawn
        at = earlier.drawn_at if earlier is not None and kept else self._snapshot.at
        draw: DrawRecord = {"plan": ranked.drawn.plan, "chances": dict(ranked.drawn.chances), "at": at.isoformat()}
        return {"draw": draw, "raised": list(ranked.raised)}

    def candidates(
        self,
        order: tuple[ShownPlan, ...],
        *,
        explanation: Explanation | None,
        row: Mapping[str, ShownAs],
        rows: FloatArray,
    ) -> tuple[LoggedCandidate, ...]:
        """Every candidate as it is logged, with its features from `rows`; the first one has the reasons."""
        reasons = explanation.records() if explanation is not None else []
        return tuple(
            LoggedCandidate(
                plan=each.plan,
                shown=each.plan in row,
                shown_as=row.get(each.plan),
                recommended=each.position == 1,
                utility=each.utility,
                probability=each.probability,
                propensity=each.propensity,
                reasons=reasons if each.position == 1 else [],
                features=dict(zip(FEATURES, rows[self.codes.index(each.plan)].tolist(), strict=True)),
            )
            for each in order
        )

    def _out_of_question(self, rows: FloatArray) -> frozenset[str]:
        """The candidates that exploration must not put first: plans too small for the usage, and blocked ones."""
        too_small = np.count_nonzero(rows[:, _TOO_SMALL] > 0, axis=1).tolist()
        return frozenset(
            code for code, small in zip(self.codes, too_small, strict=True) if small or self._states[code] == "blocked"
        )

    def _selection(self, code: str) -> Selection:
        plan = self._snapshot.account.sized(self._catalogue.plan(code))
        wish = Wish.from_catalogue(self._catalogue, plan, self._interval)
        return selection(account=self._snapshot.account, wish=wish, now=self._snapshot.at)

    def _name_of_draw(self) -> str:
        return name_of_draw(
            self._snapshot.organization.organization_id,
            days_since_1970=microseconds(self._snapshot.at) / DAY_US,
            days=self._terms.draw_days,
        )
