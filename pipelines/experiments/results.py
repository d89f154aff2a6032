"""The results of an experiment at an instant: the split, and each arm against the control, day by day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from data_contracts.experiments import Experiment
from pipelines.experiments.effect import (
    LEVEL,
    Effect,
    Sample,
    State,
    adjusted,
    effect,
    organizations_to_decide,
    smallest_effect,
    state_of,
    winsorised,
)
from pipelines.experiments.units import Participants
from recommender.experiments.sample_ratio import SampleRatio, sample_ratio
from recommender.ranking.day_cube import DAY_US, EPOCH
from recommender.ranking.ranker import FloatArray, IntArray, Mask

Measure = Literal["paid", "revenue"]
"""Whether an organisation paid for a plan within the window; by how many cents its monthly revenue then changed."""


@dataclass(frozen=True, slots=True)
class ParticipantOutcomes:
    """The outcomes of the n participants; arrays (n,)."""

    paid_us: IntArray
    """When each participant first paid for a plan, `NEVER` without a payment."""
    revenue_before_cents: FloatArray
    """The monthly price that each participant paid at its first exposure."""
    revenue_after_cents: FloatArray
    """The monthly price at the end of each participant's window; not a number where it is unknown."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against the control by one measure."""

    measure: Measure
    arm: str
    control: str
    arm_sample: Sample
    control_sample: Sample
    latest: Effect
    state: State
    relevance: float
    """Smaller differences are irrelevant; in the measure's unit."""
    looks: pd.DataFrame
    """One row per day from the first ended window on: `day`, `organizations`, `difference`, `lower`, `upper`."""
    detectable: pd.DataFrame
    """One row per coming day up to the end: `day`, `organizations`, `smallest_effect` (80 % power)."""
    days_left: int | None
    """Days until the bounds force a decision, at the present pace; `None` where it cannot be estimated."""


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one experiment as of an instant."""

    experiment: Experiment
    as_of: datetime
    participants: Participants
    split: SampleRatio
    waiting: int
    """The number of participants whose window has not ended, and who do not count yet."""
    comparisons: tuple[Comparison, ...]
    """One comparison per measure and arm; empty while the split is red, because no effect is reliable then."""

    @property
    def hidden(self) -> bool:
        """Whether effects are withheld because the split is wrong."""
        return self.split.red


def results(
    experiment: Experiment, participants: Participants, outcomes: ParticipantOutcomes, *, as_of: datetime
) -> Results:
    """Compute the results as of an instant; participants count once their window is over."""
    now_us = int(as_of.timestamp()) * 1_000_000
    split = sample_ratio(participants.arm, np.array(experiment.shares), planned=experiment.planned_organizations)
    over_us = participants.since_us + experiment.window_days * DAY_US
    over = over_us <= now_us
    comparisons: list[Comparison] = []
    if not split.red:
        paid = (outcomes.paid_us < over_us).astype(np.float64)
        change = outcomes.revenue_after_cents - outcomes.revenue_before_cents
        known = over & np.isfinite(change)
        revenue = np.zeros(len(change))
        revenue[known] = adjusted(winsorised(change[known]), outcomes.revenue_before_cents[known])
        numbers: tuple[tuple[Measure, FloatArray, Mask], ...] = (("paid", paid, over), ("revenue", revenue, known))
        for measure, values, counts in numbers:
            compare = _comparer(
                experiment=experiment,
                measure=measure,
                values=values,
                counts=counts,
                participants=participants,
                over_us=over_us,
                now_us=now_us,
            )
            comparisons += [compare(place) for place in range(1, len(experiment.arms))]
    return Results(experiment, as_of, participants, split, int((~over).sum()), tuple(comparisons))


def _comparer(
    *,
    experiment: Experiment,
    measure: Measure,
    values: FloatArray,
    counts: Mask,
    participants: Participants,
    over_us: IntArray,
    now_us: int,
) -> Callable[[int], Comparison]:
    """A function that compares the arm at a place with the control; several arms share one error (Bonferroni)."""
    level = 1 - (1 - LEVEL) / (len(experiment.arms) - 1)
    tuned_for = experiment.planned_organizations
    relevance = experiment.relevance if measure == "paid" else float(experiment.relevance_cents)
    days = _days(over_us[counts], now_us)

    def compare(place: int) -> Comparison:
        control, arm = (
            _by_day(values[counts & (participants.arm == each)], over_us[counts & (participants.arm == each)], days)
            for each in (0, place)
        )
        found = effect(control, arm, level=level, tuned_for=tuned_for)
        looks = pd.DataFrame(
            {
                "day": pd.to_datetime(days // DAY_US, unit="D", utc=True),
                "organizations": (control.n + arm.n).astype(np.int64),
                "difference": found.difference,
                "lower": found.lower,
                "upper": found.upper,
            }
        )
        last_control, last_arm, latest = _last(control), _last(arm), _last_effect(found)
        state = state_of(latest, relevance=relevance)
        pace = float(last_control.n + last_arm.n) / max(len(days), 1)
        needed = organizations_to_decide(last_control, last_arm, relevance=relevance, level=level, tuned_for=tuned_for)
        return Comparison(
            measure=measure,
            arm=experiment.arms[place].name,
            control=experiment.control.name,
            arm_sample=last_arm,
            control_sample=last_control,
            latest=latest,
            state=state,
            relevance=relevance,
            looks=looks,
            detectable=_detectable(experiment, last_control, last_arm, pace, now_us, level=level),
            days_left=_days_left(state, needed, float(last_control.n + last_arm.n), pace),
        )

    return compare


def _days(over_us: IntArray, now_us: int) -> IntArray:
    """The ends of the days from the first ended window up to now, in microseconds."""
    if not len(over_us):
        return np.empty(0, dtype=np.int64)
    first = int(over_us.min()) // DAY_US
    return np.arange(first + 1, now_us // DAY_US + 2, dtype=np.int64) * DAY_US - 1


def _by_day(values: FloatArray, over_us: IntArray, days: IntArray) -> Sample:
    """One arm's sample at the end of each day, of the participants whose window was over by then."""
    order = np.argsort(over_us, kind="stable")
    n = np.searchsorted(over_us[order], days, side="right").astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(values[order])])[n.astype(np.int64)]
    squares = np.concatenate([[0.0], np.cumsum(values[order] ** 2)])[n.astype(np.int64)]
    mean = sums / np.maximum(n, 1)
    variance = np.maximum(squares - n * mean**2, 0.0) / np.maximum(n - 1, 1)
    return Sample(n, mean, variance)


