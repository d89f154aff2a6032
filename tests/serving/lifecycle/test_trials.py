"""A trial ends: its owner is reminded, then everything can only be read, until a plan is chosen or it is extended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from data_contracts.catalogue.offers import read_offers
from data_contracts.yaml_reading.places import CatalogueFaults
from tests.serving.lives import Life, code_of, selling

OFFERS = """families: {shop: {templates: [], tiers: [basic, scale]}}
trial: {days: 14, remind_days: [1, 3]}
"""


@pytest.fixture
def trying(tmp_path: Path) -> Iterator[Life]:
    """In a trial since 1 June 2025."""
    with selling(tmp_path, {"basic": "100", "scale": "300"}, offers=OFFERS, begins="2025-06-01") as life:
        yield life


def extend(life: Life, until: str, organization_id: str = "acme") -> Response:
    address = f"/v1/organizations/{organization_id}/trial"
    return life.service.client.put(address, json={"ends_at": until}, headers=life.service.host)


def mails(life: Life) -> list[tuple[str, str]]:
    rows = life.service.rows("SELECT kind, created_at FROM notifications WHERE kind LIKE 'trial%' ORDER BY created_at")
    return [(kind, str(at)[:10]) for kind, at in rows]


def entitlements(life: Life) -> dict[str, Any]:
    content: dict[str, Any] = life.service.get("entitlements").json()
    return content


def test_a_trial_says_when_it_ends(trying: Life) -> None:
    held, allowed = trying.subscription(), entitlements(trying)

    assert (held["status"], held["access"]) == ("trial", "full")
    assert held["trial"] == {"ends_at": "2025-06-15T00:00:00Z", "over": False}
    assert held["notices"] == []
    assert (allowed["access"], allowed["until"], allowed["features"]) == ("full", "2025-06-15T00:00:00Z", None)


def test_its_owner_is_reminded_once_each_and_told_of_the_end(trying: Life) -> None:
    trying.at("2025-07-20")

    assert mails(trying) == [
        ("trial_ending", "2025-06-12"), ("trial_ending", "2025-06-14"), ("trial_ended", "2025-06-15"),
    ]  # fmt: skip


def test_after_it_everything_can_be_read_and_nothing_changed_until_a_plan_is_chosen(trying: Life) -> None:
    trying.at("2025-06-13")
    assert [notice["code"] for notice in trying.subscription()["notices"]] == ["trial_ending"]
    trying.at("2025-06-15")
    over = trying.subscription()

    assert (over["status"], over["access"], over["trial"]["over"]) == ("trial", "read_only", True)
    assert [notice["code"] for notice in over["notices"]] == ["trial_over"]
    assert (entitlements(trying)["reason"], entitlements(trying)["until"]) == ("trial_over", None)
    page = trying.service.page("/?locale=de").text
    assert page.count("seit dem 15. Juni 2025 zu Ende") == 2  # as a notice and beside the plan

    assert trying.takes("basic")["direction"] == "start"
    held = trying.subscription()
    assert (held["access"], held["trial"]) == ("full", None)
    assert entitlements(trying)["limits"] == {"conversations": 100, "seats": 5}


def test_the_operator_extends_it_and_reminders_follow_the_new_end(trying: Life) -> None:
    trying.at("2025-06-16")
    until = "2025-07-01T00:00:00Z"

    longer = extend(trying, until)
    again = extend(trying, until)

    assert (longer.status_code, longer.json()["access"], longer.json()["trial"]["ends_at"]) == (200, "full", until)
    assert again.json() == longer.json()
    trying.at("2025-07-02")
    assert mails(trying)[3:] == [
        ("trial_extended", "2025-06-16"), ("trial_ending", "2025-06-28"), ("trial_ending", "2025-06-30"),
        ("trial_ended", "2025-07-01"),
    ]  # fmt: skip


def test_only_a_trial_is_extended_and_only_into_the_future(trying: Life) -> None:
    assert code_of(extend(trying, "2025-05-01T00:00:00Z")) == (422, "trial_end_in_the_past")
    trying.takes("basic")
    assert code_of(extend(trying, "2025-09-01T00:00:00Z")) == (409, "no_trial")


def test_who_has_a_plan_is_not_reminded(trying: Life) -> None:
    trying.takes("basic")
    trying.at("2025-07-20")

    assert mails(trying) == []


def test_what_is_not_paid_for_can_only_be_read(trying: Life) -> None:
    trying.takes("basic")
    trying.post("subscription/cancellation", {"reason": "other"})
    assert (entitlements(trying)["access"], entitlements(trying)["until"]) == ("full", "2025-07-01T00:00:00Z")
    trying.at("2025-07-01")

    assert (entitlements(trying)["access"], entitlements(trying)["reason"]) == ("read_only", "no_plan")


def test_without_terms_a_trial_has_no_end(tmp_path: Path) -> None:
    with selling(tmp_path, {"basic": "100"}, begins="2025-06-01") as life:
        life.at("2026-06-01")

        assert (life.subscription()["access"], life.subscription()["trial"]) == ("full", None)


@pytest.mark.parametrize("terms", ["{days: 0}", "{days: 14, remind_days: [14]}", "{remind_days: [1]}", "{weeks: 2}"])
def test_terms_that_make_no_sense_are_refused_with_their_place(terms: str) -> None:
    with pytest.raises(CatalogueFaults) as refused:
        read_offers(f"trial: {terms}\n", pricing=None)

    assert "1:" in str(refused.value)
