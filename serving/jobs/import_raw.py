"""Import a folder of checked raw tables into the service's database; rows that are there already are skipped."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, bindparam, delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from data_contracts.decision_log.candidates import Frame, LoggedCandidate, common_frame
from data_contracts.raw.decisions import OF_DECISION
from data_contracts.raw.tables import RAW_TABLES
from serving.db.billing_tables import subscription_states
from serving.db.decision_log import LoggedDecision, keep_frame
from serving.db.inserts import insert_into
from serving.db.tables import (
    decisions,
    integrations,
    organizations,
    outcomes,
    subscriptions,
    template_installs,
    usage_days,
    usage_events,
)
from serving.words.plans import readable

Row = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Called with the table, the rows done and the rows in total."""

_BATCH: Final = 10_000
_CHECK_FIRST: Final = "run `python -m pipelines validate` first"
_MARKET: Final = ("catalogue_version", "interval")
_SHARING: Final = 500
"""So many decisions on the same plans have one frame."""
_DECISION_FIELDS: Final = ("decision_id", *OF_DECISION, "recorded_at")


class RawFolderUnreadable(ValueError):
    """The folder does not contain checked raw tables; the message says what is missing or wrong."""


class DatabaseNotEmpty(ValueError):
    """There are organisations already: their bills would fall due at instants of the past."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows read per raw table, including rows that were in the database before."""

    rows: Mapping[str, int]


def import_raw(
    connection: Connection, folder: Path, *, organizations_wanted: int | None, progress: Progress
) -> Imported:
    """Import every table of the folder, for all organisations or for the first `organizations_wanted` of them.

    An organisation that has subscribed here keeps that subscription. Raises `RawFolderUnreadable`.
    """
    loader = _Loader(connection, folder, progress)
    here = frozenset(connection.scalars(select(subscription_states.c.organization_id)))
    rows = loader.read("organizations")
    chosen = rows if organizations_wanted is None else rows[:organizations_wanted]
    ids = frozenset(row["organization_id"] for row in chosen)
    counts = {"organizations": loader.insert("organizations", organizations, map(_organization, chosen), len(chosen))}
    for name, table, wanted in (
        ("template_installs", template_installs, ids),
        ("integrations", integrations, ids),
        ("subscriptions", subscriptions, ids - here),
        ("usage_events", usage_events, ids),
    ):
        counts[name] = loader.copy(name, table, keep=partial(_is_of, wanted))
    known = loader.decisions(keep=partial(_is_of, ids))
    counts["decisions"] = sum(known.values())
    counts["outcomes"] = loader.copy("outcomes", outcomes, keep=lambda row: row["decision_id"] in known)
    roll_up(connection)
    _set_present_state(connection)
    return Imported(counts)


def _is_of(wanted: frozenset[str], row: Row) -> bool:
    return row["organization_id"] in wanted


def roll_up(connection: Connection) -> None:
    """Compute the daily roll-up of usage from the events, replacing the old one."""
    day = "date(occurred_at)" if connection.dialect.name == "sqlite" else "(occurred_at AT TIME ZONE 'UTC')::date"
    connection.execute(delete(usage_days))
    connection.execute(
        text(
            "INSERT INTO usage_days (organization_id, metric, day, total, level, level_at)"  # noqa: S608
            " SELECT organization_id, metric, day, total, quantity, occurred_at FROM ("
            f"SELECT organization_id, metric, {day} AS day, quantity, occurred_at,"
            f" sum(quantity) OVER (PARTITION BY organization_id, metric, {day}) AS total,"
            f" row_number() OVER (PARTITION BY organization_id, metric, {day}"
            " ORDER BY occurred_at DESC, quantity DESC, event_id) AS place FROM usage_events) AS days WHERE place = 1"
        )
    )


