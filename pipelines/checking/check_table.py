"""Runs a table's suite stage by stage and divides its rows into those kept and those set aside with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from data_contracts.expectations.rules import Stage
from data_contracts.expectations.suites import suite
from data_contracts.raw.tables import MIN_ROWS_TO_JUDGE_A_SHARE, RawTable
from pipelines.checking.check_columns import check_frame, decision_checks, first_of_each_key
from pipelines.checking.quarantine import Finding, RuleCount, quarantined, rule_counts
from pipelines.checking.sources import RawRows

SAMPLE: Final = 20
"""The number of unexpected values and rows stored per expectation; counts are always complete."""

NOT_OF_THEIR_OWN: Final = frozenset({"sibling_set_aside"})
"""Rules that set aside rows which are sound themselves; they do not count when a table as a whole is judged."""


@dataclass(frozen=True)
class CheckedTable:
    """One table after its checks: every row of the file is either in `kept` or in `set_aside`."""

    table: RawTable
    file: str | None
    """The file name; `None` when no file could be read."""
    rows_in: int
    kept: pd.DataFrame
    """The rows that keep the contract: declared columns, typed, in file order."""
    set_aside: pd.DataFrame
    """The rows that break it: the file's columns as text, then table, rule, rules, reason and row; in file order."""
    rules: tuple[RuleCount, ...] = ()
    """The rules that rows broke, in declared order."""
    broken: tuple[str, ...] = ()
    """Why the table as a whole is broken; empty when it is not."""
    notes: tuple[str, ...] = ()
    """Remarks that break nothing."""
    results: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """The results of Great Expectations, one per expectation."""

    def __post_init__(self) -> None:
        if self.rows_in != len(self.kept) + len(self.set_aside):
            raise RowsLost(self.table.name, self.rows_in, len(self.kept), len(self.set_aside))

    @property
    def rows_kept(self) -> int:
        """The number of rows that keep the contract."""
        return len(self.kept)

    @property
    def rows_set_aside(self) -> int:
        """The number of rows that break the contract."""
        return len(self.set_aside)


class RowsLost(AssertionError):
    """Rows kept and rows set aside do not add up to the rows of the file: a fault of this code, never of the data."""

    def __init__(self, table: str, rows_in: int, kept: int, set_aside: int) -> None:
        super().__init__(f"{table}: {rows_in} rows in, but {kept} kept + {set_aside} set aside")


def check_table(
    raw: RawRows, *, kept: Mapping[str, pd.DataFrame], now: datetime, reference: datetime, batches: Any
) -> CheckedTable:
    """Check one table; faults of the data are in the returned value, no exception is raised for them.

    `kept`: the kept rows of the tables checked before. `now`: no instant may lie after it. `reference`: freshness is
    counted back from it. `batches`: from `great_expectations_batches`.
    """
    run = _Run(raw.table, check_frame(raw, kept=kept), now=now, reference=reference, batches=batches)
    run.stage("row", {})
    run.stage("key", {"key.first": first_of_each_key(run.sound, raw.table)})
    if raw.table.name == "decisions":
        duplicates = {"duplicate_key"}
        broken = run.decisions_set_aside(but_for=duplicates)
        run.stage("group", decision_checks(run.sound, broken=broken))
    rows = run.sound
    run.stage("table", {})

    set_aside = quarantined(raw, run.findings)
    unknown = [parent for parent in raw.table.references.values() if parent not in kept]
    notes = [f"references into {parent} were not checked: it is broken as a whole" for parent in unknown]
    if raw.absent:
        notes.append("the folder does not have this table; it is taken to have no rows")
    notes += [f"column {name!r} is not part of the table and was not kept" for name in raw.undeclared]
    return CheckedTable(
        table=raw.table,
        file=raw.file,
        rows_in=raw.rows_in,
        kept=rows[[column.name for column in raw.table.columns]].reset_index(drop=True),
        set_aside=set_aside,
        rules=rule_counts(set_aside, run.findings),
        broken=(*run.broken, *_too_many_set_aside(raw, set_aside)),
        notes=tuple(notes),
        results=tuple(run.results),
    )


def great_expectations_batches() -> Any:
    """A batch definition for data frames, in an in-memory Great Expectations context without analytics and bars."""
    import os

    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("raw tables").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("rows")


