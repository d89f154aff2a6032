"""A choice model for any data: a conditional logit plus boosted trees for what the logit misses.

The utility of the logit is the starting score of the trees, and LightGBM boosts on it with the softmax loss of
`models.choice.group_softmax`, so the scores remain choice probabilities. With little data few or no trees are grown
(`models.choice.hybrid` describes the selection). Where columns mark the alternatives, such as one column per brand, a
model that sees the attributes of all rivals at once is mixed in (`models.choice.labelled_trees`), with the share that
is best on held-out people. This module does not depend on plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import assign_folds, people_of_decisions
from models.choice.group_softmax import (
    Choices,
    Floats,
    Integers,
    beside_deviations,
    checked_choices,
    checked_group_sizes,
    checked_matrix,
    softmax_by_group,
)
from models.choice.hybrid import FitReport, Hybrid, LearningInput, LearningSettings, TreeSettings, fit_hybrid
from models.choice.labelled_trees import LabelledTrees, Labels, best_share, mixed

FEWEST_DECISIONS_FOR_LABELS: Final = 100
FOLDS: Final = 4
"""One of so many folds of people says which share the labelled trees get."""


class ChoiceRanker(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A choice model: utility = X @ prior_.coef_ (if there is a prior) + the raw score of the trees.

    A scikit-learn estimator. The same data, parameters and seed give the same bytes of `booster_.model_to_string()`.

    Parameters
    ----------
    ridges : sequence of float, optional
        Candidate ridges of the logit; by default they depend on the number of decisions.
    prior_coef : array (features,), optional
        The coefficients that the logit is shrunk towards; zeros if not given.
    tree_settings : TreeSettings, optional
        Size, learning rate and largest number of the trees; by default they depend on the number of decisions.
    relative_columns : bool
        Whether the trees also read each column's deviation from the mean of its decision, so that a price can be high
        among low ones (electricity suppliers: log-loss 1.148 instead of 1.155).
    seed : int
        Of the folds and of LightGBM.
    num_threads : int
        Of LightGBM.

    Examples
    --------
    Thirty people choose between two offers each, and mostly take the cheaper one:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> price = rng.uniform(1.0, 9.0, size=(30, 2))
    >>> chosen = (price == price.min(axis=1, keepdims=True)).astype(float)
    >>> ranker = ChoiceRanker().fit(price.reshape(-1, 1), chosen.ravel(), group_sizes=np.full(30, 2))
    >>> ranker.predict_proba([[2.0], [8.0]], group_sizes=[2]).argmax()
    np.int64(0)
    """

    booster_: lgb.Booster
    """The trees; without any tree (every raw score 0) where the logit alone was best."""
    prior_: ConditionalLogit | None
    """The logit, fitted on all decisions; None where trees without a logit were best."""
    report_: FitReport
    """The candidates that were compared, with their held-out losses."""
    labelled_: LabelledTrees | None
    """The model over labelled alternatives; None where no column marks them, or it does not help."""
    labelled_share_: float
    """Its share in the log probabilities."""
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
        """Select ridge and number of trees by the loss on held-out people, then fit on all decisions.

        Parameters
        ----------
        X : array (rows, features)
            The candidates, sorted by decision, without missing values.
        chosen : array (rows,)
            1 for the chosen candidate, else 0; exactly one in each decision.
        group_sizes : array (decisions,)
            The number of candidates of each decision.
        groups : array (decisions,) or (rows,), optional
            Who made the decision; folds never divide a person. Without it every decision is another person's.

        Returns
        -------
        The fitted ranker itself. Below 60 decisions no trees are grown.

        Raises
        ------
        ValueError
            For other shapes, for missing values and for fewer than two decisions.
        """
        choices = checked_choices(X, chosen, group_sizes)
        people = people_of_decisions(groups, group_sizes=choices.group_sizes)
        fitted = self._hybrid(choices, people)
        self.prior_, self.booster_, self.report_ = fitted.prior, fitted.booster, fitted.report
        self.n_features_in_ = choices.X.shape[1]
        self.labelled_, self.labelled_share_ = None, 0.0
        labels = Labels.found_in(choices.X, choices.group_sizes)
        if labels is not None and len(choices.group_sizes) >= FEWEST_DECISIONS_FOR_LABELS:
            self.labelled_share_ = self._share_of(labels, choices, people)
        if labels is not None and self.labelled_share_ > 0:
            self.labelled_ = LabelledTrees.fit(labels, choices, people=people, seed=self.seed, threads=self.num_threads)
        return self

    def _hybrid(self, choices: Choices, people: npt.NDArray[np.generic]) -> Hybrid:
        inputs = LearningInput(
            choices=choices,
            tree_rows=self.tree_columns(choices.X, choices.group_sizes),
            people=people,
            prior_coef=self.prior_coef,
        )
        settings = LearningSettings(
            ridges=self.ridges, trees=self.tree_settings, seed=self.seed, num_threads=self.num_threads
        )
        return fit_hybrid(inputs, settings)

    def _share_of(self, labels: Labels, choices: Choices, people: npt.NDArray[np.generic]) -> float:
        """The share of the labelled trees that is best on held-out people, none of whom either model has seen."""
        held_out = assign_folds(people, folds=FOLDS, seed=self.seed) == 0
        learned, judged = choices.where(~held_out), choices.where(held_out)
        fitted = self._hybrid(learned, people[~held_out])
        beside = LabelledTrees.fit(labels, learned, people=people[~held_out], seed=self.seed, threads=self.num_threads)
        own = self._utilities_by(fitted.prior, fitted.booster, judged.X, judged.group_sizes)
        return best_share(own, beside.log_probabilities(judged.X, judged.group_sizes), judged)

    def tree_columns(self, X: Floats, group_sizes: Integers) -> Floats:
        """The columns that the trees read: X and, with `relative_columns`, each column's deviation beside it."""
        return beside_deviations(X, group_sizes) if self.relative_columns else X

    def utilities(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """The utility of each candidate, (rows,): logit plus raw score of the trees, the labelled ones mixed in.

        `X` (rows, features) is sorted by decision, `group_sizes` is (decisions,). ValueError for other shapes and
        missing values, `sklearn.exceptions.NotFittedError` before `fit`.
        """
        check_is_fitted(self)
        matrix = checked_matrix(X)
        if matrix.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted on {self.n_features_in_} features, asked about {matrix.shape[1]}")
        sizes = checked_group_sizes(group_sizes, rows=len(matrix))
        own = self._utilities_by(self.prior_, self.booster_, matrix, sizes)
        if self.labelled_ is None:
            return own
        return mixed(own, self.labelled_.log_probabilities(matrix, sizes), sizes, share=self.labelled_share_)

    def _utilities_by(self, prior: ConditionalLogit | None, booster: lgb.Booster, X: Floats, sizes: Integers) -> Floats:
        raw_scores = booster.predict(self.tree_columns(X, sizes), raw_score=True, num_threads=self.num_threads)
        scores: Floats = np.asarray(raw_scores, dtype=np.float64)
        return scores if prior is None else X @ prior.coef_ + scores

    def predict_proba(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """The probability of each candidate, (rows,), summing to 1 in each decision; raises as `utilities`."""
        return softmax_by_group(self.utilities(X, group_sizes), group_sizes)
