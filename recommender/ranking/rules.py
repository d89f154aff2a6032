"""The rules: a ranker without training that answers on any catalogue, whenever the model may not or cannot.

1. Family: the one meant for the installed templates, then the one already held, then the one that lacks the fewest
   connected integrations, then catalogue order. Usage plays no part in it.
2. Plans that do: they hold what is stored now (documents, assistants, seats), hold with a margin of a tenth what is
   not sold beyond its limit, and lack neither an integration nor a template that the family offers. If none does: the
   highest tier.
3. Tier: of those plans the one with the lowest projected bill, overage included; of equal bills the higher tier. Where
   the family is no chain (`chains.py`) or its limits say nothing: the lowest that holds all projected usage.
4. The plan held now needs no margin: while it does and no higher tier is cheaper, the answer is "stay". A lower tier is
   suggested only if half of its allowances would do, two weeks were seen and every level is known.
5. Limits that say nothing (none of the family's plans limits anything we measure) tell no plans apart: then the lowest
   tier that costs something comes first, since a free plan would win every time without any evidence for it.

More usage never leads to a lower tier: it can only take lower tiers from 2 and 4, and on a chain the cheapest bill
among what is left moves up.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.derived import UNLIMITED
from recommender.ranking.ranker import FloatArray, IntArray

MARGIN: Final = 0.1
"""Usage may grow by this share before the plan is too small."""
AMPLE: Final = 0.5
"""Share of an allowance that must stay free for a step down."""
EVIDENCE_DAYS: Final = 14.0
"""Days of usage before a step down is suggested."""

_ALLOWANCES: Final = ("headroom_conversations", "headroom_ai_tokens")
_STOCKS: Final = ("headroom_documents", "headroom_assistants", "headroom_seats")
_LIMITS: Final = ("limit_conversations", "limit_ai_tokens", "limit_documents", "limit_assistants", "limit_seats")
_UNKNOWN: Final = ("usage_unknown", "documents_unknown", "assistants_unknown", "seats_unknown")
_PRICES_BEYOND: Final = ("overage_price_conversations", "overage_price_ai_tokens")
_OTHERS: Final = (
    "template_fit",
    "template_share",
    "missing_integrations",
    "same_family_as_current",
    "is_current_plan",
    "family",
    "tier",
    "monthly_price",
    "projected_bill",
    "on_chain",
    "days_observed",
)
_EQUAL_BILLS: Final = 1e-9
"""Difference of log money below which bills are the same: far below a cent, far above rounding."""


class RuleRanker:
    """Ranks by the rules above; utilities are small sums, so their differences can be read."""

    name = "rules"
    version = "2"
    feature_names = (*_ALLOWANCES, *_STOCKS, *_LIMITS, *_UNKNOWN, *_PRICES_BEYOND, *_OTHERS)

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """One finite utility per row: what speaks for the family, less the distance from the tier that fits.

        4 for a family that suits an installed template and up to 2 for the share it suits, 2 for the family held now,
        −0.4 per integration that the whole family lacks (at most four count). Off the fitting tier the loss is
        2x / (1 + x) for x tiers above it, and as if half a tier more below it, where the plan is too small.
        """
        rows = _Rows(dict(zip(self.feature_names, features.T, strict=True)), group_sizes)
        lacking = rows.in_family(np.minimum, rows["missing_integrations"])
        fit = rows.in_family(np.maximum, rows["template_fit"])
        of_family = (
            4.0 * fit
            + 2.0 * rows.in_family(np.maximum, rows["template_share"])
            + 2.0 * rows["same_family_as_current"]
            - 0.4 * np.minimum(lacking, 4.0)
        )
        covering = (rows["missing_integrations"] == lacking) & (rows["template_fit"] == fit)
        best = _best_of_family(rows, covering=covering)
        distance = rows["tier"] - rows.in_family(np.maximum, np.where(best, rows["tier"], -np.inf))
        steps = np.where(distance == 0, 0.25, np.where(distance > 0, distance, 0.5 - distance))
        extra = np.minimum(rows["missing_integrations"] - lacking, 4.0)
        return np.where(best, of_family, of_family - 2.0 * steps / (1.0 + steps) - 0.1 * extra)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Feature columns by name, and which rows share a decision and a family."""

    columns: dict[str, FloatArray]
    group_sizes: IntArray

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def least(self, names: tuple[str, ...]) -> FloatArray:
        """The smallest of several columns in each row."""
        return np.asarray(np.min([self.columns[name] for name in names], axis=0))

    def in_family(self, extreme: np.ufunc, values: FloatArray) -> FloatArray:
        """The extreme over all rows of the same decision and family, at each of them."""
        family = self.columns["family"].astype(np.int64)
        decision = np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)
        families = int(family.max(initial=0)) + 1
        group = decision * families + family
        found = np.full(len(self.group_sizes) * families, -np.inf if extreme is np.maximum else np.inf)
        extreme.at(found, group, values)
        return np.asarray(found[group])


def _best_of_family(rows: _Rows, *, covering: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Exactly one row per decision and family: the plan held if its tier is the fitting one, else the first of it."""
    tier, held = rows["tier"], rows["is_current_plan"] == 1
    silent = rows.in_family(np.minimum, rows.least(_LIMITS)) > np.log1p(UNLIMITED / 2)
    by_bill = (rows["on_chain"] == 1) & ~silent
    does = _does(rows, by_bill=by_bill, silent=silent) & covering
    lowest = rows.in_family(np.minimum, np.where(does, tier, np.inf))
    least = rows.in_family(np.minimum, np.where(does, rows["projected_bill"], np.inf))
    cheapest = does & (rows["projected_bill"] <= least + _EQUAL_BILLS)
    wanted = np.where(by_bill, rows.in_family(np.maximum, np.where(cheapest, tier, -np.inf)), lowest)
    highest = rows.in_family(np.maximum, tier)
    eligible = np.where(np.isinf(lowest), tier == highest, does & (tier == wanted))
    order = np.arange(len(tier)) - np.where(held, float(len(tier)), 0.0)
    return np.asarray(eligible & (order == rows.in_family(np.minimum, np.where(eligible, order, np.inf))))


def _does(rows: _Rows, *, by_bill: NDArray[np.bool_], silent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a plan holds the usage, by the measure that its tier asks for beside the plan held now."""
    tier, held = rows["tier"], rows["is_current_plan"] == 1
    allowances = rows.least(_ALLOWANCES)
    unsold = [
        np.where(rows[price] < 0, rows[room], 1.0) for price, room in zip(_PRICES_BEYOND, _ALLOWANCES, strict=True)
    ]
    needed = np.where(by_bill, np.min(unsold, axis=0), allowances)
    known = np.max([rows[name] for name in _UNKNOWN], axis=0) == 0
    proven = known & (rows["days_observed"] >= EVIDENCE_DAYS)

    stays = held & (needed >= 0)
    roomy = (needed >= 1 - 1 / (1 + MARGIN)) & (~silent | (rows["monthly_price"] > 0))
    down = (allowances >= AMPLE) & proven & ~silent
    current_tier = rows.in_family(np.maximum, np.where(held, tier, -np.inf))
    enough = np.where(tier < current_tier, down, stays | roomy)
    return np.asarray(enough & (rows.least(_STOCKS) >= 0))
