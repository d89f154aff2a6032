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
    DAY,
    MIDNIGHT,
    OLDER,
    Row,
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


@pytest.mark.parametrize("happen", [hold_nothing, hold_what_is_not_offered])
def test_a_decision_without_a_choice_is_an_outcome_too(happen: Any, tmp_path: Path) -> None:
    tables = one_decision(held="ecommerce-basic")
    happen(tables)

    table, about = build(tables, tmp_path)

    assert about["excluded"] == {}
    assert set(table["outcome"].to_pylist()) == {"nothing"}
    assert not any(table["chosen"].to_pylist())


def changed_back(after: timedelta) -> Row:
    return {**chose("support-basic", kind="changed_back"), "occurred_at": MIDNIGHT + after}


def left(after: timedelta, status: str = "waiting") -> Row:
    at = MIDNIGHT + after
    return {
        "cancellation_id": f"c-{status}", "organization_id": "org-1", "decision_id": None, "plan": "support-basic",
        "interval": "month", "why": "other", "asked_by": "customer", "offer": None, "status": status,
        "effective_at": at, "occurred_at": at, "recorded_at": at,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("held", "events", "cancelled", "outcome", "kept_days"),
    [
        (None, [chose("support-basic")], [], "took", 15),
        ("ecommerce-basic", [], [], "stayed", 15),
        ("ecommerce-basic", [chose("ecommerce-basic")], [], "stayed", 15),
        (None, [chose("support-basic"), changed_back(6 * DAY)], [], "changed_back", 6),
        (None, [chose("support-basic")], [left(4 * DAY)], "left", 4),
        (None, [chose("support-basic")], [left(4 * DAY, "withdrawn"), left(9 * DAY, "ended")], "left", 9),
        (None, [chose("support-basic")], [left(4 * DAY, "offer_accepted")], "took", 15),
        (None, [chose("support-basic")], [left(-1 * DAY)], "took", 15),
    ],
)  # fmt: skip
def test_what_became_of_a_choice_is_known(
    held: str | None, events: list[Row], cancelled: list[Row], outcome: str, kept_days: float, tmp_path: Path
) -> None:
    tables = one_decision(held=held)
    tables["outcomes"] += events
    tables["cancellations"] = cancelled

    table, _ = build(tables, tmp_path)

    assert set(table["outcome"].to_pylist()) == {outcome}
    assert set(table["kept_days"].to_pylist()) == {kept_days}


def test_nothing_to_learn_from_says_why(tmp_path: Path) -> None:
    with pytest.raises(NothingToLearn, match="1: the time to choose was not over"):
        build(one_decision(ended=False), tmp_path)

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
