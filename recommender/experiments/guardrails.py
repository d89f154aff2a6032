"""Whether an arm harms more than the control, whether an experiment may grow, and whether it must stop."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Final

from data_contracts.experiments import STAGES, Experiment, GuardrailName, Hindrance
from recommender.experiments.evidence import excess_evidence
from recommender.experiments.sample_ratio import SampleRatio

THRESHOLD: Final = 0.01
"""The chance, per guardrail and arm, of ever stopping an experiment that harms nobody."""


@dataclass(frozen=True, slots=True)
class Harm:
    """One guardrail of one arm: so many of its organisations were harmed, and so many of the control's."""

    guardrail: GuardrailName
    arm: str
    tolerance: float
    harmed: int
    organizations: int
    control_harmed: int
    control_organizations: int
    log_evidence: float

    @property
    def red(self) -> bool:
        """Whether the harm is proven."""
        return self.log_evidence >= -log(THRESHOLD)

    @property
    def p_value(self) -> float:
        """Valid however often it is looked at."""
        return min(1.0, exp(-max(self.log_evidence, 0.0)))


@dataclass(frozen=True, slots=True)
class Counted:
    """Organisations per arm, all that took part and those that a guardrail counts as harmed."""

    organizations: Mapping[str, int]
    harmed: Mapping[GuardrailName, Mapping[str, int]]


def harms(experiment: Experiment, counted: Counted) -> tuple[Harm, ...]:
    """Every guardrail of every arm but the control, in declared order."""
    control = experiment.control
    found = []
    for guardrail in experiment.guardrails:
        harmed = counted.harmed.get(guardrail.name, {})
        for arm in experiment.arms[1:]:
            here, there = harmed.get(arm.name, 0), harmed.get(control.name, 0)
            evidence = excess_evidence(
                here, here + there, share=arm.share / (arm.share + control.share), tolerance=guardrail.tolerance
            )
            found.append(
                Harm(
                    guardrail=guardrail.name,
                    arm=arm.name,
                    tolerance=guardrail.tolerance,
                    harmed=here,
                    organizations=counted.organizations.get(arm.name, 0),
                    control_harmed=there,
                    control_organizations=counted.organizations.get(control.name, 0),
                    log_evidence=evidence,
                )
            )
    return tuple(found)


def hindrances(
    experiment: Experiment, *, running: bool, stage_percent: int, split: SampleRatio, found: tuple[Harm, ...]
) -> tuple[Hindrance, ...]:
    """Everything that speaks against the next stage; empty when the experiment may grow.

    An arm that nobody has been in is not green: nothing is known of it.
    """
    holds_for: dict[Hindrance, bool] = {
        "not_running": not running,
        "last_stage": stage_percent >= STAGES[-1],
        "arm_without_organizations": 0 in split.counts or len(split.counts) < len(experiment.arms),
        "sample_ratio": split.red,
        "guardrail": any(harm.red for harm in found),
    }
    return tuple(hindrance for hindrance, holds in holds_for.items() if holds)


def next_stage(stage_percent: int) -> int:
    """The stage after this one; the last has none after it and stays."""
    return next((stage for stage in STAGES if stage > stage_percent), STAGES[-1])
