"""The situations of a training set: everything known at each decision, so that any ranker can score it again."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.situations import SituationRow
from data_contracts.usage import COUNT_METRICS, METRICS
from models.data.dataset import TrainingSetRefused, description
from recommender.billing.catalogue import Catalogue, Interval
from recommender.ranking.charged_plans import Charged, as_charged
from recommender.ranking.derived import select
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import WINDOW_DAYS, PlanTable, Situations

COUNTED: Final = tuple(metric for metric in METRICS if metric in COUNT_METRICS)
"""The usage metrics that add up over a month; the columns of `later_usage`."""

_MARKET: Final = ("catalogue_version", "interval", "charged")


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision as it was logged."""

    decision_id: str
    organization_id: str
    strategy: str
    model_version: str | None
    recommended: str
    reasons: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """n decisions about one plan table."""

    catalogue: Catalogue
    charged: Charged
    """The prices charged to these organisations where they differ from the catalogue."""
    plans: PlanTable
    """The plans at the prices charged."""
    situations: Situations
    logged: tuple[Logged, ...]
    later_usage: FloatArray
    """(n, COUNTED) units used in the 30 days after each decision, as far as the data reach."""
    later_days: FloatArray
    """(n,) how many of the 30 days after each decision the data cover."""

    def __len__(self) -> int:
        return len(self.logged)

    def take(self, wanted: NDArray[np.bool_]) -> "Batch":
        """The decisions selected by a mask (n,), in their order."""
        logged = tuple(one for one, there in zip(self.logged, wanted, strict=True) if there)
        situations = select(self.situations, np.flatnonzero(wanted))
        return Batch(
            self.catalogue,
            self.charged,
            self.plans,
            situations,
            logged,
            self.later_usage[wanted],
            self.later_days[wanted],
        )


def load_situations(folder: Path, catalogues: Sequence[Catalogue]) -> tuple[Batch, ...]:
    """Read `situations.parquet` beside a training set, one batch for each plan table with decisions.

    Decisions about a catalogue that is not given are left out. `TrainingSetRefused` when the file is missing, altered,
    lacks columns of `SituationRow`, or has no decision about a given catalogue.
    """
    path = folder / "situations.parquet"
    expected = description(folder).get("situations_sha256")
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise TrainingSetRefused(f"{path} is not the file that its training set was written with")
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TrainingSetRefused(f"situations.parquet cannot be read: {error}") from error
    if missing := [name for name in SituationRow.model_fields if name not in table.column_names]:
        raise TrainingSetRefused(f"situations.parquet lacks the columns {', '.join(missing)}")
    markets: dict[tuple[str, Interval, str], list[int]] = {}
    for row, market in enumerate(zip(*(table[name].to_pylist() for name in _MARKET), strict=True)):
        markets.setdefault(market, []).append(row)
    batches = []
    for catalogue in catalogues:
        for version, interval, charged in sorted(markets):
            if version == catalogue.version:
                rows = pa.array(markets[version, interval, charged])
                batches.append(_batch(table.take(rows), catalogue, interval, orjson.loads(charged)))
    if len(table) and not batches:
        given, about = (
            ", ".join(sorted(set(each))) for each in ([c.version for c in catalogues], table[_MARKET[0]].to_pylist())
        )
        raise TrainingSetRefused(
            f"no decision is about the catalogue {given}, all are about {about}: name it by --catalogue, --offers"
        )
    return tuple(batches)


def spread(batches: Sequence[Batch], decisions: int | None) -> tuple[Batch, ...]:
    """A sample of at most `decisions` decisions, spread evenly over the batches; None takes all."""
    total = sum(map(len, batches))
    if decisions is None or decisions >= total:
        return tuple(batches)
    wanted = np.zeros(total, dtype=np.bool_)
    wanted[np.linspace(0, total - 1, decisions).round().astype(np.int64)] = True
    parts = np.split(wanted, np.cumsum([len(batch) for batch in batches])[:-1])
    return tuple(batch.take(part) for batch, part in zip(batches, parts, strict=True) if part.any())


def _batch(table: pa.Table, catalogue: Catalogue, interval: Interval, charged: Charged) -> Batch:
    plans = as_charged(plan_table(catalogue, interval), charged)
    place = {code: i for i, code in enumerate(plans.codes)}
    situations = Situations(
        totals=_numbers(table, "totals").reshape(len(table), WINDOW_DAYS, len(METRICS)),
        seconds=_numbers(table, "seconds").reshape(len(table), WINDOW_DAYS),
        templates=_present(table, "templates", plans.templates),
        integrations=_present(table, "integrations", plans.integrations),
        trial_age_seconds=table["trial_age_seconds"].to_numpy().astype(np.float64),
        country_group=table["country_group"].to_numpy().astype(np.int64),
        current_plan=np.array([place.get(code, -1) for code in table["current_plan"].to_pylist()], dtype=np.int64),
        weekday=table["weekday"].to_numpy().astype(np.int64),
        eligible=_present(table, "candidates", plans.codes),
    )
    names = ["decision_id", "organization_id", "strategy", "model_version", "recommended", "reasons"]
    logged = tuple(
        Logged(**{**row, "reasons": tuple(orjson.loads(row["reasons"]))}) for row in table.select(names).to_pylist()
    )
    later = _numbers(table, "later_usage").reshape(len(table), len(COUNTED))
    return Batch(
        catalogue, charged, plans, situations, logged, later, table["later_days"].to_numpy().astype(np.float64)
    )


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """The numbers of a column of lists, concatenated; null becomes NaN."""
    flat = table[name].combine_chunks().flatten()
    return np.array(flat.to_numpy(zero_copy_only=False), dtype=np.float64)


def _present(table: pa.Table, name: str, codes: tuple[str, ...]) -> NDArray[np.bool_]:
    rows = [set(there) for there in table[name].to_pylist()]
    return np.array([[code in there for code in codes] for there in rows], dtype=np.bool_).reshape(
        len(rows), len(codes)
    )
