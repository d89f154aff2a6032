"""Two worlds unlike the demo: catalogues of their own, choices by random coefficients, an outside option, promotions.

Usage, tastes and inertia are drawn anew for each organisation; of two fifths of them no usage is ever reported. What a
ranker may know at best is the mean over what it cannot see: tastes, and the usage that nobody reported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from models.data.dataset import TrainingSet
from models.judging.ranking_metrics import positions_by_group
from models.ranker.retention import Retention
from recommender.ranking.derived import Facts
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.projection import COUNTS
from recommender.ranking.situation import DAY_SECONDS, WINDOW_DAYS, PlanTable, Situations
from tests.recommender.ranking.builders import make_plan, make_table

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SILENT_SHARE: Final = 0.4
HOLDING_SHARE: Final = 0.45
DRAWS: Final = 150
"""Tastes, and usages of whoever reports none, over which the best possible prediction is averaged."""
POSITION_BIAS: Final = (0.5, 0.2, 0.1)
DAY_US: Final = 86_400_000_000


def one_family() -> PlanTable:
    """Four tiers of one family, as many sellers of software have them; the lowest is free."""
    tiers = (("FREE", 0, 500, 1), ("STARTER", 1_900, 3_000, 3), ("PROFESSIONAL", 7_900, 15_000, 10))
    plans = [
        make_plan(
            name, tier=place, price_cents=price, limits={"conversations": most, "seats": seats},
            overage_cents={"conversations": Fraction(1, 1)} if price else {},
            integrations=("sso",) if name == "PROFESSIONAL" else (),
        )
        for place, (name, price, most, seats) in enumerate(tiers, start=1)
    ]  # fmt: skip
    return make_table(*plans, make_plan("BUSINESS", tier=4, price_cents=24_900, integrations=("sso", "audit")))


def twelve_plans() -> PlanTable:
    """Four families of three tiers, one for each kind of organisation."""
    tiers = (("s", 2_900, 2_000, 500), ("m", 9_900, 12_000, 5_000), ("l", 39_900, 80_000, 100_000))
    return make_table(
        *(
            make_plan(
                f"{family}-{name}", family=family, tier=place, price_cents=round(price * dearness),
                limits={"conversations": most, "documents": documents}, templates=(template,),
                overage_cents={"conversations": Fraction(1, 2)} if name != "l" else {},
                integrations=("crm",) if name != "s" else (),
            )
            for family, template, dearness in (
                ("sell", "ecommerce", 1.0), ("help", "support", 1.3), ("find", "lead_generation", 0.8),
                ("know", "internal_knowledge", 1.6),
            )
            for place, (name, price, most, documents) in enumerate(tiers, start=1)
        )
    )  # fmt: skip


CATALOGUES: Final = {"one family": one_family, "twelve plans": twelve_plans}
SEED: Final = 11


@dataclass(frozen=True)
class Tastes:
    """The world's own constants, drawn once from its name's seed."""

    of_plan: Floats
    """(templates + 1, p) what kinds of organisations like; the last row is of those without a template."""
    busy: Floats
    """(templates + 1,) log of the usual monthly conversations."""
    hazard: Floats
    """(p,) the chance of giving the plan up in a month."""


@dataclass(frozen=True)
class Hidden:
    """What no ranker sees; arrays (n, draws, 1)."""

    sensitivity: Floats
    pain: Floats
    inertia: Floats
    outside: Floats
    usage: Floats
    """(n, draws, metrics) what will really be used in a month."""


@dataclass(frozen=True)
class Asked:
    """n organisations that are charged by one plan table, and what they choose if every plan is shown alike."""

    plans: PlanTable
    situations: Situations
    hidden: Hidden
    kind: Integers
    """(n,) row of `Tastes.of_plan`."""

    def probabilities(self, tastes: Tastes, plans: PlanTable | None = None) -> Floats:
        """(n, p) the chance of each plan, under other prices if given; the rest of 1 is that nothing is taken."""
        utilities, outside = self.utilities(tastes, plans or self.plans)
        return np.asarray(chances(utilities, outside).mean(axis=1))

    def utilities(self, tastes: Tastes, plans: PlanTable) -> tuple[Floats, Floats]:
        """(n, draws, p) of the plans and (n, draws, 1) of nothing; nobody who holds a plan takes nothing."""
        h, held = self.hidden, self.situations.current_plan
        over = np.maximum(h.usage[:, :, None] - plans.limits, 0.0)
        sold = np.where(np.isnan(plans.overage_cents), 0.0, plans.overage_cents)
        bills = plans.monthly_price_cents + (over * sold).sum(axis=3)
        shut = np.isnan(plans.overage_cents) & np.isfinite(plans.limits)
        beyond = np.log(np.maximum(h.usage[:, :, None] / np.maximum(plans.limits, 1.0), 1.0))
        hurt = np.tanh(np.where(shut, beyond, 0.0).sum(axis=3))
        mine = (held[:, None] == np.arange(len(plans.codes)))[:, None]
        lacking = (self.situations.integrations[:, None] & ~plans.covers).sum(axis=2)[:, None]
        utilities: Floats = (
            tastes.of_plan[self.kind][:, None]
            - h.sensitivity * np.sqrt(bills / 2_500)
            - h.pain * hurt
            + h.inertia * mine
            - 0.7 * lacking
        )
        outside = np.where((held >= 0)[:, None, None], -np.inf, h.outside)
        return np.asarray(utilities), outside


def chances(utilities: Floats, outside: Floats) -> Floats:
    """The multinomial logit over the last axis, with nothing as one more alternative."""
    most = np.maximum(utilities.max(axis=-1, keepdims=True), outside)
    weights = np.exp(utilities - most)
    return np.asarray(weights / (weights.sum(axis=-1, keepdims=True) + np.exp(outside - most)))


Policy = Callable[[Asked], Floats]
"""Gives (n, p) the utilities by which a recommender draws the first place."""


@dataclass(frozen=True)
class OtherWorld:
    """A number of organisations of one world, by the price list they have."""

    tastes: Tastes
    parts: tuple[Asked, ...]

    @property
    def truth(self) -> Floats:
        """(rows,) the chance of each candidate; those of a decision add up to less than 1."""
        return np.concatenate([part.probabilities(self.tastes).ravel() for part in self.parts])

    def margins(self) -> Floats:
        """(rows,) what each plan brings in over the horizon if it is taken, in minor units."""
        places = np.arange(len(self.tastes.hazard), dtype=np.float64)
        by_place = {(0, place): hazard for place, hazard in enumerate(self.tastes.hazard.tolist())}
        months = Retention(by_place).months(np.zeros(len(places)), places)
        return np.concatenate(
            [np.tile(part.plans.monthly_price_cents * months, len(part.situations)) for part in self.parts]
        )


def drawn(name: str, *, organizations: int, seed: int, lists: Sequence[PlanTable] = ()) -> OtherWorld:
    """So many organisations of a world, at its price lists or at others; another seed draws others from it."""
    plans = CATALOGUES[name]()
    world = np.random.default_rng([SEED, len(plans.codes)])
    kinds = len(plans.templates) + 1
    tier, own = plans.tier, np.zeros((kinds, len(plans.codes)))
    if plans.templates:
        own[:-1] = 2.4 * plans.suits.T
    tastes = Tastes(
        of_plan=own + world.normal(0, 0.5, (kinds, len(plans.codes))) + 0.45 * tier,
        busy=world.normal(8.0, 0.6, kinds),
        hazard=np.clip(0.02 + 0.015 * tier + world.normal(0, 0.01, len(plans.codes)), 0.005, 0.2),
    )
    lists = lists or price_lists(plans)
    sizes = np.diff(np.linspace(0, organizations, len(lists) + 1).astype(int))
    rng = np.random.default_rng([seed, len(plans.codes)])
    return OtherWorld(tastes, tuple(_asked(tastes, one, n, rng) for one, n in zip(lists, sizes.tolist(), strict=True)))


def price_lists(plans: PlanTable) -> tuple[PlanTable, ...]:
    """As listed (half of the organisations), and under promotions of the second and of the third tier."""

    def reduced(tier: int, factor: float) -> PlanTable:
        return replace(plans, monthly_price_cents=plans.monthly_price_cents * np.where(plans.tier == tier, factor, 1.0))

    return plans, plans, reduced(2, 0.6), reduced(3, 0.7)


def _asked(tastes: Tastes, plans: PlanTable, n: int, rng: np.random.Generator) -> Asked:
    kinds = len(tastes.busy)
    kind = rng.integers(0, kinds, n)
    templates = np.arange(len(plans.templates)) == kind[:, None]
    usage = _usage(tastes, kind, 1, rng)
    silent = rng.random(n) < SILENT_SHARE
    age = rng.integers(2 * DAY_SECONDS, 90 * DAY_SECONDS, n)
    seconds = np.clip(age[:, None] - DAY_SECONDS * np.arange(WINDOW_DAYS) + DAY_SECONDS // 2, 0, DAY_SECONDS)
    seconds[:, 0] = DAY_SECONDS // 2
    days = rng.gamma(3.0, 1 / 3, (n, WINDOW_DAYS, len(METRICS))) * usage / 30
    totals = np.where(COUNTS, np.rint(days) * (seconds > 0)[:, :, None], np.broadcast_to(usage, days.shape))
    totals[silent] = np.where(COUNTS, 0.0, np.nan)
    future = np.where(silent[:, None, None], _usage(tastes, kind, DRAWS, rng), usage)
    future = future * np.exp(0.25 * rng.standard_normal((n, DRAWS, 1)))
    typical = np.log(np.maximum(usage[:, 0, [0]], 1) / np.minimum(plans.limits[:, 0], 1e6))
    fits = tastes.of_plan[kind] - 0.8 * np.abs(typical + 0.5) + rng.gumbel(size=(n, len(plans.codes)))
    held = np.where(rng.random(n) < HOLDING_SHARE, fits.argmax(axis=1), -1)
    shape = (n, DRAWS, 1)
    hidden = Hidden(
        sensitivity=np.exp(rng.normal(-0.2, 0.5, shape)),
        pain=np.exp(rng.normal(0.6, 0.4, shape)),
        inertia=rng.normal(1.5, 0.6, shape),
        outside=rng.normal(0.3, 0.8, shape),
        usage=future,
    )
    situations = Situations(
        totals=totals,
        seconds=seconds.astype(np.float64),
        templates=templates,
        integrations=rng.random((n, len(plans.integrations))) < 0.25,
        trial_age_seconds=age.astype(np.float64),
        country_group=rng.integers(0, 10, n),
        current_plan=held,
        weekday=rng.integers(0, 7, n),
        eligible=np.ones((n, len(plans.codes)), dtype=np.bool_),
    )
    return Asked(plans, situations, hidden, kind)


def _usage(tastes: Tastes, kind: Integers, draws: int, rng: np.random.Generator) -> Floats:
    """(n, draws, metrics) of a month: conversations around what the kind uses, the rest in proportion."""
    busy = tastes.busy[kind][:, None] + rng.normal(0, 1.3, (len(kind), draws))
    conversations = np.exp(busy)
    levels = [conversations * 700, conversations / 8, 1 + conversations / 4_000, 1 + conversations / 1_500]
    noisy = [level * np.exp(rng.normal(0, 0.4, conversations.shape)) for level in levels]
    return np.asarray(np.rint(np.stack([conversations, *noisy], axis=2)))


def logged(world: OtherWorld, *, seed: int, by: Policy | None = None) -> TrainingSet:
    """The world's organisations as a log: who recommends (or a crude policy) varied the first place, and each chose."""
    rng = np.random.default_rng([seed, 99])
    parts = [_logged(part, world.tastes, rng, by) for part in world.parts]
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    names = np.array([f"{seed}-{i}" for i in range(len(joined["group_sizes"]))], dtype=object)
    return TrainingSet(
        feature_names=tuple(FEATURES), decisions=names, organizations=names,
        decided_at_us=rng.permutation(len(names)) * 60_000_000, digest="0" * 64, **joined,
    )  # fmt: skip


