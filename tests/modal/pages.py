"""Every page that needs no script by name, reached as people reach it, in one language."""

from collections.abc import Callable, Mapping
from uuid import uuid4

from playwright.sync_api import Page

from tests.modal.world import World

Visit = Callable[[World, Page, str], None]


def _begin(world: World, page: Page, locale: str, path: str = "/") -> None:
    """The pages of a customer, made once per language."""
    customer = f"customer-{locale}"
    if world.host.get(f"/v1/organizations/{customer}/subscription").status_code == 404:
        world.customer(customer, locale)
    page.goto(f"{world.origin}{path}?token={world.token(customer)}&locale={locale}")


def organization(world: World, page: Page, locale: str) -> None:
    _begin(world, page, locale)


def billing(world: World, page: Page, locale: str) -> None:
    _begin(world, page, locale, "/billing")


def billing_refused(world: World, page: Page, locale: str) -> None:
    """The last method of a subscription that is paid for stays."""
    world.put("last-method", locale=locale)
    if not world.host.get("/v1/organizations/last-method/payment-methods").json()["payment_methods"]:
        method = {"kind": "card", "token": "tok_visa", "default": True}
        world.host.post("/v1/organizations/last-method/payment-methods", json=method).raise_for_status()
        world.change("last-method", "ecommerce-scale")
    page.goto(f"{world.origin}/billing?token={world.token('last-method')}&locale={locale}")
    page.locator("form[action*=remove] button").click()
    page.get_by_role("alert").wait_for()


def invoice(world: World, page: Page, locale: str) -> None:
    _begin(world, page, locale, "/billing")
    page.locator("a[href*='/billing/invoices/']").first.click()
    page.wait_for_url("**/billing/invoices/*")


def plans(world: World, page: Page, locale: str) -> None:
    _begin(world, page, locale, "/plans")


def contact_refused(world: World, page: Page, locale: str) -> None:
    page.goto(f"{world.origin}/plans?locale={locale}")
    page.locator("[name=name]").fill("Erika Beispiel")
    page.locator("[name=email]").fill("erika@example")
    page.locator("form[action*=contact] button").click()
    page.locator("[aria-invalid=true]").first.wait_for()


def thanks(world: World, page: Page, locale: str) -> None:
    page.goto(f"{world.origin}/plans?locale={locale}")
    page.locator("[name=name]").fill("Erika Beispiel")
    page.locator("[name=email]").fill("erika@example.com")
    page.locator("form[action*=contact] button").click()
    page.locator("[name=email]").wait_for(state="detached")


def review(world: World, page: Page, locale: str) -> None:
    page.goto(f"{world.origin}/plans?locale={locale}")
    page.locator("form[action*=preview] button").first.click()
    page.locator("[name=quote]").wait_for(state="attached")


def review_refused(world: World, page: Page, locale: str) -> None:
    review(world, page, locale)
    page.locator("[value*=tok_declined]").check()
    page.locator("form[action*=confirm] button").click()
    page.get_by_role("alert").wait_for()


def change(world: World, page: Page, locale: str) -> None:
    """A payment that is not confirmed yet, each time another organisation's."""
    waiting = f"waiting-{uuid4().hex}"
    world.put(waiting, locale=locale)
    page.goto(f"{world.origin}/plans?token={world.token(waiting)}&locale={locale}")
    page.locator("form[action*=preview] button").first.click()
    page.locator("[value*=tok_timeout]").first.check()
    page.locator("form[action*=confirm] button").click()
    page.wait_for_url("**/plans/changes/*")


def problem(world: World, page: Page, locale: str) -> None:
    page.goto(f"{world.origin}/billing/invoices/INV-1999-000001?locale={locale}")


PAGES: Mapping[str, Visit] = {
    visit.__name__: visit
    for visit in (
        organization, billing, billing_refused, invoice, plans, contact_refused, thanks, review, review_refused, change,
        problem,
    )
}  # fmt: skip
