"""The rules that every row of a raw table keeps, as expressions, and what Great Expectations expects of a whole table.

A `Rule` is declared once and computed by any engine that Ibis speaks to. Stages, in order: `row` checks each row by
itself, `key` the rows that are sound so far, `group` rows that belong together. Some rules read a column that the
pipeline computes first; its name has a dot (`quantity.readable`). Great Expectations takes seconds to import, so it is
imported when a suite is built.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from data_contracts.raw.tables import RawTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

Stage = Literal["row", "key", "group"]

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


@dataclass(frozen=True, slots=True)
class Rule:
    """A promise about each row, and what is said of a row that breaks it."""

    rule: str
    """A stable name; several columns may have a rule of the same name."""
    reason: str
    """The fault of the row, as a sentence."""
    columns: tuple[str, ...]
    """The columns whose values explain it."""
    holds: "Callable[[ir.Table], Any]"
    """Whether the rule holds, as an expression over the typed columns; unknown counts as held."""
    stage: Stage = "row"

    @property
    def name(self) -> str:
        """The rule with its columns, different for every rule of a table."""
        return f"{self.rule}({', '.join(self.columns)})"


def holds(column: str, *, rule: str, reason: str, columns: Sequence[str], stage: Stage = "row") -> Rule:
    """Expect every value of a computed true-or-false column to be true."""
    return Rule(rule, reason, tuple(columns), partial(_is_true, column=column), stage)


def _is_true(rows: "ir.Table", *, column: str) -> Any:
    return rows[column]


def column_rules(table: RawTable, *, now: datetime) -> list[Rule]:
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


def one_of(column: str, values: Sequence[str]) -> Rule:
    """Expect the value to be one of these."""
    return Rule(
        f"unknown_{column}",
        f"{column} is not a known one",
        (column,),
        lambda rows: rows[column].isin(list(values)),
    )


def between(column: str, minimum: float, maximum: float | None = None) -> Rule:
    """Expect the number to lie between these bounds, both included."""
    bounds = f"at least {minimum:,}" if maximum is None else f"between {minimum:,} and {maximum:,}"
    return Rule(
        f"{column}_out_of_range",
        f"{column} must be {bounds}",
        (column,),
        partial(within, column=column, minimum=minimum, maximum=maximum),
    )


def within(rows: "ir.Table", *, column: str, minimum: float, maximum: float | None) -> Any:
    """Whether the number lies between these bounds, both included."""
    enough = rows[column] >= minimum
    return enough if maximum is None else enough & (rows[column] <= maximum)


def recorded_after(column: str) -> Rule:
    """Expect a fact to be recorded when it occurs or later, never before."""
    return Rule(
        "recorded_before_occurred",
        f"recorded_at lies before {column}",
        (column, "recorded_at"),
        lambda rows: rows.recorded_at >= rows[column],
    )


def references(table: RawTable) -> list[Rule]:
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


def first_of_its_key(table: RawTable) -> Rule:
    """Expect no earlier sound row with the same key: recorded before, or at the same instant and above in the file."""
    return holds(
        "key.first",
        rule="duplicate_key",
        reason="an earlier recorded row has the same key",
        columns=table.key,
        stage="key",
    )


def _real_instant(column: str, *, now: datetime) -> list[Rule]:
    """Expect the instant to lie after `EARLIEST` and, unless it may be one that is announced, not in the future."""
    future = f"{column} lies in the future (after {now:%Y-%m-%d %H:%M:%S} UTC)"
    early = f"{column} lies before {EARLIEST:%Y-%m-%d}"
    ahead = Rule("in_the_future", future, (column,), lambda rows: rows[column] <= now)
    long_ago = Rule("long_ago", early, (column,), lambda rows: rows[column] >= EARLIEST)
    return [long_ago] if column in _ANNOUNCED else [ahead, long_ago]


def table_expectations(table: RawTable, rules: Sequence[Rule], *, reference: datetime) -> list[Any]:
    """The frame that Great Expectations checks: one row, with the number of rows that break each rule by its name.

    The frame has `rows.kept` and `recorded_at`, the newest, besides. `meta` holds `rule`, `reason` and `columns`, and
    whether the expectation is about the table as a whole.
    """
    from great_expectations import expectations

    every: list[Any] = [
        expectations.ExpectColumnMaxToBeBetween(
            column=rule.name,
            max_value=0,
            meta={"rule": rule.rule, "reason": rule.reason, "columns": list(rule.columns), "whole_table": False},
        )
        for rule in rules
    ]
    if table.min_rows:
        reason = f"fewer than {table.min_rows} rows are left"
        meta = {"rule": "too_few_rows", "reason": reason, "columns": [], "whole_table": True}
        every.append(expectations.ExpectColumnMinToBeBetween(column="rows.kept", min_value=table.min_rows, meta=meta))
    if table.fresh_for_days is not None:
        oldest = reference - timedelta(days=table.fresh_for_days)
        since = f"{reference:%Y-%m-%d %H:%M} UTC"
        reason = f"the newest row was recorded more than {table.fresh_for_days} days before {since}"
        meta = {"rule": "not_fresh", "reason": reason, "columns": ["recorded_at"], "whole_table": True}
        every.append(expectations.ExpectColumnMaxToBeBetween(column="recorded_at", min_value=oldest, meta=meta))
    return every
