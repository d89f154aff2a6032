"""From a ranked order to the order that is shown, with the exact chance that each plan had of being shown first.

Only what might have been otherwise can be learned from (Horvitz–Thompson): the logged propensities must be the true
probabilities of the draw. The draw depends on the decision id alone, so it can be repeated and never argued about.
"""

from dataclasses import dataclass
from hashlib import sha256
from math import exp, isfinite

from recommender.ranking.ranker import RankedPlan


@dataclass(frozen=True, slots=True)
class Policy:
    """How boldly the first place is varied; the default is not at all.

    Among the reasonable candidates (within `reach` of the best utility) the first place is drawn from
    (1 − floor) · softmax(utility / temperature) + floor / candidates.
    """

    temperature: float = 0.0
    """0: the best candidate gets the whole softmax share."""
    floor: float = 0.0
    """The share of draws that is uniform over the reasonable candidates, 0…1."""
    reach: float = 2.0
    """Utility below the best up to which a plan is reasonable; 2 means e² = 7.4 times less likely."""

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and 0 <= self.floor <= 1 and self.reach >= 0):
            raise ValueError("temperature and reach are not negative, floor is a share")
        if not (isfinite(self.temperature) and isfinite(self.reach)):
            raise ValueError("temperature and reach are finite")

    @property
    def off(self) -> bool:
        """Whether the order is never changed."""
        return self.temperature == 0 and self.floor == 0


OFF = Policy()


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan's place as shown; `propensity` is the probability that it was put first."""

    plan: str
    position: int
    utility: float
    probability: float
    propensity: float


def explore(ranked: tuple[RankedPlan, ...], *, decision_id: str, policy: Policy = OFF) -> tuple[ShownPlan, ...]:
    """Draw who comes first and move it there; the others keep their order.

    `ranked` is best first. Propensities add up to 1 over all plans. Switched off, the order stays and the propensities
    are 1 and 0.
    """
    propensities = propensities_of(ranked, policy=policy)
    first = _pick(propensities, uniform(decision_id))
    order = [first, *(i for i in range(len(ranked)) if i != first)] if ranked else []
    return tuple(
        ShownPlan(ranked[i].plan, position, ranked[i].utility, ranked[i].probability, propensities[i])
        for position, i in enumerate(order, start=1)
    )


def propensities_of(ranked: tuple[RankedPlan, ...], *, policy: Policy) -> tuple[float, ...]:
    """The probability of each plan, in the order given, of being put first."""
    if not ranked:
        return ()
    best = ranked[0].utility
    reasonable = [best - plan.utility <= policy.reach for plan in ranked]
    if policy.temperature > 0:
        weights = [
            exp((plan.utility - best) / policy.temperature) if near else 0.0
            for plan, near in zip(ranked, reasonable, strict=True)
        ]
    else:
        weights = [1.0, *(0.0 for _ in ranked[1:])]
    total, uniform_share = sum(weights), policy.floor / sum(reasonable)
    return tuple(
        (1 - policy.floor) * weight / total + uniform_share * near
        for weight, near in zip(weights, reasonable, strict=True)
    )


def uniform(decision_id: str) -> float:
    """A number from 0 up to, not including, 1 that the decision id alone determines: 53 bits of its SHA-256."""
    digest = sha256(decision_id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def _pick(propensities: tuple[float, ...], draw: float) -> int:
    """The plan whose stretch of the cumulated propensities the draw falls into."""
    cumulated = 0.0
    last = 0
    for i, propensity in enumerate(propensities):
        if propensity == 0:
            continue
        last = i
        cumulated += propensity
        if draw < cumulated:
            return i
    return last
