"""Computes which rules each row of a table breaks, and divides its rows into those kept and those set aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow.parquet as pq

from data_contracts.expectations.rules import Rule
from data_contracts.expectations.suites import rules, suite
from data_contracts.raw.tables import MIN_ROWS_TO_JUDGE_A_SHARE, RawTable
from pipelines.checking.check_columns import PLACE, kept_values, source_columns, typed_rows
from pipelines.checking.findings import Findings
from pipelines.checking.quarantine import Quarantine, RuleCount
from pipelines.checking.sources import RawRows
from pipelines.history.engine import Engine

if TYPE_CHECKING:
    import ibis.expr.types as ir

NOT_OF_THEIR_OWN: Final = frozenset({"sibling_set_aside"})
"""Rules that set aside rows which are sound themselves; they do not count when a table as a whole is judged."""
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
    """The rows that keep the contract: declared columns, typed, in file order; `None` when no file could be read."""
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
    kept: Mapping[str, Path],
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
    engine.write(kept_values(raw, found.kept_of(in_order)), path)
    quarantine = _set_aside(engine, raw, found.table, declared, aside)
    newest = engine.table(path).recorded_at.max().to_pyarrow().as_py()
    rows_kept = pq.read_metadata(path).num_rows
    results = _expected(raw, declared, found, rows_kept=rows_kept, newest=newest, reference=reference, batches=batches)
    broken = [f"{rule} could not be checked: {problem}" for rule, problem in found.problems.items()]
    broken += [_observed(each) for each in results if _of_table(each) and not each.success]
    return CheckedTable(
        table=raw.table,
        file=raw.file,
        rows_in=raw.rows_in,
        rows_kept=rows_kept,
        rows_set_aside=quarantine.rows,
        kept=path,
        set_aside=aside,
        newest=newest,
        rules=quarantine.counts(),
        broken=(*broken, *_too_many_set_aside(raw, quarantine)),
        notes=tuple(_notes(raw, kept)),
        results=tuple(_stored(result, raw.rows_in, found.problems) for result in results),
    )


def _set_aside(engine: Engine, raw: RawRows, found: "ir.Table", declared: Sequence[Rule], path: Path) -> Quarantine:
    """Write the rows that break a rule, batch by batch in file order."""
    source, own = source_columns(engine, raw)
    named = {f"column {i}": own[name] for i, name in enumerate(raw.schema.names)}
    every = found.group_by(PLACE).aggregate(rules=found.rule.collect())
    rows = source.select(PLACE, **named).join(every, PLACE).order_by(PLACE)
    with Quarantine(raw, declared, path) as quarantine:
        for batch in engine.batches(rows, f"{raw.table.name} set aside", size=BATCH):
            quarantine.add(batch)
    return quarantine


def great_expectations_batches() -> Any:
    """A batch definition for data frames, in an in-memory Great Expectations context without analytics and bars."""
    import os

    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("raw tables").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("rows")


def _expected(
    raw: RawRows,
    declared: Sequence[Rule],
    found: Findings,
    *,
    rows_kept: int,
    newest: datetime | None,
    reference: datetime,
    batches: Any,
) -> list[Any]:
    """Validate the frame of one row that the suite is about; one result per expectation, in declared order."""
    counts = {rule.name: found.counts.get(i, 0) for i, rule in enumerate(declared)}
    frame = pd.DataFrame([{**counts, "rows.kept": rows_kept}])
    frame["recorded_at"] = pd.Series([newest], dtype="datetime64[us, UTC]")
    expected = suite(raw.table.name, declared, reference=reference)
    if newest is None:
        dated = [each for each in expected.expectations if each.meta["rule"] == "not_fresh"]
        for each in dated:
            expected.delete_expectation(each)
    order = {_identity(each.meta): place for place, each in enumerate(expected.expectations)}
    results = batches.get_batch({"dataframe": frame}).validate(expected).results
    return sorted(results, key=lambda result: order[_identity(result.expectation_config.meta)])


def _identity(meta: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return meta["rule"], tuple(meta["columns"])


def _of_table(result: Any) -> bool:
    return bool(result.expectation_config.meta["whole_table"])


def _observed(result: Any) -> str:
    return f"{result.expectation_config.meta['reason']} (found: {result.result.get('observed_value')})"


def _stored(result: Any, rows_in: int, problems: Mapping[str, str]) -> dict[str, Any]:
    """The result as JSON; that of a rule also says of how many rows how many break it."""
    stored = dict(result.to_json_dict())
    problem = problems.get(result.expectation_config.meta["rule"])
    if not _of_table(result):
        stored["result"] |= {"unexpected_count": stored["result"]["observed_value"], "element_count": rows_in}
    stored["success"] = bool(result.success) and problem is None
    stored["exception_info"] = {"raised_exception": problem is not None, "exception_message": problem}
    return stored


def _notes(raw: RawRows, kept: Mapping[str, Path]) -> list[str]:
    unknown = [parent for parent in raw.table.references.values() if parent not in kept]
    notes = [f"references into {parent} were not checked: it is broken as a whole" for parent in unknown]
    if raw.absent:
        notes.append("the folder does not have this table; it is taken to have no rows")
    return notes + [f"column {name!r} is not part of the table and was not kept" for name in raw.undeclared]


def _too_many_set_aside(raw: RawRows, quarantine: Quarantine) -> list[str]:
    """The reason why the table is broken when too many of its rows are; empty otherwise."""
    count = sum(rows for rule, rows in quarantine.first.items() if rule not in NOT_OF_THEIR_OWN)
    if count < MIN_ROWS_TO_JUDGE_A_SHARE or count <= raw.table.max_share_set_aside * raw.rows_in:
        return []
    ((worst, _),) = quarantine.first.most_common(1)
    share, limit = count / raw.rows_in, raw.table.max_share_set_aside
    return [f"{count:,} of {raw.rows_in:,} rows are broken ({share:.0%}, at most {limit:.0%}), most by {worst}"]
