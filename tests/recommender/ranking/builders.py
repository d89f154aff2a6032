"""Catalogues and situations for the tests of ranking: what a test does not say is ordinary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf, nan

import numpy as np

from data_contracts.usage import METRICS
from recommender.billing.catalogue import Catalogue, Feature, Interval, Limit, Plan
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import DAY_SECONDS, WINDOW_DAYS, PlanTable, Situations

FAMILIES = {
    "ecommerce": "ecommerce",
    "knowledge": "internal_knowledge",
    "leads": "lead_generation",
    "support": "support",
}
TIERS = (
    ("basic", 19_000, {"conversations": 50_000, "documents": 1_000, "assistants": 3, "seats": 3}),
    ("scale", 49_000, {"conversations": 100_000, "documents": 10_000, "assistants": 3, "seats": 5}),
    ("enterprise", 189_000, {"ai_tokens": 200_000_000, "documents": 100_000, "assistants": 5, "seats": 10}),
)
INTEGRATIONS = {"basic": ("shopify",), "scale": ("shopify", "whatsapp"), "enterprise": ("shopify", "slack", "whatsapp")}


def make_plan(
    code: str,
    *,
    family: str = "shop",
    tier: int = 1,
    price_cents: int = 10_000,
    limits: Mapping[str, float] | None = None,
    integrations: Sequence[str] = (),
    templates: Sequence[str] = (),
    overage_cents: Mapping[str, Fraction] | None = None,
    private: bool = False,
) -> Plan:
    prices: dict[Interval, int] = {"month": price_cents, "year": price_cents * 12 * 8 // 10}
    return Plan(
        code=code,
        name=code,
        description="",
        family=family,
        tier=tier,
        price_cents=prices,
        price_unit="/month",
        limits=tuple(
            Limit(metric, value, metric, metric in {"conversations", "ai_tokens"}, metric)
            for metric, value in (limits or {}).items()
        ),
        features=tuple(Feature(i, "integration", True, "") for i in integrations),
        templates=frozenset(templates),
        overage_cents=overage_cents or {},
        private=private,
    )


def make_catalogue(*plans: Plan) -> Catalogue:
    """The given plans, or four families with three tiers each in the likeness of the reference catalogue."""
    ordinary = tuple(
        make_plan(
            f"{family}-{name}",
            family=family,
            tier=tier,
            price_cents=price,
            limits=limits,
            integrations=INTEGRATIONS[name],
            templates=(template,),
            overage_cents={"conversations": Fraction(1, 1)} if name != "enterprise" else {},
        )
        for family, template in FAMILIES.items()
        for tier, (name, price, limits) in enumerate(TIERS, start=1)
    )
    return Catalogue(version="1", name="Test", currency="EUR", plans=plans or ordinary)


def make_table(*plans: Plan, interval: Interval = "month") -> PlanTable:
    return plan_table(make_catalogue(*plans), interval)


def make_situations(
    plans: PlanTable,
    *,
    per_day: Mapping[str, float] | None = None,
    levels: Mapping[str, float] | None = None,
    days: int = 28,
    templates: Sequence[str] = (),
    integrations: Sequence[str] = (),
    current: str | None = None,
    eligible: Sequence[str] | None = None,
    weekday: int = 0,
) -> Situations:
    """One organisation that used the same every day of `days` full days, deciding at midnight."""
    totals = np.zeros((1, WINDOW_DAYS, len(METRICS)))
    totals[:, :, 2:] = nan
    for metric, quantity in (per_day or {}).items():
        totals[0, 1 : days + 1, METRICS.index(metric)] = quantity
    for metric, quantity in (levels or {}).items():
        totals[0, : days + 1, METRICS.index(metric)] = quantity
    seconds = np.zeros((1, WINDOW_DAYS))
    seconds[0, 1 : days + 1] = DAY_SECONDS
    offered = plans.codes if eligible is None else tuple(eligible)
    return Situations(
        totals=totals,
        seconds=seconds,
        templates=np.array([[code in templates for code in plans.templates]], dtype=bool).reshape(1, -1),
        integrations=np.array([[code in integrations for code in plans.integrations]], dtype=bool).reshape(1, -1),
        trial_age_seconds=np.array([days * DAY_SECONDS], dtype=float),
        country_group=np.array([1]),
        current_plan=np.array([-1 if current is None else plans.codes.index(current)]),
        weekday=np.array([weekday]),
        eligible=np.array([[code in offered for code in plans.codes]], dtype=bool),
    )


def random_situations(plans: PlanTable, *, n: int, seed: int) -> Situations:
    """n organisations of every kind: new and old, idle and bursting, with and without readings, templates, plans."""
    rng = np.random.default_rng(seed)
    p = len(plans.codes)
    size = np.exp(rng.normal(5, 3, (n, 1, len(METRICS))))
    totals = np.floor(rng.gamma(0.7, 1.0, (n, WINDOW_DAYS, len(METRICS))) * size)
    totals[:, :, 2:] = np.sort(np.floor(totals[:, :, 2:] / 100), axis=1)[:, ::-1]
    age = rng.integers(0, 40 * DAY_SECONDS, n)
    today = rng.integers(0, DAY_SECONDS, n)
    start = today[:, None] - age[:, None] + np.arange(WINDOW_DAYS) * DAY_SECONDS
    length = np.where(np.arange(WINDOW_DAYS) == 0, today[:, None], DAY_SECONDS)
    seconds = np.clip(length - np.maximum(start, 0), 0, length).astype(float)
    totals[:, :, :2] *= seconds[:, :, None] > 0
    totals[rng.random(n) < 0.1, :, :2] = 0
    for level in (2, 3, 4):
        totals[rng.random(n) < 0.2, :, level] = nan
        since = rng.integers(0, WINDOW_DAYS + 1, n)
        totals[np.arange(WINDOW_DAYS) > since[:, None], level] = nan
    eligible = rng.random((n, p)) < 0.8
    eligible[np.arange(n), rng.integers(0, p, n)] = True
    return Situations(
        totals=totals,
        seconds=seconds,
        templates=rng.random((n, len(plans.templates))) < 0.3,
        integrations=rng.random((n, len(plans.integrations))) < 0.3,
        trial_age_seconds=age.astype(float),
        country_group=rng.integers(0, 10, n),
        current_plan=np.where(rng.random(n) < 0.5, -1, rng.integers(0, p, n)),
        weekday=rng.integers(0, 7, n),
        eligible=eligible,
    )


def scaled(situations: Situations, factor: float, metrics: Sequence[int] = tuple(range(len(METRICS)))) -> Situations:
    """The same organisations with some metrics times a factor."""
    totals: FloatArray = situations.totals.copy()
    totals[:, :, list(metrics)] *= factor
    return replace(situations, totals=totals)


UNLIMITED = inf
