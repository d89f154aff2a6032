import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.decision_log.candidates import LoggedCandidate, common_frame
from data_contracts.decision_log.exported import COLUMNS as PACKED
from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.validate import validate
from pipelines.export import ExportFailed, export_days, export_tables
from pipelines.history.checked_tables import arrow_schema
from pipelines.training.training_set import build_training_set
from tests.pipelines.small_world import (
    CATALOGUES,
    DAY,
    MIDNIGHT,
    Tables,
    decision,
    happened,
    organization,
    write_tables,
)

PLAIN = ("plan", "shown", "shown_as", "recommended", "utility", "probability", "propensity")
AFTERWARDS = MIDNIGHT + 31 * DAY


def stored(value: Any) -> Any:
    """As SQLAlchemy stores it in SQLite: instants as text without a zone, flags as 0 and 1."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return int(value) if isinstance(value, bool) else value


def packed(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Decisions as the service stores them, one row each, of one row per candidate."""
    found = []
    for _, of_one in groupby(sorted(rows, key=itemgetter("decision_id", "position")), key=itemgetter("decision_id")):
        listed = list(of_one)
        candidates = [
            LoggedCandidate(
                **{name: row.get(name) for name in PLAIN}, reasons=json.loads(row["reasons"]),
                features=None if row.get("features") is None else json.loads(row["features"]),
            )
            for row in listed
        ]  # fmt: skip
        frame = common_frame([candidates])
        about, figures = frame.packed(candidates)
        charged = None if listed[0].get("charged") is None else frame.packed_text(listed[0]["charged"])
        found.append(
            {**listed[0], "charged": charged, "plans": len(listed), "candidates": about, "figures": figures}
            | {"frame": frame.text}
        )
    return found