def raw_rows(folder: Path, name: str, *, order: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a table; one without a file is empty, but for organisations, which must have one.

    With an order, which names columns, the table is read as a whole. Raises `RawFolderUnreadable`.
    """
    from pyarrow import parquet

    path = folder / f"{name}.parquet"
    if not path.exists() and name != "organizations":
        return
    if not path.is_file():
        raise RawFolderUnreadable(f"{folder} has no {path.name}")
    required = [column.name for column in RAW_TABLES[name].columns if not column.nullable]
    with _readable(path), parquet.ParquetFile(path) as file:
        if missing := [column for column in required if column not in file.schema_arrow.names]:
            raise RawFolderUnreadable(f"{path}: no column {', '.join(missing)}; {_CHECK_FIRST}")
        batches = file.iter_batches(_BATCH)
        if order:
            batches = file.read().sort_by([(column, "ascending") for column in order]).to_batches(_BATCH)
        for batch in batches:
            if empty := [column for column in required if batch.column(column).null_count]:
                raise RawFolderUnreadable(f"{path}: rows without {', '.join(empty)}; {_CHECK_FIRST}")
            yield from batch.to_pylist()


class _Loader:
    """Reads the tables of one folder and inserts their rows."""

    def __init__(self, connection: Connection, folder: Path, progress: Progress) -> None:
        self._connection = connection
        self._folder = folder
        self._progress = progress

    def read(self, name: str) -> list[Row]:
        return list(self.rows(name))

    def rows(self, name: str) -> Iterator[Row]:
        return raw_rows(self._folder, name)

    def copy(self, name: str, table: Table, *, keep: Callable[[Row], bool]) -> int:
        """Insert the rows to keep; returns their number."""
        return self.insert(name, table, filter(keep, self.rows(name)), self._size(name))

    def decisions(self, *, keep: Callable[[Row], bool]) -> Mapping[str, int]:
        """Insert the decisions to keep, one row each; returns the number of candidates by the decision's id."""
        known: dict[str, int] = {}
        rows = filter(keep, raw_rows(self._folder, "decisions", order=(*_MARKET, "decision_id", "position")))
        self.insert("decisions", decisions, self._packed(rows, known), self._size("decisions"))
        return known

    def _packed(self, rows: Iterable[Row], known: dict[str, int]) -> Iterator[Row]:
        """Decisions of their candidates, those of one catalogue and interval beside one frame."""
        for _, of_market in groupby(rows, key=itemgetter(*_MARKET)):
            found = (list(of_one) for _, of_one in groupby(of_market, key=itemgetter("decision_id")))
            while part := list(islice(found, _SHARING)):
                candidates = [list(map(_candidate, of_one)) for of_one in part]
                frame = common_frame(candidates)
                keep_frame(self._connection, frame)
                for of_one, listed in zip(part, candidates, strict=True):
                    known[of_one[0]["decision_id"]] = len(listed)
                    yield _decision(of_one[0], listed, frame)

    def insert(self, name: str, table: Table, rows: Any, expected: int) -> int:
        """Insert rows in batches; rows whose key exists are left unchanged."""
        statement = insert_into(self._connection, table).on_conflict_do_nothing()
        done = 0
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == _BATCH:
                done += self._flush(statement, table, batch)
                self._progress(name, done, expected)
        done += self._flush(statement, table, batch)
        self._progress(name, expected, expected)
        return done

    def _flush(self, statement: Any, table: Table, batch: list[Row]) -> int:
        if not batch:
            return 0
        known = {column.name for column in table.columns}
        try:
            self._connection.execute(statement, [{key: row[key] for key in row.keys() & known} for row in batch])
        except (SQLAlchemyError, TypeError) as error:
            cause = getattr(error, "orig", None) or error
            raise RawFolderUnreadable(f"{table.name}: {cause}; {_CHECK_FIRST}") from error
        size = len(batch)
        batch.clear()
        return size

    def _size(self, name: str) -> int:
        from pyarrow import parquet

        path = self._folder / f"{name}.parquet"
        with _readable(path):
            return int(parquet.read_metadata(path).num_rows) if path.is_file() else 0


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise `RawFolderUnreadable` for any error while the file is read."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        raise RawFolderUnreadable(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _organization(row: Row) -> Row:
    return {
        "organization_id": row["organization_id"],
        "name": readable(row["organization_id"]),
        "country": row["country"],
        "vat_id": None,
        "locale": row["locale"] or "de",
        "timezone": row["timezone"] or "UTC",
        "address": None,
        "trial_started_at": row["trial_started_at"],
        "templates": "[]",
        "integrations": "[]",
        "revision": 1,
        "recorded_at": row["recorded_at"],
        "updated_at": row["recorded_at"],
    }


def _decision(row: Row, candidates: Sequence[LoggedCandidate], frame: Frame) -> Row:
    # Its cards are unknown, so it must never be answered again: no other basis equals this one.
    plain = {field: row.get(field) for field in _DECISION_FIELDS}
    logged = LoggedDecision(frame, "{}", row.get("charged"), candidates)
    return {
        **plain,
        **logged.columns,
        "model_version": row["model_version"] or "unknown",
        "basis": "imported",
        "expires_at": row["occurred_at"],
    }


def _candidate(row: Row) -> LoggedCandidate:
    values = {field: row[field] for field in LoggedCandidate.__dataclass_fields__ if field in row}
    features = None if row.get("features") is None else orjson.loads(row["features"])
    return LoggedCandidate(
        **{"shown_as": None, **values, "reasons": orjson.loads(row["reasons"]), "features": features}
    )


def _set_present_state(connection: Connection) -> None:
    """Store with each organisation the templates and integrations that the logs add up to."""
    state: dict[str, dict[str, list[str]]] = {}
    logs = ((template_installs, "template", "installed"), (integrations, "integration", "connected"))
    for table, subject, on in logs:
        log = connection.execute(
            select(table.c.organization_id, table.c[subject], table.c.change).order_by(
                table.c.recorded_at, table.c.occurred_at, table.c.event_id
            )
        )
        last = {(organization_id, code): change for organization_id, code, change in log}
        for (organization_id, code), change in sorted(last.items()):
            if change == on:
                state.setdefault(organization_id, {}).setdefault(subject, []).append(code)
    rows = [
        {
            "id": organization_id,
            "installed": orjson.dumps(codes.get("template", [])).decode(),
            "connected": orjson.dumps(codes.get("integration", [])).decode(),
        }
        for organization_id, codes in state.items()
    ]
    if rows:
        connection.execute(
            update(organizations)
            .where(organizations.c.organization_id == bindparam("id"))
            .values(templates=bindparam("installed"), integrations=bindparam("connected")),
            rows,
        )
