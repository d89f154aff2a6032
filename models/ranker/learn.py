"""Learns to rank plans: the design matrix, an expert's beliefs as the prior, and the hybrid learner."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.choice.cross_fitting import people_of_decisions
from models.choice.group_softmax import checked_choices, with_known
from models.choice.hybrid import FitReport, Material, Settings, fit_hybrid
from models.data.dataset import TrainingSet, TrainingSetRefused
from models.ranker.design_matrix import FEATURE_NAMES, LINEAR_NAMES, NEEDS, RISING, TREE_NAMES, plan_columns
from models.ranker.plan_ranker import PlanRanker
from models.ranker.position_bias import position_pull
from models.ranker.training_coverage import Familiar

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
"""What one would expect before the first choice, in utility per unit of the column: the rules as a line."""


def learn_plans(learn_from: TrainingSet, *, version: str, settings: Settings) -> tuple[PlanRanker, FitReport]:
    """The ranker of a training set and what was tried on the way; ValueError on fewer than two decisions.

    `TrainingSetRefused` when it lacks features, as one does that was built before they were there.
    """
    if missing := [name for name in FEATURE_NAMES if name not in learn_from.feature_names]:
        raise TrainingSetRefused(f"the training set lacks the features {', '.join(missing)}; build it anew")
    features = learn_from.only(FEATURE_NAMES).features
    columns = plan_columns(features, learn_from.group_sizes)
    choices = checked_choices(columns.linear, learn_from.chosen, learn_from.group_sizes)
    beliefs = [BELIEFS.get(name, 0.0) for name in LINEAR_NAMES]
    only_for = np.array([name in RISING or name in NEEDS for name in LINEAR_NAMES])
    pull = position_pull(
        choices,
        positions=learn_from.positions,
        propensity=learn_from.propensity,
        prior_coef=beliefs,
        non_negative=only_for,
    )
    material = Material(
        choices=with_known(choices, learn_from.positions @ pull),
        tree_rows=columns.trees,
        people=people_of_decisions(learn_from.organizations, group_sizes=learn_from.group_sizes),
        ladder=columns.ladder,
        prior_coef=beliefs,
        non_negative=only_for,
        rising=np.array([name in RISING for name in TREE_NAMES]),
    )
    fitted = fit_hybrid(material, settings)
    coefficients = np.zeros(len(LINEAR_NAMES)) if fitted.prior is None else fitted.prior.coef_
    familiar = Familiar.with_all_of(dict(zip(FEATURE_NAMES, features.T, strict=True)), learn_from.group_sizes)
    return PlanRanker(version, fitted.booster, coefficients, familiar), fitted.report
