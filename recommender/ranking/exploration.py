"""From a ranked order to the order that is shown, with the exact chance that each plan had of being shown first.

Only what might have been otherwise can be learned from (Horvitz–Thompson): the logged propensities must be the true
probabilities of what is shown. The draw depends on its name alone, so it can be repeated and never argued about. Where
the guard shows another plan instead of the one drawn, that one has the chances of both.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import exp, isfinite
from typing import Final

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

BOLDEST: Final = Policy(temperature=1.0, floor=0.02, reach=2.0)
"""As far as exploration ever goes: a plan comes first as often as it is taken, and a fiftieth is shared alike."""


_HALVINGS: Final = 40
"""Of the interval in which the temperature is sought: far finer than any propensity matters."""


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan's place as shown; `propensity` is the probability that it was put first."""

    plan: str
    position: int
    utility: float
    probability: float
    propensity: float


@dataclass(frozen=True, slots=True)
class Draw:
    """The plan drawn for the first place, and the chance of each plan to be drawn."""

    plan: str
    chances: Mapping[str, float]
    """One for each candidate; they add up to 1."""

    def is_of(self, ranked: Sequence[RankedPlan]) -> bool:
        """Whether it was drawn among these candidates."""
        return self.chances.keys() == {plan.plan for plan in ranked}


AS_DRAWN: Final[Mapping[str, str]] = {}
"""No replacements: each drawn plan is shown as drawn."""


def explore(
    ranked: tuple[RankedPlan, ...],
    *,
    draw: str,
    policy: Policy = OFF,
    out_of_question: Collection[str] = (),
    instead: Mapping[str, str] = AS_DRAWN,
) -> tuple[ShownPlan, ...]:
    """Draw who comes first and move it there, or the plan that is shown `instead` of it; the others keep their order.

    Switched off, the order stays but for what the guard changes, and the propensities are 1 and 0.

    Args:
        ranked: The candidates, best first.
        draw: The name of the draw, which alone decides it: the same name gives the same plan.
        policy: How boldly the first place is varied.
        out_of_question: Plans that are never drawn, unless the ranker itself put one first.
        instead: Plan drawn → plan that is shown in its place.

    Returns:
        Every candidate with its position as shown and its propensity, the exact probability of being shown first;
        propensities add up to 1.

    Examples:
        >>> ranked = (RankedPlan("basic", 1, 0.0, 0.6), RankedPlan("scale", 2, -0.4, 0.4))
        >>> [(plan.plan, plan.propensity) for plan in explore(ranked, draw="acme")]
        [('basic', 1.0), ('scale', 0.0)]
        >>> even = Policy(temperature=0.0, floor=1.0)
        >>> sorted(plan.propensity for plan in explore(ranked, draw="acme", policy=even))
        [0.5, 0.5]
    """
    if not ranked:
        return ()
    drawn = draw_first(ranked, draw=draw, policy=policy, out_of_question=out_of_question)
    return in_order(ranked, drawn, instead=instead)


def draw_first(
    ranked: tuple[RankedPlan, ...], *, draw: str, policy: Policy = OFF, out_of_question: Collection[str] = ()
) -> Draw:
    """The draw of this name; see `explore`. There must be a candidate."""
    chances = propensities_of(ranked, policy=policy, out_of_question=out_of_question)
    picked = ranked[_pick(chances, uniform(draw))].plan
    return Draw(picked, {plan.plan: chance for plan, chance in zip(ranked, chances, strict=True)})


def in_order(
    ranked: Sequence[RankedPlan], drawn: Draw, *, instead: Mapping[str, str] = AS_DRAWN
) -> tuple[ShownPlan, ...]:
    """The order that is shown after this draw among the same candidates."""
    shown = as_shown(ranked, [drawn.chances[plan.plan] for plan in ranked], instead=instead)
    first = instead.get(drawn.plan, drawn.plan)
    order = sorted(range(len(ranked)), key=lambda i: ranked[i].plan != first)
    return tuple(
        ShownPlan(ranked[i].plan, position, ranked[i].utility, ranked[i].probability, shown[i])
        for position, i in enumerate(order, start=1)
    )


