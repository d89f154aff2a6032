"""For how many months of the reward's horizon a plan is kept: a constant hazard of leaving or changing back.

One hazard for each family and tier, shrunk towards that of all plans (gamma prior, Gelman et al. 2013, section 2.6):
few plans see enough departures for one of their own. Usage plays no part, so an order by what a plan brings in never
leads to a smaller plan as usage rises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from models.choice.group_softmax import Floats
from recommender.ranking.reward import HORIZON_MONTHS


@dataclass(frozen=True, slots=True)
class Retention:
    """Expected months within the horizon; without data a plan is kept throughout.

    >>> plans = np.array([0.0]), np.array([2.0])
    >>> float(Retention({(0, 2): 0.1}, otherwise=0.0).months(*plans).round(2)[0])
    6.99
    """

    hazards: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """(family, tier) → the chance of giving the plan up in a month."""
    otherwise: float = 0.0
    """The same of plans of which nothing is known."""

    def months(self, family: Floats, tier: Floats) -> Floats:
        """The expected months of plans of these families and tiers, (rows,)."""
        keys = zip(family.astype(int).tolist(), tier.astype(int).tolist(), strict=True)
        hazard = np.array([self.hazards.get(key, self.otherwise) for key in keys], dtype=np.float64)
        safe = np.maximum(hazard, 1e-12)
        return np.asarray(np.where(hazard > 1e-9, -np.expm1(-HORIZON_MONTHS * safe) / safe, HORIZON_MONTHS))

    def to_json(self) -> dict[str, Any]:
        """Plain values for the bundle's manifest."""
        return {
            "hazards": [[family, tier, hazard] for (family, tier), hazard in self.hazards.items()],
            "otherwise": self.otherwise,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """From the values of a manifest; KeyError, TypeError or ValueError where they do not fit."""
        hazards = {(int(family), int(tier)): float(hazard) for family, tier, hazard in content["hazards"]}
        found = cls(hazards, float(content["otherwise"]))
        if not all(np.isfinite(each) and each >= 0 for each in (*hazards.values(), found.otherwise)):
            raise ValueError("a hazard is no rate")
        return found
