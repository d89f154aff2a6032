"""The charges and refunds of the demo world: first periods, prorated changes, renewals with overage."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipelines.demo import showcase
from pipelines.demo.world import COUNTRIES, DailyUsage, Organizations
from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.overage import overages_on
from recommender.billing.periods import Period, next_period, period_containing
from recommender.billing.proration import Line, full_period, net_cents, remaining_time, unused_time
from recommender.billing.subscription import PaidTime
from recommender.billing.tax import Buyer, tax_on
from recommender.ranking.day_cube import EPOCH, SECOND_US, microseconds
from recommender.ranking.ranker import IntArray

TWICE_SHARE: Final = 0.01
"""The share of paid charges that are paid twice; the second payment is refunded."""
UNPAID_SHARE: Final = 0.015
"""The share of renewals that are unpaid at the end of the data."""


@dataclass(frozen=True, slots=True)
class Change:
    """One plan that one organisation took."""

    decision_id: str | None
    plan: str
    instant: datetime


@dataclass(frozen=True, slots=True)
class Billed:
    """One charge before it becomes a row."""

    cause: str
    instant: datetime
    lines: tuple[Line, ...]
    change: Change | None


def changes_of(
    drawn: Organizations, outcomes: pd.DataFrame, decisions: pd.DataFrame, *, held_since: IntArray
) -> dict[int, list[Change]]:
    """The changes of each organisation, by its place, in their order; showcases hold theirs since `held_since` (n,)."""
    owner = decisions.drop_duplicates("decision_id").set_index("decision_id")["organization_id"]
    place = {name: i for i, name in enumerate(drawn.ids)}
    paid = outcomes[outcomes["kind"] == "paid"].sort_values("occurred_at", kind="stable")
    taken: dict[int, list[Change]] = {
        place[name]: [Change(None, plan, _instant(held_since[place[name]]))] for name, plan in showcase.HELD.items()
    }
    for decision, plan, occurred in zip(paid["decision_id"], paid["plan"], paid["occurred_at"], strict=True):
        taken.setdefault(place[owner[decision]], []).append(Change(decision, plan, _instant(occurred)))
    return taken


def charges(
    drawn: Organizations,
    usage: DailyUsage,
    *,
    day_zero: IntArray,
    changes: Mapping[int, list[Change]],
    catalogue: Catalogue,
    end: datetime,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """All charges until `end`; `changes`: those of each organisation by its place, in their order."""
    rows = []
    for place, taken in changes.items():
        begins = _instant(day_zero[place])
        used = {name: getattr(usage, name)[place] for name in ("conversations", "ai_tokens")}
        for number, billed in enumerate(_life(taken, catalogue=catalogue, used=used, begins=begins, end=end)):
            unpaid = billed.change is None and rng.random() < UNPAID_SHARE
            rows.append(_row(drawn, place, number, billed, paid=not unpaid))
    columns = [
        "charge_id", "organization_id", "decision_id", "plan", "kind", "currency", "net_cents", "tax_cents",
        "total_cents", "lines", "paid_at", "occurred_at", "recorded_at",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"paid_at": "Int64"})


def refunds(billed: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """The refunds of charges that were paid twice, an hour to a day later."""
    twice = billed[(billed["paid_at"].notna() & (billed["total_cents"] > 0)) & (rng.random(len(billed)) < TWICE_SHARE)]
    hour = 3_600 * SECOND_US
    instant = twice["paid_at"].astype(np.int64) + rng.integers(hour, 24 * hour, len(twice))
    return pd.DataFrame(
        {
            "refund_id": "r-" + twice["charge_id"].astype("str"),
            "organization_id": twice["organization_id"],
            "charge_id": twice["charge_id"],
            "currency": twice["currency"],
            "amount_cents": twice["total_cents"],
            "occurred_at": instant,
            "recorded_at": instant + SECOND_US,
        }
    )


def _life(
    taken: list[Change], *, catalogue: Catalogue, used: Mapping[str, IntArray], begins: datetime, end: datetime
) -> Iterator[Billed]:
    """The charges of one organisation: its first plan, its changes, and every renewal between.

    A higher tier, or the same of another family, is charged at once; a lower one waits for the period's end.
    """
    anchor = taken[0].instant
    plan = following = catalogue.plan(taken[0].plan)
    period = period_containing(anchor=anchor, interval="month", instant=anchor)
    price = plan.price_cents["month"]
    yield Billed("change", anchor, _month(plan, period), taken[0])
    paid, waiting = PaidTime(price, price), taken[1:]
    while True:
        while waiting and waiting[0].instant < period.end:
            change = waiting.pop(0)
            following = catalogue.plan(change.plan)
            if following.tier >= plan.tier:
                lines, paid = _changed(plan, following, paid, period=period, now=change.instant)
                yield Billed("change", change.instant, lines, change)
                plan = following
        if period.end >= end:
            return
        over = _overage(plan, used, begins, period)
        plan, price = following, following.price_cents["month"]
        period = next_period(anchor=anchor, interval="month", period=period)
        yield Billed("renewal", period.start, (*_month(plan, period), *over), None)
        paid = PaidTime(price, price)


def _month(plan: Plan, period: Period) -> tuple[Line, ...]:
    return full_period(plan=plan.code, price_cents=plan.price_cents["month"], discount_cents=0, period=period)


def _changed(
    plan: Plan, target: Plan, paid: PaidTime, *, period: Period, now: datetime
) -> tuple[tuple[Line, ...], PaidTime]:
    price = target.price_cents["month"]
    back = unused_time(paid, plan=plan.code, period=period, now=now)
    rest = remaining_time(plan=target.code, price_cents=price, discount_cents=0, period=period, now=now)
    return (*back, *rest), PaidTime(price, net_cents(rest))


def _overage(plan: Plan, used: Mapping[str, IntArray], begins: datetime, period: Period) -> tuple[Line, ...]:
    """The overage lines of a period, for the usage of its whole days."""
    first, last = ((edge - begins).days for edge in (period.start, period.end))
    month = {name: int(days[max(first, 0) : last].sum()) for name, days in used.items()}
    return tuple(
        Line(
            "overage", plan.code, period, over.amount_cents, 0, period.share_of(period), metric=over.metric,
            units=int(over.excess), unit_price_cents=over.price_cents,
        )
        for over in overages_on(plan, usage=month)
        if over.amount_cents
    )  # fmt: skip


def _row(drawn: Organizations, place: int, number: int, billed: Billed, *, paid: bool) -> dict[str, object]:
    net = net_cents(billed.lines)
    buyer = Buyer(COUNTRIES[drawn.country[place]])
    tax_cents = tax_on(net, buyer.at(billed.instant)).amount_cents
    instant = microseconds(billed.instant)
    return {
        "charge_id": f"c-{drawn.ids[place]}-{number}",
        "organization_id": drawn.ids[place],
        "decision_id": None if billed.change is None else billed.change.decision_id,
        "plan": None if billed.change is None else billed.change.plan,
        "kind": billed.cause,
        "currency": "EUR",
        "net_cents": net,
        "tax_cents": tax_cents,
        "total_cents": max(net + tax_cents, 0),
        "lines": json.dumps(
            [{"kind": line.kind, "plan": line.plan, "amount_cents": line.amount_cents} for line in billed.lines]
        ),
        "paid_at": instant if paid else None,
        "occurred_at": instant,
        "recorded_at": instant + SECOND_US,
    }


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(microseconds))
