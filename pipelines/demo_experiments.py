"""The demo world's experiments: one whose effect is known, and one in which both arms are the same (A/A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import yaml
from numpy.typing import NDArray

from data_contracts.experiments import Arm, Experiment, Segment
from recommender.experiments.assignment import assign

SILENT_SHARE: Final = 0.1
"""Of all decisions, those of which nothing more is heard."""
QUIETER: Final = {("fewer-lost", "new"): 0.015}
"""The same for the arm of an experiment that does something about it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where d decisions stand in experiments; empty texts for none."""

    experiment: NDArray[np.object_]
    arm: NDArray[np.object_]

    @property
    def silent_share(self) -> NDArray[np.float64]:
        """(d,) how probable it is that nothing more is heard."""
        pairs = zip(self.experiment, self.arm, strict=True)
        return np.array([QUIETER.get(pair, SILENT_SHARE) for pair in pairs], dtype=np.float64)


def demo_experiments(until: datetime) -> tuple[Experiment, ...]:
    """Both experiments, running for the four months before `until` and a month after it."""
    arms = (Arm(name="control", share=1), Arm(name="new", share=1))
    shared = {
        "starts_at": until - timedelta(days=150),
        "ends_at": until + timedelta(days=30),
        "stage_percent": 100,
        "arms": arms,
    }
    return (
        Experiment(
            name="fewer-lost",
            question="Made up: in the new arm fewer organisations leave without a word; the effect is 8.0 points.",
            planned_organizations=1_300,
            segment=Segment(start=0, end=45),
            **shared,
        ),
        Experiment(
            name="same-twice",
            question="Made up: both arms are the same (A/A); whatever shows here is chance.",
            planned_organizations=300,
            segment=Segment(start=45, end=55),
            **shared,
        ),
    )


def text_of(experiments: Sequence[Experiment]) -> str:
    """The experiments as the file that `PLANS_EXPERIMENTS` and the dashboards read."""
    rows = [each.model_dump(mode="json", exclude_defaults=True, exclude_none=True) for each in experiments]
    return yaml.safe_dump({"experiments": rows}, sort_keys=False, allow_unicode=True)


def places_of(
    experiments: Sequence[Experiment], organization_ids: Sequence[str], instants: Sequence[datetime]
) -> Places:
    """Where organisations stand at the instants of their decisions, as the service would say it."""
    running = [(each, int(each.stage_percent)) for each in experiments]
    found = [
        assign(running, str(organization_id), now=instant)
        for organization_id, instant in zip(organization_ids, instants, strict=True)
    ]
    return Places(
        np.array([None if each is None else each.experiment.name for each in found], dtype=np.object_),
        np.array([None if each is None else each.arm.name for each in found], dtype=np.object_),
    )
