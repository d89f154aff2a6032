"""The modal is small, asks nobody else, fits every window and every host page."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.modal.conftest import Open
from tests.modal.modal import Modal
from tests.modal.widths import cut_off
from tests.modal.world import LOCALES, World, another_origin, host_page


def test_script_and_styles_come_in_two_files_of_at_most_20_kb_together(
    world: World, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    loaded: dict[str, int] = {}
    page.on("requestfinished", lambda it: loaded.update({urlsplit(it.url).path: it.sizes()["responseBodySize"]}))
    page.route("**/host", lambda route: route.fulfill(body=host_page(world, "shop"), content_type="text/html"))

    page.goto(f"{world.origin}/host", wait_until="networkidle")

    files = {path: size for path, size in loaded.items() if path.endswith((".js", ".css"))}
    assert set(files) == {"/modal/plan-modal.js", "/modal/plan-modal.css"}
    assert 0 < sum(files.values()) <= 20 * 1024


def test_nothing_is_asked_of_other_hosts(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.goto(f"{world.origin}/?locale=de")
    modal = Modal(page)

    modal.page.get_by_role("link", name="Plan ändern").click()
    modal.all_plans.click()
    modal.table.wait_for()

    assert asked == {urlsplit(world.origin).netloc}


@pytest.mark.parametrize("locale", LOCALES)
def test_words_40_percent_longer_fit(opened: Open, locale: str) -> None:
    modal = opened("oversized", locale=locale)
    modal.all_plans.click()
    modal.dialog.locator(".pitch button").click()

    assert cut_off(modal.page) == []


@pytest.mark.parametrize("path", ["/", "/plans", "/billing"])
@pytest.mark.parametrize("locale", LOCALES)
def test_the_pages_fit_with_words_40_percent_longer(
    world: World, new_page: Callable[..., Page], locale: str, path: str
) -> None:
    page = new_page()

    page.goto(f"{world.origin}{path}?locale={locale}")

    assert cut_off(page) == []


def test_a_page_of_another_origin_embeds_it_with_one_script_tag(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page()
    texts: dict[str, str] = {}
    with another_origin(texts) as host:
        texts["/"] = host_page(world, "shop", token=world.token("shop", origin=host))
        page.goto(host)
        modal = Modal(page)

        modal.opener.click()

        expect(modal.cards).to_have_count(3)
        modal.dialog.locator(".card .select.selectable").first.click()
        expect(modal.step.locator(".confirm")).to_be_visible()


def test_a_host_may_register_the_class_under_another_name(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page()
    html = host_page(world, "shop").replace("plan-modal.js", "element.js").replace("plan-modal ", "our-plans ")
    page.route("**/host", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
    page.goto(f"{world.origin}/host")

    page.evaluate("import('/modal/element.js').then(({PlanModalElement}) => PlanModalElement.define('our-plans'))")
    page.locator("our-plans a").click()

    expect(page.get_by_role("dialog").locator("li.card")).to_have_count(3)


def test_a_host_may_override_how_requests_are_made(opened: Open) -> None:
    def count(page: Page) -> None:
        page.add_init_script(
            "window.calls = [];"
            "customElements.whenDefined('plan-modal').then(element => {"
            "  const fetch = element.prototype.fetch;"
            "  element.prototype.fetch = function (url, init) {"
            "    calls.push(String(url));"
            "    return fetch.call(this, url, init);"
            "  };"
            "});"
        )

    modal = opened(prepare=count)

    assert any("plan-recommendations" in url for url in modal.page.evaluate("calls"))


def test_a_host_may_choose_colours_and_style_parts(opened: Open) -> None:
    modal = opened()
    modal.page.add_style_tag(
        content="plan-modal { --pm-accent: rgb(0, 90, 60) } plan-modal::part(badge) { letter-spacing: 3px }"
    )

    button = modal.cards.first.locator(".select")

    expect(button).to_have_css("background-color", "rgb(0, 90, 60)")
    expect(modal.dialog.locator(".badge")).to_have_css("letter-spacing", "3px")


def test_nothing_moves_for_those_who_asked_for_less_motion(opened: Open) -> None:
    modal = opened(reduced_motion="reduce")

    assert modal.dialog.evaluate("e => getComputedStyle(e).animationName") == "none"
