"""The situations behind a training set, stored so that rankings and counterfactuals can be recomputed."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from pipelines.history.checked_tables import places_in, read_table
from pipelines.history.decision_log import DecisionLog
from pipelines.training.usage_after import LaterUsage
from recommender.ranking.ranker import IntArray, Mask
from recommender.ranking.situation import WINDOW_DAYS, PlanTable, Situations

_NONE: Final = "[]"


def read_firsts(folder: Path, log: DecisionLog) -> pa.Table:
    """The first plan of each decision and the reasons logged with it, as JSON text; a table of d rows."""
    table = read_table(folder, "decisions", ["decision_id", "plan", "reasons"], rows=ds.field("recommended"))
    place = places_in(pa.chunked_array([log.ids]), table["decision_id"].combine_chunks())
    of_log = pa.array(place, mask=place < 0)
    plan, reasons = (table[name].combine_chunks().take(of_log) for name in ("plan", "reasons"))
    return pa.table({"recommended": plan, "reasons": pc.fill_null(reasons, _NONE)})


def situation_columns(situations: Situations, plans: PlanTable) -> pa.Table:
    """The columns of `SituationRow` that come from situations: codes for indices, lists for arrays; one row each."""
    codes = pa.array([*plans.codes, None], pa.string())
    return pa.table(
        {
            "candidates": _present(situations.eligible, plans.codes),
            "current_plan": codes.take(pa.array(situations.current_plan % len(codes))),
            "templates": _present(situations.templates, plans.templates),
            "integrations": _present(situations.integrations, plans.integrations),
            "country_group": situations.country_group,
            "weekday": situations.weekday,
            "trial_age_seconds": situations.trial_age_seconds,
            "totals": _lists(situations.totals.reshape(len(situations), WINDOW_DAYS * len(METRICS))),
            "seconds": _lists(situations.seconds),
        }
    )


def situation_rows(
    log: DecisionLog,
    places: IntArray,
    columns: pa.Table,
    *,
    firsts: pa.Table,
    later: LaterUsage,
) -> pa.Table:
    """One `SituationRow` for each decision at these ascending places of the log.

    `columns`: those of `situation_columns`. `firsts`: see `read_firsts`. `later`: the usage after the decisions.
    """
    of_log = pa.array(places)
    about = {name: column.take(of_log) for name, column in log.about.items()}
    named = {
        "decision_id": log.ids.take(of_log),
        "organization_id": about["organization_id"],
        "decided_at": pa.array(log.decided_at_us[places]).cast(pa.timestamp("us", "UTC")),
        "interval": about["interval"],
        "catalogue_version": about["catalogue_version"],
        "strategy": about["strategy"],
        "model_version": about["model_version"],
        "recommended": firsts["recommended"].take(of_log),
        **{name: columns[name] for name in columns.column_names},
        "later_usage": _lists(later.units),
        "later_days": later.days,
        "charged": pc.fill_null(about["charged"], "{}"),
        "reasons": firsts["reasons"].take(of_log),
    }
    return pa.table(named)


def _present(there: Mask, codes: tuple[str, ...]) -> pa.Array:
    """The codes that are present in each row, as lists."""
    rows, places = np.nonzero(there)
    offsets = np.append(0, np.cumsum(np.bincount(rows, minlength=len(there))))
    return pa.ListArray.from_arrays(offsets.astype(np.int32), pa.array(codes, pa.string()).take(pa.array(places)))


def _lists(values: NDArray[Any]) -> pa.Array:
    """Rows of numbers as lists, with NaN as null."""
    flat = np.ascontiguousarray(values).reshape(-1)
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(flat, mask=np.isnan(flat)))
