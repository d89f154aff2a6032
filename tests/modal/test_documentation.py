"""What front-end developers read is true: the example works, and every name that they may use is on the page."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from serving.modal.assets import style_sheet
from tests.modal.modal import EVENTS, Modal
from tests.modal.world import World, another_origin

MODAL = Path(__file__).parents[2] / "serving" / "modal"
PAGE = (MODAL / "embedding.md").read_text(encoding="utf-8")
SCRIPTS = "\n".join(path.read_text(encoding="utf-8") for path in (MODAL / "static").glob("*.js"))
STYLES = style_sheet(MODAL / "static", "plan-modal.css")


def test_the_example_of_a_host_page_works_as_it_stands(world: World, new_page: Callable[..., Page]) -> None:
    world.put("acme")
    example = (MODAL / "example.html").read_text(encoding="utf-8").replace("https://plans.example.com", world.origin)
    page = new_page()
    texts: dict[str, str] = {}
    with another_origin(texts) as host:
        texts["/"] = example.replace("TOKEN", world.token("acme", origin=host))
        texts["/plans-token"] = world.token("acme", origin=host)
        page.goto(host)
        _change_the_plan(page)


def _change_the_plan(page: Page) -> None:
    modal = Modal(page)

    page.get_by_role("link", name="Plan ändern").click()

    expect(modal.cards).to_have_count(3)
    modal.choose("ecommerce-scale")
    modal.pay_with("4242 4242 4242 4242")
    expect(modal.step.get_by_role("heading", name="Ecommerce Scale ist aktiv")).to_be_visible()
    expect(page.locator("#log")).to_contain_text("success ecommerce-scale")


def test_every_event_is_documented() -> None:
    said = re.findall(r"(?:emit|told)\(([^,)]*)", SCRIPTS)
    emitted = {name for choice in said for name in re.findall(r'"([\w-]+)"(?! \?)', choice)}

    assert set(re.findall(r"`plan-modal:([\w-]+)`", PAGE)) == emitted == set(EVENTS)


def test_every_property_and_part_is_documented() -> None:
    properties = set(re.findall(r"var\((--pm-[\w-]+)", STYLES))
    parts = {name for names in re.findall(r'part: ["`]([a-z-]+)', SCRIPTS) for name in names.split()}

    assert set(re.findall(r"`(--pm-[\w-]+)`", PAGE)) == properties
    assert {part for part in parts if f"`{part}`" not in PAGE} == set()


def test_every_attribute_is_documented() -> None:
    asked = set(re.findall(r'getAttribute\("(\w+)"\)', (MODAL / "static" / "element.js").read_text(encoding="utf-8")))

    assert {attribute for attribute in asked if f"| `{attribute}` |" not in PAGE} == set()
