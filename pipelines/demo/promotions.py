"""The promotion that trials of the demo world are offered, as the service would charge and log it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from recommender.billing.catalogue import Audience, Catalogue, Window
from recommender.billing.charged import SoldPlan, charged_price
from recommender.billing.subscription import RunningDiscount
from recommender.ranking.charged_plans import as_charged, charged_plans
from recommender.ranking.ranker import FloatArray, IntArray, Mask
from recommender.ranking.situation import PlanTable


@dataclass(frozen=True, slots=True)
class Welcome:
    """A promotion for new customers, and what it makes of the plan table."""

    window: Window
    charged: str
    """The prices that differ from the list, as they are logged."""
    monthly_price_cents: FloatArray
    """(p,) the mean of the next twelve months."""

    def is_for(self, held: IntArray, at: Sequence[datetime]) -> Mask:
        """(d,) whether it is offered at these decisions; `held` is −1 during the trial."""
        return (held < 0) & np.array([self.window.holds(each) for each in at], dtype=np.bool_)


def welcome_of(catalogue: Catalogue, plans: PlanTable) -> Welcome:
    """The first promotion that is for new customers everywhere; `StopIteration` without one."""
    everywhere = Audience(new_customers=True)
    promotion = next(
        each for each in catalogue.promotions if each.audience == everywhere and plans.interval in each.intervals
    )
    sold = {}
    for code in sorted(promotion.plans):
        plan = catalogue.plan(code)
        discount = RunningDiscount(promotion, promotion.cycles)
        sold[code] = SoldPlan(plan, charged_price(plan, plans.interval, discount=discount), promotion)
    charged = charged_plans(plans, sold)
    prices = as_charged(plans, charged).monthly_price_cents
    return Welcome(promotion.window, json.dumps(charged, sort_keys=True), prices)


def prices_of(plans: PlanTable, welcome: Welcome | None, offered: Mask) -> FloatArray:
    """(d, p) what a month of each plan costs at each decision."""
    reduced = plans.monthly_price_cents if welcome is None else welcome.monthly_price_cents
    return np.where(offered[:, None], reduced, plans.monthly_price_cents)


def charged_column(welcome: Welcome | None, offered: Mask) -> list[str | None]:
    """(d,) what is logged of the prices; `None` at list prices."""
    return [None if welcome is None or not each else welcome.charged for each in offered.tolist()]
