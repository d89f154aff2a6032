"""Assignment to experiments and arms, decided by the organisation's id and the experiment's salt alone.

Three draws that know nothing of one another: one parts all organisations into segments, alike for every experiment;
one says from which stage on an organisation takes part; one gives it its arm. So a larger stage adds organisations and
moves none, and who is in one arm says nothing about another experiment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from data_contracts.experiments import Arm, Experiment
from recommender.ranking.exploration import uniform


@dataclass(frozen=True, slots=True)
class Assignment:
    """An organisation's place in an experiment."""

    experiment: Experiment
    arm: Arm


def arm_of(experiment: Experiment, organization_id: str) -> Arm:
    """The organisation's arm, whether it takes part yet or not; the same at every stage and instant."""
    draw = uniform(f"arm {_salt(experiment)} {organization_id}")
    edges = accumulate(experiment.shares)
    return next((arm for arm, edge in zip(experiment.arms, edges, strict=True) if draw < edge), experiment.arms[-1])


def takes_part(experiment: Experiment, organization_id: str, *, stage_percent: int) -> bool:
    """Whether the organisation is among the first `stage_percent` of the experiment's segment."""
    segment = experiment.segment
    if not segment.start <= 100 * uniform(f"segment {organization_id}") < segment.end:
        return False
    return 100 * uniform(f"stage {_salt(experiment)} {organization_id}") < stage_percent


def assign(running: Sequence[tuple[Experiment, int]], organization_id: str, *, now: datetime) -> Assignment | None:
    """The organisation's place in the one experiment it takes part in now.

    Args:
        running: Experiments that were not stopped, with their stages in percent; declared ones never share an
            organisation at one instant (`Experiment.meets`).
        organization_id: The organisation.
        now: The instant of the question.

    Returns:
        The experiment and the arm; `None` where it takes part in none.
    """
    for experiment, stage_percent in running:
        if experiment.starts_at <= now < experiment.ends_at and takes_part(
            experiment, organization_id, stage_percent=stage_percent
        ):
            return Assignment(experiment, arm_of(experiment, organization_id))
    return None


def _salt(experiment: Experiment) -> str:
    return experiment.salt or experiment.name
