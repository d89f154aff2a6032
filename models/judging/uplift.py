"""Uplift: what one ranker's recommendations cause beside another's, by the same log and the same reward.

The doubly robust difference of two policies (Dudík, Langford, Li 2011): the choice model's expectations, corrected by
what was really chosen wherever the log did what one of the two would have done. Intervals are clustered by
organisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.data.dataset import TrainingSet
from models.judging.guarded import AsServed
from models.judging.logged_choices import ChoiceModel, Reward, answers_log, monthly_price
from models.judging.off_policy import Estimate, PolicyLog, mean_of_terms, verdict, weigh
from recommender.ranking.exploration import OFF, Policy
from recommender.ranking.ranker import FloatArray
from recommender.ranking.reward import RewardName


@dataclass(frozen=True, slots=True)
class Uplift:
    """The difference in one reward, per decision."""

    reward: str
    """A declared reward, or `monthly price`: of the plan that is chosen, wherever it stood."""
    difference: Estimate | None
    """None where the log does not carry it: `reasons` says why."""
    reasons: tuple[str, ...]


def uplifts(
    rows: TrainingSet,
    *,
    ours: AsServed,
    beside: AsServed,
    choice_model: ChoiceModel,
    rewards: Mapping[RewardName, Reward],
    exploring: Policy = OFF,
) -> tuple[Uplift, ...]:
    """The uplift of the ranker that answers `ours` over the one that answers `beside`, for each reward."""
    every: list[tuple[str, Reward]] = [*rewards.items(), ("monthly price", monthly_price)]
    return tuple(
        uplift(rows, ours=ours, beside=beside, choice_model=choice_model, reward=each, exploring=exploring)
        for each in every
    )


def uplift(
    rows: TrainingSet,
    *,
    ours: AsServed | FloatArray,
    beside: AsServed | FloatArray,
    choice_model: ChoiceModel,
    reward: tuple[str, Reward],
    exploring: Policy = OFF,
) -> Uplift:
    """The uplift in one reward, given with its name."""
    logs = [
        answers_log(rows, each, choice_model=choice_model, exploring=exploring, reward=reward[1])
        for each in (ours, beside)
    ]
    reasons = _against(dict(zip(("the ranker", "the other"), logs, strict=True)))
    return Uplift(reward[0], None if reasons else difference(*logs), reasons)


def difference(ours: PolicyLog, beside: PolicyLog) -> Estimate:
    """The doubly robust difference of two policies in one log, with its 95 % interval."""
    surprise = ours.rewards - ours.expected_logged
    terms = ours.expected_policy - beside.expected_policy + (ours.weights - beside.weights) * surprise
    return mean_of_terms(terms, ours.organizations)


def _against(logs: Mapping[str, PolicyLog]) -> tuple[str, ...]:
    """Why the weights of either policy allow no verdict."""
    if any(not len(log.rewards) for log in logs.values()):
        return ("no decision was logged of which everything is known by now",)
    verdicts = {name: verdict(weigh(log)) for name, log in logs.items()}
    return tuple(f"{name}: {reason}" for name, each in verdicts.items() for reason in each.reasons)
