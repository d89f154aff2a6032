"""The trained ranker: a line plus boosted trees on the ladder of tiers, answering under the `Ranker` contract."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.ranker.design_matrix import (
    FEATURE_NAMES,
    LINEAR_NAMES,
    TREE_NAMES,
    PlanColumns,
    plan_columns,
    shares_by_feature,
)
from models.ranker.training_coverage import Familiar
from recommender.ranking.abstention import Abstention

if TYPE_CHECKING:
    from lightgbm import Booster

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SINGLE_THREAD: Final = 1
"""One thread per decision: LightGBM's own threads wait for each other beside any other busy process."""
LINEAR_COLUMNS: Final = len(LINEAR_NAMES)
TREE_COLUMNS: Final = len(TREE_NAMES)


@dataclass(frozen=True, slots=True)
class PlanRanker:
    """Utility = linear columns · coefficients + the plan's raw tree score + those of the steps below it."""

    version: str
    booster: "Booster | None"
    coefficients: FloatArray
    """(LINEAR_COLUMNS,); zeros where the prior says nothing."""
    familiar: Familiar
    """What it was trained on, so that it can abstain from the rest."""
    name: str = field(default="model", init=False)
    feature_names: tuple[str, ...] = field(default=FEATURE_NAMES, init=False)

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """One utility per row; see `recommender.ranking.ranker.Ranker`."""
        columns = self._columns(features, group_sizes)
        linear: FloatArray = (columns.linear * self.coefficients).sum(axis=1)
        if self.booster is None:
            return linear
        scores = self._predict(self.booster, columns.trees, raw_score=True)
        return linear + scores[: len(linear)] + columns.ladder.climbed(scores[len(linear) :])

    def unfamiliar(self, features: FloatArray, group_sizes: IntArray) -> list[Abstention | None]:
        """Per decision why it should not be answered; see `recommender.ranking.abstention`."""
        return self.familiar.doubts(dict(zip(FEATURE_NAMES, features.T, strict=True)), group_sizes)

    def contributions(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """Each feature's share in the utility, shape (rows, features).

        The line's own terms plus exact tree SHAP (Lundberg et al. 2020) of the plan and of the steps below it. A row's
        sum is its utility, up to rounding; it takes all rows of a decision to tell, for they make the ladder.
        """
        columns = self._columns(features, group_sizes)
        rows = len(features)
        linear = columns.linear * self.coefficients
        trees = np.zeros((rows, len(TREE_NAMES) + 1))
        if self.booster is not None:
            shares = self._predict(self.booster, columns.trees, pred_contrib=True)
            rest = shares[:, len(TREE_NAMES) :].sum(axis=1)
            by_column = np.column_stack([shares[:, : len(TREE_NAMES)], rest])
            trees = by_column[:rows] + columns.ladder.climbed(by_column[rows:])
        return shares_by_feature(linear, trees)

    def _columns(self, features: FloatArray, group_sizes: IntArray) -> PlanColumns:
        if features.ndim != 2 or features.shape[1] != len(FEATURE_NAMES):
            raise ValueError(f"features must have shape (rows, {len(FEATURE_NAMES)}), not {features.shape}")
        if int(group_sizes.sum()) != len(features):
            raise ValueError("group_sizes do not add up to the rows")
        return plan_columns(features, group_sizes)

    @staticmethod
    def _predict(booster: "Booster", columns: FloatArray, **kind: bool) -> FloatArray:
        """What the trees say of these rows."""
        if not len(columns):
            return np.zeros((0, TREE_COLUMNS + 1)) if "pred_contrib" in kind else np.zeros(0)
        return np.asarray(booster.predict(columns, num_threads=SINGLE_THREAD, **kind))
