"""Reads one raw column as typed values, with masks of the rows whose value is given and readable."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.raw.tables import Column, Kind
from recommender.ranking.ranker import Mask

DAMAGED_TEXT: Final = r"[\x00-\x1f\x7f\x{FFFD}]"
"""Control characters, and U+FFFD, which replaces bytes that cannot be decoded."""
DAMAGED_JSON: Final = r"[\x00\x{FFFD}]"
BEGINS_AS_DATE: Final = r"^\d{4}-\d{2}-\d{2}"
"""The start of every instant; without this check pandas would read `now` and `2026` as instants."""
CALENDAR: Final = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
"""The bounds within which an instant has a date in every time zone; beyond them it cannot be read."""
NOT_A_NUMBER: Final = ["nan", "NaN", "NAN"]
FLAGS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

ARROW_TYPES: Final[dict[Kind, pa.DataType]] = {
    "text": pa.string(),
    "json": pa.string(),
    "instant": pa.timestamp("us", tz="UTC"),
    "whole": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
}
"""The Arrow type in which a checked table stores each kind."""
_VALUES: Final = {"numbers": int | float | None, "texts": str, "objects": dict}
"""The type of the values of a JSON object."""


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """n values with two masks (n,); a value that is not given or not readable is null."""

    values: "pd.Series[Any]"
    given: Mask
    readable: Mask


def accepted_types(kind: Kind, arrow_type: Any) -> bool:
    """Whether a Parquet column of this type can be read as this kind; text can be read as any kind, row by row."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if is_text(arrow_type) or pa.types.is_null(arrow_type):
        return True
    if kind == "instant":
        return bool(pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type))
    if kind in ("whole", "number"):
        return any(is_type(arrow_type) for is_type in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))
    return kind == "flag" and bool(pa.types.is_boolean(arrow_type))


def typed_column(column: Column, array: Any) -> TypedColumn:
    """Read an Arrow array of n raw values as the column's kind."""
    if pa.types.is_dictionary(array.type) or pa.types.is_null(array.type) or is_text(array.type):
        array = array.cast(pa.string())
        array = pc.if_else(pc.equal(array, ""), None, array)
    return READERS[column.kind](column, array)


def _text(_column: Column, array: Any) -> TypedColumn:
    given = _mask(array.is_valid())
    return TypedColumn(array.to_pandas(), given, np.ones_like(given))


def _json(column: Column, array: Any) -> TypedColumn:
    text = array.to_pandas()
    codes, distinct = pd.factorize(text)
    sound = np.array([_is_json_of(value, column) for value in distinct] + [True])
    return TypedColumn(text, codes >= 0, sound[codes])


def _instant(_column: Column, array: Any) -> TypedColumn:
    given = _mask(array.is_valid())
    if is_text(array.type):
        likely = pc.if_else(pc.match_substring_regex(array, BEGINS_AS_DATE), array, None)
        values = pd.to_datetime(likely.to_pandas(), format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    else:
        options = pc.CastOptions(ARROW_TYPES["instant"], allow_time_truncate=True)
        values = _on_the_calendar(array).cast(options=options).to_pandas()
    return TypedColumn(values, given, ~given | values.notna().to_numpy())


def _on_the_calendar(array: Any) -> Any:
    """The instants or dates, null outside `CALENDAR`."""
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        return array  # 64 bits of nanoseconds end in the year 2262
    first, last = (pa.scalar(edge, array.type) for edge in CALENDAR)
    return pc.if_else(pc.and_(pc.greater_equal(array, first), pc.less_equal(array, last)), array, None)


def _number(_column: Column, array: Any) -> TypedColumn:
    if is_text(array.type):
        array = pc.if_else(pc.is_in(array, pa.array(NOT_A_NUMBER)), None, array)
        given = _mask(array.is_valid())
        values = pd.to_numeric(array.to_pandas(), errors="coerce").astype(np.float64)
        return TypedColumn(values, given, ~given | values.notna().to_numpy())
    values = array.cast(pa.float64(), safe=False).to_pandas()
    given = values.notna().to_numpy()
    return TypedColumn(values, given, np.ones_like(given))


def _flag(_column: Column, array: Any) -> TypedColumn:
    given = _mask(array.is_valid())
    values = array.to_pandas()
    values = (values.map(FLAGS) if is_text(array.type) else values).astype("boolean")
    return TypedColumn(values, given, ~given | values.notna().to_numpy())


READERS: Final[dict[Kind, Callable[[Column, Any], TypedColumn]]] = {
    "text": _text,
    "json": _json,
    "instant": _instant,
    "whole": _number,
    "number": _number,
    "flag": _flag,
}


def _is_json_of(text: str, column: Column) -> bool:
    """Whether the text is JSON of the column: a list, or an object of numbers or null, of texts, or of objects."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    if isinstance(value, dict):
        wanted = _VALUES[column.values]
        return column.container is dict and all(isinstance(each, wanted) for each in value.values())
    return isinstance(value, list) and column.container is list


def is_text(arrow_type: Any) -> bool:
    """Whether an Arrow type is text, in any of its forms."""
    return bool(
        pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type) or pa.types.is_string_view(arrow_type)
    )


def _mask(array: Any) -> Mask:
    """An Arrow array of booleans as NumPy, with null as false."""
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)
