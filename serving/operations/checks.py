"""Readiness as named checks; each runs in its own thread, within a time limit, and reports what is wrong."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import insert

from serving.db.migrate import expected_version, schema_version
from serving.db.operation_tables import call_counts
from serving.db.session import Database
from serving.plan_cards.champion import ChampionHolder

Status = Literal["ok", "degraded", "failed"]

LIMIT_SECONDS: Final = 0.8
"""A check that takes longer has failed."""
FRESH_SECONDS: Final = 1.0
"""Findings are reused for so long, so that frequent requests cost nothing."""
MEBIBYTE: Final = 1024 * 1024
LEAST_FREE_MEBIBYTES: Final = 64
JOBS_SILENT_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    status: Status
    detail: str | None = None
    """The fault, for an operator; `None` when the check succeeded."""


Ask = Callable[[], Finding]
_expected = cache(expected_version)


class Probe:
    """One check, run by at most one thread at a time, so that a check that hangs holds one thread only."""

    def __init__(self, name: str, ask: Ask, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.name = name
        self._ask = ask
        self._limit_seconds = limit_seconds
        self._running: threading.Thread | None = None
        self._found: Finding | None = None

    def start(self) -> None:
        """Start the check, unless an earlier run has not ended."""
        if self._running is not None and self._running.is_alive():
            return
        self._found = None
        self._running = threading.Thread(target=self._run, name=f"check-{self.name}", daemon=True)
        self._running.start()

    def finding(self, *, until: float) -> Finding:
        """The finding; a failure when there is none by `until` (monotonic seconds)."""
        if self._running is not None:
            self._running.join(max(0.0, until - time.monotonic()))
        return self._found or Finding(self.name, "failed", f"no answer within {self._limit_seconds:g} s")

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except Exception as error:  # noqa: BLE001  any error is a finding of the check
            self._found = Finding(self.name, "failed", _first_line(error))


def _first_line(error: Exception) -> str:
    """The driver's message in one line, else the error's own."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0] if lines else type(error).__name__


class Readiness:
    """All checks, run at the same time."""

    def __init__(self, checks: Sequence[tuple[str, Ask]], *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._probes = [Probe(name, ask, limit_seconds=limit_seconds) for name, ask in checks]
        self._limit_seconds = limit_seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, tuple[Finding, ...]] = (float("-inf"), ())

    def findings(self) -> tuple[Finding, ...]:
        """The findings of all checks in their order, at most a second old."""
        with self._lock:
            asked_at, kept = self._kept
            if time.monotonic() - asked_at < FRESH_SECONDS:
                return kept
            until = time.monotonic() + self._limit_seconds
            for probe in self._probes:
                probe.start()
            found = tuple(probe.finding(until=until) for probe in self._probes)
            self._kept = (time.monotonic(), found)
            return found


def database_answers(database: Database) -> Ask:
    """Check that a query is answered."""

    def ask() -> Finding:
        database.answers()
        return Finding("database", "ok")

    return ask


def schema_is_current(database: Database) -> Ask:
    """Check that the schema has the version that this code expects."""

    def ask() -> Finding:
        found, expected = schema_version(database), _expected()
        if found == expected:
            return Finding("schema", "ok")
        return Finding("schema", "failed", f"it is at {found or 'none'} and must be at {expected}: migrate")

    return ask


def writes_succeed(database: Database) -> Ask:
    """Check that a row can be added; it is taken back. Its table is one that writers do not lock to take turns."""

    def ask() -> Finding:
        row = {"name": f"readiness:{uuid4().hex}", "window_at": datetime.now(UTC), "calls": 1}
        with database.trying_to_write(wait_seconds=LIMIT_SECONDS / 2) as connection:
            connection.execute(insert(call_counts).values(row))
        return Finding("writes", "ok")

    return ask


def disk_has_room(folder: Path) -> Ask:
    """Check that the disk of an embedded database has free space."""

    def ask() -> Finding:
        free = shutil.disk_usage(folder).free // MEBIBYTE
        if free >= LEAST_FREE_MEBIBYTES:
            return Finding("disk", "ok")
        return Finding("disk", "failed", f"{free} MiB are free, {LEAST_FREE_MEBIBYTES} are needed")

    return ask


def jobs_run(silent_seconds: Callable[[], float | None], *, failing: Callable[[], Mapping[str, str]]) -> Ask:
    """Whether a round of jobs has ended lately, and which of them fail; `None` seconds: no thread runs them here.

    A job that fails is degraded and not down: all others go on.
    """

    def ask() -> Finding:
        silent = silent_seconds()
        if silent is not None and silent > JOBS_SILENT_SECONDS:
            return Finding("jobs", "failed", f"no round has ended for {silent:.0f} s")
        if faults := failing():
            return Finding("jobs", "degraded", "; ".join(f"{name}: {why}" for name, why in faults.items()))
        return Finding("jobs", "ok")

    return ask


def model_answers(champions: ChampionHolder, *, wanted: bool) -> Ask:
    """Check that a configured champion is in force; without it the rules answer."""

    def ask() -> Finding:
        champion = champions.champion
        if champions.retrying:
            detail = f"{champion.version} answers; the check of the promoted bundle did not finish and is tried again"
            return Finding("model", "degraded", detail)
        if champion.ranker is not None or not wanted:
            return Finding("model", "ok")
        return Finding("model", "degraded", f"{champion.version}: the rules answer")

    return ask
