"""The running experiments, kept in memory so that a request reads no table."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from data_contracts.experiments import Experiment, read_experiments
from data_contracts.yaml_reading.places import decode
from recommender.experiments.assignment import Assignment, assign
from serving.db.session import Database
from serving.experiments import repository, service

WATCHED_EVERY: Final = timedelta(minutes=1)


class ExperimentsInForce:
    """The declared experiments that were not stopped; before the first `refresh` no organisation participates."""

    def __init__(self, declared: tuple[Experiment, ...], database: Database) -> None:
        self.declared = declared
        self._database = database
        self._running: tuple[tuple[Experiment, int], ...] = ()
        self._watched_at: datetime | None = None

    def assignment_of(self, organization_id: str, *, now: datetime) -> Assignment | None:
        """The arm of the one experiment that the organisation participates in now, or `None`."""
        return assign(self._running, organization_id, now=now) if self._running else None

    def named(self, name: str) -> Experiment | None:
        """The declared experiment of this name."""
        return next((each for each in self.declared if each.name == name), None)

    def refresh(self) -> None:
        """Read from the database which experiments were stopped or have advanced, by any process."""
        if not self.declared:
            return

        def read(connection: Connection) -> list[repository.ExperimentState]:
            return [repository.state_of(connection, each) for each in self.declared]

        states = self._database.reading(read)
        self._running = tuple((each.experiment, each.stage_percent) for each in states if each.stopped_at is None)

    def watch(self, *, now: datetime) -> None:
        """Refresh, and once a minute stop experiments that do harm."""
        self.refresh()
        if self._watched_at is not None and timedelta() <= now - self._watched_at < WATCHED_EVERY:
            return
        for experiment, _ in self._running:
            if experiment.starts_at <= now < experiment.ends_at:
                self._stop_if_harmful(experiment, now=now)
        self._watched_at = now

    def _stop_if_harmful(self, experiment: Experiment, *, now: datetime) -> None:
        # Reading may take long, so it holds no write lock; only a stop is written.
        health = self._database.reading(lambda connection: service.health(connection, experiment, now=now))
        if any(harm.red for harm in health.harms):
            self._database.writing(lambda connection: service.stop_if_harmful(connection, experiment, now=now))
            self.refresh()


def declared_experiments(path: Path | None) -> tuple[Experiment, ...]:
    """The experiments that a file declares; none without a file. Raises `CatalogueFaults`, `OSError`."""
    return () if path is None else read_experiments(decode(path.read_bytes(), source="experiments"))
