"""How far journeys go, how fast, and why they end. Shares count journeys whose 14 days are over, no others."""

import numpy as np
import pandas as pd

from pipelines.metrics import intervals
from pipelines.metrics.facts import Facts
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.journeys import PAID, STEPS


def over(facts: Facts, *columns: str) -> pd.DataFrame:
    """These columns of the journeys whose 14 days are over: of the others nobody knows yet how far they will go."""
    return facts.journeys[[*columns]][facts.journeys["over"].to_numpy(dtype=np.bool_)]


def served(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - a count has no interval
    """Journeys that are over."""
    count = int(facts.journeys["over"].sum())
    return Estimate(count, n=count)


def still_open(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001
    """Journeys that began too recently to be counted."""
    count = len(facts.journeys) - int(facts.journeys["over"].sum())
    return Estimate(count, n=count)


def reached(facts: Facts, *, step: str) -> int:
    """How many journeys came to the step."""
    return int((over(facts, "step")["step"] >= STEPS.index(step)).sum())


def overall_rate(facts: Facts, *, step: str, comparisons: int = 1) -> Estimate:
    """Journeys that came to the step, of all that were served."""
    return intervals.share(reached(facts, step=step), int(facts.journeys["over"].sum()), comparisons=comparisons)


def step_rate(facts: Facts, *, step: str, comparisons: int = 1) -> Estimate:
    """Journeys that came to the step, of those that came to the one before."""
    before = STEPS[STEPS.index(step) - 1]
    return intervals.share(reached(facts, step=step), reached(facts, step=before), comparisons=comparisons)


def seconds_to(facts: Facts, *, step: str, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - told about the whole
    """The median time from the plan cards to the step, of the journeys that came to it."""
    column = f"seconds_to_{step}"
    return intervals.median(over(facts, column)[column].dropna().to_numpy(dtype=np.float64))


def drop_share(facts: Facts, *, reason: str, comparisons: int = 1) -> Estimate:
    """Journeys that ended for this reason, of those that ended without a payment."""
    journeys = over(facts, "step", "drop")
    ended = journeys[(journeys["step"] < PAID).to_numpy()]
    return intervals.share(int((ended["drop"] == reason).sum()), len(ended), comparisons=comparisons)
