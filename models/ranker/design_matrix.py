"""The design matrix of the plan ranker: columns of plans, and columns of the steps between tiers.

The columns of a plan do not depend on usage, once any is known. Usage enters through the steps from one tier to the
next, in columns that never fall when usage rises, on whichever day: how full the lower plan is, what the higher plan
relieves, how the bills compare, each for the projected month and for the pace of the last week. Trend and rhythm are
no columns: more usage on one day raises them and on another lowers them. Where usage is unknown, a step says nothing
about it.

A plan is never likelier for being dearer: a price lowers the plan's own columns and the step up to it, and raises the
step away from it (`PRICE_SIGNS`).

Where the higher plan does not include everything of the lower one (`recommender.ranking.chains`), the columns describe
the comparable part: as if its limits were no lower and its overage prices no higher.

All plan families of a decision share one sequence of tiers. Each tier is described by the plan that suits the
organisation best (template, family held now, integrations, catalogue order), a choice that usage does not change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.choice.group_softmax import Floats, Integers, blocks_of, segment_starts
from models.choice.tier_steps import TierSteps
from recommender.ranking.fit_features import FIT_FEATURES, TEMPLATE_KINDS

METRICS: Final = ("conversations", "ai_tokens", "documents", "assistants", "seats")
SOLD: Final = {"conversations": 1_000.0, "ai_tokens": 1_000_000.0}
"""Metrics with an overage price → the number of units that the price is for."""
MONEY: Final = 1_000.0

RECENT: Final = tuple(f"recent_{metric}" for metric in SOLD)
USAGE: Final = (*(f"projected_{metric}" for metric in METRICS), *RECENT)
UNKNOWN: Final = {metric: "usage_unknown" if metric in SOLD else f"{metric}_unknown" for metric in METRICS}
"""Metric → the feature that says that nothing is known of it."""
USAGE_INVARIANT: Final = (
    "days_observed",
    "usage_unknown",
    "documents_unknown",
    "assistants_unknown",
    "seats_unknown",
    "monthly_price",
    "price_over_cheapest",
    "price_step_up",
    *(f"limit_{metric}" for metric in METRICS),
    *(f"overage_price_{metric}" for metric in SOLD),
    "on_chain",
    "tier",
    "tier_share",
    "family",
    *(feature.__name__ for feature in FIT_FEATURES),
)
"""Features that more usage does not change: time since the trial began, what is known, plans, templates, integrations,
plan held."""
ATTRIBUTED: Final = ("projected_bill", "overage_cost", "overrun")
"""Features to which the shares of derived step columns are attributed."""
FEATURE_NAMES: Final = (*USAGE, *USAGE_INVARIANT, *ATTRIBUTED)

USAGE_MONOTONE: Final = {
    **{f"fill_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"relief_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"strain_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"excess_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"fill_{name}": name for name in RECENT},
    **{f"excess_{name}": name for name in RECENT},
    "short_of": "overrun",
    "bill_ratio": "projected_bill",
    "bill_saved": "overage_cost",
    "recent_bill_ratio": "projected_bill",
}
"""Step columns that never fall when usage rises → the feature to which their share is attributed."""
STEP_DIFFERENCES: Final = {"price_gap": "monthly_price", "missing_gap": "missing_integrations"}
"""Step columns that are differences of a plan feature → that feature; usage does not change them."""

PRICE_SIGNS: Final = {"monthly_price": -1, "price_over_cheapest": -1, "price_step_up": 1, "price_gap": -1}
"""Columns of prices → the sign of their coefficient, and the direction in which the trees may read them.

