"""A service that tries out a challenger, for the tests of experiments."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from data_contracts.experiments import Experiment, read_experiments
from recommender.experiments.assignment import arm_of
from serving.plan_cards.champion import ChampionHolder
from tests.serving.harness import NOW, Service, running
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


@contextmanager
def trying(
    folder: Path,
    *,
    challenger: Cheapest | None,
    champion: Cheapest | None = None,
    database_url: str | None = None,
    **changes: Any,
) -> Iterator[Service]:
    """A service with a champion (unless told otherwise: a good one) and an experiment on this challenger."""
    (folder / "models").mkdir(exist_ok=True)
    shelf = Shelf(folder / "models")
    shelf.promote(champion or Cheapest(version="champion"))
    path = file_of(folder, declared(**changes))
    elsewhere: dict[str, Any] = {} if database_url is None else {"database_url": database_url}
    with running(folder, model=shelf.folder, load=shelf.load, experiments=path, **elsewhere) as service:
        holder: ChampionHolder = service.services.fallback.challengers
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


def visited(service: Service, names: list[str]) -> None:
    for name in names:
        service.put(name)
        service.recommended(name)
