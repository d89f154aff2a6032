"""Calls to a ranker about one decision: the feature rows, the utilities, and whether it abstains."""

from typing import Final

import numpy as np

from recommender.ranking.abstention import Abstained, Abstaining
from recommender.ranking.derived import Facts
from recommender.ranking.features import FEATURES, features_of
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reward import log_worth, scores

COLUMN: Final = {name: column for column, name in enumerate(FEATURES)}
"""Feature → its column among all declared features."""


def rows_of(facts: Facts) -> FloatArray:
    """Every declared feature of every candidate, (candidates, features); empty where nothing is on sale."""
    eligible = facts.situations.eligible
    return features_of(facts)[eligible] if eligible.any() else np.empty((0, len(FEATURES)))


def willing_utilities(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """One utility per candidate; raises `Abstained` where the ranker should leave the decision to the next one."""
    asked = ranker_input(ranker, rows)
    utilities = ranker.utilities(*asked)
    if isinstance(ranker, Abstaining) and (doubt := ranker.abstention_reasons(*asked)[0]) is not None:
        raise Abstained(doubt)
    return utilities


def utilities_of(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """One utility per candidate, from rows with every declared feature."""
    return ranker.utilities(*ranker_input(ranker, rows))


def log_worth_of(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """The log worth of each candidate under the ranker's declared reward, from rows with every declared feature."""
    return log_worth(ranker, *ranker_input(ranker, rows))


def scores_of(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """What each candidate is ordered by: utility + log worth."""
    return scores(ranker, *ranker_input(ranker, rows))


def ranker_input(ranker: Ranker, rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """The feature columns that a ranker reads, and the size of the one group."""
    columns = [COLUMN[name] for name in ranker.feature_names]
    return np.ascontiguousarray(rows[:, columns]), np.array([len(rows)], dtype=np.int64)
