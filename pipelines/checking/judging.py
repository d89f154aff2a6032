"""Judges a table as a whole: Great Expectations on one row of counts, and the share of rows that are set aside."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd

from data_contracts.expectations.rules import Rule
from data_contracts.expectations.suites import suite
from data_contracts.raw.tables import MIN_ROWS_TO_JUDGE_A_SHARE, RawTable
from pipelines.history.spark import silence_pandas_warning

NOT_OF_THEIR_OWN: Final = frozenset({"sibling_set_aside"})
"""Rules that set aside rows which are sound themselves; they do not count when a table as a whole is judged."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of a table's checked rows, over however many runs checked them."""

    table: RawTable
    rows_in: int
    rows_kept: int
    breaking: Mapping[str, int]
    """Name of a rule (see `Rule.name`) → how many rows break it."""
    first: "Counter[str]"
    """Rule → how many rows break it first."""
    newest: datetime | None
    """When the newest row kept was recorded; `None` without any."""
    problems: Mapping[str, str]
    """Rule → why it could not be computed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a table may be used."""

    broken: tuple[str, ...]
    """Why it is broken as a whole; empty when it is not."""
    results: tuple[Mapping[str, Any], ...]
    """The results of Great Expectations, one per expectation."""


def judge(counts: Counts, declared: Sequence[Rule], *, reference: datetime, batches: Any) -> Judgement:
    """Judge a table with its declared rules.

    `reference`: freshness is counted back from it. `batches`: from `great_expectations_batches`.
    """
    results = _expected(counts, declared, reference=reference, batches=batches)
    broken = [f"{rule} could not be checked: {problem}" for rule, problem in counts.problems.items()]
    broken += [_observed(each) for each in results if _of_table(each) and not each.success]
    stored = tuple(_stored(result, counts.rows_in, counts.problems) for result in results)
    return Judgement((*broken, *_too_many_set_aside(counts)), stored)


def great_expectations_batches() -> Any:
    """A batch definition for data frames, in an in-memory Great Expectations context without analytics and bars."""
    import os

    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    silence_pandas_warning()  # Great Expectations imports Spark where it is installed
    import great_expectations

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("raw tables").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("rows")


def _expected(counts: Counts, declared: Sequence[Rule], *, reference: datetime, batches: Any) -> list[Any]:
    """Validate the frame of one row that the suite is about; one result per expectation, in declared order."""
    breaking = {rule.name: counts.breaking.get(rule.name, 0) for rule in declared}
    frame = pd.DataFrame([{**breaking, "rows.kept": counts.rows_kept}])
    frame["recorded_at"] = pd.Series([counts.newest], dtype="datetime64[us, UTC]")
    expected = suite(counts.table.name, declared, reference=reference)
    if counts.newest is None:
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


def _too_many_set_aside(counts: Counts) -> list[str]:
    """The reason why the table is broken when too many of its rows are; empty otherwise."""
    count = sum(rows for rule, rows in counts.first.items() if rule not in NOT_OF_THEIR_OWN)
    if count < MIN_ROWS_TO_JUDGE_A_SHARE or count <= counts.table.max_share_set_aside * counts.rows_in:
        return []
    ((worst, _),) = counts.first.most_common(1)
    share, limit = count / counts.rows_in, counts.table.max_share_set_aside
    return [f"{count:,} of {counts.rows_in:,} rows are broken ({share:.0%}, at most {limit:.0%}), most by {worst}"]
