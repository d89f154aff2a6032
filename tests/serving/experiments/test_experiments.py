"""Experiments over HTTP: who answers, what is logged, and who takes part."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from recommender.ranking.rules import RuleRanker
from serving.experiments import service
from serving.experiments.service import NotStopped
from tests.serving.harness import NOW, running, usage
from tests.serving.rankers import Cheapest, Shelf
from tests.serving.trying import IDS, declared, experiment, file_of, in_arm, said, trying


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "models").mkdir()
    return Shelf(tmp_path / "models")


def test_each_arm_is_answered_by_its_own_ranker_and_says_so(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        for arm, version in (("control", "champion"), ("new", "challenger")):
            service.put(name := in_arm(arm))
            assert said(service.recommended(name)) == ("autumn", arm, version, None)


def test_arm_experiment_and_time_taken_are_in_the_decision_log(tmp_path: Path, shelf: Shelf) -> None:
    with trying(tmp_path, challenger=Cheapest(version="challenger")) as service:
        service.put(name := in_arm("new"))
        service.recommended(name)
        row = service.database.reading(
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
        counted = service.services.metrics.text().decode()
    assert f'fallback_reason="{reason}",model_version="champion",strategy="model"' in counted


def test_a_slow_challenger_is_left_alone_for_a_while_and_the_champion_is_not(tmp_path: Path, shelf: Shelf) -> None:
    slow = Cheapest(version="challenger", seconds=0.6)
    with trying(tmp_path, challenger=slow) as service:
        service.services.fallback._timeout_seconds = 0.2
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
    assert said(answer) == ("autumn", "new", RuleRanker().version, "no_challenger")
    assert answer["strategy"] == "rules"


def test_an_arm_may_be_answered_by_the_rules_or_explore(tmp_path: Path, shelf: Shelf) -> None:
    arms = [{"name": "control", "share": 1, "exploration_budget": 0.05}, {"name": "new", "ranker": "rules", "share": 1}]
    with trying(tmp_path, challenger=None, arms=arms) as service:
        service.put(name := in_arm("new"))
        rules = service.recommended(name)
        service.put(other := in_arm("control"), templates=["ecommerce", "support"])  # the guard leaves a choice
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
        database = running_service.database
        database.writing(lambda c: service.stop(c, experiment(), reason="enough seen", now=NOW))
        running_service.services.experiments.watch(now=NOW)
        after = running_service.recommended(name)
        with pytest.raises(NotStopped, match="was stopped"):
            database.writing(lambda c: service.stop(c, experiment(), reason="again", now=NOW))
    assert said(before)[:3] == ("autumn", "new", "challenger")
    assert said(after) == (None, None, "champion", None)
    assert after["decision_id"] != before["decision_id"]
