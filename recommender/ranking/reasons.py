"""Why a plan rather than the alternative: only what is true, tells the two apart, weighs, and would be missed.

The *alternative* is what the reader would take otherwise (`guard.py`); a plan that is the alternative itself is weighed
against the best other candidate of its family. A fact becomes a reason if three checks hold. It is true of the
organisation and not so of the rival (`reason_facts.py` states nothing else); the ranker's attribution favours the plan
over the rival by at least 0.05; and with the fact taken away, features computed anew and the ranker asked again, the
margin between the two is narrower. The checks' figures are kept. The same saving is said once, by its first reason.

The sentence above the cards explains the whole row of cards. All plans of a family share a template, so between two of
them it says nothing; where nothing else is to be said, a template is weighed against the best candidate that it does
not suit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np

from recommender.ranking.derived import Facts
from recommender.ranking.explanation import Checks, Context, Explanation, Reason
from recommender.ranking.features import features_of
from recommender.ranking.guard_facts import enough, is_need, smaller_blocked
from recommender.ranking.needs import EQUAL_CENTS, LEAST_SAVING_CENTS
from recommender.ranking.precedence import ContextCode, about, place_of
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reason_facts import Fact, bill_facts, facts_for, template_facts
from recommender.ranking.worlds import Worlds

LEAST_CONTRIBUTION: Final = 0.05
"""In utility, hence in log-odds between the two plans: 0.05 makes one of them 5 % likelier."""
_LEAST_NARROWING: Final = 1e-9
MOST_REASONS: Final = 3
_TRUE_OF_LARGER_PLANS: Final = frozenset({"usage_fits", "usage_small"})
"""True of a larger alternative just as well; between a plan and a larger one that nobody would take it is news."""


@runtime_checkable
class Attributing(Protocol):
    """A ranker that can say what each feature added to a utility."""

    def contributions(self, features: FloatArray, group_sizes: IntArray, wanted: IntArray | None = None) -> FloatArray:
        """Shape (rows, features); a row's sum is its utility, up to a constant; whole decisions are asked.

        `wanted` are the indexes of the rows to answer for, all of them if absent.
        """


@dataclass(frozen=True, slots=True)
class Scored:
    """A question to a ranker about the candidates of one decision, and its answer."""

    rows: FloatArray
    """(candidates, features of the ranker)"""
    utilities: FloatArray
    """(candidates,)"""


def scored(facts: Facts, ranker: Ranker) -> Scored:
    """Ask a ranker about the candidates of one decision (n = 1)."""
    rows = np.ascontiguousarray(features_of(facts, ranker.feature_names)[facts.situations.eligible])
    return Scored(rows, ranker.utilities(rows, np.array([len(rows)], dtype=np.int64)))


@dataclass(frozen=True, slots=True)
class Case:
    """A plan to explain to one organisation, which is among its candidates."""

    facts: Facts
    """Of the one (n = 1)."""
    plan: str
    answer: Scored
    """The ranker's answer about the candidates."""
    alternative: str | None = None
    """The plan that it is weighed against."""
    overruled: str | None = None
    """A dearer plan that the guard did not let stand for want of a need."""


def explain(
    facts: Facts, *, ranker: Ranker, plan: str, alternative: str | None = None, overruled: str | None = None
) -> Explanation:
    """Why one organisation (n = 1) is offered `plan`, as `Case` and `explain_all` say; the ranker scores it first."""
    return explain_all([Case(facts, plan, scored(facts, ranker), alternative, overruled)], ranker)[0]


def explain_all(cases: Sequence[Case], ranker: Ranker) -> list[Explanation]:
    """Why each organisation is offered its plan; all cases are about the same plans.

    A plan is weighed against its alternative; where that is the plan itself or no candidate, against the candidate with
    the highest utility besides it (ties: catalogue order), of its family if there is one, and cheaper; if none is
    cheaper, against the next cheapest. An only candidate has no reasons.
    The worlds without each claim are computed, and put to the ranker, all at once; so are the attributions.
    """
    contests = [_Contest.of(case, ranker) for case in cases]
    claimed = [contest for contest in contests if contest.claims]
    findings = iter(_findings_of(claimed, ranker))
    return [contest.explanation(next(findings) if contest.claims else _NOTHING_CLAIMED) for contest in contests]


def _said_once(strongest: Sequence[Reason]) -> tuple[Reason, ...]:
    """The first of each code, of savings that read as the same amount, and of two that give one limit as the reason."""
    first: list[Reason] = []
    for reason in strongest:
        same = (each.code == reason.code or _same_saving(each, reason) or _same_limit(each, reason) for each in first)
        if not any(same):
            first.append(reason)
    return tuple(first)


