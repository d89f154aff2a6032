"""Worlds in which a fact is not true, as one batch: what is computed of many costs little more than of one."""

from collections.abc import Sequence

import numpy as np

from recommender.ranking.derived import Facts, stack
from recommender.ranking.features import features_of
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reason_facts import Fact


class Worlds:
    """The worlds without each of several facts, of one or more organisations that are offered the same plans."""

    def __init__(self, without: Sequence[Fact]) -> None:
        prices = np.stack([fact.plans.monthly_price_cents for fact in without])  # all that a fact changes of the plans
        plans = without[0].plans.at_prices(prices)
        self.facts = Facts(stack([fact.situations for fact in without]), plans)

    def utilities(self, ranker: Ranker) -> list[FloatArray]:
        """Each world's utilities, (candidates,); the ranker is asked once."""
        eligible = self.facts.situations.eligible
        rows = np.ascontiguousarray(features_of(self.facts, ranker.feature_names)[eligible])
        sizes = eligible.sum(axis=1)
        return np.split(ranker.utilities(rows, sizes), np.cumsum(sizes)[:-1])
