"""Checks whether a reason's message is true, by other code than the code that found the reason.

The figures of a message are computed again from daily usage and the catalogue's plans, not from features or plan
tables. Only the projection of usage, which is a definition, is shared with the code under audit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import COUNT_METRICS, METRICS
from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.cards import MonthlyUsage, projected_usage
from recommender.ranking.charged_plans import AS_LISTED, Charged
from recommender.ranking.derived import Facts
from recommender.ranking.situation import DAY_SECONDS, PlanTable, Situations

NOT_TRIVIAL: Final = 0.2
"""Share of a limit from which it is worth a word that usage fits."""
CENT: Final = 1
"""Allowed difference between a bill rounded line by line and one rounded at the end, in minor units."""


@dataclass(frozen=True)
class ReasonChecker:
    """The facts of one organisation at its decision, against which the messages of reasons are checked."""

    catalogue: Catalogue
    charged: Charged
    """What the organisation was charged for a plan where that is not what the catalogue says, as logged."""
    interval: Interval
    candidates: tuple[str, ...]
    templates: frozenset[str]
    connected: frozenset[str]
    current_plan: str | None
    usage: MonthlyUsage
    daily: Mapping[str, tuple[float, float]]
    """Counted metric → units a day in the recent and the earlier half of the history, in whole weeks where possible."""
    levels: Mapping[str, tuple[float, float, float]]
    """Level metric → level at the decision, a week and two weeks before it; NaN where unknown."""

    def plan(self, code: str) -> Plan:
        """The plan with this code."""
        return self.catalogue.plan(code)

    def limit(self, code: str, metric: str) -> float:
        """The limit of a plan for a metric; infinite without one."""
        sold = self.charged.get(code, {}).get("limits", {})
        limit = sold[metric] if metric in sold else self.plan(code).limit_of(metric)
        return float("inf") if limit is None else float(limit)

    def integrations(self, code: str) -> frozenset[str]:
        """The integrations that a plan includes."""
        sold = self.charged.get(code, {}).get("integrations")
        return self.plan(code).integrations if sold is None else frozenset(sold)

    def beyond(self, code: str) -> dict[str, float]:
        """Counted metric → price of a unit beyond the limit, in minor units; absent where no more can be bought."""
        listed = {metric: float(price) for metric, price in self.plan(code).overage_cents.items()}
        sold = {**listed, **self.charged.get(code, {}).get("overage_cents", {})}
        return {metric: price for metric, price in sold.items() if price is not None and metric in COUNT_METRICS}

    def price(self, code: str) -> float:
        """What a month of a plan costs, as it is compared, in minor units."""
        months = MONTHS_OF[self.interval]
        return float(self.charged.get(code, {}).get("price_cents", self.plan(code).price_cents[self.interval] / months))

    def bill(self, code: str) -> float:
        """The projected monthly bill of a plan, in minor units."""
        used = self.usage.expected
        over = [
            (max(used.get(each, 0) - self.limit(code, each), 0), price) for each, price in self.beyond(code).items()
        ]
        return self.price(code) + sum(float(units) * price for units, price in over)


def reason_checker(
    situations: Situations, *, catalogue: Catalogue, plans: PlanTable, charged: Charged = AS_LISTED
) -> ReasonChecker:
    """The checker for the single organisation of `situations` (n = 1)."""

    def named(there: np.ndarray[Any, np.dtype[np.bool_]], codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(code for code, has in zip(codes, there[0].tolist(), strict=True) if has)

    current = int(situations.current_plan[0])
    return ReasonChecker(
        catalogue=catalogue,
        charged=charged,
        interval=plans.interval,
        candidates=named(situations.eligible, plans.codes),
        templates=frozenset(named(situations.templates, plans.templates)),
        connected=frozenset(named(situations.integrations, plans.integrations)),
        current_plan=None if current < 0 else plans.codes[current],
        usage=projected_usage(Facts(situations, plans)),
        daily=_halves(situations),
        levels={metric: _weeks(situations, metric) for metric in ("documents", "assistants", "seats")},
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


def _weeks(situations: Situations, metric: str) -> tuple[float, float, float]:
    now, week, fortnight = situations.totals[0, (0, 7, 14), METRICS.index(metric)].tolist()
    return now, week, fortnight


Claim = Mapping[str, Any]
"""Parameter → value of a message."""


def _template(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    def suits(code: str) -> bool:
        meant_for = w.plan(code).templates
        return not meant_for or claim["template"] in meant_for

    return claim["template"] in w.templates and suits(plan) and not suits(rival)


def _lacks(w: ReasonChecker, integration: str, plan: str, rival: str) -> bool:
    """Whether it is connected, and in the plan alone."""
    there, beside = w.integrations(plan), w.integrations(rival)
    return integration in w.connected and integration in there and integration not in beside


def _integration(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    return claim["plan"] == rival and _lacks(w, claim["integration"], plan, rival)


def _stays(w: ReasonChecker, claim: Claim, plan: str, _rival: str) -> bool:
    fits = bool(w.usage.expected) and all(units <= w.limit(plan, metric) for metric, units in w.usage.expected.items())
    sold = {code for each in w.catalogue.plans for code in each.integrations}
    if not (w.current_plan == plan == claim["plan"] and fits and w.connected & sold <= w.integrations(plan)):
        return False
    return "metric" not in claim or _holds(w, claim, plan)


def _holds(w: ReasonChecker, claim: Claim, plan: str) -> bool:
    """Whether usage is as said, is held by the plan, and is not a trifle for it."""
    used, own = w.usage.expected[claim["metric"]], w.limit(plan, claim["metric"])
    return claim["used"] == used > 0 and claim["limit"] == own and NOT_TRIVIAL * own <= used <= own


def _fits(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    return _holds(w, claim, plan) and w.limit(plan, claim["metric"]) < w.limit(rival, claim["metric"])


def _small(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    down = w.current_plan is not None and w.plan(plan).tier < w.plan(w.current_plan).tier
    return down and _fits(w, claim, plan, rival) and 2 * claim["used"] <= claim["limit"]


def _said(w: ReasonChecker, claim: Claim, rival: str) -> tuple[float, float]:
    """Usage and the rival's limit where they are as said; `KeyError` where they are not."""
    used, other = w.usage.expected[claim["metric"]], w.limit(rival, claim["metric"])
    if not (claim["used"] == used and claim["limit"] == other and claim["plan"] == rival):
        raise KeyError(claim["metric"])
    return float(used), other


