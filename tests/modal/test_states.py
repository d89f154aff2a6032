"""Loading, empty, failed, offline and expired are states that people see, and can leave."""

import pytest
from playwright.sync_api import Page, Route, expect

from serving.words.locales import LocaleCode
from serving.words.texts import say
from tests.modal.conftest import Open
from tests.modal.stories import STORIES
from tests.modal.world import LOCALES, World

RECOMMENDATIONS = "**/plan-recommendations?*"
PLANS = "**/shop/plans?*"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("width", [390, 1280])
def test_while_loading_the_places_of_the_cards_appear_after_300_ms_and_nothing_moves(
    opened: Open, width: int, locale: LocaleCode
) -> None:
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    modal = opened(
        prepare=lambda page: page.route(RECOMMENDATIONS, hold),
        wait=False,
        locale=locale,
        viewport={"width": width, "height": 900},
    )
    skeleton = modal.dialog.locator(".skeleton")
    expect(skeleton).to_be_attached()
    expect(modal.dialog.get_by_role("status")).to_have_text(say(locale, "modal.loading"))
    assert skeleton.locator(".card").first.evaluate("e => getComputedStyle(e).animationDelay") == "0.3s"
    modal.page.wait_for_timeout(700)
    modal.page.evaluate(
        "window.shifts = 0; new PerformanceObserver(list => list.getEntries().forEach(e => window.shifts += e.value))"
        ".observe({type: 'layout-shift'})"
    )

    waiting[0].continue_()
    modal.cards.first.wait_for()
    modal.page.wait_for_timeout(500)

    expect(skeleton).to_have_count(0)
    assert modal.page.evaluate("window.shifts") == 0


def test_a_failed_recommendation_leaves_the_catalogue_and_a_way_to_try_again(opened: Open) -> None:
    modal = opened(
        prepare=lambda page: page.route(RECOMMENDATIONS, lambda route: route.fulfill(status=500)), wait=False
    )

    expect(modal.failure).to_contain_text("Ihre Empfehlung konnte nicht geladen werden.")
    expect(modal.table.get_by_role("columnheader").first).to_contain_text("190 €/Monat")
    assert modal.heard("error")[0] == {
        "name": "error", "section": "recommendation", "code": "failed", "status": 500,
    }  # fmt: skip

    modal.page.unroute(RECOMMENDATIONS)
    modal.failure.get_by_role("button", name="Erneut versuchen").click()

    expect(modal.cards).to_have_count(3)
    expect(modal.failure).to_have_count(0)
    assert modal.focused() != "body:"


def test_what_is_to_be_known_is_told_even_where_the_recommendation_failed(opened: Open) -> None:
    modal = STORIES["noticed"](opened, locale="de")
    modal.page.route(RECOMMENDATIONS, lambda route: route.fulfill(status=500))

    modal.dialog.locator(".bar [value=year]").check()

    expect(modal.failure).to_contain_text("Ihre Empfehlung konnte nicht geladen werden.")
    modal.page.keyboard.press("Escape")
    expect(modal.dialog).to_have_count(0)
    modal.opener.click()
    expect(modal.failure).to_contain_text("Ihre Empfehlung konnte nicht geladen werden.")
    expect(modal.dialog.locator(".notice.scheduled")).to_be_visible()


def test_a_failed_catalogue_leaves_the_recommendation(opened: Open) -> None:
    modal = opened(prepare=lambda page: page.route(PLANS, lambda route: route.fulfill(status=503)))
    modal.all_plans.click()
    expect(modal.failure).to_contain_text("Die Pläne konnten nicht geladen werden.")
    expect(modal.cards).to_have_count(3)

    modal.page.unroute(PLANS)
    modal.failure.get_by_role("button").click()

    expect(modal.table.get_by_role("columnheader")).to_have_count(4)


def test_offline_it_says_so_and_goes_on_by_itself(opened: Open) -> None:
    modal = opened()
    modal.page.keyboard.press("Escape")
    modal.page.context.set_offline(True)
    modal.opener.click()
    expect(modal.failure.first).to_contain_text("Keine Internetverbindung")

    modal.page.context.set_offline(False)

    expect(modal.cards).to_have_count(3)


def test_an_expired_token_is_renewed_by_the_host_once_for_all_calls(opened: Open, world: World) -> None:
    fresh = world.token("shop")

    def host(page: Page) -> None:
        page.add_init_script(
            "document.addEventListener('plan-modal:token-expired',"
            f" ({{detail}}) => detail.respondWith(Promise.resolve('{fresh}')))"
        )

    modal = opened(token="an-old-token", prepare=host)

    expect(modal.cards).to_have_count(3)
    assert len(modal.heard("token-expired")) == 1
    assert modal.heard("error") == []


def test_a_host_that_has_no_new_token_may_set_one_later(opened: Open, world: World) -> None:
    modal = opened(token="an-old-token", wait=False)
    expect(modal.failure.first).to_contain_text("Ihre Sitzung ist abgelaufen.")

    modal.page.evaluate(f"document.querySelector('plan-modal').token = '{world.token('shop')}'")

    expect(modal.cards).to_have_count(3)


def test_the_organisation_page_renews_its_token_itself(world: World, opened: Open) -> None:
    modal = opened()
    page = modal.page
    page.goto(f"{world.origin}/?locale=de")
    page.evaluate("document.querySelector('plan-modal').token = 'an-old-token'")

    page.get_by_role("link", name="Plan ändern").click()

    expect(modal.cards).to_have_count(3)


def test_without_a_plan_to_offer_it_says_so_and_leads_to_sales(opened: Open) -> None:
    def nothing(route: Route) -> None:
        answer = route.fetch().json()
        answer["plans"] = []
        answer["context"] = {"code": "nothing", "message": "Für Sie ist derzeit kein Plan verfügbar.", "params": {}}
        route.fulfill(json=answer)

    modal = opened(prepare=lambda page: page.route(RECOMMENDATIONS, nothing), wait=False)
    expect(modal.dialog.get_by_text("Für Sie ist derzeit kein Plan verfügbar.")).to_be_visible()

    modal.dialog.locator(".empty").get_by_role("button", name="Vertrieb kontaktieren").click()

    expect(modal.dialog.get_by_role("textbox", name="Ihr Name")).to_be_focused()


def test_a_name_that_looks_like_markup_stays_text(opened: Open) -> None:
    name = "<img src=x onerror=alert(1)>"

    def hostile(route: Route) -> None:
        answer = route.fetch().json()
        answer["plans"][0]["name"] = name
        answer["context"]["message"] = name
        route.fulfill(json=answer)

    modal = opened(prepare=lambda page: page.route(RECOMMENDATIONS, hostile))

    expect(modal.cards.first.get_by_role("heading", level=4)).to_have_text(name)
    expect(modal.dialog.locator("img")).to_have_count(0)


def test_a_payment_that_is_overdue_comes_with_the_way_to_another_method(opened: Open) -> None:
    modal = STORIES["noticed"](opened, locale="de")

    remedy = modal.dialog.locator(".past_due").get_by_role("link", name="Rechnung verwalten")

    expect(remedy).to_have_attribute("href", "https://example.com/billing")
