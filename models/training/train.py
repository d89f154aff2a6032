"""From a training set to a judged challenger: one call, repeatable from its seed."""

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
from models.judging.logged_choices import judge_policies
from models.judging.off_policy import OffPolicyEvidence
from models.judging.ranking_metrics import RankingMetrics, compare
from models.ranker.learn import learn_plans
from models.ranker.plan_ranker import FloatArray, PlanRanker
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker

QUICK: Final = LearningSettings(ridges=(30.0,), trees=TreeSettings(leaves=4, learning_rate=0.1, most_trees=60))
"""A ranker in seconds, to try things out with; it is judged like any other."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A challenger with everything needed to judge, register and repeat it."""

    ranker: PlanRanker
    metrics: dict[str, RankingMetrics]
    """By name: model, rules, popularity, conditional_logit; also champion and optimum where there is one."""
    parameters: dict[str, Any]
    learned_from: TrainingSet
    holdout: TrainingSet
    unseen: TrainingSet
    """All settled decisions of organisations that were not learned from; includes the hold-out."""
    later: bool
    """Whether everything judged on came after everything learned from."""
    off_policy: dict[str, OffPolicyEvidence]
    """What the log says of putting each one's first plan first; by name: model, rules, champion if there is one."""


def train(
    training_set: TrainingSet,
    *,
    seed: int,
    quick: bool = False,
    truth: FloatArray | None = None,
    champion: Ranker | None = None,
    num_threads: int = 2,
    cut: Split | None = None,
    progress: Callable[[str], None] = print,
) -> Trained:
    """Fit on most organisations, judge on the others beside rules, popularity and a conditional logit.

    `quick` tries one setting, with few small trees. `truth` (rows of the training set,) holds true choice
    probabilities where they are known (demo data). `cut` is what to learn from and judge on, if it is not the usual
    split.
    The same training set and seed give the same model text. `TrainingSetRefused` when there are too few decisions.
    """
    cut = cut or split(training_set)
    learn, judged = cut.learned_from, cut.holdout
    progress(f"fitting on {len(learn):,} decisions, judging on {len(judged):,} of other organisations")
    version = f"challenger-{training_set.digest[:8]}"
    settings = replace(QUICK if quick else LearningSettings(), seed=seed, num_threads=num_threads)
    ranker, report = learn_plans(learn, version=version, settings=settings)
    logit = ConditionalLogit(ridge=1.0).fit(learn.learned_from, learn.chosen, learn.group_sizes)
    progress("judging against rules, popularity and a conditional logit")
    parameters = {"seed": seed, **asdict(report)}
    rankers: dict[str, Ranker] = {"model": ranker, "rules": RuleRanker()}
    rankers |= {"champion": champion} if champion else {}
    utilities = utilities_of(rankers, judged)
    unplaced = np.hstack([judged.features, np.zeros_like(judged.positions)])
    metrics = compare(
        utilities | {"conditional_logit": unplaced @ logit.coef_},
        judged,
        learned_from=learn,
        truth=None if truth is None else truth[cut.holdout_rows],
    )
    off_policy = judge_policies(utilities_of(rankers, cut.unseen), cut.unseen, choice_model=logit)
    return Trained(ranker, metrics, parameters, learn, judged, cut.unseen, cut.later, off_policy)


def truth_for(training_set: TrainingSet, choices: Path) -> FloatArray:
    """True choice probabilities in the rows of the training set, from the demo data's `truth/choices.parquet`.

    `TrainingSetRefused` when a row has none, or the file is another.
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
