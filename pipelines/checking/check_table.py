"""Computes which rules each row of a table breaks, and divides its rows into those kept and those set aside."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.expectations.rules import Rule
from data_contracts.expectations.suites import rules
from data_contracts.raw.tables import RawTable
from pipelines.checking.check_columns import PLACE, kept_values, source_columns, typed_rows
from pipelines.checking.findings import Findings
from pipelines.checking.judging import Counts, judge
from pipelines.checking.quarantine import Quarantine, RuleCount
from pipelines.checking.sources import RawRows
from pipelines.history.engine import Engine

if TYPE_CHECKING:
    import ibis.expr.types as ir

BATCH: Final = 50_000
"""How many of the rows set aside are described at once."""


@dataclass(frozen=True)
class CheckedTable:
    """One table after its checks: every row of the file is either kept or set aside."""

    table: RawTable
    file: str | None
    """The file name; `None` when no file could be read."""
    rows_in: int
    rows_kept: int
    rows_set_aside: int
    kept: Path | None = None
    """The rows that keep the contract: declared columns, typed, in file order; `None` when no file could be read.

    A file, or a folder of the files that several machines wrote."""
    set_aside: Path | None = None
    """The rows that break it: the file's columns as text, then table, rule, rules, reason and row; in file order."""
    newest: datetime | None = None
    """When the newest row kept was recorded; `None` without any."""
    rules: tuple[RuleCount, ...] = ()
    """The rules that rows broke, in declared order."""
    broken: tuple[str, ...] = ()
    """Why the table as a whole is broken; empty when it is not."""
    notes: tuple[str, ...] = ()
    """Remarks that break nothing."""
    results: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """The results of Great Expectations, one per expectation."""

    def __post_init__(self) -> None:
        if self.rows_in != self.rows_kept + self.rows_set_aside:
            raise RowsLost(self.table.name, self.rows_in, self.rows_kept, self.rows_set_aside)


class RowsLost(AssertionError):
    """Rows kept and rows set aside do not add up to the rows of the file: a fault of this code, never of the data."""

    def __init__(self, table: str, rows_in: int, kept: int, set_aside: int) -> None:
        super().__init__(f"{table}: {rows_in} rows in, but {kept} kept + {set_aside} set aside")


def check_table(
    engine: Engine,
    raw: RawRows,
    *,
    kept: Mapping[str, Sequence[Path]],
    into: Path,
    now: datetime,
    reference: datetime,
    batches: Any,
) -> CheckedTable:
    """Check one table; faults of the data are in the returned value, no exception is raised for them.

    `kept`: the files of kept rows of the tables checked before. `into`: the folder to write to, `<table>.parquet` with
    the rows kept and `quarantine/<table>.parquet` with those set aside. `now`: no instant may lie after it.
    `reference`: freshness is counted back from it. `batches`: from `great_expectations_batches`.
    """
    name = raw.table.name
    declared = rules(name, now=now)
    rows = typed_rows(engine, raw, kept=kept)
    found = Findings(engine, rows, declared, table=name)
    found.find()
    path, aside = into / f"{name}.parquet", into / "quarantine" / f"{name}.parquet"
    in_order = typed_rows(engine, raw, kept={})  # what rows refer to was looked at before, by joins
    files = engine.write(kept_values(raw, found.kept_of(in_order)), path)
    quarantine = _set_aside(engine, raw, found.table, declared, aside)
    newest = engine.table(*files).recorded_at.max().to_pyarrow().as_py()
    rows_kept = sum(pq.read_metadata(each).num_rows for each in files)
    judged = judge(
        Counts(raw.table, raw.rows_in, rows_kept, found.rows_by_rule(), quarantine.first, newest, found.problems),
        declared,
        reference=reference,
        batches=batches,
    )
    return CheckedTable(
        table=raw.table,
        file=raw.file,
        rows_in=raw.rows_in,
        rows_kept=rows_kept,
        rows_set_aside=quarantine.rows,
        kept=path if path.is_file() else files[0].parent,
        set_aside=aside,
        newest=newest,
        rules=quarantine.counts(),
        broken=judged.broken,
        notes=tuple(notes_of(raw, kept)),
        results=judged.results,
    )


def _set_aside(engine: Engine, raw: RawRows, found: "ir.Table", declared: Sequence[Rule], path: Path) -> Quarantine:
    with Quarantine(raw, declared, path) as quarantine:
        for batch in rows_set_aside(engine, raw, found):
            quarantine.add(batch)
    return quarantine


def rows_set_aside(engine: Engine, raw: RawRows, found: "ir.Table") -> Iterator[pa.RecordBatch]:
    """The rows that break a rule as the files have them, in their order, as `Quarantine.add` takes them."""
    source, own = source_columns(engine, raw)
    named = {f"column {i}": own[name] for i, name in enumerate(raw.schema.names)}
    every = found.group_by(PLACE).aggregate(rules=found.rule.collect())
    rows = source.select(PLACE, **named).join(every, PLACE).order_by(PLACE)
    yield from engine.batches(rows, f"{raw.table.name} set aside", size=BATCH)


def notes_of(raw: RawRows, kept: Mapping[str, Sequence[Path]]) -> list[str]:
    """Remarks on a table that break nothing; `kept`: the tables whose rows references may name."""
    unknown = [parent for parent in raw.table.references.values() if parent not in kept]
    notes = [f"references into {parent} were not checked: it is broken as a whole" for parent in unknown]
    if raw.absent:
        notes.append("the folder does not have this table; it is taken to have no rows")
    return notes + [f"column {name!r} is not part of the table and was not kept" for name in raw.undeclared]
