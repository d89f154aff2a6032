"""Append-only logs of changes, queried for the state at an instant: the last change recorded by then is valid."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from recommender.ranking.ranker import IntArray

NOTHING: Final = -1
"""The value of a subject before its first change was recorded."""


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """m changes, sorted by subject and by when they were recorded; arrays (m,)."""

    subject: IntArray
    recorded_us: IntArray
    value: IntArray
    """The value that is valid from then on; never negative, but for `NOTHING`."""

    def known_at(self, subject: IntArray, instant_us: IntArray) -> IntArray:
        """The value of each subject's last change recorded by the instant, `NOTHING` without one.

        Both arguments have the same shape, and so has the result.
        """
        if not len(self.subject):
            return np.full(subject.shape, NOTHING, dtype=np.int64)
        # Subject and instant in one integer: instants by their rank, which leaves room for many subjects.
        instants = np.unique(self.recorded_us)
        room = len(instants) + 1
        changes = self.subject * room + np.searchsorted(instants, self.recorded_us, side="right")
        asked = subject * room + np.searchsorted(instants, instant_us, side="right")
        last = np.maximum(np.searchsorted(changes, asked, side="right") - 1, 0)
        known = (self.subject[last] == subject) & (self.recorded_us[last] <= instant_us)
        return np.where(known, self.value[last], NOTHING)


def change_log(
    *, subject: IntArray, recorded_us: IntArray, occurred_us: IntArray, event_rank: IntArray, value: IntArray
) -> ChangeLog:
    """Sort changes into a log; all arrays (m,).

    Of changes recorded at the same instant the one that occurred last is valid, then the one of the greatest event id
    (`event_rank` is its place in the order of ids). A negative subject is unknown; its changes are left out.
    """
    order = np.lexsort((event_rank, occurred_us, recorded_us, subject))
    order = order[subject[order] >= 0]
    return ChangeLog(subject[order], recorded_us[order], value[order])
