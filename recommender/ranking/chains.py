"""Which families are chains: every higher tier holds at least as much, and sells further use at no higher price.

On a chain what the bill grows by from one tier to the next can only fall as usage rises (increasing differences), so
the cheapest bill never moves to a lower tier (Topkis 1998, "Supermodularity and Complementarity", theorem 2.8.1).
Prices play no part in it. Where plans are not comparable nobody can promise that the cheapest follows usage.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable


@dataclass(frozen=True, slots=True)
class Break:
    """Why a family is no chain: a higher tier that holds less of a metric, or asks more for what is beyond."""

    family: str
    lower: str
    higher: str
    metric: str
    what: Literal["holds_less", "overage_costs_more"]


def chain_breaks(plans: PlanTable) -> tuple[Break, ...]:
    """Every pair of plans of one family that is not comparable, by metric, in catalogue order."""
    prices = _prices_beyond(plans)
    found = []
    for lower, higher in np.argwhere(_pairs(plans)):
        for metric, name in enumerate(METRICS):
            between = (plans.families[plans.family[lower]], plans.codes[lower], plans.codes[higher], name)
            if plans.limits[higher, metric] < plans.limits[lower, metric]:
                found.append(Break(*between, "holds_less"))
            if prices[higher, metric] > prices[lower, metric]:
                found.append(Break(*between, "overage_costs_more"))
    return tuple(found)


def on_chain(plans: PlanTable) -> NDArray[np.bool_]:
    """Shape (p,): whether the plan's family is a chain; a family of one tier is."""
    prices, limits = _prices_beyond(plans), plans.limits
    broken = (limits[None, :, :] < limits[:, None, :]) | (prices[None, :, :] > prices[:, None, :])
    torn = plans.family[(_pairs(plans) & broken.any(axis=2)).any(axis=1)]
    return np.asarray(~np.isin(plans.family, torn))


def _pairs(plans: PlanTable) -> NDArray[np.bool_]:
    """Shape (p, p): whether the second is a higher tier of the first's family."""
    same_family = plans.family[:, None] == plans.family
    return np.asarray(same_family & (plans.tier[:, None] < plans.tier))


def _prices_beyond(plans: PlanTable) -> FloatArray:
    """Shape (p, metrics): what a unit beyond the limit costs; nothing where there is no limit, inf where none is sold.

    A limit on a level is never sold beyond, so only its size is compared.
    """
    unsold = np.where(np.isnan(plans.overage_cents), np.inf, plans.overage_cents)
    return np.where(np.isinf(plans.limits), 0.0, unsold)
