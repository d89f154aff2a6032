"""The trained ranker: a logit prior plus boosted trees, answering under the `Ranker` contract."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightgbm import Booster

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SINGLE_THREAD: Final = 1
"""One thread per decision: LightGBM's own threads wait for each other beside any other busy process."""


@dataclass(frozen=True, slots=True)
class PlanRanker:
    """Utility = features · coefficients + raw tree score; features learned from but not known when scoring are zero."""

    version: str
    feature_names: tuple[str, ...]
    booster: "Booster | None"
    coefficients: FloatArray
    """(len(feature_names) + hidden,); zeros where the prior says nothing."""
    hidden: int
    """Trailing columns that exist in training only (the position shown)."""
    name: str = field(default="model", init=False)

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """One utility per row; see `recommender.ranking.ranker.Ranker`."""
        columns = self._columns(features)
        if int(group_sizes.sum()) != len(columns):
            raise ValueError("group_sizes do not add up to the rows")
        linear: FloatArray = (columns * self.coefficients).sum(axis=1)
        return linear + self._tree_scores(columns)

    def contributions(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """Each feature's share in the utility, shape (rows, features).

        The logit's own terms plus exact tree SHAP (Lundberg et al. 2020). A row's sum differs from its utility by the
        trees' base value, the same in every row, and by what the hidden columns contribute.
        """
        columns = self._columns(features)
        if int(group_sizes.sum()) != len(columns):
            raise ValueError("group_sizes do not add up to the rows")
        shares = columns * self.coefficients
        if self.booster is not None:
            shares = shares + _predict(self.booster, columns, pred_contrib=True)[:, :-1]
        return np.ascontiguousarray(shares[:, : len(self.feature_names)])

    def _columns(self, features: FloatArray) -> FloatArray:
        if features.ndim != 2 or features.shape[1] != len(self.feature_names):
            raise ValueError(f"features must have shape (rows, {len(self.feature_names)}), not {features.shape}")
        columns = np.zeros((len(features), len(self.coefficients)))
        columns[:, : features.shape[1]] = features
        return columns

    def _tree_scores(self, columns: FloatArray) -> FloatArray:
        if self.booster is None:
            return np.zeros(len(columns))
        return _predict(self.booster, columns, raw_score=True)


def _predict(booster: "Booster", columns: FloatArray, **kind: bool) -> FloatArray:
    return np.asarray(booster.predict(columns, num_threads=SINGLE_THREAD, **kind), dtype=np.float64)
