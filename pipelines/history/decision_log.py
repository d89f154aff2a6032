"""The decision log in two parts: one entry per decision, and the candidates of all decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.history.checked_tables import microseconds_of, places_in, ranks, read_table
from recommender.ranking.ranker import FloatArray, IntArray, Mask

ABOUT_DECISIONS: Final = ("organization_id", "interval", "catalogue_version", "strategy", "model_version", "charged")
PROBABILITY_SLACK: Final = 1e-6
"""How far the sum of a decision's probabilities may be from 1; beyond it a candidate is missing."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """r candidates, sorted by decision, then plan code; arrays (r,)."""

    decision: IntArray
    """The place of the decision, 0…d-1."""
    plan: IntArray
    """The place of the plan in `DecisionLog.plan_codes`."""
    position: IntArray
    shown: Mask
    recommended: Mask
    propensity: FloatArray
    probability: FloatArray


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """d decisions, sorted by instant, then id."""

    ids: pa.Array
    decided_at_us: IntArray
    about: Mapping[str, pa.Array]
    """The columns `ABOUT_DECISIONS`, each (d,)."""
    markets: tuple[tuple[str, str, str], ...]
    """Every (catalogue version, interval, charged as JSON) that occurs, sorted; `""`: everywhere the list price."""
    market: IntArray
    """(d,) index into `markets`."""
    plan_codes: tuple[str, ...]
    """Every plan that was a candidate of any decision, sorted."""
    candidates: Candidates

    def __len__(self) -> int:
        return len(self.ids)

    def candidate_rows(self, decisions: IntArray, codes: tuple[str, ...]) -> IntArray:
        """The row of each plan among the candidates (decisions, codes), -1 where the plan is no candidate.

        `decisions` are ascending places in the log.
        """
        column = np.array([codes.index(code) if code in codes else -1 for code in self.plan_codes], dtype=np.int64)
        first, last = np.searchsorted(self.candidates.decision, [decisions, decisions + 1])
        sizes = last - first
        ends = np.cumsum(sizes)
        rows = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - sizes), sizes)
        place = np.repeat(np.arange(len(decisions)), sizes)
        columns = column[self.candidates.plan[rows]]
        found = np.full((len(decisions), len(codes)), -1, dtype=np.int64)
        found[place[columns >= 0], columns[columns >= 0]] = rows[columns >= 0]
        return found

    def incomplete(self) -> Mask:
        """Which decisions (d,) lack a candidate, for example because its row broke the contract and was set aside."""
        d, candidates = len(self), self.candidates
        size = np.bincount(candidates.decision, minlength=d)
        last = np.zeros(d, dtype=np.int64)
        np.maximum.at(last, candidates.decision, candidates.position)
        probability = np.bincount(candidates.decision, weights=candidates.probability, minlength=d)
        leaders = np.bincount(candidates.decision, weights=candidates.recommended, minlength=d)
        whole = (last == size) & (np.abs(probability - 1) <= PROBABILITY_SLACK) & (leaders == 1)
        return np.asarray(~whole, dtype=np.bool_)


def read_decision_log(folder: Path) -> DecisionLog:
    """Read the table `decisions` of a checked folder, without its JSON columns; the order of rows does not matter."""
    names = ("decision_id", "plan", *ABOUT_DECISIONS, "position", "shown", "recommended", "propensity", "probability")
    table = read_table(folder, "decisions", [*names, "occurred_at"])
    id_rank, plan_rank = ranks(table["decision_id"]), ranks(table["plan"])
    occurred = microseconds_of(table["occurred_at"])
    order = np.lexsort((plan_rank, id_rank, occurred))
    table, id_rank, occurred = table.take(pa.array(order)), id_rank[order], occurred[order]
    begins = np.append(True, id_rank[1:] != id_rank[:-1])[: len(order)]
    first = np.flatnonzero(begins)
    headers = table.take(pa.array(first))
    codes = pc.unique(table["plan"]).sort()
    markets, market = _markets(headers)
    return DecisionLog(
        ids=headers["decision_id"].combine_chunks(),
        decided_at_us=occurred[first],
        about={name: headers[name].combine_chunks() for name in ABOUT_DECISIONS},
        markets=markets,
        market=market,
        plan_codes=tuple(codes.to_pylist()),
        candidates=Candidates(
            decision=np.cumsum(begins) - 1,
            plan=places_in(table["plan"], codes),
            position=table["position"].to_numpy(),
            shown=table["shown"].to_numpy(),
            recommended=table["recommended"].to_numpy(),
            propensity=table["propensity"].to_numpy(),
            probability=table["probability"].to_numpy(),
        ),
    )


def _markets(headers: pa.Table) -> tuple[tuple[tuple[str, str, str], ...], IntArray]:
    """The distinct catalogue versions, intervals and charged prices together, and which is each decision's (d,)."""
    columns = [pc.fill_null(headers[name], "") for name in ("catalogue_version", "interval", "charged")]
    values = [pc.unique(column).sort() for column in columns]
    places = np.column_stack([places_in(column, known) for column, known in zip(columns, values, strict=True)])
    distinct, market = np.unique(places, axis=0, return_inverse=True)
    found = [
        tuple(known[place].as_py() for known, place in zip(values, each, strict=True)) for each in distinct.tolist()
    ]
    return tuple((version, interval, charged) for version, interval, charged in found), market.reshape(-1)
