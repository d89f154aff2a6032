"""The avoidable cost of each journey: by how much the plan taken was dearer than the cheapest sufficient plan.

The actual usage of the thirty days from the payment on is priced on every plan of the same family and interval: the
price of a month and the overage, each line rounded as on an invoice. A plan whose stock limits are broken at the end of
those days, or that sells no overage for an allowance that ran out, is not sufficient. The model card's regret
(`models.judging.regret`) is another figure: it judges any candidate from the decision on, in floating point.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import COUNT_METRICS, LEVEL_METRICS, METRICS, Metric
from pipelines.history.change_log import change_log
from pipelines.history.checked_tables import microseconds_of, places_in, ranks, read_table
from pipelines.metrics.prices import PriceList
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import FloatArray, IntArray, Mask

LATER_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class _Events:
    """The usage events of one metric, in any order; arrays (m,)."""

    owner: IntArray
    """Place of the organisation, -1 for one that is not asked about."""
    occurred_us: IntArray
    quantity: IntArray
    event_rank: IntArray
    """Place in the order of event ids."""


def avoidable_cents(
    checked: Path, journeys: pd.DataFrame, *, organizations: pa.Array, prices: PriceList, end: int
) -> FloatArray:
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
    organization = places_in(pa.chunked_array([pa.array(journeys["organization_id"])]), organizations)[rows]
    since = np.asarray(paid[rows], dtype=np.int64)
    events = _read(checked, organizations, np.unique(organization[organization >= 0]))
    usage = {metric: _used(events[metric], organization, since) for metric in COUNT_METRICS}
    usage |= {metric: _level(events[metric], organization, since) for metric in LEVEL_METRICS}
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


def _read(checked: Path, organizations: pa.Array, asked: IntArray) -> dict[Metric, _Events]:
    """The usage events of the organisations at these places, by metric; all events are read once."""
    names = ["event_id", "organization_id", "metric", "quantity", "occurred_at"]
    mine = pc.field("organization_id").isin(organizations.take(pa.array(asked)))
    table = read_table(checked, "usage_events", names, rows=mine)
    metric = places_in(table["metric"], pa.array(METRICS))
    columns = (
        places_in(table["organization_id"], organizations),
        microseconds_of(table["occurred_at"]),
        table["quantity"].to_numpy(),
        ranks(table["event_id"]),
    )
    return {name: _Events(*(column[metric == place] for column in columns)) for place, name in enumerate(METRICS)}


def _used(events: _Events, organization: IntArray, since: IntArray) -> IntArray:
    """The units that each organisation used in the thirty days from its instant on (j,)."""
    instants = np.unique(events.occurred_us)
    room = len(instants) + 1
    keys = events.owner * room + np.searchsorted(instants, events.occurred_us)
    order = np.argsort(keys, kind="stable")
    running = np.append(0, np.cumsum(events.quantity[order]))
    first, last = (
        np.searchsorted(keys[order], organization * room + np.searchsorted(instants, edge))
        for edge in (since, since + LATER_DAYS * DAY_US)
    )
    return np.asarray(running[last] - running[first], dtype=np.int64)


def _level(events: _Events, organization: IntArray, since: IntArray) -> IntArray:
    """The level of each organisation at the end of the thirty days (j,); 0 where none was ever reported."""
    log = change_log(
        subject=events.owner,
        recorded_us=events.occurred_us,
        occurred_us=events.quantity,
        event_rank=events.event_rank,
        value=events.quantity,
    )
    return np.maximum(log.known_at(organization, since + LATER_DAYS * DAY_US - 1), 0)


def _unit(instants: pd.Series) -> int:
    return {"us": 1, "ns": 1000}[instants.dt.unit]
