"""Whoever needs more can write to sales from the modal."""

from playwright.sync_api import expect

from tests.modal.conftest import Open
from tests.modal.world import World


def test_a_request_becomes_a_lead_and_is_thanked_for(opened: Open, world: World) -> None:
    modal = opened()
    expect(modal.dialog.get_by_role("heading", name="Brauchen Sie mehr?")).to_be_visible()
    modal.dialog.get_by_role("button", name="Vertrieb kontaktieren").click()

    modal.dialog.get_by_role("textbox", name="Ihr Name").fill("Erika Beispiel")
    modal.dialog.get_by_role("textbox", name="E-Mail-Adresse").fill("erika@example.com")
    modal.dialog.get_by_role("checkbox", name="SLA-Garantien").check()
    modal.dialog.get_by_role("button", name="Anfrage senden").click()

    expect(modal.dialog.locator(".thanks")).to_have_text("Vielen Dank. Unser Vertrieb meldet sich bei Ihnen.")
    [lead] = world.leads("Erika Beispiel")
    assert (lead["email"], lead["needs"], lead["message"]) == ("erika@example.com", '["sla"]', None)


def test_what_is_missing_is_said_at_its_field_and_nothing_is_sent(opened: Open) -> None:
    modal = opened()
    sent: list[str] = []
    modal.page.on("request", lambda request: sent.append(request.url) if "enterprise-leads" in request.url else None)
    modal.dialog.get_by_role("button", name="Vertrieb kontaktieren").click()

    modal.dialog.get_by_role("textbox", name="E-Mail-Adresse").fill("erika@")
    modal.dialog.get_by_role("button", name="Anfrage senden").click()

    name = modal.dialog.get_by_role("textbox", name="Ihr Name")
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description("Bitte geben Sie Ihren Namen an.")
    expect(modal.dialog.get_by_role("textbox", name="E-Mail-Adresse")).to_have_attribute("aria-invalid", "true")
    assert sent == []


def test_a_request_that_fails_keeps_what_was_written(opened: Open) -> None:
    modal = opened()
    modal.page.route("**/enterprise-leads?*", lambda route: route.fulfill(status=503, json={"code": "busy"}))
    modal.dialog.get_by_role("button", name="Vertrieb kontaktieren").click()
    modal.dialog.get_by_role("textbox", name="Ihr Name").fill("Erika Beispiel")
    modal.dialog.get_by_role("textbox", name="E-Mail-Adresse").fill("erika@example.com")

    modal.dialog.get_by_role("button", name="Anfrage senden").click()

    expect(modal.dialog.get_by_role("alert").filter(has_text="konnte nicht gesendet werden")).to_be_visible()
    expect(modal.dialog.get_by_role("textbox", name="Ihr Name")).to_have_value("Erika Beispiel")


def test_cancelling_folds_the_form_and_returns_the_focus(opened: Open) -> None:
    modal = opened()
    button = modal.dialog.get_by_role("button", name="Vertrieb kontaktieren")
    button.click()

    modal.dialog.get_by_role("button", name="Abbrechen").click()

    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
