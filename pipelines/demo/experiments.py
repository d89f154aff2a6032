"""The experiments of the demo world: one with a known effect, and an A/A test whose arms are the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import yaml
from numpy.typing import NDArray

from data_contracts.experiments import Arm, Experiment, Segment
from recommender.experiments.assignment import assign
from recommender.ranking.ranker import FloatArray

SILENT_SHARE: Final = 0.1
"""The share of decisions without further events."""
PAID_SHARE: Final = 0.94
"""The share of started changes that are paid."""
BETTER: Final = {("fewer-lost", "new"): (0.02, 0.99)}
"""Both shares in the arm that improves them, by experiment and arm."""
KNOWN_EFFECT: Final = 0.98 * 0.99 - (1 - SILENT_SHARE) * PAID_SHARE
"""The difference of the payment rates: a new organisation takes a plan unless there are no further events."""


@dataclass(frozen=True, slots=True)
class Assignments:
    """The experiment and arm of d decisions; `None` outside experiments."""

    experiment: NDArray[np.object_]
    arm: NDArray[np.object_]

    @property
    def shares(self) -> FloatArray:
        """(2, d) the probability of no further events, and that a started change is paid."""
        pairs = zip(self.experiment, self.arm, strict=True)
        found = [BETTER.get(pair, (SILENT_SHARE, PAID_SHARE)) for pair in pairs]
        return np.array(found, dtype=np.float64).reshape(-1, 2).T


def demo_experiments(until: datetime) -> tuple[Experiment, ...]:
    """Both experiments, running from 150 days before `until` to 30 days after it."""
    points = f"{100 * KNOWN_EFFECT:.1f}"
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
            question={
                "de": "Simuliert: In der Variante „new“ brechen weniger Organisationen wortlos ab, und weniger "
                "Zahlungen schlagen fehl. "
                f"Die bekannte Wirkung auf „bezahlt“ beträgt +{points.replace('.', ',')} Punkte.",
                "en": "Simulated: in the variant “new”, fewer organisations leave without further activity and fewer "
                f"payments fail. The known effect on “paid” is +{points} points.",
                "fr": "Simulé : dans la variante « new », moins d’organisations partent sans suite et moins de "
                f"paiements échouent. L’effet connu sur « payé » est de +{points.replace('.', ',')} points.",
            },
            planned_organizations=900,
            segment=Segment(start=0, end=30),
            **shared,
        ),
        Experiment(
            name="same-twice",
            question={
                "de": "Simuliert: Beide Varianten sind gleich (A/A). Jeder sichtbare Unterschied ist Zufall.",
                "en": "Simulated: both variants are the same (A/A). Any visible difference is chance.",
                "fr": "Simulé : les deux variantes sont identiques (A/A). Toute différence visible est due au hasard.",
            },
            planned_organizations=300,
            segment=Segment(start=30, end=38),
            **shared,
        ),
    )


def as_yaml(experiments: Sequence[Experiment]) -> str:
    """The experiments as the YAML that `PLANS_EXPERIMENTS` and the dashboards read."""
    rows = [each.model_dump(mode="json", exclude_defaults=True, exclude_none=True) for each in experiments]
    return yaml.safe_dump({"experiments": rows}, sort_keys=False, allow_unicode=True)


def assignments_of(
    experiments: Sequence[Experiment], organization_ids: Sequence[str], instants: Sequence[datetime]
) -> Assignments:
    """The assignments of organisations at the instants of their decisions, by the rules of the service."""
    running = [(each, int(each.stage_percent)) for each in experiments]
    found = [
        assign(running, str(organization_id), now=instant)
        for organization_id, instant in zip(organization_ids, instants, strict=True)
    ]
    return Assignments(
        np.array([None if each is None else each.experiment.name for each in found], dtype=np.object_),
        np.array([None if each is None else each.arm.name for each in found], dtype=np.object_),
    )
