"""The avoidable cost of each journey: by how much the plan taken was dearer than the cheapest sufficient plan.

The actual usage of the thirty days from the payment on is priced on every plan of the same family and interval: the
price of a month and the overage, each line rounded as on an invoice. Of a plan that is sold per seat, the one taken
costs what was bought, every other (and fewer of the same) the seats used: seats that nobody uses are avoidable. A plan
whose stock limits are broken at the end of those days, or that sells no overage for an allowance that ran out, is not
sufficient. The model card's regret
(`models.judging.regret`) is another figure: it judges any candidate from the decision on, in floating point.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import COUNT_METRICS, LEVEL_METRICS, METRICS, Metric
from pipelines.history.engine import Engine
from pipelines.history.usage_within import usage_within
from pipelines.metrics.prices import PriceList
from recommender.billing.catalogue import Interval, Plan
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import FloatArray, IntArray, Mask

LATER_DAYS: Final = 30


class UsageAsked(Protocol):
    """The usage of n organisations in a span of time each, (n, METRICS); only of spans that are over."""

    def __call__(
        self, *, names: pa.Array, organization_ids: pa.Array, since_us: IntArray, until_us: IntArray
    ) -> IntArray:
        """`names` (n,): what the spans are called, all different. Instants (n,) are microseconds since 1970."""


def usage_from_events(engine: Engine, checked: Path, *, end: int) -> UsageAsked:
    """Usage in one pass over the usage events of a checked folder; `end`: the end of the data in microseconds."""

    def asked(*, names: pa.Array, organization_ids: pa.Array, since_us: IntArray, until_us: IntArray) -> IntArray:
        usage = np.zeros((len(names), len(METRICS)), dtype=np.int64)
        over = np.flatnonzero(until_us <= end)
        with engine.reading("usage_events"):
            usage[over] = usage_within(
                engine.checked(checked, "usage_events"),
                organization_ids=organization_ids.take(pa.array(over)),
                since_us=since_us[over],
                until_us=until_us[over],
            )
        return usage

    return asked


def avoidable_cents(
    journeys: pd.DataFrame, *, number: IntArray, usage: UsageAsked, prices: PriceList, end: int
) -> FloatArray:
    """Cents a month by which the plan taken cost more than the cheapest sufficient plan (j,), 0 for the cheapest.

    `journeys` has `decision_id`, `organization_id`, `started_at`, `seconds_to_paid`, `taken`, `interval` and
    `catalogue_version`; `number` (j,) is how many were bought of a plan that is sold per seat; `end` is the end of the
    data in microseconds. Not a number where nothing was paid or 30 days have not passed since.
    """
    avoidable = np.full(len(journeys), np.nan)
    started = journeys["started_at"].astype("int64").to_numpy() // _unit(journeys["started_at"])
    paid = started + np.nan_to_num(journeys["seconds_to_paid"].to_numpy() * 1e6).astype(np.int64)
    bought = np.flatnonzero(journeys["seconds_to_paid"].notna().to_numpy())
    until = np.asarray(paid[bought] + LATER_DAYS * DAY_US, dtype=np.int64)
    settled = until <= end
    rows = bought[settled]
    if not len(rows):
        return avoidable
    used = usage(
        names=pa.array(journeys["decision_id"].iloc[bought], pa.string()),
        organization_ids=pa.array(journeys["organization_id"].iloc[bought], pa.string()),
        since_us=until - LATER_DAYS * DAY_US,
        until_us=until,
    )[settled]
    of_metric = {metric: used[:, place] for place, metric in enumerate(METRICS)}
    markets = journeys.iloc[rows].groupby(["catalogue_version", "interval", "taken"], observed=True).indices
    for market, places in markets.items():
        version, interval, taken = cast("tuple[str, Interval, str]", market)
        plan = prices.plan(version, taken)
        if plan is None or interval not in plan.price_cents:
            continue
        family = [
            other
            for other in prices.catalogues[version].plans
            if other.family == plan.family and interval in other.price_cents and not other.private
        ]
        here = {metric: values[places] for metric, values in of_metric.items()}
        cost = np.stack([bill_cents(other, interval, here) for other in family])
        fits = np.stack([_fits(other, here) for other in family])
        ours = bill_cents(plan, interval, here, bought=number[rows[places]])
        cheapest = np.where(fits, cost, np.inf).min(axis=0)
        avoidable[rows[places]] = ours - np.minimum(cheapest, ours)
    return avoidable


def bill_cents(
    plan: Plan, interval: Interval, usage: Mapping[Metric, IntArray], *, bought: IntArray | None = None
) -> FloatArray:
    """The net bill of a month of usage (j,), in whole cents; infinite where overage is not sold.

    `bought` (j,): how many of a plan that is sold per seat are paid for, if more than are used.
    The rules are those of `recommender.billing.overage`, here for many journeys at once on integer arrays.
    """
    price, months = plan.price_cents[interval], MONTHS_OF[interval]
    one = np.ones(len(next(iter(usage.values()))), dtype=np.int64)
    least = one if bought is None else np.maximum(bought, one)
    number = one if plan.counted is None else np.maximum(usage[cast("Metric", plan.counted)], least)
    bill = ((2 * price * number + months) // (2 * months)).astype(np.float64)
    for limit in plan.limits:
        if limit.metric not in COUNT_METRICS or not limit.renewable or np.isinf(limit.value):
            continue
        excess = np.maximum(usage[limit.metric] - int(limit.value), 0)
        beyond = plan.overage_cents.get(limit.metric)
        if beyond is None:
            bill[excess > 0] = np.inf
        else:
            bill += (2 * excess * beyond.numerator + beyond.denominator) // (2 * beyond.denominator)
    return bill


def _fits(plan: Plan, usage: Mapping[Metric, IntArray]) -> Mask:
    limits = [(metric, plan.limit_of(metric)) for metric in LEVEL_METRICS if metric != plan.counted]
    held = [usage[metric] <= limit for metric, limit in limits if limit is not None]
    return np.asarray(np.logical_and.reduce(held)) if held else np.ones(len(usage[COUNT_METRICS[0]]), dtype=np.bool_)


def _unit(instants: pd.Series) -> int:
    return {"us": 1, "ns": 1000}[instants.dt.unit]
