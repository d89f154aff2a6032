"""The known choice model of the demo world, and its observable optimum by quasi-Monte Carlo.

What a ranker can never observe (future usage, price sensitivity) is drawn *given* what it can observe, so the mean
choice probability over the draws is the best possible prediction of the choice, and regret can be measured exactly.
The terms are deliberately not those of a logit over our features: curves, thresholds and a compromise effect.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats.qmc import Sobol

from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable

DRAWS: Final = 256
"""The number of points over which the observable optimum is averaged: a Sobol net over both hidden normals (Owen 1998),
as accurate as thousands of independent draws, so that noise does not flatter the optimum."""

FAMILY_TASTE: Final = np.array(
    [
        # plan family: ecommerce support leads knowledge
        [2.6, 0.9, 0.5, -0.4],
        [0.5, 2.5, 0.4, 0.6],
        [0.6, 0.5, 2.4, -0.3],
        [-0.5, 0.7, -0.4, 2.5],
        [0.3, 0.5, 0.3, 0.1],
    ]
)
TIER_TASTE: Final = np.array([[0.0, 0.15, 0.1], [0.0, 0.3, 0.2], [0.1, 0.0, -0.2], [0.0, 0.05, 0.3], [0.0, 0.0, -0.3]])
STOCK_PAIN: Final = np.array([[1.3, 0.5, 0.4], [0.5, 0.9, 0.9], [0.4, 0.7, 0.6], [1.4, 0.4, 0.8], [0.6, 0.6, 0.6]])
"""The weight of documents, assistants and seats over the limit, by template."""
PREMIUM: Final = frozenset({"whatsapp", "zendesk", "hubspot"})
POSITION_BIAS: Final = (0.45, 0.2, 0.1)
CAUTIOUS: Final = frozenset({"ES", "IT", "PT", "PL"})
"""The countries whose organisations are more sensitive to the bill."""
SENSITIVITY: Final = 1.5
"""The bill sensitivity of the median organisation."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The observable state of d decisions, as in the raw tables at their instants."""

    monthly: FloatArray
    """(d, 2) conversations and tokens: the mean day of the last fourteen, times thirty."""
    growth: FloatArray
    """(d,) log of the last seven days' conversations over the seven before."""
    days: FloatArray
    """(d,) days observed."""
    levels: FloatArray
    """(d, 3) documents, assistants, seats."""
    template: NDArray[np.int64]
    """(d,) row of the taste tables; 4 for none."""
    second_template: NDArray[np.int64]
    cautious: NDArray[np.bool_]
    missing: FloatArray
    """(d, p) connected integrations that the plan lacks."""
    missing_premium: FloatArray
    """(d, p) connected premium integrations that the plan lacks."""
    current_plan: NDArray[np.int64]
    """(d,) plan index, -1 during the trial."""
    price_cents: FloatArray
    """(d, p) what a month of each plan costs."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of d decisions, and their probabilities."""

    chosen: NDArray[np.int64]
    """(d,) plan index."""
    probability: FloatArray
    """(d, p) choice probability given everything observable, without position bias: the known optimum."""
    probability_latent: FloatArray
    """(d, p) choice probability given also hidden taste and future usage, which no ranker can observe."""
    future_bill_cents: FloatArray
    """(d, p) the monthly bill with overage, at the usage that followed."""


