"""The command line of experiments: show them, stop one, advance one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import typer
from sqlalchemy import Connection

from data_contracts.experiments import Experiment, ExperimentStatuses
from serving.clock import system_clock
from serving.db.session import Database
from serving.experiments import service
from serving.experiments.in_force import declared_experiments
from serving.experiments.repository import ExperimentState
from serving.experiments.service import Health, MayNotGrow, NotStopped


def run(
    experiments: Path | None, database_url: str, do: str, name: str, *, reason: str, out: Path | None = None
) -> None:
    """Show every experiment that the file declares (and write it to `out`), or stop or advance the named one.

    Raises `CatalogueFaults`, `OSError`, `SQLAlchemyError` and typer's own for wrong arguments.
    """
    declared = declared_experiments(experiments)
    now = system_clock()
    with _database(database_url) as database:
        if do == "show":
            _show(declared, database, now=now, out=out)
        elif do in ("stop", "advance"):
            _change(declared, database, do, name, reason=reason, now=now)
        else:
            raise typer.BadParameter(f"{do!r} is not show, stop or advance")


def _show(declared: tuple[Experiment, ...], database: Database, *, now: datetime, out: Path | None) -> None:
    if not declared:
        typer.echo("No experiments are declared; PLANS_EXPERIMENTS names their file.")
    statuses = []
    for experiment in declared:

        def read(connection: Connection, experiment: Experiment = experiment) -> Health:
            return service.health(connection, experiment, now=now)

        health = database.reading(read)
        statuses.append(health.exported(now=now))
        typer.echo("\n".join(lines(health, now=now)))
    if out is not None:
        exported = ExperimentStatuses(as_of=now, statuses=tuple(statuses))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(exported.model_dump_json(indent=2), encoding="utf-8")


def _change(
    declared: tuple[Experiment, ...], database: Database, do: str, name: str, *, reason: str, now: datetime
) -> None:
    experiment = next((each for each in declared if each.name == name), None)
    if experiment is None:
        names = ", ".join(each.name for each in declared) or "none"
        raise typer.BadParameter(f"no experiment is named {name!r}; declared are: {names}")

    def write(connection: Connection) -> ExperimentState:
        if do == "stop":
            return service.stop(connection, experiment, reason=reason, now=now)
        return service.advance(connection, experiment, now=now)

    try:
        state = database.writing(write)
    except (MayNotGrow, NotStopped) as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(1) from refused
    typer.echo(headline(state, now=now))


def headline(state: ExperimentState, *, now: datetime) -> str:
    """The state of an experiment in one line."""
    experiment, phase = state.experiment, state.phase(now)
    dates = f"{experiment.starts_at:%Y-%m-%d} to {experiment.ends_at:%Y-%m-%d}"
    line = f"{experiment.name}: {phase}, stage {state.stage_percent} %, {dates}"
    if state.stopped_at is not None:
        line += f"; stopped {state.stopped_at:%Y-%m-%d %H:%M} UTC: {state.reason}"
    return line


def lines(health: Health, *, now: datetime) -> list[str]:
    """An experiment in lines: its state, its split, its guardrails, and what hinders its next stage."""
    experiment, split = health.state.experiment, health.split
    text = [headline(health.state, now=now)]
    arms = ", ".join(
        f"{arm.name} {count} (expected {expected:.0f})"
        for arm, count, expected in zip(experiment.arms, split.counts, split.expected, strict=True)
    )
    state = "RED" if split.red else "green"
    text.append(f"  split {state} (p {split.p_value:.3g}): {arms}")
    for harm in health.harms:
        state = "RED" if harm.red else "green"
        text.append(
            f"  {harm.guardrail} {state} (p {harm.p_value:.3g}): {harm.arm} {harm.harmed} of {harm.organizations},"
            f" control {harm.control_harmed} of {harm.control_organizations}"
        )
    text.append(f"  next stage: {', '.join(health.hindrances) or 'may grow'}")
    return text


@contextmanager
def _database(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()
