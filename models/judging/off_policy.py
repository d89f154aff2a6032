"""What a policy would have earned on decisions that another policy took, judged from the log alone.

An action is the plan put first; its reward is bounded, usually 1 if that plan was chosen. With w = the policy's
probability of the logged action over its logged propensity, r the reward, q the reward expected by a choice model that
has not seen the organisation, and q_policy the same for what the policy would do:

    IPS     mean of w r                                   (Horvitz, Thompson 1952)
    SNIPS   sum of w r / sum of w                         (Swaminathan, Joachims 2015)
    DM      mean of q_policy
    DR      mean of q_policy + w (r − q)                  (Dudík, Langford, Li 2011)
    SNDR    mean of q_policy, + sum of w (r − q) / sum of w
    SWITCH  DR, but w = 0 where w is too large            (Wang, Agarwal, Dudík 2017)
    DRos    DR with w shrunk to λ w / (w² + λ)            (Su, Dimakopoulou, Krishnamurthy, Dudík 2020)

SNIPS and SNDR are the figures to report. DM is as good as the choice model; SWITCH and DRos show how much rests on a
few large weights.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.judging.confidence_sequence import confidence_sequence

FloatArray = NDArray[np.float64]

LARGEST_WEIGHT: Final = 10.0
"""What SWITCH lets through at most, and DRos shrinks to at most."""
FEWEST_EFFECTIVE: Final = 100.0
MOST_STANDARD_ERRORS: Final = 3.0


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """n logged decisions in the order of time, beside what another policy would have done; arrays are (n,)."""

    rewards: FloatArray
    weights: FloatArray
    """The policy's probability of the logged action over the logged propensity; its mean is 1 but for chance."""
    expected_logged: FloatArray
    """The choice model's expectation of the reward of the logged action."""
    expected_policy: FloatArray
    """The choice model's expectation of the reward of what the policy would do."""
    organizations: NDArray[np.object_]
    """Decisions of one organisation are not independent; intervals are worked out over organisations."""
    reward_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its normal interval; valid at one look, decided on beforehand."""

    value: float
    standard_error: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Whether the log says anything about the policy."""

    decisions: int
    effective_sample_size: float
    """(sum of w)² / sum of w² (Kish 1965): as many decisions of its own would say as much."""
    mean: float
    mean_standard_error: float
    largest: float
    overlap: float
    """Share of decisions in which the policy might have done what was logged."""


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """Whether the estimates may be relied on, and every reason why not."""

    reliable: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OffPolicyEvidence:
    """All that the log says about one policy."""

    estimates: dict[str, Estimate]
    """By estimator, in the order above; empty where the weights allow none."""
    anytime: tuple[float, float] | None
    """The betting confidence sequence at the last look; it may be looked at every day."""
    logged: Estimate
    """The mean reward of what was really shown."""
    weights: Weights
    verdict: OfflineVerdict


def judge_policy(log: PolicyLog, *, level: float = 0.95) -> OffPolicyEvidence:
    """Every estimate of the policy's mean reward, with intervals at `level`, diagnostics and a verdict.

    Weights that are not finite (a logged action with no propensity) or all zero give no estimates, only the verdict;
    nor does a log of nothing.
    """
    if not len(log.rewards):
        unknown, reasons = float("nan"), ("no decision was logged of which everything is known by now",)
        nothing = Weights(0, 0.0, unknown, unknown, unknown, 0.0)
        return OffPolicyEvidence(
            {}, None, Estimate(unknown, unknown, unknown, unknown), nothing, OfflineVerdict(False, reasons)
        )
    weights = weigh(log)
    found = verdict(weights)
    logged = _mean(log.rewards, log, level=level)
    if not np.isfinite(log.weights).all() or weights.overlap == 0:
        return OffPolicyEvidence({}, None, logged, weights, found)
    sequence = confidence_sequence(log.weights, log.rewards, level=level, reward_range=log.reward_range)
    anytime = float(sequence.lower[-1]), float(sequence.upper[-1])
    return OffPolicyEvidence(estimates(log, level=level), anytime, logged, weights, found)


