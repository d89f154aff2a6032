"""The health of the ranker: how often another ranker answers and why, how long it takes, how well it is calibrated."""

from typing import Final

import numpy as np
import pandas as pd

from pipelines.metrics.filters import RULES_SHARE
from pipelines.metrics.intervals import Estimate, Mean, Quantile, Share
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.templates import NONE

FALLBACKS: Final = (
    "no_champion", "champion_refused", "champion_failed", "champion_slow", "no_challenger", "challenger_refused",
    "challenger_failed", "challenger_slow", "little_data", "unlike_training", "near_tie",
)  # fmt: skip
"""Why another ranker answered than the one whose turn it was; the rules' own share is no such reason."""


def decisions(tables: MetricTables) -> Estimate:
    """The number of decisions."""
    count = len(tables.decisions)
    return Estimate(count, n=count)


def fallback_share(tables: MetricTables, *, reason: str | None = None) -> Share:
    """Decisions that another ranker answered than the one whose turn it was (for this reason), of all decisions."""
    fallback = tables.decisions["fallback"]
    fell = fallback == reason if reason else ~fallback.isin((NONE, RULES_SHARE))
    return Share(int(fell.sum()), len(fallback))


def latency_ms(tables: MetricTables, *, quantile: float) -> Quantile:
    """The latency in milliseconds that this share of the measured decisions did not exceed."""
    return Quantile(tables.decisions["latency_ms"].dropna().to_numpy(dtype=np.float64), quantile)


def calibration_gap(tables: MetricTables) -> Mean:
    """How much more often recommended plans were taken than predicted, over decisions whose outcome is known."""
    rows = with_outcome(tables)
    return Mean((rows["took"] - rows["probability"]).to_numpy(dtype=np.float64))


def with_outcome(tables: MetricTables) -> pd.DataFrame:
    """`took` and `probability` of first decisions of journeys that are over, where a probability was predicted."""
    frame = tables.decisions[["took", "probability"]]
    known = frame["took"].notna() & frame["probability"].notna()
    return frame[known.to_numpy(dtype=np.bool_)]