def _same_saving(one: Reason, other: Reason) -> bool:
    """Whether both name a saving, and the two differ by less than is worth a word."""
    savings = [each.params["saving_amount_cents"] for each in (one, other) if "saving_amount_cents" in each.params]
    return len(savings) == 2 and abs(int(savings[0]) - int(savings[1])) < LEAST_SAVING_CENTS


def _same_limit(one: Reason, other: Reason) -> bool:
    """Whether both say that the plan holds what is used of a metric: as one limit, and as one of several."""
    codes = {one.code, other.code}
    return codes == {"limits_passed", "usage_needs"} and one.params["metric"] == other.params["metric"]


def _context(strongest: Sequence[Reason], silent: ContextCode) -> Context:
    """The subject of the strongest reason; where usage is unknown, the sentence says so in any case."""
    if not strongest:
        return Context(silent, None)
    return Context("unknown" if silent == "unknown" else about(strongest[0].code), strongest[0])


@dataclass(frozen=True, slots=True)
class _Findings:
    """The figures of the claims of one contest."""

    worlds: Facts | None
    """The worlds without the claims of all contests; `None`: nothing was claimed anywhere."""
    first: int
    """The world without the first claim of this contest."""
    utilities: Sequence[FloatArray]
    """The candidates' utilities in the world without each claim."""
    shares: FloatArray | None
    """(weighed plans, features) each feature's share in a utility; `None` where the ranker does not say."""


_NOTHING_CLAIMED: Final = _Findings(None, 0, (), None)


def _findings_of(contests: Sequence["_Contest"], ranker: Ranker) -> Iterator[_Findings]:
    """Ask about the claims of all contests at once."""
    if not contests:
        return
    worlds = Worlds([fact for contest in contests for fact, _ in contest.claims])
    utilities, shares = worlds.utilities(ranker), _shares(contests, ranker)
    first = 0
    for contest, each in zip(contests, shares, strict=True):
        behind = first + len(contest.claims)
        yield _Findings(worlds.facts, first, utilities[first:behind], each)
        first = behind


def _shares(contests: Sequence["_Contest"], ranker: Ranker) -> list[FloatArray] | list[None]:
    """For each contest the shares of the features in the utilities of the plans that are weighed."""
    if not isinstance(ranker, Attributing):
        return [None] * len(contests)
    sizes = np.array([len(contest.candidates) for contest in contests], dtype=np.int64)
    starts = (np.cumsum(sizes) - sizes).tolist()
    wanted = [
        [start + contest.candidates.index(plan) for plan in contest.weighed]
        for start, contest in zip(starts, contests, strict=True)
    ]
    rows = np.concatenate([contest.answer.rows for contest in contests])
    shares = ranker.contributions(rows, sizes, np.array([row for rows in wanted for row in rows], dtype=np.int64))
    return np.split(shares, np.cumsum([len(rows) for rows in wanted])[:-1])


