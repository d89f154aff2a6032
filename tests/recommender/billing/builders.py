"""Short ways to say a plan and an instant; a test states only what matters to it."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import inf

from recommender.billing.account import Account
from recommender.billing.catalogue import Feature, Interval, Limit, Plan, Promotion, Window
from recommender.billing.eligibility import Applicant
from recommender.billing.periods import Period
from recommender.billing.plan_change import PlanChange, decide_plan_change
from recommender.billing.quota import open_window
from recommender.billing.subscription import PaidTime, Status, Subscription, Wish

UNLIMITED = inf
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
    quarter: int | None = None,
    halfyear: int | None = None,
    year: int | None = None,
    limits: dict[str, float] | None = None,
    features: tuple[Feature, ...] = (),
    overage: dict[str, Fraction] | None = None,
) -> Plan:
    prices: dict[Interval, int | None] = {
        "month": month,
        "quarter": quarter,
        "halfyear": halfyear,
        "year": year,
    }
    return Plan(
        code=code,
        name=code,
        description="",
        family=family,
        tier=tier,
        price_cents={interval: cents for interval, cents in prices.items() if cents is not None},
        price_unit="/month",
        limits=tuple(limit(metric, value) for metric, value in (limits or {}).items()),
        features=features,
        overage_cents=overage or {},
    )


ANYONE = Account(Applicant(country="DE"), None)
"""An account of which only the country is known; `choose` adds what it holds."""


def trial(until: str = "2025-06-15") -> Subscription:
    return Subscription(status="trial", period=span("2025-06-01", until))


def paying(plan: Plan, *, period: Period, interval: Interval = "month", status: Status = "active") -> Subscription:
    """A subscription whose whole period was paid and whose anchor is the period's start."""
    price = plan.price_cents[interval]
    return Subscription(
        status=status,
        period=period,
        plan=plan,
        interval=interval,
        catalogue_version="v1",
        anchor=period.start,
        paid=PaidTime(price_cents=price, charged_cents=price),
        holdings=open_window(plan, anchor=period.start, now=period.start),
    )


def at_month_of(subscription: Subscription, now: datetime) -> Subscription:
    """The same subscription with the quota window of this instant open, as the monthly roll leaves it."""
    plan, anchor = subscription.plan, subscription.anchor
    assert plan is not None
    assert anchor is not None
    return replace(subscription, holdings=open_window(plan, anchor=anchor, now=now))


def choose(
    subscription: Subscription,
    plan: Plan,
    now: datetime,
    *,
    interval: Interval = "month",
    promotion: Promotion | None = None,
    account: Account = ANYONE,
) -> PlanChange:
    wish = Wish(plan, interval, catalogue_version="v1", currency="EUR", promotion=promotion)
    return decide_plan_change(account=replace(account, subscription=subscription), wish=wish, now=now)


def make_promotion(
    *plans: str, percent: int | None = None, amount: int | None = None, cycles: int | None = None, code: str = "welcome"
) -> Promotion:
    return Promotion(
        code=code,
        plans=frozenset(plans),
        intervals=frozenset({"month", "year"}),
        window=Window(),
        percent=None if percent is None else Fraction(percent),
        amount_cents=amount,
        cycles=cycles,
    )


def carried_out(change: PlanChange) -> Subscription:
    """The subscription that a change leads to which nothing blocks."""
    assert change.blockers == ()
    return change.after
