"""Quantities that several features share, computed once per batch of decisions and only when needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.chains import on_chain
from recommender.ranking.projection import (
    Projection,
    history_days,
    projected_monthly,
    recent_monthly,
    risen_monthly,
)
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.situation import PlanTable, Situations

UNLIMITED: Final = 1e13
"""The number of units that stands for "no limit" where a finite figure is needed."""

MONEY_SCALE: Final = 1000.0
"""Minor units below which differences of money hardly count."""

MOST_OVERUSE: Final = 5.0
"""Usage counts as at most this multiple of a limit: five times too much is no worse than fifty times."""


@dataclass(frozen=True)
class Facts:
    """n decisions against p plans; what depends on both has shape (n, p)."""

    situations: Situations
    plans: PlanTable
    _known: dict[Callable[["Facts"], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, work: Callable[["Facts"], NDArray[Any]]) -> NDArray[Any]:
        """The result of a function of the facts, (n, ...), computed once for this batch."""
        if work not in self._known:
            self._known[work] = work(self)
        found: NDArray[Any] = self._known[work]
        return found

    def each(self) -> list["Facts"]:
        """Each decision's facts by themselves (n = 1); what is worked out of them so far is not worked out again."""
        return [self._of(slice(i, i + 1)) for i in range(len(self.situations))]

    def _of(self, one: slice) -> "Facts":
        found = Facts(select(self.situations, one), self.plans)
        for name, value in self.__dict__.items():
            if isinstance(value, Projection):
                found.__dict__[name] = Projection(*(getattr(value, each.name)[one] for each in fields(Projection)))
            elif isinstance(value, np.ndarray):
                found.__dict__[name] = value if name in _OF_PLANS else value[one]
        found._known.update({work: value[one] for work, value in self._known.items()})
        return found

    @cached_property
    def projection(self) -> Projection:
        """The next 30 days, (n, metrics) each."""
        return projected_monthly(self.situations)

    @cached_property
    def recent_monthly(self) -> FloatArray:
        """(n, metrics) a month at the pace of the last seven whole days; 0 for levels."""
        return recent_monthly(self.situations)

    @cached_property
    def ahead_monthly(self) -> FloatArray:
        """(n, metrics) units of a month ahead: as projected, or more if the last week's pace goes on."""
        return np.maximum(self.reported_monthly, np.where(self.usage_known, risen_monthly(self.situations), 0.0))

    @cached_property
    def bill_ahead_cents(self) -> FloatArray:
        """(n, p) the bill of a month ahead, in minor units."""
        return self.plans.monthly_price_cents + self.overage_of(self.ahead_monthly)

    @cached_property
    def history_days(self) -> FloatArray:
        """(n,) days on which the product could be used."""
        return history_days(self.situations)

    @property
    def usage_known(self) -> NDArray[np.bool_]:
        """(n, metrics) of what is there anything to say: nothing of what was never, or not lately, reported."""
        return self.projection.known

    @property
    def reported_monthly(self) -> FloatArray:
        """(n, metrics) units of the next month; 0 where nothing is to be said."""
        return self.projection.monthly

    @cached_property
    def reported_bill_cents(self) -> FloatArray:
        """(n, p) the bill of the next month as it may be spoken of: the price alone where usage is not known."""
        return self.plans.monthly_price_cents + self.overage_of(self.reported_monthly)

    @cached_property
    def year_bill_cents(self) -> FloatArray:
        """(n, p) the same if the plan is paid by the year; inf where that is not sold."""
        return self.plans.year_price_cents + self.overage_of(self.reported_monthly)

    @cached_property
    def use_of_limit(self) -> FloatArray:
        """(n, p, metrics) projected usage as a multiple of the limit, at most 5; 0 if a limit of 0 is enough."""
        return self._use_of_limit(self.projection.monthly)

    @cached_property
    def busy_use_of_limit(self) -> FloatArray:
        """(n, p, metrics) the same for the upper end of the 80 % range."""
        return self._use_of_limit(self.projection.high)

    def _use_of_limit(self, usage: FloatArray) -> FloatArray:
        needed = usage[:, None, :]
        limits = self.plans.limits
        share = needed / np.where(limits > 0, limits, 1.0)
        return np.minimum(np.where(limits > 0, share, np.where(needed > 0, MOST_OVERUSE, 0.0)), MOST_OVERUSE)

    @cached_property
    def overage_cents(self) -> FloatArray:
        """(n, p) what projected usage beyond the limits costs a month, in minor units."""
        return self.overage_of(self.projection.monthly)

    def overage_of(self, usage: FloatArray) -> FloatArray:
        """(n, p) minor units for this monthly usage (n, metrics) beyond the limits; what cannot be bought is free."""
        excess = np.maximum(usage[:, None, :] - self.plans.limits, 0.0)
        cost = excess * np.where(np.isnan(self.plans.overage_cents), 0.0, self.plans.overage_cents)
        return np.ascontiguousarray(np.add.accumulate(cost, axis=2)[:, :, -1])

    @cached_property
    def bill_cents(self) -> FloatArray:
        """(n, p) projected monthly bill: price and overage, in minor units."""
        return self.plans.monthly_price_cents + self.overage_cents

    @cached_property
    def log_price(self) -> FloatArray:
        """(p,) or (n, p) net price of a month, log money."""
        return self.plans.once(_log_price, of_prices=True)

    @cached_property
    def log_bill(self) -> FloatArray:
        """(n, p) projected monthly bill, log money."""
        return log_money(self.bill_cents)

    @cached_property
    def log_usage(self) -> FloatArray:
        """(n, metrics) projected monthly units, log(1 + x)."""
        return log1p(self.projection.monthly)

    @cached_property
    def candidates(self) -> NDArray[np.bool_]:
        """(n, p) eligible plans; every plan where none is, so that "the cheapest" always exists."""
        eligible = self.situations.eligible
        return eligible | ~eligible.any(axis=1, keepdims=True)

    def least(self, values: FloatArray) -> FloatArray:
        """(n, 1) the smallest value among a decision's candidates; `values` has shape (n, p) or (p,)."""
        smallest: FloatArray = np.where(self.candidates, values, np.inf).min(axis=1, keepdims=True, initial=np.inf)
        return smallest

    @cached_property
    def next_plan(self) -> IntArray:
        """(p,) the next plan up: lowest higher tier of the family, the first in catalogue order; itself at the top."""
        return self.plans.once(_next_plan)

    @cached_property
    def on_chain(self) -> NDArray[np.bool_]:
        """(p,) whether the plan's family is a chain."""
        return self.plans.once(on_chain)

    @cached_property
    def installed(self) -> FloatArray:
        """(n, 1) how many templates are installed that the catalogue knows."""
        return count(self.situations.templates, axis=1)[:, None]

    @cached_property
    def connected(self) -> FloatArray:
        """(n, 1) how many integrations are connected that the catalogue knows."""
        return count(self.situations.integrations, axis=1)[:, None]

    @cached_property
    def suited(self) -> FloatArray:
        """(n, p) how many of the installed templates the plan's family is meant for."""
        return _shared(self.situations.templates, self.plans.suits)

    @cached_property
    def covered(self) -> FloatArray:
        """(n, p) how many of the connected integrations the plan includes."""
        return _shared(self.situations.integrations, self.plans.covers)

    @cached_property
    def held(self) -> NDArray[np.bool_]:
        """(n, 1) whether one of these plans is held now."""
        return (self.situations.current_plan >= 0)[:, None]

    @cached_property
    def current(self) -> IntArray:
        """(n, 1) index of the plan held now; 0 without one, so read it together with `held`."""
        return np.maximum(self.situations.current_plan, 0)[:, None]


