"""The trade-off between the declared rewards: what one ranker would earn of each, were this or that one declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.data.dataset import TrainingSet, columns_of, scores_of
from models.data.situations import Batch
from models.judging.guarded import as_served
from models.judging.logged_choices import ChoiceModel, Reward, answers_log
from models.judging.off_policy import Estimate, judge_policy
from models.ranker.plan_ranker import PlanRanker
from recommender.ranking.exploration import OFF, Policy
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reward import REWARD_NAMES, RewardName


@dataclass(frozen=True, slots=True)
class Ordering:
    """The ranker as it would order under one declared reward."""

    reward: RewardName
    earned: Mapping[RewardName, Estimate]
    """Reward → the doubly robust estimate of what the first plan earns of it; empty where the log carries none."""
    reasons: tuple[str, ...]
    """Why the log does not carry a verdict; then the estimates rest on the choice model alone."""


def trade_off(
    rows: TrainingSet,
    batches: Sequence[Batch],
    *,
    champion: Ranker | None,
    choice_model: ChoiceModel,
    rewards: Mapping[RewardName, Reward],
    exploring: Policy = OFF,
) -> tuple[Ordering, ...]:
    """The orders of the champion under each reward, after the guard, judged by each reward on unseen decisions.

    Where the weights allow no verdict, the choice model's expectation (DM) stands for the doubly robust estimate.
    """
    if not isinstance(champion, PlanRanker):
        return ()
    found = []
    for name in REWARD_NAMES:
        other = replace(champion, reward=name)
        scored = scores_of({"other": other}, rows)["other"]
        served = as_served(other, rows, batches, utilities=scored)
        judged = {
            paid: judge_policy(answers_log(rows, served, choice_model=choice_model, exploring=exploring, reward=reward))
            for paid, reward in rewards.items()
        }
        reasons = judged[name].verdict.reasons
        kind = "DM" if reasons else "SNDR"
        earned = {paid: one.estimates[kind] for paid, one in judged.items() if kind in one.estimates}
        found.append(Ordering(name, earned, reasons))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class OutsideFit:
    """Stated and observed: who takes one of the plans, among organisations that hold none of them."""

    decisions: int
    taken: float
    """The share that took one."""
    stated: float
    """The share that the ranker expected."""
    log_loss: float
    """In nats per decision."""
    base_log_loss: float
    """The same if everyone is given the share of the decisions learned from."""


def outside_option(rows: TrainingSet, *, champion: Ranker | None, learned_from: TrainingSet) -> OutsideFit | None:
    """How well the champion's outside option fits decisions that it has not seen."""
    if not isinstance(champion, PlanRanker) or champion.outside is None:
        return None
    free, before = _holds_none(rows), _holds_none(learned_from)
    if not free.any() or not before.any():
        return None
    chances = champion.chances_of_any(columns_of(champion, rows), rows.group_sizes)[free]
    took = rows.answered[free]
    base = float(np.clip(learned_from.answered[before].mean(), 1e-6, 1 - 1e-6))

    def loss(stated: FloatArray) -> float:
        return -float(np.log(np.where(took, stated, 1 - stated)).mean())

    return OutsideFit(
        int(free.sum()), float(took.mean()), float(chances.mean()), loss(chances), loss(np.full(len(took), base))
    )


def _holds_none(rows: TrainingSet) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(d,) whether none of the candidates is held."""
    held = rows.features[:, rows.feature_names.index("is_current_plan")]
    return np.asarray(np.maximum.reduceat(held, np.cumsum(rows.group_sizes) - rows.group_sizes) == 0)
