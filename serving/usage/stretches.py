"""The usage in each stretch of a quota window, by which overage is charged."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from data_contracts.usage import COUNT_METRICS
from recommender.billing.subscription import Holding
from serving.db.tables import usage_events


def usage_by_stretch(
    connection: Connection, organization_id: str, holdings: Sequence[Holding]
) -> dict[str, tuple[int, ...]]:
    """Metric → units used in each stretch, as far as they are recorded by now."""
    stretches = [_used(connection, organization_id, holding) for holding in holdings]
    return {metric: tuple(used.get(metric, 0) for used in stretches) for metric in sorted(COUNT_METRICS)}


def _used(connection: Connection, organization_id: str, holding: Holding) -> dict[str, int]:
    rows = connection.execute(
        select(usage_events.c.metric, func.sum(usage_events.c.quantity))
        .where(
            usage_events.c.organization_id == organization_id,
            usage_events.c.occurred_at >= holding.period.start,
            usage_events.c.occurred_at < holding.period.end,
        )
        .group_by(usage_events.c.metric)
    )
    return {metric: int(total) for metric, total in rows}
