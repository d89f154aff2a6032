"""Determines which decisions of the log are usable for training, their labels, and why others are left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from data_contracts.raw.outcomes import CHOICES
from pipelines.history.checked_tables import microseconds_of, places_in, ranks, read_table
from pipelines.history.decision_log import DecisionLog
from pipelines.history.known_facts import KnownFacts
from pipelines.training.aftermath import Aftermath, Ends, aftermath
from pipelines.training.labels import Outcomes, label_decisions
from recommender.ranking.ranker import IntArray, Mask
from recommender.ranking.situation import PlanTable

REASONS: Final[Mapping[str, str]] = {
    "incomplete": "a candidate's row is missing",
    "catalogue_unknown": "its catalogue was not given (--catalogue, --offers), or sells nothing at its interval",
    "plan_unknown": "a candidate is not in that catalogue",
    "organization_unknown": "the organisation had not been recorded by then",
    "too_recent": "the time to choose was not over when the data ended",
    "choice_not_candidate": "what was chosen was not among the candidates",
}
"""The reasons why a decision is left out; the first that applies counts."""
_OF_OUTCOME: Final = list(REASONS).index("too_recent")
"""The first of the reasons that lie in what became of the decision."""


@dataclass(frozen=True, slots=True)
class UsableDecisions:
    """The labels of d decisions, and which of them are usable; arrays (d,)."""

    organization: IntArray
    """The index into `KnownFacts.organization_ids`, -1 for an unknown organisation."""
    chosen: IntArray
    """The place of the chosen plan in `DecisionLog.plan_codes`, -1 where it is not known, or none was chosen."""
    aftermath: Aftermath
    excluded: IntArray
    """The index into `REASONS`, -1 for a usable decision."""

    @property
    def usable(self) -> IntArray:
        """The places of the usable decisions in the log, in ascending order."""
        return np.flatnonzero(self.excluded < 0)

    @property
    def describable(self) -> Mask:
        """Which decisions (d,) rows can be made of, whether or not it is known by now what became of them."""
        return np.asarray((self.excluded < 0) | (self.excluded >= _OF_OUTCOME), dtype=np.bool_)

    @property
    def excluded_by_reason(self) -> dict[str, int]:
        """The number of decisions left out, for each reason that occurs."""
        counts = Counter(self.excluded[self.excluded >= 0].tolist())
        return {reason: counts[i] for i, reason in enumerate(REASONS) if counts[i]}


def usable_decisions(
    log: DecisionLog,
    *,
    facts: KnownFacts,
    outcomes: Outcomes,
    ends: Ends,
    plan_tables: Sequence[PlanTable | None],
    data_end_us: int,
) -> UsableDecisions:
    """Label every decision, and give each that is not usable the reason.

    `plan_tables`: in the order of `log.markets`, `None` where the plans on sale are not known. `data_end_us`: the end
    of the data, in microseconds since 1970.
    """
    organization = places_in(log.about["organization_id"], facts.organization_ids)
    known = (organization >= 0) & (facts.recorded_us[organization] <= log.decided_at_us)
    held = facts.held_at(organization, log.decided_at_us, log.plan_codes)
    held = np.where(known & _is_candidate(log, held), held, -1)
    labels = label_decisions(outcomes, decided_at_us=log.decided_at_us, held_plan=held, data_end_us=data_end_us)
    catalogue_unknown, plan_unknown = _not_on_sale(log, plan_tables)
    faults = {
        "incomplete": log.incomplete(),
        "catalogue_unknown": catalogue_unknown,
        "plan_unknown": plan_unknown,
        "organization_unknown": ~known,
        "too_recent": labels.too_recent,
        "choice_not_candidate": ~labels.no_choice & ~_is_candidate(log, labels.plan),
    }
    excluded = np.full(len(log), -1, dtype=np.int64)
    for i, reason in reversed(list(enumerate(REASONS))):
        excluded[faults[reason]] = i
    became = aftermath(
        labels,
        ends,
        organization=organization,
        decided_at_us=log.decided_at_us,
        held_plan=held,
        data_end_us=data_end_us,
    )
    return UsableDecisions(organization, labels.plan, became, excluded)


def read_outcomes(folder: Path, log: DecisionLog) -> Outcomes:
    """Read the table `outcomes` of a checked folder, with places in the decision log."""
    table = read_table(folder, "outcomes", ["event_id", "decision_id", "kind", "plan", "occurred_at"])
    return Outcomes(
        decision=places_in(table["decision_id"], log.ids),
        stage=places_in(table["kind"], pa.array(CHOICES)),
        plan=places_in(table["plan"], pa.array(log.plan_codes, pa.string())),
        occurred_us=microseconds_of(table["occurred_at"]),
        event_rank=ranks(table["event_id"]),
    )


def _is_candidate(log: DecisionLog, plan: IntArray) -> Mask:
    """Whether `plan` (d,), a place in the log's plans, is among each decision's candidates."""
    plans = len(log.plan_codes)
    candidates = log.candidates.decision * plans + log.candidates.plan
    return (plan >= 0) & np.isin(np.arange(len(log)) * plans + plan, candidates)


def _not_on_sale(log: DecisionLog, plan_tables: Sequence[PlanTable | None]) -> tuple[Mask, Mask]:
    """Which decisions have no plan table, and which have a candidate that their table lacks; both (d,)."""
    unknown = np.array([table is None for table in plan_tables], dtype=np.bool_)
    sold = np.array([np.isin(log.plan_codes, table.codes if table else ()) for table in plan_tables], dtype=np.bool_)
    candidates = log.candidates
    missing = ~sold.reshape(len(plan_tables), len(log.plan_codes))[log.market[candidates.decision], candidates.plan]
    return unknown[log.market], np.bincount(candidates.decision, weights=missing, minlength=len(log)) > 0
