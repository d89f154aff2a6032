"""Audits reasons: whether each is true, carries weight for the ranker, and matters to the ranking.

A reason is audited from its record alone: code, parameters, plan, rival. `models.judging.reason_checks` says whether it
is true. Then the ranker scores the organisation as it was and as it would be without the fact, on recomputed features,
and the results are compared with those stored when the reason was shown. A reason of the guard is held against the
guard likewise: with the fact and without it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from models.data.situations import Batch, Logged
from models.judging.audited_facts import ReasonChecker, reason_checker
from models.judging.guarded import guarded
from models.judging.reason_checks import is_true
from recommender.billing.catalogue import Catalogue
from recommender.ranking.charged_plans import Charged
from recommender.ranking.derived import Facts, select
from recommender.ranking.explanation import Explanation
from recommender.ranking.features import feature_cube
from recommender.ranking.guard_facts import NEED_OF, enough, smaller_blocked
from recommender.ranking.needs import EQUAL_CENTS, NEEDS
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reason_facts import Fact, facts_for
from recommender.ranking.reasons import LEAST_CONTRIBUTION, Attributing, explain
from recommender.ranking.situation import PlanTable, Situations

SAME: Final = 1e-9
"""The allowed difference between a recomputed and a stored figure."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One decision with everything that was known when it was made."""

    logged: Logged
    situations: Situations
    """The situation of the organisation, n = 1."""
    catalogue: Catalogue
    charged: Charged
    plans: PlanTable


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of auditing one reason."""

    decision_id: str
    code: str
    true: bool
    attributed: bool
    necessary: bool
    reproduced: bool
    """Whether margin, margin without the fact and attribution equal the stored values."""

    @property
    def sound(self) -> bool:
        """Whether the reason passed every check."""
        return self.true and self.attributed and self.necessary and self.reproduced


@dataclass(slots=True)
class ReasonsAudit:
    """Counts over audited decisions, and the reasons that failed."""

    decisions: int = 0
    specific: int = 0
    """Decisions with at least one reason; the others show a neutral text."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Decisions that cannot be audited, counted by ranker."""
    reasons: int = 0
    true: int = 0
    attributed: int = 0
    necessary: int = 0
    reproduced: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    faults: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every audited reason passed."""
        return not self.faults

    def take(self, case: Case, records: Sequence[Record], *, plan: str, ranker: Ranker) -> None:
        """Audit the reasons of one decision and add the results."""
        self.decisions += 1
        self.specific += bool(records)
        audited = AuditedDecision(case, ranker)
        for record in records:
            finding = find(record, audited, plan=plan)
            self.reasons += 1
            self.true += finding.true
            self.attributed += finding.attributed
            self.necessary += finding.necessary
            self.reproduced += finding.reproduced
            self.by_code[finding.code] += 1
            if not finding.sound:
                self.faults.append(finding)


def cases_of(batches: Sequence[Batch]) -> Iterator[Case]:
    """Every decision with at least one candidate."""
    for batch in batches:
        for i in np.flatnonzero(batch.situations.eligible.any(axis=1)).tolist():
            yield Case(
                batch.logged[i], select(batch.situations, np.array([i])), batch.catalogue, batch.charged, batch.plans
            )


def audit_explanations(
    batches: Sequence[Batch], ranker: Ranker, *, progress: Callable[[int], None] = lambda _done: None
) -> ReasonsAudit:
    """Explain the first plan of every decision as the service would, and audit the reasons."""
    audit = ReasonsAudit()
    for case in cases_of(batches):
        explanation = explained(case, ranker)
        audit.take(case, explanation.records(), plan=explanation.plan, ranker=ranker)
        progress(audit.decisions)
    return audit


def audit_log(
    batches: Sequence[Batch],
    ranker_of: Callable[[Logged], Ranker | None],
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> ReasonsAudit:
    """Audit the reasons that were logged with each decision.

    `ranker_of` returns the ranker that made a decision, or None where it is not available.
    """
    audit = ReasonsAudit()
    for case in cases_of(batches):
        logged = case.logged
        ranker = ranker_of(logged)
        if ranker is None:
            audit.skipped[f"{logged.strategy}, {logged.model_version or 'no version'}"] += 1
            continue
        audit.take(case, logged.reasons, plan=logged.recommended, ranker=ranker)
        progress(audit.decisions)
    return audit


def explained(case: Case, ranker: Ranker) -> Explanation:
    """The plan that is served where the ranker answers and nothing is drawn, and the reasons for it."""
    facts, codes = Facts(case.situations, case.plans), case.plans.codes
    utilities, (guard,) = guarded(ranker, case.plans, case.situations)
    wanted = int(np.argmax(utilities))
    found = guard.instead_of(wanted)
    return explain(
        facts,
        ranker=ranker,
        plan=codes[found.plan],
        alternative=codes[found.alternative],
        overruled=codes[wanted] if found.why == "no_need" else None,
    )


@dataclass(frozen=True)
class AuditedDecision:
    """One decision with the ranker's utilities and shares, computed once for all of its reasons."""

    case: Case
    ranker: Ranker

    @cached_property
    def candidates(self) -> list[str]:
        """The plans that were ranked."""
        return [self.case.plans.codes[i] for i in np.flatnonzero(self.case.situations.eligible[0])]

    @cached_property
    def utilities(self) -> FloatArray:
        """The utility of each candidate, (candidates,)."""
        return _utilities(self.case.situations, self.case.plans, self.ranker)

    @cached_property
    def shares(self) -> FloatArray | None:
        """The share of each feature, (candidates, features); None for a ranker without contributions."""
        if not isinstance(self.ranker, Attributing):
            return None
        return self.ranker.contributions(*_rows(self.case.situations, self.case.plans, self.ranker))

    @cached_property
    def facts(self) -> Facts:
        """The derived facts in which reasons are found."""
        return Facts(self.case.situations, self.case.plans)

    @cached_property
    def checker(self) -> ReasonChecker:
        """The facts against which messages are checked."""
        case = self.case
        return reason_checker(case.situations, catalogue=case.catalogue, charged=case.charged, plans=case.plans)


