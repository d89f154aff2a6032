"""Check one usage event as it came in: valid, or rejected with the reason."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from data_contracts.usage import MAX_QUANTITY, METRICS, Metric
from serving.web.fields import ID_PATTERN

OLDEST: Final = timedelta(days=400)
"""Older events are rejected: no computation reads them."""

_ID: Final = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_ACTION: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}\Z")
# RFC 3339: a date, a time to the second or finer, and an offset from UTC.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?\Z", re.ASCII)


class IncomingEvent(NamedTuple):
    """A valid usage event."""

    event_id: str
    organization_id: str
    metric: Metric
    quantity: int
    action: str | None
    occurred_at: datetime


class EventRejected(ValueError):
    """A usage event cannot be recorded; `code` says why, `params` with which figures."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Checks:
    """The checks of usage events that arrive at one instant."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._oldest = now - OLDEST

    def event(self, raw: object) -> IncomingEvent:
        """The event, or `EventRejected` with the first thing wrong, in the order of the contract's fields."""
        if not isinstance(raw, dict):
            raise EventRejected("not_an_object")
        if raw.keys() != _REQUIRED and raw.keys() != _FIELDS:
            _refuse_names(raw)
        return IncomingEvent(
            _identifier(raw["event_id"], "invalid_event_id"),
            _identifier(raw["organization_id"], "invalid_organization_id"),
            _metric(raw["metric"]),
            _quantity(raw["quantity"]),
            occurred_at=self._occurred_at(raw["occurred_at"]),
            action=_action(raw.get("action")),
        )

    def _occurred_at(self, value: object) -> datetime:
        instant = _instant(value)
        if instant > self._now:
            raise EventRejected("occurred_at_in_future")
        if instant < self._oldest:
            raise EventRejected("occurred_at_too_old", days=OLDEST.days)
        return instant


def _refuse_names(raw: dict[Any, object]) -> None:
    for field in IncomingEvent._fields:
        if field in _REQUIRED and field not in raw:
            raise EventRejected("field_missing", field=field)
    unknown = sorted(str(key) for key in raw.keys() - _FIELDS)
    if unknown:
        raise EventRejected("field_unknown", field=_shown(unknown[0]))


def _identifier(value: object, code: str) -> str:
    if not isinstance(value, str) or not _ID.match(value):
        raise EventRejected(code)
    return value


def _metric(value: object) -> Metric:
    if not isinstance(value, str) or value not in METRICS:
        raise EventRejected("unknown_metric", metrics=", ".join(METRICS))
    return value


def _quantity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_QUANTITY:
        raise EventRejected("invalid_quantity", largest=MAX_QUANTITY)
    return value


def _action(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _ACTION.match(value):
        raise EventRejected("invalid_action")
    return value


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not (form := _INSTANT.match(value)):
        raise EventRejected("invalid_occurred_at")
    if form[2] is None:
        raise EventRejected("occurred_at_without_zone")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EventRejected("invalid_occurred_at") from error


def _shown(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()[:64]


_FIELDS: Final = frozenset(IncomingEvent._fields)
_REQUIRED: Final = _FIELDS - {"action"}