Of the step rows, `price_over_cheapest` and `price_step_up` are 0: there they would speak of a third plan."""

POSITION_FEATURES: Final = ("shown_first", "shown_second", "shown_third")
"""The position in which a plan was shown; see `models.ranker.position_bias`."""

DECIMALS: Final = 6
"""Columns are rounded, so that values that differ by rounding fall on the same side of every split."""
FULLEST: Final = 3.0
STEEPNESS: Final = 4.0
"""How fast strain grows around a limit: small at half of it, large at one and a half times."""


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """The columns of r candidates and s tier steps, for the linear part and for the trees."""

    linear: Floats
    """(r, len(LINEAR_NAMES)): usage-invariant columns, interactions, then usage-monotone columns summed over the steps
    below the plan."""
    trees: Floats
    """(r + s, len(TREE_NAMES)): the rows of the candidates, then the rows of the steps."""
    tier_steps: TierSteps


NAMED_KINDS: Final = tuple(kind for kind in TEMPLATE_KINDS if kind not in ("none", "other"))
TIER_ENDS: Final = ("higher_tiers", "middle_tiers")

PLAN_INTERACTIONS: Final = tuple(
    f"{template}_likes_{family}_{end}" for template in TEMPLATE_KINDS for family in TEMPLATE_KINDS for end in TIER_ENDS
)
"""Linear columns template × family × tier: which plans the organisations of a template prefer."""

TEMPLATE_INTERACTIONS: Final = (
    *(f"{template}_likes_{family}" for template in TEMPLATE_KINDS for family in TEMPLATE_KINDS),
    *(f"{template}_likes_{end}" for template in TEMPLATE_KINDS for end in TIER_ENDS),
    *PLAN_INTERACTIONS,
)
"""Linear columns of the template: with the family, with the tier, and with both."""

UNKNOWN_INTERACTIONS: Final = ("unknown_likes_higher_tiers", "unknown_likes_middle_tiers")
"""Linear columns usage unknown × tier: what organisations take whose usage nobody reported."""

HELD: Final = tuple(metric for metric in METRICS if metric not in SOLD)
"""Metrics whose limit cannot be exceeded at a price."""
STRAIN_INTERACTIONS: Final = tuple(f"{template}_needs_{metric}" for template in TEMPLATE_KINDS for metric in HELD)
"""Linear columns template × strain: how much a nearly reached limit matters to a template's organisations."""

LINEAR_NAMES: Final = (
    *USAGE_INVARIANT,
    *TEMPLATE_INTERACTIONS,
    *UNKNOWN_INTERACTIONS,
    *USAGE_MONOTONE,
    *STRAIN_INTERACTIONS,
)
TREE_NAMES: Final = (*USAGE_INVARIANT, *STEP_DIFFERENCES, *USAGE_MONOTONE, "is_step")


def design_matrix(
    features: Floats, group_sizes: Integers, *, price_range: tuple[float, float] = (-np.inf, np.inf)
) -> DesignMatrix:
    """Build the design matrix from `features` (r, len(FEATURE_NAMES)), sorted by decision.

    `price_range` is the range of `monthly_price` in the training data. For the trees a price outside of it counts as
    the nearest end, and does not affect how the prices of the other plans compare; the linear part goes on in a line.
    Bills use real prices.
    """
    by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
    tier_steps, lower, upper = _tier_steps(by_name, group_sizes)
    rows = len(features)
    linear, trees = np.empty((rows, len(LINEAR_NAMES))), np.zeros((rows + len(lower), len(TREE_NAMES)))
    ends = np.append(0, np.cumsum(tier_steps.steps))
    for decisions, here in blocks_of(group_sizes):
        steps = slice(int(ends[decisions.start]), int(ends[decisions.stop]))
        _fill(
            features[here],
            TierSteps(group_sizes[decisions], tier_steps.level[here], tier_steps.steps[decisions]),
            lower[steps] - here.start,
            upper[steps] - here.start,
            price_range=price_range,
            linear=linear[here],
            of_rows=trees[here],
            of_steps=trees[rows + steps.start : rows + steps.stop],
        )
    return DesignMatrix(linear, trees, tier_steps)


