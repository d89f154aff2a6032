"""Every feature by name, and the one way from situations to feature rows, for one request and for a million rows.

A feature is a named function of `Facts`; its name is the column, its docstring the definition and the unit. The
features of a decision depend on its own situation and on the plan table only, to the last bit, in any batch.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.countries import COUNTRY_GROUPS, country_group
from recommender.ranking.derived import Facts, select
from recommender.ranking.fit_features import FIT_FEATURES
from recommender.ranking.plan_features import PLAN_FEATURES
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.situation import PlanTable, Situations
from recommender.ranking.usage_features import USAGE_FEATURES

__all__ = [
    "COUNTRY_GROUPS",
    "FEATURES",
    "Feature",
    "UnknownFeature",
    "country_group",
    "feature_cube",
    "feature_rows",
    "features_of",
]

Feature = Callable[[Facts], FloatArray]

FEATURES: Final[dict[str, Feature]] = {
    feature.__name__: feature for feature in (*USAGE_FEATURES, *PLAN_FEATURES, *FIT_FEATURES)
}
"""Name → function, in declared order; results broadcast to (n, p)."""

_BLOCK: Final = 512
"""Decisions computed at once: few enough to stay in the processor's cache, and memory stays flat."""


class UnknownFeature(LookupError):
    """A ranker asks for a feature that is not declared here."""


def feature_cube(situations: Situations, plans: PlanTable, names: Sequence[str] | None = None) -> FloatArray:
    """Compute features of every plan for every decision.

    Args:
        situations: n decisions.
        plans: p plans.
        names: The features wanted, in the order of the columns; all of `FEATURES` if absent.

    Returns:
        Finite numbers, shape (n, p, features).

    Raises:
        UnknownFeature: A name is not declared.
    """
    wanted = tuple(FEATURES) if names is None else tuple(names)
    cube = np.empty((len(situations), len(plans.codes), len(wanted)))
    for start in range(0, len(situations), _BLOCK):
        part = slice(start, start + _BLOCK)
        cube[part] = features_of(Facts(select(situations, part), plans), wanted)
    return cube


def features_of(facts: Facts, names: Sequence[str] = tuple(FEATURES)) -> FloatArray:
    """The same of facts that are there already: what they have worked out is not worked out again."""
    if unknown := [name for name in names if name not in FEATURES]:
        raise UnknownFeature(f"not declared: {', '.join(unknown)}")
    cube = np.empty((len(facts.situations), len(facts.plans.codes), len(names)))
    for column, name in enumerate(names):
        cube[:, :, column] = FEATURES[name](facts)
    return cube


def feature_rows(cube: FloatArray, eligible: NDArray[np.bool_]) -> tuple[FloatArray, IntArray]:
    """Take the rows of the candidates out of a cube of all plans.

    Args:
        cube: Features of all plans, shape (n, p, features).
        eligible: Which plans are candidates of which decision, shape (n, p).

    Returns:
        The candidates' rows by decision, in catalogue order, shape (rows, features), and the number of candidates per
        decision, shape (n,).

    Examples:
        >>> cube = np.arange(6.0).reshape(1, 3, 2)
        >>> rows, group_sizes = feature_rows(cube, np.array([[True, False, True]]))
        >>> rows.tolist(), group_sizes.tolist()
        ([[0.0, 1.0], [4.0, 5.0]], [2])
    """
    return cube[eligible], eligible.sum(axis=1)