def _needs(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used, other = _said(w, claim, rival)
    return other < used <= w.limit(plan, claim["metric"])


def _beyond(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used, other = _said(w, claim, rival)
    return bool(other < claim["own_limit"] == w.limit(plan, claim["metric"]) < used)


def _several(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used, other = _said(w, claim, rival)
    passed = [m for m, units in w.usage.expected.items() if w.limit(rival, m) < min(units, w.limit(plan, m))]
    return bool(claim["metric"] in passed and used > other and claim["more"] == len(passed) - 1 > 0)


def _near(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    used, other = _said(w, claim, rival)
    return 0.9 * other < used <= other < w.limit(plan, claim["metric"])


def _soon(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """If the lesser of the last two weeks' growth goes on, the limit is passed in so many weeks, and not before."""
    used, other = _said(w, claim, rival)
    now, week, fortnight = w.levels[claim["metric"]]
    weekly, weeks = min(now - week, week - fortnight), claim["weeks"]
    full = used + weekly * (weeks - 1) <= other < used + weekly * weeks
    return bool(weekly > 0 and weeks <= 8 and full and other < w.limit(plan, claim["metric"]))


def _grows(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """Growth of a fifth at least, and no less than the damped percentage of the message."""
    recent, earlier = w.daily.get(claim["metric"], (0.0, 0.0))
    larger = w.limit(plan, claim["metric"]) > w.limit(rival, claim["metric"])
    return larger and claim["percent"] >= 20 and recent >= earlier * (1 + (claim["percent"] - 0.5) / 100)


def _lower(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    own, other = w.bill(plan), w.bill(rival)
    said = abs(claim["amount_cents"] - own) <= CENT and abs(claim["other_amount_cents"] - other) <= CENT
    difference = abs(claim["saving_amount_cents"] - (other - own)) <= CENT
    overage = abs(claim["overage_amount_cents"] - (other - w.price(rival))) <= CENT
    return claim["plan"] == rival and bool(w.usage.expected) and said and difference and overage and own < other


def _saves(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    return rival == w.current_plan and _lower(w, claim, plan, rival)


def _cheapest(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    return _lower(w, claim, plan, rival) and w.bill(plan) <= min(map(w.bill, w.candidates)) + CENT


def _enough(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """Cheaper, and nothing that the organisation needs is in the dearer plan alone."""
    limits = [limit for limit in w.plan(plan).limits if limit.metric is not None]
    unsold = [each.metric for each in limits if each.metric and each.metric not in w.beyond(plan)]
    over = any(w.usage.expected.get(m, 0) > w.limit(plan, m) < w.limit(rival, m) for m in unsold)
    dear = w.bill(rival) - w.bill(plan) > 2 * w.price(plan)
    lacking = any(_lacks(w, each, rival, plan) for each in w.connected)
    unsuited = any(_template(w, {"template": each}, rival, plan) for each in w.templates)
    return _lower(w, claim, plan, rival) and not over and not unsuited and (dear or not lacking)


CHECKS: Final[Mapping[str, Callable[[ReasonChecker, Claim, str, str], bool]]] = {
    "template_installed": _template,
    "integration_connected": _integration,
    "current_plan_fits": _stays,
    "usage_fits": _fits,
    "usage_small": _small,
    "usage_needs": _needs,
    "usage_beyond": _beyond,
    "limits_passed": _several,
    "usage_near_limit": _near,
    "limit_reached_soon": _soon,
    "growth": _grows,
    "saves": _saves,
    "bill_lower": _lower,
    "cheapest_bill": _cheapest,
    "enough": _enough,
}
"""Code of a reason → check of its message, given its parameters, the recommended plan and the rival."""


def is_true(w: ReasonChecker, *, code: str, params: Claim, plan: str, rival: str) -> bool:
    """Whether the message of a reason is true; False for an unknown code or missing parameters."""
    try:
        return CHECKS[code](w, params, plan, rival)
    except (KeyError, TypeError):
        return False
