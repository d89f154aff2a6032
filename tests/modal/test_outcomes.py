"""What becomes of a recommendation reaches the service once, and the host page as events."""

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


def test_a_choice_is_recorded_with_its_place(opened: Open, world: World) -> None:
    modal = opened("oversized")

    modal.dialog.get_by_role("button", name="Auswählen: Support Enterprise").click()

    [selected] = eventually(modal, lambda: world.recorded(decision_of(modal), "selected"))
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

    eventually(modal, lambda: sent[1:])
    assert len(sent) == 2
    assert sent[0] == sent[1]


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
    # The page itself measures: on a busy machine this process learns of both too late to tell a second.
    modal = opened(
        viewport={"width": 390, "height": 700},
        prepare=lambda page: page.add_init_script(
            "window.at = {}; for (const name of ['view', 'impression'])"
            " document.addEventListener(`plan-modal:${name}`, () => at[name] ??= performance.now());"
        ),
    )

    assert eventually(modal, lambda: modal.heard("impression"))
    modal.page.wait_for_timeout(300)

    assert modal.page.evaluate("at.impression - at.view") >= 1_000
    assert [event["position"] for event in modal.heard("impression")] == [1]


def test_a_card_that_was_seen_is_recorded_once_per_decision_with_its_place(opened: Open, world: World) -> None:
    world.put("looker")
    modal = opened("looker")
    decision = decision_of(modal)
    assert eventually(modal, lambda: world.recorded(decision, "impression")[2:])
    modal.page.keyboard.press("Escape")

    modal.opener.click()
    modal.page.wait_for_timeout(1_500)

    seen = world.recorded(decision, "impression")
    shown = modal.heard("view")[0]["plans"]
    assert sorted((row["position"], row["plan"]) for row in seen) == [
        (each["position"], each["plan"]) for each in shown
    ]


def test_no_event_carries_personal_data(opened: Open) -> None:
    modal = opened()
    modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale").click()
    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)

    told = modal.page.evaluate("JSON.stringify(heard)")

    for personal in ("Gartenlust", '"shop"', "Bearer", "WyI"):
        assert personal not in told
