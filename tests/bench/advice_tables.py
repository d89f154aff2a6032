"""What the raw tables and the two YAML files say, asked without anything of the recommender.

Usage comes from the raw events by SQL, plans from the files as they are written, and the projection is worked out once
more from its definition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp, floor, sqrt
from pathlib import Path
from typing import Any, Final

import duckdb
import yaml

from data_contracts.catalogue import CATALOGUE_PATH, OFFERS_PATH

COUNTS: Final = ("conversations", "ai_tokens")
LEVELS: Final = ("documents", "assistants", "seats")
WINDOW: Final = 29
DAY: Final = 86_400.0


@dataclass(frozen=True)
class PlanOnPaper:
    """A plan as the two files say it."""

    family: str
    templates: frozenset[str]
    price_cents: float
    """Of a month: at list, or once it is `charged`, the mean of the next twelve."""
    limits: Mapping[str, float]
    features: frozenset[str]
    per_unit_cents: Mapping[str, float]
    now_cents: float
    """What is charged at first."""
    year_cents: float
    """Of a month that is paid by the year: the first one with its promotion."""
    months: int | None = None
    """For so many months; `None`: it stays."""

    def bill(self, usage: Mapping[str, float]) -> float:
        """The price and what is used beyond the limits of what renews, in minor units."""
        return self.price_cents + self._beyond(usage)

    def bill_by_year(self, usage: Mapping[str, float]) -> float:
        """The same if the plan is paid by the year."""
        return self.year_cents + self._beyond(usage)

    def _beyond(self, usage: Mapping[str, float]) -> float:
        over = {metric: max(usage.get(metric, 0.0) - self.limits[metric], 0.0) for metric in self.per_unit_cents}
        return float(sum(units * self.per_unit_cents[metric] for metric, units in over.items()))


def charged(
    plans: Mapping[str, PlanOnPaper],
    promotions: Mapping[str, Mapping[str, Any]],
    *,
    held: str | None,
    paid_before: bool,
    country: str,
    templates: frozenset[str],
    at: datetime,
) -> dict[str, PlanOnPaper]:
    """The plans as one organisation would be charged by the month: with the promotion that saves most in a year."""
    families = {plan.family for plan in plans.values() if plan.templates & templates}
    families |= {plan.family for code, plan in plans.items() if code == held}
    found = dict(plans)
    for promotion in promotions.values():
        meant, window = promotion.get("for") or {}, promotion.get("available") or {}
        mine = not (meant.get("new_customers") and paid_before)
        mine &= not meant.get("families") or bool(families & set(meant["families"]))
        mine &= not meant.get("countries") or country in meant["countries"]
        mine &= not window or _instant(window["from"]) <= at < _instant(window["until"])
        if not mine:
            continue
        for code in set(promotion["plans"]) if "year" in promotion["intervals"] else ():
            found[code] = replace(found[code], year_cents=_by_year(plans[code].year_cents, promotion, found[code]))
        for code in set(promotion["plans"]) - {held} if "month" in promotion["intervals"] else ():
            list_price, cycles = plans[code].price_cents, promotion.get("cycles")
            now = list_price * (1 - promotion.get("percent", 0) / 100) - 100 * float(promotion.get("amount", 0))
            months = min(cycles or 12, 12)
            mean = (months * now + (12 - months) * list_price) / 12
            if mean < found[code].price_cents:
                found[code] = replace(found[code], price_cents=mean, now_cents=now, months=cycles)
    return found


def _by_year(list_cents: float, promotion: Mapping[str, Any], found: PlanOnPaper) -> float:
    """A twelfth of the first year's price, at the best promotion."""
    off = 12 * list_cents * promotion.get("percent", 0) / 100 + 100 * float(promotion.get("amount", 0))
    return float(min(found.year_cents, list_cents - off / 12))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def plans_on_paper(offers: Mapping[str, Any]) -> dict[str, PlanOnPaper]:
    """Every plan by its code."""
    catalogue = yaml.safe_load(CATALOGUE_PATH.read_text("utf-8"))
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
            now_cents=100.0 * float(plan["price"]),
            year_cents=float(plan["price"]) * (100 - offers["annual_discount_percent"]),
            per_unit_cents={metric: 100 * float(each["price"]) / each["per"] for metric, each in overage.items()},
        )
    return found


