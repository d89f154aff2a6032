"""Puts the days of each table together and judges the table as a whole."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_contracts.raw.tables import RawTable
from pipelines.checking.check_table import CheckedTable
from pipelines.checking.judging import Counts, great_expectations_batches, judge
from pipelines.checking.quarantine import EXAMPLES, RuleCount
from pipelines.checking.results import Validation
from pipelines.checking.sources import SourceUnreadable
from pipelines.daily.day_rows import declared_rules
from pipelines.daily.manifest import TableRecord


@dataclass
class CheckedDays:
    """One table while it is checked."""

    table: RawTable
    stale: list[str]
    """The days that are checked now, or are gone."""
    record: TableRecord
    problems: Mapping[str, str]
    unreadable: SourceUnreadable | None = None
    absent: bool = False
    notes: tuple[str, ...] = ()


def validation_of(tables: Mapping[str, CheckedDays], *, end: datetime, now: datetime) -> Validation:
    """The validation of all tables; `end`: no instant may lie after it. `now`: when they were checked."""
    newest = {name: _newest(table.record) for name, table in tables.items()}
    reference = max((instant for instant in newest.values() if instant), default=end)
    batches = great_expectations_batches()
    judged = {
        name: _judged(table, newest[name], end=end, reference=reference, batches=batches)
        for name, table in tables.items()
    }
    return Validation(checked_at=now, reference=reference, tables=judged)


def _judged(
    days: CheckedDays, newest: datetime | None, *, end: datetime, reference: datetime, batches: Any
) -> CheckedTable:
    """All days of one table together."""
    if days.unreadable:
        return CheckedTable(
            days.table, file=None, rows_in=0, rows_kept=0, rows_set_aside=0, broken=days.unreadable.reasons
        )
    records, declared = days.record.days, declared_rules(days.table, end=end)
    sums = {name: sum(getattr(each, name) for each in records.values()) for name in ("rows_in", "rows_kept")}
    breaking, first, also = (
        _added(getattr(each, name) for each in records.values()) for name in ("breaking", "first", "also")
    )
    judged = judge(
        Counts(days.table, sums["rows_in"], sums["rows_kept"], breaking, first, newest, days.problems),
        declared,
        reference=reference,
        batches=batches,
    )
    meanings = {rule.rule: rule.reason for rule in reversed(declared)}
    absent = ("the folder does not have this table; it is taken to have no rows",) if days.absent else ()
    return CheckedTable(
        days.table,
        file=days.table.name,
        rows_in=sums["rows_in"],
        rows_kept=sums["rows_kept"],
        rows_set_aside=sums["rows_in"] - sums["rows_kept"],
        newest=newest,
        rules=tuple(
            RuleCount(rule, meanings[rule], first[rule], also[rule], _examples(days.record, rule))
            for rule in dict.fromkeys(rule.rule for rule in declared)
            if also[rule]
        ),
        broken=judged.broken,
        notes=(*days.notes, *absent),
        results=judged.results,
    )


def _added(counts: Iterable[Mapping[str, int]]) -> "Counter[str]":
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _examples(record: TableRecord, rule: str) -> tuple[tuple[int, str], ...]:
    """The first few rows that break the rule; the place of each is counted from the beginning of its day."""
    found = ((day, example) for day, each in record.days.items() for example in each.examples.get(rule, ()))
    return tuple((place, f"{day}: {reason}") for day, (place, reason) in found)[:EXAMPLES]


def _newest(record: TableRecord) -> datetime | None:
    return max((datetime.fromisoformat(each.newest) for each in record.days.values() if each.newest), default=None)
