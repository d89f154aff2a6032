"""A choice model of the log with an outside option: an organisation that holds no candidate may take nothing."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import segment_starts
from models.data.dataset import TrainingSet
from recommender.ranking.ranker import FloatArray, IntArray

HELD: Final = "is_current_plan"


@dataclass(frozen=True, slots=True)
class OutsideLogit:
    """A conditional logit in which an organisation that holds none of the candidates may also take nothing."""

    logit: ConditionalLogit
    held: int | None
    """The column that says whether a candidate is held; None where there is none."""

    @classmethod
    def fit(cls, rows: TrainingSet) -> Self:
        """Fit on features and positions of decisions with and without a choice."""
        held = rows.feature_names.index(HELD) if HELD in rows.feature_names else None
        columns, sizes, inside = with_outside(rows.learned_from, rows.group_sizes, held=held)
        chosen = np.zeros(len(columns))
        chosen[inside] = rows.chosen
        ends = np.cumsum(sizes) - 1
        chosen[ends] = np.where(rows.answered, chosen[ends], 1.0)
        return cls(ConditionalLogit(ridge=1.0).fit(columns, chosen, sizes), held)

    def predict_proba(self, X: FloatArray, group_sizes: IntArray) -> FloatArray:
        """The probability of each candidate, (rows,); those of a decision add up to less than 1."""
        columns, sizes, inside = with_outside(X, group_sizes, held=self.held)
        return np.asarray(self.logit.predict_proba(columns, sizes)[inside])


def with_outside(
    columns: FloatArray, group_sizes: IntArray, *, held: int | None
) -> tuple[FloatArray, IntArray, NDArray[np.bool_]]:
    """The rows with one more at the end of each decision that may take nothing, the new sizes, and which are old.

    A last column marks the new rows; all others are 0 in them.
    """
    free = np.ones(len(group_sizes), dtype=np.int64)
    if held is not None:
        free -= (np.maximum.reduceat(columns[:, held], segment_starts(group_sizes)) > 0).astype(np.int64)
    sizes = group_sizes + free
    inside = np.ones(int(sizes.sum()), dtype=np.bool_)
    inside[(np.cumsum(sizes) - 1)[free == 1]] = False
    wider = np.zeros((len(inside), columns.shape[1] + 1))
    wider[inside, :-1] = columns
    wider[~inside, -1] = 1.0
    return wider, sizes, inside
