"""Validates a folder of raw tables: writes checked tables, the rows set aside, a JSON summary and a report."""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_contracts.raw.tables import RAW_TABLES, RawTable
from pipelines.checking.check_columns import newest_recorded
from pipelines.checking.check_table import CheckedTable, check_table
from pipelines.checking.judging import great_expectations_batches
from pipelines.checking.results import TableBroken, Validation
from pipelines.checking.sources import RawRows, SourceUnreadable, read_table
from pipelines.checking.validation_report import html_report
from pipelines.history.checked_tables import TableUnreadable, table_files
from pipelines.history.engine import DUCKDB, Engine, open_engine

Progress = Callable[[str], None]


def validate(
    raw: Path,
    out: Path,
    *,
    now: datetime,
    reference: datetime | None = None,
    engine: str = DUCKDB,
    progress: Progress = lambda _sentence: None,
) -> Validation:
    """Check every raw table of the folder `raw` against its contract and write the results to `out`.

    Writes `<table>.parquet` with the rows kept, `quarantine/<table>.parquet` with the rows set aside and the reasons,
    `validation.json` and `report.html`. `now`: no instant may lie after it. `reference`: freshness is counted back
    from it; by default the newest row of the folder. `engine`: see `open_engine`; of what Spark computes, the rows kept
    are files in a folder `<table>`. `progress` is called with a sentence at each step.

    Returns the validation. Raises `TableBroken` when a table as a whole is broken: then no checked table is written or
    left from an earlier run, but the rows set aside and the report are. Raises `SameFolder` when `out` is `raw`.
    """
    if raw.resolve() == out.resolve():
        raise SameFolder(raw)
    out.mkdir(parents=True, exist_ok=True)
    with open_engine(engine, shared=out) as opened, TemporaryDirectory(dir=out, prefix=".") as unfinished:
        sources = _read(raw, opened.temporary, progress)
        since = reference or _newest(opened, sources, now=now)
        progress("starting Great Expectations")
        batches = great_expectations_batches()
        kept: dict[str, list[Path]] = {}
        tables: dict[str, CheckedTable] = {}
        for name, source in sources.items():
            if isinstance(source, RawRows):
                progress(f"{name}: checking {source.rows_in:,} rows")
                about = {"kept": kept, "into": Path(unfinished), "now": now, "reference": since, "batches": batches}
                tables[name] = _checked(opened, source, **about)
            else:
                tables[name] = _unreadable(RAW_TABLES[name], source)
            if (path := tables[name].kept) and not tables[name].broken:
                kept[name] = table_files(path.parent, name)
        validation = Validation(checked_at=now, reference=since, tables=tables)
        _write(validation, Path(unfinished), out, progress)
    if not validation.valid:
        raise TableBroken(validation)
    return validation


class SameFolder(ValueError):
    """The checked tables would overwrite the raw ones."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: the checked tables need a folder of their own")


def _read(raw: Path, scratch: Path, progress: Progress) -> dict[str, RawRows | SourceUnreadable]:
    """Every raw table, or the exception that says why it cannot be read."""
    sources: dict[str, RawRows | SourceUnreadable] = {}
    for name, table in RAW_TABLES.items():
        progress(f"{name}: reading")
        try:
            sources[name] = read_table(raw, table, scratch=scratch)
        except SourceUnreadable as error:
            sources[name] = error
    return sources


def _newest(engine: Engine, sources: Mapping[str, RawRows | SourceUnreadable], *, now: datetime) -> datetime:
    """The newest `recorded_at` of all tables that is not in the future; `now` when there is none."""
    newest = []
    for name, source in sources.items():
        if isinstance(source, RawRows):
            with suppress(TableUnreadable), engine.reading(name):
                recorded = newest_recorded(engine, source)
                newest.append(recorded.filter(recorded.recorded_at <= now).recorded_at.max().to_pyarrow().as_py())
    return max((instant for instant in newest if instant is not None), default=now)


def _checked(engine: Engine, source: RawRows, **about: Any) -> CheckedTable:
    """The table after its checks; broken as a whole when the engine cannot read its file to the end."""
    try:
        with engine.reading(source.table.name):
            return check_table(engine, source, **about)
    except TableUnreadable as error:
        return _unreadable(source.table, SourceUnreadable([f"{source.file}: {error}"]))


def _unreadable(table: RawTable, error: SourceUnreadable) -> CheckedTable:
    """The checked table of a file that could not be read."""
    return CheckedTable(table, file=None, rows_in=0, rows_kept=0, rows_set_aside=0, broken=error.reasons)


def _write(validation: Validation, unfinished: Path, out: Path, progress: Progress) -> None:
    """Put the results into their places, `validation.json` last: where it exists, all other files do."""
    (out / "quarantine").mkdir(exist_ok=True)
    for name in ("validation.json", "report.html", *(f"{table}.parquet" for table in RAW_TABLES)):
        (out / name).unlink(missing_ok=True)
        (out / "quarantine" / name).unlink(missing_ok=True)
        shutil.rmtree(out / name.removesuffix(".parquet"), ignore_errors=True)
    for name, table in validation.tables.items():
        if table.file is None:
            continue
        progress(f"{name}: {table.rows_kept:,} rows kept, {table.rows_set_aside:,} set aside")
        (unfinished / "quarantine" / f"{name}.parquet").replace(out / "quarantine" / f"{name}.parquet")
        if validation.valid:
            kept = table.kept or unfinished / name
            kept.replace(out / kept.name)
    (out / "report.html").write_text(html_report(validation), encoding="utf-8")
    text = json.dumps(validation.as_json(), indent=1, ensure_ascii=False)
    (out / "validation.json").write_text(text, encoding="utf-8")