def database(tables: Tables, path: Path, *, without: Sequence[str] = ()) -> str:
    """A small SQLite database whose views offer the tables; returns its URL."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, table in RAW_TABLES.items():
            columns = list(PACKED) if name == "decisions" else [column.name for column in table.columns]
            if name in without:
                continue
            rows = packed(tables.get(name, ())) if name == "decisions" else tables.get(name, ())
            quoted = ", ".join(f'"{column}"' for column in columns)
            connection.execute(f"CREATE TABLE {name} ({quoted})")
            connection.execute(f"CREATE VIEW export_{name} AS SELECT * FROM {name}")
            connection.executemany(
                f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})",
                [[stored(row.get(column)) for column in columns] for row in rows],
            )
    return f"sqlite:///{path}"


def sold_and_used() -> Tables:
    return {
        "organizations": [organization(f"org-{i}") for i in range(3)],
        "template_installs": [
            happened("t-1", MIDNIGHT - 3 * DAY, organization_id="org-1", template="support", change="installed")
        ],
        "usage_events": [
            happened(f"u-{i}", MIDNIGHT - i * DAY / 10, organization_id="org-1", metric="ai_tokens", quantity=10**12)
            for i in range(1, 90)
        ],
        "subscriptions": [
            happened(
                "s-1", MIDNIGHT + DAY, organization_id="org-1", plan="support-basic", interval="month", status="active",
                catalogue_version=CATALOGUES[0].version,
            )
        ],
        "decisions": [row for i in range(3) for row in decision(f"d-{i}", f"org-{i}", MIDNIGHT)],
        "outcomes": [
            happened(f"o-{i}", MIDNIGHT + DAY, decision_id=f"d-{i}", kind="paid", plan="support-basic", position=4)
            for i in range(3)
        ],
    }  # fmt: skip


def test_every_view_becomes_a_raw_table_of_the_declared_types(tmp_path: Path) -> None:
    tables = sold_and_used()

    rows = export_tables(database=database(tables, tmp_path / "plans.db"), out=tmp_path / "raw")

    assert rows == {name: len(tables.get(name, ())) for name in RAW_TABLES}
    write_tables(tables, tmp_path / "expected")
    for name, table in RAW_TABLES.items():
        exported = pq.read_table(tmp_path / "raw" / f"{name}.parquet")
        assert exported.schema == arrow_schema(table)
        assert exported.equals(pq.read_table(tmp_path / "expected" / f"{name}.parquet"))


@pytest.mark.parametrize(
    "text", ["2026-03-30 12:00:00.000001", "2026-03-30T12:00:00.000001Z", "2026-03-30T14:00:00.000001+02:00"]
)
def test_instants_are_read_as_utc(text: str, tmp_path: Path) -> None:
    tables = sold_and_used()
    for row in tables["outcomes"]:
        row["recorded_at"] = text

    export_tables(database=database(tables, tmp_path / "plans.db"), out=tmp_path / "raw")

    recorded = pq.read_table(tmp_path / "raw" / "outcomes.parquet")["recorded_at"]
    assert recorded.type == pa.timestamp("us", "UTC")
    assert set(recorded.to_pylist()) == {datetime(2026, 3, 30, 12, 0, 0, 1, tzinfo=UTC)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Great Expectations' own
def test_an_export_can_be_checked_and_learned_from(tmp_path: Path) -> None:
    url = database(sold_and_used(), tmp_path / "plans.db")

    export_tables(database=url, out=tmp_path / "raw")
    validation = validate(tmp_path / "raw", tmp_path / "checked", now=AFTERWARDS)
    about = build_training_set(checked=tmp_path / "checked", out=tmp_path / "out", catalogues=CATALOGUES)

    assert validation.rows_set_aside == 0
    assert about["decisions"] == 3


def test_a_database_without_a_view_is_refused_and_earlier_tables_stay(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    export_tables(database=database(sold_and_used(), tmp_path / "plans.db"), out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    with pytest.raises(ExportFailed, match="no such table: export_outcomes"):
        export_tables(database=database({}, tmp_path / "other.db", without=["outcomes"]), out=out)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////there/is/none.db", "no such database file"),
        ("sqlite://", "no such database file"),
        ("plans.db", "needs an SQLAlchemy URL"),
        ("nonsense://somewhere/plans", "nonsense"),
        ("postgresql+psycopg://me:secret@127.0.0.1:9/plans", r"me:\*\*\*@127"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ExportFailed, match=said) as failure:
        export_tables(database=url, out=tmp_path / "raw")

    assert "secret" not in str(failure.value)


def test_a_column_of_other_values_is_named(tmp_path: Path) -> None:
    tables = sold_and_used()
    tables["usage_events"][0]["quantity"] = "many"

    with pytest.raises(ExportFailed, match=r"export_usage_events\.quantity does not hold whole values"):
        export_tables(database=database(tables, tmp_path / "plans.db"), out=tmp_path / "raw")


def test_days_that_changed_are_exported_again_and_no_others(tmp_path: Path) -> None:
    url, out = database(sold_and_used(), tmp_path / "plans.db"), tmp_path / "days"
    export_tables(database=url, out=tmp_path / "whole")

    first = export_days(database=url, out=out)
    assert export_days(database=url, out=out)["usage_events"] == 0

    for name, table in RAW_TABLES.items():
        columns = [(column, "ascending") for column in ("recorded_at", *table.key)]
        whole = pq.read_table(tmp_path / "whole" / f"{name}.parquet").sort_by(columns)
        files = sorted((out / name).glob("day=*/rows.parquet"))
        assert len(files) == first[name] == len({day.date() for day in whole["recorded_at"].to_pylist()})
        if files:
            assert pa.concat_tables([pq.read_table(path, partitioning=None) for path in files]).equals(whole)
    with closing(sqlite3.connect(tmp_path / "plans.db")) as connection, connection:
        connection.execute("DELETE FROM usage_events WHERE event_id IN ('u-25', 'u-1', 'u-2', 'u-3', 'u-4', 'u-5')")
        connection.execute("DELETE FROM usage_events WHERE event_id IN ('u-6', 'u-7', 'u-8', 'u-9', 'u-10')")

    assert export_days(database=url, out=out)["usage_events"] == 1
    assert not (out / "usage_events" / "day=2026-03-29").exists()
    left = pq.read_table(out / "usage_events" / "day=2026-03-27" / "rows.parquet", partitioning=None)
    assert "u-25" not in left["event_id"].to_pylist()
    assert len(left) == 9
