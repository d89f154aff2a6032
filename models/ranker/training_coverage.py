"""What a ranker has seen enough of to speak: kinds of organisations, and ranges of what usage does not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from models.choice.group_softmax import Floats, Integers, segment_starts
from recommender.ranking.abstention import Abstention

KINDS: Final = ("template_kind", "country_group", "has_current_plan")
"""Features of the organisation that are categories."""
HISTORY: Final = "days_observed"
QUANTITIES: Final = ("templates_installed", "integrations_connected", HISTORY, "monthly_price")
"""Features of the organisation or its candidates that are quantities, none of them usage."""
FEWEST_DECISIONS: Final = 5
"""A kind seen less often is one learned too little of. So few are enough because kinds share almost all of the model:
with a hundred decisions in all it already ranks better than the rules."""
BEYOND: Final = 0.25
"""How far outside what was seen is still near enough, as a share of the range seen. A history shorter than that says
too little of the organisation; a longer one says more."""


@dataclass(frozen=True, slots=True)
class Familiar:
    """What was seen in training."""

    decisions: Mapping[str, Mapping[int, int]]
    """By kind's feature and its value: in how many decisions."""
    ranges: Mapping[str, tuple[float, float]]
    """By quantity: the least and the most seen."""

    @classmethod
    def with_all_of(cls, by_name: Mapping[str, Floats], group_sizes: Integers) -> Self:
        """From the columns (rows,) of a training set."""
        first = segment_starts(group_sizes)
        decisions = {}
        for name in KINDS:
            values, counts = np.unique(by_name[name][first].astype(np.int64), return_counts=True)
            decisions[name] = dict(zip(values.tolist(), counts.tolist(), strict=True))
        ranges = {name: (float(by_name[name].min()), float(by_name[name].max())) for name in QUANTITIES}
        return cls(decisions, ranges)

    def doubts(self, by_name: Mapping[str, Floats], group_sizes: Integers) -> list[Abstention | None]:
        """Per decision what speaks against answering it, from columns (rows,)."""
        first = segment_starts(group_sizes)
        unlike = np.zeros(len(group_sizes), dtype=np.bool_)
        little = np.zeros(len(group_sizes), dtype=np.bool_)
        for name, seen in self.decisions.items():
            times = np.array([seen.get(int(value), 0) for value in by_name[name][first]])
            unlike |= times == 0
            little |= times < FEWEST_DECISIONS
        for name, (least, most) in self.ranges.items():
            slack = BEYOND * (most - least)
            below, above = by_name[name] < least - slack, by_name[name] > most + slack
            if name == HISTORY:
                little |= below[first]
            else:
                unlike |= np.logical_or.reduceat(below | above, first)
        doubts: list[Abstention | None] = []
        for strange, rare in zip(unlike.tolist(), little.tolist(), strict=True):
            doubts.append("unlike_training" if strange else "little_data" if rare else None)
        return doubts

    def record(self) -> dict[str, Any]:
        """As plain values for a manifest."""
        decisions = {
            name: {str(value): times for value, times in seen.items()} for name, seen in self.decisions.items()
        }
        return {"decisions": decisions, "ranges": {name: list(ends) for name, ends in self.ranges.items()}}

    @classmethod
    def from_record(cls, said: Mapping[str, Any]) -> Self:
        """Back from plain values; KeyError, TypeError or ValueError where they are none of it."""
        decisions = {name: {int(v): int(n) for v, n in said["decisions"][name].items()} for name in KINDS}
        ranges = {}
        for name in QUANTITIES:
            least, most = map(float, said["ranges"][name])
            if not (np.isfinite([least, most]).all() and least <= most):
                raise ValueError(f"the range of {name} is none")
            ranges[name] = (least, most)
        return cls(decisions, ranges)
