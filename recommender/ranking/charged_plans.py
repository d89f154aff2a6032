"""A plan table as one organisation would be charged by it: promotions, and the plan held as it was sold.

Every feature, bill, need and reason reads the plan table, so they all use what would really be charged. What differs
from the list is logged with the decision as plain values; with it and the catalogue the table can be made again.
"""

from collections.abc import Mapping
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
    """What an organisation is charged for a plan, where that is not what the catalogue says; net minor units."""

    price_cents: float
    """Of a month, as it is compared: the mean of the next twelve."""
    now_cents: float
    """What is charged at first, for `months`."""
    months: int
    then_cents: float
    """What is charged after that; absent, with `months`, where nothing changes."""
    limits: dict[str, float | None]
    """Metric → limit as it was sold; `None`: no limit."""
    overage_cents: dict[str, float | None]
    """Metric → price of a unit beyond, as it was sold; `None`: no more can be bought."""
    integrations: list[str]
    """Integrations as it was sold, of those that the catalogue knows."""


Charged = Mapping[str, ChargedPlan]
"""Plan → what differs."""

AS_LISTED: Final[Charged] = {}


def charged_plans(plans: PlanTable, sold: Mapping[str, SoldPlan]) -> dict[str, ChargedPlan]:
    """What differs from the plan table for one organisation, by plan, in the order of the table."""
    found = {code: _differences(plans, plans.codes.index(code), sold[code]) for code in plans.codes if code in sold}
    return {code: differences for code, differences in found.items() if differences}


def as_charged(plans: PlanTable, charged: Charged) -> PlanTable:
    """The plan table with what differs; a plan that it does not have is left out."""
    if not charged:
        return plans
    prices, covers = plans.monthly_price_cents.copy(), plans.covers.copy()
    limits, overage = plans.limits.copy(), plans.overage_cents.copy()
    for code, differences in charged.items():
        if code not in plans.codes:
            continue
        row = plans.codes.index(code)
        prices[row] = differences.get("price_cents", prices[row])
        for metric, limit in differences.get("limits", {}).items():
            limits[row, METRICS.index(metric)] = inf if limit is None else limit
        for metric, price in differences.get("overage_cents", {}).items():
            overage[row, METRICS.index(metric)] = np.nan if price is None else price
        if "integrations" in differences:
            covers[row] = [each in differences["integrations"] for each in plans.integrations]
    return replace(plans, monthly_price_cents=prices, limits=limits, overage_cents=overage, covers=covers)


def _differences(plans: PlanTable, row: int, sold: SoldPlan) -> ChargedPlan:
    found = _price(sold.price) if float(sold.price.compared_cents) != plans.monthly_price_cents[row] else ChargedPlan()
    limits, beyond = terms_of(sold.plan)
    if changed := _changed(limits, plans.limits[row]):
        found["limits"] = changed
    if changed := _changed(beyond, plans.overage_cents[row]):
        found["overage_cents"] = changed
    if (included := _included(sold.plan, plans)) != _included_in(plans, row):
        found["integrations"] = included
    return found


def _changed(sold: FloatArray, listed: FloatArray) -> dict[str, float | None]:
    """Metric → the value as it was sold, where another one is listed; `None`: none."""
    other = (sold != listed) & ~(np.isnan(sold) & np.isnan(listed))
    return {METRICS[i]: float(sold[i]) if np.isfinite(sold[i]) else None for i in np.flatnonzero(other).tolist()}


def _price(price: ChargedPrice) -> ChargedPlan:
    said = ChargedPlan(price_cents=float(price.compared_cents), now_cents=float(price.now_cents))
    if price.months is not None:
        said |= ChargedPlan(months=price.months, then_cents=float(price.then_cents))
    return said


def _included(plan: Plan, plans: PlanTable) -> list[str]:
    return [code for code in plans.integrations if code in plan.integrations]


def _included_in(plans: PlanTable, row: int) -> list[str]:
    return [code for code, there in zip(plans.integrations, plans.covers[row].tolist(), strict=True) if there]
