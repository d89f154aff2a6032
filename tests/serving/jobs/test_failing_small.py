"""A row or a job that cannot be handled is said, stops no other, and is set aside after a few tries."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import text

from serving.jobs import leases
from serving.jobs.commands import JobCommands
from serving.jobs.schedule import JOBS
from serving.jobs.worker import Worker
from serving.payments.sandbox import Sandbox
from serving.web.each_alone import TRIES, SomeFailed, each_alone
from tests.serving.harness import Service
from tests.serving.lives import Life, selling

PRICES = {"basic": "100", "scale": "300"}


def worker(service: Service) -> Worker:
    return Worker(service.billing.jobs, service.database, service.clock)


def commands(service: Service, said: list[str]) -> JobCommands:
    return JobCommands(
        service.database,
        service.clock,
        worker=worker(service),
        reconciliation=service.billing.reconciliation,
        collection=service.billing.collection,
        say=said.append,
    )


def test_every_row_has_its_turn_and_those_that_failed_are_named(service: Service) -> None:
    done: list[int] = []

    def work(row: int) -> None:
        if row == 2:
            raise ZeroDivisionError
        done.append(row)

    with pytest.raises(SomeFailed) as failed:
        each_alone(service.database, "some", [1, 2, 3], work, name=str, now=service.clock())

    assert done == [1, 3]
    assert failed.value.names == ("2",)


def test_a_row_waits_longer_after_each_failure_and_is_set_aside_in_the_end(service: Service) -> None:
    tries: list[timedelta] = []
    began = service.clock()

    def fails(_: str) -> None:
        tries.append(service.clock() - began)
        raise ValueError("odd row of ada@example.com")

    for _ in range(400):
        with suppress(SomeFailed):
            each_alone(service.database, "some", ["a"], fails, name=str, now=service.clock())
        service.clock.move_to(service.clock() + timedelta(seconds=10))

    assert [each.total_seconds() for each in tries] == [0, 10, 30, 70, 150, 310, 630, 1270]
    (row,) = service.database.reading(leases.failed_rows)
    assert (row.tries, row.set_aside_at is not None, row.reason) == (TRIES, True, "ValueError: odd row of …")


def test_a_row_that_succeeds_again_is_forgotten(service: Service) -> None:
    with pytest.raises(SomeFailed):
        each_alone(service.database, "some", ["a"], lambda _: 1 / 0, name=str, now=service.clock())

    each_alone(service.database, "some", ["a"], str, name=str, now=service.clock() + timedelta(seconds=10))

    assert service.database.reading(leases.failed_rows) == []


def refusing_look_ups(life: Life, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another organisation whose unknown payment cannot be looked up, as a provider does that answers 400 (O5)."""
    other = Life(life.service, "other")
    life.service.put("other", country="US", trial_started_at="2025-01-01T00:00:00Z", integrations=[])
    other.pays_with("tok_timeout")
    confirmed = other.confirms(other.previews("basic")).json()
    assert confirmed["status"] == "payment_pending"

    def refuses(*_: Any, **__: Any) -> None:
        raise RuntimeError("resource_missing")

    monkeypatch.setattr(Sandbox, "find", refuses)
    return str(confirmed["change_id"])


def test_an_unknown_payment_that_cannot_be_looked_up_stops_no_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with selling(tmp_path, PRICES, begins="2025-01-01") as life:
        life.takes("basic")
        refusing_look_ups(life, monkeypatch)
        life.at("2025-02-02")

        assert [kind for kind, _, _ in life.charges()] == ["change", "renewal"]
        assert "reconcile" in life.service.billing.jobs.failing
        metrics = life.service.client.get("/metrics").text
        assert 'plans_job_failures_total{job="reconcile"}' in metrics


