"""The organisations that took part in an experiment, with what became of them: what a comparison is made of."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.experiments import Experiment
from recommender.experiments.assignment import arm_of
from recommender.ranking.ranker import IntArray, Mask

NEVER: Final = np.iinfo(np.int64).max
"""The instant of what has not happened."""
CROSSED_SHARE: Final = 0.005
"""With more organisations than this in two arms something is wrong with the assignment."""


@dataclass(frozen=True, slots=True)
class Exposures:
    """d decisions that name the experiment, in any order; arrays (d,)."""

    organization: NDArray[np.object_]
    arm: NDArray[np.object_]
    """The arm's name, as it was logged."""
    decided_us: IntArray


@dataclass(frozen=True, slots=True)
class Participants:
    """n organisations in the order in which they were first exposed, each in the arm it was first seen in."""

    organization: NDArray[np.object_]
    arm: IntArray
    """Place among the experiment's arms."""
    since_us: IntArray
    crossed: Mask
    """Which were seen in another arm as well."""
    wrong_arm: Mask
    """Which were not drawn into the arm they were first seen in."""
    unknown_arm_decisions: int
    """Decisions whose arm the experiment does not have."""

    @property
    def in_two_arms(self) -> int:
        """Organisations that were seen in another arm as well."""
        return int(self.crossed.sum())

    @property
    def misplaced(self) -> int:
        """Organisations that were not drawn into the arm they were first seen in."""
        return int(self.wrong_arm.sum())

    @property
    def crossed_too_often(self) -> bool:
        """Whether more organisations were in two arms than a hiccup explains."""
        return self.in_two_arms > CROSSED_SHARE * len(self.arm)


def find_participants(experiment: Experiment, exposures: Exposures) -> Participants:
    """Who took part; the order of the decisions and repeated ones make no difference."""
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
    """The organisations that were seen in more than one arm."""
    arms: dict[str, set[int]] = {}
    for one, place in zip(organization.tolist(), arm.tolist(), strict=True):
        arms.setdefault(str(one), set()).add(place)
    return [one for one, places in arms.items() if len(places) > 1]
