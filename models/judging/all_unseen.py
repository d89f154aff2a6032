"""Compares rankers on every settled decision that none of them has seen, early or late.

The hold-out is later as well, and therefore small: 135 of 348 unseen decisions in a demo of 1,200 organisations. What
one ranker has over another shows on all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import TrainingSet
from models.judging.guarded import AsServed
from models.judging.paired_bootstrap import Difference, paired_difference
from models.judging.ranking_metrics import ByDecision, by_decision


@dataclass(frozen=True, slots=True)
class BesideOnAllUnseen:
    """What rankers scored in each unseen decision in which a plan was chosen; `model` is the challenger."""

    by_ranker: Mapping[str, ByDecision]
    organizations: NDArray[np.object_]
    """(decisions,)"""

    @classmethod
    def of(
        cls, utilities: Mapping[str, NDArray[np.float64]], unseen: TrainingSet, served: Mapping[str, AsServed]
    ) -> Self:
        """From what each ranker predicts, (rows of `unseen`,), and how it is served."""
        inside, rows = np.repeat(unseen.answered, unseen.group_sizes), unseen.take(unseen.answered)
        by_ranker = {
            name: by_decision(
                values[inside],
                chosen=rows.chosen,
                group_sizes=rows.group_sizes,
                order=served[name].order(unseen.group_sizes)[inside],
            )
            for name, values in utilities.items()
        }
        return cls(by_ranker, rows.organizations)

    @property
    def over_rules(self) -> dict[str, Difference]:
        """By how much the challenger's NDCG@3 is higher than that of the rules, as `ndcg_of_all`."""
        ours, theirs = self.by_ranker["model"].ndcg, self.by_ranker["rules"].ndcg
        return {"ndcg_of_all": paired_difference(ours, theirs, organizations=self.organizations)}

    @property
    def over_champion(self) -> dict[str, Difference]:
        """By how much its log-loss is lower than the champion's, in nats, as `log_loss_of_all`; else empty."""
        if "champion" not in self.by_ranker:
            return {}
        ours, theirs = self.by_ranker["model"].log_loss, self.by_ranker["champion"].log_loss
        return {"log_loss_of_all": paired_difference(theirs, ours, organizations=self.organizations)}
