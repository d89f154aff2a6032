"""The trained plan ranker: a linear utility plus boosted trees over tier steps; implements `Ranker`."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from models.choice.group_softmax import DECISIONS_AT_ONCE, blocks_of
from models.ranker.column_shares import shares_by_feature
from models.ranker.design_matrix import (
    DECIMALS,
    FEATURE_NAMES,
    LINEAR_NAMES,
    MONEY,
    TREE_NAMES,
    DesignMatrix,
    design_matrix,
)
from models.ranker.outside_option import OutsideOption
from models.ranker.retention import Retention
from models.ranker.training_coverage import TrainingCoverage
from recommender.ranking.abstention import Abstention
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.reward import RewardName

if TYPE_CHECKING:
    from lightgbm import Booster

    from models.ranker.fitted_trees import FittedTrees


SINGLE_THREAD: Final = 1
"""One decision is scored on one thread: LightGBM's threads would wait for each other on a busy machine."""
LINEAR_COLUMNS: Final = len(LINEAR_NAMES)
TREE_COLUMNS: Final = len(TREE_NAMES)
LEAST_CENTS: Final = 1.0
"""The monthly worth of a plan that costs nothing, so that its log worth is finite."""
BILL_COLUMNS: Final = [TREE_NAMES.index(name) for name in ("price_gap", "bill_ratio", "bill_saved")]
"""Columns of a step up's effect on the bill, in log money: the bills' relation replaces the price gap."""


