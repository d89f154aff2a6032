"""Learns choices with a linear utility first, and trees for what the line misses.

A conditional logit is fitted, its utility becomes the trees' starting score, and LightGBM boosts on it with the softmax
loss of `models.choice.group_softmax`: the scores stay choice probabilities, and with little data the trees stay few or
none (`models.choice.hybrid` says how that is decided). Nothing here knows of plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import people_of_decisions
from models.choice.group_softmax import (
    Floats,
    Integers,
    beside_deviations,
    checked_choices,
    checked_group_sizes,
    checked_matrix,
    softmax_by_group,
)
from models.choice.hybrid import FitReport, LearningInput, LearningSettings, TreeSettings, fit_hybrid


class ChoiceRanker(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A choice model of two parts: utility = X @ prior_.coef_ (if there is a prior) + the trees' raw score.

    `ridges` are the candidates for the logit, by default chosen by sample size; `prior_coef` (features,) is what the
    logit is shrunk towards. Same data, settings and seed give the same bytes of `booster_.model_to_string()`.

    With `relative_columns` the trees also see how far each candidate is from its decision's mean, so that they can
    learn that dear among cheap is not dear among dear (electricity suppliers: log-loss 1.148 instead of 1.155); the
    columns come from `tree_columns`. Without, the trees score X as it is, one row at a time, whatever it stands beside.
    """

    booster_: lgb.Booster
    """The trees; none at all (every raw score 0) where the logit alone was best."""
    prior_: ConditionalLogit | None
    """The logit fitted on everyone; None where the trees were best alone."""
    report_: FitReport
    n_features_in_: int

    def __init__(
        self,
        *,
        ridges: Sequence[float] | None = None,
        prior_coef: npt.ArrayLike | None = None,
        tree_settings: TreeSettings | None = None,
        relative_columns: bool = True,
        seed: int = 0,
        num_threads: int = 1,
    ) -> None:
        self.ridges = ridges
        self.prior_coef = prior_coef
        self.tree_settings = tree_settings
        self.relative_columns = relative_columns
        self.seed = seed
        self.num_threads = num_threads

    def fit(
        self,
        X: npt.ArrayLike,
        chosen: npt.ArrayLike,
        group_sizes: npt.ArrayLike,
        groups: npt.ArrayLike | None = None,
    ) -> Self:
        """Choose among the candidates on held-out people, then fit the best one on everyone.

        X (rows, features) sorted by decision and without missing values, chosen (rows,) with exactly one taken
        candidate per decision, group_sizes (decisions,), groups: who decided, one value per decision or per row.
        Below 60 decisions no trees are tried. ValueError on anything else, and on fewer than two decisions.
        """
        choices = checked_choices(X, chosen, group_sizes)
        inputs = LearningInput(
            choices=choices,
            tree_rows=self.tree_columns(choices.X, choices.group_sizes),
            people=people_of_decisions(groups, group_sizes=choices.group_sizes),
            prior_coef=self.prior_coef,
        )
        fitted = fit_hybrid(
            inputs,
            LearningSettings(
                ridges=self.ridges, trees=self.tree_settings, seed=self.seed, num_threads=self.num_threads
            ),
        )
        self.prior_, self.booster_, self.report_ = fitted.prior, fitted.booster, fitted.report
        self.n_features_in_ = choices.X.shape[1]
        return self

    def tree_columns(self, X: Floats, group_sizes: Integers) -> Floats:
        """What the trees see of X: itself, and with `relative_columns` each column's deviation beside it."""
        return beside_deviations(X, group_sizes) if self.relative_columns else X

    def utilities(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """The utility of each candidate, (rows,): the logit's plus the trees' raw score."""
        check_is_fitted(self)
        matrix = checked_matrix(X)
        if matrix.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted on {self.n_features_in_} features, asked about {matrix.shape[1]}")
        columns = self.tree_columns(matrix, checked_group_sizes(group_sizes, rows=len(matrix)))
        raw_scores = self.booster_.predict(columns, raw_score=True, num_threads=self.num_threads)
        scores: Floats = np.asarray(raw_scores, dtype=np.float64)
        return scores if self.prior_ is None else matrix @ self.prior_.coef_ + scores

    def predict_proba(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """Each candidate's chance of being chosen, (rows,); adds up to 1 per decision."""
        return softmax_by_group(self.utilities(X, group_sizes), group_sizes)
