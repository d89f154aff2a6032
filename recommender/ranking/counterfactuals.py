"""One organisation with one fact taken away; everything else of its situation stays."""

from dataclasses import replace

import numpy as np

from recommender.ranking.ranker import IntArray
from recommender.ranking.situation import DAY_SECONDS, PlanTable, Situations


def without_templates(situations: Situations) -> Situations:
    """The situations with no template installed."""
    return replace(situations, templates=np.zeros_like(situations.templates))


def without_integrations(situations: Situations, integrations: IntArray) -> Situations:
    """The situations with some integrations disconnected."""
    connected = situations.integrations.copy()
    connected[:, integrations] = False
    return replace(situations, integrations=connected)


def without_current_plan(situations: Situations) -> Situations:
    """The situations with no plan held."""
    return replace(situations, current_plan=np.full_like(situations.current_plan, -1))


def without_usage(situations: Situations) -> Situations:
    """Nothing used and nothing stored; what was never read stays unread."""
    return replace(situations, totals=np.where(np.isnan(situations.totals), np.nan, 0.0))


def with_usage_times(situations: Situations, metric: int, factor: float) -> Situations:
    """All usage of one metric times a factor, in whole units a day."""
    totals = situations.totals.copy()
    totals[:, :, metric] = np.floor(totals[:, :, metric] * factor)
    return replace(situations, totals=totals)


def with_level_usage(situations: Situations, metric: int) -> Situations:
    """The same total of one count metric, spread evenly over the time it could be used: no trend, no peaks."""
    totals = situations.totals.copy()
    days = situations.seconds / DAY_SECONDS
    spread = days / np.maximum(days.sum(axis=1, keepdims=True), 1e-9)
    totals[:, :, metric] = totals[:, :, metric].sum(axis=1, keepdims=True) * spread
    return replace(situations, totals=totals)


def with_price(plans: PlanTable, plan: int, monthly_price_cents: float) -> PlanTable:
    """The same sale at another price of one plan."""
    prices = plans.monthly_price_cents.copy()
    prices[plan] = monthly_price_cents
    return plans.at_prices(prices)
