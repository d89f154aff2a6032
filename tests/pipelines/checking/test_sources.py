from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.raw.tables import RAW_TABLES, Column
from pipelines.checking.check_columns import PLACE, typed_rows
from pipelines.checking.sources import RawRows, SourceUnreadable, read_table
from pipelines.history.engine import Engine
from pipelines.history.typed_columns import typed_column
from tests.pipelines.raw_folder import USAGE as USAGE_ROW
from tests.pipelines.raw_folder import clean_tables, write_csv, write_parquet

USAGE = RAW_TABLES["usage_events"]
HEADER = b"event_id,organization_id,metric,quantity,action,occurred_at,recorded_at\n"
ROW = b"u1,bakery,seats,3,,2026-03-30T10:00:00Z,2026-03-30T10:00:05Z\n"


def read(folder: Path) -> RawRows:
    (folder / "scratch").mkdir(exist_ok=True)
    return read_table(folder, USAGE, scratch=folder / "scratch")


def rows(raw: RawRows) -> pa.Table:
    return pq.read_table(raw.files[0])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def seen(engine: Engine, raw: RawRows, name: str) -> list[Any]:
    return list(typed_rows(engine, raw, kept={}).order_by(PLACE)[name].to_pyarrow().to_pylist())


def reasons_for(folder: Path) -> str:
    with pytest.raises(SourceUnreadable) as caught:
        read(folder)
    return " | ".join(caught.value.reasons)


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_clean_table_is_read_whole(tmp_path: Path, write: Callable[..., Path]) -> None:
    raw = read(write(tmp_path, clean_tables()))

    assert raw.rows_in == 3
    assert raw.rows_of_file(np.arange(3)).tolist() == [0, 1, 2]
    assert raw.schema.names == [column.name for column in USAGE.columns]


def test_a_table_without_a_file_is_missing(tmp_path: Path) -> None:
    assert reasons_for(tmp_path) == "there is neither usage_events.parquet nor usage_events.csv"


def test_two_files_for_one_table_are_one_too_many(tmp_path: Path) -> None:
    write_csv(write_parquet(tmp_path, clean_tables()), clean_tables())

    assert "both usage_events.parquet and usage_events.csv" in reasons_for(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "usage_events.csv: is empty"),
        (b"\n\n", "usage_events.csv: is empty"),
        ("event_id\n".encode("utf-16"), "line 1: is UTF-16, expected UTF-8"),
        (HEADER.replace(b"quantity", b"qty") + ROW, "line 1: column 'quantity' missing; not expected: column 'qty'"),
        (HEADER.replace(b"metric", b"action") + ROW, "line 1: column 'action' is there twice"),
        (HEADER.replace(b",", b";") + ROW, "the fields are not separated by commas"),
        (HEADER + ROW + b'"u2,bakery\n' + ROW, "row 1 (about line 3): a quotation mark is not closed"),
        (b"PAR1 no, a table\x00\xff", "columns"),
    ],
)
def test_a_csv_file_that_is_no_such_table_names_the_place(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "usage_events.csv").write_bytes(content)

    assert reason in reasons_for(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\x00\x00\x00\x00PAR1", b"not parquet at all"])
def test_a_damaged_parquet_file_is_a_fault_and_no_traceback(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "usage_events.parquet").write_bytes(content)

    assert reasons_for(tmp_path).startswith("usage_events.parquet:")


def test_a_parquet_column_of_a_type_that_means_something_else_is_a_fault(tmp_path: Path) -> None:
    table = pa.table({column.name: pa.array([1]) for column in USAGE.columns})
    pq.write_table(table, tmp_path / "usage_events.parquet")

    assert "column 'metric' is int64, expected text" in reasons_for(tmp_path)
    assert "column 'occurred_at' is int64, expected instant" in reasons_for(tmp_path)


def test_ragged_rows_are_set_aside_one_by_one_and_the_others_keep_their_places(tmp_path: Path) -> None:
    (tmp_path / "usage_events.csv").write_bytes(HEADER + ROW + b"u2,bakery\n" + ROW + b"u4" + b"," * 9 + b"\n" + ROW)

    raw = read(tmp_path)

    assert raw.rows_of_file(np.arange(raw.rows)).tolist() == [0, 2, 4]
    assert [(ragged.row, ragged.reason) for ragged in raw.ragged] == [
        (1, "7 fields expected, 2 found"),
        (3, "7 fields expected, 10 found"),
    ]
    assert raw.rows_in == 5


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + (HEADER + ROW).replace(b"\n", b"\r\n")
    (tmp_path / "usage_events.csv").write_bytes(content)

    assert rows(read(tmp_path))["recorded_at"].to_pylist() == ["2026-03-30T10:00:05Z"]


def test_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    (tmp_path / "usage_events.csv").write_bytes(HEADER)

    assert read(tmp_path).rows_in == 0


@pytest.mark.parametrize("text", [b"caf\xe9", b"a\x00b", b"\xed\xa0\x80", b"a\tb"])
def test_damaged_text_is_found_in_its_row(engine: Engine, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "usage_events.csv").write_bytes(HEADER + ROW + ROW.replace(b"bakery", text))

    assert seen(engine, read(tmp_path), "text.readable") == [True, False]


@pytest.mark.parametrize(
    ("kind", "text", "given", "readable"),
    [
        ("whole", "12", True, True),
        ("whole", "1e3", True, True),
        ("whole", "18446744073709551616", True, True),
        ("whole", "9" * 400, True, True),
        ("whole", "twelve", True, False),
        ("whole", "0x1F", True, False),
        ("whole", "NaN", False, True),
        ("whole", "", False, True),
        ("instant", "2026-03-30T10:00:00+02:00", True, True),
        ("instant", "2026-03-30 10:00:00.123456", True, True),
        ("instant", "2026-02-30T10:00:00Z", True, False),
        ("instant", "30.03.2026", True, False),
        ("instant", "now", True, False),
        ("instant", "1774864800", True, False),
        ("flag", "True", True, True),
        ("flag", "yes", True, False),
        ("text", "", False, True),
    ],
)
def test_a_value_is_given_or_not_and_readable_or_not(kind: str, text: str, given: bool, readable: bool) -> None:
    column = Column("value", kind, nullable=False)  # type: ignore[arg-type]

    typed = typed_column(column, pa.chunked_array([[text]]))

    assert (typed.given.tolist(), typed.readable.tolist()) == ([given], [readable])
    assert bool(typed.values.isna().iloc[0]) is not (given and readable)


@pytest.mark.parametrize(
    ("text", "readable"),
    [('{"a": 1.5, "b": null}', True), ('{"a": "x"}', False), ("[1]", False), ('{"a": NaN}', False), ("{", False)],
)
def test_features_are_json_that_maps_names_to_numbers(text: str, readable: bool) -> None:
    column = Column("features", "json", nullable=True, container=dict)

    assert typed_column(column, pa.chunked_array([[text, None]])).readable.tolist() == [readable, True]


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["2026-03-30T12:00:00+02:00"]),
        pa.array([np.datetime64("2026-03-30T10:00:00", "ns")]),
        pa.array([np.datetime64("2026-03-30T10:00:00", "s")]).cast(pa.timestamp("s", tz="Europe/Berlin")),
        pa.array(["2026-03-30T10:00:00Z"]).dictionary_encode(),
    ],
)
def test_the_same_instant_is_the_same_value_however_it_is_stored(array: pa.Array) -> None:
    column = Column("occurred_at", "instant", nullable=False)

    values = typed_column(column, pa.chunked_array([array])).values

    assert str(values.dtype) == "datetime64[us, UTC]"
    assert values.iloc[0].isoformat() == "2026-03-30T10:00:00+00:00"


