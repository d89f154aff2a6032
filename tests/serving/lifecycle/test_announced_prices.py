"""Nobody is charged a price that was neither quoted nor announced in time, whatever customers and operator do."""

import json
import os
import random
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from data_contracts.intervals import Interval
from serving.db.billing_tables import campaign_moves, charges, version_campaigns
from serving.db.payment_tables import notifications
from tests.serving.harness import Service, running
from tests.serving.lives import Life, catalogue_text

PLANS = ("low", "crew", "high")
INTERVALS: tuple[Interval, ...] = ("month", "month", "quarter", "year")
BEGINS = datetime(2025, 6, 10, tzinfo=UTC)
Terms = tuple[str, int]
"""A plan, and its price for an interval."""


@dataclass(frozen=True)
class Quoted:
    """Terms that a customer has confirmed."""

    at: datetime
    terms: Terms


class World:
    """One database under one catalogue version after another, with some customers and an operator."""

    def __init__(self, folder: Path, seed: int, *, customers: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)
        self.now = BEGINS
        self.names = [f"c{number}" for number in range(customers)]
        self.quoted: dict[str, list[Quoted]] = {name: [] for name in self.names}
        self.campaigns = 0

    def live(self, *, versions: int, steps: int) -> None:
        """Live through these versions, so many steps each; the last service answers `judged`."""
        for version in range(versions):
            with self._on_sale(version) as service:
                for name in self.names:
                    if version == 0:
                        self._settles(service, name)
                for _ in range(steps):
                    self._operator(service)
                    for name in self.names:
                        self._customer(service, name)
                    self.now += timedelta(days=self.draw.randint(1, 24), hours=self.draw.randint(0, 23))
                    Life(service).at(self.now.strftime("%Y-%m-%dT%H:%M"))
                if version == versions - 1:
                    self.judged(service)

    def _on_sale(self, version: int) -> AbstractContextManager[Service]:
        prices = {plan: f"{self.draw.randint(10, 90)}.{self.draw.randint(0, 99):02}" for plan in PLANS}
        currency = self.draw.choice(("EUR", "EUR", "EUR", "USD")) if version else "EUR"
        text = catalogue_text(prices, currency=currency, billing="{monthly: 1, quarterly: 0.95, annual: 0.8}")
        text = text.replace(f"{prices['crew']}, unit: /month", f"{prices['crew']}, unit: user/month")
        (self.folder / "catalogue.yml").write_text(text, encoding="utf-8")
        tiers = "families: {shop: {templates: [], tiers: [low, crew, high]}}\n"
        (self.folder / "offers.yml").write_text(tiers, encoding="utf-8")
        catalogue, offers = self.folder / "catalogue.yml", str(self.folder / "offers.yml")
        return running(self.folder, starts=self.now, catalogue=catalogue, offers=offers)

    def _settles(self, service: Service, name: str) -> None:
        service.put(name, country="US", trial_started_at=BEGINS.isoformat(), integrations=[])
        Life(service, name).pays_with()

    def _customer(self, service: Service, name: str) -> None:
        life, draw = Life(service, name), self.draw
        if draw.random() < 0.2:
            life.uses("seats", draw.randint(1, 3), f"{self.now:%Y-%m-%dT%H:%M}")
        if draw.random() < 0.12 or not self.quoted[name]:
            plan, interval = draw.choice(PLANS), draw.choice(INTERVALS)
            number = {"quantity": draw.randint(1, 4)} if plan == "crew" else {}
            quote = life.previews(plan, interval, **number)
            if quote["quote"] and life.confirms(quote).status_code == 201:
                sold = service.services.catalogue.plan(plan).of(number.get("quantity", 1))
                self.quoted[name].append(Quoted(self.now, (plan, sold.price_cents[interval])))
        url, chance = f"/v1/organizations/{name}/subscription", draw.random()
        if chance < 0.05:
            life.post("subscription/cancellation", {"reason": "other"})
        elif chance < 0.1:
            life.post("subscription/pause", {})
        elif chance < 0.4:
            service.client.delete(f"{url}/{draw.choice(('pause', 'cancellation'))}", headers=service.host)

    def _operator(self, service: Service) -> None:
        draw, path = self.draw, "/v1/version-campaigns"
        if draw.random() < 0.7:
            self.campaigns += 1
            body: dict[str, object] = {"plan": draw.choice(PLANS), "notice_days": draw.randint(30, 45)}
            if draw.random() < 0.3:
                body["not_before"] = (self.now + timedelta(days=draw.randint(1, 90))).isoformat()
            answer = service.client.put(f"{path}/n{self.campaigns}", json=body, headers=service.host)
            assert answer.status_code == 201, answer.text
        elif self.campaigns and draw.random() < 0.3:
            service.client.delete(f"{path}/n{draw.randint(1, self.campaigns)}", headers=service.host)

    def judged(self, service: Service) -> None:
        """Every period that was charged was charged as before, as quoted since, or as announced in time."""
        for name in self.names:
            held: Terms | None = None
            since = BEGINS
            for at, terms in charged(service, name):
                quoted = {each.terms for each in self.quoted[name] if since <= each.at <= at}
                announced = set(announced_by(service, name, at))
                assert terms in {held, *quoted, *announced}, (name, at, terms, held, quoted, announced)
                held, since = terms, at


