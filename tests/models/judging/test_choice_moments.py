"""What a ranker expects to be chosen beside what was chosen."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.choice.group_softmax import segment_starts
from models.data.dataset import TrainingSet
from models.judging.choice_moments import FEATURES, Moment, choice_moments

DECISIONS, PLANS = 2_000, 4
POSITION_BIAS = np.array([0.8, 0.4, 0.2])


def logged(utilities: NDArray[np.float64], features: NDArray[np.float64], *, seed: int) -> TrainingSet:
    """Choices by true utilities (rows,), when three of four plans are shown in random order."""
    rng = np.random.default_rng(seed)
    sizes = np.full(DECISIONS, PLANS)
    order = np.concatenate([rng.permutation(PLANS) + 1 for _ in range(DECISIONS)])
    positions = (order[:, None] == np.arange(1, 4)).astype(np.float64)
    felt = utilities + positions @ POSITION_BIAS + rng.gumbel(size=len(utilities))
    best = np.maximum.reduceat(felt, segment_starts(sizes))
    names = np.array([f"org-{i}" for i in range(DECISIONS)], dtype=object)
    return TrainingSet(
        feature_names=FEATURES, features=features, positions=positions,
        chosen=(felt == np.repeat(best, sizes)).astype(np.float64), group_sizes=sizes, decisions=names,
        organizations=names, plans=np.tile(np.array(list("abcd"), dtype=object), DECISIONS), order=order,
        decided_at_us=np.arange(DECISIONS), propensity=np.full(DECISIONS * PLANS, 0.25), digest="d",
    )  # fmt: skip


@pytest.fixture(scope="module")
def known() -> tuple[NDArray[np.float64], TrainingSet]:
    """True utilities, and choices by them: one of the four plans is held."""
    rng = np.random.default_rng(1)
    held = (np.arange(PLANS) == rng.integers(0, PLANS, (DECISIONS, 1))).astype(np.float64).ravel()
    family = np.maximum(held, (rng.random(DECISIONS * PLANS) < 0.3).astype(np.float64))
    tier = np.tile(np.linspace(0, 1, PLANS), DECISIONS)
    utilities = 1.2 * held + 0.5 * family - 0.8 * tier
    return utilities, logged(utilities, np.column_stack([held, family, tier]), seed=2)


def test_true_utilities_expect_what_is_chosen_wherever_plans_were_shown(
    known: tuple[NDArray[np.float64], TrainingSet],
) -> None:
    moments = choice_moments(*known)

    assert [one.feature for one in moments] == list(FEATURES)
    assert all(one.agrees for one in moments)
    assert all(abs(one.observed - one.expected) <= one.reach for one in moments)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("less", [0.5, -0.5])
def test_a_handicap_of_half_a_unit_is_seen(
    known: tuple[NDArray[np.float64], TrainingSet], feature: str, less: float
) -> None:
    utilities, rows = known
    handicapped = utilities - less * rows.features[:, FEATURES.index(feature)]

    moment = next(one for one in choice_moments(handicapped, rows) if one.feature == feature)

    assert not moment.agrees
    assert (moment.expected < moment.observed) == (less > 0)


def test_a_feature_in_which_no_candidates_differ_says_nothing(known: tuple[NDArray[np.float64], TrainingSet]) -> None:
    utilities, rows = known
    rows.features[:, 0] = 0.0

    assert [one.feature for one in choice_moments(utilities, rows)] == list(FEATURES[1:])


def test_a_difference_is_explained_by_chance_and_a_little_more() -> None:
    assert Moment("tier_share", expected=0.5, observed=0.55, reach=0.035, decisions=100).agrees
    assert not Moment("tier_share", expected=0.5, observed=0.56, reach=0.035, decisions=100).agrees


def test_it_strays_from_another_that_expects_what_is_chosen() -> None:
    expects = Moment("tier_share", expected=0.45, observed=0.5, reach=0.035, decisions=100)

    assert expects.strays_from(replace(expects, expected=0.49))
    assert not expects.strays_from(replace(expects, expected=0.56)), "the other is farther"
    assert not expects.strays_from(replace(expects, expected=0.46)), "both expect nearly the same"
    assert not replace(expects, reach=0.06).strays_from(replace(expects, expected=0.49)), "chance explains it"
