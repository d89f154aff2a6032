"""A champion trained on a small demo world, published as serving loads it; made once per file of stories."""

from pathlib import Path

import pytest

from data_contracts.catalogue import reference_texts
from models.data.dataset import load_training_set
from models.registry.bundle import point_to, write_bundle
from models.registry.registry import golden
from models.training.train import train
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from tests.serving.harness import NOW


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw tables of a small demo world that ends on the day before the stories play."""
    out = tmp_path_factory.mktemp("world") / "raw"
    write_demo_data(out=out, organizations=250, seed=3, until=NOW, broken_share=0, progress=lambda _step: None)
    return out


@pytest.fixture(scope="module")
def bundles(raw: Path) -> Path:
    """What `PLANS_MODEL` names, with a champion in it."""
    world = raw.parent
    build_training_set(checked=raw, out=world / "set", catalogues=[load_catalogue(*reference_texts())])
    trained = train(load_training_set(world / "set"), seed=7, num_threads=1, progress=lambda _step: None)
    published = world / "bundles"
    ranker = trained.ranker
    write_bundle(published / ranker.version, ranker=ranker, golden=golden(ranker, trained.holdout), about={})
    point_to(published, ranker.version)
    return published
