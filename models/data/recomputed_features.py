"""Recomputes the features of a training set's decisions from their situations, as the service would.

A ranker is judged on recomputed features and not on the columns it was trained on, so a column that carries information
from after the decision, above all the label, does not help it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.data.dataset import TrainingSet, TrainingSetRefused
from models.data.situations import Batch
from recommender.ranking.features import FEATURES, feature_cube, feature_rows


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Decisions with recomputed features."""

    decisions: TrainingSet
    """The same decisions; every declared feature is recomputed."""
    differ: int
    """The number of rows in which the training set holds any other value; compared bit by bit."""
    batches: tuple[Batch, ...]
    """The situations of the decisions, one batch for each plan table."""
    order: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(d,) for each decision of the batches, in their order, its index in `decisions`."""


def recomputed(decisions: TrainingSet, batches: Sequence[Batch]) -> Recomputed:
    """Recompute every declared feature; `TrainingSetRefused` when a situation is missing or has other candidates."""
    place = {decision: i for i, decision in enumerate(decisions.decisions.tolist())}
    kept = [
        batch.take(np.array([one.decision_id in place for one in batch.logged], dtype=np.bool_)) for batch in batches
    ]
    kept = [batch for batch in kept if len(batch)]
    order = np.array([place[one.decision_id] for batch in kept for one in batch.logged], dtype=np.int64)
    if len(order) != len(decisions):
        missing = len(decisions) - len(order)
        raise TrainingSetRefused(
            f"{missing} decisions have no situation, or their catalogue was not given (--catalogue, --offers)"
        )
    starts = np.append(0, np.cumsum(decisions.group_sizes))
    names = tuple(FEATURES)
    features = np.empty((len(decisions.plans), len(names)))
    done = 0
    for batch in kept:
        rows, sizes = feature_rows(feature_cube(batch.situations, batch.plans, names), batch.situations.eligible)
        mine = order[done : done + len(batch)]
        if not np.array_equal(sizes, decisions.group_sizes[mine]):
            raise TrainingSetRefused("the situations have other candidates than the training set")
        target = np.repeat(starts[mine] - np.append(0, np.cumsum(sizes)[:-1]), sizes) + np.arange(len(rows))
        features[target] = rows
        done += len(batch)
    known = [names.index(name) for name in decisions.feature_names if name in FEATURES]
    theirs = decisions.features[:, [name in FEATURES for name in decisions.feature_names]]
    differ = int((features[:, known] != theirs).any(axis=1).sum())
    anew = replace(decisions, feature_names=names, features=features)
    return Recomputed(decisions=anew, differ=differ, batches=tuple(kept), order=order)
