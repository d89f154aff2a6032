import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.results import TableBroken, Validation
from pipelines.checking.validate import SameFolder, validate
from pipelines.checking.validation_report import summary_table
from tests.pipelines.raw_folder import (
    CANCELLATION,
    CANDIDATE,
    CHARGE,
    NOW,
    ORGANIZATION,
    OUTCOME,
    REFUND,
    RUNNER_UP,
    SUBSCRIPTION,
    USAGE,
    Row,
    Tables,
    clean_tables,
    write_csv,
    write_parquet,
)  # fmt: skip

FUTURE = {"occurred_at": "2031-01-01T00:00:00Z", "recorded_at": "2031-01-01T00:00:00Z"}
D2 = {"decision_id": "d2"}

BROKEN: list[tuple[str, Row, str]] = [
    ("organizations", ORGANIZATION | {"organization_id": "atlantis", "country": "XX"}, "unknown_country"),
    ("organizations", ORGANIZATION | {"organization_id": "moon", "timezone": "Moon/Crater"}, "unknown_timezone"),
    ("organizations", ORGANIZATION | {"organization_id": ""}, "organization_id_missing"),
    ("usage_events", USAGE, "duplicate_key"),
    ("usage_events", USAGE | {"event_id": "b1", "organization_id": "nobody"}, "unknown_organization"),
    ("usage_events", USAGE | {"event_id": "b2", "organization_id": "atlantis"}, "unknown_organization"),
    ("usage_events", USAGE | {"event_id": "b3", "quantity": "-5"}, "quantity_out_of_range"),
    ("usage_events", USAGE | {"event_id": "b4", "quantity": "18446744073709551616"}, "quantity_out_of_range"),
    ("usage_events", USAGE | {"event_id": "b5", "quantity": "2.5"}, "quantity_not_whole"),
    ("usage_events", USAGE | {"event_id": "b6", "quantity": "NaN"}, "quantity_missing"),
    ("usage_events", USAGE | {"event_id": "b7", "metric": "page_views"}, "unknown_metric"),
    ("usage_events", USAGE | {"event_id": "b8", "recorded_at": "2026-03-30T09:59:59Z"}, "recorded_before_occurred"),
    ("usage_events", USAGE | {"event_id": "b9"} | FUTURE, "in_the_future"),
    ("usage_events", USAGE | {"event_id": "b10", "occurred_at": "1970-01-01T00:00:00Z"}, "long_ago"),
    ("usage_events", USAGE | {"event_id": "b11", "action": "chat\x00bot"}, "text_unreadable"),
    ("subscriptions", SUBSCRIPTION | {"event_id": "b1", "occurred_at": "yesterday"}, "occurred_at_unreadable"),
    ("subscriptions", SUBSCRIPTION | {"event_id": "b2", "plan": ""}, "active_without_plan"),
    ("subscriptions", SUBSCRIPTION | {"event_id": "b3", "status": "ended"}, "ended_with_plan"),
    ("decisions", CANDIDATE | D2 | {"propensity": "0.5"}, "propensities_do_not_sum_to_one"),
    ("decisions", RUNNER_UP | D2, "propensities_do_not_sum_to_one"),
    ("decisions", CANDIDATE | {"decision_id": "d3", "reasons": "[not json"}, "reasons_unreadable"),
    ("decisions", RUNNER_UP | {"decision_id": "d3"}, "sibling_set_aside"),
    ("decisions", CANDIDATE | {"decision_id": "d4", "strategy": "model", "model_version": ""}, "model_version_missing"),
    ("outcomes", OUTCOME | {"event_id": "b1", "decision_id": "d9"}, "unknown_decision"),
    ("outcomes", OUTCOME | {"event_id": "b2", "decision_id": "d2"}, "unknown_decision"),
    ("outcomes", OUTCOME | {"event_id": "b3", "kind": "liked"}, "unknown_kind"),
    ("outcomes", OUTCOME | {"event_id": "b4", "plan": ""}, "choice_without_plan"),
    ("outcomes", OUTCOME | {"event_id": "b5", "position": "0"}, "position_out_of_range"),
    ("charges", CHARGE | {"charge_id": "b1", "net_cents": "18999"}, "lines_do_not_add_up"),
    ("charges", CHARGE | {"charge_id": "b2", "lines": '[{"kind": "overage"}]'}, "lines_do_not_add_up"),
    ("charges", CHARGE | {"charge_id": "b3", "lines": "190 EUR"}, "lines_unreadable"),
    ("charges", CHARGE | {"charge_id": "b4", "tax_cents": "0"}, "total_does_not_add_up"),
    ("charges", CHARGE | {"charge_id": "b5", "total_cents": "-1"}, "total_cents_out_of_range"),
    ("refunds", REFUND | {"refund_id": "b1", "amount_cents": "-1"}, "amount_cents_out_of_range"),
    ("refunds", REFUND | {"refund_id": "b2", "organization_id": "nobody"}, "unknown_organization"),
    ("cancellations", CANCELLATION | {"cancellation_id": "b1", "why": "moon"}, "unknown_why"),
]  # fmt: skip


