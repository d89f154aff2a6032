"""Checks whether a reason's message is true, by other code than the code that found the reason.

The figures of a message are computed again from daily usage and the catalogue's plans, not from features or plan
tables. Only the projection of usage, which is a definition, is shared with the code under audit.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from models.judging.audited_facts import ReasonChecker

NOT_TRIVIAL: Final = 0.2
"""Share of a limit from which it is worth a word that usage fits."""
CENT: Final = 1
"""Allowed difference between a bill rounded line by line and one rounded at the end, in minor units."""


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
    """If the lesser of the last two weeks' growth goes on, the limit is passed in so many weeks, and not before.

    What is counted: if the pace of the last week does.
    """
    used, other = _said(w, claim, rival)
    if other >= w.limit(plan, claim["metric"]):
        return False
    if claim["metric"] in w.weeks:
        return used <= other < w.at_last_pace(claim["metric"]) and claim["weeks"] == _weeks_to(w, claim, other)
    now, week, fortnight = w.levels[claim["metric"]]
    weekly, weeks = min(now - week, week - fortnight), claim["weeks"]
    return bool(weekly > 0 and weeks <= 8 and used + weekly * (weeks - 1) <= other < used + weekly * weeks)


def _weeks_to(w: ReasonChecker, claim: Claim, limit: float) -> int:
    """Weeks at the last pace until the units of four weeks, as of 30 days, pass the limit."""
    weekly = w.at_last_pace(claim["metric"]) * 7 / 30
    for number in (1, 2, 3):
        if (number * weekly + sum(w.weeks[claim["metric"]][: 4 - number])) * 30 / 28 > limit:
            return number
    return 4


def _bill_soon(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """Dearer now, and cheaper once every week is like the last."""
    ahead = w.ahead()
    own, other = (w.bill(code, usage=ahead) for code in (plan, rival))
    matches = abs(claim["ahead_amount_cents"] - own) <= CENT and abs(claim["ahead_other_amount_cents"] - other) <= CENT
    used = claim["plan"] == rival and claim["used"] == ahead[claim["metric"]] > w.limit(rival, claim["metric"])
    return bool(matches and used and own < other and w.bill(rival) < w.bill(plan))


def _by_year(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """Over a limit beyond which more is sold; dearer by the month, and cheaper by the year."""
    used, other = _said(w, claim, rival)
    own, its = w.year_bill(plan), w.year_bill(rival)
    matches = abs(claim["year_amount_cents"] - own) <= CENT and abs(claim["year_other_amount_cents"] - its) <= CENT
    matches &= abs(claim["dearer_amount_cents"] - (w.bill(plan) - w.bill(rival))) <= CENT
    beyond = claim["metric"] in w.beyond(rival) and used > other
    return bool(matches and beyond and own < its and w.bill(rival) < w.bill(plan))


def _grows(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """Growth of a fifth at least, and no less than the damped percentage of the message."""
    recent, earlier = w.daily.get(claim["metric"], (0.0, 0.0))
    larger = w.limit(plan, claim["metric"]) > w.limit(rival, claim["metric"])
    return larger and claim["percent"] >= 20 and recent >= earlier * (1 + (claim["percent"] - 0.5) / 100)


def _lower(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    own, other = w.bill(plan), w.bill(rival)
    matches = abs(claim["amount_cents"] - own) <= CENT and abs(claim["other_amount_cents"] - other) <= CENT
    difference = abs(claim["saving_amount_cents"] - (other - own)) <= CENT
    overage = abs(claim["overage_amount_cents"] - (other - w.price(rival))) <= CENT
    return claim["plan"] == rival and bool(w.usage.expected) and matches and difference and overage and own < other


def _blocked(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """More is stored than the smaller plan holds, which costs less."""
    used, other = _said(w, claim, rival)
    smaller = w.plan(rival).family == w.plan(plan).family and w.plan(rival).tier < w.plan(plan).tier
    return bool(smaller and claim["metric"] in w.levels and used > other and w.bill(rival) <= w.bill(plan))


def _saves(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    return rival == w.current_plan and _lower(w, claim, plan, rival)


def _cheapest(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    return _lower(w, claim, plan, rival) and w.bill(plan) <= min(map(w.bill, w.candidates)) + CENT


def _enough(w: ReasonChecker, claim: Claim, plan: str, rival: str) -> bool:
    """Cheaper, holds all that is used, and nothing that the organisation needs is in the dearer plan alone."""
    over = any(used > w.limit(plan, metric) for metric, used in w.usage.expected.items())
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
    "bill_passed_soon": _bill_soon,
    "cheaper_by_year": _by_year,
    "growth": _grows,
    "saves": _saves,
    "bill_lower": _lower,
    "cheapest_bill": _cheapest,
    "enough": _enough,
    "smaller_blocked": _blocked,
}
"""Code of a reason → check of its message, given its parameters, the recommended plan and the rival."""


def is_true(w: ReasonChecker, *, code: str, params: Claim, plan: str, rival: str) -> bool:
    """Whether the message of a reason is true; False for an unknown code or missing parameters."""
    try:
        return CHECKS[code](w, params, plan, rival)
    except (KeyError, TypeError):
        return False
