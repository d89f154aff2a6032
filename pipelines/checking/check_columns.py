"""The columns that rules read, as expressions over a raw file: typed values, and columns computed from them.

Computed columns have a dot in their name; `data_contracts/expectations` declares what is expected of each. Numbers,
instants and flags that the file has typed are read by the engine itself, text and all else by `typed_column`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.raw.decisions import OF_DECISION
from data_contracts.raw.tables import Column
from pipelines.checking.sources import RawRows
from pipelines.history.daily_usage import INSTANT
from pipelines.history.engine import Engine
from pipelines.history.typed_columns import (
    ARROW_TYPES,
    CALENDAR,
    DAMAGED_JSON,
    DAMAGED_TEXT,
    NOT_A_NUMBER,
    is_text,
    typed_column,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

PLACE: Final = "row.place"
"""The place of a row in its Parquet files (see `Engine.table`)."""
_NOWHEN: Final = pa.scalar(-62135596800000000, ARROW_TYPES["instant"])
"""The first instant of the year 1, before `CALENDAR`: stands for an instant that cannot be read."""
_NATIVE: Final = {
    "instant": lambda kind: pa.types.is_timestamp(kind) and kind.unit == "us",
    "whole": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind),
    "number": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind),
    "flag": pa.types.is_boolean,
}
"""The Arrow types that the engine reads as the kind says."""


def source_columns(engine: Engine, raw: RawRows) -> "tuple[ir.Table, dict[str, Any]]":
    """The rows of a raw file as it has them with their `PLACE`, and each column by the file's own name for it."""
    source = engine.table(*raw.files, place=PLACE)
    # By position: the engine renames columns that differ in nothing but case.
    names = [name for name in source.columns if name != PLACE]
    own = {own: source[name] for own, name in zip(raw.names, names, strict=True)}
    lacking = {column.name for column in raw.table.columns if column.optional} - own.keys()
    return source, own | {name: _nulls(raw.schema.field(name).type) for name in lacking}


def _nulls(kind: pa.DataType) -> "ir.Value":
    """A column that a file lacks and may lack."""
    import ibis

    return ibis.null("string" if pa.types.is_string(kind) else "int64")


def typed_rows(engine: Engine, raw: RawRows, *, kept: Mapping[str, Sequence[Path]]) -> "ir.Table":
    """The rows of a raw file: `PLACE`, the typed columns, and the computed columns of the `row` stage.

    `kept` holds the files of kept rows of the tables that rows may refer to. A reference into a table that is not in
    `kept` (because it is broken as a whole) counts as known.
    """
    import ibis

    source, own = source_columns(engine, raw)
    columns: dict[str, Any] = {PLACE: source[PLACE]}
    damaged = [ibis.literal(False)]
    for column in raw.table.columns:
        value = own[column.name]
        columns |= _typed(engine, column, value, raw.schema.field(column.name).type)
        if column.kind in ("text", "json"):
            pattern = DAMAGED_JSON if column.kind == "json" else DAMAGED_TEXT
            damaged.append(value.cast("string").re_search(pattern).fill_null(False))
    columns["text.readable"] = ~reduce(or_, damaged)
    rows = source.select(**columns)
    computed: dict[str, Any] = {}
    for column in raw.table.columns:
        value = rows[column.name]
        if column.kind == "whole":
            computed[f"{column.name}.whole"] = value.isinf() | (value % 1 == 0)
    for name, parent in raw.table.references.items():
        known = engine.table(*kept[parent]) if parent in kept else None
        computed[f"{name}.known"] = ibis.literal(True) if known is None else rows[name].isin(known[name])
    if raw.table.name == "charges":
        lines = next(column for column in raw.table.columns if column.name == "lines")
        computed["lines.cents"] = _function(engine, _cents_of_lines, lines, rows.lines, "float64")
    return rows.mutate(**computed)


def decisions_of(rows: "ir.Table", *, broken: "ir.Table") -> "ir.Table":
    """One row per decision with the computed columns of the `group` stage: what holds of the decision as a whole.

    Sums, positions, one recommendation, agreement and completeness. `broken`: the decisions (`decision_id`) of which a
    candidate was set aside before.
    """
    uniform = {f"{name}.same": _all_same(rows, name) for name in OF_DECISION}
    decisions = rows.group_by("decision_id").aggregate(
        **uniform,
        **{
            "decision.positions": (rows.position.nunique() == rows.count()) & (rows.position.max() <= rows.count()),
            "decision.recommended": rows.recommended.cast("int64").sum() == 1,
            "decision.probability": rows.probability.sum(),
            "decision.propensity": rows.propensity.sum(),
        },
    )
    return decisions.mutate(
        **{
            "decision.complete": ~decisions.decision_id.isin(broken.decision_id),
            "decision.uniform": ~reduce(or_, (~decisions[name] for name in uniform)),
        }
    )


