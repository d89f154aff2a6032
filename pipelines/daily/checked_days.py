"""Keeps the checked tables of a folder of raw days: checks the days that changed, and those that they touch.

A day of a table is checked again when its files changed, when a row of it may repeat a row of a changed day, when a
decision is spread over both, when a row it refers to came or went, and when it had rows that lay in the future. The
result is that of checking all days. What is checked lies in a temporary folder until all tables are judged; then it is
renamed. The manifest names the days before the first is renamed, and is whole after the last: a run that was stopped in
between is made up for by the next.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow.parquet as pq

from data_contracts.raw.tables import RAW_TABLES, RawTable
from pipelines.checking.check_table import notes_of
from pipelines.checking.results import TableBroken, Validation
from pipelines.checking.sources import SourceUnreadable, read_parquet
from pipelines.checking.validation_report import html_report
from pipelines.daily.day_rows import ROWS, RowsOfDays, check_rows
from pipelines.daily.judged_days import CheckedDays, validation_of
from pipelines.daily.manifest import DayRecord, Manifest, TableRecord
from pipelines.daily.raw_days import RawDay, end_of
from pipelines.daily.touched_days import Changes, changes_between, linked_days, referring_days
from pipelines.history.checked_tables import TableUnreadable, arrow_schema
from pipelines.history.engine import Engine

COLUMNS: Final = "columns.parquet"
"""The file without rows that every table has, besides its days."""
Progress = Callable[[str], None]


def check_days(
    engine: Engine,
    days: Mapping[str, Mapping[str, RawDay]],
    checked: Path,
    manifest: Manifest,
    *,
    now: datetime,
    progress: Progress,
) -> dict[str, list[str]]:
    """Bring the checked tables up to date; returns the days of each table that were checked again or are gone.

    `days`: from `raw_days`. `checked`: the folder of `<table>/day=…`, `quarantine/<table>/day=…`, `validation.json` and
    `report.html`. Raises `TableBroken` when a table as a whole is broken; then `checked` stays as it was, and the rows
    set aside and the report lie in `broken` beside it.
    """
    end = end_of(days, today=now.date())
    broken = checked.with_name("broken")
    shutil.rmtree(broken, ignore_errors=True)
    checked.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=engine.temporary) as folder:
        run = _Run(engine, days, checked, Path(folder), manifest, end, progress)
        tables = run.tables()
        again = {name: table.stale for name, table in tables.items() if table.stale}
        if not again and not any(table.unreadable for table in tables.values()):
            return {}
        progress("judging the tables")
        validation = validation_of(tables, end=end, now=now)
        if not validation.valid:
            shutil.copytree(Path(folder) / "quarantine", broken / "quarantine", dirs_exist_ok=True)
            (broken / "report.html").write_text(html_report(validation), encoding="utf-8")
            raise TableBroken(validation)
        progress("putting checked tables into their places")
        _publish(validation, tables, manifest, Path(folder), checked, end=end)
    return again


@dataclass
class _Run:
    engine: Engine
    days: Mapping[str, Mapping[str, RawDay]]
    checked: Path
    into: Path
    manifest: Manifest
    end: datetime
    progress: Progress

    def tables(self) -> dict[str, CheckedDays]:
        """Check the stale days of every table, parents before children."""
        tables: dict[str, CheckedDays] = {}
        changes: dict[str, Changes] = {}
        (self.into / "quarantine").mkdir()
        for name, table in RAW_TABLES.items():
            before = self.manifest.tables.get(name, TableRecord({}, {}))
            stale = self._changed(table, before)
            try:
                stale = self._touched(table, stale, changes)
                tables[name] = self._checked(table, before, stale, tables)
            except SourceUnreadable as error:
                tables[name] = CheckedDays(table, stale, TableRecord({}, {}), {}, unreadable=error)
            if stale:
                old, new = ([self._kept(name, day, fresh=fresh) for day in stale] for fresh in (False, True))
                changes[name] = changes_between(table, old, new)
        return tables

    def _changed(self, table: RawTable, before: TableRecord) -> list[str]:
        """The days whose own files are not those that were checked."""
        there = self.days.get(table.name, {})
        changed = {day for day, raw in there.items() if self._differs(before.days.get(day), raw)}
        gone = set(before.days) - set(there)
        return sorted(changed | gone | set(self.manifest.unfinished.get(table.name, ())))

    def _touched(self, table: RawTable, changed: list[str], changes: Mapping[str, Changes]) -> list[str]:
        """The changed days, and all that they or changes of other tables touch."""
        there = self.days.get(table.name, {})
        stale = set(changed)
        stale |= referring_days(self.engine, table, self.checked, sorted(set(there) - stale), changes)
        while stale and (left := sorted(set(there) - stale)):
            raw = [path for day in sorted(stale & set(there)) for path in there[day].files]
            if raw:
                read_parquet(table.name, raw, table)
            if not (found := linked_days(self.engine, table, self.checked, sorted(stale), left, raw=raw)):
                break
            stale |= found
        return sorted(stale)

    def _differs(self, record: DayRecord | None, raw: RawDay) -> bool:
        if record is None or self.end.isoformat() < self.manifest.end:
            return True
        if "in_the_future" in record.also and self.end.isoformat() != self.manifest.end:
            return True
        return record.stamp != raw.stamp() and record.sha256 != raw.sha256()

    def _checked(
        self, table: RawTable, before: TableRecord, stale: list[str], tables: Mapping[str, CheckedDays]
    ) -> CheckedDays:
        name = table.name
        there = self.days.get(name, {})
        if not there:
            if not table.optional and name not in self.days:
                raise SourceUnreadable([f"there is no folder {name}"])
            return CheckedDays(table, stale, TableRecord({}, {}), {}, absent=name not in self.days)
        now = tuple(there[day] for day in stale if day in there)
        left = {day: record for day, record in before.days.items() if day not in stale}
        if not now:
            return CheckedDays(table, stale, TableRecord(before.columns, left), {})
        self.progress(f"{name}: checking {len(now)} of {len(there)} days")
        raw = read_parquet(name, [path for day in now for path in day.files], table)
        columns = {field.name: str(field.type) for field in raw.schema}
        if left and columns != before.columns:
            raise SourceUnreadable([f"{name}: {now[0].day} has other columns or other types than the days before"])
        kept = {parent: self._kept_files(tables[parent]) for parent in table.references.values()}
        try:
            with self.engine.reading(name):
                records, problems = check_rows(
                    self.engine,
                    RowsOfDays(raw, now),
                    kept={parent: files for parent, files in kept.items() if files},
                    earlier={day: self._kept(name, day, fresh=False) for day in left},
                    into=self.into,
                    end=self.end,
                )
        except TableUnreadable as error:
            raise SourceUnreadable([str(error)]) from error
        every = dict(sorted((left | records).items()))
        return CheckedDays(table, stale, TableRecord(columns, every), problems, notes=tuple(notes_of(raw, kept)))

    def _kept_files(self, parent: CheckedDays) -> list[Path]:
        """The rows kept of a table that is checked already; a file without rows where it has none."""
        if parent.unreadable:
            return []
        files = [self._kept(parent.table.name, day, fresh=day in parent.stale) for day in parent.record.days]
        if files:
            return files
        path = self.into / f"no {parent.table.name}.parquet"
        pq.write_table(arrow_schema(parent.table).empty_table(), path)
        return [path]

    def _kept(self, name: str, day: str, *, fresh: bool) -> Path:
        return self.into / name / day / ROWS if fresh else day_file(self.checked, name, day)


def day_file(checked: Path, name: str, day: str) -> Path:
    """The file of one day of a table, below the folder of checked tables or of their quarantine."""
    return checked / name / f"day={day}" / ROWS


def _publish(
    validation: Validation,
    tables: Mapping[str, CheckedDays],
    manifest: Manifest,
    fresh: Path,
    checked: Path,
    *,
    end: datetime,
) -> None:
    manifest.unfinished = {name: table.stale for name, table in tables.items() if table.stale}
    manifest.write()
    (checked / "validation.json").unlink(missing_ok=True)
    for name, table in tables.items():
        (checked / name).mkdir(exist_ok=True)
        pq.write_table(arrow_schema(table.table).empty_table(), checked / name / COLUMNS)
        for day in table.stale:
            for of in (Path(), Path("quarantine")):
                _replace(fresh / of / name / day / ROWS, day_file(checked / of, name, day))
        _sweep(checked, name, set(table.record.days))
    (checked / "report.html").write_text(html_report(validation), encoding="utf-8")
    text = json.dumps(validation.as_json(), indent=1, ensure_ascii=False)
    (checked / "validation.json").write_text(text, encoding="utf-8")
    manifest.tables = {name: table.record for name, table in tables.items()}
    manifest.unfinished, manifest.end = {}, end.isoformat()
    manifest.write()


def _replace(new: Path, path: Path) -> None:
    """Put a file into its place; where there is no new one, none is left."""
    if new.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        new.replace(path)
    else:
        shutil.rmtree(path.parent, ignore_errors=True)


def _sweep(checked: Path, name: str, days: set[str]) -> None:
    """Remove days that the raw tables do not have any more, also those of a manifest that was lost."""
    for folder in (checked / name, checked / "quarantine" / name):
        for path in folder.glob("day=*") if folder.is_dir() else ():
            if path.name.removeprefix("day=") not in days:
                shutil.rmtree(path)
