"""The training set day by day: what was known at the decisions of each day is kept; what became of them is not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.daily.checked_days import day_file
from pipelines.daily.manifest import TableRecord
from pipelines.daily.parts import digest_of, is_made_of, keep_only, make_part
from pipelines.daily.usage_days import Spans, UsageDays
from pipelines.history.daily_usage import StoredCells
from pipelines.history.engine import Engine
from pipelines.training.logged_features import Comparison, StoredFeatures
from pipelines.training.training_rows import (
    FEATURE_NAMES,
    Chunk,
    KnownDecisions,
    TrainingSources,
    chunk_of,
    known_decisions,
    open_sources,
)
from pipelines.training.training_set import CHUNK_DECISIONS, Progress, require_usable, write_training_set
from pipelines.training.usage_after import MONTH_US, LaterUsage, units_after
from recommender.billing.catalogue import Catalogue
from recommender.ranking.day_cube import DAY_US, EPOCH
from recommender.ranking.ranker import IntArray
from recommender.ranking.situation import WINDOW_DAYS

ROWS: Final = "rows.parquet"
SITUATIONS: Final = "situations.parquet"
_ABOUT: Final = ("place", "logged", "differ", "candidates_differ")
_PURPOSE: Final = "usage_after_decisions"


@dataclass(frozen=True)
class TrainingDays:
    """The training set of a folder of checked days."""

    engine: Engine
    usage: UsageDays
    decisions: TableRecord
    """The days of the table `decisions`."""
    parts: Path
    sources: TrainingSources
    catalogues: str
    """The digest of the catalogues."""

    def build(self, out: Path, *, progress: Progress) -> tuple[int, dict[str, Any]]:
        """Write the files of `build_training_set`; returns how many days were computed, and what the JSON file says."""
        require_usable(self.sources)
        days = self._days()
        stale = self._make(days)
        chunks = self._chunks(days)
        return stale, write_training_set(self.sources, chunks, checked=self.usage.checked, out=out, progress=progress)

    def _days(self) -> dict[str, slice]:
        """The places in the log of the decisions of each day; decisions are sorted by instant."""
        number = self.sources.log.decided_at_us // DAY_US
        found, first = np.unique(number, return_index=True)
        ends = [*first[1:].tolist(), len(number)]
        names = [(EPOCH + timedelta(days=int(day))).date().isoformat() for day in found]
        return {name: slice(start, end) for name, start, end in zip(names, first.tolist(), ends, strict=True)}

    def _make(self, days: Mapping[str, slice]) -> int:
        """Compute the days whose inputs changed, all in one pass over the usage that their decisions know."""
        folder = self.parts / "decisions"
        keep_only(folder, days)
        inputs = {day: self._inputs(day, here) for day, here in days.items()}
        stale = [day for day in days if not is_made_of(folder / day, inputs[day])]
        pieces = {day: _pieces(self._known(days[day])) for day in stale}
        known = self._computed(stale, [piece for of_day in pieces.values() for piece in of_day])
        for day, of_day in pieces.items():
            make_part(folder / day, inputs[day], partial(self._write, days[day], of_day, known))
        return len(stale)

    def _computed(self, stale: Sequence[str], pieces: Sequence[IntArray]) -> Iterator[KnownDecisions]:
        """Yield the facts known at the decisions of these days, piece by piece."""
        if not pieces:
            return
        asked, part = np.concatenate(pieces), np.repeat(np.arange(len(pieces)), [len(each) for each in pieces])
        ids, decided_at_us = self.sources.asked(asked)
        with self.engine.reading("usage_events"):
            cells = StoredCells(
                self.engine,
                self.usage.events(stale),
                organization_ids=ids,
                decided_at_us=decided_at_us,
                part=part,
                rolled_up=self.usage.rolled_up(since=_before(stale[0]), until=stale[-1]),
            )
        with self.engine.reading("decisions"):
            logged = StoredFeatures(
                self.engine, self._logged(stale), ids=self.sources.log.ids.take(pa.array(asked)), part=part
            )
        for number, piece in enumerate(pieces):
            yield known_decisions(self.sources, piece, cells=cells.part(number), logged=logged.part(number))

    def _logged(self, days: Sequence[str]) -> Any:
        """The rows of the decisions of these days, from the days that they were recorded on."""
        there = {each: record.occurred for each, record in self.decisions.days.items() if record.occurred is not None}
        files = [
            day_file(self.usage.checked, "decisions", each)
            for each, (first, last) in there.items()
            if any(first <= day <= last for day in days)
        ]
        return self.engine.table(*files)

    def _known(self, here: slice) -> IntArray:
        """The places of the day's decisions of which rows can be made."""
        return np.flatnonzero(self.sources.decisions.describable[here]) + np.int64(here.start)

    def _inputs(self, day: str, here: slice) -> str:
        """The digest of all that the rows of one day's decisions are computed from."""
        log, candidates = self.sources.log, self.sources.log.candidates
        first, last = np.searchsorted(candidates.decision, [here.start, here.stop])
        codes = pa.array(log.plan_codes).take(pa.array(candidates.plan[first:last]))
        texts = [log.ids[here.start : here.stop], codes]
        texts += [
            log.about[name][here.start : here.stop]
            for name in ("organization_id", "interval", "catalogue_version", "charged")
        ]
        recorded = [
            record.kept_sha256
            for record in self.decisions.days.values()
            if record.occurred is not None and record.occurred[0] <= day <= record.occurred[1]
        ]
        return digest_of(
            self.catalogues,
            self.usage.known_on(day, since=_before(day)),
            *recorded,
            *("\0".join(each or "" for each in column.to_pylist()) for column in texts),
            np.diff(candidates.decision[first:last], prepend=here.start).tobytes(),
            log.decided_at_us[here].tobytes(),
            self.sources.decisions.describable[here].tobytes(),
            *self._facts(here),
        )

    def _facts(self, here: slice) -> Iterator[bytes]:
        """The facts of each organisation besides usage, code by code, so that a new code elsewhere changes nothing."""
        facts = self.sources.facts
        organization, instant = self.sources.decisions.organization[here], self.sources.log.decided_at_us[here]
        yield facts.trial_started_us[organization].tobytes()
        yield "\0".join(facts.country[place] for place in organization.tolist()).encode()
        for name, belongings in (("template", facts.templates), ("integration", facts.integrations)):
            for code in sorted(belongings.codes):
                there = belongings.at(organization, instant, (code,))
                if there.any():
                    yield f"{name} {code}".encode()
                    yield there.tobytes()
        for code in sorted(facts.plan_codes):
            held = facts.held_at(organization, instant, (code,))
            if (held >= 0).any():
                yield f"plan {code}".encode()
                yield held.tobytes()

    def _write(self, here: slice, pieces: Sequence[IntArray], known: Iterator[KnownDecisions], into: Path) -> None:
        first = np.searchsorted(self.sources.log.candidates.decision, here.start)
        rows, situations = [], []
        for places in pieces:
            each = next(known)
            features = {name: np.ascontiguousarray(each.features[:, i]) for i, name in enumerate(FEATURE_NAMES)}
            own = {"decision": places[each.decision] - here.start, "candidate": each.candidate - first}
            rows.append(pa.table(own | features))
            about = (places - here.start, each.compared.logged, each.compared.differ, each.candidates_differ)
            table = each.situations
            for name, values in zip(_ABOUT, about, strict=True):
                table = table.append_column(name, pa.array(values))
            situations.append(table)
        for name, tables in ((ROWS, rows), (SITUATIONS, situations)):
            if tables:
                path = into / name
                pq.write_table(pa.concat_tables(tables), path, compression="zstd", compression_level=1)

    def _chunks(self, days: Mapping[str, slice]) -> Iterator[Chunk]:
        """The rows of the usable decisions, day by day."""
        usable, described = self.sources.decisions.usable, np.flatnonzero(self.sources.decisions.describable)
        ids, decided_at_us = self.sources.asked(described)
        # Of all that can be described: what becomes usable later was asked for from its first day.
        names = self.sources.log.ids.take(pa.array(described))
        units = self.usage.counted(Spans(names, ids, decided_at_us + 1, decided_at_us + MONTH_US + 1), _PURPOSE)
        of_usable = np.searchsorted(described, usable)
        after = units_after(
            units[of_usable], decided_at_us=decided_at_us[of_usable], data_end_us=self.sources.data_end_us
        )
        for day, here in days.items():
            first, last = np.searchsorted(usable, [here.start, here.stop])
            for start in range(first, last, CHUNK_DECISIONS):
                part = slice(start, min(start + CHUNK_DECISIONS, last))
                places = usable[part]
                yield chunk_of(
                    self.sources,
                    places,
                    self._read(day, here, places),
                    later=LaterUsage(after.units[part], after.days[part]),
                )

    def _read(self, day: str, here: slice, places: IntArray) -> KnownDecisions:
        """The stored facts of these decisions of a day, as `known_decisions` computed them."""
        folder = self.parts / "decisions" / day
        situations = pq.read_table(folder / SITUATIONS)
        situations = situations.filter(pc.is_in(situations["place"], pa.array(places - here.start)))
        rows = pq.read_table(folder / ROWS)
        rows = rows.filter(pc.is_in(rows["decision"], pa.array(places - here.start)))
        first = np.searchsorted(self.sources.log.candidates.decision, here.start)
        about = {name: situations[name].to_numpy() for name in _ABOUT}
        return KnownDecisions(
            decision=np.searchsorted(places, rows["decision"].to_numpy() + here.start),
            candidate=rows["candidate"].to_numpy() + first,
            features=np.column_stack([rows[name].to_numpy() for name in FEATURE_NAMES]),
            situations=situations.drop_columns(list(_ABOUT)),
            compared=Comparison(about["logged"], about["differ"]),
            candidates_differ=about["candidates_differ"],
        )


def training_days(
    engine: Engine,
    usage: UsageDays,
    decisions: TableRecord,
    *,
    parts: Path,
    catalogues: Sequence[Catalogue],
    digest: str,
) -> TrainingDays:
    """Open the checked tables for the training set; `digest`: that of the catalogues."""
    return TrainingDays(engine, usage, decisions, parts, open_sources(engine, usage.checked, catalogues), digest)


def _before(day: str) -> str:
    """The first day of which a decision of this day knows counts."""
    return (date.fromisoformat(day) - timedelta(days=WINDOW_DAYS)).isoformat()


def _pieces(places: IntArray) -> list[IntArray]:
    return [places[start : start + CHUNK_DECISIONS] for start in range(0, len(places), CHUNK_DECISIONS)]
