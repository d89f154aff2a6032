"""Random catalogues and lives over HTTP come out as a second, simpler reckoning by whole days has them.

The reckoning shares no code with the service: dates, the calendar module, days left over days of the period.
"""

import os
import random
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.serving.lives import Life, amounts, selling, span

DIGITS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
LEAST = {"EUR": 50, "USD": 50, "JPY": 50, "KWD": 1}
"""What Stripe collects at least, in minor units."""
HELD = ("plan", "interval", "period", "anchor", "credit_balance_cents", "carried_cents")
MONTHS = {"month": 1, "quarter": 3, "halfyear": 6, "year": 12}


def nearest(amount: Fraction) -> int:
    """To the nearest whole, half away from zero."""
    return (-1 if amount < 0 else 1) * int((2 * abs(amount) + 1) // 2)


def months_after(anchor: date, months: int) -> date:
    """The anchor's day so many months later, or the last day of a month that is too short."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Shop:
    """A catalogue at random: plan → (family, tier) and → minor units of the month."""

    currency: str
    tiers: dict[str, tuple[int, int]]
    monthly: dict[str, int]
    longer: str
    """The share of the monthly price that is paid at longer intervals."""

    def price(self, plan: str, interval: str) -> int:
        share = Fraction(1 if interval == "month" else self.longer)
        return nearest(MONTHS[interval] * self.monthly[plan] * share)

    @property
    def prices(self) -> dict[str, str]:
        return {plan: str(Decimal(cents).scaleb(-DIGITS[self.currency])) for plan, cents in self.monthly.items()}

    @property
    def offers(self) -> str:
        families: dict[int, list[str]] = {}
        for plan in sorted(self.tiers, key=self.tiers.__getitem__):
            families.setdefault(self.tiers[plan][0], []).append(plan)
        return "families:\n" + "".join(
            f"  f{family}: {{templates: [], tiers: [{', '.join(plans)}]}}\n" for family, plans in families.items()
        )


@dataclass
class Reckoning:
    """What one organisation holds and was charged, day by day."""

    shop: Shop
    plan: str = ""
    interval: str = ""
    anchor: date = date.min
    start: date = date.min
    end: date = date.max
    balance: int = 0
    waiting: tuple[str, str] | None = None
    charged: list[int] = field(default_factory=list)

    def renew_until(self, today: date) -> None:
        while self.end <= today:
            before = self.interval
            self.plan, self.interval = self.waiting or (self.plan, self.interval)
            self.waiting = None
            if MONTHS[self.interval] > MONTHS[before]:
                self.anchor = self.end
            since = (self.end.year - self.anchor.year) * 12 + self.end.month - self.anchor.month
            self.start, self.end = self.end, months_after(self.anchor, since + MONTHS[self.interval])
            self.collect(self.shop.price(self.plan, self.interval))

    def collect(self, net: int) -> int:
        """Settle the balance, below 0 while something was too little to be collected; what remains to be paid."""
        due = net - self.balance
        if due < LEAST[self.shop.currency]:  # too little to be collected, or nothing: the next charge settles it
            self.balance, due = -due, 0
        else:
            self.balance = 0
        if DIGITS[self.shop.currency] == 3:  # what can be paid has two decimals
            due = 10 * nearest(Fraction(due, 10))
        self.charged.append(due)
        return due

    def says(self, plan: str, interval: str) -> tuple[str, str]:
        """Direction and timing: by tier, then by interval."""
        if not self.plan:
            return "start", "now"
        tier, held = self.shop.tiers[plan][1], self.shop.tiers[self.plan][1]
        longer = MONTHS[interval] - MONTHS[self.interval]
        if plan == self.plan and (longer == 0 or self.shop.monthly[plan] == 0):
            return "none", "never"  # a free plan is the same plan for any interval
        steps = tier - held or longer
        direction = "upgrade" if steps > 0 else "downgrade" if steps < 0 else "lateral"
        return direction, "period_end" if tier < held or longer < 0 else "now"

    def takes(self, plan: str, interval: str, today: date) -> tuple[list[int], int]:
        """The lines of a change that happens now, and what is to be paid for it."""
        price, lines = self.shop.price(plan, interval), list[int]()
        keeps = self.plan and interval == self.interval
        left = Fraction((self.end - today).days, (self.end - self.start).days) if self.plan else Fraction(1)
        if self.plan:
            lines.append(-nearest(self.shop.price(self.plan, self.interval) * left))
        lines.append(nearest(price * left) if keeps else price)
        if not keeps:
            self.anchor = self.start = today
            self.end = months_after(today, MONTHS[interval])
        self.plan, self.interval, self.waiting = plan, interval, None
        return lines, self.collect(sum(lines))

    def holds(self) -> tuple[Any, ...]:
        period = span(self.start.isoformat(), self.end.isoformat())
        return self.plan, self.interval, period, f"{self.anchor}T00:00:00Z", max(self.balance, 0), max(-self.balance, 0)


def shop_at_random(draw: random.Random) -> Shop:
    """Two to seven plans in one or two families; tiers by price, or in any order."""
    plans = [f"p{number}" for number in range(draw.randint(2, 7))]
    monthly = sorted(draw.choice((0, draw.randint(1, 9), draw.randint(1, 99_999))) for _ in plans)
    order = plans if draw.random() < 0.5 else draw.sample(plans, len(plans))
    cut = draw.randint(1, len(plans))
    tiers = {
        plan: (family, tier) for family, part in enumerate((order[:cut], order[cut:])) for tier, plan in enumerate(part)
    }
    return Shop(draw.choice(tuple(DIGITS)), tiers, dict(zip(plans, monthly, strict=True)), draw.choice(("1.0", "0.8")))


def live(draw: random.Random, folder: Path) -> int:
    """One life; how many changes were made in it."""
    shop = shop_at_random(draw)
    today = date(draw.choice((2012, 2017, 2023, 2024)), draw.randint(1, 12), 28) + timedelta(days=draw.randint(0, 3))
    billing = f"{{monthly: 1.0, quarterly: {shop.longer}, semester: {shop.longer}, annual: {shop.longer}}}"
    options = {"currency": shop.currency, "billing": billing, "offers": shop.offers, "begins": today.isoformat()}
    with selling(folder, shop.prices, **options) as life:  # type: ignore[arg-type]
        life.uses("seats", 1, today.isoformat())
        own, changes = Reckoning(shop), 0
        for _ in range(draw.randint(2, 9)):
            today += timedelta(days=draw.choice((0, 1, draw.randint(1, 40), draw.randint(1, 500))))
            own.renew_until(today)
            changes += step(own, life.at(today.isoformat()), draw, today)
        assert [total for _, _, total in life.charges() if total] == [total for total in own.charged if total]
    return changes


def step(own: Reckoning, life: Life, draw: random.Random, today: date) -> bool:
    """One wish at random, previewed and confirmed; whether there was anything to change."""
    plan, interval = draw.choice(tuple(own.shop.monthly)), draw.choice(tuple(MONTHS))
    said = own.says(plan, interval)
    quote = life.previews(plan, interval)

    assert (quote["direction"], quote["timing"]) == said
    if said[1] == "never":
        return False
    assert life.confirms(quote).status_code == 201, quote["blockers"]
    if said[1] == "period_end":
        own.waiting = (plan, interval)
        assert quote["lines"] == []
    else:
        lines, due = own.takes(plan, interval, today)
        told = amounts(
            {
                "lines": [
                    line for line in quote["lines"] if line["kind"] not in {"credit_balance", "rounding", "carried"}
                ]
            }
        )
        assert [amount for amount in told if amount] == [amount for amount in lines if amount]
        assert quote["due_now_cents"] == due
    held = life.subscription()
    assert tuple(held[part] for part in HELD) == own.holds()
    return True


def lives(count: int, folder: Path) -> int:
    changes = 0
    for seed in range(count):
        (folder / str(seed)).mkdir()
        changes += live(random.Random(seed), folder / str(seed))
    return changes


def test_lives_come_out_as_a_second_reckoning_has_them(tmp_path: Path) -> None:
    assert lives(4, tmp_path) > 4


@pytest.mark.slow
def test_many_lives_come_out_as_a_second_reckoning_has_them(tmp_path: Path) -> None:
    # LIVES=1000 make test-slow searches longer.
    count = int(os.environ.get("LIVES", "100"))

    assert lives(count, tmp_path) > count
