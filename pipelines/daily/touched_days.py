"""Which days of a table are touched by rows of other days: the same key, the same decision, a row that came or went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.raw.tables import RawTable
from pipelines.checking.check_columns import PLACE
from pipelines.daily.day_rows import ROWS
from pipelines.history.engine import FILE, Engine

if TYPE_CHECKING:
    import ibis.expr.types as ir

WHOLE: Final[Mapping[str, str]] = {"decisions": "decision_id"}
"""Table → the column by which rows belong together and are judged as a whole."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The keys of a table that came, and those that went."""

    came: pa.Array
    went: pa.Array


def changes_between(table: RawTable, old: Sequence[Path], new: Sequence[Path]) -> Changes:
    """The changes from the old files of kept rows to the new ones, by the first column of the key."""
    before, after = (_distinct(table.key[0], [path for path in files if path.is_file()]) for files in (old, new))
    return Changes(
        came=after.filter(pc.invert(pc.is_in(after, before))), went=before.filter(pc.invert(pc.is_in(before, after)))
    )


def referring_days(
    engine: Engine, table: RawTable, checked: Path, days: Sequence[str], changes: Mapping[str, Changes]
) -> set[str]:
    """The days of a table with a row that refers to something that came or went."""
    found: set[str] = set()
    for column, parent in table.references.items():
        if (change := changes.get(parent)) is None:
            continue
        for folder, keys in ((checked, change.went), (checked / "quarantine", change.came)):
            files = _files(folder, table, days)
            if files and len(keys):
                found |= _days_with(engine, files, [column], _as_table({column: keys}))
    return found


def linked_days(
    engine: Engine, table: RawTable, checked: Path, stale: Sequence[str], left: Sequence[str], *, raw: Sequence[Path]
) -> set[str]:
    """Of the days `left`, those with a row of the same key as a row of a stale day, before or now.

    Only later rows repeat earlier ones; but rows that belong together may lie on either side. `raw`: the files of the
    stale days.
    """
    import ibis

    whole = WHOLE.get(table.name)
    key = [whole] if whole else list(table.key)
    left = [day for day in left if whole or day > stale[0]]
    there, aside = (_files(folder, table, left) for folder in (checked, checked / "quarantine"))
    if not there and not aside:
        return set()
    known = [*_files(checked, table, stale).values(), *_files(checked / "quarantine", table, stale).values()]
    sides = [engine.table(*files) for files in ([*raw], known) if files]
    keys = (
        ibis.union(*(_texts(side, key) for side in sides), distinct=True) if len(sides) > 1 else _texts(sides[0], key)
    )
    return reduce(or_, (_days_with(engine, files, key, keys) for files in (there, aside) if files))


def _files(folder: Path, table: RawTable, days: Sequence[str]) -> dict[str, Path]:
    paths = ((day, folder / table.name / f"day={day}" / ROWS) for day in days)
    return {day: path for day, path in paths if path.is_file()}


def _days_with(engine: Engine, files: Mapping[str, Path], key: Sequence[str], keys: "ir.Table") -> set[str]:
    """The days of which a row has one of the keys."""
    rows = engine.table(*files.values(), place=PLACE)
    rows = _texts(rows, [*key], file=(rows[PLACE] // FILE).cast("int64"))
    found = rows.semi_join(keys, list(key)).select("file").distinct().to_pyarrow()["file"].to_pylist()
    return {day for place, day in enumerate(files) if place in found}


def _texts(rows: "ir.Table", columns: Sequence[str], **also: Any) -> "ir.Table":
    return rows.select(**{name: rows[name].cast("string") for name in columns}, **also)


def _as_table(columns: Mapping[str, pa.Array]) -> "ir.Table":
    import ibis

    return ibis.memtable(pa.table(columns))


def _distinct(column: str, files: Sequence[Path]) -> pa.Array:
    tables = [pq.read_table(path, columns=[column], partitioning=None)[column] for path in files]
    chunks = [chunk for each in tables for chunk in each.chunks]
    return pc.unique(pa.chunked_array(chunks, pa.string())) if chunks else pa.array([], pa.string())
