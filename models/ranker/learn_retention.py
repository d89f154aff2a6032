"""Estimates for how long plans are kept, from what became of decisions."""

from typing import Final

import numpy as np

from models.data.dataset import TrainingSet
from models.ranker.retention import Retention

MONTH_DAYS: Final = 30.0
PRIOR_MONTHS: Final = 120.0
"""The weight of the hazard of all plans, in months of observation."""
GIVEN_UP: Final = ("changed_back", "left")


def learn_retention(rows: TrainingSet) -> Retention:
    """Estimate the hazards from decisions in which a plan was chosen or kept."""
    if rows.outcomes is None or rows.kept_days is None or not rows.answered.any():
        return Retention()
    picked = rows.chosen == 1
    family, tier = (rows.features[picked, rows.feature_names.index(name)] for name in ("family", "tier"))
    gone = np.isin(rows.outcomes[rows.answered], GIVEN_UP).astype(np.float64)
    months = rows.kept_days[rows.answered] / MONTH_DAYS
    overall = float(gone.sum() / max(months.sum(), 1.0))
    hazards = {}
    for key in sorted(set(zip(family.astype(int).tolist(), tier.astype(int).tolist(), strict=True))):
        mine = (family == key[0]) & (tier == key[1])
        hazards[key] = float((gone[mine].sum() + PRIOR_MONTHS * overall) / (months[mine].sum() + PRIOR_MONTHS))
    return Retention(hazards, overall)
