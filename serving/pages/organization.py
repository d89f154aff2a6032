"""The organisation page: the plan, notices, usage meters, the latest invoices, and the modal."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from typing_extensions import TypedDict

from data_contracts.usage import COUNT_METRICS
from recommender.billing.catalogue import Catalogue
from recommender.billing.discounts import discount_cents
from recommender.billing.plan_change import next_invoice_of
from recommender.billing.promotion_end import promotion_end_of
from serving.accounts import usage_meters
from serving.invoices.service import Invoices
from serving.pages.billing import latest_invoices
from serving.pages.page import Page
from serving.pages.shell import HTML, OrganizationQuery, Pages
from serving.usage.contracts import Meter
from serving.web.fields import Printable
from serving.web.problems import documented
from serving.words.contracts import IntervalName
from serving.words.texts import in_short, percent
from serving.words.usage import overage_answer

PlanQuery = Annotated[Printable | None, Query(max_length=128)]

LATEST_INVOICES: Final = 5
"""The most invoices that this page lists; the billing page lists the others."""

NEAR_ALLOWANCE: Final = 0.8
"""From this share of its allowance on, a meter says how much is used."""


def router(pages: Pages, invoices: Invoices, catalogue: Catalogue) -> APIRouter:
    """The route of the organisation page."""
    api = pages.router()
    codes = {plan.code for plan in catalogue.plans}

    @api.get("/", response_class=Response, responses={**documented(404), **HTML})
    async def organization_page(
        request: Request,
        organization: OrganizationQuery = None,
        plan: PlanQuery = None,
        interval: IntervalName | None = None,
    ) -> Response:
        """The page of one organisation: the demo's for anybody, any other within its session, or for support to look.

        A link may name a plan on sale: then the modal opens at once and leads to it.
        """
        page = await pages.open(request, organization, support=True)
        return pages.render(
            "organization.html",
            page,
            token=None if page.looking else pages.modal_token(page),
            wished=plan if plan in codes else None,
            interval=interval or page.overview.current.held.interval or "month",
            plan=_plan(page),
            meters=_meters(page),
            since=_since(page),
            invoices=await latest_invoices(invoices, page, limit=LATEST_INVOICES),
        )

    @api.post("/session/switch", response_class=Response, responses={**documented(403), **HTML})
    async def switch_session(request: Request) -> Response:
        """Leave the open session for one of another organisation, as the reader was asked."""
        return await pages.switch(request)

    return api


class _PlanText(TypedDict):
    """The current plan in words: its name, its price if it has one, a sentence about the period, the next invoice."""

    name: str
    price: str | None
    hint: str
    next: str | None


class _MeterText(TypedDict):
    """A usage meter in words; `fill` is the filled part of the bar in percent, `None` without an allowance."""

    name: str
    used: str | None
    of: str
    fill: int | None
    level: Literal["over", "near", "calm"]
    state: str | None
    notes: list[str]


def _plan(page: Page) -> _PlanText:
    held, plan, period = page.overview.current.held, page.overview.current.plan, page.overview.current.period
    if held.status == "trial":
        since = page.day(page.organization.trial_started_at)
        end = page.overview.current.trial_ends_at
        hint = page.say("page.trial_since", date=since)
        if end is not None:
            key = "page.trial_over" if page.overview.current.trial_over else "page.trial_until"
            hint = page.say(key, date=page.day(end))
        return {"name": page.say("page.trial"), "price": None, "hint": hint, "next": None}
    if held.status == "paused" and plan is not None:
        return {"name": plan.name, "price": None, "hint": page.say("page.paused"), "next": None}
    if held.plan is None or period is None:
        return {"name": page.say("page.no_plan"), "price": None, "hint": page.say("page.no_plan_hint"), "next": None}
    interval = held.interval or "month"
    sold = plan if plan is not None and interval in plan.price_cents else None
    return {
        "name": page.words.named(plan) if plan is not None else held.plan,
        "price": None if sold is None else _price(page, sold.price_cents[interval], interval),
        "hint": page.say("page.period", date=page.day(period.end)),
        "next": _next_invoice(page),
    }


def _next_invoice(page: Page) -> str | None:
    """When the next invoice comes and over what; `None` where this service sends none."""
    current = page.overview.current
    if current.subscription is None or not current.billed_here:
        return None
    coming = next_invoice_of(current.subscription)
    if coming is None:
        return None
    params = {"date": page.day(coming.at), "amount": page.words.money(coming.net_cents)}
    accrued_cents = sum(page.overview.accrued_cents.values())
    if accrued_cents:
        return page.say("page.next_invoice.accrued", **params, accrued=page.words.money(accrued_cents))
    return page.say("page.next_invoice", **params)


def _price(page: Page, full_cents: int, interval: IntervalName) -> str:
    """The price of an interval; with a promotion its end, and the price after it."""
    subscription = page.overview.current.subscription
    full = str(page.words.price(full_cents, interval)["text"])
    if subscription is None or subscription.discount is None:
        return full
    reduced = full_cents - discount_cents(subscription.discount.promotion, price_cents=full_cents)
    end, now = promotion_end_of(subscription), str(page.words.price(reduced, interval)["text"])
    return now if end is None else page.say("page.promotion", now=now, then=full, date=page.day(end.at))


def _meters(page: Page) -> list[_MeterText]:
    answer = usage_meters.usage_answer(
        organization=page.organization, current=page.overview.current, figures=page.overview.usage, locale=page.locale
    )
    return [_meter(meter, page) for meter in answer["meters"]]


def _meter(meter: Meter, page: Page) -> _MeterText:
    share, used = meter["share"], meter["used"]
    state = None
    if share is not None and share > NEAR_ALLOWANCE:
        over = "page.meter.over" if meter["metric"] in COUNT_METRICS else "page.meter.over_limit"
        state = page.say(over if share > 1 else "page.meter.near", percent=percent(page.locale, share))
    notes = _overage(meter["metric"], page)
    if meter["resets_at"] is not None and page.overview.current.usage_period is not None:
        notes.append(page.say("page.meter.resets", date=page.day(page.overview.current.usage_period.end)))
    if meter["unlimited"]:
        of = page.say("page.meter.unlimited")
    elif meter["allowance"] is not None:
        of = page.say("page.meter.of", allowance=in_short(page.locale, meter["allowance"]))
    else:
        of = ""
    return {
        "name": page.say(f"metric.{meter['metric']}.name"),
        "used": None if used is None else in_short(page.locale, used),
        "of": of,
        "fill": None if share is None else min(100, round(share * 100)),
        "level": "over" if (share or 0) > 1 else "near" if (share or 0) > NEAR_ALLOWANCE else "calm",
        "state": state,
        "notes": notes,
    }


def _overage(metric: str, page: Page) -> list[str]:
    """The overage so far, and the price of each further unit."""
    plan, accrued = page.overview.current.plan, page.overview.accrued_cents.get(metric)
    notes = [] if accrued is None else [page.say("page.meter.accrued", amount=page.words.money(accrued))]
    if plan is not None and metric in plan.overage_cents:
        price = overage_answer(metric, plan.overage_cents[metric], page.words)["price_text"]
        notes.append(page.say("page.meter.overage", price=price))
    return notes


def _since(page: Page) -> str:
    period = page.overview.current.usage_period
    start = page.organization.trial_started_at if period is None else period.start
    return page.say("page.usage_since", date=page.day(start))
