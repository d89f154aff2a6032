"""Trains a plan ranker: design matrix, prior coefficients, position bias, then the hybrid of logit and trees."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from models.choice.column_selection import columns_help
from models.choice.cross_fitting import people_of_decisions
from models.choice.group_softmax import Choices, checked_choices, with_known
from models.choice.hybrid import FitReport, LearningInput, LearningSettings, fit_hybrid
from models.data.dataset import TrainingSet, TrainingSetRefused
from models.ranker.design_matrix import (
    FEATURE_NAMES,
    LINEAR_NAMES,
    PLAN_INTERACTIONS,
    PRICE_SIGNS,
    STRAIN_INTERACTIONS,
    TREE_NAMES,
    USAGE_MONOTONE,
    design_matrix,
)
from models.ranker.learn_retention import learn_retention
from models.ranker.outside_option import OutsideOption
from models.ranker.plan_ranker import PlanRanker
from models.ranker.position_bias import position_bias
from models.ranker.training_coverage import TrainingCoverage
from recommender.ranking.reward import RewardName

BELIEFS: Final = {
    "template_fit": 1.5,
    "template_share": 0.5,
    "missing_integrations": -0.5,
    "is_current_plan": 1.0,
    "same_family_as_current": 0.5,
    "bill_ratio": 1.5,
    "bill_saved": 0.5,
    **{f"relief_{metric}": 0.7 for metric in ("documents", "assistants", "seats")},
}
"""Prior coefficients, in utility per unit of the column: what the rules would say as a linear utility."""


def learn_plans(
    decisions: TrainingSet, *, version: str, settings: LearningSettings, reward: RewardName = "acceptance"
) -> tuple[PlanRanker, FitReport]:
    """Train a ranker named `version`; returns it with a report of the candidates that were compared.

    Which plan is taken is learned from the decisions with a choice, whether one is taken from all of them.

    ValueError with fewer than two decisions; `TrainingSetRefused` when the training set lacks features, for example
    because it was built by an older version.
    """
    if missing := [name for name in FEATURE_NAMES if name not in decisions.feature_names]:
        raise TrainingSetRefused(f"the training set lacks the features {', '.join(missing)}; build it anew")
    learn_from = decisions.take(decisions.answered).only(FEATURE_NAMES)
    features = learn_from.features
    columns = design_matrix(features, learn_from.group_sizes)
    turned = np.array([-1.0 if PRICE_SIGNS.get(name, 1) < 0 else 1.0 for name in LINEAR_NAMES])
    np.multiply(columns.linear, turned, out=columns.linear)  # a copy would be the largest array of all
    choices = checked_choices(columns.linear, learn_from.chosen, learn_from.group_sizes)
    beliefs = [BELIEFS.get(name, 0.0) for name in LINEAR_NAMES]
    signed = {*USAGE_MONOTONE, *STRAIN_INTERACTIONS, *PRICE_SIGNS}
    only_for = np.array([name in signed for name in LINEAR_NAMES])
    people = people_of_decisions(learn_from.organizations, group_sizes=learn_from.group_sizes)
    _leave_out_what_does_not_help(choices, people, beliefs=beliefs, non_negative=only_for, seed=settings.seed)
    bias = position_bias(
        choices,
        positions=learn_from.positions,
        propensity=learn_from.propensity,
        prior_coef=beliefs,
        non_negative=only_for,
    )
    inputs = LearningInput(
        choices=with_known(choices, learn_from.positions @ bias),
        tree_rows=columns.trees,
        people=people,
        tier_steps=columns.tier_steps,
        prior_coef=beliefs,
        non_negative=only_for,
        monotone=np.array([PRICE_SIGNS.get(name, int(name in USAGE_MONOTONE)) for name in TREE_NAMES]),
    )
    del choices, columns  # the inputs have them
    fitted = fit_hybrid(inputs, settings)
    del inputs
    coefficients = np.zeros(len(LINEAR_NAMES)) if fitted.prior is None else turned * fitted.prior.coef_
    by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
    coverage = TrainingCoverage.from_rows(by_name, learn_from.group_sizes, plans=learn_from.plans.tolist())
    ranker = PlanRanker(version, fitted.booster, coefficients, coverage, reward, learn_retention(learn_from))
    return replace(ranker, outside=_outside(ranker, decisions.only(FEATURE_NAMES))), fitted.report


def _leave_out_what_does_not_help(
    choices: Choices,
    people: npt.NDArray[np.generic],
    *,
    beliefs: list[float],
    non_negative: npt.NDArray[np.bool_],
    seed: int,
) -> None:
    """Set the columns `PLAN_INTERACTIONS` to 0, unless they help people who were held out."""
    columns = np.isin(LINEAR_NAMES, PLAN_INTERACTIONS)
    if not columns_help(choices, columns, people=people, prior_coef=beliefs, non_negative=non_negative, seed=seed):
        choices.X[:, columns] = 0.0  # a column of zeros keeps its prior coefficient, which is 0


def _outside(ranker: PlanRanker, decisions: TrainingSet) -> OutsideOption | None:
    utilities = ranker.utilities(decisions.features, decisions.group_sizes)
    by_name = dict(zip(FEATURE_NAMES, decisions.features.T, strict=True))
    return OutsideOption.fit(utilities, by_name, decisions.answered.astype(np.float64), decisions.group_sizes)
