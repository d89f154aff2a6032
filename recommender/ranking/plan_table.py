"""One catalogue at one interval as arrays: the form in which features and rankers see what is on sale."""

import math

import numpy as np

from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import METRICS
from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable


def plan_table(catalogue: Catalogue, interval: Interval) -> PlanTable:
    """Every plan that is sold at this interval and not private, in catalogue order (family as declared, then tier).

    A plan without templates suits every template alike. A catalogue that sells nothing at the interval gives an
    empty table.
    """
    plans = [plan for plan in catalogue.plans if not plan.private and interval in plan.price_cents]
    templates = tuple(sorted({code for plan in plans for code in plan.templates}))
    included = [plan.integrations for plan in plans]
    integrations = tuple(sorted(frozenset().union(*included)))
    families = tuple(dict.fromkeys(plan.family for plan in plans))
    terms = np.array([terms_of(plan) for plan in plans], dtype=float).reshape(len(plans), 2, len(METRICS))
    return PlanTable(
        catalogue_version=catalogue.version,
        interval=interval,
        codes=tuple(plan.code for plan in plans),
        templates=templates,
        integrations=integrations,
        families=families,
        monthly_price_cents=_of_a_month(plans, interval),
        year_price_cents=_of_a_month(plans, "year"),
        limits=np.ascontiguousarray(terms[:, 0]),
        overage_cents=np.ascontiguousarray(terms[:, 1]),
        suits=np.array(
            [[not plan.templates or code in plan.templates for code in templates] for plan in plans], dtype=bool
        ).reshape(len(plans), len(templates)),
        covers=np.array([[code in each for code in integrations] for each in included], dtype=bool).reshape(
            len(plans), len(integrations)
        ),
        beside=_beside(plans),
        family=np.array([families.index(plan.family) for plan in plans], dtype=np.int64),
        tier=np.array([plan.tier for plan in plans], dtype=np.int64),
    )


def _of_a_month(plans: list[Plan], interval: Interval) -> FloatArray:
    """(p,) the price of a month; inf where the plan is not sold at this interval."""
    return np.array([plan.price_cents.get(interval, math.inf) / MONTHS_OF[interval] for plan in plans], dtype=float)


def _beside(plans: list[Plan]) -> FloatArray:
    """Features and unmeasured limits, one column each; a text in two, so that only the same text is as good."""
    limits = [{limit.code: limit.value for limit in plan.limits} for plan in plans]
    features = [{feature.code: feature.value for feature in plan.features} for plan in plans]
    unmeasured = sorted({limit.code for plan in plans for limit in plan.limits if limit.metric is None})
    columns = [[float(of.get(code, math.inf)) for of in limits] for code in unmeasured]
    for code in sorted({code for of in features for code in of}):
        values = [of.get(code, False) for of in features]
        if any(isinstance(value, str) for value in values):
            texts = sorted(set(map(str, values)))
            places = [float(texts.index(str(value))) for value in values]
            columns += [places, [-place for place in places]]
        else:
            columns.append([float(value) for value in values])
    return np.array(columns, dtype=float).reshape(len(columns), len(plans)).T


def terms_of(plan: Plan) -> FloatArray:
    """(2, metrics): the limits, inf where the plan sets none, and the prices of a unit beyond, NaN where none is sold.

    Only what renews can be bought beyond its limit. What the plan is sold by is no limit: more of it can be bought.
    """
    counted = plan.counted
    limits = {limit.metric: float(limit.value) for limit in reversed(plan.limits) if limit.metric != counted}
    sold = {limit.metric for limit in plan.limits if limit.renewable} & plan.overage_cents.keys()
    prices = [float(plan.overage_cents[metric]) if metric in sold else math.nan for metric in METRICS]
    return np.array([[limits.get(metric, math.inf) for metric in METRICS], prices])
