"""No dearer plan without a named need: what is recommended in place of the plan that a ranker, or a draw, put first.

The *alternative* is what the reader would take otherwise: the plan held, else the cheapest plan of the family by its
projected bill that is not blocked. The cheapest plan is never wrong. Above it a plan is justified if every cheaper plan
on the way, the cheapest included, fails a need that the plan meets (`needs.py`). The plan held is no exception: nobody
is told to go on paying for room that nothing speaks for. Only while usage is unknown, staying needs no reason.

By the month and by the year another plan may be the cheapest. Then the larger one is recommended at both, unless the
smaller one is held: docs/pages/decisions/0025-month-and-year.md.

More usage never leads to a smaller plan by this step. Along a chain (`chains.py`) the lead of a lower plan's bill over
a higher one's only shrinks as usage rises, needs only come, and blockers only take plans away from below. So the
cheapest plan rises, what is justified above it stays justified, and the highest justified plan up to the one that the
ranker wants, which itself rises, does too. Which family is recommended has nothing to do with usage: where several are
open to an organisation, it is the one that the ranker prefers for it as if it used nothing (`at_rest`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.derived import Facts
from recommender.ranking.needs import EQUAL_CENTS, cheaper_by_year, needed_over
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import FloatArray

Why = Literal["blocked", "unrelated_family", "other_family", "no_need"]
"""The objection to the plan that would have been first."""


@dataclass(frozen=True, slots=True)
class Instead:
    """The recommendation if a plan is put first; plans are places in the plan table."""

    plan: int
    """The plan itself where the guard allows it."""
    alternative: int
    """The plan it is weighed against; itself where it is the alternative."""
    why: Why | None
    """The objection to the plan put first."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One decision: the plans that the organisation may be led to, and what they cost it."""

    tiers: Sequence[int]
    families: Sequence[int]
    bills: Sequence[float]
    needed: NDArray[np.bool_]
    """(p, p) whether a need speaks for the plan (first axis) over the other."""
    by_year: NDArray[np.bool_]
    """(p, p) whether the one need is that the plan is cheaper by the year."""
    free: Sequence[int]
    """Candidates that are not blocked, the plan held among them, in the order in which the ranker prefers them."""
    related: frozenset[int]
    """Families that may be recommended."""
    held: int | None
    best: int
    """The candidate that the ranker puts first."""
    homes: Sequence[int]
    """Families that may be recommended, in the order in which the ranker prefers them if nothing is used."""
    highest: int
    """The candidate of the highest tier, blocked or not."""
    steps: Mapping[int, Sequence[int]]
    """Family → its free plans, lowest tier first."""

    def instead_of(self, first: int) -> Instead:
        """The recommendation if this plan is put first; the highest tier where every plan is blocked."""
        if not self.free:
            return Instead(self.highest, self.highest, None if self.highest == first else "blocked")
        own, home = self.families[first] in self.related, self._home()
        astray = not own or self.families[first] not in self.steps
        if astray or (first == self.best and self.families[first] != home):
            wanted = next(i for i in self.free if self.families[i] == home)
        else:
            wanted = first
        steps = self.steps[home if wanted != first else self.families[first]]
        base = self._cheapest(steps)
        found = self._led_to(wanted, steps, base, unlike=self.held)
        why: Why | None = None
        if found != first:
            moved: Why = "other_family" if own and first in self.free and wanted != first else "no_need"
            why = "unrelated_family" if not own else moved if first in self.free else "blocked"
        return Instead(found, base if self.held is None else self.held, why)

    def stands(self, plan: int) -> bool:
        """Whether a plan that is first at the other interval may be first here.

        It can be taken, and is the one held, which is what it is weighed against, or no cheaper one would do as well.
        """
        steps = self.steps.get(self.families[plan], ())
        return plan in steps and plan in {self.held, self._led_to(plan, steps, self._cheapest(steps), unlike=None)}

    def alternative_to(self, plan: int) -> int:
        """The alternative that a plan which `stands` is weighed against."""
        return self._cheapest(self.steps[self.families[plan]]) if self.held is None else self.held

    def _home(self) -> int:
        """The family of the recommendation: the first that has a free plan."""
        return next((family for family in self.homes if family in self.steps), self.families[self.free[0]])

    def _cheapest(self, steps: Sequence[int]) -> int:
        """The cheapest of these plans; of equal bills the lower tier."""
        least = min(self.bills[i] for i in steps)
        return next(i for i in steps if self.bills[i] <= least + EQUAL_CENTS)

    def _led_to(self, wanted: int, steps: Sequence[int], base: int, *, unlike: int | None) -> int:
        """The plan of the family that is recommended if this tier is wanted, and `base` is the cheapest.

        The base gives way to a plan that is cheaper by the year, unless it is `unlike`: then money by the month counts.
        """
        way = [i for i in steps if self.tiers[base] <= self.tiers[i]]
        lifted = [i for i in way[1:] if all(self.by_year[i, j] and j != unlike for j in self._below(i, way))]
        most = max(self.tiers[each] for each in (wanted, base, *lifted))
        up_to = [i for i in way if self.tiers[i] <= most]
        return next(i for i in reversed(up_to) if self._justified(i, up_to, unlike=unlike))

    def _justified(self, plan: int, way: Sequence[int], *, unlike: int | None) -> bool:
        """Whether every cheaper plan on the way up to it fails a need that it meets."""
        return all(
            self.bills[plan] <= self.bills[i] + EQUAL_CENTS
            or self.needed[plan, i]
            or (self.by_year[plan, i] and i != unlike)
            for i in self._below(plan, way)
        )

    def _below(self, plan: int, way: Sequence[int]) -> list[int]:
        return [i for i in way if self.tiers[i] < self.tiers[plan]]


