"""Builds the log for off-policy evaluation from a training set: rewards, importance weights, expected rewards."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import segment_starts
from models.data.dataset import TrainingSet
from models.judging.guarded import AsServed
from models.judging.off_policy import OffPolicyEvidence, PolicyLog, importance_weights, judge_policy
from models.judging.outside_logit import OutsideLogit
from models.judging.ranking_metrics import positions_by_group
from models.ranker.design_matrix import MONEY, POSITION_FEATURES
from models.ranker.learn_retention import learn_retention
from models.ranker.retention import Retention
from recommender.ranking.exploration import OFF, Policy, propensities_of
from recommender.ranking.ranker import FloatArray, IntArray, RankedPlan
from recommender.ranking.reward import RewardName


class ChoiceModel(Protocol):
    """A model of choice probabilities that reads features and shown positions (`TrainingSet.learned_from`)."""

    def predict_proba(self, X: Any, group_sizes: Any) -> FloatArray:
        """The probability of each candidate to be chosen, (rows,); the rest of 1 is that nothing is."""


FitChoiceModel = Callable[[TrainingSet], ChoiceModel]

Reward = Callable[[TrainingSet, IntArray], FloatArray]
"""The reward of each candidate's being chosen, (rows,), if the plans at these rows (d,) were put first."""


def accepted(rows: TrainingSet, first: IntArray) -> FloatArray:
    """1 if the plan put first is chosen, else 0."""
    worth = np.zeros(len(rows.chosen))
    worth[first] = 1.0
    return worth


def monthly_price(rows: TrainingSet, _first: IntArray) -> FloatArray:
    """The price of a month of the plan that is chosen, wherever it stood, in minor units; overage is left out."""
    return np.asarray(MONEY * np.expm1(rows.features[:, rows.feature_names.index("monthly_price")]))


def share_of_lowest_bill(rows: TrainingSet, first: IntArray) -> FloatArray:
    """The lowest projected bill as a share of that of the plan put first, if that one is chosen, else 0."""
    worth = np.zeros(len(rows.chosen))
    worth[first] = np.exp(-rows.features[first, rows.feature_names.index("bill_over_cheapest")])
    return worth


def margin(retention: Retention, rows: TrainingSet, first: IntArray) -> FloatArray:
    """The money that the plan put first brings in over the horizon, in minor units, if it is chosen, else 0."""
    family, tier = (rows.features[first, rows.feature_names.index(name)] for name in ("family", "tier"))
    worth = np.zeros(len(rows.chosen))
    worth[first] = monthly_price(rows, first)[first] * retention.months(family, tier)
    return worth


def rewards(learned_from: TrainingSet) -> dict[RewardName, Reward]:
    """Each declared reward (`recommender.ranking.reward`) as the log pays it; nothing chosen is worth nothing.

    For how long plans are kept is estimated from `learned_from`, decisions of other organisations than those judged.
    """
    kept = partial(margin, learn_retention(learned_from))
    return {"acceptance": accepted, "margin": kept, "customer": share_of_lowest_bill}


def fit_logit(rows: TrainingSet) -> ChoiceModel:
    """The default choice model: a conditional logit on features and positions, which may take nothing where some do."""
    if rows.answered.all():
        return ConditionalLogit(ridge=1.0).fit(rows.learned_from, rows.chosen, rows.group_sizes)
    return OutsideLogit.fit(rows)


def policy_log(
    rows: TrainingSet,
    *,
    utilities: FloatArray,
    choice_model: ChoiceModel,
    exploring: Policy = OFF,
    reward: Reward = accepted,
    instead: IntArray | None = None,
) -> PolicyLog:
    """The log of a policy that puts the plan of highest utility first and leaves the others in their logged order.

    `utilities` (rows,); between equal ones the earlier row comes first. With `exploring` the policy varies the first
    place as the service does; `instead` (rows,) is the row that is shown if a row's plan is put first, its own if
    absent. `choice_model` must not have seen the organisations of `rows`.
    """
    logged = np.flatnonzero(rows.order == 1)
    places = positions_by_group(utilities, rows.group_sizes)
    drawn = chances_of_first(utilities, places, group_sizes=rows.group_sizes, exploring=exploring)
    policy = drawn if instead is None else chances_of_shown(drawn, instead)
    expected = np.zeros(len(rows))
    for place in range(1, 1 + int(places[policy > 0].max(initial=1))):
        of, first = _rows_in_place(places, place, rows.group_sizes)
        expected += of * policy[first] * expected_if_first(rows, first=first, choice_model=choice_model, reward=reward)
    worth = reward(rows, logged)
    return PolicyLog(
        rewards=np.add.reduceat(worth * rows.chosen, segment_starts(rows.group_sizes)),
        weights=importance_weights(policy[logged], rows.propensity[logged]),
        expected_logged=expected_if_first(rows, first=logged, choice_model=choice_model, reward=reward),
        expected_policy=expected,
        organizations=rows.organizations,
        reward_range=(0.0, float(worth.max(initial=1.0))),
    )


