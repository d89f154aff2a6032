"""Metrics of rankers on a hold-out, each defined once: hit@1, NDCG@3 of the order, others of what is predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.choice.group_softmax import log_loss_by_group, segment_starts, softmax_by_group
from models.data.dataset import TrainingSet
from recommender.ranking.ranker import FloatArray, IntArray

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class RankingMetrics:
    """The metrics of one ranker over the decisions of a hold-out."""

    hit_at_1: float
    """The share of decisions whose chosen plan was ranked first."""
    ndcg_at_3: float
    """The mean of 1 / log2(1 + position) of the chosen plan, 0 below the third position."""
    log_loss: float | None
    """The mean of -ln p of the chosen plan, in nats; None for a ranker that states no probabilities."""
    calibration_error: float | None
    """The mean distance of stated and observed shares over ten bins of equal size; None without probabilities."""
    expected_hit_at_1: float | None
    """The mean true probability of the plan ranked first; None where true probabilities are unknown."""

    def share_of_gap(self, *, rules: "RankingMetrics", optimum: "RankingMetrics") -> float | None:
        """The position between the rules (0) and the optimum (1) in expected hit@1; None where it is unknown."""
        if self.expected_hit_at_1 is None or rules.expected_hit_at_1 is None or optimum.expected_hit_at_1 is None:
            return None
        gap = optimum.expected_hit_at_1 - rules.expected_hit_at_1
        return (self.expected_hit_at_1 - rules.expected_hit_at_1) / gap if gap > 0 else None


def ranking_metrics(
    utilities: FloatArray,
    *,
    chosen: FloatArray,
    group_sizes: IntArray,
    order: FloatArray | None = None,
    truth: FloatArray | None = None,
    states_probabilities: bool = True,
) -> RankingMetrics:
    """The metrics of one ranker on the decisions of a hold-out.

    `utilities` and `chosen` (1.0 for the chosen candidate) are (rows,), sorted by decision; `group_sizes` (decisions,)
    counts the candidates; `order` (rows,) sorts them if not utility (`AsServed.order`); `truth` (rows,) holds true
    choice probabilities where they are known. Between equals the earlier row is ranked first.

    >>> import numpy as np
    >>> one = ranking_metrics(np.array([2.0, 1.0]), chosen=np.array([1.0, 0.0]), group_sizes=np.array([2]))
    >>> one.hit_at_1, round(one.log_loss, 3)
    (1.0, 0.313)
    """
    positions = positions_by_group(utilities if order is None else order, group_sizes)
    each = by_decision(utilities, chosen=chosen, group_sizes=group_sizes, order=order)
    probabilities = softmax_by_group(utilities, group_sizes)
    return RankingMetrics(
        hit_at_1=float(each.hit.mean()),
        ndcg_at_3=float(each.ndcg.mean()),
        log_loss=float(each.log_loss.mean()) if states_probabilities else None,
        calibration_error=calibration_error(probabilities, chosen) if states_probabilities else None,
        expected_hit_at_1=None if truth is None else float(truth[positions == 1].mean()),
    )


def compare(
    utilities: Mapping[str, FloatArray],
    holdout: TrainingSet,
    *,
    learned_from: TrainingSet,
    orders: Mapping[str, FloatArray],
    truth: FloatArray | None = None,
) -> dict[str, RankingMetrics]:
    """The metrics of several rankers on one hold-out, by name, and of `popularity`; also `optimum` by the truth.

    `utilities` (rows of the hold-out,) by ranker; those of `rules` are no log probabilities. `orders` by ranker is how
    it is served, by utility where there is none. `learned_from` is what popularity is counted in; `truth` (rows of the
    hold-out,) holds true choice probabilities where they are known.
    """
    rankers = dict(utilities) | {"popularity": popularity(learned_from, holdout)}
    if truth is not None:
        rankers["optimum"] = np.log(np.maximum(truth, 1e-300))
    return {
        name: ranking_metrics(
            values,
            chosen=holdout.chosen,
            group_sizes=holdout.group_sizes,
            order=orders.get(name),
            truth=truth,
            states_probabilities=name != "rules",
        )
        for name, values in rankers.items()
    }


def popularity(learned_from: TrainingSet, holdout: TrainingSet) -> FloatArray:
    """The simplest ranker: each plan's utility is the log of its share of choices where it stood among the candidates.

    (rows of the hold-out,). Shares are smoothed; a plan that was never a candidate gets the smallest one.
    """
    counts = pd.Series(learned_from.chosen).groupby(learned_from.plans).sum()
    offered = pd.Series(np.ones(len(learned_from.plans))).groupby(learned_from.plans).sum()
    share = ((counts + 1) / (offered + 2)).reindex(holdout.plans).fillna(0.5 / (len(learned_from) + 2))
    return np.asarray(np.log(share.to_numpy(dtype=np.float64)))


@dataclass(frozen=True, slots=True)
class ByDecision:
    """Metrics of single decisions, whose means are `RankingMetrics`; arrays (d,)."""

    hit: FloatArray
    ndcg: FloatArray
    log_loss: FloatArray


def by_decision(
    utilities: FloatArray, *, chosen: FloatArray, group_sizes: IntArray, order: FloatArray | None = None
) -> ByDecision:
    """Hit@1, NDCG@3 and log-loss of each decision; takes the arguments of `ranking_metrics`."""
    taken = positions_by_group(utilities if order is None else order, group_sizes)[chosen == 1]
    return ByDecision(
        hit=(taken == 1).astype(np.float64),
        ndcg=np.where(taken <= 3, 1 / np.log2(1 + taken), 0.0),
        log_loss=log_loss_by_group(utilities, chosen, group_sizes),
    )


def positions_by_group(utilities: FloatArray, group_sizes: IntArray) -> IntArray:
    """The rank of each row within its decision, from 1, (rows,); equal utilities keep their order."""
    group = np.repeat(np.arange(len(group_sizes)), group_sizes)
    order = np.lexsort((np.arange(len(utilities)), -utilities, group))
    positions = np.empty(len(utilities), dtype=np.int64)
    positions[order] = np.arange(len(utilities)) - segment_starts(group_sizes)[group] + 1
    return positions


def calibration_error(probabilities: FloatArray, chosen: FloatArray) -> float:
    """The expected calibration error over ten bins with equally many rows (Naeini et al. 2015)."""
    order = np.argsort(probabilities, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    return float(
        sum(len(part) * abs(probabilities[part].mean() - chosen[part].mean()) for part in bins) / len(probabilities)
    )