def _logged(part: Asked, tastes: Tastes, rng: np.random.Generator, by: Policy | None) -> dict[str, Any]:
    plans, situations = part.plans, part.situations
    n, p = situations.eligible.shape
    liked = tastes.of_plan[part.kind] > tastes.of_plan.mean()
    crude = by(part) if by else liked - np.log1p(Facts(situations, plans).bill_cents / 1_000)
    propensity = 0.1 / p + 0.9 * chances(crude / 0.7, np.full((n, 1), -np.inf))
    first = (np.cumsum(propensity, axis=1) > rng.random((n, 1))).argmax(axis=1)
    order = positions_by_group((crude + 99.0 * (np.arange(p) == first[:, None])).ravel(), np.full(n, p)).reshape(n, p)
    shown = np.zeros((n, p, 3))
    shown[:] = order[:, :, None] == np.arange(1, 4)
    utilities, outside = part.utilities(tastes, plans)
    felt = utilities[:, 0] + shown @ np.array(POSITION_BIAS) + rng.gumbel(size=(n, p))
    chosen = (felt == felt.max(axis=1, keepdims=True)) & (felt > outside[:, 0] + rng.gumbel(size=(n, 1)))
    taken = np.where(chosen.any(axis=1), chosen.argmax(axis=1), -1)
    lasts, seen = rng.exponential(1 / tastes.hazard[taken]) * 30, rng.uniform(20, 300, n)
    stays = np.where(taken == situations.current_plan, "stayed", "took")
    outcomes = np.where(taken < 0, "nothing", np.where(lasts < seen, "left", stays)).astype(object)
    features, sizes = feature_rows(feature_cube(situations, plans), situations.eligible)
    return {
        "features": features, "group_sizes": sizes, "positions": shown.reshape(n * p, 3), "order": order.ravel(),
        "chosen": chosen.ravel().astype(np.float64), "propensity": propensity.ravel(), "outcomes": outcomes,
        "kept_days": np.minimum(lasts, seen), "plans": np.tile(np.array(plans.codes, dtype=object), n),
    }  # fmt: skip


