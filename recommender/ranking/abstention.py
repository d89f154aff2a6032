"""When a trained ranker abstains and the rules decide: too little data, an input unlike the training data, or a tie.

Abstention never makes more usage lead to a smaller tier. Whether the training data cover an organisation may not
depend on anything that usage changes, so the same ranker answers that organisation at any usage. A tie goes to the
rules only if their first choice is among the tied plans and has the tier that the ranker would recommend.
"""

from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np

from recommender.ranking.ranker import FloatArray, IntArray

Abstention = Literal["little_data", "unlike_training", "near_tie"]

TIED: Final = 0.05
"""In utility, hence in log-odds: what does not make one plan 5 % likelier than another is no reason to prefer it."""


class Abstained(Exception):
    """The ranker leaves the decision to the rules."""

    def __init__(self, reason: Abstention) -> None:
        super().__init__(reason)
        self.reason = reason


@runtime_checkable
class Abstaining(Protocol):
    """A ranker that knows which inputs its training data cover."""

    def abstention_reasons(self, features: FloatArray, group_sizes: IntArray) -> list[Abstention | None]:
        """For each decision the reason to abstain, or `None`; takes the arguments of `Ranker.utilities`."""


def is_near_tie(utilities: FloatArray, by_rules: FloatArray, tiers: FloatArray) -> bool:
    """Whether the ranker cannot tell its first choice from the rules', (plans,) each, and both are of one tier."""
    if len(utilities) < 2:
        return False
    first, rules_first = int(np.argmax(utilities)), int(np.argmax(by_rules))
    runner_up = np.partition(utilities, -2)[-2]
    tied = utilities[first] - min(runner_up, utilities[rules_first]) < TIED
    return bool(tied and tiers[first] == tiers[rules_first])
