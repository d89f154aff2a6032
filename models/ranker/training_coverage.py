"""The inputs that the training data of a ranker cover; outside of them the ranker abstains.

Coverage looks only at features that more usage does not change (see `recommender.ranking.abstention`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from models.choice.group_softmax import Floats, Integers, segment_starts
from recommender.ranking.abstention import Abstention

KINDS: Final = ("template_kind", "country_group", "has_current_plan", "usage_unknown")
"""Categorical features of the organisation."""
HISTORY: Final = "days_observed"
PRICE: Final = "monthly_price"
QUANTITIES: Final = ("templates_installed", "integrations_connected", HISTORY, PRICE)
"""Numeric features of the organisation or of its candidates, none of which depends on usage."""
FEWEST_DECISIONS: Final = 5
"""The least number of training decisions of a category or plan. Few are enough because most coefficients are shared:
trained on a hundred decisions the ranker is already better than the rules."""
BEYOND: Final = 0.25
"""How far outside the range of the training data a value may be, as a share of that range. Only a history that is too
short counts as uncovered, not one that is too long."""


OTHER_PRICE: Final = 0.15
"""How far outside the prices at which a plan was seen its price is another one, in log money: about 15 %."""


@dataclass(frozen=True, slots=True)
class TrainingCoverage:
    """How often each category occurs in the training data, and the range of each quantity."""

    decisions: Mapping[str, Mapping[int, int]]
    """Categorical feature → value → number of training decisions."""
    ranges: Mapping[str, tuple[float, float]]
    """Numeric feature → smallest and largest value in the training data."""
    plans: frozenset[str] | None = None
    """The plans that it was trained on; None: nothing is known of that."""
    plan_prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Each of these plans → the lowest and the highest price at which it was seen, as `monthly_price`."""

    @classmethod
    def from_rows(
        cls, by_name: Mapping[str, Floats], group_sizes: Integers, *, plans: Iterable[str] | None = None
    ) -> Self:
        """The coverage of a training set, from its columns (rows,) by feature name and its plans (rows,)."""
        first = segment_starts(group_sizes)
        decisions = {}
        for name in KINDS:
            values, counts = np.unique(by_name[name][first].astype(np.int64), return_counts=True)
            decisions[name] = dict(zip(values.tolist(), counts.tolist(), strict=True))
        ranges = {name: (float(by_name[name].min()), float(by_name[name].max())) for name in QUANTITIES}
        if plans is None:
            return cls(decisions, ranges)
        codes = list(plans)
        often = frozenset(code for code, times in Counter(codes).items() if times >= FEWEST_DECISIONS)
        prices: dict[str, tuple[float, float]] = {}
        for code, price in set(zip(codes, by_name[PRICE].tolist(), strict=True)):
            least, most = prices.get(code, (price, price))
            prices[code] = (min(least, price), max(most, price))
        return cls(decisions, ranges, often, {code: prices[code] for code in sorted(often)})

    def unknown(self, codes: Iterable[str]) -> frozenset[str]:
        """Those plans of which it has seen too little: what is said of them is borrowed from plans like them."""
        return frozenset() if self.plans is None else frozenset(codes) - self.plans

    def repriced(self, prices: Mapping[str, float]) -> frozenset[str]:
        """Those known plans whose price, as `monthly_price`, is none at which it was seen, or near one."""
        return frozenset(
            code
            for code, price in prices.items()
            if (seen := self.plan_prices.get(code)) and not seen[0] - OTHER_PRICE <= price <= seen[1] + OTHER_PRICE
        )

    def abstention_reasons(self, by_name: Mapping[str, Floats], group_sizes: Integers) -> list[Abstention | None]:
        """For each decision the reason to abstain, or None; `by_name` holds the columns (rows,) by feature name.

        A single plan whose price is not covered is no reason: the design matrix scores it like the nearest covered
        price. Only where no candidate's price is covered is the decision unlike the training data.
        """
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
                unlike |= np.logical_and.reduceat(below | above, first)
        abstention_reasons: list[Abstention | None] = []
        for uncovered, rare in zip(unlike.tolist(), little.tolist(), strict=True):
            abstention_reasons.append("unlike_training" if uncovered else "little_data" if rare else None)
        return abstention_reasons

    @property
    def price_range(self) -> tuple[float, float]:
        """The lowest and the highest price of the training data, as the feature `monthly_price`."""
        return self.ranges.get(PRICE, (-np.inf, np.inf))

    def to_json(self) -> dict[str, Any]:
        """The coverage as plain values for the bundle's manifest."""
        decisions = {
            name: {str(value): times for value, times in seen.items()} for name, seen in self.decisions.items()
        }
        plans = {} if self.plans is None else {"plans": sorted(self.plans)}
        ranges, prices = ({name: list(ends) for name, ends in each.items()} for each in (self.ranges, self.plan_prices))
        return {"decisions": decisions, "ranges": ranges, "plan_prices": prices, **plans}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The coverage from the values of a manifest; KeyError, TypeError or ValueError where they do not fit."""
        decisions = {name: {int(v): int(n) for v, n in content["decisions"][name].items()} for name in KINDS}
        ranges = {name: _ends(content["ranges"][name], of=name) for name in QUANTITIES}
        prices = {str(code): _ends(ends, of=code) for code, ends in content["plan_prices"].items()}
        plans = frozenset(map(str, content["plans"])) if "plans" in content else None
        return cls(decisions, ranges, plans, prices)


def _ends(given: Iterable[float], *, of: str) -> tuple[float, float]:
    least, most = map(float, given)
    if not (np.isfinite([least, most]).all() and least <= most):
        raise ValueError(f"the range of {of} is none")
    return least, most
