"""Decisions and participants against what a second way of counting finds in the same checked folder."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.catalogue import reference_texts
from data_contracts.experiments import read_experiments
from pipelines.checking.validate import validate
from pipelines.demo.write import write_demo_data
from pipelines.experiments.results import Comparison
from pipelines.metrics.experiment_results import experiment_results
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.store import compute_and_store, load
from recommender.billing.catalogue_build import load_catalogue

UNTIL = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo world with its experiments, without broken rows, checked and made warm."""
    root = tmp_path_factory.mktemp("tried")
    quiet = lambda _: None  # noqa: E731
    write_demo_data(
        out=root / "raw", organizations=900, until=UNTIL, broken_share=0, with_experiments=True, progress=quiet
    )
    validate(root / "raw", root / "checked", now=UNTIL, progress=quiet)
    declared = read_experiments((root / "raw" / "truth" / "experiments.yml").read_text())
    catalogue = load_catalogue(*reference_texts())
    compute_and_store(checked=root / "checked", out=root / "metrics", catalogues=[catalogue], experiments=declared)
    return root


@pytest.fixture(scope="module")
def tables(world: Path) -> MetricTables:
    return load(world / "metrics")


def compared(tables: MetricTables, place: int) -> dict[str, Comparison]:
    return {each.measure: each for each in list(experiment_results(tables))[place].comparisons}


def test_each_organisation_takes_part_once_from_its_first_decision(world: Path, tables: MetricTables) -> None:
    raw = pd.read_parquet(world / "checked" / "decisions.parquet")
    raw = raw[raw["experiment"].notna() & raw["recommended"]]
    first = raw.sort_values("occurred_at").groupby("organization_id").first()
    ours = tables.participants.set_index("organization_id")
    assert len(ours) == len(first) > 300
    assert (ours["arm"].astype(str) == first["arm"].loc[ours.index].astype(str)).all()
    assert (ours["started_at"] == first["occurred_at"].loc[ours.index]).all()
    assert not ours["crossed"].any()
    assert not ours["wrong_arm"].any()


def test_who_paid_within_the_window_is_who_the_ledger_says(world: Path, tables: MetricTables) -> None:
    """Counted by a loop over charges, organisation by organisation."""
    charges = pd.read_parquet(world / "checked" / "charges.parquet")
    charges = charges[(charges["kind"] == "change") & charges["paid_at"].notna()]
    for place, experiment in enumerate(tables.experiments):
        paid = {arm.name: [0, 0] for arm in experiment.arms}
        rows = tables.participants[tables.participants["experiment"] == experiment.name]
        for row in rows.to_dict("records"):
            end = row["started_at"] + pd.Timedelta(days=experiment.window_days)
            if end > tables.data_end:
                continue
            mine = charges[charges["organization_id"] == row["organization_id"]]
            bought = mine[(mine["occurred_at"] >= row["started_at"]) & (mine["paid_at"] < end)]
            paid[str(row["arm"])][0] += len(bought) > 0
            paid[str(row["arm"])][1] += 1
        found = compared(tables, place)["paid"]
        for sample, arm in ((found.control_sample, "control"), (found.arm_sample, "new")):
            assert float(sample.n) == paid[arm][1]
            assert float(sample.mean) == pytest.approx(paid[arm][0] / paid[arm][1])


def test_the_known_effect_lies_within_the_bounds_and_the_a_a_shows_none(tables: MetricTables) -> None:
    known, same = compared(tables, 0)["paid"].latest, compared(tables, 1)["paid"].latest
    assert float(known.lower) <= 0.0799 <= float(known.upper)
    assert float(same.lower) <= 0 <= float(same.upper)


def test_what_a_decision_promised_is_held_against_what_was_taken(tables: MetricTables) -> None:
    over = tables.journeys[tables.journeys["over"]].set_index("decision_id")
    judged = tables.decisions[tables.decisions["took"].notna()].set_index("decision_id")
    assert sorted(judged.index) == sorted(over.index)
    taken = over.loc[judged.index]
    assert (judged["took"] == taken["accepted"].astype(float)).all()
    kept = taken[taken["accepted"] & (taken["direction"] != "recommended")]
    assert len(kept) > 10
    assert (kept["mrr_before"] > 0).all()
    assert (kept["taken"] == "").all()
    assert np.isfinite(judged["probability"]).all()


def test_without_experiments_nobody_takes_part(world: Path, tmp_path: Path) -> None:
    catalogue = load_catalogue(*reference_texts())
    tables = compute_and_store(checked=world / "checked", out=tmp_path, catalogues=[catalogue])
    assert (len(tables.participants), tables.experiments) == (0, ())
    assert len(load(tmp_path).decisions) == len(tables.decisions)
