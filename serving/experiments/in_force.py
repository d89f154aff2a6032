"""The experiments that organisations take part in now, kept in memory so that a request asks no table."""

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
    """What was declared and not stopped; until the database was first asked, nobody takes part in anything."""

    def __init__(self, declared: tuple[Experiment, ...], database: Database) -> None:
        self.declared = declared
        self._database = database
        self._running: tuple[tuple[Experiment, int], ...] = ()
        self._watched_at: datetime | None = None

    def place_of(self, organization_id: str, *, now: datetime) -> Assignment | None:
        """The organisation's place in the one experiment it takes part in now."""
        return assign(self._running, organization_id, now=now) if self._running else None

    def named(self, name: str) -> Experiment | None:
        """The declared experiment of this name."""
        return next((each for each in self.declared if each.name == name), None)

    def refresh(self) -> None:
        """Ask the database which were stopped or have grown, by whomever."""
        if not self.declared:
            return

        def read(connection: Connection) -> list[repository.Standing]:
            return [repository.standing(connection, each) for each in self.declared]

        found = self._database.reading(read)
        self._running = tuple((each.experiment, each.stage_percent) for each in found if each.stopped_at is None)

    def watch(self, *, now: datetime) -> None:
        """Refresh, and now and then stop what does harm."""
        self.refresh()
        if self._watched_at is not None and timedelta() <= now - self._watched_at < WATCHED_EVERY:
            return
        for experiment, _ in self._running:
            if experiment.starts_at <= now < experiment.ends_at:
                self._stop_if_harmful(experiment, now=now)
        self._watched_at = now

    def _stop_if_harmful(self, experiment: Experiment, *, now: datetime) -> None:
        # What is read may be much, so it is read without holding up writers; only a stop is then written.
        seen = self._database.reading(lambda connection: service.health(connection, experiment, now=now))
        if any(harm.red for harm in seen.harms):
            self._database.writing(lambda connection: service.stop_if_harmful(connection, experiment, now=now))
            self.refresh()


def declared_experiments(path: Path | None) -> tuple[Experiment, ...]:
    """The experiments of a file; none without one. Raises `CatalogueFaults` or `OSError`."""
    return () if path is None else read_experiments(decode(path.read_bytes(), source="experiments"))
