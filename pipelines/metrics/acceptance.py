"""Whether the recommended plan is taken, how much better that is than the rules, and what the first place is worth.

A plan that is popular is "accepted" anyway: only the difference to what the rules achieve on organisations like these
says what the ranker adds. So a small share of organisations, drawn by hash, always gets the rules. It is drawn among
those in no experiment (in one the arm says who answers), so only these are compared.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics import intervals
from pipelines.metrics.conversion import ended, over
from pipelines.metrics.facts import Facts
from pipelines.metrics.filters import RULES_SHARE, values_of
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.templates import NONE


def taken_share(facts: Facts, *, direction: str, comparisons: int = 1) -> Estimate:
    """Of the journeys that took a plan, those that took it in this direction from the recommended one."""
    taken = ended(facts) & (facts.journeys["direction"] != "").to_numpy(dtype=np.bool_)
    here = taken & (facts.journeys["direction"] == direction).to_numpy(dtype=np.bool_)
    return intervals.share(int(here.sum()), int(taken.sum()), comparisons=comparisons)


def accepted(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Journeys that took the recommended plan, or looked and kept it, of all that were served."""
    return intervals.share(*_accepted(facts, ended(facts)), comparisons=comparisons)


def accepted_beside_rules(facts: Facts, *, by: str, comparisons: int = 1) -> Estimate:
    """`accepted` of the journeys of one strategy (`model`, or `rules_share`) in no experiment, in weeks of both."""
    return intervals.share(*_accepted(facts, _side_by_side(facts)[by]), comparisons=comparisons)


def lift_over_rules(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - one comparison
    """How much larger the model's accepted share is than that of the rules' own share, in the weeks of both."""
    sides = _side_by_side(facts)
    return intervals.difference(*_accepted(facts, sides["model"]), *_accepted(facts, sides[RULES_SHARE]))


def position_effect(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """How much more often a plan is taken because it stands first.

    Σ (z − p) y / Σ p (1 − p): only what was left to chance counts, each plan by how much it was (overlap weights), so
    the figure is unbiased whatever the ranker believed. Interval: normal, journeys being independent.
    """
    journeys = over(facts, "pull", "pull_weight")
    chance = journeys[(journeys["pull_weight"] > 0).to_numpy()]
    weight = float(chance["pull_weight"].sum())
    if not weight:
        return intervals.NOTHING
    effect = float(chance["pull"].sum()) / weight
    residual = chance["pull"].to_numpy() - effect * chance["pull_weight"].to_numpy()
    spread = intervals.z_value(comparisons=comparisons) * sqrt(float(np.square(residual).sum())) / weight
    return Estimate(effect, effect - spread, effect + spread, len(chance))


def _accepted(facts: Facts, mask: NDArray[np.bool_]) -> tuple[int, int]:
    """How many of these journeys accepted, and how many they are."""
    return int((facts.journeys["accepted"].to_numpy(dtype=np.bool_) & mask).sum()), int(mask.sum())


def _side_by_side(facts: Facts) -> dict[str, NDArray[np.bool_]]:
    """Which journeys are the model's and which the rules' own share, in no experiment, in the weeks of both."""
    journeys = facts.journeys
    alone = ended(facts) & (journeys["experiment"] == NONE).to_numpy(dtype=np.bool_)
    share = (journeys["fallback"] == RULES_SHARE).to_numpy(dtype=np.bool_)
    model = (journeys["strategy"] == "model").to_numpy(dtype=np.bool_)
    served = {"model": alone & model & ~share, RULES_SHARE: alone & share}
    weeks, week = values_of(journeys, "week")
    ran = [np.bincount(week[mask], minlength=len(weeks)) > 0 for mask in served.values()]
    both = np.logical_and(*ran)[week]
    return {name: mask & both for name, mask in served.items()}
