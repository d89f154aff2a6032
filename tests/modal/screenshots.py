"""Takes pictures: `python -m tests.modal.screenshots` renews the README's, `--all FOLDER` every state and page."""

import argparse
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize

from tests.modal.modal import Modal
from tests.modal.pages import PAGES
from tests.modal.stories import STORIES
from tests.modal.world import LOCALES, World, browser, host_page, running_world

README_PICTURES = Path(__file__).parents[2] / "serving" / "modal"
WINDOWS: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every state, language, window and scheme")
    parser.add_argument("--only", default="", help="only pictures whose name contains this")
    asked = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_world(Path(folder), port=port) as world,
        browser() as chromium,
    ):
        if asked.all is None:
            pictures_for_the_readme(world, chromium)
        else:
            every_state(world, chromium, asked.all, asked.only)
            every_page(world, chromium, asked.all, asked.only)


def pictures_for_the_readme(world: World, chromium: Browser) -> None:
    """The modal over the organisation page, a change before it is confirmed, a payment that failed, the page itself."""
    page = chromium.new_page(viewport={"width": 1200, "height": 860}, locale="de-DE", reduced_motion="reduce")
    page.goto(f"{world.origin}/?locale=de")
    page.locator("plan-modal a").click()
    modal = Modal(page)
    modal.cards.first.wait_for()
    modal.dialog.locator(".bar .saving").filter(has_text="20").wait_for()
    page.screenshot(path=README_PICTURES / "screenshot.png")
    phone = chromium.new_context(viewport=WINDOWS["phone"], locale="de-DE", reduced_motion="reduce")
    for story in ("upgrade", "payment_failed"):
        modal = STORIES[story](_opener(world, phone.new_page()), locale="de")
        modal.step.evaluate("step => step.closest('.body').scrollTo(0, 0)")
        modal.page.screenshot(path=README_PICTURES / f"screenshot-{story.replace('_', '-')}.png")
    dark = chromium.new_page(viewport=WINDOWS["phone"], color_scheme="dark")
    PAGES["organization"](world, dark, "de")
    dark.screenshot(path=README_PICTURES / "screenshot-organization.png")


def every_page(world: World, chromium: Browser, folder: Path, only: str) -> None:
    """One picture per page, language, window and scheme."""
    for name, visit in PAGES.items():
        for locale in LOCALES:
            for window, viewport in WINDOWS.items():
                for scheme in SCHEMES:
                    picture = f"page-{name}-{locale}-{window}-{scheme}"
                    if only not in picture:
                        continue
                    page = chromium.new_page(viewport=viewport, color_scheme=scheme, locale=locale)
                    visit(world, page, locale)
                    page.screenshot(path=folder / f"{picture}.png", full_page=True)
                    page.close()


def every_state(world: World, chromium: Browser, folder: Path, only: str) -> None:
    """One picture per state, language, window and scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    for story, tell in STORIES.items():
        for locale in LOCALES:
            for window, viewport in WINDOWS.items():
                for scheme in SCHEMES:
                    name = f"{story}-{locale}-{window}-{scheme}"
                    if only not in name:
                        continue
                    context = chromium.new_context(viewport=viewport, color_scheme=scheme, locale=locale)
                    modal = tell(_opener(world, context.new_page()), locale=locale)
                    modal.page.wait_for_timeout(400)
                    modal.page.screenshot(path=folder / f"{name}.png")
                    context.close()


def _opener(world: World, page: Page) -> Callable[..., Modal]:
    def opened(
        organization: str,
        *,
        locale: str,
        token: str | None = None,
        prepare: Callable[[Page], Any] = lambda page: None,
        wait: bool = True,
    ) -> Modal:
        html = host_page(world, organization, locale=locale, token=token)
        page.route("**/host", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
        prepare(page)
        page.goto(f"{world.origin}/host")
        modal = Modal(page)
        modal.opener.click()
        modal.dialog.wait_for()
        if wait:
            modal.cards.first.wait_for()
        return modal

    return opened


if __name__ == "__main__":
    main()
