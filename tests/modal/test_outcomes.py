"""What becomes of a recommendation reaches the service once, and the host page as events."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Route, expect

from tests.modal.conftest import Open
from tests.modal.modal import Modal
from tests.modal.world import World


def eventually(modal: Modal, found: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What is found within some seconds."""
    for _ in range(50):
        if rows := found():
            return rows
        modal.page.wait_for_timeout(100)
    return []


def decision_of(modal: Modal) -> str:
    return str(modal.heard("view")[0]["decision_id"])


def test_what_was_shown_is_recorded_as_viewed_once_per_decision(opened: Open, world: World) -> None:
    world.put("viewer")
    modal = opened("viewer")
    decision = decision_of(modal)
    assert len(eventually(modal, lambda: world.recorded(decision, "viewed"))) == 1
    modal.page.keyboard.press("Escape")

    modal.opener.click()
    modal.cards.first.wait_for()
    modal.page.wait_for_timeout(300)

    assert len(world.recorded(decision, "viewed")) == 1


def test_a_choice_is_recorded_and_the_modal_says_truthfully_what_it_means(opened: Open, world: World) -> None:
    modal = opened("oversized")

    modal.dialog.get_by_role("button", name="Auswählen: Support Enterprise").click()

    expect(modal.dialog.get_by_role("heading", name="Ihre Wahl: Support Enterprise")).to_be_focused()
    expect(modal.dialog).to_contain_text("Geändert oder berechnet wurde noch nichts.")
    [selected] = world.recorded(decision_of(modal), "selected")
    assert (selected["plan"], selected["position"]) == ("support-enterprise", 1)
    assert modal.heard("select") == [
        {
            "name": "select",
            "decision_id": decision_of(modal),
            "interval": "month",
            "plan": "support-enterprise",
            "position": 1,
        }
    ]


def test_a_choice_that_could_not_be_recorded_is_not_called_recorded(opened: Open, world: World) -> None:
    world.put("undecided")
    modal = opened("undecided")
    modal.page.route("**/v1/outcomes?*", lambda route: route.fulfill(status=422, json={"code": "invalid_request"}))

    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale").click()

    expect(modal.failure).to_contain_text("Ihre Wahl konnte nicht notiert werden.")
    modal.page.unroute("**/v1/outcomes?*")
    modal.failure.get_by_role("button").click()
    expect(modal.dialog).to_contain_text("Ihre Wahl ist notiert.")
    assert len(world.recorded(decision_of(modal), "selected")) == 1


def test_an_outcome_that_is_sent_again_keeps_its_id(opened: Open) -> None:
    modal = opened()
    sent: list[dict[str, Any]] = []

    def busy_once(route: Route) -> None:
        sent.append(dict(route.request.post_data_json or {}))
        if len(sent) == 1:
            route.fulfill(status=503, json={"code": "busy"})
        else:
            route.continue_()

    modal.page.route("**/v1/outcomes?*", busy_once)
    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale").click()

    expect(modal.dialog).to_contain_text("Ihre Wahl ist notiert.")
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_a_change_is_asked_for_with_the_chosen_plan_in_the_message(opened: Open) -> None:
    modal = opened()
    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale").click()

    modal.dialog.get_by_role("button", name="Wechsel anfragen").click()

    message = modal.dialog.get_by_role("textbox", name="Nachricht")
    expect(message).to_have_value(re.compile("Wir möchten zum Plan Ecommerce Scale wechseln"))


def test_back_from_the_choice_the_focus_is_on_the_plan(opened: Open) -> None:
    modal = opened()
    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale").click()

    modal.dialog.get_by_role("button", name="Zurück zu den Plänen").click()

    expect(modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale")).to_be_focused()


def test_a_host_may_take_over_when_a_plan_is_chosen(opened: Open, world: World) -> None:
    modal = opened()
    modal.page.evaluate("document.addEventListener('plan-modal:select', event => event.preventDefault())")

    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Enterprise").click()

    expect(modal.dialog).to_have_count(0)
    assert modal.heard("close")[0]["reason"] == "selected"
    assert eventually(modal, lambda: world.recorded(decision_of(modal), "selected"))


def test_closing_without_a_choice_is_recorded_as_dismissed(opened: Open, world: World) -> None:
    modal = opened("new")

    modal.page.keyboard.press("Escape")

    assert len(eventually(modal, lambda: world.recorded(decision_of(modal), "dismissed"))) == 1
    assert modal.heard("close")[0]["reason"] == "dismissed"


def test_an_impression_is_a_card_half_visible_for_a_second(opened: Open) -> None:
    modal = opened(viewport={"width": 390, "height": 700})
    modal.page.wait_for_timeout(600)
    assert modal.heard("impression") == []

    modal.page.wait_for_timeout(900)

    assert [event["position"] for event in modal.heard("impression")] == [1]


def test_no_event_carries_personal_data(opened: Open) -> None:
    modal = opened()
    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale").click()
    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)

    told = modal.page.evaluate("JSON.stringify(heard)")

    for personal in ("Gartenlust", '"shop"', "Bearer", "WyI"):
        assert personal not in told