def kept_values(raw: RawRows, rows: "ir.Table", *, also: Sequence[str] = ()) -> "ir.Table":
    """The declared columns in the types in which a checked table stores them, then the columns `also`."""
    names = [column.name for column in raw.table.columns if column.kind == "whole"]
    # Not all engines set rows aside before they compute what is left: a number too large must not be an error.
    wholes = {name: rows[name].try_cast("int64") for name in names}
    kept = {column.name: wholes.get(column.name, rows[column.name]) for column in raw.table.columns}
    return rows.select(**kept, **{name: rows[name] for name in also})


def newest_recorded(engine: Engine, raw: RawRows) -> "ir.Table":
    """A table of one column: when each row was recorded, null where that cannot be read."""
    column = next(column for column in raw.table.columns if column.name == "recorded_at")
    source, own = source_columns(engine, raw)
    return source.select(**_typed(engine, column, own["recorded_at"], raw.schema.field("recorded_at").type))


def _all_same(rows: "ir.Table", name: str) -> Any:
    """Whether all rows of a group have the same value, or all none."""
    column = rows[name]
    return (column.min() == column.max()).fill_null(True) & ((column.count() == 0) | (column.count() == rows.count()))


def _typed(engine: Engine, column: Column, value: Any, arrow_type: Any) -> dict[str, Any]:
    """The typed value, whether it is given, and, but for text, whether it is readable."""
    import ibis

    name, kind = column.name, column.kind
    if kind in ("text", "json"):
        text = value.cast("string").nullif("")
        columns = {name: text, f"{name}.given": text.notnull()}
        if kind == "json":
            columns[f"{name}.readable"] = _function(engine, _is_readable, column, text, "boolean").fill_null(True)
        return columns
    if _NATIVE[kind](arrow_type):
        given = value
        typed = value.cast({"instant": INSTANT, "flag": "boolean"}.get(kind, "float64"))
        if kind in ("whole", "number"):
            given = typed = typed.isnan().ifelse(ibis.null("float64"), typed)
    else:
        given = value.cast("string").nullif("") if is_text(arrow_type) or pa.types.is_null(arrow_type) else value
        if kind in ("whole", "number") and given is not value:
            given = given.isin(NOT_A_NUMBER).ifelse(ibis.null("string"), given)
        typed = _read(engine, column, given)
    if kind == "instant":
        typed = typed.between(*(ibis.literal(edge, type=INSTANT) for edge in CALENDAR)).ifelse(
            typed, ibis.null(INSTANT)
        )
    return {name: typed, f"{name}.given": given.notnull(), f"{name}.readable": given.isnull() | typed.notnull()}


def _read(engine: Engine, column: Column, value: Any) -> Any:
    """The values as `typed_column` reads them; null where they cannot be read."""
    import ibis

    if column.kind == "instant":
        return _function(engine, _values, column, value, INSTANT)
    number = _function(engine, _values, column, value, "float64")
    number = number.isnan().ifelse(ibis.null("float64"), number)
    return number == 1 if column.kind == "flag" else number


def _function(
    engine: Engine, function: "Callable[[Any, Column], pa.Array]", column: Column, value: Any, gives: str
) -> Any:
    """A Python function of an Arrow array as part of an expression; it must not return null for a value."""

    def of_column(array: Any) -> pa.Array:
        return function(array, column)

    name = f"{function.__name__}_{column.name}_{type(value.type()).__name__}".lower()
    return engine.function(of_column, name=name, takes=value.type(), gives=gives)(value)


def _values(array: Any, column: Column) -> pa.Array:
    """The typed values of an Arrow array; NaN or `_NOWHEN` where they cannot be read."""
    values = typed_column(column, array).values
    if column.kind == "instant":
        return pc.fill_null(pa.Array.from_pandas(values.dt.tz_convert(None)).cast(ARROW_TYPES["instant"]), _NOWHEN)
    return pc.fill_null(pa.Array.from_pandas(values.astype("Float64")).cast(pa.float64()), float("nan"))


def _is_readable(array: Any, column: Column) -> pa.Array:
    return pa.array(typed_column(column, array).readable)


def _cents_of_lines(texts: Any, _column: Column) -> pa.Array:
    """The sum of the lines of each charge; NaN where they cannot be read."""
    return pa.array([_sum_of_lines(text) for text in texts.to_pylist()], pa.float64())


def _sum_of_lines(text: object) -> float:
    try:
        return float(sum(int(line["amount_cents"]) for line in json.loads(str(text))))
    except (ValueError, TypeError, KeyError, OverflowError):
        return float("nan")
