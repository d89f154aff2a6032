"""Off-policy evaluation: estimates the mean reward of a policy from decisions that another policy made.

An action is the plan put first; its reward is bounded, usually 1 if that plan was chosen. With the importance weight
w = the policy's probability of the logged action / its logged propensity, the reward r, the reward q that a choice
model expects of the logged action, and q_policy that it expects of the policy's actions:

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
from recommender.ranking.ranker import FloatArray

LARGEST_WEIGHT: Final = 10.0
"""SWITCH drops larger weights; DRos shrinks weights to at most this value."""
FEWEST_EFFECTIVE: Final = 100.0
"""The least effective sample size of a reliable estimate."""
MOST_STANDARD_ERRORS: Final = 3.0
"""How far the mean weight of a reliable estimate may be off 1, in standard errors."""


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """n logged decisions in the order of time, with the weights of the policy to be evaluated; arrays are (n,)."""

    rewards: FloatArray
    weights: FloatArray
    """Importance weights; their expectation is 1."""
    expected_logged: FloatArray
    """The choice model's expected reward of the logged action; the model has not seen the organisation."""
    expected_policy: FloatArray
    """The choice model's expected reward of the policy's own actions."""
    organizations: NDArray[np.object_]
    """Decisions of one organisation depend on each other; standard errors are clustered by organisation."""
    reward_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its normal interval, which holds for a single look that was planned beforehand."""

    value: float
    standard_error: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Diagnostics of the importance weights."""

    decisions: int
    effective_sample_size: float
    """(sum of w)² / sum of w² (Kish 1965): the number of unweighted decisions with the same information."""
    mean: float
    mean_standard_error: float
    largest: float
    overlap: float
    """The share of decisions in which the policy could have taken the logged action."""


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """Whether the estimates are reliable, and every reason against it."""

    reliable: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OffPolicyEvidence:
    """Off-policy estimates of one policy with their diagnostics."""

    estimates: dict[str, Estimate]
    """Estimator → estimate, in the order of the module's table; empty where the weights allow none."""
    anytime: tuple[float, float] | None
    """The betting confidence sequence after the last decision; it also holds when looked at every day."""
    logged: Estimate
    """The mean reward of the logged actions."""
    weights: Weights
    verdict: OfflineVerdict


def judge_policy(log: PolicyLog, *, level: float = 0.95) -> OffPolicyEvidence:
    """Estimate a policy's mean reward with every estimator, with intervals at `level`, diagnostics and a verdict.

    An empty log, weights that are not finite (a logged propensity of 0) and weights that are all 0 give no estimates,
    only the verdict.

    >>> import numpy as np
    >>> log = PolicyLog(
    ...     rewards=np.array([1.0, 0.0, 1.0, 0.0]),
    ...     weights=np.array([2.0, 0.0, 1.0, 1.0]),
    ...     expected_logged=np.full(4, 0.5),
    ...     expected_policy=np.full(4, 0.5),
    ...     organizations=np.array(["a", "b", "c", "d"], dtype=object),
    ... )
    >>> evidence = judge_policy(log)
    >>> evidence.estimates["SNIPS"].value, evidence.verdict.reasons
    (0.75, ('the effective sample of 3 is below 100',))
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
    """The policy's probability of each logged action divided by its logged propensity, (n,).

    Infinite where the logged propensity is not in (0, 1], which no logging policy can have had.

    >>> import numpy as np
    >>> importance_weights(np.array([0.5, 1.0]), np.array([0.25, 0.0])).tolist()
    [2.0, inf]
    """
    possible = (propensity > 0) & (propensity <= 1)
    weights: FloatArray = np.full(len(propensity), np.inf)
    return np.divide(policy, propensity, out=weights, where=possible)


def estimates(log: PolicyLog, *, level: float = 0.95) -> dict[str, Estimate]:
    """Estimator → estimate, in the order of the module's table; weights must be finite and not all 0."""
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
    """Diagnostics of the weights of a log; infinite weights give an effective sample of 0."""
    w = log.weights
    if not np.isfinite(w).all():
        return Weights(len(w), 0.0, float("inf"), float("inf"), float("inf"), float((w > 0).mean()))
    mean = float(w.mean())
    squares = float((w**2).sum())
    return Weights(
        decisions=len(w),
        effective_sample_size=float(w.sum()) ** 2 / squares if squares else 0.0,
        mean=mean,
        mean_standard_error=standard_error(w - mean, log.organizations),
        largest=float(w.max()),
        overlap=float((w > 0).mean()),
    )


def verdict(weights: Weights) -> OfflineVerdict:
    """Whether estimates with these weights are reliable.

    Not below an effective sample of `FEWEST_EFFECTIVE`, nor when the mean weight is off 1 by more than
    `MOST_STANDARD_ERRORS`: its expectation is 1 where propensities are true and every action could be logged.
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


def mean_of_terms(terms: FloatArray, organizations: NDArray[np.object_], *, level: float = 0.95) -> Estimate:
    """The mean of n terms with its interval, clustered by organisation."""
    value = float(terms.mean())
    return _estimate(value, terms - value, organizations, level=level)


def _mean(terms: FloatArray, log: PolicyLog, *, level: float) -> Estimate:
    return mean_of_terms(terms, log.organizations, level=level)


def _self_normalised(base: FloatArray, gains: FloatArray, log: PolicyLog, *, level: float) -> Estimate:
    """The mean of `base` plus the self-normalised weighted mean of `gains`; standard error by the delta method."""
    w = log.weights
    start, gain = float(base.mean()), float((w * gains).sum() / w.sum())
    influence = base - start + w * (gains - gain) / w.mean()
    return _estimate(start + gain, influence, log.organizations, level=level)


def _estimate(value: float, influence: FloatArray, organizations: NDArray[np.object_], *, level: float) -> Estimate:
    error = standard_error(influence, organizations)
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(value, error, value - reach, value + reach)


def standard_error(influence: FloatArray, organizations: NDArray[np.object_]) -> float:
    """The standard error of a mean with these centred terms, clustered by organisation (Liang, Zeger 1986).

    Infinite for a single organisation.
    """
    _, place = np.unique(organizations, return_inverse=True)
    sums = np.bincount(place, weights=influence)
    if len(sums) < 2:
        return float("inf")
    return sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / len(influence)