@dataclass(frozen=True, slots=True)
class _Contest:
    """One plan among its candidates, as the ranker sees them, and what is claimed in its favour."""

    facts: Facts
    ranker: Ranker
    plan: int
    candidates: list[int]
    answer: Scored
    rival: int | None
    """The plan that it is weighed against; `None`: it is the only candidate."""
    to_alternative: bool
    """Whether the rival is the alternative, rather than chosen for want of one."""
    overruled: str | None
    claims: Sequence[tuple[Fact, int]]
    """Each with the rival that it is told against."""

    @classmethod
    def of(cls, case: Case, ranker: Ranker) -> "_Contest":
        """The contest of a case."""
        facts, plans = case.facts, case.facts.plans
        plan, candidates = plans.codes.index(case.plan), np.flatnonzero(facts.situations.eligible[0])
        by_utility = [int(i) for i in candidates[np.argsort(-case.answer.utilities, kind="stable")] if i != plan]
        if not by_utility:
            return cls(facts, ranker, plan, candidates.tolist(), case.answer, None, False, None, ())
        rival = _rival(facts, by_utility, plan=plan, alternative=case.alternative)
        to_alternative = plans.codes[rival] == case.alternative
        told_apart = () if not to_alternative else _TRUE_OF_LARGER_PLANS
        claims = [(fact, rival) for fact in facts_for(facts, plan=plan, rival=rival) if fact.code not in told_apart]
        suits = (facts.situations.templates[0] & plans.suits & plans.suits[plan]).any(axis=1)
        unlike = next((i for i in by_utility if not suits[i]), None)
        if unlike is not None and unlike != rival:
            claims += [(fact, unlike) for fact in template_facts(facts, plan=plan, rival=unlike)]
        return cls(facts, ranker, plan, candidates.tolist(), case.answer, rival, to_alternative, case.overruled, claims)

    @property
    def weighed(self) -> list[int]:
        """The plans whose utilities are taken apart."""
        return [self.plan, *dict.fromkeys(rival for _, rival in self.claims)]

    def explanation(self, findings: _Findings) -> Explanation:
        """The reasons that hold, and the sentence above the cards."""
        codes = self.facts.plans.codes
        silent: ContextCode = "neutral" if self.facts.usage_known[0].any() else "unknown"
        if self.rival is None:
            return Explanation(codes[self.plan], (), Context(silent, None))
        checked = self._among_claims(findings)
        checked += self._of_guard(checked, findings, rival=self.rival)
        strongest = sorted(checked, key=lambda reason: (place_of(reason.code), -reason.contribution))
        own = [each for each in strongest if each.checks.rival == codes[self.rival] or each.checks.by == "guard"]
        return Explanation(codes[self.plan], _said_once(own)[:MOST_REASONS], _context(strongest, silent))

    def _among_claims(self, findings: _Findings) -> list[Reason]:
        """The claims, each against its rival, that pass the second and third check."""
        weighed = self.weighed
        reasons = []
        for (fact, rival), utilities in zip(self.claims, findings.utilities, strict=True):
            margin, without = self._margin(self.answer.utilities, rival), self._margin(utilities, rival)
            weight = margin - without
            if findings.shares is not None:
                columns = [i for i, name in enumerate(self.ranker.feature_names) if name in fact.theme]
                of_theme = dict(zip(weighed, findings.shares[:, columns].sum(axis=1).tolist(), strict=True))
                weight = of_theme[self.plan] - of_theme[rival]
            if weight >= LEAST_CONTRIBUTION and without < margin - _LEAST_NARROWING:
                checks = Checks(self.facts.plans.codes[rival], margin, without, weight)
                reasons.append(Reason(fact.code, f"reason.{fact.code}", fact.params, weight, checks))
        return reasons

    def _of_guard(self, checked: Sequence[Reason], findings: _Findings, *, rival: int) -> list[Reason]:
        """The facts that the guard decided by, where the ranker alone would not have: see `guard_facts.py`.

        Against an overruled plan, that this one is enough, or costs less where the alternative does not do so as well.
        Against a cheaper rival, the needs: of several, the ranker would miss none, for any other will do. Against a
        dearer alternative, the bill.
        """
        plan, bills, codes = self.plan, self.facts.reported_bill_cents[0], self.facts.plans.codes
        found: list[tuple[Fact, int]] = []
        if self.overruled in codes and (other := codes.index(self.overruled)) in self.candidates:
            apart = not self.to_alternative or bills[plan] + EQUAL_CENTS < bills[rival]
            claimed = enough(self.facts, plan=plan, rival=other)
            found += [(fact, other) for fact in claimed if fact.code == "enough" or apart]
        if bills[plan] > bills[rival] + EQUAL_CENTS:
            found += [(fact, rival) for fact in self._needs(findings, rival=rival)]
        elif self.to_alternative:
            found += [(fact, rival) for fact in bill_facts(self.facts, plan=plan, rival=rival)]
        named = {each.code for each in checked if each.checks.rival == codes[rival]}
        for last_resort in (enough, smaller_blocked, bill_facts):
            if not named and not found:
                found += [(fact, rival) for fact in last_resort(self.facts, plan=plan, rival=rival)]
        found = [(fact, other) for fact, other in found if other != rival or fact.code not in named]
        reasons = []
        for fact, other in found:
            margin = self._margin(self.answer.utilities, other)
            checks = Checks(codes[other], margin, margin, 0.0, "guard")
            reasons.append(Reason(fact.code, f"reason.{fact.code}", fact.params, abs(margin), checks))
        return reasons

    def _needs(self, findings: _Findings, *, rival: int) -> list[Fact]:
        """The claims against the rival that are needs."""
        worlds = findings.worlds
        return [
            fact
            for world, (fact, other) in enumerate(self.claims, start=findings.first)
            if other == rival and worlds is not None
            if is_need(fact, facts=self.facts, worlds=worlds, world=world, plan=self.plan, rival=rival)
        ]

    def _margin(self, values: FloatArray, rival: int) -> float:
        """How much more the plan has than the rival; `values` has shape (candidates,)."""
        return float(values[self.candidates.index(self.plan)] - values[self.candidates.index(rival)])


def _rival(facts: Facts, by_utility: Sequence[int], *, plan: int, alternative: str | None) -> int:
    """The plan that `plan` is weighed against, of the others by falling utility."""
    plans, bills = facts.plans, facts.reported_bill_cents[0]
    if alternative in plans.codes and (given := plans.codes.index(alternative)) in by_utility:
        return given
    family = [i for i in by_utility if plans.family[i] == plans.family[plan]] or list(by_utility)
    cheaper = (i for i in family if bills[i] < bills[plan])
    return next(cheaper, min(family, key=bills.__getitem__))
