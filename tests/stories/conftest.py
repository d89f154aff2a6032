"""A champion trained on a small demo world, published as serving loads it; made once per file of stories."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.catalogue import reference_texts
from models.bundle import point_to, write_bundle
from models.dataset import load_training_set
from models.registry import golden
from models.train import train
from pipelines.demo_data import write_demo_data
from pipelines.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = tmp_path_factory.mktemp("world")
    end = datetime(2026, 3, 1, tzinfo=UTC)
    write_demo_data(
        out=world / "raw", organizations=250, seed=3, until=end, broken_share=0, progress=lambda _step: None
    )
    build_training_set(checked=world / "raw", out=world / "set", catalogues=[load_catalogue(*reference_texts())])
    trained = train(load_training_set(world / "set"), seed=7, num_threads=1, progress=lambda _step: None)
    published = world / "bundles"
    ranker = trained.ranker
    write_bundle(published / ranker.version, ranker=ranker, golden=golden(ranker, trained.judged_on), about={})
    point_to(published, ranker.version)
    return published
