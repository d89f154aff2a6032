"""The quarantine: rows set aside as the file has them, with table, broken rules, reason and place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.expectations.rules import Rule
from pipelines.checking.sources import RaggedRow, RawRows

REASON_COLUMNS: Final = ("table", "rule", "rules", "reason", "row", "text")
"""Columns added behind the file's own. `row`: place in the file, from 0 (row 0 of a CSV file is line 2). `rules`: all
rules that the row breaks, the one in `rule` first. `text`: the whole line, for a ragged row."""

RAGGED: Final = "ragged_row"
EXAMPLES: Final = 5
SHOWN: Final = 80
"""The length to which reasons shorten values; the row itself has them in full."""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many rows of a table broke one rule."""

    rule: str
    meaning: str
    """The rule as a sentence."""
    rows: int
    """The number of rows for which this rule is the first that they break."""
    rows_breaking: int
    """The number of rows that break this rule, also after another."""
    examples: tuple[tuple[int, str], ...]
    """Place in the file and reason of the first few rows."""


class Quarantine:
    """Writes the rows set aside of one table, in file order, and counts the rules that they break."""

    def __init__(self, raw: RawRows, rules: Sequence[Rule], path: Path) -> None:
        self.rows = 0
        self.first: Counter[str] = Counter()
        """The number of rows for which each rule is the first that they break."""
        self._breaking: Counter[str] = Counter()
        self._examples: dict[str, list[tuple[int, str]]] = {}
        self._raw, self._rules, self._path = raw, rules, path
        self._ragged = list(raw.ragged)
        fields = [(name, pa.int64() if name == "row" else pa.string()) for name in _names(raw)]
        self._schema = pa.schema(fields)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._path, self._schema)
        return self

    def __exit__(self, raised: object, *_about: object) -> None:
        if raised is None:
            self._write(pd.DataFrame(columns=list(self._schema.names)), before=None)
        self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the next rows: place, the file's own columns, and the places of the rules that each breaks."""
        places, broken = batch.column(0).to_numpy(), [sorted(each) for each in batch.column("rules").to_pylist()]
        texts = [_as_text(batch.column(i + 1).cast(kind)) for i, kind in enumerate(self._raw.schema.types)]
        rows = pd.DataFrame(dict(zip(_own_names(self._raw), texts, strict=True)))
        first = [self._rules[each[0]] for each in broken]
        described = rows.assign(
            table=self._raw.table.name,
            rule=[rule.rule for rule in first],
            rules=[", ".join(dict.fromkeys(self._rules[place].rule for place in each)) for each in broken],
            reason=[_reason(rule, rows, i) for i, rule in enumerate(first)],
            row=self._raw.rows_of_file(places),
            text=None,
        )
        self._write(described, before=int(described["row"].iloc[-1]) if len(described) else 0)

    def counts(self) -> tuple[RuleCount, ...]:
        """Count the broken rules, in declared order, the rule for ragged rows first."""
        meanings = {RAGGED: "the line has too many or too few fields"}
        for rule in self._rules:
            meanings.setdefault(rule.rule, rule.reason)
        return tuple(
            RuleCount(rule, meaning, self.first[rule], self._breaking[rule], tuple(self._examples.get(rule, ())))
            for rule, meaning in meanings.items()
            if self._breaking[rule]
        )

    def _write(self, described: pd.DataFrame, *, before: int | None) -> None:
        """Write rows, and the ragged ones among them: those before a row of the file, or all that are left."""
        here = [each for each in self._ragged if before is None or each.row < before]
        self._ragged = self._ragged[len(here) :]
        if here:
            described = pd.concat([described, self._ragged_rows(here)])
        described = described.reindex(columns=self._schema.names).sort_values("row", kind="stable")
        self.rows += len(described)
        self.first.update(described["rule"])
        self._breaking.update(described["rules"].str.split(", ").explode())
        for rule, row, reason in described[["rule", "row", "reason"]].itertuples(index=False):
            sample = self._examples.setdefault(rule, [])
            if len(sample) < EXAMPLES:
                sample.append((int(row), reason))
        types = {name: "int64" if name == "row" else "str" for name in self._schema.names}
        self._writer.write_table(pa.Table.from_pandas(described.astype(types), self._schema, preserve_index=False))

    def _ragged_rows(self, ragged: Sequence[RaggedRow]) -> pd.DataFrame:
        about = {"table": self._raw.table.name, "rule": RAGGED, "rules": RAGGED}
        return pd.DataFrame([{**about, "reason": r.reason, "row": r.row, "text": r.text} for r in ragged])


def _names(raw: RawRows) -> list[str]:
    return [*_own_names(raw), *REASON_COLUMNS]


def _own_names(raw: RawRows) -> list[str]:
    """The file's column names, prefixed where they would collide with `REASON_COLUMNS`."""
    return [f"source.{name}" if name in REASON_COLUMNS else name for name in raw.schema.names]


def _as_text(array: Any) -> "pd.Series[str]":
    """Values as text: strings as they are, others as they are printed."""
    try:
        return pd.Series(array.cast(pa.string()).to_pandas(), dtype="str")
    except pa.ArrowException:
        values = [None if value is None else str(value) for value in array.to_pylist()]
        return pd.Series(values, dtype="str")


def _reason(rule: Rule, rows: pd.DataFrame, place: int) -> str:
    """The rule's sentence with the row's values."""
    values = [f"{name} = {_shown(rows[name].iat[place])}" for name in rule.columns]
    return f"{rule.reason}: {', '.join(values)}" if values else rule.reason


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "nothing"
    text = value if len(value) <= SHOWN else value[:SHOWN] + "…"
    return repr(text)
