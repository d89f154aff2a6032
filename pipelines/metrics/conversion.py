"""How far journeys go, how fast, and why they end. Shares count journeys whose 14 days are over, no others."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.metrics import intervals
from pipelines.metrics.facts import Facts
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.journeys import PAID, STEPS


def over(facts: Facts, *columns: str) -> pd.DataFrame:
    """These columns of the journeys whose 14 days are over: of the others nobody knows yet how far they will go."""
    kept = ended(facts)
    return facts.journeys[[*columns]] if kept.all() else facts.journeys[[*columns]][kept]


def ended(facts: Facts) -> NDArray[np.bool_]:
    """Which journeys' 14 days are over: counting by a mask moves no rows."""
    return facts.journeys["over"].to_numpy(dtype=np.bool_)


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
    return int(np.count_nonzero(ended(facts) & (facts.journeys["step"].to_numpy() >= STEPS.index(step))))


def overall_rate(facts: Facts, *, step: str, comparisons: int = 1) -> Estimate:
    """Journeys that came to the step, of all that were served."""
    return intervals.share(reached(facts, step=step), int(facts.journeys["over"].sum()), comparisons=comparisons)


def step_rate(facts: Facts, *, step: str, comparisons: int = 1) -> Estimate:
    """Journeys that came to the step, of those that came to the one before."""
    before = STEPS[STEPS.index(step) - 1]
    return intervals.share(reached(facts, step=step), reached(facts, step=before), comparisons=comparisons)


def seconds_to(facts: Facts, *, step: str, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - told about the whole
    """The median time from the plan cards to the step, of the journeys that came to it."""
    seconds = facts.journeys[f"seconds_to_{step}"].to_numpy(dtype=np.float64)
    return intervals.median(seconds[ended(facts) & ~np.isnan(seconds)])


def drop_share(facts: Facts, *, reason: str, comparisons: int = 1) -> Estimate:
    """Journeys that ended for this reason, of those that ended without a payment."""
    unpaid = ended(facts) & (facts.journeys["step"].to_numpy() < PAID)
    dropped = unpaid & (facts.journeys["drop"] == reason).to_numpy(dtype=np.bool_)
    return intervals.share(int(dropped.sum()), int(unpaid.sum()), comparisons=comparisons)


def taking_part(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - a count has no interval
    """Organisations that took part in an experiment, each once per experiment."""
    count = len(facts.participants)
    return Estimate(count, n=count)


def in_two_arms(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Organisations that were answered in more than one arm of an experiment, of those that took part."""
    crossed = facts.participants["crossed"]
    return intervals.share(int(crossed.sum()), len(crossed), comparisons=comparisons)


def misplaced(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Organisations that were first answered in an arm that they were not drawn into, of those that took part."""
    astray = facts.participants["astray"]
    return intervals.share(int(astray.sum()), len(astray), comparisons=comparisons)
