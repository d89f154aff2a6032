"""Champion, challenger and rules on the organisations that no training has seen, and what the log says of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_contracts.policy_estimates import PolicyEstimate, PolicyEstimates
from models.data.dataset import TrainingSet, utilities_of
from models.data.holdout import split
from models.judging.logged_choices import FitChoiceModel, FloatArray, fit_logit, judge_policies
from models.judging.off_policy import OffPolicyEvidence
from models.judging.ranking_metrics import RankingMetrics, compare
from recommender.ranking.exploration import OFF, Policy
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker


@dataclass(frozen=True, slots=True)
class Evaluation:
    """RankingMetrics over the same held-out decisions."""

    metrics: dict[str, RankingMetrics]
    """By name: rules, popularity; also champion and optimum where there is one."""
    off_policy: dict[str, OffPolicyEvidence]
    """By name: rules; also champion and challenger where there is one."""
    versions: dict[str, str]
    """Of the same rankers."""
    decisions: int
    organizations: int
    exploring: Policy
    """How the rankers were taken to vary the first place, where the log judges them."""


def evaluate(
    training_set: TrainingSet,
    *,
    champion: Ranker | None,
    challenger: Ranker | None = None,
    truth: FloatArray | None = None,
    fit: FitChoiceModel = fit_logit,
    exploring: Policy = OFF,
    progress: Callable[[str], None] = print,
) -> Evaluation:
    """Judge on the held-out organisations; `fit` makes the off-policy choice model of those learned from.

    By the log each is judged as it would be served, `exploring` or not; an estimate of one that explores as boldly as
    the log did rests on more of it. `truth` (rows of the training set,) as in `train`.
    `TrainingSetRefused` when there are too few decisions.
    """
    cut = split(training_set)
    others, judged = cut.learned_from, cut.holdout
    rankers: dict[str, Ranker] = ({"champion": champion} if champion else {}) | {"rules": RuleRanker()}
    progress(f"judging on {len(judged):,} decisions of held-out organisations")
    held = None if truth is None else truth[cut.holdout_rows]
    found = compare(utilities_of(rankers, judged), judged, learned_from=others, truth=held)
    progress(f"judging by what was logged in {len(cut.unseen):,} decisions")
    tried = rankers | ({"challenger": challenger} if challenger else {})
    return Evaluation(
        metrics=found,
        off_policy=judge_policies(
            utilities_of(tried, cut.unseen), cut.unseen, choice_model=fit(others), exploring=exploring
        ),
        versions={name: ranker.version for name, ranker in tried.items()},
        decisions=len(judged),
        organizations=len(np.unique(judged.organizations)),
        exploring=exploring,
    )


def policy_estimates(found: Evaluation, *, training_set: str) -> PolicyEstimates:
    """What the dashboards show of an evaluation."""

    def one(name: str, evidence: OffPolicyEvidence) -> PolicyEstimate:
        estimate = evidence.estimates.get("SNDR")
        lower, upper = evidence.anytime or (None, None)
        return PolicyEstimate.model_validate(
            {
                "policy": name,
                "version": found.versions[name],
                "decisions": evidence.weights.decisions,
                "effective_sample_size": evidence.weights.effective_sample_size,
                "overlap": evidence.weights.overlap,
                "logged": evidence.logged.value if evidence.weights.decisions else None,
                "estimate": None if estimate is None else estimate.value,
                "lower": lower,
                "upper": upper,
                "exploring": not found.exploring.off,
                "reliable": evidence.verdict.reliable,
                "reasons": evidence.verdict.reasons,
            }
        )

    policies = tuple(one(name, evidence) for name, evidence in found.off_policy.items())
    return PolicyEstimates(training_set=training_set, policies=policies)
