"""Fits a conditional logit and boosted trees on top of it, and selects the ridge, the number of trees, or trees alone.

The selection minimises the loss of logit and trees *together* on held-out people: the logit with the lowest loss of its
own may be too confident for trees to correct. Logit and trees may read different columns, and both accept monotonicity
constraints: `non_negative` coefficients of the logit, `monotone` columns of the trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.choice.boosting_selection import Candidate, HeldOutFold, objective, padded, select_rounds
from models.choice.choice_likelihood import BLAS
from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import CrossFittedLogits, assign_folds
from models.choice.group_softmax import Choices, Floats
from models.choice.tier_steps import TierSteps

FEWEST_DECISIONS_FOR_TREES = 60
MOST_DECISIONS_FOR_FULL_VALIDATION = 700
"""Up to this number every fold is held out in turn; above it one fold selects as well (measured on known optima)."""
FOLDS_IN_TURN = 3
"""Measured at 100, 300 and 1,000 decisions: three folds select as well as five."""
FOLDS = 5
SELECTION_SPEED = 3
"""Candidates are compared at three times the learning rate with a third of the trees, the final fit not."""


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """Size, learning rate and largest number of the trees."""

    leaves: int
    learning_rate: float
    most_trees: int


TREE_SETTINGS_BELOW_DECISIONS: tuple[tuple[float, TreeSettings], ...] = (
    (500, TreeSettings(leaves=4, learning_rate=0.05, most_trees=200)),
    (2_000, TreeSettings(leaves=6, learning_rate=0.05, most_trees=300)),
    (10_000, TreeSettings(leaves=8, learning_rate=0.05, most_trees=600)),
    (50_000, TreeSettings(leaves=16, learning_rate=0.07, most_trees=400)),
    (float("inf"), TreeSettings(leaves=31, learning_rate=0.1, most_trees=600)),
)
"""By the number of decisions, first match wins: few decisions get few, small trees with a low learning rate."""
ROWS_BINNED_BY = 50_000
"""The number of rows from which LightGBM takes the limits of its 255 bins."""
MANY_COLUMNS = 30
FEATURE_FRACTION = 0.7
FEATURE_FRACTION_OF_MANY = 0.5
"""The share of its columns that each tree reads; with many columns half of them do as well in half the time."""
SMALLEST_LEAF = 20
"""The smallest leaf, in rows and as a share of the rows; the larger of the two applies."""
SMALLEST_LEAF_SHARE = 0.003


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """The candidates and the seed; `ridges` and `trees` depend on the number of decisions where they are None."""

    ridges: Sequence[float] | None = None
    trees: TreeSettings | None = None
    seed: int = 0
    num_threads: int = 1


@dataclass(frozen=True, slots=True)
class LearningInput:
    """Training data of a hybrid.

    The logit reads `choices.X` (rows, a). The trees read `tree_rows`: (rows, b), or (rows + steps, b) with tier steps.
    """

    choices: Choices
    tree_rows: Floats
    people: npt.NDArray[np.generic]
    """(decisions,) the person who made each decision; folds never divide a person."""
    tier_steps: TierSteps | None = None
    prior_coef: npt.ArrayLike | None = None
    """(a,) the coefficients that the logit is shrunk towards; zeros if not given."""
    non_negative: npt.NDArray[np.bool_] | None = None
    """(a,) which coefficients may not be negative."""
    monotone: npt.NDArray[np.int64] | None = None
    """(b,) 1 for the tree columns in which a score may not fall, -1 where it may not rise, else 0."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """The candidates with their held-out losses, the one selected, and the number of trees."""

    decisions: int
    people: int
    validation_decisions: int
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    trees: int


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The logit and the trees, fitted on all decisions."""

    prior: ConditionalLogit | None
    """None where trees without a logit were best."""
    booster: lgb.Booster
    """The trees; without any tree (every raw score 0) where the logit alone was best."""
    report: FitReport = field(repr=False)


