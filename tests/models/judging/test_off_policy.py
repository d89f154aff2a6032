"""Off-policy estimates: by hand, against vw-estimators, and what must hold for any log."""

import math

import numpy as np
import pytest
from estimators.bandits import cs, gaussian, ips, snips
from hypothesis import given, settings
from hypothesis import strategies as st

from models.judging.confidence_sequence import confidence_sequence, log_capital
from models.judging.off_policy import PolicyLog, estimates, importance_weights, judge_policy, verdict, weigh
from recommender.ranking.ranker import FloatArray


def log_of(
    rewards: FloatArray,
    weights: FloatArray,
    *,
    logged: FloatArray | float = 0.0,
    policy: FloatArray | float = 0.0,
    organizations: FloatArray | None = None,
) -> PolicyLog:
    n = len(rewards)
    return PolicyLog(
        rewards=np.asarray(rewards, dtype=np.float64),
        weights=np.asarray(weights, dtype=np.float64),
        expected_logged=np.broadcast_to(np.asarray(logged, dtype=np.float64), n).copy(),
        expected_policy=np.broadcast_to(np.asarray(policy, dtype=np.float64), n).copy(),
        organizations=np.asarray(np.arange(n) if organizations is None else organizations).astype(object),
    )


def explored(n: int, *, seed: int) -> tuple[FloatArray, FloatArray]:
    """Weights and rewards of a policy that always does 0, where 0 … 3 were logged with 0.4, 0.3, 0.2, 0.1.

    Action 0 is rewarded in 60 % of cases, the others in 30 %.
    """
    rng = np.random.default_rng(seed)
    action = rng.choice(4, size=n, p=[0.4, 0.3, 0.2, 0.1])
    rewards = (rng.random(n) < np.where(action == 0, 0.6, 0.3)).astype(np.float64)
    return np.where(action == 0, 1 / 0.4, 0.0), rewards


FOUR = log_of(
    np.array([1.0, 0.0, 1.0, 0.0]),
    np.array([2.0, 0.0, 1.0, 1.0]),
    logged=np.array([0.5, 0.2, 0.5, 0.4]),
    policy=np.array([0.5, 0.6, 0.5, 0.4]),
)
"""Weighted rewards 2, 0, 1, 0; weighted surprises 1, 0, 0.5, −0.4; the choice model's mean is 0.5."""
TWENTY_TIMES = log_of(np.array([1.0, 0.0]), np.array([20.0, 0.0]), logged=0.5, policy=0.5)


def test_the_estimates_of_four_decisions_are_those_worked_out_by_hand() -> None:
    found = {name: estimate.value for name, estimate in estimates(FOUR).items()}

    assert found["IPS"] == pytest.approx(3 / 4)
    assert found["SNIPS"] == pytest.approx(3 / 4)
    assert found["DM"] == pytest.approx(0.5)
    assert found["DR"] == pytest.approx(0.5 + 1.1 / 4)
    assert found["SNDR"] == pytest.approx(0.5 + 1.1 / 4)


def test_switch_gives_up_weights_above_ten_and_dros_shrinks_them() -> None:
    found = {name: estimate.value for name, estimate in estimates(TWENTY_TIMES).items()}

    assert found["DR"] == pytest.approx(0.5 + 20 * 0.5 / 2)
    assert found["SWITCH"] == pytest.approx(0.5)
    assert found["DRos"] == pytest.approx(0.5 + 10 * 0.5 / 2)  # 400 · 20 / (20² + 400) = 10


def test_the_normal_interval_of_four_decisions_is_the_one_worked_out_by_hand() -> None:
    found = estimates(FOUR)["IPS"]

    error = math.sqrt((1.25**2 + 0.75**2 + 0.25**2 + 0.75**2) / 3 / 4)
    assert found.standard_error == pytest.approx(error)
    assert [found.lower, found.upper] == pytest.approx([0.75 - 1.959964 * error, 0.75 + 1.959964 * error])


