"""A plan is changed inside the modal: previewed line by line, confirmed once, and every refusal says what helps."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from serving.words.texts import say
from tests.modal.conftest import Open
from tests.modal.modal import Modal
from tests.modal.world import World

CONFIRM = "**/plan-changes?*"


@pytest.fixture
def trial(opened: Open, world: World, request: pytest.FixtureRequest) -> Callable[..., Modal]:
    """The modal of a new organisation on trial, of this test only."""

    def make(**how: Any) -> Modal:
        name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:100]
        world.put(name)
        return opened(name, **how)

    return make


def held(world: World, modal: Modal) -> dict[str, Any]:
    organization = modal.page.locator("plan-modal").get_attribute("organization")
    answer: dict[str, Any] = world.host.get(f"/v1/organizations/{organization}/subscription").json()
    return answer


def sent_to(modal: Modal, pattern: str, first: Callable[[Route], object]) -> list[dict[str, Any]]:
    """Every request to the pattern with its key; the first one is answered by the test."""
    sent: list[dict[str, Any]] = []

    def watch(route: Route) -> None:
        sent.append({"key": route.request.headers.get("idempotency-key"), **(route.request.post_data_json or {})})
        if len(sent) == 1:
            first(route)
        else:
            route.continue_()

    modal.page.route(pattern, watch)
    return sent


def test_a_choice_is_previewed_line_by_line_with_the_least_destructive_action_focused(
    trial: Callable[..., Modal],
) -> None:
    modal = trial()

    modal.choose("ecommerce-scale")

    expect(modal.step.get_by_role("heading", name="Ihr Start mit Ecommerce Scale")).to_be_visible()
    due = modal.step.get_by_role("list", name="Was Sie jetzt zahlen")
    expect(due.get_by_role("listitem").last).to_have_text("Heute fällig 583,10 €")
    expect(modal.step.get_by_role("list", name="Ihr Kontingent")).to_contain_text("100.000 pro Monat")
    expect(modal.step.get_by_role("button", name="Jetzt 583,10 € zahlungspflichtig buchen")).to_be_visible()
    assert modal.focused() == "button: Zurück zu den Plänen"
    expect(modal.step.get_by_role("heading", level=3)).to_be_in_viewport()
    assert modal.heard("preview")[0]["due_now_cents"] == 58_310


def test_a_trial_becomes_a_paid_plan_with_a_card_that_is_added_on_the_way(
    trial: Callable[..., Modal], world: World
) -> None:
    modal = trial()
    modal.choose("ecommerce-basic")

    modal.pay_with("4242 4242 4242 4242")

    expect(modal.step.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_focused()
    assert (held(world, modal)["plan"], held(world, modal)["status"]) == ("ecommerce-basic", "active")
    assert [event["change"] for event in modal.heard("success")] == ["applied"]
    modal.step.get_by_role("button", name="Zurück zu den Plänen").click()
    expect(modal.card("Ecommerce Basic").get_by_role("button")).to_have_text("✓ Ausgewählt")


def test_an_invoice_that_does_not_come_is_said_and_can_be_asked_for_again(trial: Callable[..., Modal]) -> None:
    modal = trial()
    modal.page.route("**/invoices/*.pdf?*", lambda route: route.fulfill(status=503, body="{}"))
    modal.choose("ecommerce-basic")
    modal.pay_with("4242 4242 4242 4242")

    modal.step.locator(".invoice").click()

    expect(modal.step.get_by_role("alert")).to_contain_text("Ihr Wechsel ist davon nicht betroffen.")
    assert modal.heard("error")[-1]["section"] == "invoice"
    modal.page.route("**/invoices/*.pdf?*", lambda route: route.fulfill(body="%PDF-1.7"))
    with modal.page.expect_download():
        modal.step.locator(".invoice").click()
    expect(modal.step.get_by_role("alert")).to_have_count(0)


def test_a_declined_card_says_what_helps_and_another_one_pays(trial: Callable[..., Modal], world: World) -> None:
    modal = trial()
    modal.choose("ecommerce-basic")
    modal.pay_with("4000 0000 0000 0002")
    expect(modal.step.get_by_role("alert")).to_contain_text("Verwenden Sie eine andere Karte.")
    expect(modal.step.get_by_role("alert")).to_be_in_viewport(ratio=1)
    expect(modal.step.get_by_role("alert")).to_contain_text("am Plan hat sich nichts geändert")
    assert held(world, modal)["plan"] is None

    modal.pay_with("5555 5555 5555 4444")

    expect(modal.step.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_visible()


def test_a_card_that_cannot_be_right_is_complained_about_at_its_field(trial: Callable[..., Modal]) -> None:
    modal = trial()
    modal.choose("ecommerce-basic")
    modal.step.get_by_role("textbox", name="Gültig bis").fill("01/20")

    modal.step.locator(".confirm").click()

    expect(modal.step.get_by_role("textbox", name="Kartennummer")).to_be_focused()
    expect(modal.step.get_by_role("textbox", name="Kartennummer")).to_have_attribute("aria-invalid", "true")
    expect(modal.step.get_by_role("textbox", name="Gültig bis")).to_have_attribute("aria-invalid", "true")
    assert modal.heard("confirm") == []


def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_charged_once(
    trial: Callable[..., Modal], world: World
) -> None:
    modal = trial()
    modal.choose("ecommerce-basic")
    modal.step.locator(".confirm").wait_for()

    def carried_out_but_lost(route: Route) -> None:
        route.fetch()
        route.abort()

    sent = sent_to(modal, CONFIRM, carried_out_but_lost)
    modal.pay_with("4242 4242 4242 4242")
    expect(modal.step.get_by_role("alert")).to_contain_text("höchstens einmal")

    modal.step.locator(".confirm").click()

    expect(modal.step.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_visible()
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_two_clicks_confirm_once(trial: Callable[..., Modal]) -> None:
    modal = trial()
    modal.choose("ecommerce-basic")
    modal.step.locator(".confirm").wait_for()
    sent = sent_to(modal, CONFIRM, lambda route: route.continue_())
    modal.step.locator("[name=number]").fill("4242424242424242")
    modal.step.locator("[name=expires]").fill("12/39")
    modal.step.locator("[name=code]").fill("123")

    modal.step.locator(".confirm").dblclick()

    expect(modal.step.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_visible()
    assert len(sent) == 1


def test_without_a_session_or_a_network_a_confirmation_says_so_in_the_readers_words(
    trial: Callable[..., Modal], world: World
) -> None:
    modal = trial()
    modal.choose()
    modal.page.evaluate("document.querySelector('plan-modal').setAttribute('token', 'an-old-token')")
    modal.pay_with("4242 4242 4242 4242")
    expect(modal.step.get_by_role("alert")).to_have_text(say("de", "modal.error.expired"))

    modal.page.context.set_offline(True)
    modal.step.locator(".confirm").click()

    expect(modal.step.get_by_role("alert")).to_have_text(say("de", "modal.change.offline"))


def test_a_stale_quote_is_asked_again_with_the_new_figures(trial: Callable[..., Modal], world: World) -> None:
    modal = trial()
    modal.choose("ecommerce-scale")
    modal.step.locator(".confirm").wait_for()
    organization = modal.page.locator("plan-modal").get_attribute("organization")
    world.put(str(organization), country="AT")

    modal.pay_with("4242 4242 4242 4242")

    expect(modal.step.get_by_role("alert")).to_contain_text("Angebot überholt")
    expect(modal.step.get_by_role("button", name="Jetzt 588,00 € zahlungspflichtig buchen")).to_be_visible()
    modal.step.locator(".confirm").click()
    expect(modal.step.get_by_role("heading", name="Ecommerce Scale ist aktiv")).to_be_visible()


def test_a_payment_without_an_answer_is_said_and_asked_for_until_it_is_settled(trial: Callable[..., Modal]) -> None:
    modal = trial()
    modal.choose("ecommerce-basic")
    modal.step.locator(".confirm").wait_for()

    modal.pay_with("4000 0000 0000 1111")

    expect(modal.step.get_by_role("heading", name="Die Zahlung wird noch bestätigt")).to_be_focused()
    settled = {"status": "applied", "title": "Ecommerce Basic ist aktiv", "text": "Erledigt.", "invoice_id": None}
    modal.page.route(
        "**/plan-changes/*?*", lambda route: route.fulfill(json=route.fetch().json() | settled | {"remedy": None})
    )
    expect(modal.step.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_visible()


def test_a_downgrade_says_when_and_what_is_lost_and_can_be_taken_back(
    trial: Callable[..., Modal], world: World
) -> None:
    modal = trial()
    organization = str(modal.page.locator("plan-modal").get_attribute("organization"))
    world.use(organization, daily={}, levels={"documents": 5, "assistants": 1, "seats": 1})
    modal.choose("ecommerce-scale")
    modal.pay_with("4242 4242 4242 4242")
    modal.step.get_by_role("button", name="Fertig").wait_for()
    modal.step.get_by_role("button", name="Zurück zu den Plänen").click()
    expect(modal.card("Ecommerce Scale").get_by_role("button").first).to_have_text("✓ Ausgewählt")

    modal.choose("ecommerce-basic")
    expect(modal.step.get_by_role("list", name="Das entfällt")).to_contain_text("Workflow-Automatisierung")
    expect(modal.step.get_by_text("Bis dahin behalten Sie Ecommerce Scale")).to_be_visible()
    modal.step.get_by_role("button", name="vormerken").click()
    expect(modal.step.get_by_role("heading", name="Der Wechsel ist vorgemerkt")).to_be_visible()
    modal.step.get_by_role("button", name="Zurück zu den Plänen").click()

    expect(modal.dialog.get_by_text("Vorgemerkt: Ecommerce Basic")).to_be_visible()
    modal.dialog.get_by_role("button", name="Wechsel zurücknehmen").click()

    expect(modal.dialog.locator(".notice")).to_have_count(0)
    assert held(world, modal)["scheduled_change"] is None


def test_a_real_provider_asks_for_the_card_on_the_host_page(trial: Callable[..., Modal]) -> None:
    def stripe(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(json=answer | {"provider": "stripe", "test_cards": {}})

    modal = trial()
    modal.page.route(
        "**/payment-methods?*", lambda route: route.continue_() if route.request.method == "POST" else stripe(route)
    )
    modal.page.evaluate(
        "document.addEventListener('plan-modal:payment-method',"
        " ({detail}) => detail.respondWith(Promise.resolve({kind: 'card', token: 'tok_amex'})))"
    )
    modal.choose("ecommerce-basic")
    expect(modal.step.get_by_role("textbox")).to_have_count(0)

    modal.step.locator(".confirm").click()

    expect(modal.step.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_visible()


def test_back_from_the_preview_the_focus_is_on_the_plan(opened: Open) -> None:
    modal = opened()
    modal.choose("ecommerce-scale")

    modal.step.get_by_role("button", name="Zurück zu den Plänen").click()

    expect(modal.dialog.get_by_role("button", name="Auswählen: Ecommerce Scale")).to_be_focused()


def test_a_preview_that_fails_can_be_tried_again(opened: Open) -> None:
    modal = opened(
        prepare=lambda page: page.route("**/plan-changes/preview?*", lambda route: route.fulfill(status=500))
    )
    modal.choose("ecommerce-scale")
    expect(modal.step.get_by_role("alert")).to_contain_text("Geändert oder berechnet wurde nichts.")

    modal.page.unroute("**/plan-changes/preview?*")
    modal.step.get_by_role("button", name="Erneut versuchen").click()

    expect(modal.step.locator(".confirm")).to_be_visible()


def test_a_link_that_names_a_plan_leads_to_its_preview_and_back_to_the_cards(trial: Callable[..., Modal]) -> None:
    modal = trial(attributes='plan="ecommerce-scale"', wait=False)

    expect(modal.step.get_by_role("heading", name="Ihr Start mit Ecommerce Scale")).to_be_visible()
    assert [event["plan"] for event in modal.heard("select")] == ["ecommerce-scale"]
    modal.step.get_by_role("button", name="Zurück zu den Plänen").click()
    expect(modal.cards).to_have_count(3)
    assert modal.focused() == "h2: Wählen Sie Ihren Plan"


def test_a_link_to_a_plan_that_cannot_be_taken_shows_the_cards(opened: Open) -> None:
    modal = opened("oversized", attributes='plan="support-basic"')

    modal.dialog.locator(".bar .saving").filter(has_text="20").wait_for()

    expect(modal.card("Support Basic")).to_be_visible()
    assert modal.heard("select") == []
