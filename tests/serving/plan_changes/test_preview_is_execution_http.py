"""The same over HTTP: what was charged, allowed and left over is what was previewed, line by line."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, select

from serving.db.billing_tables import charges
from tests.serving.lives import Life, selling

PRICES = {"a": "19.99", "b": "49.01", "c": "189.07", "d": "25", "e": "49.01"}
OFFERS = """families:
  shop: {templates: [], tiers: [a, b, c]}
  desk: {templates: [], tiers: [d, e]}
promotions:
  p: {plans: [a, e], intervals: [month, year], percent: 15, cycles: 3, texts: {de: p}}
  f: {plans: [b, c], intervals: [month], amount: '7.77', cycles: 2, texts: {de: f}}
"""
COUNTRIES = ("FR", "DE", "FI", "US")
PER_SERVICE = 200
"""So many lives follow one another on one clock."""
BEGIN = datetime(2023, 1, 31, 13, 7, 11, tzinfo=UTC)


@contextmanager
def shop(folder: Path) -> Iterator[Life]:
    billing = "{monthly: 1, annual: 0.83}"
    with selling(folder, PRICES, offers=OFFERS, billing=billing, begins=BEGIN.replace(tzinfo=None).isoformat()) as life:
        yield life


def differences(life: Life, histories: int, seed: int) -> tuple[int, list[str]]:
    """How many quotes were confirmed, and in what any execution differed from its preview."""
    draw, found, confirmed = random.Random(seed), list[str](), 0
    clock = life.service.clock
    for number in range(histories):
        owner, country = Life(life.service, f"o-{number}"), draw.choice(COUNTRIES)
        life.service.put(owner.organization_id, country=country, trial_started_at=clock().isoformat(), integrations=[])
        owner.pays_with()
        for _ in range(draw.randint(1, 4)):
            jump = draw.choice((0, 1, draw.randint(2, 90_000), draw.randint(2, 9_000_000)))
            clock.move_to(clock() + timedelta(seconds=jump))
            quote = previewed(owner, draw)
            clock.move_to(clock() + timedelta(seconds=draw.choice((0, 1, 600))))
            if quote["quote"] is None:
                continue
            answer = owner.confirms(quote)
            if answer.status_code == 409:  # its period ended within the quarter of an hour
                continue
            confirmed += 1
            found.extend(differing(owner, quote, answer.json(), status=answer.status_code))
    return confirmed, found


def previewed(owner: Life, draw: random.Random) -> dict[str, Any]:
    """A quote for a wish at random, after what has fallen due was closed and collected."""
    wish = {"promotion": draw.choice(("p", "f"))} if draw.random() < 0.3 else {}
    plan, interval = draw.choice(tuple(PRICES)), draw.choice(("month", "year"))
    quote = owner.previews(plan, interval, **wish)
    if not any(blocker["code"] == "payment_pending" for blocker in quote["blockers"]):
        return quote
    owner.service.billing.collection.collect_due(now=owner.service.clock())
    return owner.previews(plan, interval, **wish)


def differing(owner: Life, quote: dict[str, Any], receipt: dict[str, Any], *, status: int) -> Iterator[str]:
    """Everything in which what happened is not what the quote said."""
    held = owner.subscription()
    said = {
        "status": "scheduled" if quote["timing"] == "period_end" else "applied",
        "direction": quote["direction"],
        "effective_at": quote["effective_at"],
    }
    if status != 201 or {name: receipt.get(name) for name in said} != said:
        yield f"{owner.organization_id}: receipt {receipt} instead of {said}"
    if held["next_invoice"] != quote["next_invoice"]:
        yield f"{owner.organization_id}: next invoice {held['next_invoice']} instead of {quote['next_invoice']}"
    if {each["metric"]: each["this_period"] for each in quote["allowance"]}.items() - {
        each["metric"]: each["this_period"] for each in held["allowance"]
    }.items():
        yield f"{owner.organization_id}: allowance {held['allowance']} instead of {quote['allowance']}"
    charged = lines_of(owner, receipt["change_id"])
    previewed = [[line["kind"], line["plan"], line["period"], line["amount_cents"]] for line in quote["lines"]]
    if charged != (previewed, quote["net_cents"], quote["due_now_cents"]) and (charged[0] or previewed):
        yield f"{owner.organization_id}: {charged} instead of {previewed}"


def lines_of(owner: Life, change_id: str) -> tuple[list[list[Any]], int, int]:
    """The lines, the net and the total that were charged for a change; nothing for one that charges nothing."""

    def read(connection: Connection) -> tuple[list[list[Any]], int, int]:
        row = connection.execute(select(charges).where(charges.c.cause == f"change:{change_id}")).first()
        if row is None:
            return [], 0, 0
        lines = [
            [
                line["kind"],
                line["plan"],
                {side: z(line["period"][side]) for side in ("start", "end")},
                line["amount_cents"],
            ]
            for line in orjson.loads(row.lines)
        ]
        return lines, row.net_cents, row.total_cents

    return owner.service.database.reading(read)


def z(instant: str) -> str:
    return instant.replace("+00:00", "Z")


def test_over_http_preview_is_execution(tmp_path: Path) -> None:
    with shop(tmp_path) as life:
        confirmed, found = differences(life, 25, 7)

    assert confirmed > 25
    assert found == []


@pytest.mark.slow
def test_over_http_preview_is_execution_for_many_random_histories(tmp_path: Path) -> None:
    # HTTP_HISTORIES=10000 make test-slow searches longer.
    histories = int(os.environ.get("HTTP_HISTORIES", "1000"))

    confirmed = 0
    for seed in range(-(-histories // PER_SERVICE)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with shop(folder) as life:
            done, found = differences(life, min(PER_SERVICE, histories), seed)
        assert found == []
        confirmed += done

    assert confirmed > histories
