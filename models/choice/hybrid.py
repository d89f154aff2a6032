"""A linear utility and trees on top of it, fitted together: which ridge, whether a line at all, how many trees.

All of it is decided by the loss of the *whole* on people who were not trained on: a logit that is best alone may be too
sure of itself for trees to mend. The line and the trees may see different columns, and both may be told that
something only ever speaks for a candidate: `non_negative` coefficients, `rising` tree columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.choice.boosting_selection import Candidate, HeldOutFold, objective, padded, run_race
from models.choice.choice_likelihood import BLAS
from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import CrossFittedLogits, assign_folds
from models.choice.group_softmax import Choices, Floats
from models.choice.tier_steps import Ladder

FEWEST_DECISIONS_FOR_TREES = 60
MOST_DECISIONS_FOR_FULL_VALIDATION = 700
"""Up to here every fold is held out in turn; above, one is enough to choose by: the known optimum is as near."""
FOLDS_IN_TURN = 3
"""As near to the known optimum as with five, at 100, 300 and 1,000 decisions."""
FOLDS = 5
SELECTION_SPEED = 3
"""Candidates are compared with trees of thrice the learning rate, and so fewer; the final trees step finer."""


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How trees are grown."""

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
"""Fixed by the number of decisions, first match wins: few decisions grow few, small and careful trees."""
ROWS_BINNED_BY = 50_000
"""A sample that says well enough where 255 bins should end."""
MANY_COLUMNS = 30
FEATURE_FRACTION = 0.7
FEATURE_FRACTION_OF_MANY = 0.5
"""A tree looks at so many of its columns; of many, half say the same, in half the time."""
SMALLEST_LEAF = 20
"""In rows, and as a share of them, whichever is more."""
SMALLEST_LEAF_SHARE = 0.003


