"""The design matrix of the plan ranker: columns of plans, and columns of the steps between tiers.

The columns of a plan do not depend on the amount of usage. Usage enters through the steps from one tier to the next, in
columns that never fall when usage rises: how full the lower plan is, what the higher plan relieves, how the bills
compare. Where the higher plan does not include everything of the lower one (`recommender.ranking.chains`), the columns
describe the comparable part: as if its limits were no lower and its overage prices no higher.

All plan families of a decision share one sequence of tiers. Each tier is described by the plan that suits the
organisation best (template, family held now, integrations, catalogue order), a choice that usage does not change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.choice.group_softmax import Floats, Integers, segment_starts
from models.choice.tier_steps import TierSteps
from recommender.ranking.fit_features import FIT_FEATURES, TEMPLATE_KINDS

METRICS: Final = ("conversations", "ai_tokens", "documents", "assistants", "seats")
SOLD: Final = {"conversations": 1_000.0, "ai_tokens": 1_000_000.0}
"""Metrics with an overage price → the number of units that the price is for."""
MONEY: Final = 1_000.0

USAGE: Final = tuple(f"projected_{metric}" for metric in METRICS)
USAGE_INVARIANT: Final = (
    "uncertainty_conversations",
    "uncertainty_ai_tokens",
    "trend_conversations",
    "trend_ai_tokens",
    "week_trend_conversations",
    "peak_day_share_conversations",
    "peak_day_share_ai_tokens",
    "weekend_share_conversations",
    "weekend_share_ai_tokens",
    "active_days_share",
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
"""Features that do not change when usage is multiplied: rhythm, trend, plans, templates, integrations, plan held."""
ATTRIBUTED: Final = ("projected_bill", "overage_cost", "overrun")
"""Features to which the shares of derived step columns are attributed."""
FEATURE_NAMES: Final = (*USAGE, *USAGE_INVARIANT, *ATTRIBUTED)

USAGE_MONOTONE: Final = {
    **{f"fill_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"relief_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"strain_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"excess_{metric}": f"projected_{metric}" for metric in METRICS},
    "short_of": "overrun",
    "bill_ratio": "projected_bill",
    "bill_saved": "overage_cost",
}
"""Step columns that never fall when usage rises → the feature to which their share is attributed."""
STEP_DIFFERENCES: Final = {"price_gap": "monthly_price", "missing_gap": "missing_integrations"}
"""Step columns that are differences of a plan feature → that feature; usage does not change them."""

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

TEMPLATE_INTERACTIONS: Final = (
    *(f"{template}_likes_{family}" for template in TEMPLATE_KINDS for family in TEMPLATE_KINDS),
    *(f"{template}_likes_{end}" for template in TEMPLATE_KINDS for end in ("higher_tiers", "middle_tiers")),
)
"""Linear columns template × family and template × tier: which plans the organisations of a template prefer."""

TREND_INTERACTIONS: Final = ("growth_likes_higher_tiers", "growth_likes_middle_tiers")
"""Linear columns weekly trend of conversations × tier."""

HELD: Final = tuple(metric for metric in METRICS if metric not in SOLD)
"""Metrics whose limit cannot be exceeded at a price."""
STRAIN_INTERACTIONS: Final = tuple(f"{template}_needs_{metric}" for template in TEMPLATE_KINDS for metric in HELD)
"""Linear columns template × strain: how much a nearly reached limit matters to a template's organisations."""

LINEAR_NAMES: Final = (
    *USAGE_INVARIANT,
    *TEMPLATE_INTERACTIONS,
    *TREND_INTERACTIONS,
    *USAGE_MONOTONE,
    *STRAIN_INTERACTIONS,
)
TREE_NAMES: Final = (*USAGE_INVARIANT, *STEP_DIFFERENCES, *USAGE_MONOTONE, "is_step")


def design_matrix(
    features: Floats, group_sizes: Integers, *, price_range: tuple[float, float] = (-np.inf, np.inf)
) -> DesignMatrix:
    """Build the design matrix from `features` (r, len(FEATURE_NAMES)), sorted by decision.

    `price_range` is the range of `monthly_price` in the training data. A price outside of it counts as the nearest end
    in the columns of the plans, and does not affect how the prices of the other plans compare. Bills use real prices.
    """
    by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
    steady = np.round(features[:, len(USAGE) : len(USAGE) + len(USAGE_INVARIANT)], DECIMALS)
    prices = np.round(np.clip(by_name["monthly_price"], *price_range), DECIMALS)
    cheapest = np.repeat(np.minimum.reduceat(prices, segment_starts(group_sizes)), group_sizes)
    steady[:, USAGE_INVARIANT.index("monthly_price")] = prices
    steady[:, USAGE_INVARIANT.index("price_over_cheapest")] = np.round(prices - cheapest, DECIMALS)
    tier_steps, lower, upper = _tier_steps(by_name, group_sizes)
    usage_monotone = _usage_monotone(by_name, lower, upper)
    gaps = np.stack([by_name[name][upper] - by_name[name][lower] for name in STEP_DIFFERENCES.values()], axis=1)
    rows, steps = len(features), len(lower)
    trees = np.zeros((rows + steps, len(TREE_NAMES)))
    width = len(USAGE_INVARIANT)
    trees[:rows, :width] = steady
    trees[rows:, :width] = steady[upper]
    trees[rows:, width:-1] = np.hstack([np.round(gaps, DECIMALS), usage_monotone])
    trees[rows:, -1] = 1.0
    accumulated = tier_steps.accumulated(usage_monotone)
    strains = accumulated[:, [list(USAGE_MONOTONE).index(f"strain_{metric}") for metric in HELD]]
    template = _templates(by_name)
    needs = (template[:, :, None] * strains[:, None, :]).reshape(rows, len(STRAIN_INTERACTIONS))
    return DesignMatrix(np.hstack([steady, _template_interactions(by_name), accumulated, needs]), trees, tier_steps)