def name_of_draw(organization_id: str, *, days_since_1970: float, days: float) -> str:
    """The name of an organisation's draw: the same for so many days, which end for each on a day of its own.

    One draw for all that is asked meanwhile: who comes first changes only as far as the chances do.
    """
    stretch = int(days_since_1970 / days + uniform(f"stretch:{organization_id}"))
    return f"draw:{organization_id}:{stretch}"


def as_shown(ranked: Sequence[RankedPlan], drawn: Sequence[float], *, instead: Mapping[str, str]) -> tuple[float, ...]:
    """The chance of each plan of being shown first: its own, unless another is shown instead, and those it stands for.

    Each one's chances are added up in the order of the ranking.
    """
    if not instead:
        return tuple(drawn)
    chances = {plan.plan: 0.0 for plan in ranked}
    for plan, chance in zip(ranked, drawn, strict=True):
        chances[instead.get(plan.plan, plan.plan)] += chance
    return tuple(chances[plan.plan] for plan in ranked)


def within_budget(
    ranked: tuple[RankedPlan, ...],
    *,
    budget: float,
    out_of_question: Collection[str] = (),
    instead: Mapping[str, str] = AS_DRAWN,
) -> Policy:
    """The boldest policy that gives up at most `budget` of the acceptance expected of the first place.

    Acceptance is the probability that the ranker states, 0…1; the budget is an absolute share of it: 0.01 is one
    acceptance in a hundred decisions. The uniform floor takes at most half of the budget, the temperature the rest.
    The same ranking and budget give the same policy, so a propensity can be worked out again at any time.
    """
    if not (budget > 0 and ranked):
        return OFF

    def cost(policy: Policy) -> float:
        drawn = propensities_of(ranked, policy=policy, out_of_question=out_of_question)
        return expected_cost(ranked, as_shown(ranked, drawn, instead=instead), instead=instead)

    whole = cost(replace(BOLDEST, temperature=0.0, floor=1.0))
    floor = BOLDEST.floor if whole == 0 else min(BOLDEST.floor, budget / 2 / whole)
    if cost(bold := replace(BOLDEST, floor=floor)) <= budget:
        return bold
    low, high = 0.0, BOLDEST.temperature
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if cost(replace(bold, temperature=middle)) <= budget else (low, middle)
    return replace(bold, temperature=low)


def expected_cost(
    ranked: tuple[RankedPlan, ...], propensities: tuple[float, ...], *, instead: Mapping[str, str] = AS_DRAWN
) -> float:
    """How much less reward is expected of the first plan than of the best one, in acceptances of the ranker's best.

    The best one is the ranker's, or what is shown instead of it; `propensities` are of being shown. Utilities are logs
    of expected rewards, so where acceptance is the reward this is how much less often the first plan is taken.
    """
    best = instead.get(ranked[0].plan, ranked[0].plan)
    expected = {each.plan: ranked[0].probability * exp(each.utility - ranked[0].utility) for each in ranked}
    taken = sum(expected[plan.plan] * share for plan, share in zip(ranked, propensities, strict=True))
    return max(0.0, expected[best] - taken)


def propensities_of(
    ranked: tuple[RankedPlan, ...], *, policy: Policy, out_of_question: Collection[str] = ()
) -> tuple[float, ...]:
    """The probability of each plan, in the order given, of being put first."""
    if not ranked:
        return ()
    best = ranked[0].utility
    reasonable = [
        place == 0 or (best - plan.utility <= policy.reach and plan.plan not in out_of_question)
        for place, plan in enumerate(ranked)
    ]
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


def in_share(unit: str, *, salt: str, share: float) -> bool:
    """Whether a unit belongs to a share that is drawn by hash: always the same answer, and whoever is in stays in.

    Another salt draws independently of this one.
    """
    return uniform(f"{salt}:{unit}") < share


def uniform(name: str) -> float:
    """A number from 0 up to, not including, 1 that the name alone determines: 53 bits of its SHA-256."""
    digest = sha256(name.encode("utf-8", "surrogatepass")).digest()
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
