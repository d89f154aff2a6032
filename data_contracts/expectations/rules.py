"""Builders of Great Expectations expectations, each with its rule, its reason and the stage at which it is checked.

The `meta` of an expectation holds its `rule` (a stable name), the `reason` (a sentence about the row), the `stage` and
the `columns` whose values explain it. Stages, in order: `row` checks each row by itself, `key` the rows that are sound
so far, `group` rows that belong together, `table` the rows that are left. Great Expectations cannot look into other
tables or count earlier copies, so some expectations check a column that the pipeline computes first; its name has a
dot (`quantity.readable`). Great Expectations takes seconds to import, so it is imported when a suite is built.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from data_contracts.raw.tables import RawTable

Stage = Literal["row", "key", "group", "table"]

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Earlier instants come from clocks that were never set."""

KIND_WORDS: Final = {
    "instant": "an instant (ISO 8601)",
    "whole": "a number",
    "number": "a number",
    "flag": "true or false",
    "json": "JSON text of the right form",
}


_ANNOUNCED: Final = frozenset({"effective_at"})
"""Instants that may lie ahead: a cancellation waits for the end of what is paid."""


def expectation(
    name: str, *, rule: str, reason: str, columns: Sequence[str], stage: Stage = "row", **kwargs: Any
) -> Any:
    """One Great Expectations expectation of the class `name`, with its rule, reason, stage and columns in `meta`."""
    from great_expectations import expectations

    meta = {"rule": rule, "reason": reason, "stage": stage, "columns": list(columns)}
    return getattr(expectations, name)(**kwargs, meta=meta)


def holds(column: str, *, rule: str, reason: str, columns: Sequence[str], stage: Stage = "row") -> Any:
    """Expect every value of a computed true-or-false column to be true."""
    return expectation(
        "ExpectColumnValuesToBeInSet",
        rule=rule,
        reason=reason,
        columns=columns,
        stage=stage,
        column=column,
        value_set=[True],
    )


def column_rules(table: RawTable, *, now: datetime) -> list[Any]:
    """The rules that a table's shape implies: readable text, typed values, none missing, known values and instants."""
    texts = [column.name for column in table.columns if column.kind == "text"]
    rules = [
        holds(
            "text.readable", rule="text_unreadable", reason="text is damaged or has control characters", columns=texts
        )
    ]
    for column in table.columns:
        name = column.name
        if column.kind != "text":
            reason = f"{name} is not {KIND_WORDS[column.kind]}"
            rules.append(holds(f"{name}.readable", rule=f"{name}_unreadable", reason=reason, columns=[name]))
        if not column.nullable:
            rules.append(holds(f"{name}.given", rule=f"{name}_missing", reason=f"{name} is missing", columns=[name]))
        if column.choices:
            rules.append(one_of(name, column.choices))
        if column.kind == "whole":
            reason = f"{name} is not a whole number"
            rules.append(holds(f"{name}.whole", rule=f"{name}_not_whole", reason=reason, columns=[name]))
        if column.kind == "instant":
            rules += _real_instant(name, now=now)
    return rules


def one_of(column: str, values: Sequence[str]) -> Any:
    """Expect the value to be one of these."""
    return expectation(
        "ExpectColumnValuesToBeInSet",
        rule=f"unknown_{column}",
        reason=f"{column} is not a known one",
        columns=[column],
        column=column,
        value_set=list(values),
    )


def between(column: str, minimum: float, maximum: float | None = None) -> Any:
    """Expect the number to lie between these bounds, both included."""
    bounds = f"at least {minimum:,}" if maximum is None else f"between {minimum:,} and {maximum:,}"
    return expectation(
        "ExpectColumnValuesToBeBetween",
        rule=f"{column}_out_of_range",
        reason=f"{column} must be {bounds}",
        columns=[column],
        column=column,
        min_value=minimum,
        max_value=maximum,
    )


def recorded_after(column: str) -> Any:
    """Expect a fact to be recorded when it occurs or later, never before."""
    return expectation(
        "ExpectColumnValuesToBeBetween",
        rule="recorded_before_occurred",
        reason=f"recorded_at lies before {column}",
        columns=[column, "recorded_at"],
        column="recorded.delay_seconds",
        min_value=0,
    )


def references(table: RawTable) -> list[Any]:
    """Expect each reference of a row to exist among the kept rows of the other table."""
    return [
        holds(
            f"{column}.known",
            rule=f"unknown_{column.removesuffix('_id')}",
            reason=f"no kept row of {parent} has this {column}",
            columns=[column],
        )
        for column, parent in table.references.items()
    ]


def first_of_its_key(table: RawTable) -> Any:
    """Expect no earlier sound row with the same key: recorded before, or at the same instant and above in the file."""
    return holds(
        "key.first",
        rule="duplicate_key",
        reason="an earlier recorded row has the same key",
        columns=table.key,
        stage="key",
    )


def fresh(table: RawTable, *, reference: datetime) -> list[Any]:
    """Expect the table to have enough rows and a recent newest row; empty for a table that needs neither."""
    rules = []
    if table.min_rows:
        reason = f"fewer than {table.min_rows} rows are left"
        rules.append(
            expectation(
                "ExpectTableRowCountToBeBetween",
                rule="too_few_rows",
                reason=reason,
                columns=[],
                stage="table",
                min_value=table.min_rows,
            )
        )
    if table.fresh_for_days is not None:
        oldest = reference - timedelta(days=table.fresh_for_days)
        reason = (
            f"the newest row was recorded more than {table.fresh_for_days} days before {reference:%Y-%m-%d %H:%M} UTC"
        )
        rules.append(
            expectation(
                "ExpectColumnMaxToBeBetween",
                rule="not_fresh",
                reason=reason,
                columns=["recorded_at"],
                stage="table",
                column="recorded_at",
                min_value=oldest,
            )
        )
    return rules


def _real_instant(column: str, *, now: datetime) -> list[Any]:
    """Expect the instant to lie after `EARLIEST` and, unless it may be one that is announced, not in the future."""
    future = f"{column} lies in the future (after {now:%Y-%m-%d %H:%M:%S} UTC)"
    early = f"{column} lies before {EARLIEST:%Y-%m-%d}"
    ahead = expectation(
        "ExpectColumnValuesToBeBetween",
        rule="in_the_future",
        reason=future,
        columns=[column],
        column=column,
        max_value=now,
    )
    long_ago = expectation(
        "ExpectColumnValuesToBeBetween",
        rule="long_ago",
        reason=early,
        columns=[column],
        column=column,
        min_value=EARLIEST,
    )
    return [long_ago] if column in _ANNOUNCED else [ahead, long_ago]
