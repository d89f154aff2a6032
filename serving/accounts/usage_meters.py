"""Usage meters: the usage of each metric in the current period, and its allowance."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from data_contracts.usage import COUNT_METRICS, METRICS, Metric
from serving.accounts.current_subscription import CurrentSubscription, period_answer, whole
from serving.organizations.repository import OrganizationRow
from serving.usage import repository
from serving.usage.contracts import Meter, Usage
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.texts import number, say


def used(connection: Connection, *, organization_id: str, since: datetime) -> Mapping[str, int]:
    """Metric → usage: counts since the instant, levels by their last reading; a metric without usage is absent."""
    first = since.astimezone(UTC)
    days = repository.days_since(connection, organization_id, first.date() + timedelta(days=1))
    totals = dict(repository.counted_on(connection, organization_id, since=first))
    for day in days:
        totals[day.metric] = totals.get(day.metric, 0) + day.total
    levels = {day.metric: day.level for day in repository.levels_before(connection, organization_id, date.max)}
    return {metric: total for metric, total in totals.items() if metric in COUNT_METRICS} | levels


def usage_answer(
    *,
    organization: OrganizationRow,
    current: CurrentSubscription,
    figures: Mapping[str, int],
    locale: LocaleCode,
) -> Usage:
    """The meters as the contract writes them; a count without events is 0, a level without a reading is unknown."""
    return {
        "organization_id": organization.organization_id,
        "status": current.held.status,
        "plan": current.held.plan,
        "period": period_answer(current.usage_period, organization),
        "meters": [
            _meter(metric, figures.get(metric, 0 if metric in COUNT_METRICS else None), current, locale)
            for metric in METRICS
        ],
    }


def _meter(metric: Metric, amount: int | None, current: CurrentSubscription, locale: LocaleCode) -> Meter:
    counts = metric in COUNT_METRICS
    limit = current.allowance(metric)
    allowance = None if limit is None else whole(limit)
    ends = current.usage_period.end if counts and current.usage_period is not None else None
    return {
        "metric": metric,
        "kind": "count" if counts else "level",
        "used": amount,
        "allowance": allowance,
        "unlimited": limit is not None and allowance is None,
        "share": amount / allowance if amount is not None and allowance else None,
        "resets_at": None if ends is None else utc_text(ends),
        "text": _text(metric, amount, allowance, locale),
    }


def _text(metric: str, amount: int | None, allowance: int | None, locale: LocaleCode) -> str:
    name = say(locale, f"metric.{metric}.name")
    if amount is None:
        return say(locale, "meter.unknown", metric=name)
    if allowance is None:
        return say(locale, "meter.used", metric=name, used=amount)
    return say(locale, "meter.used_of", metric=name, used=number(locale, amount), allowance=number(locale, allowance))
