"""The difference between two arms, with confidence bounds that hold at all looks at once.

The asymptotic confidence sequences of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021/2024, "Time-uniform central
limit theory and asymptotic confidence sequences", eq. 9). They need means and variances only, so they serve rates,
revenues and adjusted revenues alike; the tests simulate that they hold for our sizes.
`models.judging.confidence_sequence` is another method: it bets on weighted rewards of unbounded size and compares no
arms, so the two share nothing.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from recommender.ranking.ranker import FloatArray

LEVEL: Final = 0.95
TUNED_FOR: Final = 5_000
"""The number of organisations at which the bounds are tightest; it must be fixed before an experiment begins."""
POWER_Z: Final = 0.8416212335729143
"""The normal quantile of 80 % power."""
CAPPED_SHARE: Final = 0.01
"""The share of organisations at either end whose values are capped."""

State = Literal["undecided", "better", "worse", "no_relevant_difference"]


@dataclass(frozen=True, slots=True)
class Sample:
    """Size, mean and variance of an arm's organisations; scalars, or arrays of one shape."""

    n: FloatArray
    mean: FloatArray
    variance: FloatArray
    """The sample variance of single organisations; meaningless where n < 2."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Treated minus control, of the samples' shape; bounds are infinite where the data are not sufficient."""

    difference: FloatArray
    lower: FloatArray
    upper: FloatArray


def winsorised(values: FloatArray, *, share: float = CAPPED_SHARE) -> FloatArray:
    """The values (n,) of all arms together, with the outer `share` at either end capped to its quantile.

    The quantiles are those of the pooled values: quantiles per arm would remove a difference. Raises `ValueError` for a
    share that is not between 0 and a half.
    """
    if not 0 <= share < 0.5:
        raise ValueError("the capped share lies between 0 and a half")
    if not len(values):
        return values
    low, high = np.quantile(values, [share, 1 - share], method="inverted_cdf")
    return np.asarray(np.clip(values, low, high))


def adjusted(values: FloatArray, before: FloatArray) -> FloatArray:
    """The values (n,) of all arms together, minus what `before` (n,) predicts of them; their mean stays.

    `before` must have been known before the first exposure. Raises `ValueError` for different lengths. CUPED: Deng, Xu,
    Kohavi & Walker (2013), "Improving the sensitivity of online controlled experiments by utilizing pre-experiment
    data", eq. 4 and 5.
    """
    if values.shape != before.shape:
        raise ValueError("there must be one value from before for every value")
    centred = before - before.mean() if len(before) else before
    spread = float(centred @ centred)
    if spread == 0:
        return values
    return np.asarray(values - centred * (float(centred @ values) / spread))


def half_width(n: FloatArray, *, level: float = LEVEL, tuned_for: int = TUNED_FOR) -> FloatArray:
    """Half the width of the bounds after n observations of standard deviation 1; infinite for none."""
    error = 1 - level
    rho2 = (-2 * np.log(error) + np.log(-2 * np.log(error) + 1)) / tuned_for
    seen = np.maximum(np.asarray(n, dtype=np.float64), 1e-9)
    width = np.sqrt(2 * (seen * rho2 + 1) / (seen**2 * rho2) * np.log(np.sqrt(seen * rho2 + 1) / error))
    return np.asarray(np.where(np.asarray(n) > 0, width, np.inf))


def effect(control: Sample, treated: Sample, *, level: float = LEVEL, tuned_for: int = TUNED_FOR) -> Effect:
    """The mean of the treated minus that of the control, with bounds that hold at every look with probability `level`.

    Bounds are infinite until each arm has two organisations and one of them differs from another.
    """
    total = control.n + treated.n
    spread = _spread(control, treated)
    known = (np.minimum(control.n, treated.n) >= 2) & (spread > 0)
    width = np.where(known, np.where(known, spread, 1.0) * half_width(total, level=level, tuned_for=tuned_for), np.inf)
    difference = treated.mean - control.mean
    return Effect(difference, difference - width, difference + width)


def state_of(found: Effect, *, relevance: float) -> State:
    """The decision that the bounds allow; differences below `relevance` count as none."""
    if float(found.lower) > 0:
        return "better"
    if float(found.upper) < 0:
        return "worse"
    if float(found.lower) >= -relevance and float(found.upper) <= relevance:
        return "no_relevant_difference"
    return "undecided"


def smallest_effect(
    control: Sample, treated: Sample, *, n: FloatArray, level: float = LEVEL, tuned_for: int = TUNED_FOR
) -> FloatArray:
    """The smallest difference that is detected with 80 % probability by n organisations in both arms together.

    Computed from the spread and the split so far; of n's shape, infinite while there is no spread.
    """
    spread = float(_spread(control, treated))
    if spread == 0:
        return np.full(np.shape(n), np.inf)
    bounds = half_width(n, level=level, tuned_for=tuned_for)
    return np.asarray(spread * (bounds + POWER_Z / np.sqrt(np.maximum(n, 1))))


def organizations_to_decide(
    control: Sample, treated: Sample, *, relevance: float, level: float = LEVEL, tuned_for: int = TUNED_FOR
) -> int | None:
    """The number of organisations, in both arms together, at which the bounds force a decision.

    That is when the bounds are narrower than `relevance` on either side; `None` while there is no spread.
    """
    spread = float(_spread(control, treated))
    if spread == 0 or relevance <= 0:
        return None
    sizes = np.geomspace(10, 1e9, 4_000)
    enough = np.flatnonzero(spread * half_width(sizes, level=level, tuned_for=tuned_for) <= relevance)
    return int(np.ceil(sizes[enough[0]])) if len(enough) else None


def _spread(control: Sample, treated: Sample) -> FloatArray:
    """The standard deviation of the difference, per organisation of both arms."""
    total = control.n + treated.n
    variance = control.variance / np.maximum(control.n, 1) + treated.variance / np.maximum(treated.n, 1)
    return np.asarray(np.sqrt(total * variance))
