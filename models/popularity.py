"""The simplest guess of all: everyone takes what most have taken."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.dataset import TrainingSet


def popularity(learned_from: TrainingSet, judged_on: TrainingSet) -> NDArray[np.float64]:
    """Utilities (rows of `judged_on`,): the log of each plan's share among what was chosen."""
    counts = pd.Series(learned_from.chosen).groupby(learned_from.plans).sum()
    shown = pd.Series(np.ones(len(learned_from.plans))).groupby(learned_from.plans).sum()
    share = ((counts + 1) / (shown + 2)).reindex(judged_on.plans).fillna(0.5 / (len(learned_from) + 2))
    return np.asarray(np.log(share.to_numpy(dtype=np.float64)))
