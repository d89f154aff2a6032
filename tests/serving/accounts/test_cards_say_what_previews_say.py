"""Over HTTP: a card says that a plan can be taken exactly when its preview does, and names the same blockers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from serving.db.tables import subscriptions
from serving.organizations import repository as organizations
from serving.payments import attempts, charges
from tests.serving.lives import Life, selling

PRICES = {"basic": "100", "scale": "300", "top": "900"}
OFFERS = "families: {shop: {templates: [], tiers: [basic, scale, top]}}\n"


def selections_of(life: Life) -> dict[str, list[dict[str, Any]]]:
    """Plan → how it can be taken, by the recommendation and by the list of all plans."""
    found: dict[str, list[dict[str, Any]]] = {}
    for address in ("plan-recommendations", "plans"):
        answer = life.service.get(f"{address}?interval=month", life.organization_id)
        for card in answer.json()["plans"]:
            found.setdefault(card["plan"], []).append(card["selection"])
    return found


def agreed(life: Life) -> dict[str, list[str]]:
    """Compare every card with the preview of its plan; plan → the blockers that both name, but for the plan held."""
    codes = {}
    for plan, selections in selections_of(life).items():
        quote = life.previews(plan)
        for selection in selections:
            assert selection["direction"] == quote["direction"], plan
            assert selection["effective_at"] == quote["effective_at"], plan
            if selection["state"] == "current":
                continue
            assert selection["blockers"] == quote["blockers"], plan
            if selection["state"] != "scheduled":
                assert selection["state"] == ("blocked" if quote["blockers"] else "selectable"), plan
            codes[plan] = [blocker["code"] for blocker in quote["blockers"]]
    return codes


def in_trial(life: Life) -> None:
    """Nothing is held yet."""
    assert life.subscription()["status"] == "trial"


def paying(life: Life) -> None:
    life.takes("scale")


def over_a_limit(life: Life) -> None:
    paying(life)
    life.uses("seats", 9, "2025-06-01")


def with_a_debit_under_way(life: Life) -> None:
    """The renewal is collected by direct debit, which takes days in real life."""
    life.takes("basic")
    added = life.post("payment-methods", {"kind": "sepa", "token": "tok_sepa_pending", "default": True})
    assert added.status_code == 201, added.text
    life.at("2025-07-02")
    assert life.subscription()["status"] == "active"


def whose_debit_came_in(life: Life) -> None:
    """The cards were seen while the debit was under way, and again once it had come in."""
    with_a_debit_under_way(life)
    life.service.get("plan-recommendations", life.organization_id)
    reading = life.service.database.reading
    (charge,) = reading(lambda connection: charges.open_of(connection, life.organization_id))
    (attempt,) = reading(lambda connection: attempts.of_charge(connection, charge.charge_id))
    life.service.sandbox.settle(key=attempt.key, outcome="succeeded")
    life.at("2025-07-04")
    assert reading(lambda connection: charges.open_of(connection, life.organization_id)) == []


def in_arrears(life: Life) -> None:
    paying(life)
    life.pays_with("tok_declined")
    life.at("2025-07-02")
    assert life.subscription()["status"] == "past_due"


def suspended(life: Life) -> None:
    in_arrears(life)
    life.at("2025-07-20")
    assert life.subscription()["status"] == "suspended"


def with_a_change_that_waits(life: Life) -> None:
    paying(life)
    life.uses("seats", 1, "2025-06-01")
    life.takes("basic")


def suspended_while_a_change_waits(life: Life) -> None:
    in_arrears(life)
    life.uses("seats", 1, "2025-07-02")
    life.takes("basic")
    life.at("2025-07-20")
    assert life.subscription()["status"] == "suspended"


def imported(life: Life, *, plan: str = "scale", version: str | None = "elsewhere-1") -> None:
    """A subscription from elsewhere, of which nobody has told what was paid."""
    row = {
        "event_id": "e1",
        "organization_id": life.organization_id,
        "plan": plan,
        "interval": "month",
        "status": "active",
        "catalogue_version": version,
        "occurred_at": datetime(2025, 6, 1, tzinfo=UTC),
        "recorded_at": datetime(2025, 6, 1, tzinfo=UTC),
    }

    def write(connection: Connection) -> None:
        connection.execute(insert(subscriptions), row)
        organizations.touch(connection, [life.organization_id])

    life.service.database.writing(write)


@pytest.mark.parametrize(
    ("live", "codes"),
    [
        (in_trial, {"basic": [], "scale": [], "top": []}),
        (paying, {"basic": ["seats_usage_unknown"], "top": []}),
        (over_a_limit, {"basic": ["seats_over_limit"], "top": []}),
        (with_a_debit_under_way, {"scale": ["payment_pending"], "top": ["payment_pending"]}),
        (whose_debit_came_in, {"scale": [], "top": []}),
        (in_arrears, {"basic": ["seats_usage_unknown"], "top": ["payment_overdue"]}),
        (suspended, {"basic": ["subscription_suspended", "seats_usage_unknown"], "top": ["subscription_suspended"]}),
        (with_a_change_that_waits, {"basic": [], "top": []}),
        (suspended_while_a_change_waits, {"basic": ["subscription_suspended"], "top": ["subscription_suspended"]}),
        (imported, {"basic": ["seats_usage_unknown"], "top": ["paid_amount_unknown"]}),
    ],
)
def test_every_card_says_what_its_preview_says(
    live: Callable[[Life], None], codes: dict[str, list[str]], tmp_path: Path
) -> None:
    with selling(tmp_path, PRICES, offers=OFFERS, country="FR", begins="2025-06-01") as life:
        life.service.get("plan-recommendations", life.organization_id)  # a decision that must not outlive the facts
        live(life)

        assert agreed(life) == codes


def test_where_the_plan_held_is_unknown_no_card_promises_a_change_that_the_preview_refuses(tmp_path: Path) -> None:
    with selling(tmp_path, PRICES, offers=OFFERS, country="FR", begins="2025-06-01") as life:
        imported(life, plan="of another vendor")

        answer = life.post("plan-changes/preview", {"plan": "scale", "interval": "month"})

        assert (answer.status_code, answer.json()["code"]) == (409, "held_plan_unknown")
        for selections in selections_of(life).values():
            for selection in selections:
                assert selection["state"] == "blocked"
                assert [blocker["code"] for blocker in selection["blockers"]] == ["held_plan_unknown"]
