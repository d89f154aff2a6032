"""The modal as a test sees it: by role, text and event."""

import re
from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from tests.modal.world import World, host_page

RAW_KEY = re.compile(r"\b[a-z]+(?:_[a-z]+)*\.[a-z]+(?:[._][a-z]+)+\b|\{\w+\}|\bundefined\b|\bnull\b|\bNaN\b")
"""What a message key, an open placeholder or a missing value looks like when it reaches a page."""
EVENTS = (
    "open", "impression", "view", "select", "preview", "confirm", "success", "error", "close", "token-expired",
    "payment-method", "cancelled", "kept",
)  # fmt: skip


class Modal:
    """One page with a modal on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.opener = page.locator("plan-modal > a")
        self.dialog = page.get_by_role("dialog")
        self.heading = self.dialog.get_by_role("heading", level=2)
        self.cards = self.dialog.locator("li.card")
        self.failure = self.dialog.get_by_role("alert").filter(has=page.locator("button"))
        self.all_plans = self.dialog.locator(".toggle button")
        self.table = self.dialog.get_by_role("table")
        self.step = self.dialog.locator(".change")

    def listen(self) -> None:
        """Note every event that leaves the modal."""
        self.page.add_init_script(
            "window.heard = [];"
            f"for (const name of {list(EVENTS)!r})"
            " document.addEventListener(`plan-modal:${name}`, ({detail}) => heard.push({name, ...detail}));"
        )

    def heard(self, name: str) -> list[dict[str, Any]]:
        """The details of every event of this name so far."""
        events: list[dict[str, Any]] = self.page.evaluate("JSON.parse(JSON.stringify(window.heard))")
        return [event for event in events if event["name"] == name]

    def card(self, name: str) -> Locator:
        """The card of the plan of this name."""
        return self.dialog.get_by_role("article", name=name, exact=True)

    def choose(self, plan: str | None = None) -> None:
        """Press the select button of a plan's card, of the first that can be taken when none is named."""
        names = {"ecommerce-basic": "Ecommerce Basic", "ecommerce-scale": "Ecommerce Scale"}
        cards = self.dialog if plan is None else self.card(names[plan])
        cards.locator(".select.selectable").first.click()

    def another_card(self) -> Locator:
        """Where the number of a new card goes, also where one is kept already."""
        another = self.step.locator("[name=number]")
        if not another.is_visible():
            self.step.locator("[type=radio]").last.check()
        return another

    def pay_with(self, number: str) -> None:
        """Enter a card in the step that asks for one, and confirm."""
        self.another_card().fill(number)
        self.step.locator("[name=expires]").fill("12/39")
        self.step.locator("[name=code]").fill("123")
        self.step.locator(".confirm").click()

    def focused(self) -> str:
        """What holds the focus, in the modal or on the page: its tag and its text."""
        return str(
            self.page.evaluate(
                "(() => { let e = document.activeElement;"
                " while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
                " return e ? `${e.localName}: ${e.innerText ?? ''}`.trim() : '' })()"
            )
        )

    def raw_keys(self) -> list[str]:
        """Message keys, placeholders and missing values that are to be seen or heard anywhere in the dialog."""
        labels = self.dialog.evaluate(
            "dialog => [dialog, ...dialog.querySelectorAll('*')].flatMap(e =>"
            " ['aria-label', 'title', 'placeholder', 'alt'].map(name => e.getAttribute(name)).filter(Boolean))"
            ".join('\\n')"
        )
        return RAW_KEY.findall(f"{self.dialog.inner_text()}\n{self.dialog.evaluate('e => e.textContent')}\n{labels}")


def open_modal(
    world: World,
    page: Page,
    organization: str = "shop",
    *,
    locale: str = "de",
    attributes: str = "",
    token: str | None = None,
    prepare: Callable[[Page], object] = lambda page: None,
    dialog: bool = True,
    wait: bool = True,
) -> Modal:
    """The modal of an organisation, opened on a host's page, after `prepare` was done to the page."""
    html = host_page(world, organization, locale=locale, attributes=attributes, token=token)
    page.route("**/host", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
    modal = Modal(page)
    modal.listen()
    prepare(page)
    page.goto(f"{world.origin}/host")
    modal.opener.click()
    if dialog:
        modal.dialog.wait_for()
    if dialog and wait:
        modal.cards.first.wait_for()
    return modal


def violations(axe: Axe, page: Page) -> list[str]:
    """Every accessibility rule that the page breaks, with the first place."""
    found = axe.run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['target']} {each['nodes'][0].get('failureSummary')}" for each in found]