def charged(service: Service, name: str) -> list[tuple[datetime, Terms]]:
    """The whole periods that an organisation was charged for, in order."""
    query = select(charges.c.occurred_at, charges.c.lines).where(charges.c.organization_id == name)
    found = []
    for at, lines in service.rows(query.order_by(charges.c.occurred_at, charges.c.recorded_at)):
        found += [
            (at, (line["plan"], line["amount_cents"])) for line in json.loads(lines) if line["kind"] == "full_period"
        ]
    return found


def announced_by(service: Service, name: str, at: datetime) -> list[Terms]:
    """What the organisation had notice of, in force at an instant: told at least the notice before, not taken back."""
    moves, told = campaign_moves.c, notifications.c
    query = (
        select(
            version_campaigns.c.plan, moves.new_cents, version_campaigns.c.notice_days, told.created_at, told.payload
        )
        .join_from(campaign_moves, version_campaigns)
        .join(notifications, told.organization_id == moves.organization_id)
        .where(
            moves.organization_id == name,
            told.kind == "version_announced",
            told.cause == "version_announced:" + moves.organization_id + ":" + moves.campaign_id,
            moves.withdrawn_at.is_(None) | (moves.withdrawn_at > at),
            version_campaigns.c.stopped_at.is_(None) | (version_campaigns.c.stopped_at >= at),
        )
    )
    return [
        (plan, cents)
        for plan, cents, days, created, payload in service.rows(query)
        if created + timedelta(days=days) <= at and datetime.fromisoformat(json.loads(payload)["effective_at"]) <= at
    ]


def moved(world: World, folder: Path) -> int:
    with running(folder, starts=world.now, catalogue=folder / "catalogue.yml") as service:
        return int(service.value("SELECT count(*) FROM campaign_moves WHERE moved_at IS NOT NULL"))


def test_every_price_was_quoted_or_announced_in_time(tmp_path: Path) -> None:
    world = World(tmp_path, 3, customers=5)
    world.live(versions=2, steps=5)


@pytest.mark.slow
def test_every_price_of_many_histories_was_quoted_or_announced_in_time(tmp_path: Path) -> None:
    # CAMPAIGNS=200 make test-slow searches longer.
    total = 0
    for seed in range(int(os.environ.get("CAMPAIGNS", "12"))):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = World(folder, seed, customers=6)
        world.live(versions=4, steps=6)
        total += moved(world, folder)

    assert total > 10
