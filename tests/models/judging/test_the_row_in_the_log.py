"""With rows of cards that follow from the first plan, propensities and the pull of places go on meaning what they did.

A known world: what each plan is worth to each organisation, what each place adds, and a first place that is drawn.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from models.choice.group_softmax import checked_choices
from models.judging.off_policy import PolicyLog, importance_weights, judge_policy
from models.ranker.position_bias import position_bias
from recommender.row import row
from tests.recommender.ranking.builders import make_plan

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DECISIONS = 12_000
BIAS = np.array([0.5, 0.25, 0.1, 0.0])
FAMILIES = ("shop", "desk")
PLANS = [
    make_plan(f"{family}-{tier}", family=family, tier=tier, price_cents=100 * tier, limits={"seats": tier})
    for family in FAMILIES
    for tier in (1, 2, 3)
]
CODES = [plan.code for plan in PLANS]


class World(NamedTuple):
    """Organisations that hold a plan or none, and what they were shown."""

    worth: Floats
    """(d, p) what each plan is worth; the learner sees half of it."""
    seen: Floats
    held: Integers
    """(d,) -1 for none."""
    chances: Floats
    """(d, p) of being put first."""
    first: Integers
    places: Integers
    """(d, p) from 0; plans on no card stand behind."""
    chosen: Integers


def places_when_first(first: int, held: int, order: Integers) -> Integers:
    """Each plan's place in the row that follows from the first, (p,)."""
    cards = row(
        plans=[PLANS[i] for i in order],
        first=CODES[first],
        held=None if held < 0 else CODES[held],
        families=FAMILIES,
        cards_on_trial=3,
    )
    shown = [CODES.index(card.plan) for card in cards]
    behind = [i for i in order.tolist() if i not in shown]
    places = np.empty(len(PLANS), dtype=np.int64)
    places[shown + behind] = np.arange(len(PLANS))
    return places


def pulled(places: Integers, held: Integers) -> Floats:
    """What the places add, (d, p): four cards where a plan is held, three where none is."""
    cards = np.where(held < 0, 3, 4)[:, None]
    return np.where(places < cards, np.append(BIAS, [0.0, 0.0])[places], 0.0)


@pytest.fixture(scope="module")
def world() -> World:
    random = np.random.default_rng(4)
    seen, unseen = random.normal(size=(2, DECISIONS, len(PLANS)))
    worth = seen + unseen
    held = random.integers(-1, len(PLANS), DECISIONS)
    chances = np.exp(worth) / np.exp(worth).sum(axis=1, keepdims=True)
    first = (chances.cumsum(axis=1) > random.random((DECISIONS, 1))).argmax(axis=1)
    orders = np.argsort(-worth, axis=1)
    places = np.array([places_when_first(int(first[i]), int(held[i]), orders[i]) for i in range(DECISIONS)])
    noise = random.gumbel(size=worth.shape)
    chosen = (worth + pulled(places, held) + noise).argmax(axis=1)
    return World(worth, seen, held, chances, first, places, chosen)


def test_what_another_first_plan_would_earn_with_its_own_row_is_told_from_the_log(world: World) -> None:
    """The policy puts first what is worth most; its truth has the rows that it would have shown."""
    every, policy = np.arange(DECISIONS), world.worth.argmax(axis=1)
    orders = np.argsort(-world.worth, axis=1)
    places = np.array([places_when_first(int(policy[i]), int(world.held[i]), orders[i]) for i in range(DECISIONS)])
    lived = np.exp(world.worth + pulled(places, world.held))
    truth = float((lived[every, policy] / lived.sum(axis=1)).mean())

    figures = judge_policy(
        PolicyLog(
            rewards=(world.chosen == world.first).astype(np.float64),
            weights=importance_weights((policy == world.first).astype(float), world.chances[every, world.first]),
            expected_logged=np.zeros(DECISIONS),
            expected_policy=np.zeros(DECISIONS),
            organizations=np.array([f"org-{i}" for i in every], dtype=object),
        )
    )

    assert figures.verdict.reliable, figures.verdict.reasons
    for name in ("IPS", "SNIPS"):
        estimate = figures.estimates[name]
        assert abs(estimate.value - truth) < 3 * estimate.standard_error
    assert abs(figures.logged.value - truth) > 3 * figures.estimates["SNIPS"].standard_error  # it is another policy


def test_where_the_guard_leaves_one_plan_a_guarded_policy_is_told_all_the_same(world: World) -> None:
    """Every second organisation is led to the first plan, whoever ranks: nothing is drawn, and its weight is one."""
    every = np.arange(4_000)
    led = every % 2 == 0
    worth, held = world.worth[every], world.held[every]
    chances = np.where(led[:, None], np.eye(len(PLANS))[0], world.chances[every])
    first, policy = np.where(led, 0, world.first[every]), np.where(led, 0, worth.argmax(axis=1))
    orders = np.argsort(-worth, axis=1)

    def lived(firsts: Integers) -> Floats:
        places = np.array([places_when_first(int(firsts[i]), int(held[i]), orders[i]) for i in every])
        return np.asarray(worth + pulled(places, held))

    chosen = (lived(first) + np.random.default_rng(7).gumbel(size=worth.shape)).argmax(axis=1)
    shares = np.exp(lived(policy))
    truth = float((shares[every, policy] / shares.sum(axis=1)).mean())
    weights = importance_weights((policy == first).astype(float), chances[every, first])

    figures = judge_policy(
        PolicyLog(
            rewards=(chosen == first).astype(np.float64),
            weights=weights,
            expected_logged=np.zeros(len(every)),
            expected_policy=np.zeros(len(every)),
            organizations=np.array([f"org-{i}" for i in every], dtype=object),
        )
    )

    assert (weights[led] == 1).all()
    assert figures.verdict.reliable, figures.verdict.reasons
    for name in ("IPS", "SNIPS"):
        estimate = figures.estimates[name]
        assert abs(estimate.value - truth) < 3 * estimate.standard_error


def test_the_pull_of_a_place_is_found_beside_propensities_and_what_is_held(world: World) -> None:
    is_held = world.held[:, None] == np.arange(len(PLANS))
    columns = np.column_stack([world.seen.ravel(), is_held.ravel()])
    taken = (world.chosen[:, None] == np.arange(len(PLANS))).astype(float).ravel()
    sizes = np.full(DECISIONS, len(PLANS))
    cards = np.where(world.held < 0, 3, 4)[:, None]
    shown = np.where(world.places < cards, world.places, len(PLANS)).reshape(-1, 1)

    found = position_bias(
        checked_choices(columns, taken, sizes),
        positions=(shown == np.arange(3)).astype(float),
        propensity=world.chances.ravel(),
        prior_coef=[0.0, 0.0],
        non_negative=np.array([False, False]),
    )

    assert np.abs(found - BIAS[:3]).max() < 0.15, found
