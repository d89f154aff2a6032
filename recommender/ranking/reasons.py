"""Why a plan rather than the alternative: only what is true, tells the two apart, weighs, and would be missed.

The *alternative* is what the reader would take otherwise (`guard.py`); a plan that is the alternative itself is weighed
against the best other candidate of its family. A fact becomes a reason if three checks hold. It is true of the
organisation and not so of the rival (`reason_facts.py` states nothing else); the ranker's attribution favours the plan
over the rival by at least 0.05; and with the fact taken away, features computed anew and the ranker asked again, the
margin between the two is narrower. The checks' figures are kept.

The sentence above the cards explains the whole row of cards. All plans of a family share a template, so between two of
them it says nothing; where nothing else is to be said, a template is weighed against the best candidate that it does
not suit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Protocol, runtime_checkable

import numpy as np

from recommender.ranking.derived import Facts, stack
from recommender.ranking.features import features_of
from recommender.ranking.guard import EQUAL_CENTS
from recommender.ranking.guard_facts import enough, needs_named, smaller_blocked
from recommender.ranking.precedence import ContextCode, about, place_of
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reason_facts import Fact, Figure, bill_facts, facts_for, template_facts

LEAST_CONTRIBUTION: Final = 0.05
"""In utility, hence in log-odds between the two plans: 0.05 makes one of them 5 % likelier."""
_LEAST_NARROWING: Final = 1e-9
MOST_REASONS: Final = 3
_TRUE_OF_LARGER_PLANS: Final = frozenset({"usage_fits", "usage_small"})
"""What a larger alternative does just as well; between a plan and a larger one that nobody would take it is news."""


@runtime_checkable
class Attributing(Protocol):
    """A ranker that can say what each feature added to a utility."""

    def contributions(self, features: FloatArray, group_sizes: IntArray, wanted: IntArray | None = None) -> FloatArray:
        """Shape (rows, features); a row's sum is its utility, up to a constant; whole decisions are asked.

        `wanted` are the indexes of the rows to answer for, all of them if absent.
        """


@dataclass(frozen=True, slots=True)
class Checks:
    """What was found when a reason was checked."""

    rival: str
    """The plan it was weighed against."""
    margin: float
    """Utility of the plan minus the rival's."""
    margin_without: float
    """The same with the fact taken away."""
    attribution: float
    """What the fact's features add to the margin; for a ranker without attributions what the margin loses."""
    by: Literal["ranker", "guard"] = "ranker"
    """Who it weighs for. Without a fact of the guard's, the guard would have put another plan first; the figures are
    the ranker's all the same."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact that holds, weighs and would be missed."""

    code: str
    message_key: str
    params: Mapping[str, Figure]
    contribution: float
    checks: Checks


