"""What a reader of one answer can find fault with, and whether the raw tables bear out what it says.

Nothing of the recommender is used: usage comes from the raw events by SQL, plans from the two YAML files, and the
projection is worked out once more from its definition.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, floor, inf, log, sqrt
from pathlib import Path
from typing import Any, Final

import duckdb
import yaml

from data_contracts.catalogue import CATALOGUE_PATH, OFFERS_PATH

FAULTS: Final[Mapping[str, int]] = {
    "dearer than the alternative without a named need": 0,
    "a card of an unrelated family": 0,
    "the plan held on no card": 0,
    "a reason that holds for the alternative too": 0,
    "recommended and blocked": 0,
    "two adjacent requests differ": 0,
    "month and year recommend different plans": 0,
    "usage spoken of that was never reported": 0,
}
"""Fault → how often it may be seen; the year's other prices may justify another plan, which is counted all the same."""
NEEDS: Final = {
    "usage_needs",
    "usage_beyond",
    "limits_passed",
    "limit_reached_soon",
    "integration_connected",
    "template_installed",
}
COUNTS: Final = ("conversations", "ai_tokens")
LEVELS: Final = ("documents", "assistants", "seats")
WINDOW: Final = 29
DAY: Final = 86_400.0
CENT: Final = 1


@dataclass(frozen=True)
class PlanOnPaper:
    """A plan as the two files say it."""

    family: str
    templates: frozenset[str]
    price_cents: float
    limits: Mapping[str, float]
    features: frozenset[str]
    per_unit_cents: Mapping[str, float]

    def bill(self, usage: Mapping[str, float]) -> float:
        """The price and what is used beyond the limits of what renews, in minor units."""
        over = {metric: max(usage.get(metric, 0.0) - self.limits[metric], 0.0) for metric in self.per_unit_cents}
        return self.price_cents + sum(units * self.per_unit_cents[metric] for metric, units in over.items())


def plans_on_paper() -> dict[str, PlanOnPaper]:
    """Every plan by its code."""
    catalogue = yaml.safe_load(CATALOGUE_PATH.read_text("utf-8"))
    offers = yaml.safe_load(OFFERS_PATH.read_text("utf-8"))
    family_of = {code: name for name, family in offers["families"].items() for code in family["tiers"]}
    found = {}
    for code, plan in catalogue["plans"].items():
        if code not in family_of:
            continue
        own = plan.get("usageLimits") or {}
        limits = {
            metric: float(own[metric]["value"] if metric in own else limit["defaultValue"])
            for metric, limit in catalogue["usageLimits"].items()
        }
        overage = offers["plans"].get(code, {}).get("overage", {})
        found[code] = PlanOnPaper(
            family=family_of[code],
            templates=frozenset(offers["families"][family_of[code]]["templates"]),
            price_cents=100.0 * float(plan["price"]),
            limits=limits,
            features=frozenset(name for name, feature in plan["features"].items() if feature["value"]),
            per_unit_cents={metric: 100 * float(each["price"]) / each["per"] for metric, each in overage.items()},
        )
    return found


