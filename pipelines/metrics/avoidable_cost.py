"""The avoidable cost of each journey: by how much the plan taken was dearer than the cheapest sufficient plan.

The actual usage of the thirty days from the payment on is priced on every plan of the same family and interval: the
price of a month and the overage, each line rounded as on an invoice. A plan whose stock limits are broken at the end of
those days, or that sells no overage for an allowance that ran out, is not sufficient. The model card's regret
(`models.judging.regret`) is another figure: it judges any candidate from the decision on, in floating point.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import COUNT_METRICS, LEVEL_METRICS, METRICS, Metric
from pipelines.history.engine import Engine
from pipelines.history.usage_within import usage_within
from pipelines.metrics.prices import PriceList
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import FloatArray, IntArray, Mask

LATER_DAYS: Final = 30


def avoidable_cents(checked: Path, journeys: pd.DataFrame, *, prices: PriceList, end: int) -> FloatArray:
    """Cents a month by which the plan taken cost more than the cheapest sufficient plan (j,), 0 for the cheapest.

    `journeys` has `organization_id`, `started_at`, `seconds_to_paid`, `taken`, `interval`, `catalogue_version`; `end`
    is the end of the data in microseconds. Not a number where nothing was paid or 30 days have not passed since.
    """
    avoidable = np.full(len(journeys), np.nan)
    started = journeys["started_at"].astype("int64").to_numpy() // _unit(journeys["started_at"])
    paid = started + np.nan_to_num(journeys["seconds_to_paid"].to_numpy() * 1e6).astype(np.int64)
    settled = journeys["seconds_to_paid"].notna().to_numpy() & (paid + LATER_DAYS * DAY_US <= end)
    rows = np.flatnonzero(settled)
    if not len(rows):
        return avoidable
    since = np.asarray(paid[rows], dtype=np.int64)
    with Engine() as engine, engine.reading("usage_events"):
        used = usage_within(
            engine.checked(checked, "usage_events"),
            organization_ids=pa.array(journeys["organization_id"].iloc[rows]),
            since_us=since,
            until_us=since + LATER_DAYS * DAY_US,
        )
    usage = {metric: used[:, place] for place, metric in enumerate(METRICS)}
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
        here = {metric: values[places] for metric, values in usage.items()}
        cost = np.stack([bill_cents(other, interval, here) for other in family])
        fits = np.stack([_fits(other, here) for other in family])
        ours = bill_cents(plan, interval, here)
        cheapest = np.where(fits, cost, np.inf).min(axis=0)
        avoidable[rows[places]] = ours - np.minimum(cheapest, ours)
    return avoidable


def bill_cents(plan: Plan, interval: Interval, usage: Mapping[Metric, IntArray]) -> FloatArray:
    """The net bill of a month of usage (j,), in whole cents; infinite where overage is not sold.

    The rules are those of `recommender.billing.overage`, here for many journeys at once on integer arrays.
    """
    count = len(next(iter(usage.values())))
    bill = np.full(count, float(round_half_away_from_zero(Fraction(plan.price_cents[interval], MONTHS_OF[interval]))))
    for limit in plan.limits:
        if limit.metric not in COUNT_METRICS or not limit.renewable or np.isinf(limit.value):
            continue
        excess = np.maximum(usage[limit.metric] - int(limit.value), 0)
        price = plan.overage_cents.get(limit.metric)
        if price is None:
            bill[excess > 0] = np.inf
        else:
            bill += (2 * excess * price.numerator + price.denominator) // (2 * price.denominator)
    return bill


def _fits(plan: Plan, usage: Mapping[Metric, IntArray]) -> Mask:
    limits = [(metric, plan.limit_of(metric)) for metric in LEVEL_METRICS]
    held = [usage[metric] <= limit for metric, limit in limits if limit is not None]
    return np.asarray(np.logical_and.reduce(held)) if held else np.ones(len(usage[COUNT_METRICS[0]]), dtype=np.bool_)


def _unit(instants: pd.Series) -> int:
    return {"us": 1, "ns": 1000}[instants.dt.unit]
