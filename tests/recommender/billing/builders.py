"""Short ways to say a plan and an instant; a test states only what matters to it."""

from datetime import UTC, datetime
from fractions import Fraction
from math import inf

from recommender.billing.catalogue import Feature, Limit, Plan
from recommender.billing.periods import Period

RENEWABLE = ("conversations", "ai_tokens")


def at(text: str) -> datetime:
    """`2025-06-16` or `2025-06-16T12:00:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(start: str, end: str) -> Period:
    return Period(at(start), at(end))


def limit(metric: str, value: float) -> Limit:
    return Limit(code=metric, value=value, unit="", renewable=metric in RENEWABLE, metric=metric)


def feature(code: str, *, included: bool, kind: str = "domain") -> Feature:
    return Feature(code=code, kind=kind, value=included, description="")


def make_plan(
    code: str = "basic",
    *,
    tier: int = 1,
    family: str = "ecommerce",
    month: int | None = 10000,
    year: int | None = None,
    limits: dict[str, float] | None = None,
    features: tuple[Feature, ...] = (),
    overage: dict[str, Fraction] | None = None,
) -> Plan:
    prices = {"month": month, "year": year}
    return Plan(
        code=code,
        name=code,
        description="",
        family=family,
        tier=tier,
        price_cents={interval: cents for interval, cents in prices.items() if cents is not None},  # type: ignore[misc]
        price_unit="/month",
        limits=tuple(limit(metric, value) for metric, value in (limits or {}).items()),
        features=features,
        overage_cents=overage or {},
    )


UNLIMITED = inf
