"""Compares the features logged at a decision with those that the same code computes from the tables today."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.json

from pipelines.history.checked_tables import places_in, read_table
from recommender.ranking.ranker import FloatArray, IntArray, Mask

BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """The number of candidates with logged features, and how many of them differ in any feature."""

    logged: int = 0
    differ: int = 0

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(self.logged + other.logged, self.differ + other.differ)


def compare_logged_features(
    folder: Path,
    *,
    recomputed: FloatArray,
    names: tuple[str, ...],
    ids: pa.Array,
    codes: pa.Array,
    decided_at_us: IntArray,
) -> Comparison:
    """Compare recomputed features (r, names) with those that the table `decisions` has for the same candidates.

    `ids`, `codes` and `decided_at_us` (r,) are the decision, plan and instant of each row. Every logged number must be
    equal; a feature that did not exist then is ignored, a text that cannot be read counts as different.
    """
    edges = pa.array([decided_at_us.min(), decided_at_us.max()]).cast(pa.timestamp("us", "UTC"))
    occurred = ds.field("occurred_at")
    table = read_table(
        folder,
        "decisions",
        ["decision_id", "plan", "features"],
        rows=(occurred >= edges[0]) & (occurred <= edges[1]) & ds.field("features").is_valid(),
    )
    decisions, plans = ids.unique(), codes.unique()
    asked = places_in(ids, decisions) * len(plans) + places_in(codes, plans)
    decision, plan = places_in(table["decision_id"], decisions), places_in(table["plan"], plans)
    here = (decision >= 0) & (plan >= 0)
    order = np.argsort(asked)
    logged = decision[here] * len(plans) + plan[here]
    found = np.minimum(np.searchsorted(asked, logged, sorter=order), len(order) - 1)
    same = asked[order[found]] == logged
    texts = table["features"].filter(pa.array(here)).filter(pa.array(same)).combine_chunks()
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
