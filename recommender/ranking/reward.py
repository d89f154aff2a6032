"""The declared reward: what it is worth that the plan put first is taken, and who says so.

A ranker with a reward puts first the plan with the highest expected reward: its choice probability times its worth. The
probabilities stay what they are; only the order follows the reward. The guard against dearer plans without a named need
(`recommender.ranking.guard`) stands above it.

Decided: `margin` is what a plan brings in over `HORIZON_MONTHS`, at the price that is charged and for as long as such
plans are kept. What an organisation's usage costs is the same with every plan, so it is left out, and so is overage: it
shrinks as plans grow, and an order by it would lead to smaller plans as usage rises.
Others: retailers order by margin alone; what is never taken earns nothing.
"""

from typing import Final, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from recommender.ranking.ranker import FloatArray, IntArray, Ranker

RewardName = Literal["acceptance", "margin", "customer"]
"""`acceptance`: each plan is worth the same. `margin`: what it brings in. `customer`: the less the higher its bill."""
REWARD_NAMES: Final[tuple[RewardName, ...]] = get_args(RewardName)
HORIZON_MONTHS: Final = 12.0


@runtime_checkable
class Rewarding(Protocol):
    """A ranker whose order follows a declared reward."""

    @property
    def reward(self) -> RewardName:
        """The reward that it was trained and judged for."""

    def log_worth(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """The log of what it is worth that each candidate is taken, (rows,); takes the arguments of `utilities`."""


def reward_of(ranker: Ranker) -> RewardName:
    """The reward that a ranker declares; acceptance for one that declares none."""
    return ranker.reward if isinstance(ranker, Rewarding) else "acceptance"


def log_worth(ranker: Ranker, features: FloatArray, group_sizes: IntArray) -> FloatArray:
    """The log worth of each candidate, (rows,); 0 for a ranker without a reward, whose order is that of its utilities.

    Utility + log worth is the score by which the ranker orders: the log of the expected reward, up to a constant.
    """
    return ranker.log_worth(features, group_sizes) if isinstance(ranker, Rewarding) else np.zeros(len(features))


def scores(ranker: Ranker, features: FloatArray, group_sizes: IntArray) -> FloatArray:
    """Utility + log worth of each candidate, (rows,): what a decision is ordered by."""
    return ranker.utilities(features, group_sizes) + log_worth(ranker, features, group_sizes)