def test_line_ends_of_old_are_fine(tmp_path: Path) -> None:
    (tmp_path / "usage_events.csv").write_bytes((HEADER + ROW + ROW).replace(b"\n", b"\r"))

    assert read(tmp_path).rows_in == 2


@given(
    place=st.integers(0, len(HEADER + ROW)), noise=st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b"\r", b","])
)
def test_whatever_stands_in_a_csv_file_it_is_read_or_refused(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, place: int, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    content = HEADER + ROW
    (folder / "usage_events.csv").write_bytes(content[:place] + noise + content[place:])

    try:
        raw = read(folder)
    except SourceUnreadable:
        return

    assert len(seen(engine, raw, "quantity")) + len(raw.ragged) == raw.rows_in


@pytest.mark.parametrize("kind", [pa.string_view(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_in_any_of_parquets_forms_is_text(engine: Engine, tmp_path: Path, kind: pa.DataType) -> None:
    rows = pa.Table.from_pylist([USAGE_ROW])
    place = rows.schema.get_field_index("metric")
    pq.write_table(rows.set_column(place, "metric", rows["metric"].cast(kind)), tmp_path / "usage_events.parquet")

    assert seen(engine, read(tmp_path), "metric") == ["conversations"]


def test_an_instant_is_the_same_in_a_time_zone_that_nobody_knows(engine: Engine, tmp_path: Path) -> None:
    at = pa.array([10**15], pa.timestamp("us", "Mars/Base"))
    rows = pa.Table.from_pylist([USAGE_ROW])
    place = rows.schema.get_field_index("occurred_at")
    pq.write_table(rows.set_column(place, "occurred_at", at), tmp_path / "usage_events.parquet")

    (instant,) = seen(engine, read(tmp_path), "occurred_at")

    assert instant == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("zone", ["UTC", None])
@pytest.mark.parametrize("count", [2**62, -(2**62)])
def test_an_instant_in_no_calendar_cannot_be_read(unit: str, zone: str | None, count: int) -> None:
    column = Column("occurred_at", "instant", False)

    typed = typed_column(column, pa.chunked_array([pa.array([count, 0, None], pa.timestamp(unit, zone))]))

    assert typed.given.tolist() == [True, True, False]
    assert typed.readable.tolist() == [False, True, True]
