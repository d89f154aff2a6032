"""When a trained ranker leaves a decision to the rules: it learned too little, knows none like this, or cannot tell.

Abstaining never lets more usage lead to a smaller tier. Whether an organisation is familiar may depend on nothing that
usage changes, so that the same ranker answers it at any usage; and a tie goes to the rules only where their first
choice is among the tied plans and of the tier that the ranker would have recommended.
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
    """A ranker that knows what it knows."""

    def unfamiliar(self, features: FloatArray, group_sizes: IntArray) -> list[Abstention | None]:
        """Per decision why it should not be answered; asked with the rows that `utilities` takes."""


def is_near_tie(utilities: FloatArray, by_rules: FloatArray, tiers: FloatArray) -> bool:
    """Whether the ranker cannot tell its first choice from the rules', (plans,) each, and both are of one tier."""
    if len(utilities) < 2:
        return False
    first, rules_first = int(np.argmax(utilities)), int(np.argmax(by_rules))
    runner_up = np.partition(utilities, -2)[-2]
    tied = utilities[first] - min(runner_up, utilities[rules_first]) < TIED
    return bool(tied and tiers[first] == tiers[rules_first])
