"""Rows of an answer's shape as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from fastapi import Response


def csv_answer(name: str, shape: type, rows: Sequence[Mapping[str, Any]]) -> Response:
    """Rows of one shape as CSV (RFC 4180), with its fields as the first line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(get_type_hints(shape)), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: _safe(value) for key, value in row.items()} for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"}
    return Response(text.getvalue().encode(), media_type="text/csv; charset=utf-8", headers=headers)


def _safe(value: object) -> object:
    """A text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
