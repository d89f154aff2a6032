"""Trains a challenger from a training set and compares it with simpler rankers; repeatable from its seed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from models.choice.conditional_logit import ConditionalLogit
from models.choice.hybrid import LearningSettings, TreeSettings
from models.data.dataset import TrainingSet, TrainingSetRefused, utilities_of
from models.data.holdout import Split, split
from models.judging.ranking_metrics import RankingMetrics, compare
from models.ranker.learn import learn_plans
from models.ranker.plan_ranker import PlanRanker
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reward import RewardName
from recommender.ranking.rules import RuleRanker

QUICK: Final = LearningSettings(ridges=(30.0,), trees=TreeSettings(leaves=4, learning_rate=0.1, most_trees=60))
"""Settings that train a ranker in seconds; the gate judges it like any other."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained challenger with everything needed to judge, register and repeat it."""

    ranker: PlanRanker
    metrics: dict[str, RankingMetrics]
    """How well each learned, on the hold-out, by ranker: model, rules, popularity, conditional_logit; champion and
    optimum if known. What they serve is judged by `models.judging.gate_evidence`, after the guard."""
    parameters: dict[str, Any]
    learned_from: TrainingSet
    """Decisions in which a plan was chosen or kept."""
    learned_from_all: TrainingSet
    """The same, and those in which nothing was chosen."""
    holdout: TrainingSet
    unseen: TrainingSet
    """All settled decisions of organisations that were not learned from; includes the hold-out."""
    later: bool
    """Whether every decision of the hold-out is later than those learned from."""
    truth: FloatArray | None
    """(rows of the hold-out,) true choice probabilities; None where they are unknown."""


def train(
    training_set: TrainingSet,
    *,
    seed: int,
    quick: bool = False,
    truth: FloatArray | None = None,
    champion: Ranker | None = None,
    reward: RewardName = "acceptance",
    num_threads: int = 2,
    cut: Split | None = None,
    progress: Callable[[str], None] = print,
) -> Trained:
    """Train a plan ranker and compare it on the hold-out with rules, popularity and a conditional logit.

    `quick` uses the settings `QUICK`. `truth` (rows of the training set,) holds true choice probabilities where they
    are known (demo data). `cut` replaces the usual split into decisions to learn from and hold-out. The same training
    set and seed give the same model text. `TrainingSetRefused` when there are too few settled decisions.
    """
    cut = cut or split(training_set)
    fitted_on, judged_on = int(cut.learned.sum()), int(cut.judged.sum())
    progress(f"fitting on {fitted_on:,} decisions, judging on {judged_on:,} of other organisations")
    version = f"challenger-{training_set.digest[:8]}"
    settings = replace(QUICK if quick else LearningSettings(), seed=seed, num_threads=num_threads)
    ranker, report = learn_plans(cut.learned_from_all, version=version, settings=settings, reward=reward)
    learn, judged = cut.learned_from, cut.holdout
    logit = ConditionalLogit(ridge=1.0).fit(learn.learned_from, learn.chosen, learn.group_sizes)
    progress("judging against rules, popularity and a conditional logit")
    parameters = {"seed": seed, "reward": reward, **asdict(report)}
    known = None if truth is None else truth[cut.holdout_rows]
    rankers: dict[str, Ranker] = {"model": ranker, "rules": RuleRanker()}
    rankers |= {"champion": champion} if champion else {}
    utilities = utilities_of(rankers, judged)
    unplaced = np.hstack([judged.features, np.zeros_like(judged.positions)])
    metrics = compare(
        utilities | {"conditional_logit": unplaced @ logit.coef_},
        judged,
        learned_from=learn,
        orders={},
        truth=known,
    )
    return Trained(ranker, metrics, parameters, learn, cut.learned_from_all, judged, cut.unseen, cut.later, known)


def truth_for(training_set: TrainingSet, choices: Path) -> FloatArray:
    """The true choice probability of each row of a training set, from the demo data's `truth/choices.parquet`.

    `TrainingSetRefused` when the file cannot be read or lacks a row.
    """
    try:
        table = pd.read_parquet(choices).set_index(["decision_id", "plan"])["probability"]
    except (OSError, ValueError, KeyError) as error:
        raise TrainingSetRefused(f"{choices} cannot be read as true choices: {error}") from error
    if not table.index.is_unique or table.dtype.kind != "f":
        raise TrainingSetRefused(f"{choices} does not have one probability per decision and plan")
    keys = pd.MultiIndex.from_arrays([np.repeat(training_set.decisions, training_set.group_sizes), training_set.plans])
    truth = table.reindex(keys).to_numpy(dtype=np.float64)
    if np.isnan(truth).any():
        raise TrainingSetRefused(f"{choices.name} does not know every decision of the training set")
    return truth
