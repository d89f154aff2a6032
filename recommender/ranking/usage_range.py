"""The range of a month's usage around its projection that holds 80 % of past months.

The projection knows its standard error as if nothing but chance moved usage. Organisations also settle in and grow,
which no history of a few weeks shows. So the ends of the range, counted in standard errors, are read off what really
followed past decisions, separately for short and long histories (split conformal prediction: Papadopoulos et al. 2002).
Units are counted from one more than there are, so that a month without usage is a case like any other.
"""

from dataclasses import dataclass
from math import isfinite, log
from statistics import NormalDist
from typing import Final, Self

import numpy as np

from recommender.ranking.projection import Projection
from recommender.ranking.ranker import FloatArray

STATED: Final = 0.8
"""The share of months that the range holds."""
FROM_DAYS: Final = (0.0, 10.0, 14.0, 21.0, 28.0)
"""Days of history from which a row of the table counts, until the next."""
FEWEST_CASES: Final = 40
"""A row with fewer cases reads its ends off all of them."""

_NORMAL: Final = 1.2815515655446004
"""Standard normal quantile at 0.9."""
_NORMAL_MOST: Final = 0.8416212335729143
"""Standard normal quantile at 0.8."""
_LARGEST: Final = 1e15
_DISTRIBUTION: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class UsageRange:
    """The ends of the range in standard errors of the log, by days of history."""

    low: tuple[float, ...]
    """At most 0, one for each of `FROM_DAYS`."""
    high: tuple[float, ...]
    """At least 0, likewise."""
    most: tuple[float, ...]
    """At least 0, likewise: what 80 % of months stay below, where the lower end is no end because nothing is below."""

    def __post_init__(self) -> None:
        if {len(self.low), len(self.high), len(self.most)} != {len(FROM_DAYS)}:
            raise ValueError(f"a usage range has {len(FROM_DAYS)} lower and upper ends")
        if not all(isfinite(low + high + most) and low <= 0 <= min(high, most) for low, high, most in self._rows()):
            raise ValueError("the lower ends of a usage range are at most 0, the upper at least 0")

    def _rows(self) -> list[tuple[float, float, float]]:
        return list(zip(self.low, self.high, self.most, strict=True))

    def ends(self, projection: Projection, *, days: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Whole units at the lower end, the upper end and `most`, (n, metrics) each; `days` (n,) of history."""
        row = _row_of(days)
        low, high, most = (
            (projection.monthly + 1.0) * np.exp(np.array(ends)[row][:, None] * projection.relative_error) - 1.0
            for ends in (self.low, self.high, self.most)
        )
        high, most = (np.minimum(np.ceil(end), _LARGEST) for end in (high, most))
        return np.maximum(np.floor(low), 0.0), high, most

    @classmethod
    def from_what_came(cls, surprises: FloatArray, *, days: FloatArray) -> Self:
        """Read off n past cases: `surprises` (n,) as `surprise` says, `days` (n,) of history.

        Too few cases for a row read off all; too few altogether give the normal range.
        """
        if len(surprises) < FEWEST_CASES:
            return cls(*_normal())
        row = _row_of(days)
        ends = []
        for number in range(len(FROM_DAYS)):
            mine = surprises[row == number]
            cases = mine if len(mine) >= FEWEST_CASES else surprises
            low, high, most = np.quantile(cases, _ranks(len(cases)))
            ends.append((min(float(low), 0.0), max(float(high), 0.0), max(float(most), 0.0)))
        return cls(*zip(*ends, strict=True))


def surprise(came: FloatArray, *, expected: FloatArray, error: FloatArray) -> FloatArray:
    """How far a month was from its projection, in standard errors of the log; arrays of one shape."""
    return np.asarray(np.log((came + 1.0) / (expected + 1.0)) / error)


def _ranks(cases: int) -> FloatArray:
    """The quantiles of n cases between which, and below the last of which, one more falls as often as stated."""
    stated = np.array([(1 - STATED) / 2, (1 + STATED) / 2, STATED])
    return np.clip((stated * (cases + 1) - 1) / (cases - 1), 0.0, 1.0)


def chance_above(limit: float, *, expected: float, low: float, high: float) -> float:
    """The chance that a month's usage passes the limit, 0…1, told from the usage's 80 % range.

    The log of usage is taken to be normal, with a spread of its own on either side of what is expected.

    Examples:
        >>> round(chance_above(60_000, expected=40_000, low=30_000, high=60_000), 2)
        0.1
        >>> round(chance_above(40_000, expected=40_000, low=30_000, high=60_000), 2)
        0.5
    """
    distance = log((limit + 1) / (expected + 1))
    spread = log((high + 1) / (expected + 1)) if distance > 0 else log((expected + 1) / (low + 1))
    if distance == 0 or spread <= 0:
        return 0.5 if distance == 0 else float(distance < 0)
    return 1 - _DISTRIBUTION.cdf(_NORMAL * distance / spread)


def _row_of(days: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.maximum(np.searchsorted(FROM_DAYS, days, side="right") - 1, 0).astype(np.int64)


def _normal() -> tuple[tuple[float, ...], ...]:
    return (-_NORMAL,) * len(FROM_DAYS), (_NORMAL,) * len(FROM_DAYS), (_NORMAL_MOST,) * len(FROM_DAYS)


NORMAL: Final = UsageRange(*_normal())
"""The range while nobody knows what came: chance alone."""