def chances_of_first(
    utilities: FloatArray, places: IntArray, *, group_sizes: IntArray, exploring: Policy = OFF
) -> FloatArray:
    """The probability of each candidate to be put first, (rows,), by the rule of the service.

    `places` (rows,) are the ranks by `utilities` (rows,).
    """
    chances: FloatArray = (places == 1).astype(np.float64)
    if exploring.off:
        return chances
    ends = np.cumsum(group_sizes)
    for start, end in zip(ends - group_sizes, ends, strict=True):
        best_first = start + np.argsort(places[start:end])
        # The draw depends on utilities alone: names and probabilities are not read.
        ranked = tuple(RankedPlan(str(i), place, float(utilities[i]), 0.0) for place, i in enumerate(best_first, 1))
        chances[best_first] = propensities_of(ranked, policy=exploring)
    return chances


def chances_of_shown(drawn: FloatArray, instead: IntArray) -> FloatArray:
    """The probability of each candidate to be shown first, (rows,), from those of being drawn; see `policy_log`."""
    return np.bincount(instead, weights=drawn, minlength=len(drawn)).astype(np.float64)


def _rows_in_place(places: IntArray, place: int, group_sizes: IntArray) -> tuple[IntArray, IntArray]:
    """For each decision whether it has a candidate of this rank (1 or 0), and its row, or its first row; both (d,)."""
    there = (group_sizes >= place).astype(np.int64)
    first = np.cumsum(group_sizes) - group_sizes
    first[there == 1] = np.flatnonzero(places == place)
    return there, first


def settled_log(
    rows: TrainingSet,
    *,
    utilities: FloatArray,
    choice_model: ChoiceModel,
    exploring: Policy = OFF,
    reward: Reward = accepted,
    instead: IntArray | None = None,
) -> PolicyLog:
    """Like `policy_log`, restricted to settled decisions, whose presence in the log does not depend on the choice.

    Later decisions are in the training set only if somebody paid, which importance weights do not correct: a policy
    that puts the plan held first would see its first plans too rarely (mean weight 0.8 in the demo).
    """
    settled = rows.settled
    there = np.repeat(settled, rows.group_sizes)
    return policy_log(
        rows.take(settled),
        utilities=utilities[there],
        choice_model=choice_model,
        exploring=exploring,
        reward=reward,
        instead=None if instead is None else (np.cumsum(there) - 1)[instead[there]],
    )


def answers_log(
    rows: TrainingSet,
    answers: FloatArray | AsServed,
    *,
    choice_model: ChoiceModel,
    exploring: Policy = OFF,
    reward: Reward = accepted,
) -> PolicyLog:
    """The settled log of a ranker's answers: as served, or what it orders by (rows,) alone."""
    return settled_log(
        rows,
        utilities=answers.utilities if isinstance(answers, AsServed) else answers,
        choice_model=choice_model,
        exploring=exploring,
        reward=reward,
        instead=answers.instead if isinstance(answers, AsServed) else None,
    )


def judge_policies(
    answers: Mapping[str, FloatArray | AsServed],
    rows: TrainingSet,
    *,
    choice_model: ChoiceModel,
    exploring: Policy = OFF,
    reward: Reward = accepted,
) -> dict[str, OffPolicyEvidence]:
    """Estimate from settled decisions what each ranker's first plan would earn, by the ranker's name.

    Arguments as those of `policy_log`, with the answers of each ranker: as served, or what it orders by (rows,) alone.
    """
    logs = {
        name: answers_log(rows, each, choice_model=choice_model, exploring=exploring, reward=reward)
        for name, each in answers.items()
    }
    return {name: judge_policy(log) for name, log in logs.items()}


def expected_if_first(
    rows: TrainingSet, *, first: IntArray, choice_model: ChoiceModel, reward: Reward = accepted
) -> FloatArray:
    """The expected reward of each decision, (d,), when its plan at row `first` (d,) is shown first."""
    columns = np.hstack([rows.features, places_if_first(rows, first=first)])
    chances = choice_model.predict_proba(columns, rows.group_sizes)
    return np.add.reduceat(chances * reward(rows, first), segment_starts(rows.group_sizes))


def places_if_first(rows: TrainingSet, *, first: IntArray) -> FloatArray:
    """The columns POSITION_FEATURES, (r, 3), had the plans at rows `first` (d,) been put first, the others after them.

    As many places are shown as were.
    """
    starts, sizes = segment_starts(rows.group_sizes), rows.group_sizes
    moved = rows.order + (rows.order < np.repeat(rows.order[first], sizes))
    moved[first] = 1
    shown = np.repeat(np.add.reduceat(rows.positions.sum(axis=1), starts), sizes)
    places = np.arange(1, 1 + len(POSITION_FEATURES))
    columns: FloatArray = ((moved[:, None] == places) & (moved <= shown)[:, None]).astype(np.float64)
    return columns
