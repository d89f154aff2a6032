"""One customer's whole way through the modal, in every language, by mouse and by the keyboard alone."""

from collections.abc import Callable
from typing import Protocol

import pytest
from playwright.sync_api import Locator, Page, expect

from serving.words.locales import LocaleCode
from serving.words.texts import say
from tests.modal.conftest import Open
from tests.modal.modal import Modal
from tests.modal.world import LOCALES, World

NAMES = {"ecommerce-basic": "Ecommerce Basic", "ecommerce-scale": "Ecommerce Scale"}


class Hand(Protocol):
    """How somebody works a page."""

    def press(self, control: Locator) -> None: ...
    def write(self, field: Locator, text: str) -> None: ...
    def choose(self, radio: Locator) -> None: ...


class Mouse:
    """Points and clicks."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, control: Locator) -> None:
        control.click()

    def write(self, field: Locator, text: str) -> None:
        field.click()
        self._page.keyboard.type(text)

    def choose(self, radio: Locator) -> None:
        radio.click()


class Keyboard:
    """Knows Tab, Enter and the arrows, and sees only what holds the focus."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, control: Locator) -> None:
        self._reach(control)
        self._page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self._reach(field)
        self._page.keyboard.type(text)

    def choose(self, radio: Locator) -> None:
        self._reach(radio.locator("xpath=ancestor::fieldset[1]").locator("[type=radio]:checked"))
        for _ in range(10):
            if radio.is_checked():
                return
            self._page.keyboard.press("ArrowDown")
        raise AssertionError("no arrow leads there")

    def _reach(self, control: Locator) -> None:
        control.wait_for()
        for _ in range(200):
            if control.evaluate("element => element.getRootNode().activeElement === element"):
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {control}")


class Journey:
    """The modal of one organisation, worked by one hand."""

    def __init__(self, modal: Modal, hand: Hand, locale: LocaleCode) -> None:
        self.modal, self.hand, self.locale = modal, hand, locale

    def wish(self, plan: str) -> None:
        """Press the select button of a plan's card."""
        self.hand.press(self.modal.card(NAMES[plan]).locator(".select"))
        self.modal.step.locator(".actions button").first.wait_for()

    def pay(self, number: str) -> None:
        """Pay with a card that is entered now."""
        step = self.modal.step
        if step.locator("[type=radio]").count() > 1:
            self.hand.choose(step.locator("[type=radio]").last)
        for field, text in (("number", number), ("expires", "12/39"), ("code", "123")):
            self.hand.write(step.locator(f"[name={field}]"), text)
        self.confirm()

    def confirm(self) -> None:
        self.hand.press(self.modal.step.locator(".confirm"))

    def reads(self, key: str, /, **params: object) -> None:
        """A heading of the step says this."""
        expect(self.modal.step.get_by_role("heading", level=3)).to_have_text(say(self.locale, key, **params))

    def back(self) -> None:
        self.hand.press(self.modal.step.locator(".back"))
        expect(self.modal.cards.first).to_be_visible()
        expect(self.modal.dialog.locator(".plans")).not_to_have_attribute("aria-busy", "true")

    def again(self) -> None:
        """Close the modal and open it anew."""
        self.modal.page.keyboard.press("Escape")
        expect(self.modal.dialog).to_have_count(0)
        self.hand.press(self.modal.opener)
        expect(self.modal.cards.first).to_be_visible()
        expect(self.modal.dialog.locator(".skeleton")).to_have_count(0)


HANDS: dict[str, Callable[[Page], Hand]] = {"mouse": Mouse, "keyboard": Keyboard}


@pytest.mark.parametrize(
    ("hand", "locale"),
    [
        pytest.param(hand, locale, marks=() if (hand, locale) == ("keyboard", "de") else pytest.mark.slow)
        for locale in LOCALES
        for hand in HANDS
    ],
)
def test_from_the_trial_to_the_invoice(opened: Open, world: World, hand: str, locale: LocaleCode) -> None:
    who = f"journey-{hand}-{locale}"
    world.put(who, locale=locale)
    world.use(who, daily={"conversations": 1_400}, levels={"documents": 800, "assistants": 2, "seats": 2})
    modal = opened(who, locale=locale, dialog=False)
    on = Journey(modal, HANDS[hand](modal.page), locale)

    _subscribe(on)
    _upgrade(on)
    _cannot_go_down(on, world, who)
    _goes_down_later_and_takes_it_back(on)
    _pays_for_a_year_with_another_card(on, world, who)

    assert world.host.get(f"/v1/organizations/{who}/subscription").json()["interval"] == "year"
    assert [event["change"] for event in modal.heard("success")] == ["applied", "applied", "scheduled", "applied"]


def _subscribe(on: Journey) -> None:
    expect(on.modal.dialog.locator(".badge")).to_have_text(say(on.locale, "badge"))
    on.wish("ecommerce-basic")
    on.reads("quote.title.start", plan="Ecommerce Basic")
    on.pay("4242424242424242")
    on.reads("receipt.applied.title", plan="Ecommerce Basic")
    on.back()


def _upgrade(on: Journey) -> None:
    on.wish("ecommerce-scale")
    on.reads("quote.title", plan="Ecommerce Scale")
    due = on.modal.step.locator(".group.due li")
    assert due.count() >= 4  # credit, charge, tax, due
    on.confirm()
    on.reads("receipt.applied.title", plan="Ecommerce Scale")
    on.back()
    expect(on.modal.card("Ecommerce Scale").locator(".select")).to_have_text(say(on.locale, "selection.current"))


def _cannot_go_down(on: Journey, world: World, who: str) -> None:
    """Five seats are too many for the smaller plan; three are not."""
    world.set_level(who, "seats", 5)
    on.again()
    basic = on.modal.card("Ecommerce Basic")
    expect(basic.locator(".select")).to_have_attribute("aria-disabled", "true")
    expect(basic.locator(".blockers")).to_contain_text(say(on.locale, "remedy.remove.seats", count=2))
    world.set_level(who, "seats", 3)
    on.again()


def _goes_down_later_and_takes_it_back(on: Journey) -> None:
    on.wish("ecommerce-basic")
    expect(on.modal.step.locator(".group.lost li").first).to_be_visible()
    on.confirm()
    on.reads("receipt.scheduled.title")
    on.back()
    notice = on.modal.dialog.locator(".notice.scheduled")
    expect(notice).to_contain_text("Ecommerce Basic")
    on.hand.press(notice.get_by_role("button", name=say(on.locale, "modal.change.cancel")))
    expect(notice).to_have_count(0)


def _pays_for_a_year_with_another_card(on: Journey, world: World, who: str) -> None:
    """The first card is declined, and nothing has changed; the second one pays, and the invoice is a PDF."""
    on.hand.choose(on.modal.dialog.locator(".bar [value=year]"))
    expect(on.modal.card("Ecommerce Scale").locator(".select")).to_have_class("select selectable")
    on.wish("ecommerce-scale")
    on.pay("4000000000000002")
    refusal = on.modal.step.get_by_role("alert")
    expect(refusal).to_contain_text(say(on.locale, "remedy.card_declined"))
    expect(refusal).to_contain_text(say(on.locale, "problem.card_declined.detail"))
    on.pay("5555555555554444")
    on.reads("receipt.applied.title", plan="Ecommerce Scale")
    world.pdf_of_latest_invoice(who)
    with on.modal.page.expect_download() as coming:
        on.hand.press(on.modal.step.locator(".invoice"))
    assert coming.value.suggested_filename.startswith("INV-")
    assert coming.value.path().read_bytes().startswith(b"%PDF-")
