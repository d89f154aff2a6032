"""A subscription that was sold elsewhere says so: nothing is promised and nothing billed until it is changed here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from serving.db.tables import subscriptions
from tests.serving.lives import Life, code_of, selling

OFFERS = "families: {shop: {templates: [], tiers: [basic, scale]}}\n"


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Life]:
    """On the basic plan since 1 June, as the host's former system sold it."""
    with selling(tmp_path, {"basic": "10", "scale": "30"}, offers=OFFERS, begins="2025-06-01") as life:
        row = {
            "event_id": "imported",
            "organization_id": "acme",
            "plan": "basic",
            "interval": "month",
            "status": "active",
            "catalogue_version": life.previews("basic")["catalogue_version"],
            "occurred_at": life.service.clock(),
            "recorded_at": life.service.clock(),
        }
        life.service.execute(insert(subscriptions).values(row))
        yield life


def test_no_invoice_is_promised_or_made_for_it(imported: Life) -> None:
    held = imported.subscription()
    assert (held["plan"], held["status"], held["billed_by"]) == ("basic", "active", "external")
    assert (held["next_invoice"], held["accrued_overage_cents"], held["notices"]) == (None, 0, [])

    imported.at("2026-06-02")

    assert imported.charges() == []
    assert (imported.subscription()["billed_by"], imported.subscription()["next_invoice"]) == ("external", None)


def test_it_cannot_be_cancelled_here_and_no_page_offers_it(imported: Life) -> None:
    refused = imported.post("subscription/cancellation", {"reason": "not_said"})
    token = imported.service.token()["Authorization"].removeprefix("Bearer ")
    page = imported.service.client.get(f"/billing?token={token}")

    assert code_of(refused) == (409, "billed_elsewhere")
    assert page.status_code == 200
    assert "/subscription/cancel" not in page.text


def test_a_change_made_here_is_billed_here_from_then_on(imported: Life) -> None:
    imported.at("2025-06-16").takes("scale")
    held = imported.subscription()

    assert (held["plan"], held["billed_by"]) == ("scale", "here")
    assert held["next_invoice"] is not None
    imported.at("2025-08-02")
    assert [kind for kind, _, _ in imported.charges()][-1] == "renewal"