def importance_weights(policy: FloatArray, propensity: FloatArray) -> FloatArray:
    """The policy's probability of each logged action over its logged propensity, (n,).

    Infinite where the propensity is no probability above 0: such a decision cannot have been logged as it was taken.
    """
    possible = (propensity > 0) & (propensity <= 1)
    weights: FloatArray = np.full(len(propensity), np.inf)
    return np.divide(policy, propensity, out=weights, where=possible)


def estimates(log: PolicyLog, *, level: float = 0.95) -> dict[str, Estimate]:
    """Every estimate by its name, in the order of the module's table; weights must be finite and not all 0."""
    w, r, q = log.weights, log.rewards, log.expected_logged
    switched = np.where(w <= LARGEST_WEIGHT, w, 0.0)
    shrinkage = (2 * LARGEST_WEIGHT) ** 2  # the shrunk weight is largest at w = √λ, where it is √λ / 2
    shrunk = shrinkage * w / (w**2 + shrinkage)
    return {
        "IPS": _mean(w * r, log, level=level),
        "SNIPS": _self_normalised(np.zeros(len(w)), r, log, level=level),
        "DM": _mean(log.expected_policy, log, level=level),
        "DR": _mean(log.expected_policy + w * (r - q), log, level=level),
        "SNDR": _self_normalised(log.expected_policy, r - q, log, level=level),
        "SWITCH": _mean(log.expected_policy + switched * (r - q), log, level=level),
        "DRos": _mean(log.expected_policy + shrunk * (r - q), log, level=level),
    }


def weigh(log: PolicyLog) -> Weights:
    """The diagnostics of the weights; infinite ones leave no effective sample."""
    w = log.weights
    if not np.isfinite(w).all():
        return Weights(len(w), 0.0, float("inf"), float("inf"), float("inf"), float((w > 0).mean()))
    mean = float(w.mean())
    squares = float((w**2).sum())
    return Weights(
        decisions=len(w),
        effective_sample_size=float(w.sum()) ** 2 / squares if squares else 0.0,
        mean=mean,
        mean_standard_error=_standard_error(w - mean, log.organizations),
        largest=float(w.max()),
        overlap=float((w > 0).mean()),
    )


def verdict(weights: Weights) -> OfflineVerdict:
    """Refused below an effective sample of 100, or when the mean weight is off 1 by more than 3 standard errors.

    The mean weight is 1 in expectation wherever propensities are true and leave the policy a chance everywhere.
    """
    effective, mean, error = weights.effective_sample_size, weights.mean, weights.mean_standard_error
    conditions = [
        ("a logged action has a propensity that cannot be true", weights.largest < float("inf")),
        ("the log never shows what the policy would do", weights.overlap > 0),
        (f"the effective sample of {effective:.0f} is below {FEWEST_EFFECTIVE:.0f}", effective >= FEWEST_EFFECTIVE),
        (
            f"the mean weight of {mean:.3f} ± {error:.3f} is off 1",
            not np.isfinite(mean) or abs(mean - 1) <= MOST_STANDARD_ERRORS * error + 1e-9,
        ),
    ]
    reasons = tuple(reason for reason, met in conditions if not met)
    return OfflineVerdict(not reasons, reasons)


def _mean(terms: FloatArray, log: PolicyLog, *, level: float) -> Estimate:
    value = float(terms.mean())
    return _estimate(value, terms - value, log, level=level)


def _self_normalised(base: FloatArray, gains: FloatArray, log: PolicyLog, *, level: float) -> Estimate:
    """Mean of `base`, plus the weighted mean of `gains`; its influence terms by the delta method."""
    w = log.weights
    start, gain = float(base.mean()), float((w * gains).sum() / w.sum())
    influence = base - start + w * (gains - gain) / w.mean()
    return _estimate(start + gain, influence, log, level=level)


def _estimate(value: float, influence: FloatArray, log: PolicyLog, *, level: float) -> Estimate:
    error = _standard_error(influence, log.organizations)
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(value, error, value - reach, value + reach)


def _standard_error(influence: FloatArray, organizations: NDArray[np.object_]) -> float:
    """Of a mean with these centred terms, over organisations (Liang, Zeger 1986); infinite for a single one."""
    _, place = np.unique(organizations, return_inverse=True)
    sums = np.bincount(place, weights=influence)
    if len(sums) < 2:
        return float("inf")
    return sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / len(influence)