def _last(sample: Sample) -> Sample:
    if not len(sample.n):
        return Sample(np.asarray(0.0), np.asarray(0.0), np.asarray(0.0))
    return Sample(*(np.asarray(getattr(sample, name)[-1]) for name in Sample.__slots__))


def _last_effect(found: Effect) -> Effect:
    if not len(found.difference):
        return Effect(np.asarray(0.0), np.asarray(-np.inf), np.asarray(np.inf))
    return Effect(*(np.asarray(getattr(found, name)[-1]) for name in Effect.__slots__))


def _detectable(
    experiment: Experiment, control: Sample, arm: Sample, pace: float, now_us: int, *, level: float
) -> pd.DataFrame:
    """The smallest detectable effect on each coming day, at the present pace of organisations."""
    now = EPOCH + timedelta(microseconds=now_us)
    last = experiment.ends_at + timedelta(days=experiment.window_days)
    ahead = np.arange(0, max((last - now).days, 0) + 1) if last > now else np.arange(0)
    n = np.asarray(float(control.n + arm.n) + pace * ahead, dtype=np.float64)
    known = smallest_effect(control, arm, n=n, level=level, tuned_for=experiment.planned_organizations)
    days = pd.to_datetime(now_us // DAY_US + ahead, unit="D", utc=True)
    return pd.DataFrame({"day": days, "organizations": n.round().astype(np.int64), "smallest_effect": known})


def _days_left(state: State, needed: int | None, n: float, pace: float) -> int | None:
    if state != "undecided":
        return 0
    if needed is None or pace == 0:
        return None
    return max(1, int(np.ceil((needed - n) / pace)))
