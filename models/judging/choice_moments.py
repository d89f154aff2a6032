"""Compares what was chosen with what a ranker expected, feature by feature: the moment conditions of a choice model.

A ranker whose probabilities are true expects, over many decisions, the same mean of every feature among chosen plans as
is observed. A bias against plans with a feature shows here long before it shows in the log-loss: it shifts the mean in
proportion to the bias, the loss only in proportion to its square.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import segment_starts, softmax_by_group
from models.data.dataset import TrainingSet
from models.judging.off_policy import standard_error
from models.judging.paired_bootstrap import LEVEL
from recommender.ranking.ranker import FloatArray

FEATURES: Final = ("is_current_plan", "same_family_as_current", "tier_share")
"""Plan features that decide when an outcome becomes known: a plan that is kept is never paid for, and a smaller plan
takes effect at the end of the period."""
SLACK: Final = 0.02
"""The difference of means, in units of the feature, that is tolerated beyond what chance explains."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The mean of one feature among chosen plans, as expected by a ranker and as observed."""

    feature: str
    expected: float
    observed: float
    reach: float
    """Half the width of the interval of observed − expected; it allows for the number of features (Bonferroni)."""
    decisions: int
    """Decisions whose candidates differ in the feature; the others say nothing."""

    @property
    def agrees(self) -> bool:
        """Whether chance and `SLACK` explain the difference."""
        return self.distance <= self.reach + SLACK

    @property
    def distance(self) -> float:
        """How far what is observed is from what was expected, in units of the feature."""
        return abs(self.observed - self.expected)

    def strays_from(self, other: "Moment") -> bool:
        """Whether chance does not explain the difference, and another ranker, expecting something else, is nearer.

        Two rankers that expect the same, up to `SLACK`, are right or wrong together.
        """
        apart = abs(self.expected - other.expected) > SLACK
        return apart and self.distance > self.reach and other.distance < self.distance


def choice_moments(utilities: FloatArray, rows: TrainingSet) -> tuple[Moment, ...]:
    """The moments of `FEATURES` for a ranker's `utilities` (rows,) on settled decisions that it has not seen.

    A ranker states what would be chosen if every plan were shown alike, so the effect of the positions in which plans
    were shown is estimated first, with the utilities as given. Standard errors are clustered by organisation. Decisions
    in which nothing was chosen are left out.
    """
    utilities, rows = utilities[np.repeat(rows.answered, rows.group_sizes)], rows.take(rows.answered)
    logit = ConditionalLogit(ridge=1.0, non_negative=np.ones(rows.positions.shape[1], dtype=np.bool_))
    logit.fit(rows.positions, rows.chosen, rows.group_sizes, known=utilities)
    probabilities = softmax_by_group(utilities + rows.positions @ logit.coef_, rows.group_sizes)
    starts = segment_starts(rows.group_sizes)
    quantile = NormalDist().inv_cdf(1 - (1 - LEVEL) / len(FEATURES) / 2)
    moments = []
    for name in FEATURES:
        values = rows.features[:, rows.feature_names.index(name)]
        varies = np.maximum.reduceat(values, starts) > np.minimum.reduceat(values, starts)
        if varies.sum() < 2:
            continue
        observed, expected = (np.add.reduceat(each * values, starts)[varies] for each in (rows.chosen, probabilities))
        difference = observed - expected
        error = standard_error(difference - difference.mean(), rows.organizations[varies])
        moments.append(
            Moment(name, float(expected.mean()), float(observed.mean()), quantile * error, int(varies.sum()))
        )
    return tuple(moments)
