"""An experiment whose truth is known: who took part, what became of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from data_contracts.experiments import Experiment
from pipelines.experiments.results import ParticipantOutcomes
from pipelines.experiments.units import NEVER, Exposures, Participants, find_participants
from recommender.experiments.assignment import arm_of

START = datetime(2026, 10, 1, tzinfo=UTC)
DAY_US = 86_400_000_000


def experiment(**changes: Any) -> Experiment:
    said: dict[str, Any] = {
        "name": "autumn",
        "starts_at": START,
        "ends_at": START + timedelta(days=30),
        "planned_organizations": 4_000,
        "arms": [{"name": "control", "share": 1}, {"name": "new", "ranker": "challenger", "share": 1}],
    }
    return Experiment.model_validate(said | changes)


def us(days: float) -> int:
    """Microseconds of an instant so many days after the start."""
    return int(START.timestamp()) * 1_000_000 + round(days * DAY_US)


def taken(one: Experiment, *, organizations: int, days: float = 20, seed: int = 1) -> Participants:
    """Organisations that came evenly over the first days, drawn into their arms."""
    rng = np.random.default_rng(seed)
    ids = [f"{seed}-{i}" for i in range(organizations)]
    return find_participants(
        one,
        Exposures(
            organization=np.array(ids, dtype=object),
            arm=np.array([arm_of(one, each).name for each in ids], dtype=object),
            decided_us=us(0) + (rng.random(organizations) * days * DAY_US).astype(np.int64),
        ),
    )


def outcomes(
    participants: Participants, *, rates: tuple[float, ...], cents: float = 19_000, seed: int = 1
) -> ParticipantOutcomes:
    """Each arm pays at its rate, two days after being exposed, so many cents a month."""
    rng = np.random.default_rng(seed)
    pays = rng.random(len(participants.arm)) < np.array(rates)[participants.arm]
    return ParticipantOutcomes(
        paid_us=np.where(pays, participants.since_us + 2 * DAY_US, NEVER),
        revenue_before_cents=np.zeros(len(pays)),
        revenue_after_cents=np.where(pays, cents, 0.0),
    )
