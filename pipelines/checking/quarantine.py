"""The quarantine: rows set aside as the file has them, with table, broken rules, reason and place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.checking.sources import RawRows
from recommender.ranking.ranker import IntArray

REASON_COLUMNS: Final = ("table", "rule", "rules", "reason", "row", "text")
"""Columns added behind the file's own. `row`: place in the file, from 0 (row 0 of a CSV file is line 2). `rules`: all
rules that the row breaks, the one in `rule` first. `text`: the whole line, for a ragged row."""

RAGGED: Final = "ragged_row"
EXAMPLES: Final = 5
SHOWN: Final = 80
"""The length to which reasons shorten values; the row itself has them in full."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation, and the places of the rows that broke it."""

    rule: str
    reason: str
    columns: tuple[str, ...]
    """The columns whose values explain the break."""
    places: IntArray
    """The places of the rows in `RawRows.source`."""


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


def quarantined(raw: RawRows, findings: Sequence[Finding]) -> pd.DataFrame:
    """The rows set aside, in file order; `findings` must be in the declared order of their rules."""
    broken = pd.DataFrame(
        {
            "place": np.concatenate([finding.places for finding in findings] or [np.empty(0, dtype=np.int64)]),
            "finding": np.repeat(np.arange(len(findings)), [len(finding.places) for finding in findings]),
        }
    ).sort_values(["place", "finding"])
    first = broken.drop_duplicates("place")
    places = first["place"].to_numpy()
    source = raw.source.take(pa.array(places))
    rows = pd.DataFrame({name: _as_text(source.column(i)) for i, name in enumerate(_own_names(raw))})
    names = np.array([finding.rule for finding in findings], dtype=object)
    every = broken.assign(rule=names[broken["finding"]]).drop_duplicates(["place", "rule"])
    described = rows.assign(
        table=raw.table.name,
        rule=names[first["finding"]],
        rules=every.groupby("place")["rule"].agg(", ".join).to_numpy(),
        reason=[_reason(findings[finding], rows, i) for i, finding in enumerate(first["finding"])],
        row=raw.rows[places],
        text=None,
    )
    return _typed(pd.concat([described, _ragged(raw)]) if raw.ragged else described, raw)


def rule_counts(set_aside: pd.DataFrame, findings: Sequence[Finding]) -> tuple[RuleCount, ...]:
    """Count the broken rules, in declared order, the rule for ragged rows first."""
    rules = {RAGGED: "the line has too many or too few fields"}
    for finding in findings:
        rules.setdefault(finding.rule, finding.reason)
    breaking = set_aside["rules"].str.split(", ").explode().value_counts()
    counts = []
    for rule, meaning in rules.items():
        rows = set_aside[set_aside["rule"] == rule]
        sample = rows.head(EXAMPLES)
        examples = tuple(zip(sample["row"].tolist(), sample["reason"].tolist(), strict=True))
        if breaking.get(rule, 0):
            counts.append(RuleCount(rule, meaning, len(rows), int(breaking[rule]), examples))
    return tuple(counts)


def _own_names(raw: RawRows) -> list[str]:
    """The file's column names, prefixed where they would collide with `REASON_COLUMNS`."""
    return [f"source.{name}" if name in REASON_COLUMNS else name for name in raw.source.schema.names]


def _as_text(array: Any) -> "pd.Series[str]":
    """Values as text: strings as they are, others as they are printed."""
    try:
        return pd.Series(array.cast(pa.string()).to_pandas(), dtype="str")
    except pa.ArrowException:
        values = [None if value is None else str(value) for value in array.to_pylist()]
        return pd.Series(values, dtype="str")


def _reason(finding: Finding, rows: pd.DataFrame, place: int) -> str:
    """The rule's sentence with the row's values."""
    values = [f"{name} = {_shown(rows[name].iat[place])}" for name in finding.columns]
    return f"{finding.reason}: {', '.join(values)}" if values else finding.reason


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "nothing"
    text = value if len(value) <= SHOWN else value[:SHOWN] + "…"
    return repr(text)


def _ragged(raw: RawRows) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"table": raw.table.name, "rule": RAGGED, "rules": RAGGED, "reason": r.reason, "row": r.row, "text": r.text}
            for r in raw.ragged
        ]
    )


def _typed(rows: pd.DataFrame, raw: RawRows) -> pd.DataFrame:
    """The rows with the same columns and types in every run, also when there are none."""
    names = [*_own_names(raw), *REASON_COLUMNS]
    rows = rows.reindex(columns=names).sort_values("row", kind="stable").reset_index(drop=True)
    return rows.astype({name: "int64" if name == "row" else "str" for name in names})
