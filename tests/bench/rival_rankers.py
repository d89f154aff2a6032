"""What else could rank plans: the usual libraries' ranking objectives, each as its users would fit it.

All see the same columns, learn how many trees from the same held-out fifth of the organisations, and are fitted on
everyone at that number. Scores that are no probabilities get a temperature from the same fifth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import catboost
import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import xgboost as xgb
from scipy.optimize import minimize_scalar

from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import assign_folds
from models.choice.group_softmax import log_loss_by_group
from models.choice.hybrid import rows_per_leaf, tree_settings_for
from models.data.dataset import TrainingSet

Floats = npt.NDArray[np.float64]
Scores = Callable[[Floats], Floats]

FOLDS = 5
PATIENCE = 25
RIDGES = (1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Part:
    """Decisions with their columns, features and positions."""

    X: Floats
    chosen: Floats
    group_sizes: npt.NDArray[np.int64]

    @property
    def decision_of_row(self) -> npt.NDArray[np.int64]:
        """(rows,)"""
        return np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)


Fit = Callable[[Part, Part | None, int | None], tuple[Scores, int]]
"""From what is learned from and, to stop early, what is judged on, or a number of trees: scores, trees grown."""


def fit_rival(fit: Fit, learn: TrainingSet, *, seed: int) -> Scores:
    """Stop early and take the temperature on a fifth of the organisations, then fit on everyone."""
    fold = assign_folds(learn.organizations, folds=FOLDS, seed=seed)
    judged = _part(learn.take(fold == 0))
    early, trees = fit(_part(learn.take(fold != 0)), judged, None)
    warmth = _temperature(early(judged.X), judged)
    final, _ = fit(_part(learn), None, max(trees, 1))
    return lambda columns: warmth * final(columns)


def fit_logit(learn: TrainingSet, *, seed: int) -> Scores:
    """A conditional logit over the features as they are; the ridge is the best on the held-out fifth."""
    fold = assign_folds(learn.organizations, folds=FOLDS, seed=seed)
    training, judged, everyone = _part(learn.take(fold != 0)), _part(learn.take(fold == 0)), _part(learn)

    def loss(ridge: float) -> float:
        logit = ConditionalLogit(ridge=ridge).fit(training.X, training.chosen, training.group_sizes)
        return float(log_loss_by_group(judged.X @ logit.coef_, judged.chosen, judged.group_sizes).mean())

    best = min(RIDGES, key=loss)
    coefficients = ConditionalLogit(ridge=best).fit(everyone.X, everyone.chosen, everyone.group_sizes).coef_
    return lambda columns: columns @ coefficients


def lambdarank(training: Part, judged: Part | None, trees: int | None) -> tuple[Scores, int]:
    """LightGBM's ranking objective."""
    grown = tree_settings_for(len(training.group_sizes))
    parameters = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [3],
        "num_leaves": grown.leaves,
        "min_data_in_leaf": rows_per_leaf(len(training.X)),
        "learning_rate": grown.learning_rate,
        "lambda_l2": 3.0,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    dataset = lgb.Dataset(training.X, label=training.chosen.astype(int), group=training.group_sizes)
    judges: list[lgb.Dataset] = []
    patience: list[Callable[..., Any]] = []
    if judged is not None:
        label = judged.chosen.astype(int)
        judges = [lgb.Dataset(judged.X, label=label, group=judged.group_sizes, reference=dataset)]
        patience = [lgb.early_stopping(PATIENCE, verbose=False)]
    booster = lgb.train(parameters, dataset, trees or grown.most_trees, valid_sets=judges, callbacks=patience)
    return lambda columns: np.asarray(booster.predict(columns)), booster.best_iteration or booster.num_trees()


def xgboost_ndcg(training: Part, judged: Part | None, trees: int | None) -> tuple[Scores, int]:
    """XGBoost's ranking objective."""
    grown = tree_settings_for(len(training.group_sizes))
    ranker = xgb.XGBRanker(
        objective="rank:ndcg",
        eval_metric="ndcg@3",
        tree_method="hist",
        grow_policy="lossguide",
        max_leaves=grown.leaves,
        learning_rate=grown.learning_rate,
        reg_lambda=3.0,
        n_estimators=trees or grown.most_trees,
        early_stopping_rounds=None if judged is None else PATIENCE,
        n_jobs=1,
        random_state=0,
    )
    judges = None if judged is None else [(judged.X, judged.chosen)]
    groups = None if judged is None else [judged.decision_of_row]
    ranker.fit(
        training.X, training.chosen, qid=training.decision_of_row, eval_set=judges, eval_qid=groups, verbose=False
    )
    best = grown.most_trees if judged is None else int(ranker.best_iteration) + 1
    return lambda columns: np.asarray(ranker.predict(columns), dtype=np.float64), best


def catboost_softmax(training: Part, judged: Part | None, trees: int | None) -> tuple[Scores, int]:
    """CatBoost's listwise softmax objective, with the trees it grows by default."""
    grown = tree_settings_for(len(training.group_sizes))
    model = catboost.CatBoost(
        {
            "loss_function": "QuerySoftMax",
            "iterations": trees or grown.most_trees,
            "learning_rate": grown.learning_rate,
            "thread_count": 1,
            "random_seed": 0,
            "logging_level": "Silent",
            "allow_writing_files": False,
        }
    )
    pools = [catboost.Pool(each.X, each.chosen, group_id=each.decision_of_row) for each in (training, judged) if each]
    if judged is None:
        model.fit(pools[0])
    else:
        model.fit(pools[0], eval_set=pools[1], early_stopping_rounds=PATIENCE)
    return lambda columns: np.asarray(model.predict(columns), dtype=np.float64), int(model.tree_count_)


def _part(rows: TrainingSet) -> Part:
    return Part(rows.learned_from, rows.chosen, rows.group_sizes)


def _temperature(scores: Floats, judged: Part) -> float:
    """What to multiply scores with, so that their softmax foretells best."""

    def loss(logarithm: float) -> float:
        return float(log_loss_by_group(np.exp(logarithm) * scores, judged.chosen, judged.group_sizes).mean())

    found = minimize_scalar(loss, bounds=(-6.0, 4.0), method="bounded")
    return float(np.exp(found.x))
