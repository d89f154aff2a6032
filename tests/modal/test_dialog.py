"""The dialog opens, holds the focus and closes as the ARIA pattern for modal dialogs asks."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.modal.conftest import Open
from tests.modal.modal import Modal
from tests.modal.world import World


def test_a_click_opens_the_modal_with_the_focus_on_its_heading(opened: Open) -> None:
    modal = opened()

    expect(modal.heading).to_have_text("Wählen Sie Ihren Plan")
    assert modal.focused() == "h2: Wählen Sie Ihren Plan"


def test_the_organisation_page_opens_it_by_keyboard(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{world.origin}/?locale=de")
    modal = Modal(page)

    page.get_by_role("link", name="Plan ändern").focus()
    page.keyboard.press("Enter")

    expect(modal.dialog).to_be_visible()
    expect(modal.cards).to_have_count(3)


def test_a_link_to_the_organisation_page_may_name_a_plan_and_an_interval(
    world: World, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    modal = Modal(page)

    page.goto(f"{world.origin}/?locale=de&plan=ecommerce-scale&interval=year")

    expect(modal.step.get_by_role("heading", name="Ihr Start mit Ecommerce Scale")).to_be_visible()
    expect(modal.step).to_contain_text("4.704 €/Jahr zzgl. MwSt.")
    page.goto(f"{world.origin}/?locale=de&plan=no-such-plan")
    expect(modal.opener).to_be_visible()
    expect(modal.dialog).to_have_count(0)


def test_escape_closes_it_and_the_focus_goes_back_to_the_opener(opened: Open) -> None:
    modal = opened()

    modal.page.keyboard.press("Escape")

    expect(modal.dialog).to_have_count(0)
    assert modal.focused() == "a: ⚡ Plan"


def test_the_close_button_is_named_in_the_language_of_the_modal(opened: Open) -> None:
    modal = opened(locale="fr")

    modal.dialog.get_by_role("button", name="Fermer", exact=True).click()

    expect(modal.dialog).to_have_count(0)


def test_tab_never_reaches_the_page_behind(opened: Open) -> None:
    modal = opened()

    for _ in range(40):
        modal.page.keyboard.press("Tab")

        assert modal.focused() != "a: ⚡ Plan"


def test_it_opens_again_after_it_was_closed(opened: Open) -> None:
    modal = opened()
    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)

    modal.opener.click()

    expect(modal.cards).to_have_count(3)


def test_the_page_behind_does_not_scroll_while_it_is_open(opened: Open) -> None:
    modal = opened()

    assert modal.page.evaluate("getComputedStyle(document.documentElement).overflow") == "hidden"
    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)
    expect(modal.page.locator("html")).to_have_css("overflow", "visible")


def test_its_sections_stand_in_their_order(opened: Open) -> None:
    modal = opened()

    tops = [
        modal.dialog.locator(selector).bounding_box()["y"]  # type: ignore[index]
        for selector in ("h2", ".badge", ".cards", ".toggle", ".enterprise")
    ]

    assert tops == sorted(tops)
    assert len(set(tops)) == 5


def test_without_a_script_the_opener_leads_to_the_recommendation(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{world.origin}/?locale=de")

    page.get_by_role("link", name="Plan ändern").click()

    expect(page.get_by_role("heading", name="Wählen Sie Ihren Plan")).to_be_visible()
    expect(page.get_by_text("190 €/Monat zzgl. MwSt.").first).to_be_visible()


def test_when_the_words_do_not_come_the_opener_is_the_link_that_it_is(opened: Open, world: World) -> None:
    def no_words(page: Page) -> None:
        page.route("**/modal/messages.*", lambda route: route.abort())

    modal = opened(prepare=no_words, dialog=False)

    modal.page.wait_for_url(f"{world.origin}/plans")
    expect(modal.page.get_by_role("heading", level=1)).to_have_text("Wählen Sie Ihren Plan")