def test_ips_snips_and_the_normal_interval_agree_with_vw_estimators() -> None:
    weights, rewards = explored(2_000, seed=1)
    theirs = ips.Estimator(), snips.Estimator(), gaussian.Interval()
    for w, r in zip(weights.tolist(), rewards.tolist(), strict=True):
        theirs[0].add_example(1.0, r, w)
        theirs[1].add_example(1.0, r, w)
        theirs[2].add_example(1.0, r, w)

    ours = estimates(log_of(rewards, weights))

    assert ours["IPS"].value == pytest.approx(theirs[0].get(), abs=1e-12)
    assert ours["SNIPS"].value == pytest.approx(theirs[1].get(), abs=1e-12)
    assert [ours["IPS"].lower, ours["IPS"].upper] == pytest.approx(theirs[2].get(0.05), abs=1e-9)


def test_the_betting_sequence_is_narrower_than_that_of_vw_estimators_and_overlaps_it() -> None:
    weights, rewards = explored(2_000, seed=2)
    theirs = cs.Interval()
    for w, r in zip(weights.tolist(), rewards.tolist(), strict=True):
        theirs.add_example(1.0, r, w)

    ours = confidence_sequence(weights, rewards)
    low, high = theirs.get(0.05)

    assert ours.upper[-1] - ours.lower[-1] < high - low
    assert low < ours.upper[-1]
    assert ours.lower[-1] < high


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_a_policy_judged_on_its_own_log_gets_the_observed_mean(rewards: list[float]) -> None:
    found = estimates(log_of(np.array(rewards), np.ones(len(rewards)), logged=0.3, policy=0.3))

    for name in ("IPS", "SNIPS", "DR", "SNDR", "SWITCH"):
        assert found[name].value == pytest.approx(np.mean(rewards), abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 50), st.floats(0, 1)), min_size=3, max_size=30),
    st.floats(-1, 1),
)
def test_self_normalised_estimates_move_with_the_rewards(rows: list[tuple[float, float, float]], shift: float) -> None:
    rewards, weights, expected = (np.array(column) for column in zip(*rows, strict=True))

    before = estimates(log_of(rewards, weights, logged=expected, policy=expected))
    after = estimates(log_of(rewards + shift, weights, logged=expected, policy=expected))

    for name in ("SNIPS", "SNDR"):
        assert after[name].value == pytest.approx(before[name].value + shift, abs=1e-9)
        assert after[name].standard_error == pytest.approx(before[name].standard_error, abs=1e-9)


def test_a_choice_model_that_is_right_leaves_the_intervals_narrower() -> None:
    weights, rewards = explored(4_000, seed=3)
    expected = np.where(weights > 0, 0.6, 0.3)

    found = estimates(log_of(rewards, weights, logged=expected, policy=0.6))

    assert found["DR"].standard_error < 0.8 * found["IPS"].standard_error
    assert abs(found["DR"].value - 0.6) < 3 * found["DR"].standard_error


def test_decisions_of_one_organisation_count_as_one() -> None:
    rewards, weights = np.tile([1.0, 0.0], 50), np.ones(100)
    alone = estimates(log_of(rewards, weights))["IPS"]
    twice = estimates(log_of(np.repeat(rewards, 2), np.ones(200), organizations=np.repeat(np.arange(100.0), 2)))["IPS"]

    assert twice.standard_error == pytest.approx(alone.standard_error)


def test_weights_are_the_policys_probability_over_the_logged_one() -> None:
    weights = importance_weights(np.array([1.0, 0.0, 0.5]), np.array([0.25, 0.5, 1.0]))

    assert weights.tolist() == [4.0, 0.0, 0.5]


def test_equal_weights_leave_every_decision_in_the_effective_sample() -> None:
    assert weigh(log_of(np.ones(120), np.ones(120))).effective_sample_size == pytest.approx(120)


def test_one_heavy_weight_leaves_little_of_the_effective_sample() -> None:
    weights = np.append(np.full(100, 1.0), 100.0)

    assert weigh(log_of(np.ones(101), weights)).effective_sample_size == pytest.approx(200**2 / (100 + 100**2))


def test_a_good_log_is_reliable() -> None:
    weights, rewards = explored(2_000, seed=4)

    assert judge_policy(log_of(rewards, weights)).verdict.reliable