class Run:
    """One validation of a folder and where it was written."""

    def __init__(self, folder: Path, tables: Tables, write: Callable[..., Path]) -> None:
        self.out = folder / "checked"
        self.sentences: list[str] = []
        self.validation = validate(write(folder / "raw", tables), self.out, now=NOW, progress=self.sentences.append)

    def set_aside(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.out / "quarantine" / f"{name}.parquet")


def broken_tables() -> Tables:
    tables = clean_tables()
    for name, row, _rule in BROKEN:
        tables[name] = [*tables[name], row]
    return tables


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("clean"), clean_tables(), write_csv)


@pytest.fixture(scope="module", params=[write_csv, write_parquet])
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("broken"), broken_tables(), request.param)


def test_a_clean_folder_passes_with_nothing_set_aside(clean: Run) -> None:
    assert clean.validation.valid
    assert clean.validation.rows_in == clean.validation.rows_kept == 20
    assert all(clean.set_aside(name).empty for name in RAW_TABLES)


def test_checked_tables_have_the_types_of_their_shape(clean: Run) -> None:
    usage = pq.read_table(clean.out / "usage_events.parquet").schema
    outcomes = pq.read_table(clean.out / "outcomes.parquet")

    assert str(usage.field("quantity").type) == "int64"
    assert str(usage.field("occurred_at").type) == "timestamp[us, tz=UTC]"
    assert outcomes["occurred_at"].to_pylist() == [datetime(2026, 3, 31, 10, tzinfo=UTC)] * 2
    assert outcomes["position"].to_pylist() == [1, None]
    assert pq.read_table(clean.out / "decisions.parquet")["recommended"].to_pylist() == [True, False]


def test_every_broken_row_is_set_aside_by_its_rule_at_its_place(broken: Run) -> None:
    for name, clean_rows in clean_tables().items():
        expected = [rule for table, _row, rule in BROKEN if table == name]

        set_aside = broken.set_aside(name)

        assert set_aside["rule"].tolist() == expected
        assert set_aside["row"].tolist() == list(range(len(clean_rows), len(clean_rows) + len(expected)))
        assert set(set_aside["table"]) <= {name}
        assert set_aside["reason"].str.len().gt(10).all()


def test_what_is_kept_of_a_broken_folder_is_the_clean_folder(broken: Run, clean: Run) -> None:
    for name in RAW_TABLES:
        kept, expected = (pq.read_table(run.out / f"{name}.parquet") for run in (broken, clean))

        assert kept.equals(expected), name


@pytest.mark.slow
def test_of_many_rows_those_kept_stay_in_the_order_of_the_files(tmp_path: Path) -> None:
    rows = 260_000  # more than two of the engine's row groups, in two files
    place = np.arange(rows)
    broken = (place % 1000 == 7) | (place == rows - 1)
    about = {name: value for name, value in USAGE.items() if name not in {"occurred_at", "recorded_at"}}
    columns: dict[str, Any] = {name: pa.array([value] * rows, pa.string()) for name, value in about.items()}
    columns["event_id"] = pa.array([f"u{i * 7919 % rows:07d}" for i in range(rows)])
    columns["quantity"] = np.where(broken, -1, place)
    instants = pa.scalar(NOW - timedelta(days=1), pa.timestamp("us", "UTC"))
    table = pa.table(columns | {name: pa.repeat(instants, rows) for name in ("occurred_at", "recorded_at")})
    others = {name: rows for name, rows in clean_tables().items() if name != "usage_events"}
    raw = write_parquet(tmp_path / "raw", others)
    (raw / "usage_events").mkdir()
    for number, (start, end) in enumerate([(0, 130_001), (130_001, rows)]):
        pq.write_table(table.slice(start, end - start), raw / "usage_events" / f"{number}.parquet")

    validation = validate(raw, tmp_path / "checked", now=NOW)

    kept = pq.read_table(tmp_path / "checked" / "usage_events.parquet")
    assert kept["quantity"].to_numpy().tolist() == place[~broken].tolist()
    aside = pq.read_table(tmp_path / "checked" / "quarantine" / "usage_events.parquet")
    assert aside["row"].to_numpy().tolist() == place[broken].tolist()
    assert validation.tables["usage_events"].rows_in == rows


