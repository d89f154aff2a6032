"""Learns choices with a linear utility first, and trees for what the line misses.

A conditional logit is fitted, its utility becomes the trees' starting score, and LightGBM boosts on it with the softmax
loss of `models.group_softmax`: the scores stay choice probabilities, and with little data the trees stay few or none.
Which ridge the logit gets, whether the trees start from it at all, and how many trees there are is decided together, by
the loss of the *whole* on people who were not trained on: a logit that is best alone may be too sure of itself for
trees to mend. Nothing here knows of plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.boosting_race import Candidate, HeldOutFold, run_race
from models.conditional_logit import ConditionalLogit
from models.cross_fitting import CrossFittedLogits, assign_folds, people_of_decisions
from models.group_softmax import (
    Choices,
    Floats,
    GroupSoftmaxObjective,
    Integers,
    beside_deviations,
    checked_choices,
    checked_group_sizes,
    checked_matrix,
    softmax_by_group,
)

FEWEST_DECISIONS_FOR_TREES = 60
FOLDS = 5
MOST_DECISIONS_FOR_FULL_VALIDATION = 1_500
"""Up to here every fold is held out in turn; above, one fold is enough to choose by."""
SELECTION_SPEED = 2
"""Candidates are compared with trees of twice the learning rate, and so half as many; the final trees step finer."""


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How trees are grown."""

    leaves: int
    rows_per_leaf: int
    learning_rate: float
    most_trees: int


TREE_SETTINGS_BELOW_DECISIONS: tuple[tuple[float, TreeSettings], ...] = (
    (500, TreeSettings(leaves=4, rows_per_leaf=20, learning_rate=0.05, most_trees=200)),
    (2_000, TreeSettings(leaves=6, rows_per_leaf=30, learning_rate=0.05, most_trees=300)),
    (10_000, TreeSettings(leaves=12, rows_per_leaf=50, learning_rate=0.1, most_trees=300)),
    (50_000, TreeSettings(leaves=24, rows_per_leaf=80, learning_rate=0.1, most_trees=400)),
    (float("inf"), TreeSettings(leaves=31, rows_per_leaf=100, learning_rate=0.1, most_trees=600)),
)
"""Fixed by the number of decisions, first match wins: few decisions grow few, small and careful trees."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was tried, on whom it was judged, and what was taken."""

    decisions: int
    people: int
    validation_decisions: int
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    trees: int


class ChoiceRanker:
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
        decisions = len(choices.group_sizes)
        if decisions < 2:
            raise ValueError("one decision cannot be learned from and held out at once; at least two are needed")
        people = people_of_decisions(groups, group_sizes=choices.group_sizes)
        fold_of_decision = assign_folds(people, folds=FOLDS, seed=self.seed)
        logits = CrossFittedLogits(choices, fold_of_decision=fold_of_decision, prior_coef=self.prior_coef)
        settings = self.tree_settings or tree_settings_for(decisions)
        columns = self.tree_columns(choices.X, choices.group_sizes)
        dataset = lgb.Dataset(columns, label=choices.chosen, params=self._parameters(settings), free_raw_data=False)
        dataset.construct()

        held_out = [
            HeldOutFold(choices, fold=fold, fold_of_decision=fold_of_decision, dataset=dataset)
            for fold in range(_folds_held_out(fold_of_decision))
        ]
        candidates, best = self._select(choices, held_out, logits, settings)
        self.prior_, offset = None, np.zeros(len(choices.X))
        if best.ridge is not None:
            offset = logits.out_of_fold_utilities(ridge=best.ridge)
            self.prior_ = ConditionalLogit(ridge=best.ridge, prior_coef=self.prior_coef).fit(
                choices.X,
                choices.chosen,
                choices.group_sizes,
                coef_init=logits.coefficients_without({0}, ridge=best.ridge),
            )
        trees = min(best.rounds * SELECTION_SPEED, settings.most_trees)
        self.booster_ = _boost(choices, dataset, offset=offset, trees=trees, parameters=self._parameters(settings))
        self.n_features_in_ = choices.X.shape[1]
        self.report_ = FitReport(
            decisions=decisions,
            people=len(np.unique(people)),
            validation_decisions=sum(len(fold.validation.group_sizes) for fold in held_out),
            candidates=candidates,
            chosen=best,
            trees=self.booster_.num_trees(),
        )
        return self

    def tree_columns(self, X: Floats, group_sizes: Integers) -> Floats:
        """What the trees see of X: itself, and with `relative_columns` each column's deviation beside it."""
        return beside_deviations(X, group_sizes) if self.relative_columns else X

    def utilities(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """The utility of each candidate, (rows,): the logit's plus the trees' raw score."""
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

    def _select(
        self, choices: Choices, held_out: Sequence[HeldOutFold], logits: CrossFittedLogits, settings: TreeSettings
    ) -> tuple[tuple[Candidate, ...], Candidate]:
        """All candidates with their held-out losses, and the best; the earlier of equals."""
        decisions = len(choices.group_sizes)
        ridges = default_ridges(decisions) if self.ridges is None else tuple(self.ridges)
        with_trees = decisions >= FEWEST_DECISIONS_FOR_TREES
        faster = {"learning_rate": settings.learning_rate * SELECTION_SPEED}
        candidates = run_race(
            ridges=(*ridges, None) if with_trees else ridges,
            folds=held_out,
            logits=logits,
            rows=len(choices.X),
            most_rounds=settings.most_trees // SELECTION_SPEED if with_trees else 0,
            parameters=self._parameters(settings) | faster,
        )
        return candidates, min(candidates, key=lambda candidate: candidate.validation_loss)

    def _parameters(self, settings: TreeSettings) -> dict[str, Any]:
        return {
            "objective": "none",
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.rows_per_leaf,
            "learning_rate": settings.learning_rate,
            "lambda_l2": 3.0,
            "feature_fraction": 0.7,
            "feature_pre_filter": False,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.num_threads,
            "verbosity": -1,
        }


def tree_settings_for(decisions: int) -> TreeSettings:
    """The tree settings for a number of decisions."""
    return next(settings for below, settings in TREE_SETTINGS_BELOW_DECISIONS if decisions < below)


def default_ridges(decisions: int) -> tuple[float, ...]:
    """The ridges worth trying: a fine grid where the logit does the work, two where the trees do.

    A ridge far below the number of decisions changes nothing; one of a tenth of them keeps an overconfident logit from
    standing in the trees' way.
    """
    if decisions <= MOST_DECISIONS_FOR_FULL_VALIDATION:
        return (1.0, 3.0, 10.0, 30.0, 100.0)
    if decisions < 4_000:
        return (1.0, decisions / 200, decisions / 10)
    return (decisions / 200, decisions / 10)


def _folds_held_out(fold_of_decision: Integers) -> int:
    """How many folds are held out in turn."""
    few = len(fold_of_decision) <= MOST_DECISIONS_FOR_FULL_VALIDATION
    return int(fold_of_decision.max()) + 1 if few else 1


def _boost(
    choices: Choices, dataset: lgb.Dataset, *, offset: Floats, trees: int, parameters: dict[str, Any]
) -> lgb.Booster:
    """Trees on everyone, started from `offset` (rows,)."""
    dataset.set_init_score(offset)
    booster = lgb.Booster(parameters, dataset)
    objective = GroupSoftmaxObjective(chosen=choices.chosen, group_sizes=choices.group_sizes)
    for _ in range(trees):
        if booster.update(fobj=objective):
            break
    return booster
