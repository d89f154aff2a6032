"""Takes pictures: `python -m tests.modal.screenshots` renews the README's, `--all FOLDER` every state and page."""

import argparse
import re
import socket
import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize

from tests.modal.modal import Modal, open_modal
from tests.modal.pages import PAGES, Visit
from tests.modal.stories import STORIES, Story
from tests.modal.world import LOCALES, World, browser, running_world

README_PICTURES = Path(__file__).parents[2] / "serving" / "modal"
WINDOWS: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 900},
    "tablet": {"width": 768, "height": 1024},
    "phone": {"width": 390, "height": 844},
    "small": {"width": 320, "height": 640},
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every state, language, window and scheme")
    parser.add_argument("--only", default="", help="only pictures in whose name this pattern is found")
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
            every_picture(world, chromium, asked.all, asked.only)


def pictures_for_the_readme(world: World, chromium: Browser) -> None:
    """The modal over the organisation page, a change before it is confirmed, a payment that failed, the page itself."""
    page = chromium.new_page(viewport={"width": 1200, "height": 1080}, locale="de-DE", reduced_motion="reduce")
    page.goto(f"{world.origin}/?locale=de")
    page.locator("plan-modal > a").click()
    modal = Modal(page)
    modal.cards.first.wait_for()
    modal.dialog.locator(".bar .saving").filter(has_text="20").wait_for()
    page.screenshot(path=README_PICTURES / "screenshot.png")
    phone = chromium.new_context(viewport=WINDOWS["phone"], locale="de-DE", reduced_motion="reduce")
    for story in ("upgrade", "payment_failed"):
        modal = STORIES[story](partial(open_modal, world, phone.new_page()), locale="de")
        modal.step.evaluate("step => step.closest('.body').scrollTo(0, 0)")
        modal.page.screenshot(path=README_PICTURES / f"screenshot-{story.replace('_', '-')}.png")
    dark = chromium.new_page(viewport=WINDOWS["phone"], color_scheme="dark")
    PAGES["organization"](world, dark, "de")
    dark.screenshot(path=README_PICTURES / "screenshot-organization.png")


def every_picture(world: World, chromium: Browser, folder: Path, only: str) -> None:
    """One picture per state or page, language, window and scheme, each as high as what it shows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, locale, window, scheme in product(ARRIVALS, LOCALES, WINDOWS, SCHEMES):
        picture = f"{name}-{locale}-{window}-{scheme}"
        if re.search(only, picture) is None:
            continue
        context = chromium.new_context(
            viewport=WINDOWS[window], color_scheme=scheme, locale=locale, reduced_motion="reduce"
        )
        page = context.new_page()
        ARRIVALS[name](world, page, locale)
        page.screenshot(path=folder / f"{picture}.png", full_page=True)
        context.close()


def _state(story: Story) -> Visit:
    def arrive(world: World, page: Page, locale: str) -> None:
        show_whole(story(partial(open_modal, world, page), locale=locale))
        page.wait_for_timeout(400)

    return arrive


ARRIVALS = {name: _state(story) for name, story in STORIES.items()} | {
    f"page-{name}": visit for name, visit in PAGES.items()
}


def show_whole(modal: Modal) -> None:
    """Let window and dialog grow until nothing needs to be scrolled."""
    height = modal.dialog.evaluate(
        "dialog => { dialog.style.blockSize = 'calc(100dvh - 2rem)';"
        " return dialog.querySelector('.top').offsetHeight + dialog.querySelector('.body').scrollHeight + 34 }"
    )
    window = modal.page.viewport_size
    assert window is not None
    modal.page.set_viewport_size({**window, "height": max(window["height"], height)})


if __name__ == "__main__":
    main()
