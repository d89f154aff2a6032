"""Checks the rows of some days of a table at once, and writes what is kept and set aside of each day by itself."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.expectations.rules import Rule, holds
from data_contracts.expectations.suites import rules
from data_contracts.raw.tables import RawTable
from pipelines.checking.check_columns import PLACE, kept_values, typed_rows
from pipelines.checking.check_table import RowsLost, rows_set_aside
from pipelines.checking.findings import Findings
from pipelines.checking.quarantine import Quarantine
from pipelines.checking.sources import RawRows
from pipelines.daily.manifest import DayRecord
from pipelines.daily.raw_days import RawDay, sha256_of
from pipelines.history.checked_tables import arrow_schema
from pipelines.history.engine import FILE, Engine

if TYPE_CHECKING:
    import ibis.expr.types as ir

ROWS: Final = "rows.parquet"
"""The name of the one file of a day."""
ON_ITS_DAY: Final = "recorded_at.on_its_day"
ROW_GROUP: Final = 100_000


@dataclass(frozen=True)
class RowsOfDays:
    """The raw rows of some days of one table, opened as one table."""

    raw: RawRows
    days: tuple[RawDay, ...]

    @property
    def day_of_file(self) -> list[str]:
        """The day of each of `raw.files`, in their order."""
        return [each.day for each in self.days for _ in each.files]


def declared_rules(table: RawTable, *, end: datetime) -> list[Rule]:
    """The rules of a table that is divided by day: rows must also lie in the folder of the day they were recorded on.

    `end`: the midnight after the newest day; no instant may lie after it.
    """
    declared = rules(table.name, now=end)
    on_its_day = holds(
        ON_ITS_DAY,
        rule="recorded_on_another_day",
        reason="recorded_at is not on the day of the folder",
        columns=["recorded_at"],
    )
    of_rows = sum(rule.stage == "row" for rule in declared)
    return [*declared[:of_rows], on_its_day, *declared[of_rows:]]


def check_rows(
    engine: Engine,
    rows: RowsOfDays,
    *,
    kept: Mapping[str, Sequence[Path]],
    earlier: Mapping[str, Path],
    into: Path,
    end: datetime,
) -> tuple[dict[str, DayRecord], Mapping[str, str]]:
    """Check the rows of these days; returns the record of each day, and the rules that could not be computed.

    `kept`: the files of kept rows of the tables that rows may refer to. `earlier`: day → file of kept rows, of the days
    of this table that are not checked now. `into`: the folder to write `<table>/<day>` and `quarantine/<table>/<day>`
    to.
    """
    raw = rows.raw
    declared = declared_rules(raw.table, end=end)
    typed = _on_its_day(typed_rows(engine, raw, kept=kept), rows)
    found = Findings(engine, typed, declared, table=raw.table.name, earlier=_earlier(engine, rows, earlier))
    found.find()
    written = _write_kept(engine, rows, found, into / raw.table.name)
    aside = _write_aside(engine, rows, found, declared, into / "quarantine" / raw.table.name)
    return {
        each.day: _record(rows, each, found, kept=written[each.day], aside=aside.get(each.day)) for each in rows.days
    }, found.problems


def _on_its_day(typed: "ir.Table", rows: RowsOfDays) -> "ir.Table":
    import ibis

    days = ibis.array([ibis.date(date.fromisoformat(day)) for day in rows.day_of_file])
    return typed.mutate(**{ON_ITS_DAY: typed.recorded_at.date() == days[(typed[PLACE] // FILE).cast("int32")]})


def _earlier(engine: Engine, rows: RowsOfDays, earlier: Mapping[str, Path]) -> "ir.Table | None":
    """The keys kept on other days, with the place of the first file of `rows` that is later."""
    import ibis

    days = rows.day_of_file
    before = {day: bisect_left(days, day) for day in earlier if day < days[-1]}
    if not before:
        return None
    kept = engine.table(*(earlier[day] for day in before), place=PLACE)
    first_later = ibis.array([ibis.literal(place, "int64") for place in before.values()])
    return kept.select(*rows.raw.table.key, before=first_later[(kept[PLACE] // FILE).cast("int32")])


class KeptRows:
    """The file of the rows kept of one day, in row groups that do not depend on how the rows come."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True)
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
        self._waiting = schema.empty_table()
        self.path = path
        self.rows = 0
        self.newest: datetime | None = None
        self.occurred: tuple[str, str] | None = None

    def add(self, rows: pa.Table) -> None:
        """Write the next rows; their columns are those of the schema."""
        self.rows += len(rows)
        newest = pc.max(rows["recorded_at"]).as_py()
        self.newest = max(filter(None, (self.newest, newest)), default=None)
        if "occurred_at" in rows.column_names and len(rows):
            edges = pc.min_max(rows["occurred_at"]).as_py()
            first, last = (edges[edge].date().isoformat() for edge in ("min", "max"))
            known = self.occurred or (first, last)
            self.occurred = (min(first, known[0]), max(last, known[1]))
        self._waiting = pa.concat_tables([self._waiting, rows])
        while len(self._waiting) >= ROW_GROUP:
            self._writer.write_table(self._waiting.slice(0, ROW_GROUP).combine_chunks())
            self._waiting = self._waiting.slice(ROW_GROUP)

    def close(self) -> None:
        """Write the remaining rows, and close the files."""
        if len(self._waiting):
            self._writer.write_table(self._waiting.combine_chunks())
        self._writer.close()