def choose(observed: Observed, plans: PlanTable, positions: NDArray[np.int64], rng: np.random.Generator) -> Choices:
    """Draw hidden taste and future usage for each decision, simulate its choice, and compute the optimum.

    `positions` (d, p): the position of each plan as shown, from 1. Computed in blocks, so that memory stays small.
    """
    parts = [
        _choose_block(_rows(observed, block), plans, positions[block], rng)
        for block in np.array_split(np.arange(len(observed.days)), max(1, len(observed.days) // 200))
    ]
    return Choices(
        chosen=np.concatenate([part.chosen for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
        probability_latent=np.concatenate([part.probability_latent for part in parts]),
        future_bill_cents=np.concatenate([part.future_bill_cents for part in parts]),
    )


def typical_utility(observed: Observed, plans: PlanTable, *, held: NDArray[np.int64]) -> FloatArray:
    """The utility of each plan for an organisation of median taste whose usage continues as before, (d, p).

    `held` (d,): the plan that the organisation has, -1 for none.
    """
    seen = replace(observed, current_plan=held)
    return _steady(seen, plans) + _typically_swinging(seen, plans, np.exp(_drift(observed))[:, None])


def typical_terms(observed: Observed, plans: PlanTable) -> dict[str, FloatArray]:
    """The terms that `typical_utility` adds up, by name, (d, p) each; `bill` is that of today's usage."""
    terms = _steady_terms(observed, plans)
    today = _typically_swinging(observed, plans, np.ones((len(observed.days), 1)))
    grown = _typically_swinging(observed, plans, np.exp(_drift(observed))[:, None])
    return {**terms, "bill": today, "growth": terms["growth"] + grown - today}


def _typically_swinging(observed: Observed, plans: PlanTable, factor: FloatArray) -> FloatArray:
    sensitivity = SENSITIVITY * _caution(observed)[:, None]
    bills = _bills(observed, factor, plans)
    return _swinging(observed, plans, bills, factor, sensitivity)[:, 0, :]


def _drift(observed: Observed) -> FloatArray:
    """The expected logarithm of the growth of usage, (d,)."""
    return np.asarray(np.clip(0.6 * observed.growth, -0.5, 0.7))


def _caution(observed: Observed) -> FloatArray:
    return np.where(observed.cautious, 1.25, 1.0)


def _rows(observed: Observed, rows: NDArray[np.int64]) -> Observed:
    return Observed(**{name: getattr(observed, name)[rows] for name in Observed.__slots__})


def _choose_block(
    observed: Observed, plans: PlanTable, positions: NDArray[np.int64], rng: np.random.Generator
) -> Choices:
    decisions = len(observed.days)
    # One draw more than the optimum needs: the last one is what happens.
    hidden = np.concatenate(
        [np.broadcast_to(_net(), (decisions, DRAWS, 2)), rng.standard_normal((decisions, 1, 2))], axis=1
    )
    spread = 0.2 + 0.6 / np.sqrt(observed.days)
    drift = _drift(observed)
    factor = np.exp(drift[:, None] + spread[:, None] * hidden[:, :, 0])
    sensitivity = np.exp(np.log(SENSITIVITY) + 0.35 * hidden[:, :, 1])
    sensitivity *= _caution(observed)[:, None]
    bills = _bills(observed, factor, plans)
    utilities = _steady(observed, plans)[:, None, :] + _swinging(observed, plans, bills, factor, sensitivity)
    probabilities = _softmax(utilities)
    bias = np.zeros(positions.max(initial=1) + 1)
    bias[1 : 1 + len(POSITION_BIAS)] = POSITION_BIAS[: len(bias) - 1]
    lived = utilities[:, -1, :] + bias[positions] + rng.gumbel(size=positions.shape)
    return Choices(
        chosen=np.argmax(lived, axis=1),
        probability=probabilities[:, :-1, :].mean(axis=1),
        probability_latent=probabilities[:, -1, :],
        future_bill_cents=bills[:, -1, :],
    )


@cache
def _net() -> FloatArray:
    """(DRAWS, 2) standard normals on a Sobol net."""
    return np.asarray(norm.ppf(Sobol(2, seed=0).random(DRAWS)), dtype=np.float64)


def _bills(observed: Observed, factor: FloatArray, plans: PlanTable) -> FloatArray:
    """The monthly bill in cents (d, draws, p): price and overage, here for every draw at once and without rounding."""
    future = observed.monthly[:, None, :] * factor[:, :, None]
    over = np.maximum(future[:, :, None, :] - plans.limits[None, None, :, :2], 0.0)
    overage: FloatArray = (over * np.nan_to_num(plans.overage_cents[:, :2])).sum(axis=3)
    return observed.price_cents[:, None, :] + overage


def _steady(observed: Observed, plans: PlanTable) -> FloatArray:
    """The part of utility that is the same in every draw, (d, p)."""
    return np.asarray(sum(_steady_terms(observed, plans).values()), dtype=np.float64)


def _steady_terms(observed: Observed, plans: PlanTable) -> dict[str, FloatArray]:
    tier = np.minimum(plans.tier, 3) - 1
    taste = FAMILY_TASTE[observed.template][:, plans.family] + TIER_TASTE[observed.template][:, tier]
    second = np.where(
        (observed.second_template >= 0)[:, None], 0.4 * FAMILY_TASTE[observed.second_template][:, plans.family], 0.0
    )
    stretch = observed.levels[:, None, :] / plans.limits[None, :, 2:] - 0.9
    pain = (STOCK_PAIN[observed.template][:, None, :] * np.logaddexp(0, 5 * stretch)).sum(axis=2)
    missing = 0.5 * observed.missing + 0.4 * observed.missing_premium + 0.8 * (observed.missing >= 2)
    held = observed.current_plan[:, None] == np.arange(len(plans.codes))
    holds = observed.current_plan >= 0
    same_family = holds[:, None] & (plans.family[observed.current_plan][:, None] == plans.family)
    return {
        "taste": taste + second,
        "stored": -pain,
        "integrations": -missing,
        "growth": 0.8 * ((observed.growth > 0.25)[:, None] & (tier == 1)),
        "team": 0.3 * ((observed.levels[:, 2] >= 3)[:, None] & (tier == 1)),
        "held": 1.5 * held,
        "family held": 0.6 * same_family,
    }


def _swinging(
    observed: Observed, plans: PlanTable, bills: FloatArray, factor: FloatArray, sensitivity: FloatArray
) -> FloatArray:
    """The part of utility that depends on the draw (d, draws, p): the bill, and the risk of running out."""
    money = -1.3 * sensitivity[:, :, None] * np.log1p(bills / 12_000)
    need = observed.monthly[:, None, :] * factor[:, :, None]
    stretch = need[:, :, None, :] / plans.limits[None, None, :, :2] - 1
    fear = -0.5 / (1 + np.exp(-10 * np.clip(stretch.max(axis=3), -5, 5)))
    return np.asarray(money + fear, dtype=np.float64)


def _softmax(utilities: FloatArray) -> FloatArray:
    weights = np.exp(utilities - utilities.max(axis=-1, keepdims=True))
    shares: FloatArray = weights / weights.sum(axis=-1, keepdims=True)
    return shares