def guards(
    facts: Facts, *, utilities: FloatArray, blocked: NDArray[np.bool_], at_rest: FloatArray | None = None
) -> list[Guard]:
    """The guards of n decisions; `utilities` and `blocked` are (n, p), of which only candidates are looked at.

    `at_rest` (n, p) are the utilities as if nothing was used; it may be left out where no decision has
    `several_families`. The plan held is a candidate that is never blocked. In a family that is no chain bills cross to
    and fro as usage rises; there the list price stands for the bill, and a limit beyond which more is sold is a limit
    all the same.
    """
    eligible = facts.situations.eligible
    held = np.where(facts.held & np.take_along_axis(eligible, facts.current, axis=1), facts.current, -1)[:, 0]
    free = eligible & (~blocked | (np.arange(eligible.shape[1]) == held[:, None]))
    needed, by_year = needed_over(facts), facts.once(cheaper_by_year)
    unknown = np.flatnonzero((held >= 0) & ~facts.usage_known.any(axis=1))
    needed[unknown, held[unknown]] = True
    bills = np.where(facts.on_chain, facts.reported_bill_cents, facts.plans.monthly_price_cents)
    tiers, families = facts.plans.tier.tolist(), facts.plans.family.tolist()
    preferred = np.argsort(-np.where(eligible, utilities, -np.inf), axis=1, kind="stable")
    resting = preferred if at_rest is None else np.argsort(-np.where(eligible, at_rest, -np.inf), axis=1, kind="stable")
    found = []
    for i in range(len(eligible)):
        order = [plan for plan in preferred[i].tolist() if free[i, plan]]
        mine = None if held[i] < 0 else int(held[i])
        related = _related(facts, i, held=mine)
        best = int(preferred[i, 0])
        homes = list(dict.fromkeys(families[plan] for plan in resting[i].tolist() if families[plan] in related))
        there = [plan for plan in preferred[i].tolist() if eligible[i, plan]] or [best]
        highest = max(there, key=tiers.__getitem__)
        steps: dict[int, list[int]] = {}
        for plan in sorted(order, key=tiers.__getitem__):
            steps.setdefault(families[plan], []).append(plan)
        found.append(
            Guard(
                tiers=tiers,
                families=families,
                bills=bills[i].tolist(),
                needed=needed[i],
                by_year=by_year[i],
                free=order,
                related=related,
                held=mine,
                best=best,
                homes=homes,
                highest=highest,
                steps=steps,
            )
        )
    return found


def several_families(facts: Facts) -> NDArray[np.bool_]:
    """(n,) whether more than one family may be recommended."""
    held = np.where(facts.held, facts.current, -1)[:, 0].tolist()
    return np.array([len(_related(facts, i, held=mine if mine >= 0 else None)) > 1 for i, mine in enumerate(held)])


def _related(facts: Facts, one: int, *, held: int | None) -> frozenset[int]:
    """The family held, and those meant for an installed template that it is not meant for; without either, all.

    A family that is meant for every template is nobody's own.
    """
    plans = facts.plans
    beside = plans.suits[held] if held is not None else plans.suits.all(axis=0)
    suited = (facts.situations.templates[one] & plans.suits & ~beside).any(axis=1)
    there = np.flatnonzero(facts.situations.eligible[one]).tolist()
    own = {int(plans.family[i]) for i in there if suited[i] or i == held}
    return frozenset(own or {int(plans.family[i]) for i in there})


def downgrade_blocked(facts: Facts) -> NDArray[np.bool_]:
    """(n, p) whether a lower tier is blocked as `billing.blockers` blocks it, told from the arrays alone."""
    levels = facts.projection.monthly[:, None, ~COUNTS]
    limits, unread = facts.plans.limits[:, ~COUNTS], ~facts.projection.known[:, None, ~COUNTS]
    over = (np.isfinite(limits) & (unread | (levels > limits))).any(axis=2)
    lacking = facts.connected > facts.covered
    lower = facts.held & (facts.plans.tier < facts.plans.tier[facts.current])
    return np.asarray(lower & (over | lacking))