@dataclass(frozen=True, slots=True)
class PlanRanker:
    """Scores plans: linear columns · coefficients + the plan's raw tree score + the scores of the tier steps below.

    For the same organisation, more usage never leads to a first plan of a lower tier. `learn_plans` makes rankers,
    `models.registry.bundle` stores them.

    A ranker that only knows that a higher price is worse:

    >>> coefficients = np.zeros(LINEAR_COLUMNS)
    >>> coefficients[LINEAR_NAMES.index("monthly_price")] = -1.0
    >>> ranker = PlanRanker("by-price", None, coefficients, TrainingCoverage({}, {}))
    >>> two_plans = np.zeros((2, len(FEATURE_NAMES)))
    >>> two_plans[:, FEATURE_NAMES.index("monthly_price")] = [0.5, 2.0]
    >>> ranker.utilities(two_plans, np.array([2])).tolist()
    [-0.5, -2.0]
    """

    version: str
    booster: "Booster | FittedTrees | None"
    """The trees as they were trained, or as they were read from a bundle."""
    coefficients: FloatArray
    """(LINEAR_COLUMNS,) in the order of `LINEAR_NAMES`."""
    coverage: TrainingCoverage
    """The inputs that the training data cover; the ranker abstains from all others."""
    reward: RewardName = "acceptance"
    """The reward that plans are ordered for; probabilities do not depend on it."""
    retention: Retention = field(default_factory=Retention)
    """For how long plans are kept."""
    outside: OutsideOption | None = None
    """The chance that any plan is taken; None where every decision it learned from took one."""
    name: str = field(default="model", init=False)
    feature_names: tuple[str, ...] = field(default=FEATURE_NAMES, init=False)

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """The utility of each candidate, (rows,); the softmax over a decision's rows is the chance of being chosen.

        `features` (rows, features) has the columns `feature_names`, rows sorted by decision; `group_sizes` (decisions,)
        counts the candidates of each decision. ValueError when the shapes do not fit.
        """
        if len(group_sizes) > DECISIONS_AT_ONCE:  # the columns take many times the memory of the features
            parts = blocks_of(group_sizes)
            return np.concatenate([self.utilities(features[rows], group_sizes[some]) for some, rows in parts])
        columns = self._columns(features, group_sizes)
        utilities: FloatArray = (columns.linear * self.coefficients).sum(axis=1)
        if self.booster is not None:
            scores = self._predict(self.booster, columns.trees, raw_score=True)
            utilities = utilities + scores[: len(features)] + columns.tier_steps.accumulated(scores[len(features) :])
        return utilities

    def log_worth(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """The log worth of each candidate under the declared reward, (rows,); takes the arguments of `utilities`.

        Added to the utilities it keeps the promise of the tiers: `margin` depends on nothing that usage changes, and
        `customer` is minus the log price plus, over the steps below, columns that never fall when usage rises.
        """
        if self.reward == "acceptance":
            return np.zeros(len(features))
        by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
        log_price = by_name["monthly_price"]
        if self.reward == "margin":
            months = self.retention.months(by_name["family"], by_name["tier"])
            return np.asarray(np.log(np.maximum(MONEY * np.expm1(log_price), LEAST_CENTS) * months))
        columns = self._columns(features, group_sizes)
        steps = columns.trees[len(features) :, BILL_COLUMNS].sum(axis=1)
        return np.asarray(columns.tier_steps.accumulated(np.round(steps, DECIMALS)) - log_price)

    def chances_of_any(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """The chance that an organisation takes or keeps one of its candidates, (decisions,)."""
        if self.outside is None:
            return np.ones(len(group_sizes))
        by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
        return self.outside.chances(self.utilities(features, group_sizes), by_name, group_sizes)

    def abstention_reasons(self, features: FloatArray, group_sizes: IntArray) -> list[Abstention | None]:
        """For each decision the reason to leave it to the rules, or None; takes the arguments of `utilities`."""
        return self.coverage.abstention_reasons(dict(zip(FEATURE_NAMES, features.T, strict=True)), group_sizes)

    def borrowed(self, codes: Collection[str]) -> frozenset[str]:
        """Those plans of which it has seen too little, and speaks as of plans like them."""
        return self.coverage.unknown(codes)

    def repriced(self, prices: Mapping[str, float]) -> frozenset[str]:
        """Those plans, given with their monthly price in minor units, that it has seen at other prices only."""
        return self.coverage.repriced({code: math.log1p(cents / MONEY) for code, cents in prices.items()})

    def contributions(self, features: FloatArray, group_sizes: IntArray, wanted: IntArray | None = None) -> FloatArray:
        """The share of each feature in each candidate's utility, (rows, features); takes the arguments of `utilities`.

        `wanted` are the indexes of the rows to answer for, (wanted, features) then; all of them if absent.

        The terms of the linear part plus exact tree SHAP values (Lundberg et al. 2020) of the plan and of the tier
        steps below it. A row adds up to its utility, up to rounding. Pass all candidates of a decision: the tier steps
        depend on them.
        """
        columns, rows = self._columns(features, group_sizes), len(features)
        asked = np.arange(rows) if wanted is None else wanted
        linear = columns.linear[asked] * self.coefficients
        trees = np.zeros((len(asked), len(TREE_NAMES) + 1))
        if self.booster is not None:
            of_steps = np.arange(rows, len(columns.trees))
            shares = self._predict(self.booster, columns.trees[np.append(asked, of_steps)], pred_contrib=True)
            rest = shares[:, len(TREE_NAMES) :].sum(axis=1)
            by_column = np.column_stack([shares[:, : len(TREE_NAMES)], rest])
            trees = by_column[: len(asked)] + columns.tier_steps.accumulated(by_column[len(asked) :])[asked]
        return shares_by_feature(linear, trees)

    def _columns(self, features: FloatArray, group_sizes: IntArray) -> DesignMatrix:
        if features.ndim != 2 or features.shape[1] != len(FEATURE_NAMES):
            raise ValueError(f"features must have shape (rows, {len(FEATURE_NAMES)}), not {features.shape}")
        if int(group_sizes.sum()) != len(features):
            raise ValueError("group_sizes do not add up to the rows")
        return design_matrix(features, group_sizes, price_range=self.coverage.price_range)

    @staticmethod
    def _predict(booster: "Booster | FittedTrees", columns: FloatArray, **kind: bool) -> FloatArray:
        """The booster's prediction for these rows; an empty array without rows."""
        if not len(columns):
            return np.zeros((0, TREE_COLUMNS + 1)) if "pred_contrib" in kind else np.zeros(0)
        return np.asarray(booster.predict(columns, num_threads=SINGLE_THREAD, **kind))