@dataclass(frozen=True, slots=True)
class Settings:
    """What is tried; `ridges` and `trees` are chosen by the number of decisions where they are None."""

    ridges: Sequence[float] | None = None
    trees: TreeSettings | None = None
    seed: int = 0
    num_threads: int = 1


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from.

    The line sees `choices.X` (rows, a). The trees see `tree_rows`: (rows, b), or with a ladder (rows + steps, b).
    """

    choices: Choices
    tree_rows: Floats
    people: npt.NDArray[np.generic]
    """(decisions,) who decided."""
    ladder: Ladder | None = None
    prior_coef: npt.ArrayLike | None = None
    """(a,) what the line is shrunk towards; zeros if not given."""
    non_negative: npt.NDArray[np.bool_] | None = None
    """(a,) coefficients that may not be negative."""
    rising: npt.NDArray[np.bool_] | None = None
    """(b,) tree columns with which a score may only rise."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was tried, on whom it was judged, and what was taken."""

    decisions: int
    people: int
    validation_decisions: int
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    trees: int


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The two parts as fitted on everyone."""

    prior: ConditionalLogit | None
    """None where the trees were best alone."""
    booster: lgb.Booster
    """The trees; none at all (every raw score 0) where the line alone was best."""
    report: FitReport = field(repr=False)


def fit_hybrid(material: Material, settings: Settings) -> Hybrid:
    """Choose among the candidates on held-out people, then fit the best one on everyone.

    Below 60 decisions no trees are tried. ValueError on fewer than two decisions.
    """
    choices = material.choices
    decisions = len(choices.group_sizes)
    if decisions < 2:
        raise ValueError("one decision cannot be learned from and held out at once; at least two are needed")
    in_turn = decisions <= MOST_DECISIONS_FOR_FULL_VALIDATION
    fold_of_decision = assign_folds(material.people, folds=FOLDS_IN_TURN if in_turn else FOLDS, seed=settings.seed)
    logits = CrossFittedLogits(
        choices,
        fold_of_decision=fold_of_decision,
        prior_coef=material.prior_coef,
        non_negative=material.non_negative,
    )
    grown = settings.trees or tree_settings_for(decisions)
    parameters = _parameters(material, settings, grown)
    rows = material.tree_rows
    label = np.append(choices.chosen, np.zeros(len(rows) - len(choices.chosen)))
    dataset = lgb.Dataset(rows, label=label, params=parameters, free_raw_data=False).construct()
    held_out = [
        HeldOutFold(choices, fold=fold, fold_of_decision=fold_of_decision, dataset=dataset, ladder=material.ladder)
        for fold in range(int(fold_of_decision.max()) + 1 if in_turn else 1)
    ]
    with BLAS.limit(limits=1, user_api="blas"):
        candidates = _candidates(material, held_out, logits, settings=settings, grown=grown, parameters=parameters)
        best = min(candidates, key=lambda candidate: candidate.validation_loss)
        prior, offset = None, logits.out_of_fold_utilities(ridge=best.ridge)
    if best.ridge is not None:
        prior = ConditionalLogit(
            ridge=best.ridge, prior_coef=material.prior_coef, non_negative=material.non_negative
        ).fit(
            choices.X,
            choices.chosen,
            choices.group_sizes,
            known=choices.known,
            coef_init=logits.coefficients(ridge=best.ridge),
        )
    trees = min(best.rounds * SELECTION_SPEED, grown.most_trees)
    booster = _boost(material, dataset, offset=offset, trees=trees, parameters=parameters)
    report = FitReport(
        decisions=decisions,
        people=len(np.unique(material.people)),
        validation_decisions=sum(fold.validation.decisions for fold in held_out),
        candidates=candidates,
        chosen=best,
        trees=booster.num_trees(),
    )
    return Hybrid(prior, booster, report)


def tree_settings_for(decisions: int) -> TreeSettings:
    """The tree settings for a number of decisions."""
    return next(settings for below, settings in TREE_SETTINGS_BELOW_DECISIONS if decisions < below)


def rows_per_leaf(rows: int) -> int:
    """The smallest leaf that trees on so many rows may have, in rows."""
    return max(SMALLEST_LEAF, round(SMALLEST_LEAF_SHARE * rows))


def default_ridges(decisions: int) -> tuple[float, ...]:
    """The ridges worth trying.

    One far below the number of decisions changes nothing; one of a tenth of them keeps an overconfident logit from
    standing in the trees' way.
    """
    if decisions <= MOST_DECISIONS_FOR_FULL_VALIDATION:
        return (5.0, 30.0, 100.0)
    return (decisions / 200, decisions / 20)


def _candidates(
    material: Material,
    held_out: Sequence[HeldOutFold],
    logits: CrossFittedLogits,
    *,
    settings: Settings,
    grown: TreeSettings,
    parameters: dict[str, Any],
) -> tuple[Candidate, ...]:
    """All candidates with their held-out losses."""
    decisions = len(material.choices.group_sizes)
    ridges = default_ridges(decisions) if settings.ridges is None else tuple(settings.ridges)
    with_trees = decisions >= FEWEST_DECISIONS_FOR_TREES
    return run_race(
        ridges=(*ridges, None) if with_trees else ridges,
        folds=held_out,
        logits=logits,
        rows=len(material.tree_rows),
        most_rounds=grown.most_trees // SELECTION_SPEED if with_trees else 0,
        parameters=parameters | {"learning_rate": grown.learning_rate * SELECTION_SPEED},
    )


def _boost(
    material: Material, dataset: lgb.Dataset, *, offset: Floats, trees: int, parameters: dict[str, Any]
) -> lgb.Booster:
    """Trees on everyone, started from `offset` (rows,)."""
    choices = material.choices
    dataset.set_init_score(padded(offset, len(material.tree_rows)))
    booster = lgb.Booster(parameters, dataset)
    loss = objective(choices.chosen, choices.group_sizes, material.ladder)
    for _ in range(trees):
        if booster.update(fobj=loss):
            break
    return booster


def _parameters(material: Material, settings: Settings, grown: TreeSettings) -> dict[str, Any]:
    rows, columns = material.tree_rows.shape
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
    if material.rising is not None:
        parameters["monotone_constraints"] = material.rising.astype(int).tolist()
        parameters["monotone_constraints_method"] = "intermediate"
    return parameters
