"""Whatever happens to a bundle, the service lives, answers from the old model and serves no wrong score.

Who may write the pointer's hash as well may promote whatever they like: such a bundle must still score its golden rows.

`MUTATIONS=2000` tries that many; 200 by default.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

import models.registry.bundle
from models.data.dataset import TrainingSet, columns_of, load_training_set
from models.ranker.plan_ranker import PlanRanker
from models.registry.bundle import GOLDEN_TOLERANCE, Golden, load_champion, point_to, write_bundle
from models.registry.registry import golden
from models.training.train import train
from recommender.ranking.ranker import FloatArray, Ranker
from serving.jobs.repeating import Repeating
from tests.models.world import built, silent
from tests.serving.forked_check import check_forked
from tests.serving.harness import Service, running, usage
from tests.serving.mutations import FORGERIES, MUTATIONS, Forgery, mutate

TRIED = int(os.environ.get("MUTATIONS", "200"))
NEW_ORGANISATION_EVERY = 20
OLD, NEW = "plan-ranker-1-old", "plan-ranker-2-new"


@dataclass(frozen=True)
class Bundles:
    """A registry's `bundles` with an old and a new version, and what both must say of every decision of a world."""

    folder: Path
    pristine: Path
    rows: TrainingSet
    rankers: dict[str, PlanRanker]
    golden: Golden
    """Of the new version, as they were registered."""

    def scores(self, ranker: Ranker) -> FloatArray:
        """What a ranker says of every decision."""
        return ranker.utilities(columns_of(ranker, self.rows), self.rows.group_sizes)

    def publish_new(self) -> None:
        """Point to the new version, as it was registered."""
        shutil.rmtree(self.folder / NEW)
        shutil.copytree(self.pristine, self.folder / NEW)
        point_to(self.folder, NEW)

    def publish_mutated(self, *, kind: str, forgery: Forgery, rng: Random) -> None:
        """Point to the new version and do something to it."""
        self.publish_new()
        mutate(self.folder / NEW, kind=kind, forgery=forgery, rng=rng)

    def new_as_registered(self) -> bool:
        """Whether the forgery put back byte for byte what the mutation took away."""
        names = ("model.txt", "manifest.json")
        return all((self.folder / NEW / name).read_bytes() == (self.pristine / name).read_bytes() for name in names)


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundles:
    monkeypatch.setattr(models.registry.bundle, "check_in_child", check_forked)
    monkeypatch.setattr(Repeating, "start", lambda _self: None)  # the test itself looks at the pointer
    root = built(tmp_path / "world", organizations=60)
    rows = load_training_set(root / "set")
    rankers, kept = {}, {}
    for seed, version in enumerate((OLD, NEW)):
        trained = train(rows, seed=seed, num_threads=1, progress=silent)
        rankers[version] = replace(trained.ranker, version=version)
        kept[version] = golden(rankers[version], trained.holdout)
        write_bundle(tmp_path / "bundles" / version, ranker=rankers[version], golden=kept[version], about={})
    point_to(tmp_path / "bundles", OLD)
    shutil.copytree(tmp_path / "bundles" / NEW, tmp_path / "pristine")
    return Bundles(tmp_path / "bundles", tmp_path / "pristine", rows, rankers, kept[NEW])


@pytest.mark.slow
def test_no_mutated_bundle_stops_the_service_or_makes_it_say_another_score(tmp_path: Path, bundles: Bundles) -> None:
    said = {version: bundles.scores(ranker) for version, ranker in bundles.rankers.items()}

    with running(tmp_path, model=bundles.folder, load=load_champion) as service:
        signs_up(service, "acme")
        old = answering(service)
        for number in range(TRIED):
            kind, forgery = list(MUTATIONS)[number % len(MUTATIONS)], FORGERIES[number // len(MUTATIONS) % 3]
            bundles.publish_mutated(kind=kind, forgery=forgery, rng=Random(number))
            if number % NEW_ORGANISATION_EVERY == 0:
                signs_up(service, f"organisation-{number}")
            found = answering(service, f"organisation-{number - number % NEW_ORGANISATION_EVERY}")

            if found is not old:
                what = f"mutation {number}: {kind}, hashes forged: {forgery}"
                assert forgery == "manifest and pointer" or bundles.new_as_registered(), f"{what} is taken"
                kept = bundles.golden
                same = np.abs(found.utilities(kept.features, kept.group_sizes) - kept.utilities) <= GOLDEN_TOLERANCE
                assert same.all(), f"{what} says other scores"
                point_to(bundles.folder, OLD)
                old = answering(service)

        assert np.array_equal(bundles.scores(old), said[OLD])
        assert not np.array_equal(said[NEW], said[OLD])
        bundles.publish_new()
        assert np.array_equal(bundles.scores(answering(service)), said[NEW])


def signs_up(service: Service, organization_id: str) -> None:
    """An organisation whose usage is known: no organisation of the training set was without."""
    service.put(organization_id)
    service.send(usage(f"{organization_id}-first", organization_id=organization_id))


def answering(service: Service, organization_id: str = "acme") -> Ranker:
    """Who answers over HTTP after a look at the pointer."""
    service.services.fallback.champions.refresh()
    answer = service.recommended(organization_id)
    ranker = service.services.fallback.champions.champion.ranker
    assert ranker is not None
    assert (answer["strategy"], answer["model_version"]) == ("model", ranker.version)
    return ranker
