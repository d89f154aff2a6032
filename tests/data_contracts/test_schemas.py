import json
from pathlib import Path

import pytest

from data_contracts.expectations.suites import ROW_RULES
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.schemas import FOLDER, rendered


@pytest.mark.parametrize("name", sorted(rendered()))
def test_the_committed_schema_says_what_the_shape_says(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")

    assert committed == rendered()[name], "stale: run `python -m data_contracts.schemas`"


def test_no_schema_is_left_behind_by_a_shape_that_is_gone() -> None:
    assert {path.name for path in Path(FOLDER).glob("*.json")} == set(rendered())


def test_every_raw_table_has_a_schema_and_a_suite() -> None:
    assert set(RAW_TABLES) <= {name.removesuffix(".json") for name in rendered()}
    assert set(RAW_TABLES) == set(ROW_RULES)


def test_every_shape_says_its_grain_in_its_first_line() -> None:
    for text in rendered().values():
        assert json.loads(text)["description"].startswith("One ")


def test_parents_come_before_their_children() -> None:
    names = list(RAW_TABLES)

    for table in RAW_TABLES.values():
        assert all(names.index(parent) < names.index(table.name) for parent in table.references.values())


def test_a_column_knows_its_kind_from_the_shape() -> None:
    columns = {column.name: column for column in RAW_TABLES["decisions"].columns}

    assert columns["position"].kind == "whole"
    assert columns["occurred_at"].kind == "instant"
    assert columns["recommended"].kind == "flag"
    assert columns["interval"].choices == ("month", "quarter", "halfyear", "year")
    assert (columns["reasons"].kind, columns["reasons"].container, columns["reasons"].nullable) == ("json", list, False)
    assert (columns["guard"].values, columns["features"].values, columns["charged"].values) == (
        "texts",
        "numbers",
        "objects",
    )
    assert (columns["features"].kind, columns["features"].container, columns["features"].nullable) == (
        "json",
        dict,
        True,
    )