def test_an_operator_sees_what_was_set_aside_and_settles_it_with_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with selling(tmp_path, PRICES, begins="2025-01-01") as life:
        service, said = life.service, list[str]()
        change_id = refusing_look_ups(life, monkeypatch)
        for minutes in range(2, 40):
            life.at(f"2025-01-01T00:{minutes:02}")
            worker(service).run_alone("reconcile")

        metrics = service.client.get("/metrics").text
        ready = service.client.get("/readyz").json()
        commands(service, said).do("list", reason="", by="")
        with pytest.raises(typer.BadParameter, match="--reason"):
            commands(service, said).do("settle", "reconcile", change_id, "paid", reason="", by="ada")
        commands(service, said).do("settle", "reconcile", change_id, "paid", reason="seen at the bank", by="ada")

        assert 'plans_job_rows_set_aside{job="reconcile"} 1.0' in metrics
        jobs = next(check for check in ready["checks"] if check["name"] == "jobs")
        assert (ready["status"], jobs["detail"]) == ("degraded", "reconcile: 1 set aside")
        assert any(f"reconcile {change_id}: set aside after {TRIES} tries" in line for line in said)
        assert Life(service, "other").subscription()["plan"] == "basic"
        log = service.rows("SELECT actor, action, subject, detail FROM operator_log")
        assert log == [("ada", "job_row_settle", f"reconcile {change_id}", "paid: seen at the bank")]
        assert service.database.reading(leases.failed_rows) == []


def test_a_row_may_be_tried_again_by_hand(service: Service) -> None:
    with pytest.raises(SomeFailed):
        each_alone(service.database, "mails", ["m1"], lambda _: 1 / 0, name=str, now=service.clock())
    said: list[str] = []

    commands(service, said).do("retry", "mails", "m1", reason="mended", by="ada")

    assert said == ["mails m1: is tried again"]
    assert service.database.reading(leases.failed_rows) == []


def test_what_operators_did_is_never_changed(service: Service) -> None:
    commands(service, []).do("run", "collect", reason="now", by="ada")

    for change in ("UPDATE operator_log SET actor = 'eve'", "DELETE FROM operator_log"):
        with pytest.raises(Exception, match="never changes"):
            service.execute(text(change))


def test_a_job_that_succeeds_again_is_no_longer_failing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = service.billing.jobs
    with monkeypatch.context() as broken:
        broken.setattr(jobs._experiments, "watch", lambda **_: 1 / 0)
        jobs.run_due(now=service.clock())
    assert dict(jobs.failing) == {"experiments": "ZeroDivisionError: division by zero"}

    jobs.run_due(now=service.clock())

    assert dict(jobs.failing) == {}


def test_of_two_processes_one_runs_a_job_and_the_other_takes_over_when_it_dies(service: Service) -> None:
    def takes(holder: str, later: timedelta = timedelta()) -> bool:
        now = service.clock() + later
        return service.database.writing(lambda c: leases.take(c, "collect", holder=holder, now=now))

    assert takes("a")
    assert takes("a")
    assert not takes("b")
    assert takes("b", leases.LEASE)


def test_a_lease_of_a_clock_that_was_set_back_does_not_hold(service: Service) -> None:
    ahead = service.clock() + timedelta(days=1)
    service.database.writing(lambda c: leases.take(c, "collect", holder="a", now=ahead))

    assert service.database.writing(lambda c: leases.take(c, "collect", holder="b", now=service.clock()))


def test_every_run_is_noted_with_its_success_and_its_failures(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, lanes = service.billing.jobs, worker(service)
    lanes.run_alone("experiments")
    monkeypatch.setattr(jobs._experiments, "watch", lambda **_: 1 / 0)
    for _ in range(2):
        lanes.run_alone("experiments")

    statuses = {each.job: each for each in service.database.reading(lambda c: leases.statuses(c, JOBS))}

    assert statuses["experiments"].succeeded_at == service.clock()
    assert (statuses["experiments"].failures, statuses["collect"].succeeded_at) == (2, None)
