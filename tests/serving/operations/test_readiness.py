"""Readiness tells the truth, at once, and says which check failed and why."""

import shutil
import sqlite3
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
from sqlalchemy import text

from serving.db.migrate import expected_version
from serving.db.session import VERSION_TABLE
from serving.operations.checks import Finding, Readiness, disk_has_room, jobs_run
from tests.serving.databases import KIND
from tests.serving.harness import Service, running
from tests.serving.postgresql import BINARIES, MISSING, running_server


def failed(service: Service) -> tuple[int, dict[str, str]]:
    """The status of the answer, and the checks that are not well with their details."""
    time.sleep(1.1)  # an answer is kept for a second
    answer = service.client.get("/readyz")
    checks = {each["name"]: each["detail"] for each in answer.json()["checks"] if each["status"] != "ok"}
    return answer.status_code, checks


def test_a_service_that_can_do_everything_is_ready(service: Service) -> None:
    assert failed(service) == (200, {})


@pytest.mark.skipif(KIND != "sqlite", reason="holds the lock of an SQLite file")
def test_a_held_write_lock_is_not_ready_until_it_is_given_back(service: Service, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "plans.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    status, checks = failed(service)

    assert (status, list(checks)) == (503, ["writes"])
    assert checks["writes"] is not None
    other.execute("ROLLBACK")
    other.close()
    assert failed(service) == (200, {})


@pytest.mark.skipif(KIND != "postgresql", reason="on SQLite writers take turns by themselves")
def test_writers_that_take_turns_do_not_make_a_service_unready(service: Service) -> None:
    with service.database.engine.begin() as turn:
        turn.execute(text(f"LOCK TABLE {VERSION_TABLE} IN SHARE ROW EXCLUSIVE MODE"))

        assert failed(service) == (200, {})


def test_another_schema_is_not_ready_and_named(service: Service) -> None:
    service.execute("UPDATE plans_schema_version SET version_num = '0001'")

    status, checks = failed(service)

    assert (status, list(checks)) == (503, ["schema"])
    assert checks["schema"].startswith("it is at 0001 and must be at")


def test_a_champion_that_is_not_there_is_degraded_and_still_ready(tmp_path: Path) -> None:
    with running(tmp_path, model=tmp_path / "bundles") as service:
        assert failed(service) == (200, {"model": "no_champion: the rules answer"})
        assert service.client.get("/readyz").json()["status"] == "degraded"


def test_a_full_disk_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 100, 1024 * 1024))

    assert disk_has_room(tmp_path)() == Finding("disk", "failed", "1 MiB are free, 64 are needed")


@pytest.mark.parametrize(("silent", "status"), [(None, "ok"), (5.0, "ok"), (600.0, "failed")])
def test_jobs_that_have_been_silent_for_long_have_failed(silent: float | None, status: str) -> None:
    assert jobs_run(lambda: silent, failing=dict)().status == status


def test_a_job_that_fails_is_degraded_and_named() -> None:
    found = jobs_run(lambda: 1.0, failing=lambda: {"reconcile": "change-1"})()

    assert found == Finding("jobs", "degraded", "reconcile: change-1")


def test_a_check_that_hangs_fails_in_time_and_costs_one_thread() -> None:
    released = threading.Event()

    def hangs() -> Finding:
        released.wait()
        return Finding("slow", "ok")

    readiness = Readiness([("slow", hangs), ("fast", lambda: Finding("fast", "ok"))], limit_seconds=0.1)
    before = threading.active_count()
    try:
        for _ in range(3):
            readiness._kept = (float("-inf"), ())
            assert [each.status for each in readiness.findings()] == ["failed", "ok"]
        assert threading.active_count() <= before + 1
    finally:
        released.set()


@pytest.mark.slow
def test_a_server_that_was_never_migrated_is_not_ready(tmp_path: Path) -> None:
    assert BINARIES is not None, MISSING
    with running_server() as address, running(tmp_path, database_url=address, books=False) as service:
        status, checks = failed(service)

    assert status == 503
    assert checks["schema"] == f"it is at none and must be at {expected_version()}: migrate"