_OF_PLANS: Final = frozenset({"log_price", "next_plan", "on_chain"})
"""Facts of the plans alone, where these have one price for all."""


def select(situations: Situations, rows: slice | IntArray) -> Situations:
    """Some of the decisions, in the order asked for; a row asked for twice stands there twice."""
    return Situations(**{field.name: getattr(situations, field.name)[rows] for field in fields(Situations)})


def stack(parts: Sequence[Situations]) -> Situations:
    """Several batches as one, in the order given."""
    if len(parts) == 1:
        return parts[0]
    return Situations(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Situations)}
    )


def log1p(values: FloatArray) -> FloatArray:
    """log(1 + x) over contiguous memory, so that a value's bits do not depend on its neighbours."""
    return np.log1p(np.ascontiguousarray(values))


def log_money(cents: FloatArray) -> FloatArray:
    """log(1 + minor units / 1000): differences of less than about 10 € hardly count."""
    return log1p(cents / MONEY_SCALE)


def count(true: NDArray[np.bool_], *, axis: int) -> FloatArray:
    """How many are true along an axis, as a float."""
    return np.asarray(np.count_nonzero(true, axis=axis), dtype=np.float64)


def _log_price(plans: PlanTable) -> FloatArray:
    return log_money(plans.monthly_price_cents)


def _next_plan(plans: PlanTable) -> IntArray:
    tier, family = plans.tier, plans.family
    above = (family[:, None] == family) & (tier > tier[:, None])
    following = np.where(above, tier, np.iinfo(np.int64).max).argmin(axis=1) if len(tier) else tier
    return np.where(above.any(axis=1), following, np.arange(len(tier)))


def _shared(of_organisation: NDArray[np.bool_], of_plan: NDArray[np.bool_]) -> FloatArray:
    return count(of_organisation[:, None, :] & of_plan, axis=2)
