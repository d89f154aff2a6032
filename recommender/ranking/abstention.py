"""When a trained ranker abstains and the rules decide: too little data, or an input unlike the training data.

Abstention never makes more usage lead to a smaller tier. Whether the training data cover an organisation may not
depend on anything that more usage changes, so the same ranker answers that organisation at any usage. (A tie is no
reason to abstain: two rankers may prefer two families, and usage decides where there is a tie.)
"""

from collections.abc import Collection, Mapping
from typing import Literal, Protocol, runtime_checkable

from recommender.ranking.ranker import FloatArray, IntArray

Abstention = Literal["little_data", "unlike_training"]


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


@runtime_checkable
class Borrowing(Protocol):
    """A ranker that knows which plans it has learned nothing about, and ranks them by their neighbours."""

    def borrowed(self, codes: Collection[str]) -> frozenset[str]:
        """Those of the plans whose place rests on plans like them."""

    def repriced(self, prices: Mapping[str, float]) -> frozenset[str]:
        """Those of the plans, given with their monthly price in minor units, that it knows at other prices only."""
