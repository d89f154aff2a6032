"""Evaluates champion, challenger and rules: metrics on the hold-out and off-policy estimates from the log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data_contracts.policy_estimates import PolicyEstimate, PolicyEstimates
from models.data.dataset import TrainingSet, utilities_of
from models.data.holdout import split
from models.data.situations import Batch
from models.judging.guarded import served_by, served_orders
from models.judging.logged_choices import FitChoiceModel, fit_logit, judge_policies, rewards
from models.judging.off_policy import OffPolicyEvidence
from models.judging.price_response import PriceResponse, price_responses
from models.judging.ranking_metrics import RankingMetrics, compare
from models.judging.trade_off import Ordering, OutsideFit, outside_option, trade_off
from models.judging.uplift import Uplift, uplifts
from models.ranker.plan_ranker import PlanRanker
from recommender.ranking.exploration import OFF, Policy
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reward import RewardName, reward_of
from recommender.ranking.rules import RuleRanker


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics and off-policy estimates of several rankers on the same decisions."""

    metrics: dict[str, RankingMetrics]
    """By ranker: rules, popularity; also champion and optimum where there is one."""
    reward: RewardName
    """The one that the champion declares; `acceptance` without a champion."""
    off_policy: dict[str, OffPolicyEvidence]
    """How often each ranker's first plan is accepted: rules; also champion and challenger where there is one."""
    trade_off: tuple[Ordering, ...]
    """The champion's earnings of each reward under each declared one; empty without a champion."""
    outside: OutsideFit | None
    """How well the champion foretells who takes nothing; None without a champion that states it."""
    prices: tuple[PriceResponse, ...]
    """The effect of each plan's price on the chance that it is taken, in all settled decisions."""
    uplift: dict[str, tuple[Uplift, ...]]
    """By ranker, what its recommendations cause beside those of the rules; without the rules."""
    versions: dict[str, str]
    """Ranker → version, for the rankers of `off_policy`."""
    decisions: int
    organizations: int
    exploring: Policy
    """How the rankers vary the first place in the off-policy estimates."""


def evaluate(
    training_set: TrainingSet,
    batches: Sequence[Batch],
    *,
    champion: Ranker | None,
    challenger: Ranker | None = None,
    truth: FloatArray | None = None,
    fit: FitChoiceModel = fit_logit,
    exploring: Policy = OFF,
    progress: Callable[[str], None] = print,
) -> Evaluation:
    """Compute metrics on the hold-out and off-policy estimates on all unseen settled decisions.

    Both judge what is served: after the guard, for which `batches` have the situations. `fit` fits the choice model of
    the estimates. In these each ranker varies the first place as `exploring` says; the estimate of a policy that
    explores as much as the log did has a larger effective sample. `truth` (rows of the training set,) as in `train`.
    `TrainingSetRefused` when there are too few settled decisions.
    """
    cut = split(training_set)
    others, judged = cut.learned_from, cut.holdout
    rankers: dict[str, Ranker] = ({"champion": champion} if champion else {}) | {"rules": RuleRanker()}
    progress(f"judging on {len(judged):,} decisions of held-out organisations")
    held = None if truth is None else truth[cut.holdout_rows]
    orders = served_orders(rankers, judged, batches)
    metrics = compare(utilities_of(rankers, judged), judged, learned_from=others, orders=orders, truth=held)
    progress(f"judging by what was logged in {len(cut.unseen):,} decisions")
    tried = rankers | ({"challenger": challenger} if challenger else {})
    choice_model, paid = fit(cut.learned_from_all), rewards(others)
    served = served_by(tried, cut.unseen, batches)
    return Evaluation(
        metrics=metrics,
        reward="acceptance" if champion is None else reward_of(champion),
        off_policy=judge_policies(served, cut.unseen, choice_model=choice_model, exploring=exploring),
        trade_off=trade_off(
            cut.unseen, batches, champion=champion, choice_model=choice_model, rewards=paid, exploring=exploring
        ),
        prices=prices_of(training_set, batches, champion=champion),
        outside=outside_option(cut.unseen, champion=champion, learned_from=cut.learned_from_all),
        uplift={
            name: uplifts(
                cut.unseen,
                ours=ours,
                beside=served["rules"],
                choice_model=choice_model,
                rewards=paid,
                exploring=exploring,
            )
            for name, ours in served.items()
            if name != "rules"
        },
        versions={name: ranker.version for name, ranker in tried.items()},
        decisions=len(judged),
        organizations=len(np.unique(judged.organizations)),
        exploring=exploring,
    )


def prices_of(
    training_set: TrainingSet, batches: Sequence[Batch], *, champion: Ranker | None
) -> tuple[PriceResponse, ...]:
    """The price responses in all settled decisions, with what the champion states beside them."""
    intervals = {each.decision_id: batch.plans.interval for batch in batches for each in batch.logged}
    ranker = champion if isinstance(champion, PlanRanker) else None
    settled = training_set.take(training_set.settled)
    return price_responses(settled, intervals=intervals, ranker=ranker, batches=batches)


def policy_estimates(evaluation: Evaluation, *, training_set: str) -> PolicyEstimates:
    """The off-policy estimates of an evaluation in the form that the dashboards read."""

    def one(name: str, evidence: OffPolicyEvidence) -> PolicyEstimate:
        estimate = evidence.estimates.get("SNDR")
        lower, upper = evidence.anytime or (None, None)
        return PolicyEstimate.model_validate(
            {
                "policy": name,
                "version": evaluation.versions[name],
                "decisions": evidence.weights.decisions,
                "effective_sample_size": evidence.weights.effective_sample_size,
                "overlap": evidence.weights.overlap,
                "logged": evidence.logged.value if evidence.weights.decisions else None,
                "estimate": None if estimate is None else estimate.value,
                "lower": lower,
                "upper": upper,
                "exploring": not evaluation.exploring.off,
                "reliable": evidence.verdict.reliable,
                "reasons": evidence.verdict.reasons,
            }
        )

    policies = tuple(one(name, evidence) for name, evidence in evaluation.off_policy.items())
    return PolicyEstimates(training_set=training_set, policies=policies)
