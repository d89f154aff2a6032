"""What stops an experiment, and how it grows while all is green."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from data_contracts.experiments import ExperimentStatuses
from recommender.experiments.assignment import arm_of
from serving.db.billing_tables import plan_changes
from serving.db.tables import decisions, experiment_changes
from serving.experiments import commands, repository, service
from serving.experiments.in_force import ExperimentsInForce
from serving.experiments.service import MayNotGrow
from tests.serving.databases import database_in
from tests.serving.harness import NOW, Service
from tests.serving.rankers import Cheapest, Shelf
from tests.serving.trying import IDS, experiment, trying, visited


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "models").mkdir()
    return Shelf(tmp_path / "models")


def test_a_challenger_that_fails_stops_the_experiment_with_reason_and_instant(tmp_path: Path, shelf: Shelf) -> None:
    broken = Cheapest(version="challenger", fault=ValueError("no"))
    with trying(tmp_path, challenger=broken) as service:
        visited(service, IDS)
        service.services.experiments.watch(now=NOW)
        (row,) = service.database.reading(lambda c: c.execute(select(experiment_changes)).all())
        service.put("late")
        late = service.recommended("late")
    assert (row.change, row.reason, row.occurred_at) == ("stopped", "guardrail ranker_failures, arm new", NOW)
    assert '"control_harmed":0' in row.detail
    assert late["experiment"] is None


def test_harm_that_both_arms_share_stops_nothing(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        visited(service, IDS)
        service.execute(update(decisions).values(latency_ms=9_000))
        service.services.experiments.watch(now=NOW)
        health_of_it = service.database.reading(_health)
    assert health_of_it.state.phase(NOW) == "running"
    slow = next(harm for harm in health_of_it.harms if harm.guardrail == "slow_answers")
    assert slow.harmed + slow.control_harmed == len(IDS)


def _health(connection: Any) -> service.Health:
    return service.health(connection, experiment(), now=NOW)


def failed_payment(organization_id: str, at: datetime) -> dict[str, Any]:
    return {
        "change_id": f"c-{organization_id}",
        "organization_id": organization_id,
        "quote_id": f"q-{organization_id}",
        "status": "failed",
        "direction": "start",
        "plan": "ecommerce-basic",
        "interval": "month",
        "effective_at": at,
        "subscription_version": 0,
        "content": "{}",
        "requested_at": at,
    }


@pytest.mark.parametrize(("minutes", "phase"), [(1, "stopped"), (-1, "running")])
def test_failed_payments_of_one_arm_stop_it_if_they_came_after_the_exposure(
    tmp_path: Path, shelf: Shelf, minutes: int, phase: str
) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        visited(service, IDS)
        new = [name for name in IDS if arm_of(experiment(), name).name == "new"]
        rows = [failed_payment(name, NOW + timedelta(minutes=minutes)) for name in new]
        service.execute(insert(plan_changes), rows)
        service.services.experiments.watch(now=NOW)
        state = service.database.reading(lambda c: repository.state_of(c, experiment()))
    assert state.phase(NOW) == phase


def test_it_grows_stage_by_stage_while_all_is_green_and_nobody_moves(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger"), stage_percent=10) as running_service:
        database, one = running_service.database, experiment(stage_percent=10)
        with pytest.raises(MayNotGrow, match="arm_without_organizations"):
            database.writing(lambda c: service.advance(c, one, now=NOW))
        visited(running_service, IDS)
        early = arms_seen(running_service)
        stages = []
        for _ in range(3):
            stages.append(database.writing(lambda c: service.advance(c, one, now=NOW)).stage_percent)
            running_service.services.experiments.refresh()
        with pytest.raises(MayNotGrow, match="last_stage"):
            database.writing(lambda c: service.advance(c, one, now=NOW))
        visited(running_service, IDS)
        late = arms_seen(running_service)
    assert stages == [25, 50, 100]
    assert 0 < len(early) < len(late) == len(IDS)
    assert early.items() <= late.items()


def arms_seen(service: Service) -> dict[str, str]:
    query = text("SELECT DISTINCT organization_id, arm FROM export_decisions WHERE arm IS NOT NULL")
    rows = service.database.reading(lambda c: c.execute(query).all())
    return {row.organization_id: row.arm for row in rows}


def test_a_wrong_split_keeps_it_from_growing(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger"), stage_percent=50) as running_service:
        visited(running_service, [f"org-{i}" for i in range(100)])
        database = running_service.database
        database.writing(lambda c: c.execute(update(decisions).where(decisions.c.arm.is_not(None)).values(arm="new")))
        database.writing(
            lambda c: c.execute(
                update(decisions).where(decisions.c.organization_id == first_in(running_service)).values(arm="control")
            )
        )
        with pytest.raises(MayNotGrow, match="sample_ratio"):
            database.writing(lambda c: service.advance(c, experiment(stage_percent=50), now=NOW))


def first_in(service: Service) -> str:
    return next(iter(arms_seen(service)))


def test_two_workers_stop_it_once(tmp_path: Path, shelf: Shelf) -> None:
    broken = Cheapest(version="challenger", fault=ValueError("no"))
    with trying(tmp_path, challenger=broken) as service:
        visited(service, IDS)
        other = ExperimentsInForce(service.services.experiments.declared, service.database)
        for each in (service.services.experiments, other):
            each.watch(now=NOW)
        rows = service.database.reading(lambda c: c.execute(select(experiment_changes)).all())
        assert other.assignment_of(IDS[0], now=NOW) is None
    assert len(rows) == 1


def test_an_ended_experiment_is_not_stopped_any_more() -> None:
    state = repository.ExperimentState(experiment(), 100)
    assert state.phase(datetime(2027, 1, 1, tzinfo=UTC)) == "ended"


def test_the_state_of_experiments_is_written_to_a_file(tmp_path: Path, shelf: Shelf) -> None:
    broken = Cheapest(version="challenger", fault=ValueError("no"))
    with trying(tmp_path, challenger=broken) as service:
        visited(service, IDS)
        service.services.experiments.watch(now=NOW)
        database_url, out = database_in(tmp_path), tmp_path / "to" / "statuses.json"
        commands.run(tmp_path / "experiments.yml", database_url, "show", "", reason="", out=out)

    (found,) = ExperimentStatuses.model_validate_json((tmp_path / "to" / "statuses.json").read_bytes()).statuses

    assert (found.phase, found.reason, found.stopped_at) == ("stopped", "guardrail ranker_failures, arm new", NOW)
    (failures,) = [each for each in found.guardrails if each.guardrail == "ranker_failures"]
    assert (failures.red, failures.harmed, failures.control_harmed) == (True, failures.organizations, 0)
