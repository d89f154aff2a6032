"""A plan table as one organisation would be charged by it: promotions, and the plan held as it was sold.

Every feature, bill, need and reason reads the plan table, so they all use what would really be charged. What differs
from the list is logged with the decision as plain values; with it and the catalogue the table can be made again.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Final, TypedDict

import numpy as np

from data_contracts.usage import METRICS
from recommender.billing.catalogue import Plan
from recommender.billing.charged import ChargedPrice, SoldPlan
from recommender.ranking.plan_table import terms_of
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable


class ChargedPlan(TypedDict, total=False):
    """The price that an organisation is charged for a plan where it differs from the catalogue; net minor units."""

    price_cents: float
    """Of a month, as it is compared: the mean of the next twelve."""
    now_cents: float
    """The first monthly price, which holds for `months`."""
    months: int
    then_cents: float
    """The monthly price after that; absent, with `months`, where nothing changes."""
    year_price_cents: float
    """Of a month if it is paid by the year instead, as it is compared."""
    limits: dict[str, float | None]
    """Metric → limit as it was sold; `None`: no limit."""
    overage_cents: dict[str, float | None]
    """Metric → price of a unit beyond, as it was sold; `None`: no more can be bought."""
    integrations: list[str]
    """Integrations as it was sold, of those that the catalogue knows."""


Charged = Mapping[str, ChargedPlan]
"""Plan → what differs."""

AS_LISTED: Final[Charged] = {}


NOTHING: Final[Mapping[str, SoldPlan]] = {}


def charged_plans(
    plans: PlanTable,
    sold: Mapping[str, SoldPlan],
    *,
    listed: Sequence[Plan] = (),
    by_year: Mapping[str, SoldPlan] = NOTHING,
) -> dict[str, ChargedPlan]:
    """The prices of one organisation that differ from the plan table, by plan, in the table's order.

    Args:
        plans: As they are listed, at one interval.
        sold: What the organisation is charged at that interval.
        listed: The plans that the table was made of: of one that is sold as it is listed only the price may differ.
        by_year: What it would be charged by the year, given for a table by the month.
    """
    as_listed = {plan.code: plan for plan in listed}
    found = {}
    for row, code in enumerate(plans.codes):
        if code in sold:
            differences = _charged_price(plans, row, sold[code])
            if sold[code].plan is not as_listed.get(code):
                differences |= _other_terms(plans, row, sold[code].plan)
            if code in by_year and (price := float(by_year[code].price.compared_cents)) != plans.year_price_cents[row]:
                differences["year_price_cents"] = price
            if differences:
                found[code] = differences
    return found


def as_charged(plans: PlanTable, charged: Charged) -> PlanTable:
    """The plan table with what differs; a plan that it does not have is left out."""
    if not charged:
        return plans
    prices, covers = plans.monthly_price_cents.copy(), plans.covers.copy()
    years = plans.year_price_cents.copy()
    limits, overage = plans.limits.copy(), plans.overage_cents.copy()
    for code, differences in charged.items():
        if code not in plans.codes:
            continue
        row = plans.codes.index(code)
        prices[row] = differences.get("price_cents", prices[row])
        years[row] = prices[row] if plans.interval == "year" else differences.get("year_price_cents", years[row])
        for metric, limit in differences.get("limits", {}).items():
            limits[row, METRICS.index(metric)] = inf if limit is None else limit
        for metric, price in differences.get("overage_cents", {}).items():
            overage[row, METRICS.index(metric)] = np.nan if price is None else price
        if "integrations" in differences:
            covers[row] = [each in differences["integrations"] for each in plans.integrations]
    return replace(
        plans,
        monthly_price_cents=prices,
        year_price_cents=years,
        limits=limits,
        overage_cents=overage,
        covers=covers,
    )


class ChargedTables:
    """The plan tables of a catalogue as they were charged lately: who is charged alike has the same table.

    A table is found by its interval and by what differs, and is kept until as many others were asked for since.
    """

    def __init__(self, *, kept: int = 256) -> None:
        self._kept = kept
        self._tables: OrderedDict[tuple[str, str], PlanTable] = OrderedDict()

    def table(self, plans: PlanTable, charged: Charged) -> PlanTable:
        """The plan table at the prices charged, as `as_charged` makes it."""
        if not charged:
            return plans
        key = plans.interval, repr(charged)
        if key not in self._tables:
            self._tables[key] = as_charged(plans, charged)
        self._tables.move_to_end(key)
        if len(self._tables) > self._kept:
            self._tables.popitem(last=False)
        return self._tables[key]


def _charged_price(plans: PlanTable, row: int, sold: SoldPlan) -> ChargedPlan:
    return _price(sold.price) if float(sold.price.compared_cents) != plans.monthly_price_cents[row] else ChargedPlan()


def _other_terms(plans: PlanTable, row: int, sold: Plan) -> ChargedPlan:
    found = ChargedPlan()
    limits, beyond = terms_of(sold)
    if changed := _changed(limits, plans.limits[row]):
        found["limits"] = changed
    if changed := _changed(beyond, plans.overage_cents[row]):
        found["overage_cents"] = changed
    if (included := _included(sold, plans)) != _included_in(plans, row):
        found["integrations"] = included
    return found


def _changed(sold: FloatArray, listed: FloatArray) -> dict[str, float | None]:
    """Metric → the value as it was sold, where another one is listed; `None`: none."""
    other = (sold != listed) & ~(np.isnan(sold) & np.isnan(listed))
    return {METRICS[i]: float(sold[i]) if np.isfinite(sold[i]) else None for i in np.flatnonzero(other).tolist()}


def _price(price: ChargedPrice) -> ChargedPlan:
    terms = ChargedPlan(price_cents=float(price.compared_cents), now_cents=float(price.now_cents))
    if price.months is not None:
        terms |= ChargedPlan(months=price.months, then_cents=float(price.then_cents))
    return terms


def _included(plan: Plan, plans: PlanTable) -> list[str]:
    included = plan.integrations
    return [code for code in plans.integrations if code in included]


def _included_in(plans: PlanTable, row: int) -> list[str]:
    return [code for code, there in zip(plans.integrations, plans.covers[row].tolist(), strict=True) if there]
