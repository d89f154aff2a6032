"""The result of validating a folder of raw tables, as a value and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.checking.check_table import CheckedTable


@dataclass(frozen=True)
class Validation:
    """All raw tables after their checks, parents before children."""

    checked_at: datetime
    """The instant of the check; no instant of the data may lie after it."""
    reference: datetime
    """The instant that freshness is counted back from: the newest row of the folder."""
    tables: Mapping[str, CheckedTable]

    @property
    def valid(self) -> bool:
        """Whether every table may be used; single rows may have been set aside."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why tables as a whole are broken, each reason with the table's name."""
        return tuple(f"{name}: {reason}" for name, table in self.tables.items() for reason in table.broken)

    @property
    def rows_in(self) -> int:
        """The number of rows in all files."""
        return sum(table.rows_in for table in self.tables.values())

    @property
    def rows_kept(self) -> int:
        """The number of rows that keep their contract."""
        return sum(table.rows_kept for table in self.tables.values())

    @property
    def rows_set_aside(self) -> int:
        """The number of rows that break their contract."""
        return sum(table.rows_set_aside for table in self.tables.values())

    def as_json(self) -> dict[str, Any]:
        """The content of `validation.json`, with the result of every expectation."""
        return {
            "valid": self.valid,
            "checked_at": self.checked_at.isoformat(),
            "reference": self.reference.isoformat(),
            "rows_in": self.rows_in,
            "rows_kept": self.rows_kept,
            "rows_set_aside": self.rows_set_aside,
            "tables": {name: _table_as_json(table) for name, table in self.tables.items()},
        }


class TableBroken(Exception):
    """A raw table as a whole is broken, so the folder must not be used; the exception carries the validation."""

    def __init__(self, validation: Validation) -> None:
        super().__init__("\n".join(validation.reasons))
        self.validation = validation
        self.reasons = validation.reasons


def _table_as_json(table: CheckedTable) -> dict[str, Any]:
    return {
        "file": table.file,
        "rows_in": table.rows_in,
        "rows_kept": table.rows_kept,
        "rows_set_aside": table.rows_set_aside,
        "broken": list(table.broken),
        "notes": list(table.notes),
        "rules": [
            {
                "rule": rule.rule,
                "meaning": rule.meaning,
                "rows": rule.rows,
                "rows_breaking": rule.rows_breaking,
                "examples": [{"row": row, "reason": reason} for row, reason in rule.examples],
            }
            for rule in table.rules
        ],
        "expectations": list(table.results),
    }
