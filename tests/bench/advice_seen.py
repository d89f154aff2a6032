"""What a reader of one answer can find fault with, and whether the raw tables bear out what it says."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Final

from tests.bench.advice_tables import COUNTS, LEVELS, PlanOnPaper, RawTables

FAULTS: Final[Mapping[str, int]] = {
    "dearer than the alternative without a named need": 0,
    "a card of an unrelated family": 0,
    "the plan held on no card": 0,
    "a reason that holds for the alternative too": 0,
    "recommended and blocked": 0,
    "two adjacent requests differ": 0,
    "month and year recommend different plans": 0,
    "year: dearer than another card without a named need": 0,
    "usage spoken of that was never reported": 0,
    "a bill that is not what would be charged": 0,
    "a reason whose money is not that of the cards": 0,
    "same amount said twice": 0,
}
"""Fault → how often it may be seen."""
NEEDS: Final = {
    "usage_needs",
    "usage_beyond",
    "limits_passed",
    "limit_reached_soon",
    "bill_passed_soon",
    "cheaper_by_year",
    "integration_connected",
    "template_installed",
}
CENT: Final = 1
_AMOUNT: Final = re.compile(r"€[\d,]+(?:\.\d+)?")


@dataclass(frozen=True)
class Known:
    """What the raw tables say of one organisation."""

    held: str | None
    templates: frozenset[str]
    integrations: frozenset[str]
    usage: Mapping[str, float]
    levels: tuple[Mapping[str, float], ...]
    """Now, a week and two weeks ago."""
    weeks: Mapping[str, tuple[float, ...]]
    """What was counted in each of the four whole weeks before today, the latest first."""
    plans: Mapping[str, PlanOnPaper]


def known(tables: RawTables, name: str, at: datetime) -> Known:
    """Ask the raw tables about one organisation."""
    silent = tables.silent(name, at)
    levels = tuple({} if silent else tables.levels(name, at, days_before=days) for days in (0, 7, 14))
    counts = {} if silent else {metric: tables.monthly(name, metric, at) for metric in COUNTS}
    return Known(
        held=tables.held(name),
        templates=tables.on("template_installs", "template", "installed", name),
        integrations=tables.on("integrations", "integration", "connected", name),
        usage={**counts, **levels[0]},
        levels=levels,
        weeks={} if silent else {metric: tables.weeks(name, metric, at) for metric in COUNTS},
        plans=tables.plans(name, at),
    )


def seen(
    month: dict[str, Any],
    *,
    again: dict[str, Any],
    year: dict[str, Any],
    tables: RawTables,
    name: str,
    at: datetime,
) -> Counter[str]:
    """Count what is wrong with the answers to one organisation."""
    k, cards = known(tables, name, at), month["plans"]
    first = cards[0]
    shown = {card["plan"]: card for card in cards}
    alternative = alternative_of(cards, held=k.held)
    own = {each.family for each in k.plans.values() if each.templates & k.templates}
    own |= {k.plans[k.held].family} if k.held else set()
    reasons = first["reasons"]
    said = [each["code"] for each in reasons if each["code"] not in {"integration_connected", "template_installed"}]
    told = first["projected_bill"]["usage_known"]
    differ = year["plans"][0]["plan"] != first["plan"]
    both = cards + year["plans"]
    by_year = {card["plan"]: _compared(card) for card in year["plans"]}
    offered = any(card["promotion"] is not None for card in (first, year["plans"][0]))
    told_apart = offered and year["context"]["params"].get("elsewhere") == first["plan"]
    faults = {
        "dearer than the alternative without a named need": _dear_without_a_need(cards, held=k.held),
        "a card of an unrelated family": bool(own) and bool({card["family"] for card in both} - own),
        "the plan held on no card": k.held is not None and not all(k.held in each for each in (shown, by_year)),
        "a reason that holds for the alternative too": alternative != first["plan"]
        and any(_holds_for(each, alternative, k) for each in reasons),
        "recommended and blocked": any(each["recommended"] and _barred(each) for each in both),
        "two adjacent requests differ": again != month,
        "month and year recommend different plans": differ and not told_apart,
        "year: dearer than another card without a named need": _dear_without_a_need(year["plans"], held=k.held),
        "usage spoken of that was never reported": not k.usage and (told or bool(said)),
        "a bill that is not what would be charged": not all(_as_charged(card, k) for card in cards),
        "a reason whose money is not that of the cards": not all(_agrees(each, first, shown) for each in reasons),
        "same amount said twice": any(_repeats_an_amount(card["reasons"]) for card in cards),
    }
    found = Counter({fault: 1 for fault, there in faults.items() if there})
    found["asked"] = 1
    found["with usage"], found["usage unknown"] = int(told), int(not told)
    found["with a reason"] = int(told and bool(reasons))
    found["guard changed the first plan"] = int(month["guard"] is not None)
    found["month and year differ by an offer, and the year says so"] = int(differ and told_apart)
    found["cards with a promotion"] = sum(card["promotion"] is not None for card in cards)
    found["with a promotion"] = int(first["promotion"] is not None)
    found["sent to sales"] = int(month["enterprise"]["message"] is not None)
    found["reasons re-derived"] = len(reasons)
    found["reasons true"] = sum(_is_so(each, first["plan"], k) for each in reasons)
    return found


def alternative_of(cards: list[dict[str, Any]], *, held: str | None) -> str:
    """The plan held, else the cheapest card of the recommended family that may be taken."""
    if held in {card["plan"] for card in cards}:
        return str(held)
    family = [card for card in cards if card["family"] == cards[0]["family"]]
    free = [card for card in family if not _barred(card)] or family
    return str(min(free, key=lambda card: (_compared(card), card["tier"]))["plan"])


def _barred(card: Mapping[str, Any]) -> bool:
    return card["selection"]["state"] in {"blocked", "unavailable"}


def _dear_without_a_need(cards: list[dict[str, Any]], *, held: str | None) -> bool:
    """Whether the first card costs more than the alternative, and no reason says what for."""
    first, shown = cards[0], {card["plan"]: card for card in cards}
    alternative = alternative_of(cards, held=held)
    needs = [each["params"] for each in first["reasons"] if each["code"] in NEEDS]
    named = any(each.get("plan", alternative) == alternative for each in needs)
    return not named and _compared(first) > _compared(shown[alternative]) + CENT


def _compared(card: Mapping[str, Any]) -> int:
    return int(card["projected_bill"]["compared_cents"])


def _as_charged(card: Mapping[str, Any], k: Known) -> bool:
    """Whether the card's bill is what the two files say: at first, for how long, in the mean."""
    bill, paper = card["projected_bill"], k.plans[card["plan"]]
    now, mean = bill["amount_cents"] - bill["overage_cents"], bill["compared_cents"] - bill["overage_cents"]
    close = abs(now - paper.now_cents) <= CENT and abs(mean - paper.price_cents) <= CENT
    price = (card["promotion"] or card)["price"]["amount_cents"]
    return bool(close and bill["months"] == paper.months and abs(price - paper.now_cents) <= CENT)


