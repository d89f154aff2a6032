"""A decision's plans as a ladder of tiers: what usage says, it says about the steps between tiers, and upwards only.

A plan's own columns know nothing of how much is used. How much is used enters through the steps from one tier to the
next, in columns that can only rise with usage, for any two plans: how full the lower plan is, what the higher one
relieves, how the bills compare. Where the higher plan is not simply more (`recommender.ranking.chains`), the columns
speak of the comparable part: as if it held no less and asked no more for use beyond.

All families of a decision climb one ladder. Its rungs are the tiers on offer, each described by the plan that suits the
organisation best (template, family held now, integrations, catalogue order), which usage does not change either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.choice.group_softmax import Floats, Integers, segment_starts
from models.choice.tier_steps import Ladder
from recommender.ranking.fit_features import FIT_FEATURES, TEMPLATE_KINDS

METRICS: Final = ("conversations", "ai_tokens", "documents", "assistants", "seats")
SOLD: Final = {"conversations": 1_000.0, "ai_tokens": 1_000_000.0}
"""What is sold beyond its limit, and how many units the price is for."""
MONEY: Final = 1_000.0

USAGE: Final = tuple(f"projected_{metric}" for metric in METRICS)
STEADY: Final = (
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
"""What does not change when usage is multiplied: rhythm and trend, plans, templates, integrations, the plan held."""
SPOKEN_OF: Final = ("projected_bill", "overage_cost", "overrun")
"""Features that carry the shares of what the steps work out from usage and plans."""
FEATURE_NAMES: Final = (*USAGE, *STEADY, *SPOKEN_OF)

RISING: Final = {
    **{f"fill_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"relief_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"strain_{metric}": f"projected_{metric}" for metric in METRICS},
    **{f"excess_{metric}": f"projected_{metric}" for metric in METRICS},
    "short_of": "overrun",
    "bill_ratio": "projected_bill",
    "bill_saved": "overage_cost",
}
"""Columns of a step that can only rise with usage → the feature that carries their share."""
GAPS: Final = {"price_gap": "monthly_price", "missing_gap": "missing_integrations"}
"""Columns of a step that usage does not change."""

POSITION_FEATURES: Final = ("shown_first", "shown_second", "shown_third")
"""Where the plan stood when it was chosen; `models.ranker.position_bias` says what that is worth by itself."""

DECIMALS: Final = 6
"""Columns are rounded, so that what is equal but for rounding stays on one side of every split."""
FULLEST: Final = 3.0
STEEPNESS: Final = 4.0
"""How fast a limit begins to be felt: little at half of it, much at a half more."""


@dataclass(frozen=True, slots=True)
class PlanColumns:
    """What the parts of the model see of r candidate rows and s steps."""

    linear: Floats
    """(r, len(LINEAR_NAMES)): steady columns, tastes, then what the rising ones add up to below the plan."""
    trees: Floats
    """(r + s, len(TREE_NAMES)): rows of candidates, then rows of steps."""
    ladder: Ladder


NAMED_KINDS: Final = tuple(kind for kind in TEMPLATE_KINDS if kind not in ("none", "other"))

TASTES: Final = (
    *(f"{template}_likes_{family}" for template in TEMPLATE_KINDS for family in TEMPLATE_KINDS),
    *(f"{template}_likes_{end}" for template in TEMPLATE_KINDS for end in ("higher_tiers", "middle_tiers")),
)
"""Columns of the line: which families and tiers the organisations of a template take to, whatever is meant for them."""

GROWTH: Final = ("growth_likes_higher_tiers", "growth_likes_middle_tiers")
"""Columns of the line: which tiers those take to whose conversations rise from week to week."""

HELD: Final = tuple(metric for metric in METRICS if metric not in SOLD)
"""What a plan holds so much of and no more."""
NEEDS: Final = tuple(f"{template}_needs_{metric}" for template in TEMPLATE_KINDS for metric in HELD)
"""Columns of the line: what it takes an organisation of a template to come near a limit."""

LINEAR_NAMES: Final = (*STEADY, *TASTES, *GROWTH, *RISING, *NEEDS)
TREE_NAMES: Final = (*STEADY, *GAPS, *RISING, "is_step")


def plan_columns(features: Floats, group_sizes: Integers) -> PlanColumns:
    """From feature rows in the order of `FEATURE_NAMES`, by decision, to the columns of both parts."""
    by_name = dict(zip(FEATURE_NAMES, features.T, strict=True))
    steady = np.round(features[:, len(USAGE) : len(USAGE) + len(STEADY)], DECIMALS)
    ladder, lower, upper = _ladder(by_name, group_sizes)
    rising = _rising(by_name, lower, upper)
    gaps = np.stack([by_name[name][upper] - by_name[name][lower] for name in GAPS.values()], axis=1)
    rows, steps = len(features), len(lower)
    trees = np.zeros((rows + steps, len(TREE_NAMES)))
    width = len(STEADY)
    trees[:rows, :width] = steady
    trees[rows:, :width] = steady[upper]
    trees[rows:, width:-1] = np.hstack([np.round(gaps, DECIMALS), rising])
    trees[rows:, -1] = 1.0
    climbed = ladder.climbed(rising)
    strains = climbed[:, [list(RISING).index(f"strain_{metric}") for metric in HELD]]
    template = _templates(by_name)
    needs = (template[:, :, None] * strains[:, None, :]).reshape(rows, len(NEEDS))
    return PlanColumns(np.hstack([steady, _tastes(by_name), climbed, needs]), trees, ladder)


def _templates(by_name: dict[str, Floats]) -> Floats:
    """(rows, kinds in the order of `TEMPLATE_KINDS`): each one's share of the installed templates."""
    named = np.stack([by_name[f"{kind}_share"] for kind in NAMED_KINDS], axis=1)
    none = (by_name["templates_installed"] == 0).astype(np.float64)
    other = np.round(1.0 - none - named.sum(axis=1), DECIMALS)
    return np.column_stack([none, named, other])


