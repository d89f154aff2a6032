"""The common part of logged decisions on the same plans."""

import numpy as np

from data_contracts.decision_log.candidates import CHANCES, Frame
from data_contracts.usage import METRICS
from recommender.ranking.derived import Facts
from recommender.ranking.features import FEATURES, features_of
from recommender.ranking.situation import WINDOW_DAYS, PlanTable, Situations


def frame_of(plans: PlanTable) -> Frame:
    """The frame of decisions on these plans; its sample is of an organisation of which nothing is known."""
    if not plans.codes:
        return Frame(tuple(FEATURES), ())
    figures = features_of(Facts(_nobody(plans), plans))[0]
    none = np.zeros((len(plans.codes), len(CHANCES)))
    return Frame(tuple(FEATURES), plans.codes, tuple(map(tuple, np.hstack([none, figures]).T.tolist())))


def _nobody(plans: PlanTable) -> Situations:
    return Situations(
        totals=np.zeros((1, WINDOW_DAYS, len(METRICS))),
        seconds=np.zeros((1, WINDOW_DAYS)),
        templates=np.zeros((1, len(plans.templates)), dtype=bool),
        integrations=np.zeros((1, len(plans.integrations)), dtype=bool),
        trial_age_seconds=np.zeros(1),
        country_group=np.zeros(1, dtype=np.int64),
        current_plan=np.full(1, -1, dtype=np.int64),
        weekday=np.zeros(1, dtype=np.int64),
        eligible=np.ones((1, len(plans.codes)), dtype=bool),
    )