def _templates(by_name: dict[str, Floats]) -> Floats:
    """The share of each template kind among the installed templates, (rows, len(TEMPLATE_KINDS))."""
    named = np.stack([by_name[f"{kind}_share"] for kind in NAMED_KINDS], axis=1)
    none = (by_name["templates_installed"] == 0).astype(np.float64)
    other = np.round(1.0 - none - named.sum(axis=1), DECIMALS)
    return np.column_stack([none, named, other])


def _template_interactions(by_name: dict[str, Floats]) -> Floats:
    """The columns `TEMPLATE_INTERACTIONS` and `TREND_INTERACTIONS`, (rows, columns)."""
    template, family = _templates(by_name), by_name["family_kind"][:, None] == np.arange(len(TEMPLATE_KINDS))
    height = by_name["tier_share"]
    heights = np.stack([height, 4.0 * height * (1.0 - height)], axis=1)
    of_family, of_tier = (template[:, :, None] * there[:, None, :] for there in (family, heights))
    tables = [table.reshape(len(height), math.prod(table.shape[1:])) for table in (of_family, of_tier)]
    return np.hstack([*tables, np.round(by_name["week_trend_conversations"], DECIMALS)[:, None] * heights])


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
    """(steps, len(RISING)), see there; usage is the same in every row of a decision."""
    fills, reliefs, strains, excesses = [], [], [], []
    short = np.zeros(len(lower))
    bill_lower, bill_upper = (MONEY * np.expm1(by_name["monthly_price"][rows]) for rows in (lower, upper))
    for metric in METRICS:
        used = np.rint(np.expm1(by_name[f"projected_{metric}"][lower]))
        small = np.rint(np.expm1(by_name[f"limit_{metric}"][lower]))
        large = np.maximum(small, np.rint(np.expm1(by_name[f"limit_{metric}"][upper])))
        fill, fill_upper = (np.log((used + 0.5) / (limit + 0.5)) for limit in (small, large))
        fills.append(np.clip(fill, -FULLEST, FULLEST))
        strains.append(np.logaddexp(0.0, STEEPNESS * fill) - np.logaddexp(0.0, STEEPNESS * fill_upper))
        reliefs.append(np.maximum(fill, 0.0) - np.maximum(fill_upper, 0.0))
        excesses.append(np.log1p(np.maximum(used / (small + 0.5) - 1, 0) - np.maximum(used / (large + 0.5) - 1, 0)))
        short += used > small
        if metric in SOLD:
            price = np.maximum(by_name[f"overage_price_{metric}"], 0.0)
            dear, cheap = (MONEY * np.expm1(price[rows]) / SOLD[metric] for rows in (lower, upper))
            bill_lower += np.maximum(used - small, 0.0) * dear
            bill_upper += np.maximum(used - large, 0.0) * np.minimum(cheap, dear)
    ratio = np.log1p(bill_lower / MONEY) - np.log1p(bill_upper / MONEY)
    saved = np.log1p(np.maximum(bill_lower - bill_upper, 0.0) / MONEY)
    columns = [*fills, *reliefs, *strains, *excesses, short, np.minimum(ratio, 0.0), saved]
    return np.round(np.stack(columns, axis=1), DECIMALS)


def shares_by_feature(linear: Floats, trees: Floats) -> Floats:
    """Attribute the shares of design-matrix columns to features, (r, len(FEATURE_NAMES)).

    `linear` (r, len(LINEAR_NAMES)) and `trees` (r, len(TREE_NAMES) + 1), whose last column is the trees' base value. It
    and `is_step` are attributed to the tier.
    """
    shares = np.zeros((len(linear), len(FEATURE_NAMES)))
    for columns, places in ((linear, _PLACES_OF_LINEAR), (trees, _PLACES_OF_TREES)):
        for column, place in enumerate(places):
            shares[:, place] += columns[:, column]
    return shares


_ATTRIBUTED_TO: Final = (
    USAGE_MONOTONE
    | STEP_DIFFERENCES
    | {name: f"projected_{name.rpartition('_')[2]}" for name in STRAIN_INTERACTIONS}
    | {name: "tier" if name.endswith("_tiers") else "template_fit" for name in TEMPLATE_INTERACTIONS}
    | dict.fromkeys(TREND_INTERACTIONS, "week_trend_conversations")
    | {"is_step": "tier", "rest": "tier"}
)
_PLACES_OF_LINEAR, _PLACES_OF_TREES = (
    np.array([FEATURE_NAMES.index(_ATTRIBUTED_TO.get(name, name)) for name in names])
    for names in (LINEAR_NAMES, (*TREE_NAMES, "rest"))
)
