from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.history.checked_tables import TableUnreadable
from pipelines.training.training_set import NothingToLearn, build_training_set
from tests.pipelines.small_world import (
    CATALOGUES,
    MIDNIGHT,
    OLDER,
    Tables,
    decision,
    organization,
    write_tables,
)
from tests.pipelines.training.builders import build, chose, one_decision


def lose_a_row(tables: Tables) -> None:
    tables["decisions"].pop(3)


def use_another_catalogue(tables: Tables) -> None:
    for row in tables["decisions"]:
        row["catalogue_version"] = "1999"


def use_an_interval_not_sold(tables: Tables) -> None:
    for row in tables["decisions"]:
        row.update(catalogue_version=OLDER.version, interval="year")


def rename_a_plan(tables: Tables) -> None:
    tables["decisions"][3]["plan"] = "of-old"


def learn_of_it_later(tables: Tables) -> None:
    tables["organizations"][0]["recorded_at"] = MIDNIGHT + timedelta(microseconds=1)


def end_the_data_early(tables: Tables) -> None:
    tables["outcomes"] = one_decision(ended=False)["outcomes"]


def hold_nothing(tables: Tables) -> None:
    tables["subscriptions"] = []


def hold_what_is_not_offered(tables: Tables) -> None:
    tables["subscriptions"][0]["plan"] = "of-old"


def choose_what_was_not_offered(tables: Tables) -> None:
    tables["outcomes"].append(chose("of-old"))


@pytest.mark.parametrize(
    ("happen", "reason"),
    [
        (lose_a_row, "incomplete"),
        (use_another_catalogue, "catalogue_unknown"),
        (use_an_interval_not_sold, "catalogue_unknown"),
        (rename_a_plan, "plan_unknown"),
        (learn_of_it_later, "organization_unknown"),
        (end_the_data_early, "too_recent"),
        (hold_nothing, "no_choice"),
        (hold_what_is_not_offered, "no_choice"),
        (choose_what_was_not_offered, "choice_not_candidate"),
    ],
)
def test_a_decision_that_teaches_nothing_is_left_out_and_counted(happen: Any, reason: str, tmp_path: Path) -> None:
    tables = one_decision(held="ecommerce-basic")
    happen(tables)
    tables["organizations"].append(organization("org-2"))
    tables["decisions"] += decision("d-2", "org-2", MIDNIGHT)
    tables["outcomes"].append({**chose("support-basic"), "event_id": "o-2", "decision_id": "d-2"})

    table, about = build(tables, tmp_path)

    assert about["excluded"] == {reason: 1}
    assert set(table["decision_id"].to_pylist()) == {"d-2"}


def test_nothing_to_learn_from_says_why(tmp_path: Path) -> None:
    with pytest.raises(NothingToLearn, match="1: nothing was chosen"):
        build(one_decision(), tmp_path)

    assert not (tmp_path / "out").exists()


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    checked = write_tables(one_decision(), tmp_path)
    (checked / "outcomes.parquet").unlink()

    with pytest.raises(TableUnreadable, match=r"outcomes: there is no outcomes\.parquet"):
        build_training_set(checked=checked, out=tmp_path / "out", catalogues=CATALOGUES)


def test_a_table_of_other_types_is_named(tmp_path: Path) -> None:
    checked = write_tables(one_decision(), tmp_path)
    pq.write_table(pa.table({"event_id": ["o-1"], "decision_id": ["d-1"]}), checked / "outcomes.parquet")

    with pytest.raises(TableUnreadable, match=r"outcomes: .* has no column kind, plan, occurred_at"):
        build_training_set(checked=checked, out=tmp_path / "out", catalogues=CATALOGUES)
