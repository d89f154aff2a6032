"""How far journeys go, how fast, and why they end; and who took part in experiments.

Shares count journeys whose 14 days are over, no others.
"""

import numpy as np
import pandas as pd

from pipelines.metrics.intervals import Estimate, Share, median
from pipelines.metrics.journeys import PAID, STEPS
from pipelines.metrics.metric_tables import MetricTables
from recommender.ranking.ranker import Mask


def over(tables: MetricTables, *columns: str) -> pd.DataFrame:
    """These columns of the journeys whose 14 days are over; how far the others will go is not known yet."""
    kept = ended(tables)
    return tables.journeys[[*columns]] if kept.all() else tables.journeys[[*columns]][kept]


def ended(tables: MetricTables) -> Mask:
    """Which journeys' 14 days are over (j,): a mask counts rows without moving them."""
    return tables.journeys["over"].to_numpy(dtype=np.bool_)


def served(tables: MetricTables) -> Estimate:
    """The number of journeys whose 14 days are over."""
    count = int(tables.journeys["over"].sum())
    return Estimate(count, n=count)


def still_open(tables: MetricTables) -> Estimate:
    """The number of journeys that began too recently to be counted."""
    count = len(tables.journeys) - int(tables.journeys["over"].sum())
    return Estimate(count, n=count)


def reached(tables: MetricTables, *, step: str) -> int:
    """How many journeys came to the step."""
    return int(np.count_nonzero(ended(tables) & (tables.journeys["step"].to_numpy() >= STEPS.index(step))))


def overall_rate(tables: MetricTables, *, step: str) -> Share:
    """Journeys that came to the step, of all that were served."""
    return Share(reached(tables, step=step), int(tables.journeys["over"].sum()))


def step_rate(tables: MetricTables, *, step: str) -> Share:
    """Journeys that came to the step, of those that came to the one before."""
    before = STEPS[STEPS.index(step) - 1]
    return Share(reached(tables, step=step), reached(tables, step=before))


def seconds_to(tables: MetricTables, *, step: str) -> Estimate:
    """The median time from the plan cards to the step, of the journeys that came to it."""
    seconds = tables.journeys[f"seconds_to_{step}"].to_numpy(dtype=np.float64)
    return median(seconds[ended(tables) & ~np.isnan(seconds)])


def drop_share(tables: MetricTables, *, reason: str) -> Share:
    """Journeys that ended for this reason, of those that ended without a payment."""
    unpaid = ended(tables) & (tables.journeys["step"].to_numpy() < PAID)
    dropped = unpaid & (tables.journeys["drop"] == reason).to_numpy(dtype=np.bool_)
    return Share(int(dropped.sum()), int(unpaid.sum()))


def participants(tables: MetricTables) -> Estimate:
    """The number of organisations that took part in an experiment, each once per experiment."""
    count = len(tables.participants)
    return Estimate(count, n=count)


def in_two_arms(tables: MetricTables) -> Share:
    """Participants that were answered in more than one arm of their experiment, of all participants."""
    crossed = tables.participants["crossed"]
    return Share(int(crossed.sum()), len(crossed))


def wrong_arm(tables: MetricTables) -> Share:
    """Participants that were first answered in an arm that they were not drawn into, of all participants."""
    wrong = tables.participants["wrong_arm"]
    return Share(int(wrong.sum()), len(wrong))
