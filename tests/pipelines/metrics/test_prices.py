"""What an organisation pays by the month, from the log of subscriptions, and for what it uses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_contracts.usage import METRICS
from pipelines.history.known_facts import read_known_facts
from pipelines.metrics.avoidable_cost import avoidable_cents, bill_cents
from pipelines.metrics.prices import PriceList, held_numbers
from recommender.ranking.day_cube import DAY_US, microseconds
from recommender.ranking.ranker import IntArray
from tests.pipelines.small_world import DAY, MIDNIGHT, NEWER, Row, happened, organization, write_tables

BASIC, SCALE = NEWER.plans[0], NEWER.plans[1]
TEAM = replace(BASIC, code="team", price_cents={"month": 1_250, "year": 10_001}, per="seat")
SOLD = replace(NEWER, plans=(BASIC, SCALE, TEAM))


def held(event: str, plan: str, days: int, *, interval: str = "month", quantity: int | None = None) -> Row:
    columns: Row = {"plan": plan, "interval": interval, "status": "active", "catalogue_version": NEWER.version}
    return happened(event, MIDNIGHT + days * DAY, organization_id="acme", quantity=quantity, **columns)


@pytest.mark.parametrize(
    ("days", "cents"),
    [
        (-1, 0),
        (0, BASIC.price_cents["month"]),
        (2, 7 * 1_250),
        (4, 12 * 1_250),
        # 30,003 a year are 2500.25 a month: the year is rounded once, not each seat.
        (6, 2_500),
    ],
)
def test_what_is_held_costs_its_price_times_the_number_held(tmp_path: Path, days: int, cents: float) -> None:
    log = [
        held("e0", BASIC.code, 0, quantity=9),
        held("e1", "team", 1, quantity=7),
        held("e2", "team", 3, quantity=12),
        held("e3", "team", 5, interval="year", quantity=3),
    ]
    checked = write_tables({"organizations": [organization("acme")], "subscriptions": log}, tmp_path)
    known = read_known_facts(checked)

    found = PriceList([SOLD]).held_cents(checked, known, np.array([0]), np.array([microseconds(MIDNIGHT + days * DAY)]))

    assert found.tolist() == [cents]


def test_a_plan_that_is_sold_per_seat_is_billed_for_the_seats_used() -> None:
    unlimited = replace(TEAM, limits=())
    usage = {metric: np.zeros(4, dtype=np.int64) for metric in METRICS} | {"seats": np.array([0, 1, 7, 12])}

    assert bill_cents(unlimited, "month", usage).tolist() == [1_250, 1_250, 8_750, 15_000]
    assert bill_cents(unlimited, "year", usage).tolist() == [833, 833, 5_834, 10_001]
    assert bill_cents(unlimited, "month", usage, bought=np.array([3, 0, 5, 20])).tolist() == [
        3_750,
        1_250,
        8_750,
        25_000,
    ]


def test_seats_that_were_bought_and_not_used_are_avoidable(tmp_path: Path) -> None:
    checked = write_tables(
        {"organizations": [organization("acme")], "subscriptions": [held("e", "team", 0, quantity=7)]}, tmp_path
    )
    known, paid = read_known_facts(checked), microseconds(MIDNIGHT + DAY)
    taken = np.array(["team"], dtype=np.object_)
    number = held_numbers(checked, known, np.array([0]), np.array([paid]), plan=taken)
    journeys = pd.DataFrame(
        {
            "decision_id": "d",
            "organization_id": "acme",
            "started_at": [MIDNIGHT],
            "seconds_to_paid": 0.0,
            "taken": taken,
            "interval": "month",
            "catalogue_version": NEWER.version,
        }
    )
    alone = replace(NEWER, plans=(replace(TEAM, limits=()),))

    def used(*, names: pa.Array, **_: object) -> IntArray:
        return np.array([[4 if metric == "seats" else 0 for metric in METRICS]] * len(names))

    found = avoidable_cents(journeys, number=number, usage=used, prices=PriceList([alone]), end=paid + 40 * DAY_US)

    assert found.tolist() == [3 * 1_250]
    assert held_numbers(checked, known, np.array([0]), np.array([paid]), plan=np.array([BASIC.code])).tolist() == [1]
