"""Whatever an organisation has been through: what a confirmation decides is what its preview decided."""

import os
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Final

import pytest

from recommender.billing.account import Account
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.eligibility import Applicant
from recommender.billing.renewal import close_window, due_at
from recommender.billing.subscription import Subscription
from recommender.billing.tax import Buyer
from serving.db import json_columns
from serving.organizations.billing_details import buyer_of
from serving.organizations.repository import OrganizationRow
from serving.plan_changes.quotes import Quote, QuoteSigner, Wanted, quote
from serving.subscriptions.changes import _DOCUMENT, Document
from serving.web.signing import SigningKeys
from tests.recommender.billing.builders import at, make_plan, make_promotion, trial

BEGIN: Final = at("2023-01-31T13:07:11")
PLANS = tuple(
    make_plan(
        f"{family}-{tier}",
        tier=tier,
        family=family,
        month=price,
        year=price * 10,
        limits={"conversations": 1000 * tier, "seats": 2 + tier},
    )
    for family, prices in (("shop", (1999, 4901, 18907)), ("desk", (2500, 4901, 15003)))
    for tier, price in enumerate(prices, start=1)
)
CATALOGUE = Catalogue(
    version="1",
    name="c",
    currency="EUR",
    plans=PLANS,
    promotions=(make_promotion("shop-1", "desk-2", percent=15, cycles=3, code="p"),),
)
SIGNER = QuoteSigner(SigningKeys("key"))
SHARES: Final = 20
"""Into so many pieces a long search is cut, each with a seed of its own."""
COUNTRIES = ("FR", "DE", "FI", "US")


def organization(country: str) -> OrganizationRow:
    return OrganizationRow("acme", "Acme", country, None, "de", "UTC", None, BEGIN, (), (), 1, BEGIN, BEGIN)


def differences(histories: int, seed: int) -> tuple[int, int]:
    """How many quotes were confirmed over so many random histories, and how many came out otherwise than previewed."""
    draw = random.Random(seed)
    confirmed = different = 0
    for _ in range(histories):
        owner = organization(draw.choice(COUNTRIES))
        subscription, version, now = trial(), 0, BEGIN
        for _ in range(draw.randint(1, 5)):
            now += timedelta(seconds=draw.choice((0, 1, draw.randint(2, 90_000), draw.randint(2, 9_000_000))))
            subscription = rolled(subscription, now, buyer=buyer_of(owner))
            held = subscription.paying_plan
            account = Account(
                Applicant(owner.country),
                subscription,
                {"seats": draw.randint(0, 4)},
                buyer=buyer_of(owner),
                rank_of_held=None if held is None else CATALOGUE.rank_of(held),
            )
            previewed = ask(account, version, draw, now=now)
            if previewed.change.blockers:
                continue
            token = SIGNER.sign(previewed, quote_id="q", organization_id="acme", catalogue_version="1")
            # what the execution has: the stored subscription, read again, and what the quote pins
            stored = json_columns.loads(
                _DOCUMENT, json_columns.dumps(_DOCUMENT, document(subscription, previewed))
            ).after
            pinned = SIGNER.read(token, organization_id="acme")
            executed = quote(
                account=replace(account, subscription=stored),
                version=version,
                wanted=pinned.wanted,
                catalogue=CATALOGUE,
                at=pinned.at,
            )
            confirmed += 1
            different += executed != previewed or executed.digest != pinned.digest
            subscription, version = executed.change.after, version + 1
    return confirmed, different


def ask(account: Account, version: int, draw: random.Random, *, now: datetime) -> Quote:
    interval: Interval = draw.choice(("month", "year"))
    wanted = Wanted(draw.choice(PLANS).code, interval, draw.choice((None, None, "p")))
    return quote(
        account=account,
        version=version,
        wanted=wanted,
        catalogue=CATALOGUE,
        at=now,
    )


def document(subscription: Subscription, quoted: Quote) -> Document:
    return Document(quoted.change.lines, quoted.tax, quoted.currency, quoted.due_now_cents, subscription)


def rolled(subscription: Subscription, now: datetime, *, buyer: Buyer) -> Subscription:
    while (due := due_at(subscription)) is not None and due <= now:
        used = {"conversations": (700,) * len(subscription.holdings)}
        subscription = close_window(subscription=subscription, usage=used, check=lambda *_: (), buyer=buyer).after
    return subscription


def test_preview_is_execution_for_random_histories() -> None:
    confirmed, different = differences(300, 7)

    assert confirmed > 300
    assert different == 0


@pytest.mark.slow
def test_preview_is_execution_for_a_hundred_thousand_random_histories() -> None:
    # HISTORIES=10000 make test-slow searches less.
    histories = int(os.environ.get("HISTORIES", "100000"))
    seeds = range(SHARES)

    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as processes:
        found = list(processes.map(partial(differences, -(-histories // SHARES)), seeds))

    assert sum(confirmed for confirmed, _ in found) > histories
    assert sum(different for _, different in found) == 0
