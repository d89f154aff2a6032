"""The participants of an experiment, from the decisions that name it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.experiments import Experiment
from recommender.experiments.assignment import arm_of
from recommender.ranking.ranker import IntArray, Mask

NEVER: Final = np.iinfo(np.int64).max
"""The instant of an event that has not happened."""
CROSSED_SHARE: Final = 0.005
"""The share of participants in two arms above which the assignment is faulty."""


@dataclass(frozen=True, slots=True)
class Exposures:
    """d decisions that name the experiment, in any order; arrays (d,)."""

    organization: NDArray[np.object_]
    arm: NDArray[np.object_]
    """The name of the arm, as logged."""
    decided_us: IntArray


@dataclass(frozen=True, slots=True)
class Participants:
    """n organisations in the order of their first exposure, each in the arm that it was first exposed to."""

    organization: NDArray[np.object_]
    arm: IntArray
    """The place among the experiment's arms."""
    since_us: IntArray
    crossed: Mask
    """Which participants were exposed to another arm as well."""
    wrong_arm: Mask
    """Which participants are not assigned to the arm that they were first exposed to."""
    unknown_arm_decisions: int
    """The number of decisions that name an arm which the experiment does not have."""

    @property
    def in_two_arms(self) -> int:
        """The number of participants that were exposed to another arm as well."""
        return int(self.crossed.sum())

    @property
    def crossed_too_often(self) -> bool:
        """Whether more participants were in two arms than `CROSSED_SHARE` allows."""
        return self.in_two_arms > CROSSED_SHARE * len(self.arm)


def find_participants(experiment: Experiment, exposures: Exposures) -> Participants:
    """The participants of an experiment; the order of decisions and repeated decisions make no difference."""
    names = [arm.name for arm in experiment.arms]
    place = np.array([names.index(name) if name in names else -1 for name in exposures.arm], dtype=np.int64)
    known = np.flatnonzero(place >= 0)
    organization, arm, decided = exposures.organization[known], place[known], exposures.decided_us[known]
    order = np.lexsort((arm, organization.astype(str), decided))
    ids, first = np.unique(organization[order].astype(str), return_index=True)
    by_time = np.argsort(first, kind="stable")
    chosen = order[first[by_time]]
    drawn = np.array([names.index(arm_of(experiment, str(each)).name) for each in ids[by_time]], dtype=np.int64)
    return Participants(
        organization=organization[chosen],
        arm=arm[chosen],
        since_us=decided[chosen],
        crossed=np.isin(organization[chosen].astype(str), _in_several(organization, arm)),
        wrong_arm=drawn != arm[chosen],
        unknown_arm_decisions=int((place < 0).sum()),
    )


def _in_several(organization: NDArray[np.object_], arm: IntArray) -> list[str]:
    """The organisations that were exposed to more than one arm."""
    arms: dict[str, set[int]] = {}
    for one, place in zip(organization.tolist(), arm.tolist(), strict=True):
        arms.setdefault(str(one), set()).add(place)
    return [one for one, places in arms.items() if len(places) > 1]
