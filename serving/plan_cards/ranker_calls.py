"""Calls to a ranker about one decision: the feature rows, the utilities, and whether it abstains."""

from typing import Final

import numpy as np

from recommender.ranking.abstention import Abstained, Abstaining
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.situation import PlanTable, Situations

COLUMN: Final = {name: column for column, name in enumerate(FEATURES)}
"""Feature → its column among all declared features."""


def rows_of(situations: Situations, plans: PlanTable) -> FloatArray:
    """Every declared feature of every candidate, (candidates, features); empty where nothing is on sale."""
    if not situations.eligible.any():
        return np.empty((0, len(FEATURES)))
    rows, _ = feature_rows(feature_cube(situations, plans), situations.eligible)
    return rows


def willing_utilities(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """One utility per candidate; raises `Abstained` where the ranker should leave the decision to the next one."""
    utilities = utilities_of(ranker, rows)
    if isinstance(ranker, Abstaining):
        (doubt,) = ranker.abstention_reasons(*_ranker_input(ranker, rows))
        if doubt is not None:
            raise Abstained(doubt)
    return utilities


def utilities_of(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """One utility per candidate, from rows with every declared feature."""
    return ranker.utilities(*_ranker_input(ranker, rows))


def _ranker_input(ranker: Ranker, rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """The feature columns that a ranker reads, and the size of the one group."""
    columns = [COLUMN[name] for name in ranker.feature_names]
    return np.ascontiguousarray(rows[:, columns]), np.array([len(rows)], dtype=np.int64)
