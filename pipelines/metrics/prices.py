"""Monthly prices and tiers of plans, over all given catalogue versions."""

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.intervals import MONTHS_OF
from pipelines.history.change_log import change_log
from pipelines.history.checked_tables import microseconds_of, places_in, ranks, read_table
from pipelines.history.known_facts import KnownFacts
from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.ranking.ranker import FloatArray, IntArray

DIRECTIONS: Final = ("recommended", "higher", "lower", "sideways", "unknown")
"""The plan taken compared with the plan recommended: the same plan, a higher tier, a lower one, the same tier of
another family, or unknown because the catalogue version is not given."""


class PriceList:
    """The plans of all given catalogues, by catalogue version and code."""

    def __init__(self, catalogues: Sequence[Catalogue]) -> None:
        self.catalogues = {catalogue.version: catalogue for catalogue in catalogues}
        self._plans = {(c.version, plan.code): plan for c in catalogues for plan in c.plans}

    def plan(self, version: object, code: object) -> Plan | None:
        """The plan of this catalogue version, `None` if it is not known."""
        return self._plans.get((str(version), str(code)))

    def monthly_cents(self, version: object, code: object, interval: object, quantity: int = 1) -> float:
        """The net monthly price of so many in whole minor units, not a number where it is not known."""
        plan = self.plan(version, code)
        for known, months in MONTHS_OF.items():
            if plan is not None and interval == known and known in plan.price_cents:
                number = 1 if plan.per is None else quantity
                return float(round_half_away_from_zero(Fraction(plan.price_cents[known] * number, months)))
        return np.nan

    def direction(self, version: object, recommended: object, taken: object) -> str:
        """The direction of the plan taken, one of `DIRECTIONS`; empty when none was taken."""
        if not taken:
            return ""
        if taken == recommended:
            return "recommended"
        ours, theirs = self.plan(version, recommended), self.plan(version, taken)
        if ours is None or theirs is None:
            return "unknown"
        return "higher" if theirs.tier > ours.tier else "lower" if theirs.tier < ours.tier else "sideways"

    def directions(
        self, version: NDArray[np.object_], recommended: NDArray[np.object_], taken: NDArray[np.object_]
    ) -> NDArray[np.object_]:
        """The `direction` of each row (n,); every distinct combination is looked up once."""
        return _each_once(self.direction, version, recommended, taken)

    def held_cents(self, checked: Path, known: KnownFacts, organization: IntArray, instant_us: IntArray) -> FloatArray:
        """The monthly price of each organisation at its instant (n,): 0 without a plan, not a number if unknown."""
        table, at = _held(checked, known, organization, instant_us)
        active = pc.fill_null(pc.equal(table["status"], "active"), False).to_numpy()
        columns = (_texts(table[name]) for name in ("catalogue_version", "plan", "interval"))
        price = _each_once(self.monthly_cents, *columns, _numbers(table)).astype(np.float64)
        return np.append(np.where(active, price, 0.0), 0.0)[at]


def held_numbers(
    checked: Path, known: KnownFacts, organization: IntArray, instant_us: IntArray, *, plan: NDArray[np.object_]
) -> IntArray:
    """How many of this plan each organisation holds at its instant (n,): 1 where it does not hold it."""
    table, at = _held(checked, known, organization, instant_us)
    holds = np.append(_texts(table["plan"]), "")[at] == plan
    return np.where(holds, np.append(_numbers(table), 1)[at], 1)


def _held(checked: Path, known: KnownFacts, organization: IntArray, instant_us: IntArray) -> tuple[pa.Table, IntArray]:
    """The log of subscriptions, and the row that holds for each organisation at its instant (n,), -1 before any."""
    names = ["event_id", "organization_id", "plan", "interval", "status", "catalogue_version", "quantity"]
    table = read_table(checked, "subscriptions", [*names, "occurred_at", "recorded_at"])
    log = change_log(
        subject=places_in(table["organization_id"], known.organization_ids),
        recorded_us=microseconds_of(table["recorded_at"]),
        occurred_us=microseconds_of(table["occurred_at"]),
        event_rank=ranks(table["event_id"]),
        value=np.arange(len(table)),
    )
    return table, log.known_at(organization, instant_us)


def _numbers(table: pa.Table) -> IntArray:
    return np.asarray(pc.fill_null(table["quantity"], 1).to_numpy())


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.asarray(pc.fill_null(column, "").to_numpy(), dtype=np.object_)


def _each_once(function: Callable[..., Hashable], *columns: NDArray[Any]) -> NDArray[np.object_]:
    """The function's value for each row (n,), called once per distinct row."""
    if not len(columns[0]):
        return np.empty(0, dtype=np.object_)
    place, distinct = pd.MultiIndex.from_arrays(columns).factorize()
    return np.asarray(np.array([function(*row) for row in distinct], dtype=np.object_)[place])
