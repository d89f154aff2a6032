"""Experiments over HTTP: who answers, what is logged, what stops them, and how they grow."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import insert, select, text, update

from data_contracts.experiments import Experiment, read_experiments
from recommender.experiments.assignment import arm_of
from serving.db.billing_tables import plan_changes
from serving.db.tables import decisions, experiment_changes
from serving.experiments import repository, service
from serving.experiments.in_force import ExperimentsInForce
from serving.experiments.service import MayNotGrow, NotStopped
from serving.plan_cards.champion import ChampionHolder
from tests.serving.harness import NOW, Service, running, usage
from tests.serving.rankers import Cheapest, Shelf

IDS = [f"org-{i}" for i in range(60)]


def declared(**changes: Any) -> dict[str, Any]:
    return {
        "name": "autumn",
        "starts_at": (NOW - timedelta(days=1)).isoformat(),
        "ends_at": (NOW + timedelta(days=30)).isoformat(),
        "planned_organizations": 20_000,
        "stage_percent": 100,
        "arms": [{"name": "control", "share": 1}, {"name": "new", "ranker": "challenger", "share": 1}],
        **changes,
    }


def file_of(folder: Path, *experiments: dict[str, Any]) -> Path:
    path = folder / "experiments.yml"
    path.write_text(yaml.safe_dump({"experiments": list(experiments)}))
    return path


def experiment(**changes: Any) -> Experiment:
    (one,) = read_experiments(yaml.safe_dump({"experiments": [declared(**changes)]}))
    return one


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "models").mkdir()
    return Shelf(tmp_path / "models")


@contextmanager
def trying(
    folder: Path, *, challenger: Cheapest | None, champion: Cheapest | None = None, **changes: Any
) -> Iterator[Service]:
    """A service with a champion (unless told otherwise: a good one) and an experiment on this challenger."""
    shelf = Shelf(folder / "models")
    shelf.promote(champion or Cheapest(version="champion"))
    path = file_of(folder, declared(**changes))
    with running(folder, model=shelf.folder, load=shelf.load, experiments=path) as service:
        holder: ChampionHolder = service.parts.advisor.challengers
        if challenger is not None:
            (shelf.folder / "challenger.json").write_text("x")
            holder._load = lambda _address: challenger
            holder.refresh()
        yield service


def in_arm(name: str, **changes: Any) -> str:
    """An organisation that is drawn into this arm."""
    return next(each for each in IDS if arm_of(experiment(**changes), each).name == name)


def said(answer: dict[str, Any]) -> tuple[object, ...]:
    return answer["experiment"], answer["arm"], answer["model_version"], answer["fallback_reason"]


def test_each_arm_is_answered_by_its_own_ranker_and_says_so(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        for arm, version in (("control", "champion"), ("new", "challenger")):
            service.put(name := in_arm(arm))
            assert said(service.recommended(name)) == ("autumn", arm, version, None)


def test_arm_experiment_and_time_taken_are_in_the_decision_log(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        service.put(name := in_arm("new"))
        service.recommended(name)
        row = service.parts.database.reading(
            lambda c: c.execute(text("SELECT DISTINCT experiment, arm, latency_ms FROM export_decisions")).one()
        )
    assert (row.experiment, row.arm) == ("autumn", "new")
    assert row.latency_ms > 0


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        (None, "no_challenger"),
        (Cheapest(version="challenger", fault=ValueError("no")), "challenger_failed"),
        (Cheapest(version="challenger", nonsense=True), "challenger_failed"),
    ],
    ids=["missing", "raises", "not a number"],
)
def test_a_challenger_that_cannot_answer_leaves_it_to_the_champion_and_the_arm_stays(
    tmp_path: Path, shelf: Shelf, challenger: Cheapest | None, reason: str
) -> None:
    with trying(tmp_path, challenger=challenger) as service:
        service.put(name := in_arm("new"))
        assert said(service.recommended(name)) == ("autumn", "new", "champion", reason)
        counted = service.parts.metrics.text().decode()
    assert f'fallback_reason="{reason}",model_version="champion",strategy="model"' in counted


def test_a_slow_challenger_is_left_alone_for_a_while_and_the_champion_is_not(tmp_path: Path, shelf: Shelf) -> None:
    slow = Cheapest(version="challenger", seconds=0.6)
    with trying(tmp_path, challenger=slow) as service:
        service.parts.advisor._timeout_seconds = 0.2
        service.put(name := in_arm("new"))
        first = service.recommended(name)
        service.send(usage("e1", organization_id=name))
        second = service.recommended(name)
        service.put(other := in_arm("control"))
        third = service.recommended(other)
    assert said(first) == said(second) == ("autumn", "new", "champion", "challenger_slow")
    assert slow.asked == 1
    assert said(third) == ("autumn", "control", "champion", None)


def test_without_champion_and_challenger_the_rules_answer_and_the_arm_stays(tmp_path: Path, shelf: Shelf) -> None:
    path = file_of(tmp_path, declared())
    with running(tmp_path, experiments=path) as service:
        service.put(name := in_arm("new"))
        answer = service.recommended(name)
    assert said(answer) == ("autumn", "new", "1", "no_challenger")
    assert answer["strategy"] == "rules"


def test_an_arm_may_be_answered_by_the_rules_or_explore(tmp_path: Path, shelf: Shelf) -> None:
    arms = [{"name": "control", "share": 1, "exploration_budget": 0.05}, {"name": "new", "ranker": "rules", "share": 1}]
    with trying(tmp_path, challenger=None, arms=arms) as service:
        service.put(name := in_arm("new"))
        rules = service.recommended(name)
        service.put(other := in_arm("control"))
        explored = service.recommended(other)
    assert (rules["strategy"], rules["fallback_reason"]) == ("rules", None)
    assert 0 < explored["plans"][0]["propensity"] < 1


def test_in_an_experiment_the_arm_decides_and_not_the_rules_share(tmp_path: Path, shelf: Shelf) -> None:
    shelf.promote(Cheapest(version="champion"))
    path = file_of(tmp_path, declared())
    with running(tmp_path, model=shelf.folder, load=shelf.load, experiments=path, rules_share=0.5) as service:
        for name in IDS[:12]:
            service.put(name)
            assert service.recommended(name)["fallback_reason"] in {None, "no_challenger"}


@pytest.mark.parametrize("changes", [{"starts_at": (NOW + timedelta(hours=1)).isoformat()}, {"stage_percent": 10}])
def test_whoever_takes_no_part_is_answered_as_everybody(tmp_path: Path, shelf: Shelf, changes: dict[str, Any]) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger"), **changes) as service:
        inside = set()
        for name in IDS:
            service.put(name)
            inside.add(said(service.recommended(name))[:3])
    assert (None, None, "champion") in inside
    assert len(inside) == (1 if "starts_at" in changes else 3)


def test_who_stops_it_by_hand_gives_everybody_back_to_the_champion(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as running_service:
        running_service.put(name := in_arm("new"))
        before = running_service.recommended(name)
        database = running_service.parts.database
        database.writing(lambda c: service.stop(c, experiment(), reason="enough seen", now=NOW))
        running_service.parts.experiments.watch(now=NOW)
        after = running_service.recommended(name)
        with pytest.raises(NotStopped, match="was stopped"):
            database.writing(lambda c: service.stop(c, experiment(), reason="again", now=NOW))
    assert said(before)[:3] == ("autumn", "new", "challenger")
    assert said(after) == (None, None, "champion", None)
    assert after["decision_id"] != before["decision_id"]


def visited(service: Service, names: list[str]) -> None:
    for name in names:
        service.put(name)
        service.recommended(name)


def test_a_challenger_that_fails_stops_the_experiment_with_reason_and_instant(tmp_path: Path, shelf: Shelf) -> None:
    broken = Cheapest(version="challenger", fault=ValueError("no"))
    with trying(tmp_path, challenger=broken) as service:
        visited(service, IDS)
        service.parts.experiments.watch(now=NOW)
        (row,) = service.parts.database.reading(lambda c: c.execute(select(experiment_changes)).all())
        service.put("late")
        late = service.recommended("late")
    assert (row.change, row.reason, row.occurred_at) == ("stopped", "guardrail ranker_failures, arm new", NOW)
    assert '"control_harmed":0' in row.detail
    assert late["experiment"] is None


def test_harm_that_both_arms_share_stops_nothing(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        visited(service, IDS)
        service.parts.database.writing(lambda c: c.execute(update(decisions).values(latency_ms=9_000)))
        service.parts.experiments.watch(now=NOW)
        health_of_it = service.parts.database.reading(_health)
    assert health_of_it.standing.phase(NOW) == "running"
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
        service.parts.database.writing(lambda c: c.execute(insert(plan_changes), rows))
        service.parts.experiments.watch(now=NOW)
        standing = service.parts.database.reading(lambda c: repository.standing(c, experiment()))
    assert standing.phase(NOW) == phase


def test_it_grows_stage_by_stage_while_all_is_green_and_nobody_moves(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger"), stage_percent=10) as running_service:
        database, one = running_service.parts.database, experiment(stage_percent=10)
        with pytest.raises(MayNotGrow, match="arm_without_organizations"):
            database.writing(lambda c: service.advance(c, one, now=NOW))
        visited(running_service, IDS)
        early = arms_seen(running_service)
        stages = []
        for _ in range(3):
            stages.append(database.writing(lambda c: service.advance(c, one, now=NOW)).stage_percent)
            running_service.parts.experiments.refresh()
        with pytest.raises(MayNotGrow, match="last_stage"):
            database.writing(lambda c: service.advance(c, one, now=NOW))
        visited(running_service, IDS)
        late = arms_seen(running_service)
    assert stages == [25, 50, 100]
    assert 0 < len(early) < len(late) == len(IDS)
    assert early.items() <= late.items()


def arms_seen(service: Service) -> dict[str, str]:
    query = text("SELECT DISTINCT organization_id, arm FROM export_decisions WHERE arm IS NOT NULL")
    rows = service.parts.database.reading(lambda c: c.execute(query).all())
    return {row.organization_id: row.arm for row in rows}


def test_a_wrong_split_keeps_it_from_growing(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger"), stage_percent=50) as running_service:
        visited(running_service, [f"org-{i}" for i in range(100)])
        database = running_service.parts.database
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
        other = ExperimentsInForce(service.parts.experiments.declared, service.parts.database)
        for each in (service.parts.experiments, other):
            each.watch(now=NOW)
        rows = service.parts.database.reading(lambda c: c.execute(select(experiment_changes)).all())
        assert other.place_of(IDS[0], now=NOW) is None
    assert len(rows) == 1


def test_an_ended_experiment_is_not_stopped_any_more() -> None:
    standing = repository.Standing(experiment(), 100)
    assert standing.phase(datetime(2027, 1, 1, tzinfo=UTC)) == "ended"
