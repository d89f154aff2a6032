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
from recommender.ranking.ranker import FloatArray, Mask

if TYPE_CHECKING:
    import ibis.expr.types as ir

BLOCK_BYTES: Final = 16 << 20
_LOGGED: Final = pa.schema([(name, pa.string()) for name in ("decision_id", "plan", "features")])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The number of candidates with logged features, and how many of them differ in any feature."""

    logged: int = 0
    differ: int = 0

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(self.logged + other.logged, self.differ + other.differ)


class StoredFeatures:
    """The logged features of n decisions, found in one pass over the log and read back in parts of `size` decisions.

    `logged`: the table `decisions`. `ids` (n,): the decisions, in the order of the parts. The engine's temporary folder
    holds them.
    """

    def __init__(self, engine: Engine, logged: "ir.Table", *, ids: pa.Array, size: int) -> None:
        import ibis

        parts = ibis.memtable(pa.table({"decision_id": ids, "part": np.arange(len(ids)) // size}))
        rows = logged.filter(logged.features.notnull()).join(parts, "decision_id")
        self._folder = engine.store(rows.select("decision_id", "plan", "features", "part"), "features", part="part")

    def part(self, number: int) -> pa.Table:
        """The decisions from `number * size` on: decision_id, plan and features of each candidate that has any."""
        folder = self._folder / f"part={number}"
        return ds.dataset(folder, format="parquet").to_table() if folder.exists() else _LOGGED.empty_table()


def compare_logged_features(
    logged: pa.Table, *, recomputed: FloatArray, names: tuple[str, ...], ids: pa.Array, codes: pa.Array
) -> Comparison:
    """Compare recomputed features (r, names) with those logged for the same candidates (see `StoredFeatures.part`).

    `ids` and `codes` (r,) are the decision and the plan of each row. Every logged number must be equal; a feature that
    did not exist then is ignored, a text that cannot be read counts as different.
    """
    decisions, plans = ids.unique(), codes.unique()
    asked = places_in(ids, decisions) * len(plans) + places_in(codes, plans)
    decision, plan = places_in(logged["decision_id"], decisions), places_in(logged["plan"], plans)
    here = (decision >= 0) & (plan >= 0)
    order = np.argsort(asked)
    there = decision[here] * len(plans) + plan[here]
    found = np.minimum(np.searchsorted(asked, there, sorter=order), len(order) - 1)
    same = asked[order[found]] == there
    texts = logged["features"].filter(pa.array(here)).filter(pa.array(same)).combine_chunks()
    values, readable = logged_figures(texts, names)
    equal = np.isnan(values) | (values == recomputed[order[found[same]]])
    return Comparison(logged=len(texts), differ=int((~readable | ~equal.all(axis=1)).sum()))


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