class _Run:
    """Runs the stages of one table in order, each on the rows that are sound so far."""

    def __init__(
        self, table: RawTable, frame: pd.DataFrame, *, now: datetime, reference: datetime, batches: Any
    ) -> None:
        self.table = table
        self.frame = frame
        self.alive = np.ones(len(frame), dtype=np.bool_)
        self.findings: list[Finding] = []
        self.broken: list[str] = []
        self.results: list[dict[str, Any]] = []
        self._instants = {"now": now, "reference": reference}
        self._batches = batches

    @property
    def sound(self) -> pd.DataFrame:
        """The rows that have broken no rule so far."""
        return self.frame[self.alive]

    def stage(self, stage: Stage, computed: Mapping[str, Any]) -> None:
        """Check the expectations of one stage on the sound rows, with the computed columns added."""
        expectations = suite(self.table.name, **self._instants, stage=stage)
        rows = self.sound.assign(**computed)
        if not expectations.expectations or (stage == "table" and _nothing_to_date(rows, expectations)):
            return
        results = _validate(rows, expectations, batches=self._batches)
        for result in results:
            meta = result.expectation_config.meta
            problem = _could_not_be_checked(result)
            if problem:
                self.broken.append(f"{meta['rule']} could not be checked: {problem}")
            elif stage == "table" and not result.success:
                self.broken.append(_observed(meta["reason"], result))
            elif stage != "table":
                places = np.asarray(result.result.get("unexpected_index_list") or [], dtype=np.int64)
                if len(places):
                    self.findings.append(Finding(meta["rule"], meta["reason"], tuple(meta["columns"]), places))
                    self.alive[places] = False
            self.results.append(_stored(result, problem))

    def decisions_set_aside(self, *, but_for: set[str]) -> set[str]:
        """The decisions of which a row broke a rule other than these."""
        places = [finding.places for finding in self.findings if finding.rule not in but_for]
        return set(self.frame["decision_id"].iloc[np.concatenate(places)].dropna()) if places else set()


def _validate(frame: pd.DataFrame, expectations: Any, *, batches: Any) -> list[Any]:
    """Validate a frame; one result per expectation, in declared order."""
    # Great Expectations hashes the whole frame, twice; it gets only the columns that this suite checks.
    frame = frame[sorted({column for each in expectations.expectations for column in _columns(each)})]
    batch = batches.get_batch({"dataframe": frame})
    order = {_identity(each.meta): place for place, each in enumerate(expectations.expectations)}
    results = batch.validate(expectations, result_format={"result_format": "COMPLETE"}).results
    return sorted(results, key=lambda result: order[_identity(result.expectation_config.meta)])


def _columns(expectation: Any) -> list[str]:
    """The columns that an expectation checks."""
    column = getattr(expectation, "column", None)
    return [] if column is None else [column]


def _identity(meta: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return meta["rule"], tuple(meta["columns"])


def _could_not_be_checked(result: Any) -> str | None:
    """The message of an expectation whose computation raised; Great Expectations reports it as merely failed."""
    info = result.exception_info or {}
    every = [info] if "raised_exception" in info else list(info.values())
    messages = [str(each.get("exception_message")) for each in every if each.get("raised_exception")]
    return " ".join(messages[0].split())[:300] if messages else None


def _nothing_to_date(rows: pd.DataFrame, expectations: Any) -> bool:
    """Whether the only expectation is freshness and the table is empty, so that it has no newest row."""
    return rows.empty and all(each.meta["rule"] == "not_fresh" for each in expectations.expectations)


def _observed(reason: str, result: Any) -> str:
    return f"{reason} (found: {result.result.get('observed_value')})"


def _stored(result: Any, problem: str | None) -> dict[str, Any]:
    """The result as JSON, with lists of values and rows cut to a sample and tracebacks to their message."""
    for name in ("unexpected_list", "unexpected_index_list", "partial_unexpected_index_list"):
        if name in result.result:
            result.result[name] = result.result[name][:SAMPLE]
    result.result.pop("unexpected_index_query", None)
    stored = dict(result.to_json_dict())
    stored["exception_info"] = {"raised_exception": problem is not None, "exception_message": problem}
    return stored


def _too_many_set_aside(raw: RawRows, set_aside: pd.DataFrame) -> list[str]:
    """The reason why the table is broken when too many of its rows are; empty otherwise."""
    count = int((~set_aside["rule"].isin(NOT_OF_THEIR_OWN)).sum())
    if count < MIN_ROWS_TO_JUDGE_A_SHARE or count <= raw.table.max_share_set_aside * raw.rows_in:
        return []
    worst = set_aside["rule"].value_counts().index[0]
    share, limit = count / raw.rows_in, raw.table.max_share_set_aside
    return [f"{count:,} of {raw.rows_in:,} rows are broken ({share:.0%}, at most {limit:.0%}), most by {worst}"]
