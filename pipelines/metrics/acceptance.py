"""How often the recommended plan is taken, how much more often than with the rules, and what the first place is worth.

A plan that is popular is "accepted" anyway: only the difference to what the rules achieve on organisations like these
says what the ranker adds. So a small share of organisations, drawn by hash, always gets the rules. It is drawn among
those in no experiment (in one the arm says who answers), so only these are compared.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from pipelines.metrics.conversion import ended, over
from pipelines.metrics.filters import RULES_SHARE, values_of
from pipelines.metrics.intervals import NOTHING, Estimate, Share, difference, z_value
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.templates import NONE
from recommender.ranking.ranker import FloatArray, Mask


def taken_share(tables: MetricTables, *, direction: str) -> Share:
    """Journeys that took a plan in this direction from the recommended one, of the journeys that took any plan."""
    taken = ended(tables) & (tables.journeys["direction"] != "").to_numpy(dtype=np.bool_)
    here = taken & (tables.journeys["direction"] == direction).to_numpy(dtype=np.bool_)
    return Share(int(here.sum()), int(taken.sum()))


def accepted(tables: MetricTables) -> Share:
    """Journeys that took the recommended plan, or looked and kept it, of all that were served."""
    return _accepted(tables, ended(tables))


def accepted_beside_rules(tables: MetricTables, *, by: str) -> Share:
    """`accepted` of the journeys of one strategy (`model`, or `rules_share`) in no experiment, in weeks of both."""
    return _accepted(tables, _side_by_side(tables)[by])


def lift_over_rules(tables: MetricTables) -> Estimate:
    """How much larger the model's accepted share is than that of the rules' own share, in the weeks of both."""
    sides = _side_by_side(tables)
    return difference(_accepted(tables, sides["model"]), _accepted(tables, sides[RULES_SHARE]))


@dataclass(frozen=True, slots=True)
class PositionEffect:
    """How much more often a plan is taken because it stands first.

    Σ (z − p) y / Σ p (1 − p): only what was left to chance counts, each plan by how much it was (overlap weights), so
    the figure is unbiased whatever the ranker believed. Both arrays (j,), of journeys with a weight above 0.
    """

    gain: FloatArray
    weight: FloatArray

    def estimate(self, *, comparisons: int = 1) -> Estimate:
        """The effect with its normal interval, journeys being independent; nothing without any weight."""
        weight = float(self.weight.sum())
        if not weight:
            return NOTHING
        effect = float(self.gain.sum()) / weight
        residual = self.gain - effect * self.weight
        spread = z_value(comparisons=comparisons) * sqrt(float(np.square(residual).sum())) / weight
        return Estimate(effect, effect - spread, effect + spread, len(self.gain))


def position_effect(tables: MetricTables) -> PositionEffect:
    """The `PositionEffect` of the journeys whose first place was left to chance."""
    journeys = over(tables, "first_place_gain", "first_place_weight")
    chance = journeys[(journeys["first_place_weight"] > 0).to_numpy()]
    return PositionEffect(chance["first_place_gain"].to_numpy(), chance["first_place_weight"].to_numpy())


def _accepted(tables: MetricTables, mask: Mask) -> Share:
    """The journeys of the mask that accepted, of all of the mask."""
    return Share(int((tables.journeys["accepted"].to_numpy(dtype=np.bool_) & mask).sum()), int(mask.sum()))


def _side_by_side(tables: MetricTables) -> dict[str, Mask]:
    """Which journeys are the model's and which the rules' own share, in no experiment, in the weeks of both."""
    journeys = tables.journeys
    alone = ended(tables) & (journeys["experiment"] == NONE).to_numpy(dtype=np.bool_)
    share = (journeys["fallback"] == RULES_SHARE).to_numpy(dtype=np.bool_)
    model = (journeys["strategy"] == "model").to_numpy(dtype=np.bool_)
    served = {"model": alone & model & ~share, RULES_SHARE: alone & share}
    weeks, week = values_of(journeys, "week")
    ran = [np.bincount(week[mask], minlength=len(weeks)) > 0 for mask in served.values()]
    both = np.logical_and(*ran)[week]
    return {name: mask & both for name, mask in served.items()}
