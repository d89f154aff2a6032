"""What a place adds by itself is separated from the good plans that stand there."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import Choices, checked_choices
from models.ranker.position_bias import position_bias, ranks

DECISIONS, PLANS = 20_000, 5
BIAS = np.array([0.5, 0.25, 0.1])


class Log(NamedTuple):
    """Choices from orders that were drawn with what the columns only half know."""

    choices: Choices
    positions: npt.NDArray[np.float64]
    propensity: npt.NDArray[np.float64]


def log_of_a_policy_that_knows_more(seed: int) -> Log:
    random = np.random.default_rng(seed)
    seen, unseen = random.normal(size=(2, DECISIONS, PLANS))
    score = seen + unseen
    propensity = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    first = (propensity.cumsum(axis=1) > random.random((DECISIONS, 1))).argmax(axis=1)
    led = score.copy()
    led[np.arange(DECISIONS), first] = np.inf
    place = np.argsort(np.argsort(-led, axis=1), axis=1)
    bias = np.append(BIAS, np.zeros(PLANS - len(BIAS)))[place]
    chosen = (seen + unseen + bias + random.gumbel(size=(DECISIONS, PLANS))).argmax(axis=1)
    taken = (chosen[:, None] == np.arange(PLANS)).astype(float)
    sizes = np.full(DECISIONS, PLANS)
    positions = (place.reshape(-1, 1) == np.arange(len(BIAS))).astype(float)
    return Log(checked_choices(seen.reshape(-1, 1), taken.ravel(), sizes), positions, propensity.ravel())


def test_the_pull_is_found_although_good_plans_stand_first() -> None:
    log = log_of_a_policy_that_knows_more(1)

    found = position_bias(
        log.choices,
        positions=log.positions,
        propensity=log.propensity,
        prior_coef=[0.0],
        non_negative=np.array([False]),
    )

    assert np.abs(found - BIAS).max() < 0.12


def test_a_place_as_one_more_column_is_believed_too_much() -> None:
    choices, positions, _ = log_of_a_policy_that_knows_more(1)

    naive = ConditionalLogit(ridge=10.0).fit(np.hstack([choices.X, positions]), choices.chosen, choices.group_sizes)

    assert naive.coef_[1] > BIAS[0] + 0.3


def test_ranks_count_from_one_within_each_decision_and_the_earlier_row_comes_first() -> None:
    assert ranks(np.array([0.2, 0.5, 0.3, 0.5, 0.5]), np.array([3, 2])).tolist() == [3, 1, 2, 1, 2]