def test_rows_in_are_rows_kept_and_rows_set_aside_in_the_stored_summary(broken: Run) -> None:
    stored = json.loads((broken.out / "validation.json").read_text(encoding="utf-8"))

    assert stored["valid"] is True
    assert (stored["rows_in"], stored["rows_kept"], stored["rows_set_aside"]) == (20 + len(BROKEN), 20, len(BROKEN))
    for table in stored["tables"].values():
        assert table["rows_in"] == table["rows_kept"] + table["rows_set_aside"]
        assert sum(rule["rows"] for rule in table["rules"]) == table["rows_set_aside"]
        assert all(each["exception_info"]["raised_exception"] is False for each in table["expectations"])


def test_what_is_printed_adds_up_too(broken: Run) -> None:
    printed = io.StringIO()

    Console(file=printed, width=200).print(summary_table(broken.validation))

    text = printed.getvalue()
    assert re.search(rf"all\W+{20 + len(BROKEN)}\W+20\W+{len(BROKEN)}\W", text)
    assert "duplicate_key 1" in text


def test_progress_is_told_in_sentences(clean: Run) -> None:
    assert "usage_events: checking 3 rows" in clean.sentences


class Addresses(HTMLParser):
    """Every address that a page would ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        assert tag not in ("script", "iframe", "object", "link")


def test_the_report_says_everything_and_asks_no_other_address(broken: Run) -> None:
    text = (broken.out / "report.html").read_text(encoding="utf-8")
    page = Addresses()
    page.feed(text)

    assert page.found == [f"#{name}" for name in RAW_TABLES]
    assert "url(" not in text
    assert all(rule in text for _table, _row, rule in BROKEN)
    assert "metric = &#39;page_views&#39;" in text


def broken_as_a_whole(raw: Path, out: Path) -> Validation:
    with pytest.raises(TableBroken) as caught:
        validate(raw, out, now=NOW)
    return caught.value.validation


def test_a_broken_table_stops_the_run_with_every_reason_and_leaves_nothing_to_build_on(tmp_path: Path) -> None:
    tables = clean_tables()
    odd = {"event_id": "o9", "kind": "<script>"}
    raw = write_csv(tmp_path / "raw", {"organizations": tables["organizations"], "outcomes": [OUTCOME, OUTCOME | odd]})
    (raw / "integrations.csv").write_text("event_id,organisation\n", encoding="utf-8")
    out = tmp_path / "checked"
    out.mkdir()
    (out / "organizations.parquet").write_text("from an earlier run", encoding="utf-8")

    validation = broken_as_a_whole(raw, out)

    tables_broken = {reason.partition(":")[0] for reason in validation.reasons}
    whole = {"organizations", "outcomes", *(name for name, table in RAW_TABLES.items() if table.optional)}
    assert tables_broken == set(RAW_TABLES) - whole
    assert "usage_events: there is neither usage_events.parquet nor usage_events.csv" in validation.reasons
    assert any("integrations.csv, line 1: columns 'organization_id', " in reason for reason in validation.reasons)
    assert list(out.glob("*.parquet")) == []
    assert json.loads((out / "validation.json").read_text(encoding="utf-8"))["valid"] is False
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "neither usage_events.parquet nor usage_events.csv" in report
    assert "&lt;script&gt;" in report
    assert "<script>" not in report


def test_a_folder_may_do_without_charges_and_the_report_says_so(tmp_path: Path) -> None:
    tables = clean_tables()
    del tables["charges"]

    validation = validate(write_csv(tmp_path / "raw", tables), tmp_path / "checked", now=NOW)

    assert (validation.valid, validation.tables["charges"].rows_in) == (True, 0)
    assert validation.tables["charges"].notes == ("the folder does not have this table; it is taken to have no rows",)
    assert len(pd.read_parquet(tmp_path / "checked" / "charges.parquet")) == 0


def test_the_checked_folder_may_not_be_the_raw_one(tmp_path: Path) -> None:
    raw = write_csv(tmp_path, clean_tables())

    with pytest.raises(SameFolder):
        validate(raw, raw / ".", now=NOW)

    assert (raw / "usage_events.csv").exists()
