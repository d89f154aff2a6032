"""The usage in each stretch of a quota window, by which overage is charged."""

from collections.abc import Sequence

from sqlalchemy import Connection

from data_contracts.usage import COUNT_METRICS
from recommender.billing.subscription import Holding
from serving.usage import repository


def usage_by_stretch(
    connection: Connection, organization_id: str, holdings: Sequence[Holding]
) -> dict[str, tuple[int, ...]]:
    """Metric → units used in each stretch, as far as they are recorded by now."""
    stretches = [
        repository.counted_between(connection, organization_id, since=each.period.start, until=each.period.end)
        for each in holdings
    ]
    return {metric: tuple(used.get(metric, 0) for used in stretches) for metric in sorted(COUNT_METRICS)}