def _write_kept(engine: Engine, rows: RowsOfDays, found: Findings, into: Path) -> dict[str, KeptRows]:
    raw, schema = rows.raw, arrow_schema(rows.raw.table)
    in_order = found.kept_of(typed_rows(engine, raw, kept={}))  # what rows refer to was looked at before, by joins
    batches = engine.batches(kept_values(raw, in_order, also=[PLACE]), f"{raw.table.name} kept", size=ROW_GROUP)
    files = {each.day: KeptRows(into / each.day / ROWS, schema) for each in rows.days}
    for day, part in _by_day(batches, rows.day_of_file):
        files[day].add(pa.Table.from_batches([part]).select(schema.names).cast(schema))
    for file in files.values():
        file.close()
    return files


def _write_aside(
    engine: Engine, rows: RowsOfDays, found: Findings, declared: Sequence[Rule], into: Path
) -> dict[str, Quarantine]:
    raw, starts = rows.raw, dict[str, int]()
    for day, start in zip(rows.day_of_file, raw.starts, strict=True):
        starts.setdefault(day, start)
    # Rows are counted from the beginning of their day.
    counted = replace(raw, starts=tuple(s - starts[d] for d, s in zip(rows.day_of_file, raw.starts, strict=True)))
    aside: dict[str, Quarantine] = {}
    with ExitStack() as files:
        for day, part in _by_day(rows_set_aside(engine, raw, found.table), rows.day_of_file):
            if day not in aside:
                aside[day] = files.enter_context(Quarantine(counted, declared, into / day / ROWS))
            aside[day].add(part)
    return aside


def _by_day(batches: Iterator[pa.RecordBatch], days: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The parts of batches, in their order, that are of one day; `days`: that of each file."""
    for batch in batches:
        of_row = np.array(days)[batch.column(PLACE).to_numpy() // FILE]
        edges = [0, *(np.flatnonzero(of_row[1:] != of_row[:-1]) + 1).tolist(), len(of_row)]
        for start, end in pairwise(edges):
            if end > start:
                yield str(of_row[start]), batch.slice(start, end - start)


def _record(rows: RowsOfDays, day: RawDay, found: Findings, *, kept: KeptRows, aside: Quarantine | None) -> DayRecord:
    files = [place for place, of in enumerate(rows.day_of_file) if of == day.day]
    breaking: Counter[str] = Counter()
    for place in files:
        breaking.update(found.rows_by_rule(place))
    with_rows = sum(pq.read_metadata(path).num_rows for path in day.files)
    set_aside, counts = (aside.rows, aside.counts()) if aside else (0, ())
    if with_rows != kept.rows + set_aside:
        raise RowsLost(rows.raw.table.name, with_rows, kept.rows, set_aside)
    return DayRecord(
        stamp=day.stamp(),
        sha256=day.sha256(),
        rows_in=with_rows,
        rows_kept=kept.rows,
        kept_sha256=sha256_of(kept.path),
        newest=kept.newest.isoformat() if kept.newest else None,
        occurred=kept.occurred,
        breaking=dict(breaking),
        first={each.rule: each.rows for each in counts},
        also={each.rule: each.rows_breaking for each in counts},
        examples={each.rule: each.examples for each in counts},
    )
