"""The outcome of each decision: another plan taken, the plan held kept, nothing chosen, changed back, left."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc

from data_contracts.training_set import OUTCOMES
from pipelines.history.checked_tables import microseconds_of, places_in, read_table, tables_of
from pipelines.history.decision_log import DecisionLog
from pipelines.history.known_facts import KnownFacts
from pipelines.training.labels import Labels
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import FloatArray, IntArray

TOOK, STAYED, NOTHING, CHANGED_BACK, LEFT = range(len(OUTCOMES))
NEVER: Final = np.iinfo(np.int64).max
_GONE: Final = ("waiting", "ended")
"""The states of a cancellation that was not taken back."""


@dataclass(frozen=True, slots=True)
class Ends:
    """When plans were given up again; instants are microseconds since 1970."""

    changed_back_us: IntArray
    """(n decisions,) `NEVER` where the change was not undone."""
    leaving: IntArray
    """(m cancellations,) the organisation, an index into `KnownFacts.organization_ids`, -1 for an unknown one."""
    leaving_us: IntArray
    """(m,) when the organisation said that it leaves."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The outcomes of n decisions; arrays (n,)."""

    outcome: IntArray
    """The index into `OUTCOMES`."""
    kept_days: FloatArray
    """Days from the decision to whatever came first: the next decision, the end of the plan, the end of the data."""


def read_ends(folder: Path, log: DecisionLog, facts: KnownFacts) -> Ends:
    """Read changes back from `outcomes`, and cancellations where there is such a table."""
    back = read_table(folder, "outcomes", ["decision_id", "occurred_at"], rows=pc.field("kind") == "changed_back")
    decision, instant = places_in(back["decision_id"], log.ids), microseconds_of(back["occurred_at"])
    changed_back_us = np.full(len(log), NEVER)
    np.minimum.at(changed_back_us, decision[decision >= 0], instant[decision >= 0])
    if "cancellations" not in tables_of(folder):
        return Ends(changed_back_us, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    gone = read_table(folder, "cancellations", ["organization_id", "occurred_at"], rows=pc.field("status").isin(_GONE))
    return Ends(
        changed_back_us,
        places_in(gone["organization_id"], facts.organization_ids),
        microseconds_of(gone["occurred_at"]),
    )


def aftermath(
    labels: Labels,
    ends: Ends,
    *,
    organization: IntArray,
    decided_at_us: IntArray,
    held_plan: IntArray,
    data_end_us: int,
) -> Aftermath:
    """Say what became of n decisions; `organization`, `decided_at_us` and `held_plan` are (n,).

    An organisation that leaves gives up what its last decision before led to.
    """
    order = np.lexsort((decided_at_us, organization))
    following = np.full(len(order), data_end_us)
    same = organization[order][1:] == organization[order][:-1]
    following[order[:-1][same]] = decided_at_us[order[1:][same]]
    left_us = np.full(len(order), NEVER)
    for one, instant in zip(ends.leaving.tolist(), ends.leaving_us.tolist(), strict=True):
        mine = order[
            np.searchsorted(organization[order], one) : np.searchsorted(organization[order], one, side="right")
        ]
        before = mine[decided_at_us[mine] <= instant]
        if one >= 0 and len(before):
            left_us[before[-1]] = min(instant, int(left_us[before[-1]]))
    end = np.minimum(ends.changed_back_us, left_us)
    outcome = np.where(labels.plan == held_plan, STAYED, TOOK)
    outcome = np.where(ends.changed_back_us < NEVER, CHANGED_BACK, np.where(left_us < NEVER, LEFT, outcome))
    outcome = np.where(labels.plan < 0, NOTHING, outcome)
    kept = np.minimum(np.minimum(end, following), data_end_us) - decided_at_us
    return Aftermath(outcome, np.maximum(kept, 0) / DAY_US)
