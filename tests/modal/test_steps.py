"""The title says where the reader is, "Back" leads out, what is typed is shaped, and success shows what it brought."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from tests.modal.conftest import Open
from tests.modal.modal import Modal
from tests.modal.stories import STORIES
from tests.modal.world import World


def test_the_title_follows_the_step(opened: Open) -> None:
    modal = opened()
    modal.choose("ecommerce-scale")
    expect(modal.heading).to_have_text("Prüfen und bestätigen")

    modal.step.get_by_role("button", name="Zurück zu den Plänen").click()

    expect(modal.heading).to_have_text("Wählen Sie Ihren Plan")


def test_back_closes_the_dialog_and_stays_on_the_page(opened: Open) -> None:
    modal = opened()
    address = modal.page.url

    modal.page.go_back()

    expect(modal.dialog).to_have_count(0)
    assert modal.page.url == address
    assert modal.focused() == "a: ⚡ Plan"


def test_back_from_a_change_leads_to_the_plans_first(opened: Open) -> None:
    modal = opened()
    modal.choose("ecommerce-scale")
    modal.step.locator(".confirm").wait_for()

    modal.page.go_back()
    expect(modal.cards.first).to_be_visible()
    modal.page.go_back()

    expect(modal.dialog).to_have_count(0)


def test_closing_it_leaves_no_entry_behind(opened: Open) -> None:
    modal = opened()
    before = modal.page.evaluate("history.state?.planModal")

    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)
    modal.page.wait_for_function("!history.state?.planModal")

    assert before is True


def test_an_event_has_a_name_without_a_colon_too(opened: Open) -> None:
    modal = opened()
    modal.page.evaluate(
        "document.addEventListener('plan-modal-select',"
        " event => { event.preventDefault(); window.chosen = event.detail.plan })"
    )

    modal.choose("ecommerce-scale")

    expect(modal.dialog).to_have_count(0)
    assert modal.page.evaluate("window.chosen") == "ecommerce-scale"
    assert len(modal.heard("select")) == 1


def test_an_open_dialog_follows_the_language_of_the_element(opened: Open) -> None:
    modal = opened()

    modal.page.evaluate("document.querySelector('plan-modal').setAttribute('locale', 'fr')")

    expect(modal.heading).to_have_text("Choisissez votre forfait")
    assert (len(modal.heard("open")), len(modal.heard("close"))) == (1, 0)
    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)
    assert modal.focused() == "a: ⚡ Plan"


@pytest.mark.parametrize(
    ("typed", "shown"), [("1239", "12/39"), ("12/39", "12/39"), ("1/39", "01/39"), ("122039", "12/2039"), ("12", "12")]
)
def test_an_expiry_date_is_shaped_while_it_is_typed(opened: Open, typed: str, shown: str) -> None:
    modal = opened()
    modal.choose("ecommerce-scale")
    modal.another_card()

    modal.step.locator("[name=expires]").press_sequentially(typed)

    expect(modal.step.locator("[name=expires]")).to_have_value(shown)


def test_a_card_number_stands_in_groups_and_the_caret_stays(opened: Open) -> None:
    modal = opened()
    modal.choose("ecommerce-scale")
    number = modal.another_card()
    number.press_sequentially("424242424242424")
    expect(number).to_have_value("4242 4242 4242 424")

    number.evaluate("input => input.setSelectionRange(2, 2)")
    modal.page.keyboard.type("9")

    expect(number).to_have_value("4294 2424 2424 2424")
    assert number.evaluate("input => input.selectionStart") == 3


def test_enter_in_the_last_field_of_a_card_confirms(opened: Open, world: World) -> None:
    organization = f"enter-{uuid4().hex}"
    world.put(organization)
    modal = opened(organization)
    modal.choose()
    modal.another_card().fill("4242424242424242")
    modal.step.locator("[name=expires]").press_sequentially("1239")
    expect(modal.step.locator("[name=expires]")).to_have_value("12/39")
    modal.step.locator("[name=code]").fill("123")

    modal.step.locator("[name=code]").press("Enter")

    expect(modal.step.locator(".unlocked")).to_be_visible()


def test_success_shows_what_is_unlocked_what_was_paid_and_what_comes_next(opened: Open) -> None:
    modal = STORIES["done"](opened, locale="de")

    unlocked = modal.step.get_by_role("list", name="Jetzt freigeschaltet")
    order = modal.step.get_by_role("list", name="Ihre Buchung").get_by_role("listitem")

    expect(unlocked).to_contain_text("~50k Gespräche/Monat")
    expect(order.first).to_have_text("Bezahlt 192,19 €")
    expect(order.nth(1)).to_contain_text("Nächste Rechnung am")
    expect(modal.step.get_by_role("button", name="Rechnung herunterladen (PDF)")).to_be_visible()


def test_the_organisation_page_shows_the_new_plan_without_being_loaded_again(
    world: World, new_page: Callable[..., Page]
) -> None:
    owner = f"page-{uuid4().hex}"
    world.put(owner)
    page = new_page()
    page.goto(f"{world.origin}/?token={world.token(owner)}&locale=de")
    expect(page.locator(".plan p.name")).to_have_text("Testphase")
    cancel = page.get_by_role("link", name="Abonnement kündigen")
    expect(cancel).to_have_count(0)
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Plan ändern").click()
    modal = Modal(page)

    modal.choose("ecommerce-scale")
    modal.pay_with("4242 4242 4242 4242")
    modal.step.get_by_role("button", name="Fertig").click()

    expect(page.locator(".plan p.name")).to_have_text("Ecommerce Scale")
    expect(page.get_by_role("link", name="Rechnung INV-")).to_be_visible()
    expect(cancel).to_be_visible()
    expect(page.get_by_text("Mehrverbrauch: 6 € je 1.000 Gespräche")).to_be_visible()
    assert page.evaluate("window.same") is True


def test_a_preview_that_cannot_be_confirmed_now_says_so(opened: Open) -> None:
    def nothing_can_be_written(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"unavailable": "Bitte in einigen Minuten noch einmal."})

    modal = opened(prepare=lambda page: page.route("**/plan-changes/preview?*", nothing_can_be_written))
    modal.choose("ecommerce-scale")

    expect(modal.step.get_by_role("alert")).to_have_text("Bitte in einigen Minuten noch einmal.")