def _fill(
    features: Floats,
    tier_steps: TierSteps,
    lower: Integers,
    upper: Integers,
    *,
    price_range: tuple[float, float],
    linear: Floats,
    of_rows: Floats,
    of_steps: Floats,
) -> None:
    """Write the columns of some decisions: `linear` and `of_rows` of their candidates, `of_steps` of their steps."""
    by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
    width = len(USAGE_INVARIANT)
    steady = np.round(features[:, len(USAGE) : len(USAGE) + width], DECIMALS)
    of_rows[:, :width] = steady
    prices = np.round(np.clip(by_name["monthly_price"], *price_range), DECIMALS)
    sizes = tier_steps.group_sizes
    cheapest = np.repeat(np.minimum.reduceat(prices, segment_starts(sizes)), sizes)
    of_rows[:, USAGE_INVARIANT.index("monthly_price")] = prices
    of_rows[:, USAGE_INVARIANT.index("price_over_cheapest")] = np.round(prices - cheapest, DECIMALS)
    usage_monotone = _usage_monotone(by_name, lower, upper)
    gaps = np.stack([by_name[name][upper] - by_name[name][lower] for name in STEP_DIFFERENCES.values()], axis=1)
    of_steps[:, :width] = of_rows[upper, :width]
    of_steps[:, [USAGE_INVARIANT.index(name) for name in ("price_over_cheapest", "price_step_up")]] = 0.0
    of_steps[:, width:-1] = np.hstack([np.round(gaps, DECIMALS), usage_monotone])
    of_steps[:, -1] = 1.0
    accumulated = tier_steps.accumulated(usage_monotone)
    strains = accumulated[:, [list(USAGE_MONOTONE).index(f"strain_{metric}") for metric in HELD]]
    template = _templates(by_name)
    needs = (template[:, :, None] * strains[:, None, :]).reshape(len(features), len(STRAIN_INTERACTIONS))
    np.concatenate([steady, _template_interactions(by_name), accumulated, needs], axis=1, out=linear)


def _templates(by_name: dict[str, Floats]) -> Floats:
    """The share of each template kind among the installed templates, (rows, len(TEMPLATE_KINDS))."""
    named = np.stack([by_name[f"{kind}_share"] for kind in NAMED_KINDS], axis=1)
    none = (by_name["templates_installed"] == 0).astype(np.float64)
    other = np.round(1.0 - none - named.sum(axis=1), DECIMALS)
    return np.column_stack([none, named, other])


def _template_interactions(by_name: dict[str, Floats]) -> Floats:
    """The columns `TEMPLATE_INTERACTIONS` and `UNKNOWN_INTERACTIONS`, (rows, columns)."""
    template, family = _templates(by_name), by_name["family_kind"][:, None] == np.arange(len(TEMPLATE_KINDS))
    height = by_name["tier_share"]
    heights = np.stack([height, 4.0 * height * (1.0 - height)], axis=1)
    of_family, of_tier = (template[:, :, None] * there[:, None, :] for there in (family, heights))
    of_plan = of_family[:, :, :, None] * heights[:, None, None, :]
    tables = [table.reshape(len(height), math.prod(table.shape[1:])) for table in (of_family, of_tier, of_plan)]
    return np.hstack([*tables, by_name["usage_unknown"][:, None] * heights])


def _tier_steps(by_name: dict[str, Floats], group_sizes: Integers) -> tuple[TierSteps, Integers, Integers]:
    """The tier steps, and for each step the row of the plan that describes its lower and its upper tier."""
    decision = np.repeat(np.arange(len(group_sizes)), group_sizes)
    tier = by_name["tier"]
    preferred = ("missing_integrations", "same_family_as_current", "template_share", "template_fit")
    keys: Sequence[Floats] = [by_name[n] if n == "missing_integrations" else -by_name[n] for n in preferred]
    order = np.lexsort((*keys, tier, decision))
    new_tier = np.ones(len(order), dtype=bool)
    new_tier[1:] = (tier[order][1:] != tier[order][:-1]) | (decision[order][1:] != decision[order][:-1])
    tier_of_sorted = np.cumsum(new_tier) - 1
    tiers = order[new_tier]
    per_decision = np.bincount(decision[tiers], minlength=len(group_sizes))
    level = np.empty(len(order), dtype=np.int64)
    level[order] = tier_of_sorted - segment_starts(per_decision)[decision[order]]
    upper = level[tiers] > 0
    tier_steps = TierSteps(group_sizes, level, per_decision - 1)
    return tier_steps, tiers[np.flatnonzero(upper) - 1], tiers[upper]