def find(record: Record, audited: AuditedDecision, *, plan: str) -> Finding:
    """Audit one reason for a plan, from its record."""
    decision_id = audited.case.logged.decision_id
    code, params, checks = str(record.get("code")), record.get("params", {}), record.get("checks", {})
    rival = str(checks.get("rival"))
    fact = None
    if {plan, rival} <= set(audited.candidates):
        fact = _fact(audited.facts, code=code, params=params, plan=plan, rival=rival)
    if fact is None:
        return Finding(decision_id, code, true=False, attributed=False, necessary=False, reproduced=False)
    if checks.get("by") == "guard":
        return _found_of_guard(record, audited, fact=fact, pair=(plan, rival))
    pair = audited.candidates.index(plan), audited.candidates.index(rival)
    margin = _margin(audited.utilities, pair)
    without = _margin(_utilities(fact.situations, fact.plans, audited.ranker), pair)
    attribution = margin - without
    if audited.shares is not None:
        themed = [name in fact.theme for name in audited.ranker.feature_names]
        attribution = _margin(audited.shares[:, themed].sum(axis=1), pair)
    stored = [checks.get(name, float("nan")) for name in ("margin", "margin_without", "attribution")]
    return Finding(
        decision_id=decision_id,
        code=code,
        true=is_true(audited.checker, code=code, params=params, plan=plan, rival=rival),
        attributed=attribution >= LEAST_CONTRIBUTION,
        necessary=without < margin,
        reproduced=bool(np.allclose(stored, [margin, without, attribution], rtol=0, atol=SAME)),
    )


def _found_of_guard(record: Record, audited: AuditedDecision, *, fact: Fact, pair: tuple[str, str]) -> Finding:
    """A reason that the guard decided by: without the fact, it would have put the other plan first.

    Its need is not there any more; or the plan that is enough would not be the cheaper one.
    """
    plan, rival = pair
    codes = audited.case.plans.codes
    before, after = audited.facts, Facts(fact.situations, fact.plans)
    places = codes.index(plan), codes.index(rival)
    if fact.code == "smaller_blocked":
        turned = not (after.reported_monthly[0] > after.plans.limits[places[1]])[~COUNTS].any()
    elif fact.code not in NEED_OF:
        bills = after.reported_bill_cents[0]
        turned = bool(bills[places[0]] >= bills[places[1]] - EQUAL_CENTS)
    else:
        need = NEEDS[NEED_OF[fact.code]]
        turned = bool(need(before)[0][places]) and not need(after)[0][places]
    mine, other = (audited.candidates.index(each) for each in pair)
    margin = _margin(audited.utilities, (mine, other))
    stored = record["checks"].get("margin", float("nan"))
    params = record.get("params", {})
    return Finding(
        decision_id=audited.case.logged.decision_id,
        code=fact.code,
        true=is_true(audited.checker, code=fact.code, params=params, plan=plan, rival=rival),
        attributed=turned,
        necessary=turned,
        reproduced=bool(abs(stored - margin) <= SAME),
    )


def _fact(facts: Facts, *, code: str, params: Mapping[str, Any], plan: str, rival: str) -> Fact | None:
    """The fact of a record, with the situation in which it does not hold; None where there is no such fact."""
    codes = facts.plans.codes
    places = {"plan": codes.index(plan), "rival": codes.index(rival)}
    found = {"enough": enough, "smaller_blocked": smaller_blocked}.get(code, facts_for)
    known = found(facts, **places)
    return next((fact for fact in known if fact.code == code and dict(fact.params) == dict(params)), None)


def _rows(situations: Situations, plans: PlanTable, ranker: Ranker) -> tuple[FloatArray, np.ndarray[Any, Any]]:
    candidates = situations.eligible[0]
    rows = feature_cube(situations, plans, ranker.feature_names)[0, candidates]
    return np.ascontiguousarray(rows), np.array([int(candidates.sum())], dtype=np.int64)


def _utilities(situations: Situations, plans: PlanTable, ranker: Ranker) -> FloatArray:
    return ranker.utilities(*_rows(situations, plans, ranker))


def _margin(values: FloatArray, pair: tuple[int, int]) -> float:
    return float(values[pair[0]] - values[pair[1]])