class RawTables:
    """A folder of raw tables, asked by SQL."""

    def __init__(self, folder: Path) -> None:
        self._database = duckdb.connect()
        for name in ("organizations", "template_installs", "integrations", "usage_events", "subscriptions"):
            self._database.execute(f"CREATE TABLE {name} AS FROM read_parquet('{folder / name}.parquet')")
        self.plans = plans_on_paper()

    def organisations(self) -> list[str]:
        """All names, in order."""
        return [name for (name,) in self._ask("SELECT organization_id FROM organizations ORDER BY 1")]

    def on(self, table: str, subject: str, state: str, name: str) -> frozenset[str]:
        """The templates installed, or integrations connected, by the last word on each."""
        rows = self._ask(
            f"SELECT {subject}, arg_max(change, (recorded_at, occurred_at, event_id)) FROM {table}"
            f" WHERE organization_id = ? GROUP BY 1",
            name,
        )
        return frozenset(code for code, change in rows if change == state)

    def held(self, name: str) -> str | None:
        """The plan that is paid for by the last word on the subscription."""
        rows = self._ask(
            "SELECT plan, status FROM subscriptions WHERE organization_id = ? ORDER BY occurred_at DESC LIMIT 1", name
        )
        return next((plan for plan, status in rows if status == "active"), None)

    def levels(self, name: str, at: datetime, *, days_before: int = 0) -> dict[str, float]:
        """The last reading of each level by the end of a day so many days before."""
        until = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1 - days_before)
        rows = self._ask(
            "SELECT metric, arg_max(quantity, (occurred_at, quantity)) FROM usage_events"
            " WHERE organization_id = ? AND occurred_at < ? AND occurred_at <= ? GROUP BY 1",
            name,
            until,
            at,
        )
        return {metric: float(value) for metric, value in rows if metric in LEVELS}

    def silent(self, name: str, at: datetime) -> bool:
        """Whether nothing was reported in three weeks."""
        start = datetime(at.year, at.month, at.day, tzinfo=UTC) - timedelta(days=20)
        (count,) = self._ask(
            "SELECT count(*) FROM usage_events WHERE organization_id = ? AND occurred_at >= ?", name, start
        )[0]
        return not count

    def monthly(self, name: str, metric: str, at: datetime) -> float:
        """The next thirty days of a count: the daily rate of the window carried on with part of its growth."""
        rows = self._ask(
            "SELECT date_diff('day', CAST(occurred_at AT TIME ZONE 'UTC' AS DATE), CAST(? AS DATE)), sum(quantity)"
            " FROM usage_events WHERE organization_id = ? AND metric = ? AND occurred_at <= ? GROUP BY 1",
            at.date().isoformat(),
            name,
            metric,
            at,
        )
        used = {int(day): float(total) for day, total in rows if 0 <= day < WINDOW}
        seconds = self._seconds(name, at)
        return projected([used.get(day, 0.0) for day in range(WINDOW)], seconds)

    def _seconds(self, name: str, at: datetime) -> list[float]:
        (trial,) = self._ask("SELECT epoch_us(trial_started_at) FROM organizations WHERE organization_id = ?", name)[0]
        (oldest,) = self._ask(
            "SELECT max(date_diff('day', CAST(occurred_at AT TIME ZONE 'UTC' AS DATE), CAST(? AS DATE)))"
            " FROM usage_events WHERE organization_id = ? AND occurred_at <= ?"
            " AND date_diff('day', CAST(occurred_at AT TIME ZONE 'UTC' AS DATE), CAST(? AS DATE)) < 29",
            at.date().isoformat(),
            name,
            at,
            at.date().isoformat(),
        )[0]
        midnight = datetime(at.year, at.month, at.day, tzinfo=UTC)
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(trial))
        if oldest is not None:
            start = min(start, midnight - timedelta(days=int(oldest)))
        days = []
        for day in range(WINDOW):
            begins = midnight - timedelta(days=day)
            ends = min(begins + timedelta(days=1), at)
            days.append(float(max((ends - max(begins, start)) // timedelta(seconds=1), 0)))
        return days

    def _ask(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        return self._database.execute(query, list(params)).fetchall()


def projected(used: list[float], seconds: list[float]) -> float:
    """What `recommender.ranking.projection` says it does, in plain numbers; the latest day comes first."""
    days, active = sum(seconds) / DAY, [day for day in range(len(used)) if seconds[day] > 0]
    total = sum(used)
    if not days or not total:
        return 0.0
    mean, rate = total / len(active), total / days
    squares = sum((used[day] - rate * seconds[day] / DAY) ** 2 for day in range(len(used))) / mean**2
    variation = (squares + 3) / (len(active) + 3)
    half = 7 * (len(active) // 14) if len(active) >= 14 else len(active) // 2

    def speed(of: list[int]) -> float:
        return sum(used[day] for day in of) / max(sum(seconds[day] for day in of) / DAY, 1e-12)

    trend = 0.0
    if half:
        floor_rate = 0.1 * total / max(days, 1.0)
        recent, earlier = speed(active[:half]) + floor_rate, speed(active[half : 2 * half]) + floor_rate
        trend = min(max(log(recent / earlier), -1.5), 1.5)
    believed = 0.16 / (0.16 + 2 * variation / max(half, 1))
    return float(floor(30 * total / sqrt(days * days + 1) * exp(2 / 3 * believed * trend) + 0.5))


@dataclass(frozen=True)
class Known:
    """What the raw tables say of one organisation."""

    held: str | None
    templates: frozenset[str]
    integrations: frozenset[str]
    usage: Mapping[str, float]
    levels: tuple[Mapping[str, float], ...]
    """Now, a week and two weeks ago."""
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
        plans=tables.plans,
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
    dearer = first["projected_bill"]["amount_cents"] > shown[alternative]["projected_bill"]["amount_cents"] + CENT
    named = any(each["code"] in NEEDS and each["params"].get("plan", alternative) == alternative for each in reasons)
    said = [each["code"] for each in reasons if each["code"] not in {"integration_connected", "template_installed"}]
    told = first["projected_bill"]["usage_known"]
    faults = {
        "dearer than the alternative without a named need": dearer and not named,
        "a card of an unrelated family": bool(own) and bool({card["family"] for card in cards} - own),
        "the plan held on no card": k.held is not None and k.held not in shown,
        "a reason that holds for the alternative too": alternative != first["plan"]
        and any(_holds_for(each, alternative, k) for each in reasons),
        "recommended and blocked": first["selection"]["state"] in {"blocked", "unavailable"},
        "two adjacent requests differ": again != month,
        "month and year recommend different plans": year["plans"][0]["plan"] != first["plan"],
        "usage spoken of that was never reported": not k.usage and (told or bool(said)),
    }
    found = Counter({fault: 1 for fault, there in faults.items() if there})
    found["asked"] = 1
    found["with usage"], found["usage unknown"] = int(told), int(not told)
    found["with a reason"] = int(told and bool(reasons))
    found["guard changed the first plan"] = int(month["guard"] is not None)
    found["sent to sales"] = int(month["enterprise"]["message"] is not None)
    found["reasons re-derived"] = len(reasons)
    found["reasons true"] = sum(_is_so(each, first["plan"], k) for each in reasons)
    return found


def alternative_of(cards: list[dict[str, Any]], *, held: str | None) -> str:
    """The plan held, else the cheapest card of the recommended family that may be taken."""
    if held in {card["plan"] for card in cards}:
        return str(held)
    family = [card for card in cards if card["family"] == cards[0]["family"]]
    free = [card for card in family if card["selection"]["state"] not in {"blocked", "unavailable"}] or family
    return str(min(free, key=lambda card: (card["projected_bill"]["amount_cents"], card["tier"]))["plan"])


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
    if code in {"saves", "bill_lower", "cheapest_bill", "enough"}:
        return bool(paper.bill(k.usage) <= said["amount_cents"] + CENT)
    return False


def _is_so(reason: Mapping[str, Any], plan: str, k: Known) -> bool:
    """Whether the raw tables and the two files bear the reason out, figure by figure."""
    said = reason["params"]
    metric = said.get("metric")
    if metric is not None and "used" in said and not _near(k.usage.get(metric, -1.0), said["used"], metric):
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


def _soon(said: Mapping[str, Any], mine: PlanOnPaper, k: Known) -> bool:
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
    "usage_needs": _passed,
    "usage_beyond": _passed,
    "limits_passed": _passed,
    "usage_near_limit": _close,
    "growth": lambda said, mine, k: k.usage[said["metric"]] > 0 and mine.limits[said["metric"]] > 0,
}


def _near(value: float, said: float, metric: str) -> bool:
    """Levels to the unit; projections as far as a minute between the two makes a difference."""
    return value == said if metric in LEVELS else abs(value - said) <= max(2.0, 0.005 * value)
