"""What later usage shows: how much dearer the plan that was taken turned out than the cheapest that would have done.

Thirty days of real usage from the payment on are priced on every plan of the same family and interval: the price of a
month and what is used over the allowance, each line rounded as on an invoice. A plan whose stock limits are broken at
the end of those days, or that sells no more of what ran out, would not have done.
"""

from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.usage import COUNT_METRICS, LEVEL_METRICS
from pipelines.history.change_log import change_log
from pipelines.history.checked_tables import microseconds_of, places_in, ranks, read_table
from pipelines.metrics.prices import PriceList
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import MONTHS_OF
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import FloatArray, IntArray, Mask

LATER_DAYS: Final = 30


def avoidable_cents(
    checked: Path, journeys: pd.DataFrame, *, organizations: pa.Array, prices: PriceList, end: int
) -> FloatArray:
    """Cents a month for each journey, 0 for the best plan; not a number where nothing was paid or it is too early.

    `journeys` has `organization_id`, `started_at`, `seconds_to_paid`, `taken`, `interval`, `catalogue_version`.
    """
    regret = np.full(len(journeys), np.nan)
    started = journeys["started_at"].astype("int64").to_numpy() // _unit(journeys["started_at"])
    paid = started + np.nan_to_num(journeys["seconds_to_paid"].to_numpy() * 1e6).astype(np.int64)
    settled = journeys["seconds_to_paid"].notna().to_numpy() & (paid + LATER_DAYS * DAY_US <= end)
    rows = np.flatnonzero(settled)
    if not len(rows):
        return regret
    organization = places_in(pa.chunked_array([pa.array(journeys["organization_id"])]), organizations)[rows]
    since = np.asarray(paid[rows], dtype=np.int64)
    usage: dict[str, IntArray] = {}
    for metric in (*COUNT_METRICS, *LEVEL_METRICS):
        after = _used if metric in COUNT_METRICS else _level
        usage[metric] = after(checked, organizations, metric, organization, since)
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
        regret[rows[places]] = ours - np.minimum(cheapest, ours)
    return regret


def bill_cents(plan: Plan, interval: Interval, usage: dict[str, IntArray]) -> FloatArray:
    """The net bill of a month of this usage, whole cents; infinite where more cannot be bought."""
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


def _fits(plan: Plan, usage: dict[str, IntArray]) -> Mask:
    limits = [(metric, plan.limit_of(metric)) for metric in LEVEL_METRICS]
    held = [usage[metric] <= limit for metric, limit in limits if limit is not None]
    return np.asarray(np.logical_and.reduce(held)) if held else np.ones(len(usage[COUNT_METRICS[0]]), dtype=np.bool_)


def _read(checked: Path, organizations: pa.Array, metric: str) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Organisation, instant, quantity and rank of the id of every event of a metric."""
    names = ["event_id", "organization_id", "metric", "quantity", "occurred_at"]
    table = read_table(checked, "usage_events", names, rows=pc.field("metric") == metric)
    return (
        places_in(table["organization_id"], organizations),
        microseconds_of(table["occurred_at"]),
        table["quantity"].to_numpy(),
        ranks(table["event_id"]),
    )


def _used(checked: Path, organizations: pa.Array, metric: str, organization: IntArray, since: IntArray) -> IntArray:
    """How much each organisation used within the thirty days from its instant on."""
    owner, instant, quantity, _ = _read(checked, organizations, metric)
    instants = np.unique(instant)
    room = len(instants) + 1
    order = np.argsort(owner * room + np.searchsorted(instants, instant), kind="stable")
    keys = (owner * room + np.searchsorted(instants, instant))[order]
    running = np.append(0, np.cumsum(quantity[order]))
    first, last = (
        np.searchsorted(keys, organization * room + np.searchsorted(instants, edge))
        for edge in (since, since + LATER_DAYS * DAY_US)
    )
    return np.asarray(running[last] - running[first], dtype=np.int64)


def _level(checked: Path, organizations: pa.Array, metric: str, organization: IntArray, since: IntArray) -> IntArray:
    """Where each organisation's level stood when the thirty days were over; 0 when nobody ever said."""
    owner, instant, quantity, rank = _read(checked, organizations, metric)
    log = change_log(subject=owner, recorded_us=instant, occurred_us=quantity, event_rank=rank, value=quantity)
    return np.maximum(log.known_at(organization, since + LATER_DAYS * DAY_US - 1), 0)


def _unit(instants: pd.Series) -> int:
    return {"us": 1, "ns": 1000}[instants.dt.unit]
