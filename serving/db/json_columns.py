"""Values of the core as JSON text and back, without loss: fractions stay exact, "no limit" stays infinite."""

import json
from datetime import datetime
from fractions import Fraction
from typing import Any, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")


def dumps(kind: TypeAdapter[Value], value: Value) -> str:
    """Write a value as JSON text; the standard library is used because it writes infinity."""
    return json.dumps(kind.dump_python(value), default=_plain, separators=(",", ":"))


def loads(kind: TypeAdapter[Value], text: str) -> Value:
    """Read a value that `dumps` has written."""
    return kind.validate_python(json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value)} has no place in a subscription")
