"""What one policy causes beside another, in a log where the plan put first is always the one chosen."""

import numpy as np
import pytest

from models.judging.off_policy import PolicyLog
from models.judging.uplift import difference

CHEAP, DEAR = 1_000.0, 3_000.0


def log_of(policy_puts_dear_first: bool, *, n: int = 400, seed: int = 1) -> PolicyLog:
    """Plans put first at random, half and half; a choice model that knows nothing expects the mean price."""
    rng = np.random.default_rng(seed)
    dear = rng.random(n) < 0.5
    return PolicyLog(
        rewards=np.where(dear, DEAR, CHEAP),
        weights=np.where(dear == policy_puts_dear_first, 2.0, 0.0),
        expected_logged=np.full(n, (CHEAP + DEAR) / 2),
        expected_policy=np.full(n, (CHEAP + DEAR) / 2),
        organizations=np.array([f"o{i // 2}" for i in range(n)], dtype=object),
        reward_range=(0.0, DEAR),
    )


def test_the_difference_is_what_the_first_place_causes() -> None:
    found = difference(log_of(policy_puts_dear_first=True), log_of(policy_puts_dear_first=False))

    assert found.lower <= DEAR - CHEAP <= found.upper
    assert found.value == pytest.approx(DEAR - CHEAP, rel=0.05)
    assert found.lower > 0


def test_a_policy_beside_itself_causes_nothing() -> None:
    same = difference(log_of(policy_puts_dear_first=True), log_of(policy_puts_dear_first=True))

    assert (same.value, same.lower, same.upper) == (0.0, 0.0, 0.0)
