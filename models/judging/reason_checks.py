"""Whether what a reason says is so: read from the usage, the catalogue and the bill, by other ways than it was found.

A message claims figures. Here they are worked out again from the days of the cube and from the catalogue's plans, not
from features or plan tables; only the projection, which is a definition, is shared with the code under audit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.cards import MonthlyUsage, projected_bill, projected_usage
from recommender.ranking.derived import Facts
from recommender.ranking.situation import DAY_SECONDS, PlanTable, Situations

CENT: Final = 1
"""Between a bill rounded line by line and one rounded at the end."""


@dataclass(frozen=True)
class ReasonChecker:
    """One organisation at its decision, in the catalogue's own words."""

    catalogue: Catalogue
    interval: Interval
    candidates: tuple[str, ...]
    templates: frozenset[str]
    integrations: frozenset[str]
    current_plan: str | None
    usage: MonthlyUsage
    daily: Mapping[str, tuple[float, float]]
    """Count metric → units a day in the recent and in the earlier half of the history, whole weeks where it allows."""

    def plan(self, code: str) -> Plan:
        """A plan by its code."""
        return self.catalogue.plan(code)

    def limit(self, code: str, metric: str) -> float:
        """A plan's limit of a metric; infinite without one."""
        limit = self.plan(code).limit_of(metric)
        return float("inf") if limit is None else float(limit)

    def bill(self, code: str) -> int:
        """The projected bill of a plan, in minor units."""
        return projected_bill(plan=self.plan(code), interval=self.interval, usage=self.usage, days=0).amount_cents


def reason_checker(situations: Situations, *, catalogue: Catalogue, plans: PlanTable) -> ReasonChecker:
    """Of the one organisation that `situations` holds (n = 1)."""

    def named(there: np.ndarray[Any, np.dtype[np.bool_]], codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(code for code, has in zip(codes, there[0].tolist(), strict=True) if has)

    current = int(situations.current_plan[0])
    return ReasonChecker(
        catalogue=catalogue,
        interval="year" if plans.interval == "year" else "month",
        candidates=named(situations.eligible, plans.codes),
        templates=frozenset(named(situations.templates, plans.templates)),
        integrations=frozenset(named(situations.integrations, plans.integrations)),
        current_plan=None if current < 0 else plans.codes[current],
        usage=projected_usage(Facts(situations, plans)),
        daily=_halves(situations),
    )


def _halves(situations: Situations) -> dict[str, tuple[float, float]]:
    seconds = situations.seconds[0]
    days = [day for day in range(len(seconds)) if seconds[day] > 0]
    half = 7 * (len(days) // 14) if len(days) >= 14 else len(days) // 2
    halves = days[:half], days[half : 2 * half]

    def rate(metric: str, of: list[int]) -> float:
        used = sum(float(situations.totals[0, day, METRICS.index(metric)]) for day in of)
        return used / max(sum(float(seconds[day]) for day in of) / DAY_SECONDS, 1e-9)

    return {
        metric: (rate(metric, halves[0]), rate(metric, halves[1])) for metric in ("conversations", "ai_tokens") if half
    }


Claim = Mapping[str, Any]
"""The parameters of a message."""


def _template(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    def suits(code: str) -> bool:
        meant_for = w.plan(code).templates
        return not meant_for or claim["template"] in meant_for

    return claim["template"] in w.templates and suits(plan) and not suits(rival)


def _integration(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    code = claim["integration"]
    return code in w.integrations and code in w.plan(plan).integrations and code not in w.plan(rival).integrations


def _stays(w: ReasonChecker, claim: Claim, plan: str, _rival: str) -> bool:
    fits = all(units <= w.limit(plan, metric) for metric, units in w.usage.expected.items())
    sold = {code for each in w.catalogue.plans for code in each.integrations}
    return w.current_plan == plan == claim["plan"] and fits and w.integrations & sold <= w.plan(plan).integrations


def _fits(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used = w.usage.expected[claim["metric"]]
    own, other = w.limit(plan, claim["metric"]), w.limit(rival, claim["metric"])
    return claim["used"] == used > 0 and claim["limit"] == own >= used and own < other


def _small(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    down = w.current_plan is not None and w.plan(plan).tier < w.plan(w.current_plan).tier
    return down and _fits(w, claim, plan, rival) and 2 * claim["used"] <= claim["limit"]


def _needs(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used, other = w.usage.expected[claim["metric"]], w.limit(rival, claim["metric"])
    named = claim["used"] == used and claim["plan"] == rival and claim["limit"] == other
    return named and other < used <= w.limit(plan, claim["metric"])


def _near(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used, other = w.usage.expected[claim["metric"]], w.limit(rival, claim["metric"])
    near = 0.9 * other < used <= other < w.limit(plan, claim["metric"])
    return claim["used"] == used and claim["plan"] == rival and claim["limit"] == other and near


def _grows(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """A fifth at least; the figure said is damped, so growth is never less than what is said."""
    recent, earlier = w.daily.get(claim["metric"], (0.0, 0.0))
    larger = w.limit(plan, claim["metric"]) > w.limit(rival, claim["metric"])
    return larger and claim["percent"] >= 20 and recent >= earlier * (1 + (claim["percent"] - 0.5) / 100)


def _cheapest(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    bills = {code: w.bill(code) for code in w.candidates}
    said = abs(claim["amount_cents"] - bills[plan]) <= CENT and abs(claim["other_amount_cents"] - bills[rival]) <= CENT
    return claim["plan"] == rival and said and bills[plan] < bills[rival] and bills[plan] <= min(bills.values()) + CENT


CHECKS: Final[Mapping[str, Callable[[ReasonChecker, Claim, str, str], bool]]] = {
    "template_installed": _template,
    "integration_connected": _integration,
    "current_plan_fits": _stays,
    "usage_fits": _fits,
    "usage_small": _small,
    "usage_needs": _needs,
    "usage_near_limit": _near,
    "growth": _grows,
    "cheapest_bill": _cheapest,
}
"""Code of a reason → whether its message is true, given its parameters, the plan it speaks for and the rival."""


def is_true(w: ReasonChecker, *, code: str, params: Claim, plan: str, rival: str) -> bool:
    """Whether the message is so; a code or a parameter that nobody knows is not."""
    try:
        return CHECKS[code](w, params, plan, rival)
    except (KeyError, TypeError):
        return False
