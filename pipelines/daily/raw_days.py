"""The days of a folder of raw tables: `<table>/day=YYYY-MM-DD/*.parquet`, by the day (UTC) rows were recorded on."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from data_contracts.raw.tables import RAW_TABLES
from pipelines.history.checked_tables import TableUnreadable, parquet_files

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of writing (nanoseconds) of each file of a day."""

_DAY: Final = re.compile(r"day=(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class RawDay:
    """The rows of one table that were recorded on one day."""

    day: str
    files: tuple[Path, ...]

    def stamp(self) -> Stamp:
        """A stamp that changes when the file is written again; the file is not read."""
        found = ((path, path.stat()) for path in self.files)
        return tuple((path.name, stat.st_size, stat.st_mtime_ns) for path, stat in found)

    def sha256(self) -> str:
        """The digest of the files' bytes."""
        return sha256_of(*self.files)


def raw_days(raw: Path) -> dict[str, dict[str, RawDay]]:
    """The days of every raw table that the folder has, in order.

    Raises `TableUnreadable` when a table is no folder of days.
    """
    tables: dict[str, dict[str, RawDay]] = {}
    for name in RAW_TABLES:
        for single in (raw / f"{name}.parquet", raw / f"{name}.csv"):
            if single.exists():
                raise TableUnreadable(f"{name}: {single} is not divided by day; write it with `pipelines divide`")
        if (raw / name).is_dir():
            tables[name] = _days_of(raw / name)
    if not tables:
        raise TableUnreadable(f"{raw}: has no folders of raw tables")
    return tables


def end_of(days: Mapping[str, Mapping[str, RawDay]], *, today: date) -> datetime:
    """The midnight (UTC) after the newest day of all tables; days after `today` are of clocks that run ahead.

    Raises `TableUnreadable` when there is no other day.
    """
    past = (day for of_table in days.values() for day in of_table if day <= today.isoformat())
    newest = max(past, default=None)
    if newest is None:
        raise TableUnreadable(f"the raw tables have no day up to {today}")
    return datetime.combine(date.fromisoformat(newest), datetime.min.time(), UTC) + timedelta(days=1)


def sha256_of(*files: Path) -> str:
    """The digest of the bytes of files, and of where each ends."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _days_of(folder: Path) -> dict[str, RawDay]:
    days = {}
    for path in sorted(folder.iterdir()):
        if path.name[0] in "._":
            continue
        try:
            found = _DAY.fullmatch(path.name)
            day = date.fromisoformat(found[1]) if found else None
        except ValueError:
            day = None
        if day is None:
            raise TableUnreadable(f"{folder.name}: {path} is not a folder named day=YYYY-MM-DD")
        if files := parquet_files(path):
            days[day.isoformat()] = RawDay(day.isoformat(), tuple(files))
    return days