class RawTables:
    """A folder of raw tables, asked by SQL."""

    def __init__(self, folder: Path, *, offers: Path = OFFERS_PATH) -> None:
        self._database = duckdb.connect(config={"threads": 1})  # small questions: no time lost to sharing them
        for name in ("organizations", "template_installs", "integrations", "usage_events", "subscriptions"):
            self._database.execute(f"CREATE TABLE {name} AS FROM read_parquet('{folder / name}.parquet')")
        self._offers = yaml.safe_load(offers.read_text("utf-8"))
        self._plans = plans_on_paper(self._offers)

    def plans(self, name: str, at: datetime) -> dict[str, PlanOnPaper]:
        """The plans as this organisation would be charged."""
        (country,) = self._ask("SELECT country FROM organizations WHERE organization_id = ?", name)[0]
        (paid,) = self._ask("SELECT count(*) FROM subscriptions WHERE organization_id = ?", name)[0]
        templates = self.on("template_installs", "template", "installed", name)
        return charged(
            self._plans,
            self._offers.get("promotions") or {},
            held=self.held(name),
            paid_before=paid > 0,
            country=country,
            templates=templates,
            at=at,
        )

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

    def weeks(self, name: str, metric: str, at: datetime) -> tuple[float, ...]:
        """What was counted in each of the four whole weeks before the day, the latest first."""
        rows = self._ask(
            "SELECT floor((date_diff('day', CAST(occurred_at AT TIME ZONE 'UTC' AS DATE), CAST(? AS DATE)) - 1) / 7.0),"
            " sum(quantity) FROM usage_events WHERE organization_id = ? AND metric = ? GROUP BY 1",
            at.date().isoformat(),
            name,
            metric,
        )
        used = {int(week): float(total) for week, total in rows}
        return tuple(used.get(week, 0.0) for week in range(4))

    def _seconds(self, name: str, at: datetime) -> list[float]:
        (trial,) = self._ask("SELECT epoch_us(trial_started_at) FROM organizations WHERE organization_id = ?", name)[0]
        midnight = datetime(at.year, at.month, at.day, tzinfo=UTC)
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(trial))
        days = []
        for day in range(WINDOW):
            begins = midnight - timedelta(days=day)
            ends = min(begins + timedelta(days=1), at)
            days.append(float(max((ends - max(begins, start)) // timedelta(seconds=1), 0)))
        return days

    def _ask(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        return self._database.execute(query, list(params)).fetchall()


AGREEMENT: Final = (0.0, 0.4, 0.5, 0.6)


def projected(used: list[float], seconds: list[float]) -> float:
    """What `recommender.ranking.projection` says it does, in plain numbers; the latest day comes first."""
    days, total = sum(seconds) / DAY, sum(used)
    since = sum(units for units, time in zip(used, seconds, strict=True) if time > 0) / sqrt(days * days + 1)
    pace = max(since, total / WINDOW)
    weeks = [range(1 + 7 * week if week else 0, 8 + 7 * week) for week in range(len(AGREEMENT))]
    seen = [sum(seconds[day] for day in week) >= 6 * DAY for week in weeks]
    rates = [sum(used[day] for day in week) / max(sum(seconds[day] for day in week) / DAY, 1.0) for week in weeks]
    agreed = [(rate, exp(much)) for rate, much, there in zip(rates, AGREEMENT, seen, strict=True) if there]
    least = min((rate * factor for rate, factor in agreed), default=0.0) if seen[0] else 0.0
    if all(seen):
        pace = min(pace, max(least, *(rate / factor for rate, factor in agreed)))
    return float(floor(30 * max(pace, least) + 0.5))
