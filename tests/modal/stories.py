"""Every state of the modal by name, reached as people reach it: for the tests of all states, and for screenshots."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, Route, expect

from serving.words.locales import LocaleCode
from serving.words.texts import day, say
from tests.modal.modal import Modal

Story = Callable[..., Modal]
RECOMMENDATIONS = "**/plan-recommendations?*"


def shown(opened: Callable[..., Modal], **how: Any) -> Modal:
    return opened("shop", **how)


def current_plan(opened: Callable[..., Modal], **how: Any) -> Modal:
    return opened("outgrown", **how)


def blocked(opened: Callable[..., Modal], **how: Any) -> Modal:
    return opened("oversized", **how)


def annual(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("yearly", **how)
    modal.dialog.locator(".bar .saving").filter(has_text="20").wait_for()
    return modal


def all_plans(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("oversized", **how)
    modal.all_plans.click()
    modal.table.wait_for()
    modal.dialog.locator(".tools").evaluate("tools => tools.scrollIntoView()")
    return modal


def contact(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("shop", **how)
    modal.dialog.locator(".offers").filter(has_text="Enterprise").wait_for()
    modal.dialog.locator(".pitch button").click()
    modal.dialog.locator("form .primary").click()
    return modal


def thanked(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("shop", **how)
    modal.dialog.locator(".pitch button").click()
    modal.dialog.locator("input[name=name]").fill("Erika Beispiel")
    modal.dialog.locator("input[name=email]").fill("erika@example.com")
    modal.dialog.locator("form .primary").click()
    modal.dialog.locator(".thanks").wait_for()
    return modal


def preview(opened: Callable[..., Modal], **how: Any) -> Modal:
    def keep(route: Route) -> None:
        answer = route.fetch()
        modal.page.evaluate("quote => { window.quoted = quote }", answer.json())
        route.fulfill(response=answer)

    modal = opened("shop", **how)
    modal.page.route("**/plan-changes/preview?*", keep)
    modal.choose()
    modal.step.locator(".confirm").wait_for()
    return modal


def upgrade(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("outgrown", **how)
    modal.choose("ecommerce-scale")
    modal.step.locator(".confirm").wait_for()
    return modal


def blocked_change(opened: Callable[..., Modal], **how: Any) -> Modal:
    """What stands in the way came up after the card was drawn."""

    def free(route: Route) -> None:
        answer = route.fetch().json()
        for plan in answer["plans"]:
            plan["selection"] |= {"state": "selectable", "blockers": []}
        route.fulfill(json=answer)

    modal = opened("oversized", prepare=lambda page: page.route(RECOMMENDATIONS, free), **how)
    modal.card("Support Basic").locator(".select").click()
    modal.step.locator(".blockers").wait_for()
    return modal


def card_refused(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = preview(opened, **how)
    modal.another_card().fill("1234 5678")
    modal.step.locator(".confirm").click()
    modal.step.locator("[aria-invalid]").first.wait_for()
    return modal


def payment_failed(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = preview(opened, **how)
    modal.pay_with("4000 0000 0000 0002")
    modal.step.locator(".failure").wait_for()
    return modal


def confirmed(opened: Callable[..., Modal], answer: Mapping[str, Any], **how: Any) -> Modal:
    """A choice that is paid with a card, and what the service answers to it."""
    modal = preview(opened, **how)

    def confirm(route: Route) -> None:
        again = {"fresh_quote": modal.page.evaluate("quoted")} if "code" in answer else {}
        route.fulfill(status=409 if again else 201, json={**answer, **again})

    modal.page.route("**/plan-changes?*", confirm)
    modal.page.route("**/plan-changes/a-change?*", lambda route: route.fulfill(json=answer))
    modal.pay_with("4242 4242 4242 4242")
    return modal


def _new_year(locale: LocaleCode) -> str:
    return day(locale, datetime(2027, 1, 1, tzinfo=UTC), "UTC")


def receipt(status: str, locale: LocaleCode) -> dict[str, Any]:
    """How a change stands, as the service words it."""
    params = {"plan": "Ecommerce Basic", "date": _new_year(locale)}
    return {
        "change_id": "a-change",
        "status": status,
        "direction": "start",
        "invoice_id": "INV-2026-000001" if status == "applied" else None,
        "remedy": say(locale, "remedy.card_declined") if status == "failed" else None,
        **{part: say(locale, f"receipt.{status}.{part}", **params) for part in ("title", "text")},
    }


def done(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    modal = confirmed(opened, receipt("applied", locale), locale=locale, **how)
    modal.step.locator(".invoice").wait_for()
    return modal


def invoice_failed(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = done(opened, **how)
    modal.page.route("**/invoices/*.pdf?*", lambda route: route.fulfill(status=503, json={}))
    modal.step.locator(".invoice").click()
    modal.step.locator(".failure").wait_for()
    return modal


def scheduled(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    modal = confirmed(opened, receipt("scheduled", locale), locale=locale, **how)
    modal.step.get_by_text(_new_year(locale)).wait_for()
    return modal


def payment_pending(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    modal = confirmed(opened, receipt("payment_pending", locale), locale=locale, **how)
    modal.step.get_by_text(say(locale, "receipt.payment_pending.title")).wait_for()
    return modal


def failed_later(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    modal = confirmed(opened, receipt("failed", locale), locale=locale, **how)
    modal.step.locator(".retry").wait_for()
    return modal


def stale(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    problem = {part: say(locale, f"problem.quote_stale.{part}") for part in ("title", "detail")}
    modal = confirmed(opened, {"code": "quote_stale", "blockers": [], **problem}, locale=locale, **how)
    modal.step.locator(".failure").wait_for()
    return modal


def noticed(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    """A change that waits, another one whose payment does, and an invoice that is overdue."""
    monthly = say(locale, "modal.interval.month").lower()
    params = {"plan": "Ecommerce Basic", "interval": monthly, "date": _new_year(locale)}
    notices = [
        {
            "code": code,
            "text": say(locale, f"notice.{code}", **params),
            "change_id": None,
            "remedy": say(locale, "billing.heading") if code == "past_due" else None,
            "url": "https://example.com/billing" if code == "past_due" else None,
        }
        for code in ("past_due", "pending", "scheduled", "refused")
    ]

    def tell(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"notices": notices})

    modal = opened("shop", prepare=lambda page: page.route("**/subscription?*", tell), locale=locale, **how)
    modal.dialog.locator(".notice").last.wait_for()
    return modal


def preview_failed(opened: Callable[..., Modal], **how: Any) -> Modal:
    fail = lambda route: route.fulfill(status=500)  # noqa: E731
    modal = opened("shop", prepare=lambda page: page.route("**/plan-changes/preview?*", fail), **how)
    modal.choose()
    modal.step.locator(".failure").wait_for()
    return modal


def loading(opened: Callable[..., Modal], **how: Any) -> Modal:
    def never(page: Page) -> None:
        page.add_init_script(
            "customElements.whenDefined('plan-modal').then(({prototype}) => {"
            "  const {fetch} = prototype;"
            "  prototype.fetch = function (url, init) {"
            "    return String(url).includes('recommend') ? new Promise(() => {}) : fetch.call(this, url, init);"
            "  };"
            "});"
        )

    modal = opened("shop", prepare=never, wait=False, **how)
    modal.page.wait_for_timeout(900)
    return modal


def failed(opened: Callable[..., Modal], **how: Any) -> Modal:
    def fail(page: Page) -> None:
        for calls in (RECOMMENDATIONS, "**/shop/plans?*"):
            page.route(calls, lambda route: route.fulfill(status=500))

    modal = opened("shop", prepare=fail, wait=False, **how)
    expect(modal.failure).to_have_count(2)
    return modal


def offline(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("shop", **how)
    modal.page.keyboard.press("Escape")
    modal.page.context.set_offline(True)
    modal.opener.click()
    modal.failure.first.wait_for()
    return modal


def expired(opened: Callable[..., Modal], **how: Any) -> Modal:
    modal = opened("shop", token="an-old-token", wait=False, **how)
    modal.failure.first.wait_for()
    return modal


def empty(opened: Callable[..., Modal], *, locale: LocaleCode, **how: Any) -> Modal:
    context = {"code": "nothing", "message": say(locale, "context.nothing"), "params": {}}

    def nothing(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"plans": [], "context": context})

    modal = opened("shop", prepare=lambda page: page.route(RECOMMENDATIONS, nothing), wait=False, locale=locale, **how)
    modal.dialog.locator(".empty").wait_for()
    return modal


STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (
        shown,
        current_plan,
        blocked,
        annual,
        all_plans,
        contact,
        thanked,
        preview,
        upgrade,
        blocked_change,
        card_refused,
        payment_failed,
        done,
        invoice_failed,
        scheduled,
        payment_pending,
        failed_later,
        stale,
        noticed,
        preview_failed,
        loading,
        failed,
        offline,
        expired,
        empty,
    )
}
