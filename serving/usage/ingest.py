"""Check one usage event as it came in: valid, or rejected with the reason."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from data_contracts.usage import MAX_QUANTITY, METRICS, Metric
from serving.web.fields import ID_PATTERN

OLDEST: Final = timedelta(days=400)
"""Older events are rejected: no computation reads them."""

_ID: Final = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_ACTION: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}\Z")
# RFC 3339: a date, a time to the second or finer, and an offset from UTC.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class IncomingEvent:
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


def checked(raw: object, *, now: datetime) -> IncomingEvent:
    """The event, or `EventRejected` with the first thing wrong, in the order of the contract's fields."""
    if not isinstance(raw, dict):
        raise EventRejected("not_an_object")
    for field in ("event_id", "organization_id", "metric", "quantity", "occurred_at"):
        if field not in raw:
            raise EventRejected("field_missing", field=field)
    unknown = sorted(str(key) for key in raw.keys() - _FIELDS)
    if unknown:
        raise EventRejected("field_unknown", field=_shown(unknown[0]))
    return IncomingEvent(**{field: _CHECKS[field](raw.get(field), now) for field in _FIELDS})


def _identifier(code: str) -> Callable[[object, datetime], str]:
    def check(value: object, now: datetime) -> str:  # noqa: ARG001
        if not isinstance(value, str) or not _ID.match(value):
            raise EventRejected(code)
        return value

    return check


def _metric(value: object, now: datetime) -> Metric:  # noqa: ARG001
    if not isinstance(value, str) or value not in METRICS:
        raise EventRejected("unknown_metric", metrics=", ".join(METRICS))
    return value


def _quantity(value: object, now: datetime) -> int:  # noqa: ARG001
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_QUANTITY:
        raise EventRejected("invalid_quantity", largest=MAX_QUANTITY)
    return value


def _action(value: object, now: datetime) -> str | None:  # noqa: ARG001
    if value is None:
        return None
    if not isinstance(value, str) or not _ACTION.match(value):
        raise EventRejected("invalid_action")
    return value


def _occurred_at(value: object, now: datetime) -> datetime:
    if not isinstance(value, str) or not (form := _INSTANT.match(value)):
        raise EventRejected("invalid_occurred_at")
    if form[2] is None:
        raise EventRejected("occurred_at_without_zone")
    try:
        instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EventRejected("invalid_occurred_at") from error
    if instant > now:
        raise EventRejected("occurred_at_in_future")
    if instant < now - OLDEST:
        raise EventRejected("occurred_at_too_old", days=OLDEST.days)
    return instant


def _shown(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()[:64]


_CHECKS: Final[Mapping[str, Callable[[object, datetime], Any]]] = {
    "event_id": _identifier("invalid_event_id"),
    "organization_id": _identifier("invalid_organization_id"),
    "metric": _metric,
    "quantity": _quantity,
    "occurred_at": _occurred_at,
    "action": _action,
}
_FIELDS: Final = _CHECKS.keys()
