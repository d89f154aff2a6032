"""Compares the features logged at a decision with those that the same code computes from the tables today."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.json

from pipelines.history.checked_tables import places_in
from pipelines.history.engine import Engine
from recommender.ranking.ranker import FloatArray, IntArray, Mask

if TYPE_CHECKING:
    import ibis.expr.types as ir

BLOCK_BYTES: Final = 16 << 20
_LOGGED: Final = pa.schema([(name, pa.string()) for name in ("decision_id", "plan", "features")])


@dataclass(frozen=True, slots=True)
class Comparison:
    """For each of n decisions how many candidates have logged features, and how many of them differ in any feature."""

    logged: IntArray
    differ: IntArray


class StoredFeatures:
    """The logged features of n decisions, found in one pass over the log and read back part by part.

    `logged`: the table `decisions`. `ids` (n,): the decisions. `part` (n,): the part of each, from 0. The engine's
    temporary folder holds them.
    """

    def __init__(self, engine: Engine, logged: "ir.Table", *, ids: pa.Array, part: IntArray) -> None:
        import ibis

        parts = ibis.memtable(pa.table({"decision_id": ids, "part": part}))
        rows = logged.filter(logged.features.notnull()).join(parts, "decision_id")
        self._folder = engine.store(rows.select("decision_id", "plan", "features", "part"), "features", part="part")

    def part(self, number: int) -> pa.Table:
        """The decisions of a part: decision_id, plan and features of each candidate that has any."""
        folder = self._folder / f"part={number}"
        return ds.dataset(folder, format="parquet").to_table() if folder.exists() else _LOGGED.empty_table()


def compare_logged_features(
    logged: pa.Table,
    *,
    recomputed: FloatArray,
    names: tuple[str, ...],
    ids: pa.Array,
    decision_of_row: IntArray,
    codes: pa.Array,
) -> Comparison:
    """Compare recomputed features (r, names) with those logged for the same candidates (see `StoredFeatures.part`).

    `ids` (n,): the decisions. `decision_of_row` and `codes` (r,): the place among them and the plan of each row. Every
    logged number must be equal; a feature that did not exist then is ignored, a text that cannot be read counts as
    different.
    """
    plans = codes.unique()
    asked = decision_of_row * len(plans) + places_in(pa.chunked_array([codes]), plans)
    decision, plan = places_in(logged["decision_id"], ids), places_in(logged["plan"], plans)
    here = (decision >= 0) & (plan >= 0)
    order = np.argsort(asked)
    there = decision[here] * len(plans) + plan[here]
    found = np.minimum(np.searchsorted(asked, there, sorter=order), len(order) - 1)
    same = asked[order[found]] == there
    texts = logged["features"].filter(pa.array(here)).filter(pa.array(same)).combine_chunks()
    values, readable = logged_figures(texts, names)
    equal = np.isnan(values) | (values == recomputed[order[found[same]]])
    compared = decision[here][same]
    return Comparison(
        logged=np.bincount(compared, minlength=len(ids)),
        differ=np.bincount(compared[~readable | ~equal.all(axis=1)], minlength=len(ids)),
    )


def logged_figures(texts: pa.Array, names: tuple[str, ...]) -> tuple[FloatArray, Mask]:
    """JSON objects as numbers (m, names), NaN where a name is absent, and which texts could be read (m,)."""
    if not len(texts):
        return np.empty((0, len(names))), np.empty(0, dtype=np.bool_)
    options = pyarrow.json.ParseOptions(
        explicit_schema=pa.schema([(name, pa.float64()) for name in names]), unexpected_field_behavior="ignore"
    )
    lines = io.BytesIO("\n".join(texts.to_pylist()).encode())
    try:
        read = pyarrow.json.read_json(lines, pyarrow.json.ReadOptions(block_size=BLOCK_BYTES), options)
    except pa.ArrowInvalid:
        read = None
    if read is not None and len(read) == len(texts):
        values = np.column_stack([read[name].to_numpy() for name in names])
        return values, np.ones(len(texts), dtype=np.bool_)
    if len(texts) == 1:
        return np.full((1, len(names)), np.nan), np.zeros(1, dtype=np.bool_)
    # One of the texts is broken: halve them until it is alone, so that the others are still parsed in bulk.
    halves = [logged_figures(half, names) for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :])]
    return np.concatenate([v for v, _ in halves]), np.concatenate([r for _, r in halves])