def test_a_policy_that_the_log_never_shows_is_refused_without_an_estimate() -> None:
    found = judge_policy(log_of(np.ones(300), np.zeros(300)))

    assert found.estimates == {}
    assert found.anytime is None
    assert "the log never shows what the policy would do" in found.verdict.reasons


def test_an_effective_sample_below_a_hundred_is_refused() -> None:
    assert verdict(weigh(log_of(np.ones(99), np.ones(99)))).reasons == ("the effective sample of 99 is below 100",)
    assert verdict(weigh(log_of(np.ones(100), np.ones(100)))).reliable


def test_a_mean_weight_off_one_is_refused() -> None:
    weights, rewards = explored(2_000, seed=6)

    reasons = judge_policy(log_of(rewards, 2 * weights)).verdict.reasons

    assert len(reasons) == 1
    assert reasons[0].endswith("is off 1")


def test_exploration_that_was_off_is_refused() -> None:
    """Propensity 1 for what was shown: whoever would show something else has weight 0, and the mean tells."""
    same = np.repeat([1.0, 0.0], [150, 50])

    assert not judge_policy(log_of(np.ones(200), importance_weights(same, np.ones(200)))).verdict.reliable


@pytest.mark.parametrize("propensity", [0.0, -0.1, 1.5, float("nan")])
def test_a_propensity_that_cannot_be_true_is_refused(propensity: float) -> None:
    weights = importance_weights(np.ones(200), np.append(np.ones(199), propensity))

    found = judge_policy(log_of(np.ones(200), weights))

    assert found.estimates == {}
    assert "a logged action has a propensity that cannot be true" in found.verdict.reasons


def test_the_capital_of_a_gambler_who_is_right_grows_and_of_one_who_is_wrong_shrinks() -> None:
    ones = np.ones(200)

    assert log_capital(ones, mean=0.5)[-1] > 5
    assert log_capital(ones, mean=1.0)[-1] == pytest.approx(0)
    assert log_capital(np.zeros(200), mean=0.5)[-1] < 0


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 500), min_size=1, max_size=30), st.floats(0.05, 0.9))
def test_it_is_harder_to_rule_out_a_larger_mean(values: list[float], mean: float) -> None:
    assert (log_capital(np.array(values), mean=mean + 0.1) <= log_capital(np.array(values), mean=mean) + 1e-12).all()


def test_a_sequence_only_narrows_and_its_last_look_is_the_same_without_the_others() -> None:
    weights, rewards = explored(1_000, seed=7)

    often = confidence_sequence(weights, rewards, looks=[100, 300, 1_000])
    once = confidence_sequence(weights, rewards)

    assert (np.diff(often.lower) >= 0).all()
    assert (np.diff(often.upper) <= 0).all()
    assert often.lower[-1] == pytest.approx(once.lower[-1], abs=2e-4)


def test_other_reward_ranges_stretch_the_bounds() -> None:
    weights, rewards = explored(500, seed=8)

    plain = confidence_sequence(weights, rewards)
    stretched = confidence_sequence(weights, 10 * rewards - 5, reward_range=(-5, 5))

    assert stretched.lower[-1] == pytest.approx(10 * plain.lower[-1] - 5)
    assert stretched.upper[-1] == pytest.approx(10 * plain.upper[-1] - 5)


def test_a_reward_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"within 0 … 1"):
        confidence_sequence(np.ones(2), np.array([0.5, 1.5]))


@pytest.mark.parametrize("looks", [[0, 5], [5, 5], [5, 11]])
def test_looks_that_do_not_ascend_within_the_log_are_refused(looks: list[int]) -> None:
    with pytest.raises(ValueError, match="looks must ascend"):
        confidence_sequence(np.ones(10), np.ones(10), looks=looks)


def test_the_truth_is_ruled_out_at_no_look_in_at_least_nine_of_ten_logs() -> None:
    """Every look counts: the capital of a bet against the truth may nowhere reach 1 / error."""
    missed = 0
    for seed in range(100):
        weights, rewards = explored(400, seed=100 + seed)
        below = log_capital(weights * rewards, mean=0.6).max()
        above = log_capital(weights * (1 - rewards), mean=0.4).max()
        missed += max(below, above) >= math.log(1 / 0.025)

    assert missed <= 10