def fit_hybrid(inputs: LearningInput, settings: LearningSettings) -> Hybrid:
    """Select a candidate by its loss on held-out people, then fit it on all decisions.

    Below 60 decisions no trees are grown. Raises ValueError with fewer than two decisions.
    """
    choices = inputs.choices
    decisions = len(choices.group_sizes)
    if decisions < 2:
        raise ValueError("one decision cannot be learned from and held out at once; at least two are needed")
    in_turn = decisions <= MOST_DECISIONS_FOR_FULL_VALIDATION
    fold_of_decision = assign_folds(inputs.people, folds=FOLDS_IN_TURN if in_turn else FOLDS, seed=settings.seed)
    logits = CrossFittedLogits(
        choices,
        fold_of_decision=fold_of_decision,
        prior_coef=inputs.prior_coef,
        non_negative=inputs.non_negative,
    )
    grown = settings.trees or tree_settings_for(decisions)
    parameters = _parameters(inputs, settings, grown)
    rows = inputs.tree_rows
    label = np.append(choices.chosen, np.zeros(len(rows) - len(choices.chosen)))
    dataset = lgb.Dataset(rows, label=label, params=parameters, free_raw_data=False).construct()
    held_out = [
        HeldOutFold(
            choices, fold=fold, fold_of_decision=fold_of_decision, dataset=dataset, tier_steps=inputs.tier_steps
        )
        for fold in range(int(fold_of_decision.max()) + 1 if in_turn else 1)
    ]
    with BLAS.limit(limits=1, user_api="blas"):
        candidates = _candidates(inputs, held_out, logits, settings=settings, grown=grown, parameters=parameters)
        best = min(candidates, key=lambda candidate: candidate.validation_loss)
        prior, offset = None, logits.out_of_fold_utilities(ridge=best.ridge)
    validated = sum(fold.validation.decisions for fold in held_out)
    start = None if best.ridge is None else logits.coefficients(ridge=best.ridge)
    del held_out, logits  # each is as large as the choices
    if best.ridge is not None:
        prior = ConditionalLogit(ridge=best.ridge, prior_coef=inputs.prior_coef, non_negative=inputs.non_negative).fit(
            choices.X,
            choices.chosen,
            choices.group_sizes,
            known=choices.known,
            coef_init=start,
        )
    trees = min(best.rounds * SELECTION_SPEED, grown.most_trees)
    booster = _boost(inputs, dataset, offset=offset, trees=trees, parameters=parameters)
    report = FitReport(
        decisions=decisions,
        people=len(np.unique(inputs.people)),
        validation_decisions=validated,
        candidates=candidates,
        chosen=best,
        trees=booster.num_trees(),
    )
    return Hybrid(prior, booster, report)


def tree_settings_for(decisions: int) -> TreeSettings:
    """The tree settings for a number of decisions, from `TREE_SETTINGS_BELOW_DECISIONS`."""
    return next(settings for below, settings in TREE_SETTINGS_BELOW_DECISIONS if decisions < below)


def rows_per_leaf(rows: int) -> int:
    """The smallest leaf, in rows, of trees that are grown on this many rows."""
    return max(SMALLEST_LEAF, round(SMALLEST_LEAF_SHARE * rows))


def default_ridges(decisions: int) -> tuple[float, ...]:
    """The candidate ridges for a number of decisions.

    A ridge far below the number of decisions changes nothing; one of a twentieth of it keeps the logit from becoming
    too confident for the trees to correct.
    """
    if decisions <= MOST_DECISIONS_FOR_FULL_VALIDATION:
        return (5.0, 30.0, 100.0)
    return (decisions / 200, decisions / 20)


def _candidates(
    inputs: LearningInput,
    held_out: Sequence[HeldOutFold],
    logits: CrossFittedLogits,
    *,
    settings: LearningSettings,
    grown: TreeSettings,
    parameters: dict[str, Any],
) -> tuple[Candidate, ...]:
    """Every candidate with its held-out loss."""
    decisions = len(inputs.choices.group_sizes)
    ridges = default_ridges(decisions) if settings.ridges is None else tuple(settings.ridges)
    with_trees = decisions >= FEWEST_DECISIONS_FOR_TREES
    return select_rounds(
        ridges=(*ridges, None) if with_trees else ridges,
        folds=held_out,
        logits=logits,
        rows=len(inputs.tree_rows),
        most_rounds=grown.most_trees // SELECTION_SPEED if with_trees else 0,
        parameters=parameters | {"learning_rate": grown.learning_rate * SELECTION_SPEED},
    )


def _boost(
    inputs: LearningInput, dataset: lgb.Dataset, *, offset: Floats, trees: int, parameters: dict[str, Any]
) -> lgb.Booster:
    """Trees grown on all decisions, with scores that start at `offset` (rows,)."""
    choices = inputs.choices
    dataset.set_init_score(padded(offset, len(inputs.tree_rows)))
    booster = lgb.Booster(parameters, dataset)
    loss = objective(choices.chosen, choices.group_sizes, inputs.tier_steps)
    for _ in range(trees):
        if booster.update(fobj=loss):
            break
    return booster


def _parameters(inputs: LearningInput, settings: LearningSettings, grown: TreeSettings) -> dict[str, Any]:
    rows, columns = inputs.tree_rows.shape
    parameters: dict[str, Any] = {
        "objective": "none",
        "num_leaves": grown.leaves,
        "min_data_in_leaf": rows_per_leaf(rows),
        "learning_rate": grown.learning_rate,
        "lambda_l2": 3.0,
        "feature_fraction": FEATURE_FRACTION if columns < MANY_COLUMNS else FEATURE_FRACTION_OF_MANY,
        "feature_pre_filter": False,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "bin_construct_sample_cnt": ROWS_BINNED_BY,
        "num_threads": settings.num_threads,
        "verbosity": -1,
    }
    if inputs.monotone is not None:
        parameters["monotone_constraints"] = inputs.monotone.tolist()
        parameters["monotone_constraints_method"] = "intermediate"
    return parameters
