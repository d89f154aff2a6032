"""The inputs and results of earlier runs: one JSON file, replaced as a whole, last."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from data_contracts.atomic_files import write_text_atomically
from pipelines.daily.raw_days import Stamp, sha256_of

NAME: Final = "manifest.json"
_CODE: Final = ("data_contracts", "recommender", "pipelines")


@dataclass(frozen=True)
class DayRecord:
    """One day of one table, as it was checked."""

    stamp: Stamp
    sha256: str
    """The digest of the raw files."""
    rows_in: int
    rows_kept: int
    kept_sha256: str
    """The digest of the file of rows kept."""
    newest: str | None
    """When the newest row kept was recorded."""
    occurred: tuple[str, str] | None
    """The first and the last day (UTC) on which a row kept occurred; `None` where rows have no such instant."""
    breaking: Mapping[str, int]
    """Name of a rule (see `Rule.name`) → how many rows break it."""
    first: Mapping[str, int]
    """Rule → how many rows break it first."""
    also: Mapping[str, int]
    """Rule → how many rows break it, also after another."""
    examples: Mapping[str, Sequence[tuple[int, str]]]
    """Rule → place in the day's files and reason of the first few rows."""

    @property
    def rows_set_aside(self) -> int:
        """The number of rows in quarantine."""
        return self.rows_in - self.rows_kept


@dataclass(frozen=True)
class TableRecord:
    """All days of one table, in order."""

    columns: Mapping[str, str]
    """The columns of the raw files with their types, the same on all days."""
    days: Mapping[str, DayRecord]


@dataclass
class Manifest:
    """The inputs and results of earlier runs."""

    path: Path
    code: str = ""
    """The digest of the code that made everything; other code makes everything anew."""
    end: str = ""
    """The midnight after the newest raw day; no instant may lie after it."""
    tables: dict[str, TableRecord] = field(default_factory=dict)
    unfinished: dict[str, list[str]] = field(default_factory=dict)
    """Table → days whose checked files were being replaced: they are checked again, whatever `tables` says."""
    made: dict[str, str] = field(default_factory=dict)
    """Result of all days together → the digest of its inputs."""

    def write(self) -> None:
        """Write the manifest; the file is replaced as a whole."""
        stored = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "path"}
        stored["tables"] = {name: dataclasses.asdict(table) for name, table in self.tables.items()}
        write_text_atomically(self.path, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder that `run` works in; an empty one where none can be read or other code wrote it."""
    path = folder / NAME
    try:
        stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if stored.pop("code") != code_digest():
            return Manifest(path, code_digest())
        tables = {name: _table(table) for name, table in stored.pop("tables").items()}
        return Manifest(path, code_digest(), tables=tables, **stored)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return Manifest(path, code_digest())


def _table(stored: dict[str, Any]) -> TableRecord:
    return TableRecord(stored["columns"], {day: _day(record) for day, record in stored["days"].items()})


def _day(stored: dict[str, Any]) -> DayRecord:
    stamp = tuple((name, size, ns) for name, size, ns in stored.pop("stamp"))
    occurred = stored.pop("occurred")
    return DayRecord(stamp=stamp, occurred=occurred and (occurred[0], occurred[1]), **stored)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """The digest of the code of the pipelines and of what they stand on."""
    root = Path(__file__).resolve().parents[2]
    return sha256_of(*(path for name in _CODE for path in sorted((root / name).rglob("*.py"))))
