"""One organisation and the plans on sale at one interval: who is first by a ranker, the guard and the draw, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from recommender.billing.availability import Selection, selection
from recommender.billing.catalogue import Interval
from recommender.billing.charged import SoldPlan
from recommender.billing.subscription import Wish
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
    name_of_draw,
    within_budget,
)
from recommender.ranking.features import FEATURES
from recommender.ranking.guard import Guard, Why, guards, several_families
from recommender.ranking.ranker import FloatArray, Ranker, rank
from recommender.ranking.reasons import Explanation, Scored, explain
from recommender.row import ShownAs
from serving.accounts.account import Snapshot, situation
from serving.plan_cards.contracts import Guarded
from serving.plan_cards.promotions import sold_plan
from serving.plan_cards.ranker_calls import (
    COLUMN,
    log_worth_of,
    ranker_input,
    rows_of,
    scores_of,
    utilities_of,
    willing_utilities,
)
from serving.plan_cards.records import DrawnContent, DrawRecord
from serving.plan_cards.repository import Candidate, EarlierDraw
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
    """What the first plan was weighed against."""
    why: Why | None
    """What the guard had against the plan that was drawn."""
    raised: tuple[str, ...]
    """Plans that the ranker put below one that they dominate (`recommender.ranking.dominance`)."""
    learned: FloatArray
    """The ranker's utility of each candidate, (candidates,)."""


class Question:
    """One organisation and the plans on sale at one interval."""

    def __init__(
        self, snapshot: Snapshot, interval: Interval, assortment: Assortment, terms: Terms, earlier: EarlierDraw | None
    ) -> None:
        self._snapshot, self._interval, self._terms, self._earlier = snapshot, interval, terms, earlier
        self._catalogue, listed = assortment.catalogue, assortment.tables[interval]
        self._listed = listed
        self.sold: dict[str, SoldPlan] = {
            code: sold_plan(self._catalogue.plan(code), interval, snapshot=snapshot, catalogue=self._catalogue)
            for code in listed.codes
        }
        self.charged = charged_plans(listed, self.sold)
        self.plans = as_charged(listed, self.charged)
        paid = assortment.interval_for(snapshot.current.held.interval)
        self._leading = self if interval == paid else Question(snapshot, paid, assortment, terms, earlier)
        self.situations = situation(snapshot, catalogue=self._catalogue, plans=self.plans)
        self.measured = Facts(self.situations, self.plans)
        self.rows = rows_of(self.measured)
        offered = np.flatnonzero(self.situations.eligible[0]).tolist()
        self.offered: tuple[int, ...] = tuple(offered)
        self.codes = tuple(self.plans.codes[i] for i in offered)
        self._states = {code: self._selection(code).state for code in self.codes}

    def answer(self, ranker: Ranker) -> Ranked | None:
        """The ranker's order after the guard and the draw; `None` where nothing is on sale to the organisation.

        Which plan is first is asked at the interval that is paid, unless one that may be first there may not be here.
        """
        if not self.codes:
            return None
        led = None if self._leading is self else self._leading.answer(ranker)
        firsts = [] if led is None else [each.plan for each in led.order if each.propensity]
        here = set(firsts) <= set(self.codes)
        if led is not None and here and self._leading.stands_without_promotions(firsts, ranker):
            return self._following(led, ranker)
        learned, worth = willing_utilities(ranker, self.rows), log_worth_of(ranker, self.rows)
        utilities = self._by_plan(learned + worth)[0, list(self.offered)]
        best_first = rank(self.codes, utilities, log_worth=worth)
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
        found = guard.instead_of(self.plans.codes.index(drawn.plan))
        order = in_order(best_first, drawn, instead=instead)
        raised = self._raised(utilities, learned + worth)
        return Ranked(order, drawn, self.plans.codes[found.alternative], found.why, raised, learned)

    def stands_without_promotions(self, firsts: Sequence[str], ranker: Ranker) -> bool:
        """Whether the guard would let all of these plans be first at their list prices."""
        reduced = [code for code in firsts if "price_cents" in self.charged.get(code, {})]
        if not reduced:
            return True
        utilities = self._by_plan(scores_of(ranker, self.rows))
        blocked = np.array([[self._states.get(code) == "blocked" for code in self.plans.codes]])
        guard = guards(Facts(self.situations, self._listed), utilities=utilities, blocked=blocked)[0]
        return all(guard.instead_of(self.plans.codes.index(code)).why is None for code in reduced)

    def _following(self, led: Ranked, ranker: Ranker) -> Ranked:
        """The order of this interval, but with the first plan, and the chances, of the leading one."""
        chances = {each.plan: each.propensity for each in led.order}
        learned, worth = utilities_of(ranker, self.rows), log_worth_of(ranker, self.rows)
        utilities = self._by_plan(learned + worth)[0, list(self.offered)]
        best_first = sorted(
            rank(self.codes, utilities, log_worth=worth), key=lambda each: each.plan != led.order[0].plan
        )
        order = tuple(
            ShownPlan(each.plan, place, each.utility, each.probability, chances.get(each.plan, 0.0))
            for place, each in enumerate(best_first, start=1)
        )
        return replace(led, order=order, raised=self._raised(utilities, learned + worth), learned=learned)

    def _raised(self, scores: FloatArray, stated: FloatArray) -> tuple[str, ...]:
        return tuple(code for code, more in zip(self.codes, scores > stated, strict=True) if more)

    def explanation(self, ranked: Ranked, ranker: Ranker) -> Explanation:
        """Explain the first plan, by the ranker that put it there."""
        rows, _ = ranker_input(ranker, self.rows)
        return explain(
            self.measured,
            ranker=ranker,
            plan=ranked.order[0].plan,
            answer=Scored(rows, ranked.learned),
            alternative=ranked.alternative,
            overruled=ranked.drawn.plan if ranked.why == "no_need" else None,
        )

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
            resting = Facts(without_usage(self.situations), self.plans)
            at_rest = self._by_plan(scores_of(ranker, rows_of(resting)))
        return guards(self.measured, utilities=self._by_plan(utilities), blocked=blocked, at_rest=at_rest)[0]

    def _by_plan(self, utilities: FloatArray) -> FloatArray:
        """Scores of the candidates as a row over the plan table, (1, p); no plan is below one that it dominates."""
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
        plan = self._snapshot.account.sized(self._catalogue.plan(code))
        wish = Wish.from_catalogue(self._catalogue, plan, self._interval)
        return selection(account=self._snapshot.account, wish=wish, now=self._snapshot.at)

    def _name_of_draw(self) -> str:
        return name_of_draw(
            self._snapshot.organization.organization_id,
            days_since_1970=microseconds(self._snapshot.at) / DAY_US,
            days=self._terms.draw_days,
        )
