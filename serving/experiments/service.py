"""How an experiment is doing, when it is stopped, and whether it may grow."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from data_contracts.experiments import Experiment, ExperimentStatus, GuardrailCount, GuardrailName, Hindrance
from recommender.experiments.guardrails import Counted, Harm, harms, hindrances, next_stage
from recommender.experiments.sample_ratio import SampleRatio, sample_ratio
from serving.experiments import repository
from serving.experiments.repository import Standing
from serving.web.logs import logger


class MayNotGrow(ValueError):
    """The next stage is refused; `hindrances` says why."""

    def __init__(self, experiment: str, found: tuple[Hindrance, ...]) -> None:
        super().__init__(f"{experiment} may not grow: {', '.join(found)}")
        self.hindrances = found


class NotStopped(ValueError):
    """There is nothing to stop: it has ended or was stopped before."""


@dataclass(frozen=True, slots=True)
class Health:
    """An experiment with all that decides about its going on."""

    standing: Standing
    split: SampleRatio
    harms: tuple[Harm, ...]
    hindrances: tuple[Hindrance, ...]

    def handed_over(self, *, now: datetime) -> ExperimentStatus:
        """The same as whoever draws it takes it."""
        counted = ("guardrail", "arm", "harmed", "organizations", "control_harmed", "control_organizations")
        return ExperimentStatus(
            experiment=self.standing.experiment.name,
            phase=self.standing.phase(now),
            stage_percent=self.standing.stage_percent,
            stopped_at=self.standing.stopped_at,
            reason=self.standing.reason,
            hindrances=self.hindrances,
            guardrails=tuple(
                GuardrailCount(**{name: getattr(harm, name) for name in counted}, p_value=harm.p_value, red=harm.red)
                for harm in self.harms
            ),
        )


def health(connection: Connection, experiment: Experiment, *, now: datetime) -> Health:
    """Judge an experiment by what the database knows of it."""
    standing = repository.standing(connection, experiment)
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
    found = harms(experiment, Counted(Counter(each.arm for each in known), harmed))
    running = standing.phase(now) == "running"
    stage = standing.stage_percent
    return Health(
        standing=standing,
        split=split,
        harms=found,
        hindrances=hindrances(experiment, running=running, stage_percent=stage, split=split, found=found),
    )


def stop_if_harmful(connection: Connection, experiment: Experiment, *, now: datetime) -> Harm | None:
    """Stop a running experiment of which harm is proven; the worst harm, if it was stopped now."""
    if repository.standing(connection, experiment).phase(now) != "running":
        return None
    seen = health(connection, experiment, now=now)
    proven = [harm for harm in seen.harms if harm.red]
    if not proven:
        return None
    worst = max(proven, key=lambda harm: harm.log_evidence)
    stopped = repository.record(
        connection,
        experiment,
        "stopped",
        stage_percent=seen.standing.stage_percent,
        reason=f"guardrail {worst.guardrail}, arm {worst.arm}",
        detail=_figures(worst),
        now=now,
    )
    if not stopped:
        return None
    logger().warning("experiment_stopped", experiment=experiment.name, guardrail=worst.guardrail, arm=worst.arm)
    return worst


def stop(connection: Connection, experiment: Experiment, *, reason: str, now: datetime) -> Standing:
    """Stop it because the operator says so; raises `NotStopped`."""
    standing = repository.standing(connection, experiment)
    if (phase := standing.phase(now)) in ("stopped", "ended"):
        raise NotStopped(f"{experiment.name} has {phase}" if phase == "ended" else f"{experiment.name} was stopped")
    repository.record(
        connection, experiment, "stopped", stage_percent=standing.stage_percent, reason=reason, detail={}, now=now
    )
    return repository.standing(connection, experiment)


def advance(connection: Connection, experiment: Experiment, *, now: datetime) -> Standing:
    """Let it grow by one stage; raises `MayNotGrow` unless split and guardrails are green."""
    seen = health(connection, experiment, now=now)
    if seen.hindrances:
        raise MayNotGrow(experiment.name, seen.hindrances)
    repository.record(
        connection,
        experiment,
        "advanced",
        stage_percent=next_stage(seen.standing.stage_percent),
        reason="split and guardrails are green",
        detail={
            "organizations": dict(zip((arm.name for arm in experiment.arms), seen.split.counts, strict=True)),
            "split_p_value": seen.split.p_value,
        },
        now=now,
    )
    return repository.standing(connection, experiment)


def _figures(harm: Harm) -> dict[str, object]:
    names = ("guardrail", "arm", "tolerance", "harmed", "organizations", "control_harmed", "control_organizations")
    return {**{name: getattr(harm, name) for name in names}, "p_value": harm.p_value}
