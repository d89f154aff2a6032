"""The rankers of the demo world: randomised rules at launch, simulated rankers in the last weeks.

A simulated ranker knows the world's true utilities with added noise, and explores by the service's own method, so its
propensities are exact. It is not learned from data; its version says so: `simulated-…`.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.choices import Observed, typical_utility
from pipelines.demo.experiments import Assignments
from pipelines.demo.world import TEMPLATES
from recommender.ranking.exploration import Policy, explore, in_share, uniform
from recommender.ranking.ranker import FloatArray, IntArray, rank
from recommender.ranking.situation import PlanTable

LAUNCH_VERSION: Final = "launch-1"
LAUNCH_TEMPERATURE: Final = 0.5
LAUNCH_FLOOR: Final = 0.1
"""The share of first places that the launch policy gives at random; the others follow its softened score."""
RULES_SHARE: Final = 0.4
"""The share of organisations outside experiments that the launch rules continue to answer, by hash."""
SLOW_SHARE: Final = 0.006
"""The share of a simulated ranker's decisions that are too slow, so that the launch rules answer."""
EXPLORING: Final = Policy(temperature=0.5, floor=0.08, reach=4.0)
"""The exploration policy of simulated rankers."""


@dataclass(frozen=True, slots=True)
class SimulatedRanker:
    """One version and its start; `blur` is the standard deviation of its error in the utility of a plan."""

    version: str
    starts_at: datetime
    blur: float
    seed: int

    def utilities(self, observed: Observed, plans: PlanTable) -> FloatArray:
        """The utilities of d decisions (d, p); the plan held makes no difference."""
        unheld = np.full(len(observed.days), -1)
        beliefs = np.random.default_rng(self.seed).normal(0, self.blur, (len(TEMPLATES) + 1, len(plans.codes)))
        return typical_utility(observed, plans, held=unheld) + beliefs[observed.template]


@dataclass(frozen=True, slots=True)
class Answers:
    """The rankings of d decisions over p plans; `fallback` is `None` where there was none."""

    order: IntArray
    """(d, p) plan indices in the order shown."""
    propensity: FloatArray
    """(d, p) the probability of being first."""
    utility: FloatArray
    strategy: NDArray[np.object_]
    version: NDArray[np.object_]
    fallback: NDArray[np.object_]


def simulated_rankers(until: datetime) -> tuple[SimulatedRanker, ...]:
    """Two versions in the ten weeks before `until`; the second is more accurate."""
    return (
        SimulatedRanker("simulated-1", until - timedelta(weeks=10), blur=0.4, seed=1),
        SimulatedRanker("simulated-2", until - timedelta(weeks=5), blur=0.2, seed=2),
    )


def answers_over_time(
    launched: Answers, names: Sequence[str], organization_ids: Sequence[str], instants: Sequence[datetime],
    *, assignments: Assignments, observed: Observed, plans: PlanTable, rankers: Sequence[SimulatedRanker],
) -> Answers:  # fmt: skip
    """The answers of the ranker in charge at each decision, by the service's rules; before that, those at launch."""
    found = deepcopy(launched)
    for number, ranker in enumerate(rankers):
        ends_at = [each.starts_at for each in rankers[number + 1 :]][:1]
        utility = ranker.utilities(observed, plans)
        for i, (name, instant) in enumerate(zip(names, instants, strict=True)):
            if instant < ranker.starts_at or any(end <= instant for end in ends_at):
                continue
            found.fallback[i] = _fallback(name, organization_ids[i], arm=assignments.arm[i])
            if found.fallback[i] is None:
                shown = explore(rank(plans.codes, utility[i]), draw=name, policy=EXPLORING)
                found.order[i] = [plans.codes.index(each.plan) for each in shown]
                found.propensity[i, found.order[i]] = [each.propensity for each in shown]
                found.utility[i], found.strategy[i], found.version[i] = utility[i], "model", ranker.version
    return found


def _fallback(name: str, organization_id: str, *, arm: str | None) -> str | None:
    """Why the launch rules answer a decision in a ranker's place; `None` where they do not."""
    if arm is None and in_share(organization_id, salt="rules_share", share=RULES_SHARE):
        return "rules_share"
    return "champion_slow" if uniform(f"slow:{name}") < SLOW_SHARE else None


def launch(observed: Observed, plans: PlanTable, rng: np.random.Generator) -> Answers:
    """The answers of the launch policy, which prefers the own family, a low price and few broken limits."""
    own = np.zeros((len(TEMPLATES) + 1, len(plans.codes)))
    for row, template in enumerate(TEMPLATES):
        own[row] = plans.suits[:, plans.templates.index(template)]
    need = np.concatenate([observed.monthly, observed.levels], axis=1)
    broken = (need[:, None, :] > plans.limits[None]).sum(axis=2)
    utility = (
        2 * own[observed.template] - np.log(plans.monthly_price_cents / 19_000) - 1.5 * broken
    ) / LAUNCH_TEMPERATURE
    weights = np.exp(utility - utility.max(axis=1, keepdims=True))
    soft = weights / weights.sum(axis=1, keepdims=True)
    propensity = (1 - LAUNCH_FLOOR) * soft + LAUNCH_FLOOR / soft.shape[1]
    first = (propensity.cumsum(axis=1) < rng.random(len(soft))[:, None]).sum(axis=1)
    first = np.minimum(first, soft.shape[1] - 1)
    led = utility.copy()
    led[np.arange(len(first)), first] = np.inf
    order: IntArray = np.argsort(-led, axis=1, kind="stable")
    alike = [np.full(len(order), value, dtype=np.object_) for value in ("rules", LAUNCH_VERSION, "no_champion")]
    return Answers(order, propensity, utility, *alike)
