"""Trees for labelled alternatives: which of a few brands or modes is chosen, given the attributes of all of them.

Where the same few alternatives are offered again and again, what is chosen depends on the attributes of its rivals and
on who chooses, for each alternative in its own way. A multiclass model over the labels sees both. It knows nothing of
an alternative that it never saw, so `models.choice.choice_ranker` only mixes it in, as far as held-out people say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.choice.cross_fitting import assign_folds
from models.choice.group_softmax import (
    Choices,
    Floats,
    Integers,
    log_loss_by_group,
    log_softmax_by_group,
    segment_starts,
)

MOST_LABELS: Final = 12
USUAL: Final = 0.5
"""A column marks an alternative if it is 1 for one candidate in at least this share of the decisions, never for two."""
FOLDS: Final = 5
MOST_TREES: Final = 800
PATIENCE: Final = 30
SETTINGS: Final[dict[str, Any]] = {
    "objective": "multiclass",
    "num_leaves": 8,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_IMPOSSIBLE: Final = -1e9


@dataclass(frozen=True, slots=True)
class Labels:
    """How candidates are told apart: by the values of the columns that mark them."""

    columns: Integers
    """(m,) the columns that mark alternatives."""
    values: Floats
    """(labels, m) their values, one row per label."""
    shared: npt.NDArray[np.bool_]
    """(features,) columns that are the same for all candidates of a decision: who chooses."""

    @classmethod
    def found_in(cls, X: Floats, group_sizes: Integers) -> Self | None:
        """The labels of the candidates `X` (rows, features); None where the columns do not tell them apart."""
        starts = segment_starts(group_sizes)
        ones = np.add.reduceat(X, starts, axis=0)
        marks = np.isin(X, (0.0, 1.0)).all(axis=0) & (ones <= 1).all(axis=0) & ((ones == 1).mean(axis=0) >= USUAL)
        columns = np.flatnonzero(marks)
        if not len(columns):
            return None
        values = np.unique(X[:, columns], axis=0)
        first = np.repeat(X[starts], group_sizes, axis=0)
        found = cls(columns, values, (first == X).all(axis=0))
        label, decision = found.of(X), np.repeat(np.arange(len(group_sizes)), group_sizes)
        alone = len(np.unique(decision * len(values) + label)) == len(X)
        return found if alone and 2 <= len(values) <= MOST_LABELS else None

    def of(self, X: Floats) -> Integers:
        """The label of each candidate, (rows,); -1 for one that is not known."""
        same = (X[:, self.columns][:, None, :] == self.values[None]).all(axis=2)
        return np.where(same.any(axis=1), same.argmax(axis=1), -1)

    def wide(self, X: Floats, group_sizes: Integers) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """One row per decision: the attributes of each label, NaN where it is not offered, then those of the chooser.

        Returns (decisions, columns), and (decisions, labels) whether each label is offered.
        """
        label, decision = self.of(X), np.repeat(np.arange(len(group_sizes)), group_sizes)
        attributes = np.setdiff1d(np.flatnonzero(~self.shared), self.columns)
        of_labels = np.full((len(group_sizes), len(self.values), len(attributes)), np.nan)
        offered = np.zeros((len(group_sizes), len(self.values)), dtype=np.bool_)
        known = label >= 0
        of_labels[decision[known], label[known]] = X[known][:, attributes]
        offered[decision[known], label[known]] = True
        chooser = X[segment_starts(group_sizes)][:, self.shared]
        return np.hstack([of_labels.reshape(len(group_sizes), -1), chooser]), offered


@dataclass(frozen=True, slots=True)
class LabelledTrees:
    """A fitted multiclass model over labels."""

    labels: Labels
    booster: lgb.Booster

    @classmethod
    def fit(cls, labels: Labels, choices: Choices, *, people: npt.NDArray[np.generic], seed: int, threads: int) -> Self:
        """Find the number of trees on held-out people, then grow as many on all decisions."""
        rows, _ = labels.wide(choices.X, choices.group_sizes)
        chosen = labels.of(choices.X)[choices.chosen == 1.0]
        held_out = assign_folds(people, folds=FOLDS, seed=seed) == 0
        settings = SETTINGS | {"num_class": len(labels.values), "seed": seed, "num_threads": threads}
        data = lgb.Dataset(rows, chosen, params=settings, free_raw_data=False).construct()
        tried = lgb.train(
            settings,
            data.subset(np.flatnonzero(~held_out).tolist()),
            MOST_TREES,
            valid_sets=[data.subset(np.flatnonzero(held_out).tolist())],
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )
        return cls(labels, lgb.train(settings, data, max(tried.best_iteration, 1)))

    def log_probabilities(self, X: Floats, group_sizes: Integers) -> Floats:
        """Ln p of each candidate among those offered, (rows,); NaN in decisions with a candidate of unknown label."""
        label, decision = self.labels.of(X), np.repeat(np.arange(len(group_sizes)), group_sizes)
        rows, offered = self.labels.wide(X, group_sizes)
        scores = np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)
        scores = np.where(offered, scores.reshape(offered.shape), _IMPOSSIBLE)
        found = log_softmax_by_group(scores[decision, label], group_sizes)
        unknown = np.zeros(len(group_sizes), dtype=np.bool_)
        np.logical_or.at(unknown, decision, label < 0)
        return np.where(unknown[decision], np.nan, found)


def mixed(own: Floats, labelled: Floats, group_sizes: Integers, *, share: float) -> Floats:
    """Utilities (rows,) of two models in one: the weighted mean of their log probabilities.

    Where a label is not known, `labelled` is NaN and `own` stands alone.
    """
    alone = log_softmax_by_group(own, group_sizes)
    return np.where(np.isnan(labelled), alone, (1.0 - share) * alone + share * np.nan_to_num(labelled))


def best_share(own: Floats, labelled: Floats, judged: Choices) -> float:
    """Which of `SHARES` has the lowest loss on these decisions; 0 unless it gains more than its standard error."""
    losses = [
        log_loss_by_group(mixed(own, labelled, judged.group_sizes, share=share), judged.chosen, judged.group_sizes)
        for share in SHARES
    ]
    best = int(np.argmin([loss.mean() for loss in losses]))
    gain = losses[0] - losses[best]
    return SHARES[best] if gain.mean() > gain.std() / np.sqrt(len(gain)) else 0.0