def expected(truth: Floats, scores: Floats, group_sizes: Integers) -> dict[str, float]:
    """Hit@1 and NDCG@3 expected under the true probabilities, among decisions in which a plan is taken."""
    positions = positions_by_group(scores, group_sizes)
    gain = np.where(positions <= 3, 1 / np.log2(1 + positions), 0.0)
    total = truth.sum()
    return {"hit": float(truth[positions == 1].sum() / total), "ndcg": float((truth * gain).sum() / total)}


def slices(parts: Sequence[Asked]) -> dict[str, NDArray[np.bool_]]:
    """Name → which decisions (n,) are in it; a decision is in several."""
    codes = parts[0].plans.templates
    kind = np.concatenate([part.kind for part in parts])
    silent = np.concatenate([~Facts(part.situations, part.plans).usage_known.any(axis=1) for part in parts])
    held = np.concatenate([part.situations.current_plan >= 0 for part in parts])
    number = np.repeat(np.arange(len(parts)), [len(part.situations) for part in parts])
    named = {f"template {code}": kind == place for place, code in enumerate((*codes, "none"))}
    return named | {
        "usage unknown": silent, "usage known": ~silent, "holds a plan": held, "holds none": ~held,
        "as listed": number < 2, "promotion of tier 2": number == 2, "promotion of tier 3": number == 3,
    }  # fmt: skip