def _agrees(reason: Mapping[str, Any], first: Mapping[str, Any], shown: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the amounts of a reason are the bills of the cards that it speaks of."""
    said = reason["params"]
    if "amount_cents" not in said:
        return True
    other = shown.get(said["plan"])
    mine = abs(said["amount_cents"] - _compared(first)) <= CENT
    return mine and (other is None or abs(said["other_amount_cents"] - _compared(other)) <= CENT)


def _repeats_an_amount(reasons: list[dict[str, Any]]) -> bool:
    """Whether two reasons of a card name the same amount of money, as a reader sees it."""
    said = [amount for each in reasons for amount in set(_AMOUNT.findall(each["message"]))]
    return len(said) > len(set(said))


def _holds_for(reason: Mapping[str, Any], plan: str, k: Known) -> bool:
    """Whether another plan satisfies the reason just as well."""
    code, said, paper = reason["code"], reason["params"], k.plans[plan]
    metric = said.get("metric")
    if code in {"usage_needs", "usage_fits", "usage_small", "usage_beyond", "limits_passed"}:
        return bool(said["used"] <= paper.limits[metric])
    if code == "integration_connected":
        return bool(said["integration"] in paper.features)
    if code == "template_installed":
        return bool(said["template"] in paper.templates)
    if code == "enough" and not _holds_everything(paper, k):
        return False
    if code in {"saves", "bill_lower", "cheapest_bill", "enough"}:
        return bool(paper.bill(k.usage) <= said["amount_cents"] + CENT)
    return False


def _holds_everything(paper: PlanOnPaper, k: Known) -> bool:
    """Whether the plan holds all that is stored, and suits and includes what any plan suits and includes."""
    stored = all(k.usage.get(level, 0.0) <= paper.limits[level] for level in LEVELS)
    sold = {code for each in k.plans.values() for code in each.features}
    return stored and (k.integrations & sold) <= paper.features and k.templates <= paper.templates


def _is_so(reason: Mapping[str, Any], plan: str, k: Known) -> bool:
    """Whether the raw tables and the two files bear the reason out, figure by figure."""
    said = reason["params"]
    metric = said.get("metric")
    expected = "used" in said and reason["code"] != "bill_passed_soon"
    if metric is not None and expected and not _near(k.usage.get(metric, -1.0), said["used"], metric):
        return False
    return _CHECKS[reason["code"]](said, k.plans[plan], k)


def _other(said: Mapping[str, Any], k: Known) -> PlanOnPaper:
    return k.plans[said["plan"]]


def _connected(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    return said["integration"] in (k.integrations & mine.features) - _other(said, k).features


def _fits(said: Mapping[str, Any], mine: PlanOnPaper, _: Known) -> bool:
    return "metric" not in said or said["used"] <= said["limit"] == mine.limits[said["metric"]]


def _costs_less(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    own, its = mine.bill(k.usage), _other(said, k).bill(k.usage)
    close = abs(own - said["amount_cents"]) <= 0.01 * own and abs(its - said["other_amount_cents"]) <= 0.01 * its
    return close and own < its


def _last_pace(metric: str, k: Known) -> float:
    """A month like the last week, of which no more counts than twice either week before."""
    return 30 / 7 * min(k.weeks[metric][0], 2 * k.weeks[metric][1], 2 * k.weeks[metric][2])


def _dearer_soon(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    ahead = {**k.usage, **{metric: max(k.usage.get(metric, 0.0), _last_pace(metric, k)) for metric in COUNTS}}
    own, its = mine.bill(ahead), _other(said, k).bill(ahead)
    close = abs(own - said["ahead_amount_cents"]) <= 0.01 * own
    return bool(close and abs(its - said["ahead_other_amount_cents"]) <= 0.01 * its and own < its)


def _cheaper_by_year(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    own, its = mine.bill_by_year(k.usage), _other(said, k).bill_by_year(k.usage)
    dearer = mine.bill(k.usage) - _other(said, k).bill(k.usage)
    close = (
        abs(own - said["year_amount_cents"]) <= 0.01 * own and abs(its - said["year_other_amount_cents"]) <= 0.01 * its
    )
    near = abs(dearer - said["dearer_amount_cents"]) <= 0.01 * mine.bill(k.usage)
    return bool(close and near and own < its and dearer > 0 and _passed(said, mine, k))


def _soon(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    if said["metric"] in COUNTS:
        pace, weeks, limit = _last_pace(said["metric"], k), k.weeks[said["metric"]], said["limit"]
        passed = [(n * pace * 7 / 30 + sum(weeks[: 4 - n])) * 30 / 28 > limit for n in (1, 2, 3)]
        first = (*passed, True).index(True) + 1
        own = _other(said, k).limits[said["metric"]] == limit < mine.limits[said["metric"]]
        return bool(own and said["used"] <= limit < pace and first == said["weeks"])
    now, week, fortnight = (each.get(said["metric"], inf) for each in k.levels)
    limit, weekly = _other(said, k).limits[said["metric"]], min(now - week, week - fortnight)
    return now <= limit == said["limit"] < now + weekly * said["weeks"] and limit < mine.limits[said["metric"]]


def _passed(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    limit = _other(said, k).limits[said["metric"]]
    return bool(said["used"] > said["limit"] == limit < mine.limits[said["metric"]])


def _close(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
    limit = _other(said, k).limits[said["metric"]]
    return bool(0.9 * limit < said["used"] <= said["limit"] == limit < mine.limits[said["metric"]])


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], PlanOnPaper, Known], bool]]] = {
    "template_installed": lambda said, mine, k: said["template"] in k.templates & mine.templates,
    "integration_connected": _connected,
    "current_plan_fits": _fits,
    "usage_fits": _fits,
    "usage_small": _fits,
    "saves": lambda said, mine, k: said["plan"] == k.held and _costs_less(said, mine, k),
    "bill_lower": _costs_less,
    "cheapest_bill": _costs_less,
    "enough": _costs_less,
    "limit_reached_soon": _soon,
    "bill_passed_soon": _dearer_soon,
    "cheaper_by_year": _cheaper_by_year,
    "smaller_blocked": lambda said, mine, k: said["used"] > said["limit"] == _other(said, k).limits[said["metric"]],
    "usage_needs": _passed,
    "usage_beyond": _passed,
    "limits_passed": _passed,
    "usage_near_limit": _close,
    "growth": lambda said, mine, k: k.usage[said["metric"]] > 0 and mine.limits[said["metric"]] > 0,
}


def _near(value: float, said: float, metric: str) -> bool:
    """Levels to the unit; projections as far as a minute between the two makes a difference."""
    return value == said if metric in LEVELS else abs(value - said) <= max(2.0, 0.005 * value)