def _tastes(by_name: dict[str, Floats]) -> Floats:
    """(rows, len(TASTES) + len(GROWTH)), see there."""
    template, family = _templates(by_name), by_name["family_kind"][:, None] == np.arange(len(TEMPLATE_KINDS))
    height = by_name["tier_share"]
    heights = np.stack([height, 4.0 * height * (1.0 - height)], axis=1)
    of_family, of_tier = (template[:, :, None] * there[:, None, :] for there in (family, heights))
    tables = [table.reshape(len(height), math.prod(table.shape[1:])) for table in (of_family, of_tier)]
    return np.hstack([*tables, np.round(by_name["week_trend_conversations"], DECIMALS)[:, None] * heights])


def _ladder(by_name: dict[str, Floats], group_sizes: Integers) -> tuple[Ladder, Integers, Integers]:
    """The ladder, and for each step the rows of the lower and the upper plan that describe it."""
    decision = np.repeat(np.arange(len(group_sizes)), group_sizes)
    tier = by_name["tier"]
    preferred = ("missing_integrations", "same_family_as_current", "template_share", "template_fit")
    keys: Sequence[Floats] = [by_name[n] if n == "missing_integrations" else -by_name[n] for n in preferred]
    order = np.lexsort((*keys, tier, decision))
    new_tier = np.ones(len(order), dtype=bool)
    new_tier[1:] = (tier[order][1:] != tier[order][:-1]) | (decision[order][1:] != decision[order][:-1])
    rung_of_sorted = np.cumsum(new_tier) - 1
    rungs = order[new_tier]
    per_decision = np.bincount(decision[rungs], minlength=len(group_sizes))
    level = np.empty(len(order), dtype=np.int64)
    level[order] = rung_of_sorted - segment_starts(per_decision)[decision[order]]
    upper = level[rungs] > 0
    ladder = Ladder(group_sizes, level, per_decision - 1)
    return ladder, rungs[np.flatnonzero(upper) - 1], rungs[upper]


def _rising(by_name: dict[str, Floats], lower: Integers, upper: Integers) -> Floats:
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
    """From shares of `LINEAR_NAMES` (r, …) and of `TREE_NAMES` and the rest (r, … + 1) to (r, len(FEATURE_NAMES)).

    The rest, and what being a step at all is worth, is the tier's.
    """
    shares = np.zeros((len(linear), len(FEATURE_NAMES)))
    for columns, places in ((linear, _PLACES_OF_LINEAR), (trees, _PLACES_OF_TREES)):
        for column, place in enumerate(places):
            shares[:, place] += columns[:, column]
    return shares


_SPEAKS_OF: Final = (
    RISING
    | GAPS
    | {name: f"projected_{name.rpartition('_')[2]}" for name in NEEDS}
    | {name: "tier" if name.endswith("_tiers") else "template_fit" for name in TASTES}
    | dict.fromkeys(GROWTH, "week_trend_conversations")
    | {"is_step": "tier", "rest": "tier"}
)
_PLACES_OF_LINEAR, _PLACES_OF_TREES = (
    np.array([FEATURE_NAMES.index(_SPEAKS_OF.get(name, name)) for name in names])
    for names in (LINEAR_NAMES, (*TREE_NAMES, "rest"))
)
