"""How the ranker is doing: who answers in its place and why, how long it takes, whether its probabilities come true."""

from math import ceil, floor, sqrt
from typing import Final

import numpy as np
import pandas as pd

from pipelines.metrics import intervals
from pipelines.metrics.facts import Facts
from pipelines.metrics.filters import RULES_SHARE
from pipelines.metrics.intervals import NOTHING, Estimate, z_value
from pipelines.metrics.templates import NONE
from recommender.ranking.ranker import FloatArray

FALLBACKS: Final = (
    "no_champion", "champion_refused", "champion_failed", "champion_slow", "no_challenger", "challenger_refused",
    "challenger_failed", "challenger_slow", "little_data", "unlike_training", "near_tie",
)  # fmt: skip
"""Why another ranker answered than the one whose turn it was; the rules' own share is no such reason."""


def decisions(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - a count has no interval
    """Decisions that were taken."""
    count = len(facts.decisions)
    return Estimate(count, n=count)


def fallback_share(facts: Facts, *, reason: str | None = None, comparisons: int = 1) -> Estimate:
    """Decisions that another ranker answered than the one whose turn it was (for this reason), of all."""
    fallback = facts.decisions["fallback"]
    fell = fallback == reason if reason else ~fallback.isin((NONE, RULES_SHARE))
    return intervals.share(int(fell.sum()), len(fallback), comparisons=comparisons)


def latency_ms(facts: Facts, *, quantile: float, comparisons: int = 1) -> Estimate:
    """So many of all decisions were faster, of those that were measured."""
    return quantile_of(
        facts.decisions["latency_ms"].dropna().to_numpy(dtype=np.float64), quantile, comparisons=comparisons
    )


def calibration_gap(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """How much more often recommended plans were taken than the ranker said, over decisions of which it is known."""
    rows = judged(facts)
    return intervals.mean((rows["took"] - rows["probability"]).to_numpy(dtype=np.float64), comparisons=comparisons)


def judged(facts: Facts) -> pd.DataFrame:
    """`took` and `probability` of first decisions of journeys that are over, where the ranker said a probability."""
    frame = facts.decisions[["took", "probability"]]
    known = frame["took"].notna() & frame["probability"].notna()
    return frame[known.to_numpy(dtype=np.bool_)]


def quantile_of(values: FloatArray, quantile: float, *, comparisons: int = 1) -> Estimate:
    """A quantile with the interval of its order statistics; without one where they reach beyond the values."""
    n = len(values)
    if n == 0:
        return NOTHING
    ordered = np.sort(values)
    value = float(np.quantile(ordered, quantile, method="inverted_cdf"))
    half = z_value(comparisons=comparisons) * sqrt(n * quantile * (1 - quantile))
    low, high = floor(n * quantile - half), ceil(n * quantile + half)
    if low < 0 or high >= n:
        return Estimate(value, n=n)
    return Estimate(value, float(ordered[low]), float(ordered[high]), n)
