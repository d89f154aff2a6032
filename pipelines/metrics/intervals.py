"""How far a number may be from the truth: intervals for shares, differences of shares and means.

Wilson's interval for a share, Newcombe's (method 10) for a difference of two, built from it: both keep their promise
for small groups and near 0 and 1, where the textbook interval does not.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

from recommender.ranking.ranker import FloatArray

CONFIDENCE: Final = 0.95
SMALL: Final = 30
"""A group of fewer says so, and nobody decides by it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the interval that holds the truth at the stated confidence; `None` where there is nothing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """How many observations it stands on."""

    @property
    def small(self) -> bool:
        """Whether it stands on too few."""
        return self.n < SMALL


NOTHING: Final = Estimate(None)


def z_value(*, comparisons: int = 1, confidence: float = CONFIDENCE) -> float:
    """The normal quantile of a two-sided interval; with several looked at together each is widened (Bonferroni)."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / 2 / max(comparisons, 1))


def share(count: int, n: int, *, comparisons: int = 1) -> Estimate:
    """`count` of `n` with Wilson's interval; nothing for an empty group."""
    if n == 0:
        return NOTHING
    return Estimate(count / n, *_wilson(count, n, comparisons=comparisons), n)


def difference(count: int, n: int, base_count: int, base_n: int) -> Estimate:
    """Share minus base share with Newcombe's interval; `n` is that of the smaller group, nothing if it is empty."""
    if n == 0 or base_n == 0:
        return NOTHING
    ours, base = _wilson(count, n), _wilson(base_count, base_n)
    delta = count / n - base_count / base_n
    low = delta - sqrt((count / n - ours[0]) ** 2 + (base[1] - base_count / base_n) ** 2)
    high = delta + sqrt((ours[1] - count / n) ** 2 + (base_count / base_n - base[0]) ** 2)
    return Estimate(delta, low, high, min(n, base_n))


def _wilson(count: int, n: int, *, comparisons: int = 1) -> tuple[float, float]:
    z, p = z_value(comparisons=comparisons), count / n
    centre = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return 0.0 if count == 0 else (centre - spread) / scale, 1.0 if count == n else (centre + spread) / scale


def mean(values: FloatArray, *, comparisons: int = 1) -> Estimate:
    """The mean with its normal interval; without one for fewer than two values."""
    n = len(values)
    if n == 0:
        return NOTHING
    middle = float(np.mean(values))
    if n == 1:
        return Estimate(middle, n=1)
    spread = z_value(comparisons=comparisons) * float(np.std(values, ddof=1)) / sqrt(n)
    return Estimate(middle, middle - spread, middle + spread, n)


def median(values: FloatArray) -> Estimate:
    """The median with the interval of its order statistics (binomial); without one for fewer than six values."""
    n = len(values)
    if n == 0:
        return NOTHING
    ordered = np.sort(values)
    middle = float(np.median(ordered))
    half = z_value() * sqrt(n) / 2
    low, high = int(np.floor(n / 2 - half)), int(np.ceil(n / 2 + half))
    if low < 0 or high >= n:
        return Estimate(middle, n=n)
    return Estimate(middle, float(ordered[low]), float(ordered[high]), n)
