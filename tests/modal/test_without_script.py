"""In a browser that runs no script the opener leads to pages that do the same change with forms."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.modal.modal import RAW_KEY, violations
from tests.modal.world import World


def seen(page: Page, axe: Axe | None = None) -> None:
    """No raw key, and with a script engine at hand no broken rule of accessibility."""
    assert RAW_KEY.findall(page.locator("body").inner_text()) == []
    if axe is not None:
        assert violations(axe, page) == []


def test_the_whole_change_by_forms_and_keyboard(world: World, new_page: Callable[..., Page]) -> None:
    world.put("scriptless")
    page = new_page(java_script_enabled=False)
    page.goto(f"{world.origin}/?token={world.token('scriptless')}&locale=de")
    page.get_by_role("link", name="Plan ändern").press("Enter")
    seen(page)

    page.get_by_role("button", name="Auswählen: Ecommerce Basic").first.press("Enter")
    expect(page.get_by_role("heading", name="Ihr Start mit Ecommerce Basic")).to_be_visible()
    seen(page)
    page.get_by_role("radio", name="Testkarte 4000 0000 0000 0002").press("Space")
    page.get_by_role("button", name="zahlungspflichtig buchen").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Verwenden Sie eine andere Karte.")
    page.get_by_role("radio", name="Testkarte 4242 4242 4242 4242").press("Space")
    page.get_by_role("button", name="zahlungspflichtig buchen").press("Enter")

    expect(page.get_by_role("heading", name="Ecommerce Basic ist aktiv")).to_be_visible()
    seen(page)
    page.get_by_role("link", name="Zurück zur Übersicht").press("Enter")
    expect(page.locator(".plan p.name")).to_have_text("Ecommerce Basic")


def test_the_forms_break_no_rule_of_accessibility(world: World, new_page: Callable[..., Page], axe: Axe) -> None:
    world.put("forms")
    page = new_page(reduced_motion="reduce")
    page.goto(f"{world.origin}/plans?token={world.token('forms')}&locale=fr")
    seen(page, axe)
    page.locator("main ol form button").first.click()
    page.locator("[name=quote]").wait_for(state="attached")
    seen(page, axe)
    page.locator("[type=radio]").nth(2).check()
    page.locator("form .action").click()
    page.get_by_role("alert").wait_for()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        seen(page, axe)