@dataclass(frozen=True, slots=True)
class Context:
    """The sentence above the cards."""

    code: ContextCode
    reason: Reason | None
    """What it rests on."""

    @property
    def params(self) -> Mapping[str, Figure]:
        """What the sentence names."""
        return {} if self.reason is None else self.reason.params


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for one plan, strongest first, and the sentence they amount to."""

    plan: str
    reasons: tuple[Reason, ...]
    context: Context

    def records(self) -> list[dict[str, Any]]:
        """Every reason that is shown, as plain values for the decision log, and where: on the card, above the cards."""
        leading = self.context.reason
        said = self.reasons if leading is None or leading in self.reasons else (*self.reasons, leading)
        places = [("card", self.reasons), ("context", () if leading is None else (leading,))]
        return [
            {**asdict(reason), "shown_on": [place for place, reasons in places if reason in reasons]} for reason in said
        ]


NEUTRAL: Final = Context("neutral", None)


@dataclass(frozen=True, slots=True)
class Scored:
    """What a ranker was asked about the candidates of one decision, and what it answered."""

    rows: FloatArray
    """(candidates, features of the ranker)"""
    utilities: FloatArray
    """(candidates,)"""


def scored(facts: Facts, ranker: Ranker) -> Scored:
    """Ask a ranker about the candidates of one decision (n = 1)."""
    rows = np.ascontiguousarray(features_of(facts, ranker.feature_names)[facts.situations.eligible])
    return Scored(rows, ranker.utilities(rows, np.array([len(rows)], dtype=np.int64)))


def explain(
    facts: Facts,
    *,
    ranker: Ranker,
    plan: str,
    answer: Scored | None = None,
    alternative: str | None = None,
    overruled: str | None = None,
) -> Explanation:
    """Why one organisation is offered `plan`, which must be among its candidates; `facts` are of that one (n = 1).

    `answer` is what the ranker has said of the candidates; it is asked again if absent.

    It is weighed against the `alternative`; where that is the plan itself or no candidate, against the candidate with
    the highest utility besides it (ties: catalogue order), of its family if there is one, and cheaper; if none is
    cheaper, against the next cheapest.
    An only candidate has no reasons. `overruled` is a dearer plan that the guard did not let stand for want of a need.
    """
    situations, plans = facts.situations, facts.plans
    index, candidates = plans.codes.index(plan), np.flatnonzero(situations.eligible[0])
    answer = answer or scored(facts, ranker)
    by_utility = [int(i) for i in candidates[np.argsort(-answer.utilities, kind="stable")] if i != index]
    silent: ContextCode = "neutral" if facts.usage_known[0].any() else "unknown"
    if not by_utility:
        return Explanation(plan, (), Context(silent, None))
    rival = _rival(facts, by_utility, plan=index, alternative=alternative)
    to_alternative = plans.codes[rival] == alternative
    told_apart = () if not to_alternative else _TRUE_OF_LARGER_PLANS
    claims = [(fact, rival) for fact in facts_for(facts, plan=index, rival=rival) if fact.code not in told_apart]
    suits = (situations.templates[0] & plans.suits & plans.suits[index]).any(axis=1)
    unlike = next((i for i in by_utility if not suits[i]), None)
    if unlike is not None and unlike != rival:
        claims += [(fact, unlike) for fact in template_facts(facts, plan=index, rival=unlike)]
    contest = _Contest(facts, ranker, index, candidates.tolist(), answer)
    checked = contest.reasons_among(claims)
    checked += contest.reasons_of_guard(checked, rival=rival, to_alternative=to_alternative, overruled=overruled)
    strongest = sorted(checked, key=lambda reason: (place_of(reason.code), -reason.contribution))
    told = [each for each in strongest if each.checks.rival == plans.codes[rival] or each.checks.by == "guard"]
    reasons = _one_per_code(told)
    return Explanation(plan, reasons[:MOST_REASONS], _context(strongest, silent))


def _rival(facts: Facts, by_utility: Sequence[int], *, plan: int, alternative: str | None) -> int:
    """The plan that `plan` is weighed against, of the others by falling utility."""
    plans, bills = facts.plans, facts.reported_bill_cents[0]
    if alternative in plans.codes and (given := plans.codes.index(alternative)) in by_utility:
        return given
    family = [i for i in by_utility if plans.family[i] == plans.family[plan]] or list(by_utility)
    cheaper = (i for i in family if bills[i] < bills[plan])
    return next(cheaper, min(family, key=bills.__getitem__))


def _one_per_code(strongest: Sequence[Reason]) -> tuple[Reason, ...]:
    first: dict[str, Reason] = {}
    for reason in strongest:
        first.setdefault(reason.code, reason)
    return tuple(first.values())


def _context(strongest: Sequence[Reason], silent: ContextCode) -> Context:
    """What the strongest is about; where usage is unknown, the sentence says so whatever it rests on."""
    if not strongest:
        return Context(silent, None)
    return Context("unknown" if silent == "unknown" else about(strongest[0].code), strongest[0])


@dataclass(frozen=True, slots=True)
class _Contest:
    """One plan among its candidates, as the ranker sees them."""

    facts: Facts
    ranker: Ranker
    plan: int
    candidates: list[int]
    answer: Scored

    def reasons_among(self, claims: Sequence[tuple[Fact, int]]) -> list[Reason]:
        """The claims, each against its rival, that pass the second and third check."""
        if not claims:
            return []
        weighed = [self.plan, *dict.fromkeys(rival for _, rival in claims)]
        shares = self._shares(weighed)
        after = _without(self.ranker, [fact for fact, _ in claims])
        reasons = []
        for (fact, rival), utilities in zip(claims, after, strict=True):
            margin, without = self._margin(self.answer.utilities, rival), self._margin(utilities, rival)
            weight = margin - without
            if shares is not None:
                columns = [i for i, name in enumerate(self.ranker.feature_names) if name in fact.theme]
                of_theme = dict(zip(weighed, shares[:, columns].sum(axis=1).tolist(), strict=True))
                weight = of_theme[self.plan] - of_theme[rival]
            if weight >= LEAST_CONTRIBUTION and without < margin - _LEAST_NARROWING:
                checks = Checks(self.facts.plans.codes[rival], margin, without, weight)
                reasons.append(Reason(fact.code, f"reason.{fact.code}", fact.params, weight, checks))
        return reasons

    def reasons_of_guard(
        self, checked: Sequence[Reason], *, rival: int, to_alternative: bool, overruled: str | None
    ) -> list[Reason]:
        """What the guard decided by, where the ranker alone would not have: see `guard_facts.py`.

        Against an overruled plan, that this one is enough. Against a cheaper rival, the needs: of several, the ranker
        would miss none, for any other will do. Against a dearer alternative, the bill.
        """
        plan, bills, codes = self.plan, self.facts.reported_bill_cents[0], self.facts.plans.codes
        found: list[tuple[Fact, int]] = []
        if overruled in codes and (other := codes.index(overruled)) in self.candidates:
            found += [(fact, other) for fact in enough(self.facts, plan=plan, rival=other)]
        if bills[plan] > bills[rival] + EQUAL_CENTS:
            needs = needs_named(self.facts, plan=plan, rival=rival)
            found += [(fact, rival) for fact in needs]
        elif to_alternative:
            found += [(fact, rival) for fact in bill_facts(self.facts, plan=plan, rival=rival)]
        said = {each.code for each in checked if each.checks.rival == codes[rival]}
        for last_resort in (enough, smaller_blocked, bill_facts):
            if not said and not found:
                found += [(fact, rival) for fact in last_resort(self.facts, plan=plan, rival=rival)]
        found = [(fact, other) for fact, other in found if other != rival or fact.code not in said]
        reasons = []
        for fact, other in found:
            margin = self._margin(self.answer.utilities, other)
            checks = Checks(codes[other], margin, margin, 0.0, "guard")
            reasons.append(Reason(fact.code, f"reason.{fact.code}", fact.params, abs(margin), checks))
        return reasons

    def _margin(self, values: FloatArray, rival: int) -> float:
        """How much more the plan has than the rival; `values` has shape (candidates,)."""
        return float(values[self.candidates.index(self.plan)] - values[self.candidates.index(rival)])

    def _shares(self, weighed: Sequence[int]) -> FloatArray | None:
        """The share of each feature in these plans' utilities, (plans, features); `None` where the ranker has none."""
        if not isinstance(self.ranker, Attributing):
            return None
        rows, wanted = self.answer.rows, [self.candidates.index(each) for each in weighed]
        return self.ranker.contributions(rows, np.array([len(rows)], dtype=np.int64), np.array(wanted, dtype=np.int64))


def _without(ranker: Ranker, claims: Sequence[Fact]) -> FloatArray:
    """The candidates' utilities in the world without each claim, (claims, candidates), all asked about at once."""
    prices = np.stack([fact.plans.monthly_price_cents for fact in claims])  # all that a fact changes of the plans
    worlds = Facts(stack([fact.situations for fact in claims]), replace(claims[0].plans, monthly_price_cents=prices))
    eligible = worlds.situations.eligible
    rows = np.ascontiguousarray(features_of(worlds, ranker.feature_names)[eligible])
    return ranker.utilities(rows, eligible.sum(axis=1)).reshape(len(claims), -1)
