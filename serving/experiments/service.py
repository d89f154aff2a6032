"""Judge the health of experiments, stop them, and let them advance by a stage."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from data_contracts.experiments import Experiment, ExperimentStatus, GuardrailCount, GuardrailName, Hindrance
from recommender.experiments.guardrails import Counted, Harm, harms, hindrances, next_stage
from recommender.experiments.sample_ratio import SampleRatio, sample_ratio
from serving.experiments import repository
from serving.experiments.repository import ExperimentState
from serving.web.logs import logger


class MayNotGrow(ValueError):
    """The next stage is refused; `hindrances` lists the reasons."""

    def __init__(self, experiment: str, hindrances: tuple[Hindrance, ...]) -> None:
        super().__init__(f"{experiment} may not grow: {', '.join(hindrances)}")
        self.hindrances = hindrances


class NotStopped(ValueError):
    """The experiment has ended or was stopped before."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of an experiment with its split, its harms, and what hinders its next stage."""

    state: ExperimentState
    split: SampleRatio
    harms: tuple[Harm, ...]
    hindrances: tuple[Hindrance, ...]

    def exported(self, *, now: datetime) -> ExperimentStatus:
        """The same in the shape that the dashboards read."""
        counted = ("guardrail", "arm", "harmed", "organizations", "control_harmed", "control_organizations")
        return ExperimentStatus(
            experiment=self.state.experiment.name,
            phase=self.state.phase(now),
            stage_percent=self.state.stage_percent,
            stopped_at=self.state.stopped_at,
            reason=self.state.reason,
            hindrances=self.hindrances,
            guardrails=tuple(
                GuardrailCount(**{name: getattr(harm, name) for name in counted}, p_value=harm.p_value, red=harm.red)
                for harm in self.harms
            ),
        )


def health(connection: Connection, experiment: Experiment, *, now: datetime) -> Health:
    """Judge an experiment by the decisions, payments and cancellations in the database."""
    state = repository.state_of(connection, experiment)
    exposed = repository.exposed(connection, experiment)
    places = {arm.name: place for place, arm in enumerate(experiment.arms)}
    known = [each for each in exposed if each.arm in places]
    arms = np.array([places[each.arm] for each in known], dtype=np.int64)
    split = sample_ratio(arms, np.array(experiment.shares), planned=experiment.planned_organizations)
    failed = repository.last_payment_failure(connection, since=experiment.starts_at)
    cancelled = repository.last_cancellation(connection, since=experiment.starts_at)
    harmed: dict[GuardrailName, Counter[str]] = {
        "ranker_failures": Counter(each.arm for each in known if each.ranker_failed),
        "slow_answers": Counter(each.arm for each in known if each.slow),
        "payment_failures": Counter(
            each.arm for each in known if failed.get(each.organization_id, experiment.starts_at) > each.since
        ),
        "cancellations": Counter(
            each.arm for each in known if cancelled.get(each.organization_id, experiment.starts_at) > each.since
        ),
    }
    measured = harms(experiment, Counted(Counter(each.arm for each in known), harmed))
    running = state.phase(now) == "running"
    stage = state.stage_percent
    return Health(
        state=state,
        split=split,
        harms=measured,
        hindrances=hindrances(experiment, running=running, stage_percent=stage, split=split, found=measured),
    )


def stop_if_harmful(connection: Connection, experiment: Experiment, *, now: datetime) -> Harm | None:
    """Stop a running experiment whose harm is proven; returns the worst harm if this call stopped it."""
    if repository.state_of(connection, experiment).phase(now) != "running":
        return None
    current = health(connection, experiment, now=now)
    proven = [harm for harm in current.harms if harm.red]
    if not proven:
        return None
    worst = max(proven, key=lambda harm: harm.log_evidence)
    stopped = repository.record(
        connection,
        experiment,
        "stopped",
        stage_percent=current.state.stage_percent,
        reason=f"guardrail {worst.guardrail}, arm {worst.arm}",
        detail=_figures(worst),
        now=now,
    )
    if not stopped:
        return None
    logger().warning("experiment_stopped", experiment=experiment.name, guardrail=worst.guardrail, arm=worst.arm)
    return worst


def stop(connection: Connection, experiment: Experiment, *, reason: str, now: datetime) -> ExperimentState:
    """Stop an experiment by order of the operator; raises `NotStopped`."""
    state = repository.state_of(connection, experiment)
    if (phase := state.phase(now)) in ("stopped", "ended"):
        raise NotStopped(f"{experiment.name} has {phase}" if phase == "ended" else f"{experiment.name} was stopped")
    repository.record(
        connection, experiment, "stopped", stage_percent=state.stage_percent, reason=reason, detail={}, now=now
    )
    return repository.state_of(connection, experiment)


def advance(connection: Connection, experiment: Experiment, *, now: datetime) -> ExperimentState:
    """Advance an experiment by one stage; raises `MayNotGrow` unless split and guardrails are green."""
    current = health(connection, experiment, now=now)
    if current.hindrances:
        raise MayNotGrow(experiment.name, current.hindrances)
    repository.record(
        connection,
        experiment,
        "advanced",
        stage_percent=next_stage(current.state.stage_percent),
        reason="split and guardrails are green",
        detail={
            "organizations": dict(zip((arm.name for arm in experiment.arms), current.split.counts, strict=True)),
            "split_p_value": current.split.p_value,
        },
        now=now,
    )
    return repository.state_of(connection, experiment)


def _figures(harm: Harm) -> dict[str, object]:
    names = ("guardrail", "arm", "tolerance", "harmed", "organizations", "control_harmed", "control_organizations")
    return {**{name: getattr(harm, name) for name in names}, "p_value": harm.p_value}
