"""MetricTables on disk are read as they were kept, once per writing, and what is not tables is named."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.metrics.declared import METRICS
from pipelines.metrics.store import NoMetricTables, load, load_cached, store
from tests.pipelines.metrics.twenty import twenty


def test_what_was_kept_gives_the_same_numbers(tmp_path: Path) -> None:
    store(twenty(), tmp_path)

    read = load(tmp_path)

    assert {slug: metric(read) for slug, metric in METRICS.items()} == {
        slug: metric(twenty()) for slug, metric in METRICS.items()
    }


def test_readers_share_one_copy_until_the_folder_is_written_again(tmp_path: Path) -> None:
    store(twenty(), tmp_path)
    first = load_cached(tmp_path)
    assert load_cached(tmp_path) is first

    store(replace(twenty(), journeys=twenty().journeys.iloc[:5]), tmp_path)
    os.utime(tmp_path / "metrics.json", ns=(1, 1))

    assert len(load_cached(tmp_path).journeys) == 5


def test_a_folder_without_metric_tables_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoMetricTables, match=r"holds no metric tables; run `python -m pipelines metrics` first$"):
        load(tmp_path)


def test_metric_tables_of_another_version_are_not_guessed_at(tmp_path: Path) -> None:
    store(twenty(), tmp_path)
    about = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps({**about, "form": 0}))

    with pytest.raises(NoMetricTables, match=r"^[^(]*holds metric tables of another version"):
        load(tmp_path)


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"form": "one"}'])
def test_a_broken_folder_is_named(tmp_path: Path, broken: str) -> None:
    store(twenty(), tmp_path)
    (tmp_path / "metrics.json").write_text(broken)

    with pytest.raises(NoMetricTables, match=str(tmp_path)):
        load(tmp_path)
