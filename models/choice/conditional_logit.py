"""A conditional logit: a linear utility for choices, fitted exactly and shrunk towards prior coefficients.

The utility of a candidate is X @ coef_, its probability the softmax over its decision (`models.choice.group_softmax`).
The fit maximises

    sum of w_g ln p_chosen(g)  -  ridge / 2 * sum over j of (scale_j (coef_j - prior_j))**2

by Newton's method with the exact Hessian (Train 2009, "Discrete choice methods with simulation", sections 3.7 and 8.3).
`scale_j` is the standard deviation of column j *within* decisions, so one ridge suits columns of any unit. With ridge 0
neither scale nor prior affects identified coefficients. A coefficient that no decision identifies stays at the prior.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from models.choice.choice_likelihood import BLAS, best_coefficients, standardised_likelihood
from models.choice.group_softmax import (
    Floats,
    checked_choices,
    checked_group_sizes,
    checked_matrix,
    softmax_by_group,
    with_known,
)


class ConditionalLogit(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Estimates how much each column adds to a candidate's utility. A scikit-learn estimator.

    Parameters
    ----------
    ridge : float
        At least 0; how strongly coefficients are shrunk towards the prior, in units of decisions: a ridge of 10 weighs
        about as much as 10 decisions that agree with the prior.
    prior_coef : array (features,), optional
        The coefficients that the fit is shrunk towards; zeros if not given.
    non_negative : array of bool (features,), optional
        The columns whose coefficients are at least 0.
    copy_X : bool
        Whether `fit` leaves an array that it is given as it was.

    Examples
    --------
    Two of three people take the cheaper offer:

    >>> import numpy as np
    >>> price = [[1.0], [2.0], [1.0], [2.0], [1.0], [2.0]]
    >>> logit = ConditionalLogit().fit(price, chosen=[1, 0, 1, 0, 0, 1], group_sizes=[2, 2, 2])
    >>> logit.coef_.round(3).tolist()
    [-0.693]
    >>> logit.predict_proba([[1.0], [2.0]], group_sizes=[2]).round(3).tolist()
    [0.667, 0.333]
    """

    coef_: Floats
    """(features,) in utility per unit of the column."""
    log_likelihood_: float
    """The weighted sum of ln p_chosen in nats at `coef_`, without the penalty."""
    n_features_in_: int
    n_iter_: int

    def __init__(
        self,
        *,
        ridge: float = 0.0,
        prior_coef: npt.ArrayLike | None = None,
        non_negative: npt.ArrayLike | None = None,
        copy_X: bool = True,
    ) -> None:
        self.ridge = ridge
        self.prior_coef = prior_coef
        self.non_negative = non_negative
        self.copy_X = copy_X

    def fit(
        self,
        X: npt.ArrayLike,
        chosen: npt.ArrayLike,
        group_sizes: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        known: npt.ArrayLike = 0.0,
        coef_init: npt.ArrayLike | None = None,
    ) -> Self:
        """Find the coefficients that maximise the penalised likelihood.

        Parameters
        ----------
        X : array (rows, features)
            The candidates, sorted by decision, without missing values.
        chosen : array (rows,)
            1 for the chosen candidate, else 0; exactly one in each decision.
        group_sizes : array (decisions,)
            The number of candidates of each decision.
        sample_weight : array (decisions,), optional
            Weights of at least 0.
        known : array (rows,) or float
            A part of the utility that is known beforehand and not estimated.
        coef_init : array (features,), optional
            Where the search starts; the result does not depend on it.

        Returns
        -------
        The fitted logit itself.

        Raises
        ------
        ValueError
            For other shapes, for missing values and for a negative ridge.
        """
        if not (np.isfinite(self.ridge) and self.ridge >= 0):
            raise ValueError(f"ridge must be a finite number of at least 0, not {self.ridge}")
        choices = with_known(checked_choices(X, chosen, group_sizes), known)
        features = choices.X.shape[1]
        weights = _checked_weights(sample_weight, decisions=len(choices.group_sizes))
        prior = checked_coefficients(self.prior_coef, features=features, name="prior_coef")
        start = prior if coef_init is None else checked_coefficients(coef_init, features=features, name="coef_init")

        likelihood = standardised_likelihood(choices, weights, overwrite=not self.copy_X)
        with BLAS.limit(limits=1, user_api="blas"):
            self.coef_, self.n_iter_ = best_coefficients(
                likelihood,
                ridge=float(self.ridge),
                prior=prior,
                start=start,
                non_negative=checked_mask(self.non_negative, prior=prior),
            )
        self.log_likelihood_ = likelihood.value(self.coef_[likelihood.identified] * likelihood.scale)
        self.n_features_in_ = features
        return self

    def utilities(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike | None = None) -> Floats:
        """The utility X @ coef_ of each candidate, (rows,); `group_sizes` (decisions,) are only checked, if given.

        ValueError for other shapes and missing values, `sklearn.exceptions.NotFittedError` before `fit`.
        """
        check_is_fitted(self)
        matrix = checked_matrix(X)
        if matrix.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted on {self.n_features_in_} features, asked about {matrix.shape[1]}")
        if group_sizes is not None:
            checked_group_sizes(group_sizes, rows=len(matrix))
        utilities: Floats = matrix @ self.coef_
        return utilities

    def predict_proba(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """The probability of each candidate, (rows,), summing to 1 in each decision; raises as `utilities`."""
        return softmax_by_group(self.utilities(X), group_sizes)


def _checked_weights(sample_weight: npt.ArrayLike | None, *, decisions: int) -> Floats:
    if sample_weight is None:
        return np.ones(decisions)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (decisions,):
        raise ValueError(f"sample_weight must have one value per decision ({decisions},), not shape {weights.shape}")
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() == 0:
        raise ValueError("sample_weight must be finite, at least 0, and above 0 somewhere")
    return weights


def checked_coefficients(given: npt.ArrayLike | None, *, features: int, name: str) -> Floats:
    """Finite coefficients (features,), zeros if not given; ValueError for another shape, in which `name` appears."""
    if given is None:
        return np.zeros(features)
    coefficients: Floats = np.array(given, dtype=np.float64)
    if coefficients.shape != (features,) or not np.isfinite(coefficients).all():
        raise ValueError(f"{name} must be {features} finite numbers, one per column of X")
    return coefficients


def checked_mask(given: npt.ArrayLike | None, *, prior: Floats) -> npt.NDArray[np.bool_] | None:
    """A mask (features,), or None if not given; ValueError for another shape and for a prior below its bound of 0."""
    if given is None:
        return None
    mask = np.asarray(given)
    if mask.shape != prior.shape or mask.dtype != np.bool_:
        raise ValueError(f"non_negative must be {len(prior)} truth values, one per column of X")
    if (prior[mask] < 0).any():
        raise ValueError("prior_coef is negative where non_negative forbids it")
    return mask
