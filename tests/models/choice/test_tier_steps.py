import numpy as np
import pytest

from models.choice.group_softmax import GroupSoftmaxObjective
from models.choice.tier_steps import TierSteps, TierStepsObjective

TIERS = TierSteps(group_sizes=np.array([3, 2]), level=np.array([0, 1, 2, 1, 0]), steps=np.array([2, 1]))
CHOSEN = np.array([0.0, 0.0, 1.0, 0.0, 1.0])


def test_a_candidate_gains_every_step_below_it() -> None:
    assert TIERS.accumulated(np.array([1.0, 10.0, 100.0])).tolist() == [0.0, 1.0, 11.0, 100.0, 0.0]


def test_above_a_step_stand_the_candidates_of_higher_levels() -> None:
    assert TIERS.above(np.array([1.0, 2.0, 4.0, 8.0, 16.0])).tolist() == [6.0, 4.0, 8.0]


def test_some_decisions_keep_their_own_steps() -> None:
    rest = TIERS.where(np.array([False, True]))

    assert rest.accumulated(np.array([100.0])).tolist() == [100.0, 0.0]


def test_a_decisions_gains_do_not_depend_on_others_to_the_last_bit() -> None:
    steps = np.array([0.1, 0.2, 0.3])

    together = TIERS.accumulated(steps)[3:]

    assert together.tobytes() == TIERS.where(np.array([False, True])).accumulated(steps[2:]).tobytes()


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    objective = TierStepsObjective(chosen=CHOSEN, tier_steps=TIERS)
    scores = np.random.default_rng(1).normal(size=8)
    nudges = 1e-6 * np.eye(8)

    slopes = [2 * (objective.mean_loss(scores + n) - objective.mean_loss(scores - n)) / 2e-6 for n in nudges]

    assert objective(scores)[0] == pytest.approx(slopes, abs=1e-7)
    assert (objective(scores)[1] > 0).all()


def test_without_steps_it_is_the_plain_loss() -> None:
    flat = TierSteps(np.array([3, 2]), np.zeros(5, dtype=int), np.zeros(2, dtype=int))
    plain = GroupSoftmaxObjective(chosen=CHOSEN, group_sizes=flat.group_sizes)
    objective = TierStepsObjective(chosen=CHOSEN, tier_steps=flat)
    scores = np.random.default_rng(2).normal(size=5)

    for mine, theirs in zip(objective(scores), plain(scores), strict=True):
        assert mine.tolist() == theirs.tolist()
