"""Attributes the columns of the design matrix to the features that they are made of."""

from typing import Final

import numpy as np

from models.choice.group_softmax import Floats
from models.ranker.design_matrix import (
    FEATURE_NAMES,
    LINEAR_NAMES,
    STEP_DIFFERENCES,
    STRAIN_INTERACTIONS,
    TEMPLATE_INTERACTIONS,
    TREE_NAMES,
    UNKNOWN_INTERACTIONS,
    USAGE_MONOTONE,
)


def shares_by_feature(linear: Floats, trees: Floats) -> Floats:
    """Attribute the shares of design-matrix columns to features, (r, len(FEATURE_NAMES)).

    `linear` (r, len(LINEAR_NAMES)) and `trees` (r, len(TREE_NAMES) + 1), whose last column is the trees' base value. It
    and `is_step` are attributed to the tier.
    """
    shares = np.zeros((len(FEATURE_NAMES), len(linear)))
    for columns, places in ((linear, _PLACES_OF_LINEAR), (trees, _PLACES_OF_TREES)):
        np.add.at(shares, places, columns.T)  # one column after the other
    return np.ascontiguousarray(shares.T)


_ATTRIBUTED_TO: Final = (
    USAGE_MONOTONE
    | STEP_DIFFERENCES
    | {name: f"projected_{name.rpartition('_')[2]}" for name in STRAIN_INTERACTIONS}
    | {name: "tier" if name.endswith("_tiers") else "template_fit" for name in TEMPLATE_INTERACTIONS}
    | dict.fromkeys(UNKNOWN_INTERACTIONS, "usage_unknown")
    | {"is_step": "tier", "rest": "tier"}
)
_PLACES_OF_LINEAR, _PLACES_OF_TREES = (
    np.array([FEATURE_NAMES.index(_ATTRIBUTED_TO.get(name, name)) for name in names])
    for names in (LINEAR_NAMES, (*TREE_NAMES, "rest"))
)
