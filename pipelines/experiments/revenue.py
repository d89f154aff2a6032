"""Revenue per organisation, made fit for comparing: the few largest capped, what was known before taken out."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CAPPED_SHARE: Final = 0.01
"""The share of organisations at either end that are capped."""


def winsorised(values: FloatArray, *, share: float = CAPPED_SHARE) -> FloatArray:
    """The values (n,) of all arms together, those beyond the outer shares moved to their edge.

    One edge for all arms, from the pooled values: an edge per arm would cap away a difference.
    """
    if not 0 <= share < 0.5:
        raise ValueError("the capped share lies between 0 and a half")
    if not len(values):
        return values
    low, high = np.quantile(values, [share, 1 - share], method="inverted_cdf")
    return np.asarray(np.clip(values, low, high))


def adjusted(values: FloatArray, before: FloatArray) -> FloatArray:
    """The values (n,) of all arms together without what `before` (n,) foretold of them; their mean stays.

    `before` must have been known before the first exposure. CUPED: Deng, Xu, Kohavi & Walker (2013), "Improving the
    sensitivity of online controlled experiments by utilizing pre-experiment data", eq. 4 and 5.
    """
    if values.shape != before.shape:
        raise ValueError("there must be one value from before for every value")
    centred = before - before.mean() if len(before) else before
    spread = float(centred @ centred)
    if spread == 0:
        return values
    return np.asarray(values - centred * (float(centred @ values) / spread))
