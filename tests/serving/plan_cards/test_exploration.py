"""Exploration as it is served: drawn once for an organisation, among what the guard allows, with exact chances."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.serving.harness import NOW, running, usage

BOTH = ["ecommerce", "support"]
"""Templates of two families: between these the guard leaves a choice to exploration."""


def test_exploration_is_logged_with_its_chances(tmp_path: Path) -> None:
    with running(tmp_path, exploration_budget=0.05) as service:
        service.put(templates=BOTH)
        service.recommended()

        chances = [each["propensity"] for each in service.candidates()]

    assert sum(chances) == pytest.approx(1, abs=1e-9)
    assert sum(chance > 0 for chance in chances) > 1


def test_exploration_suggests_no_plan_that_is_too_small(tmp_path: Path) -> None:
    with running(tmp_path, exploration_budget=0.2) as service:
        service.put(templates=BOTH)
        service.send(usage("e1", metric="documents", quantity=5_000))  # Basic holds 1,000
        service.recommended()

        drawn = [each["plan"] for each in service.candidates() if each["propensity"] > 0]

    assert len(drawn) > 1
    assert [plan for plan in drawn if plan.endswith("basic")] == []


def test_exploration_draws_nothing_that_the_guard_does_not_allow(tmp_path: Path) -> None:
    with running(tmp_path, exploration_budget=0.2) as service:
        service.put()
        service.recommended()

        drawn = [each["plan"] for each in service.candidates() if each["propensity"] > 0]

    assert drawn == ["ecommerce-basic"]


def test_the_same_world_gives_the_same_advice_in_every_tab_for_hours(tmp_path: Path) -> None:
    names = [f"shop-{i}" for i in range(40)]
    with running(tmp_path, exploration_budget=0.2) as service:
        for name in names:
            service.put(name, templates=BOTH)
        seen: dict[str, list[str]] = {name: [] for name in names}
        for hours in range(4):
            service.clock.move_to(NOW + timedelta(hours=hours))
            for name in names:
                for interval in ("month", "year"):
                    answer = service.get(f"plan-recommendations?interval={interval}", name).json()
                    seen[name].append(answer["plans"][0]["plan"])
        drawn = [each for each in service.candidates() if each["position"] == 1 and each["propensity"] < 0.5]

    assert {len(set(firsts)) for firsts in seen.values()} == {1}
    assert len({firsts[0] for firsts in seen.values()}) > 1
    assert drawn
