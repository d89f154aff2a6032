"""Catalogues that nobody wrote for us, sold through the service: ranked plans, bills and words in every language."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from serving.words.locales import LOCALES
from serving.words.plans import readable
from tests.data_contracts.catalogues import SMALL
from tests.serving.harness import NOW, Service, running, usage

NAMES = (
    "box", "buffer", "clickup", "crowdcast", "mailchimp", "notion", "openphone", "overleaf", "postman", "slack",
    "userguiding", "zapier",
)  # fmt: skip
RAW_KEY = re.compile(r"\{\w*\}|^[a-z]+(_[a-z]+)*(\.[a-z_]+)+$|\b(None|nan|inf|Infinity|undefined|null)\b")
"""A placeholder nobody filled, a message key instead of its message, or a value that is none."""


def folder() -> Path:
    beside_the_checkout = Path(__file__).parents[4] / "shared"
    return Path(os.environ.get("PLANS_SHARED", beside_the_checkout)) / "catalogues"


@pytest.fixture(scope="module", params=NAMES)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that sells one foreign catalogue, and an organisation that has used it for a fortnight."""
    path = folder() / f"{request.param}-2025.yml"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in this checkout; set PLANS_SHARED to the folder that has catalogues/")
    with running(tmp_path_factory.mktemp(request.param), catalogue=path, offers="") as service:
        assert service.put().status_code == 200
        events = [
            usage(
                f"{metric}-{day}", metric=metric, quantity=quantity, occurred_at=(NOW - timedelta(days=day)).isoformat()
            )
            for day in range(1, 14)
            for metric, quantity in (("conversations", 1_000), ("ai_tokens", 500_000), ("seats", 4))
        ]
        assert service.send(*events).status_code < 300
        yield service


def words(content: Any) -> Iterator[str]:
    """Every text that people read, wherever it stands in an answer."""
    if isinstance(content, list):
        for each in content:
            yield from words(each)
    elif isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, str) and name in {"text", "message", "label", "name", "title", "badge", "action"}:
                yield value
            else:
                yield from words(value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("useMessagesAccess", "Use messages access"),
        ("smsViaAPIAddonLimit", "Sms via API addon limit"),
        ("x12CompileTimeout", "X12 compile timeout"),
        ("CUSTOM_DOMAINS", "Custom domains"),
        ("demo-big-shop", "Demo big shop"),
        ("", ""),
    ],
)
def test_a_code_without_words_of_its_own_is_still_read_as_words(code: str, words: str) -> None:
    assert readable(code) == words


@pytest.mark.parametrize("locale", LOCALES)
def test_a_foreign_catalogue_is_ranked(shop: Service, locale: str) -> None:
    answer = shop.get(f"plan-recommendations?locale={locale}")

    assert answer.status_code == 200, answer.text
    cards = answer.json()["plans"]
    sold = {plan.code for plan in shop.services.catalogue.plans if not plan.private}
    assert 1 <= len(cards) <= 3
    assert {card["plan"] for card in cards} <= sold
    assert [card["position"] for card in cards] == list(range(1, len(cards) + 1))
    assert [card["recommended"] for card in cards] == [True] + [False] * (len(cards) - 1)
    for card in cards:
        assert card["price"]["amount_cents"] >= 0
        assert card["projected_bill"]["amount_cents"] >= 0
        assert 0 < card["probability"] <= 1
        assert card["propensity"] in (0.0, 1.0)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_plan_of_a_foreign_catalogue_is_listed(shop: Service, locale: str) -> None:
    answer = shop.get(f"plans?locale={locale}")

    assert answer.status_code == 200, answer.text
    listed = {plan["plan"] for plan in answer.json()["plans"]}
    assert listed == {
        plan.code for plan in shop.services.catalogue.plans if not plan.private and "month" in plan.price_cents
    }


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("page", ["plan-recommendations", "plans"])
def test_nobody_reads_a_key_where_words_belong(shop: Service, page: str, locale: str) -> None:
    said = list(words(shop.get(f"{page}?locale={locale}").json()))

    assert len(said) > 10
    assert [text for text in said if not text.strip() or RAW_KEY.search(text)] == []


def test_what_is_sold_by_the_year_alone_is_recommended_by_the_year(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yml"
    path.write_text(SMALL.replace("  monthly: 1.0\n", ""))

    with running(tmp_path, catalogue=path, offers="") as service:
        service.put()
        recommended, listed = service.recommended(), service.get("plans").json()
        page = service.page("/plans?locale=fr")

    assert (recommended["interval"], listed["interval"], listed["intervals"]) == ("year", "year", ["year"])
    for answer in (recommended, listed):
        assert {plan["plan"] for plan in answer["plans"]} == {"BASIC", "PRO"}
    assert (page.status_code, "96" in page.text) == (200, True)
