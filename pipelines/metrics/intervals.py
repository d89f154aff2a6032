"""How far a number may be from the truth: intervals for shares, differences of shares, means and quantiles.

Wilson's interval for a share, Newcombe's (method 10) for a difference of two, built from it: both keep their promise
for small groups and near 0 and 1, where the textbook interval does not.
"""

from dataclasses import dataclass
from math import ceil, floor, sqrt
from statistics import NormalDist
from typing import Final, Protocol

import numpy as np

from recommender.ranking.ranker import FloatArray

CONFIDENCE: Final = 0.95
SMALL: Final = 30
"""A group with fewer observations is marked as small, and nothing is decided by it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the interval that holds the truth at the stated confidence; `None` where there is nothing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """How many observations the number rests on."""

    @property
    def small(self) -> bool:
        """Whether the number rests on too few observations."""
        return self.n < SMALL


NOTHING: Final = Estimate(None)


class Statistic(Protocol):
    """A number estimated from observations; its interval depends on how many numbers are compared."""

    def estimate(self, *, comparisons: int = 1) -> Estimate:
        """The number with its interval, widened so that all of `comparisons` intervals hold together (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n` cases."""

    count: int
    n: int

    def estimate(self, *, comparisons: int = 1) -> Estimate:
        """The share with Wilson's interval; nothing for an empty group."""
        if self.n == 0:
            return NOTHING
        return Estimate(self.count / self.n, *_wilson(self, comparisons=comparisons), self.n)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of values (n,)."""

    values: FloatArray

    def estimate(self, *, comparisons: int = 1) -> Estimate:
        """The mean with its normal interval; without an interval for fewer than two values."""
        n = len(self.values)
        if n == 0:
            return NOTHING
        middle = float(np.mean(self.values))
        if n == 1:
            return Estimate(middle, n=1)
        spread = z_value(comparisons=comparisons) * float(np.std(self.values, ddof=1)) / sqrt(n)
        return Estimate(middle, middle - spread, middle + spread, n)


@dataclass(frozen=True, slots=True)
class Quantile:
    """The value that a share `quantile` of the values (n,) does not exceed."""

    values: FloatArray
    quantile: float

    def estimate(self, *, comparisons: int = 1) -> Estimate:
        """The quantile with the interval of its order statistics (binomial).

        Without an interval where the order statistics would lie beyond the values.
        """
        n, q = len(self.values), self.quantile
        if n == 0:
            return NOTHING
        ordered = np.sort(self.values)
        value = float(np.quantile(ordered, q, method="inverted_cdf"))
        half = z_value(comparisons=comparisons) * sqrt(n * q * (1 - q))
        low, high = floor(n * q - half), ceil(n * q + half)
        if low < 0 or high >= n:
            return Estimate(value, n=n)
        return Estimate(value, float(ordered[low]), float(ordered[high]), n)


def median(values: FloatArray) -> Estimate:
    """The median of values (n,), the mean of the middle two, with the interval of its order statistics."""
    found = Quantile(values, 0.5).estimate()
    return found if found.value is None else Estimate(float(np.median(values)), found.low, found.high, found.n)


def difference(ours: Share, base: Share) -> Estimate:
    """Our share minus the base's with Newcombe's interval; `n` is that of the smaller group, nothing if it is empty."""
    if ours.n == 0 or base.n == 0:
        return NOTHING
    share, base_share = ours.count / ours.n, base.count / base.n
    (low, high), (base_low, base_high) = _wilson(ours), _wilson(base)
    delta = share - base_share
    lower = delta - sqrt((share - low) ** 2 + (base_high - base_share) ** 2)
    upper = delta + sqrt((high - share) ** 2 + (base_share - base_low) ** 2)
    return Estimate(delta, lower, upper, min(ours.n, base.n))


def z_value(*, comparisons: int = 1, confidence: float = CONFIDENCE) -> float:
    """The normal quantile of a two-sided interval, one of `comparisons` that hold together (Bonferroni)."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / 2 / max(comparisons, 1))


def _wilson(share: Share, *, comparisons: int = 1) -> tuple[float, float]:
    count, n = share.count, share.n
    z, p = z_value(comparisons=comparisons), count / n
    centre = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return 0.0 if count == 0 else (centre - spread) / scale, 1.0 if count == n else (centre + spread) / scale
