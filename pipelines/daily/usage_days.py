"""Usage by day of recording: the roll-up of each day, and what each day adds to the usage between two instants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from data_contracts.usage import COUNT_METRICS
from pipelines.daily.checked_days import COLUMNS, day_file
from pipelines.daily.manifest import DayRecord
from pipelines.daily.parts import digest_of, is_made_of, keep_only, make_part
from pipelines.daily.raw_days import sha256_of
from pipelines.history.checked_tables import places_in
from pipelines.history.daily_usage import roll_up
from pipelines.history.engine import Engine
from pipelines.history.usage_within import counted_by_day
from recommender.ranking.day_cube import DAY_US, EPOCH
from recommender.ranking.ranker import IntArray

if TYPE_CHECKING:
    import ibis.expr.types as ir

COUNTS: Final = "counts.parquet"
LEVELS: Final = "levels.parquet"
ADDED: Final = "added.parquet"
_ROLLED: Final = pa.schema(
    [
        ("organization_id", pa.string()),
        ("metric", pa.string()),
        ("quantity", pa.int64()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("recorded_at", pa.timestamp("us", "UTC")),
    ]
)

_ADDED: Final = pa.schema([(name, pa.int64()) for name in ("place", "metric", "value")])


@dataclass(frozen=True, slots=True)
class Spans:
    """n spans of time, of one organisation each; their usage is asked for."""

    names: pa.Array
    """(n,) all different."""
    organization_ids: pa.Array
    since_us: IntArray
    until_us: IntArray


@dataclass(frozen=True)
class UsageDays:
    """The checked usage events by day of recording, and the parts made of them below the folder `parts`."""

    engine: Engine
    checked: Path
    parts: Path
    days: Mapping[str, DayRecord]

    def roll_up(self) -> int:
        """Roll up the days that changed; returns how many."""
        keep_only(self.parts / "usage", self.days)
        stale = [day for day, record in self.days.items() if not is_made_of(self._rolled(day), record.kept_sha256)]
        if stale:
            rolled = dict(zip((COUNTS, LEVELS), roll_up(self.events(stale)), strict=True))
            stored = {name: self.engine.store(rows, name, part="part") for name, rows in rolled.items()}
            for day in stale:
                make_part(self._rolled(day), self.days[day].kept_sha256, partial(_write_roll_up, stored, day))
        return len(stale)

    def events(self, days: Sequence[str]) -> "ir.Table":
        """The events recorded on these days."""
        files = [day_file(self.checked, "usage_events", day) for day in days if day in self.days]
        return self.engine.table(*files or [self.checked / "usage_events" / COLUMNS])

    def rolled_up(self, *, since: str, until: str) -> "ir.Table":
        """The roll-ups of the days before `until`: counts from the day `since` on, levels of all days."""
        files = [self._rolled(day) / COUNTS for day in self.days if since <= day < until]
        files += [self._rolled(day) / LEVELS for day in self.days if day < until]
        return self.engine.table(*files) if files else self.events([])

    def levels(self) -> "ir.Table":
        """The readings of levels of all days, as events."""
        files = [self._rolled(day) / LEVELS for day in self.days]
        return self.engine.table(*files) if files else self.events([])

    def known_on(self, day: str, *, since: str) -> str:
        """The digest of all that is known of usage on a day: counts from the day `since` on, levels of all days."""
        return digest_of(
            *(
                record.kept_sha256 if each >= since else self._levels_sha256[each]
                for each, record in self.days.items()
                if each <= day
            )
        )

    @cached_property
    def _levels_sha256(self) -> dict[str, str]:
        return {day: sha256_of(self._rolled(day) / LEVELS) for day in self.days}

    def counted(self, spans: Spans, purpose: str) -> IntArray:
        """The usage of counted metrics within each span (n, COUNT_METRICS), whenever it was recorded.

        What each day adds is kept below the folder `purpose`, and computed again when the day or its spans changed.
        """
        folder = self.parts / purpose
        keep_only(folder, self.days)
        inputs = {day: self._spans_digest(record, spans) for day, record in self.days.items()}
        stale = [day for day in self.days if not is_made_of(folder / day, inputs[day])]
        if stale:
            rows = counted_by_day(
                self.events(stale),
                organization_ids=spans.organization_ids,
                since_us=spans.since_us,
                until_us=spans.until_us,
            )
            stored = self.engine.store(rows, purpose, part="part")
            for day in stale:
                make_part(folder / day, inputs[day], partial(_write_added, stored, day, spans.names))
        usage = np.zeros((len(spans.names), len(COUNT_METRICS)), dtype=np.int64)
        for day in self.days:
            added = pq.read_table(folder / day / ADDED)
            places = places_in(added["name"], spans.names)
            np.add.at(usage, (places, added["metric"].to_numpy()), added["value"].to_numpy())
        return usage

    def _spans_digest(self, record: DayRecord, spans: Spans) -> str:
        """The digest of a day's events and of the spans that they may lie in."""
        if record.occurred is None:
            return record.kept_sha256
        first, last = (_microseconds(each) for each in record.occurred)
        touched = (spans.since_us < last + DAY_US) & (spans.until_us > first)
        some = pa.array(touched)
        texts = ("\0".join(column.filter(some).to_pylist()) for column in (spans.names, spans.organization_ids))
        instants = (each[touched].tobytes() for each in (spans.since_us, spans.until_us))
        return digest_of(record.kept_sha256, *texts, *instants)

    def _rolled(self, day: str) -> Path:
        return self.parts / "usage" / day


def _write_roll_up(stored: Mapping[str, Path], day: str, into: Path) -> None:
    keys = [(name, "ascending") for name in ("organization_id", "metric", "occurred_at")]
    for name, folder in stored.items():
        table = _part_of(folder, day, _ROLLED).sort_by(keys)
        pq.write_table(table, into / name, compression="zstd", compression_level=1)


def _write_added(stored: Path, day: str, names: pa.Array, into: Path) -> None:
    found = _part_of(stored, day, _ADDED)
    columns = {"name": names.take(found["place"].combine_chunks()), "metric": found["metric"], "value": found["value"]}
    table = pa.table(columns).sort_by([("name", "ascending"), ("metric", "ascending")])
    pq.write_table(table, into / ADDED, compression="zstd", compression_level=1)


def _part_of(stored: Path, day: str, schema: pa.Schema) -> pa.Table:
    """The rows of one day of what `Engine.store` stored by day."""
    folder = stored / f"part={_microseconds(day) // DAY_US}"
    if not folder.exists():
        return schema.empty_table()
    return ds.dataset(folder, format="parquet").to_table().select(schema.names).cast(schema)


def _microseconds(day: str) -> int:
    return (datetime.fromisoformat(f"{day}T00:00:00+00:00") - EPOCH) // timedelta(microseconds=1)
