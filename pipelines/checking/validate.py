"""Validates a folder of raw tables: writes checked tables, the rows set aside, a JSON summary and a report."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from data_contracts.raw.tables import RAW_TABLES, RawTable
from pipelines.checking.check_table import CheckedTable, check_table, great_expectations_batches
from pipelines.checking.quarantine import REASON_COLUMNS
from pipelines.checking.results import TableBroken, Validation
from pipelines.checking.sources import RawRows, SourceUnreadable, read_table
from pipelines.checking.validation_report import html_report
from pipelines.history.typed_columns import ARROW_TYPES, as_arrow, typed_column

Progress = Callable[[str], None]


def validate(
    raw: Path,
    out: Path,
    *,
    now: datetime,
    reference: datetime | None = None,
    progress: Progress = lambda _sentence: None,
) -> Validation:
    """Check every raw table of the folder `raw` against its contract and write the results to `out`.

    Writes `<table>.parquet` with the rows kept, `quarantine/<table>.parquet` with the rows set aside and the reasons,
    `validation.json` and `report.html`. `now`: no instant may lie after it. `reference`: freshness is counted back
    from it; by default the newest row of the folder. `progress` is called with a sentence at each step.

    Returns the validation. Raises `TableBroken` when a table as a whole is broken: then no checked table is written or
    left from an earlier run, but the rows set aside and the report are. Raises `SameFolder` when `out` is `raw`.
    """
    if raw.resolve() == out.resolve():
        raise SameFolder(raw)
    sources = _read(raw, progress)
    since = reference or _newest((each for each in sources.values() if isinstance(each, RawRows)), now=now)
    progress("starting Great Expectations")
    batches = great_expectations_batches()
    kept: dict[str, pd.DataFrame] = {}
    tables: dict[str, CheckedTable] = {}
    for name, source in sources.items():
        if isinstance(source, SourceUnreadable):
            tables[name] = _unreadable(RAW_TABLES[name], source)
            continue
        progress(f"{name}: checking {source.rows_in:,} rows")
        tables[name] = check_table(source, kept=kept, now=now, reference=since, batches=batches)
        if not tables[name].broken:
            kept[name] = tables[name].kept
    validation = Validation(checked_at=now, reference=since, tables=tables)
    _write(validation, out, progress)
    if not validation.valid:
        raise TableBroken(validation)
    return validation


class SameFolder(ValueError):
    """The checked tables would overwrite the raw ones."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: the checked tables need a folder of their own")


def _read(raw: Path, progress: Progress) -> dict[str, RawRows | SourceUnreadable]:
    """Every raw table, or the exception that says why it cannot be read."""
    sources: dict[str, RawRows | SourceUnreadable] = {}
    for name, table in RAW_TABLES.items():
        progress(f"{name}: reading")
        try:
            sources[name] = read_table(raw, table)
        except SourceUnreadable as error:
            sources[name] = error
    return sources


def _newest(sources: Iterable[RawRows], *, now: datetime) -> datetime:
    """The newest `recorded_at` of all tables that is not in the future; `now` when there is none."""
    newest = []
    for raw in sources:
        column = next(column for column in raw.table.columns if column.name == "recorded_at")
        recorded = typed_column(column, raw.source["recorded_at"]).values
        newest.append(recorded[recorded <= now].max())
    instants = [instant for instant in newest if not pd.isna(instant)]
    return max(instants).to_pydatetime() if instants else now


def _unreadable(table: RawTable, error: SourceUnreadable) -> CheckedTable:
    """The checked table of a file that could not be read."""
    kept = pd.DataFrame(columns=[column.name for column in table.columns])
    set_aside = pd.DataFrame(columns=[*kept.columns, *REASON_COLUMNS])
    return CheckedTable(table, file=None, rows_in=0, kept=kept, set_aside=set_aside, broken=error.reasons)


def _write(validation: Validation, out: Path, progress: Progress) -> None:
    """Write the results, `validation.json` last: where it exists, all other files do."""
    quarantine = out / "quarantine"
    quarantine.mkdir(parents=True, exist_ok=True)
    for name in ("validation.json", "report.html", *(f"{table}.parquet" for table in RAW_TABLES)):
        (out / name).unlink(missing_ok=True)
        (quarantine / name).unlink(missing_ok=True)
    for name, table in validation.tables.items():
        if table.file is None:
            continue
        progress(f"{name}: writing {table.rows_kept:,} rows kept, {table.rows_set_aside:,} set aside")
        table.set_aside.to_parquet(quarantine / f"{name}.parquet", index=False)
        if validation.valid:
            pa_parquet.write_table(_as_arrow(table), out / f"{name}.parquet", compression="zstd")
    (out / "report.html").write_text(html_report(validation), encoding="utf-8")
    text = json.dumps(validation.as_json(), indent=1, ensure_ascii=False)
    (out / "validation.json").write_text(text, encoding="utf-8")


def _as_arrow(table: CheckedTable) -> pa.Table:
    """The kept rows as an Arrow table with the types of checked tables."""
    columns = table.table.columns
    schema = pa.schema([pa.field(column.name, ARROW_TYPES[column.kind], column.nullable) for column in columns])
    arrays = [as_arrow(column, table.kept[column.name]) for column in columns]
    return pa.Table.from_arrays(arrays, schema=schema)
