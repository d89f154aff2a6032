"""What the notebooks show of usage, counted by hand; and rankers learned from more and more decisions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_contracts.catalogue import reference_texts
from data_contracts.usage import METRICS
from models.data.dataset import TrainingSet, load_training_set
from models.data.situations import Batch, load_situations
from models.data.usage_tables import choices_by_usage, usage_before_the_decision, usage_by_template
from models.training.learning_curve import learning_curve
from recommender.billing.catalogue_build import load_catalogue
from tests.models.world import built, silent

CONVERSATIONS = METRICS.index("conversations")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingSet, tuple[Batch, ...]]:
    folder: Path = built(tmp_path_factory.mktemp("world"), organizations=60) / "set"
    return load_training_set(folder), load_situations(folder, [load_catalogue(*reference_texts())])


def test_usage_by_template_counts_every_decision_with_known_usage(
    world: tuple[TrainingSet, tuple[Batch, ...]],
) -> None:
    rows, batches = world

    found = usage_by_template(batches)

    mine = found[(found["template"] == batches[0].plans.templates[0]) & (found["metric"] == "conversations")]
    installed = sum(int(batch.situations.templates[:, 0].sum()) for batch in batches)
    assert 0 < int(mine["decisions"].sum()) <= installed <= len(rows)
    assert (found["a quarter use at most"] <= found["half use at most"]).all()
    assert (found["half use at most"] <= found["three quarters use at most"]).all()


def test_usage_of_a_catalogue_without_templates_stands_under_none(
    world: tuple[TrainingSet, tuple[Batch, ...]],
) -> None:
    _, batches = world
    bare = [
        replace(
            batch,
            plans=replace(batch.plans, templates=(), suits=batch.plans.suits[:, :0]),
            situations=replace(batch.situations, templates=batch.situations.templates[:, :0]),
        )
        for batch in batches
    ]

    found = usage_by_template(bare)

    assert set(found["template"]) == {"none"}
    assert found.loc[found["metric"] == "conversations", "decisions"].sum() > 0


def test_usage_before_the_decision_is_the_mean_of_those_that_had_the_whole_day(
    world: tuple[TrainingSet, tuple[Batch, ...]],
) -> None:
    _, batches = world

    found = usage_before_the_decision(batches)

    totals = np.concatenate([batch.situations.totals[:, 1, CONVERSATIONS] for batch in batches])
    whole = np.concatenate([batch.situations.seconds[:, 1] for batch in batches]) == 86_400
    line = found[(found["metric"] == "conversations") & (found["days before"] == 1)]
    assert line["units a day"].tolist() == pytest.approx([totals[whole].mean()])
    assert line["decisions"].tolist() == [whole.sum()]


def test_the_shares_of_the_tiers_add_up_in_every_part(world: tuple[TrainingSet, tuple[Batch, ...]]) -> None:
    rows, batches = world

    found = choices_by_usage(batches, rows)

    assert found.groupby("projected conversations")["share"].sum().to_numpy() == pytest.approx(1.0)
    assert set(found["tier"]) <= {1, 2, 3}


def test_a_learning_curve_judges_every_size_on_the_same_decisions(
    world: tuple[TrainingSet, tuple[Batch, ...]],
) -> None:
    rows, _ = world

    points = learning_curve(rows, seed=7, sizes=(40, 10**6), num_threads=1, progress=silent)

    sizes = sorted({point.decisions for point in points})
    rules = {point.metrics.hit_at_1 for point in points if point.ranker == "rules"}
    assert sizes[0] == 40
    assert len(sizes) == 2
    assert len(rules) == 1
    assert {point.ranker for point in points} == {"model", "conditional_logit", "rules", "popularity"}
