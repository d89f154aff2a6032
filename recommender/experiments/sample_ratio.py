"""The sample-ratio check: organisations must fall into the arms as planned, or no effect may be believed.

Two looks share one error of a thousandth. A twentieth of it goes to a test that may be looked at always, and finds
gross faults within hundreds of organisations; the rest to one test at the planned number of organisations, which no
always-valid test equals there: a split of 48 to 52 among 20,000 is found in 99 of 100 experiments by a single look at
this error, and in some 97 of 100 by a straight boundary that is always valid and placed at its best.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from recommender.experiments.evidence import p_value, planned_split_p_value, split_evidence
from recommender.ranking.ranker import FloatArray, IntArray

THRESHOLD: Final = 0.001
"""The chance of an alarm, ever, while the split is as planned."""
ALWAYS_SHARE: Final = 0.05
"""The part of it for looking all the time."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The observed split into k arms beside the planned one."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float
    """Valid however often it is looked at; it never rises as organisations come."""
    red_since: int | None
    """After how many organisations the alarm was raised; `None`: it was not."""

    @property
    def red(self) -> bool:
        """Whether the split is wrong."""
        return self.red_since is not None


def sample_ratio(arms: IntArray, shares: FloatArray, *, planned: int | None = None) -> SampleRatio:
    """Check whether organisations fall into the arms of an experiment as planned.

    Args:
        arms: The arm 0 … k−1 of each organisation, in the order in which they were first exposed, shape (n,).
        shares: The planned share of each arm, shape (k,); adds up to 1.
        planned: The number of organisations fixed before the experiment; without one there is no second test, and the
            first has the whole error.

    Returns:
        The counts beside the expected ones, an always-valid p-value, and since when the split is wrong, if it is.

    Examples:
        >>> shares = np.array([0.5, 0.5])
        >>> sample_ratio(np.tile([0, 1], 500), shares).red, sample_ratio(np.zeros(1_000, dtype=int), shares).red
        (False, True)
    """
    always = 1.0 if planned is None else ALWAYS_SHARE
    evidence = split_evidence(arms, shares)
    alarms = np.flatnonzero(evidence >= -np.log(THRESHOLD * always))
    red_since = int(alarms[0]) + 1 if len(alarms) else None
    p = min(1.0, p_value(float(evidence.max(initial=0.0))) / always)
    if planned is not None and len(arms) >= planned > 0:
        once = planned_split_p_value(_counts(arms[:planned], len(shares)), shares) / (1 - ALWAYS_SHARE)
        p = min(p, once)
        if once <= THRESHOLD:
            red_since = planned if red_since is None else min(red_since, planned)
    return SampleRatio(
        counts=tuple(_counts(arms, len(shares)).tolist()),
        expected=tuple((len(arms) * shares).tolist()),
        p_value=p,
        red_since=red_since,
    )


def _counts(arms: IntArray, k: int) -> IntArray:
    return np.bincount(arms, minlength=k).astype(np.int64)
