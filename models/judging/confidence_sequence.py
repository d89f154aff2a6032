"""Confidence sequences by betting: bounds for a mean that hold at every look at once.

A gambler who bets that the mean is above m multiplies its capital by 1 + c (x / m − 1) with each number x, c the share
of its capital at stake. If the mean is m or less, the capital is a non-negative supermartingale, and reaches 1 / error
at any time with probability `error` at most (Ville's inequality): every m at which it ever got there is ruled out.
Nothing is assumed about how large the numbers may be, which is what importance weights need (Waudby-Smith, Wu, Ramdas,
Karampatziakis, Mineiro 2022, "Anytime-valid off-policy inference for contextual bandits"). Instead of tuning one c,
the capital is spread over many, as in Cover's universal portfolio.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from recommender.ranking.ranker import FloatArray

STAKES: Final = np.geomspace(0.001, 0.5, 16)
"""The shares of capital at stake; small ones suit weights in the hundreds."""
TOLERANCE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """Lower and upper bounds after each look; with the probability of the level all of them hold at once."""

    looks: tuple[int, ...]
    """The number of decisions seen at each look."""
    lower: FloatArray
    upper: FloatArray


def confidence_sequence(
    weights: FloatArray,
    rewards: FloatArray,
    *,
    level: float = 0.95,
    looks: Sequence[int] | None = None,
    reward_range: tuple[float, float] = (0.0, 1.0),
) -> ConfidenceSequence:
    """Bounds for the mean reward of a policy, from decisions that another policy made, in the order of time.

    `weights` (n,) are importance weights, `rewards` (n,) lie within `reward_range`; `looks` are ascending counts of
    decisions, by default only the last. The lower bound bets on w·r, the upper on w·(1 − r), each with half the error.
    Both also hold where the logging policy never did what the other would do; they are then wider.
    Decisions must be independent given the policies; ValueError on rewards out of range or looks that do not ascend.
    """
    low, high = reward_range
    scaled = (np.asarray(rewards, dtype=np.float64) - low) / (high - low)
    if scaled.shape != weights.shape or not ((scaled >= 0) & (scaled <= 1)).all():
        raise ValueError(f"there must be one reward within {low:g} … {high:g} for every weight")
    at = tuple(looks) if looks is not None else (len(weights),)
    if any(b <= a for a, b in zip((0, *at), at, strict=False)) or at[-1] > len(weights):
        raise ValueError("looks must ascend from 1 to the number of decisions")
    error = (1 - level) / 2
    lower = lower_bounds(weights * scaled, error=error, looks=at)
    upper = 1 - lower_bounds(weights * (1 - scaled), error=error, looks=at)
    return ConfidenceSequence(at, low + (high - low) * lower, low + (high - low) * upper)


def lower_bounds(values: FloatArray, *, error: float, looks: Sequence[int]) -> FloatArray:
    """The largest mean in 0 … 1 that is ruled out as too small by each look, (looks,).

    Capital falls as the mean that is bet against rises, so bisection finds the edge; a bound never loosens again.
    """
    bounds = np.zeros(len(looks))
    ruled_out = 0.0
    for i, seen in enumerate(looks):
        possible = 1.0
        while possible - ruled_out > TOLERANCE:
            middle = (ruled_out + possible) / 2
            if log_capital(values[:seen], mean=middle).max() >= -log(error):
                ruled_out = middle
            else:
                possible = middle
        bounds[i] = ruled_out
    return bounds


def log_capital(values: FloatArray, *, mean: float) -> FloatArray:
    """The log of the capital after each value, (n,), of betting that the true mean lies above `mean` > 0."""
    by_stake = np.cumsum(np.log1p((values / mean - 1)[:, None] * STAKES), axis=0)
    most = by_stake.max(axis=1, keepdims=True)
    result: FloatArray = most[:, 0] + np.log(np.exp(by_stake - most).mean(axis=1))
    return result