def _usage_monotone(by_name: dict[str, Floats], lower: Integers, upper: Integers) -> Floats:
    """(steps, len(USAGE_MONOTONE)), see there; usage is the same in every row of a decision."""
    found: dict[str, Floats] = {"short_of": np.zeros(len(lower))}
    for metric in METRICS:
        known = by_name[UNKNOWN[metric]][lower] == 0
        used, small, large = _use_and_limits(by_name, f"projected_{metric}", lower, upper)
        fill, fill_upper = (np.log((used + 0.5) / (limit + 0.5)) for limit in (small, large))
        found[f"fill_{metric}"] = known * np.clip(fill, -FULLEST, FULLEST)
        strain = np.logaddexp(0.0, STEEPNESS * fill) - np.logaddexp(0.0, STEEPNESS * fill_upper)
        found[f"strain_{metric}"] = known * strain
        found[f"relief_{metric}"] = known * (np.maximum(fill, 0.0) - np.maximum(fill_upper, 0.0))
        found[f"excess_{metric}"] = known * _excess(used, small, large)
        found["short_of"] += known & (used > small)
    for name in RECENT:
        known = by_name["usage_unknown"][lower] == 0
        used, small, large = _use_and_limits(by_name, name, lower, upper)
        found[f"fill_{name}"] = known * np.clip(np.log((used + 0.5) / (small + 0.5)), -FULLEST, FULLEST)
        found[f"excess_{name}"] = known * _excess(used, small, large)
    low, high = _bills(by_name, "projected", lower, upper)
    found["bill_ratio"] = np.minimum(np.log1p(low / MONEY) - np.log1p(high / MONEY), 0.0)
    found["bill_saved"] = np.log1p(np.maximum(low - high, 0.0) / MONEY)
    low, high = _bills(by_name, "recent", lower, upper)
    found["recent_bill_ratio"] = np.minimum(np.log1p(low / MONEY) - np.log1p(high / MONEY), 0.0)
    columns: Floats = np.stack([found[name] for name in USAGE_MONOTONE], axis=1)
    return np.round(columns, DECIMALS)


def _use_and_limits(
    by_name: dict[str, Floats], name: str, lower: Integers, upper: Integers
) -> tuple[Floats, Floats, Floats]:
    """Whole units used, and what the two plans of each step hold; the upper one never less. (steps,) each."""
    limits = by_name[f"limit_{name.partition('_')[2]}"]
    small = np.rint(np.expm1(limits[lower]))
    return np.rint(np.expm1(by_name[name][lower])), small, np.maximum(small, np.rint(np.expm1(limits[upper])))


def _excess(used: Floats, small: Floats, large: Floats) -> Floats:
    """How much less usage exceeds the larger limit than the smaller one, log(1 + multiples of the limit)."""
    beyond_small, beyond_large = (np.maximum(used / (limit + 0.5) - 1.0, 0.0) for limit in (small, large))
    return np.log1p(np.asarray(beyond_small - beyond_large, dtype=np.float64))


def _bills(by_name: dict[str, Floats], pace: str, lower: Integers, upper: Integers) -> tuple[Floats, Floats]:
    """The monthly bills of the two plans of each step at `projected` or `recent` usage, in minor units."""
    low, high = (MONEY * np.expm1(by_name["monthly_price"][rows]) for rows in (lower, upper))
    for metric, units in SOLD.items():
        used, small, large = _use_and_limits(by_name, f"{pace}_{metric}", lower, upper)
        price = np.maximum(by_name[f"overage_price_{metric}"], 0.0)
        dear, cheap = (MONEY * np.expm1(price[rows]) / units for rows in (lower, upper))
        low += np.maximum(used - small, 0.0) * dear
        high += np.maximum(used - large, 0.0) * np.minimum(cheap, dear)
    return low, high
