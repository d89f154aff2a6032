"""The organisation page: the plan, what is to be known, the usage meters, and the way to another plan."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request, Response

from serving.accounts import usage_meters
from serving.pages.billing import latest
from serving.pages.shell import HTML, Asked, Page, PageRoute, page_of, rendered
from serving.parts import PartsOf
from serving.plan_cards.contracts import IntervalName
from serving.web.problems import documented
from serving.words.texts import number, percent

router = APIRouter(tags=["page"], route_class=PageRoute)

PlanAsked = Annotated[str | None, Query(max_length=128)]

LATEST_INVOICES: Final = 5
"""How many the page lists; the others are on the billing page."""

NEAR_ALLOWANCE: Final = 0.8
"""From this share on, a meter says how much of its allowance is used."""


@router.get("/", response_class=Response, responses={**documented(404), **HTML})
async def organization_page(
    request: Request,
    parts: PartsOf,
    organization: Asked = None,
    plan: PlanAsked = None,
    interval: IntervalName | None = None,
) -> Response:
    """The page of one organisation: the demo's for anybody, any other for whoever holds its session or credential.

    A link may name a plan on sale: then the modal opens at once and leads to it.
    """
    page = await page_of(request, parts, organization)
    token, _ = parts.authenticator.issue(
        organization_id=page.organization_id,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        token_id=parts.new_id(),
        now=parts.now(),
    )
    return rendered(
        "organization.html",
        page,
        token=token,
        wished=plan if plan in {each.code for each in parts.catalogue.plans} else None,
        interval=interval or page.standing.held.interval or "month",
        plan=_plan(page),
        meters=_meters(page),
        since=_since(page),
        invoices=await latest(page, limit=LATEST_INVOICES),
    )


def _plan(page: Page) -> dict[str, Any]:
    """What the organisation holds, in words: a heading, the price if there is one, a sentence."""
    held, plan, period = page.standing.held, page.standing.plan, page.standing.period
    if held.status == "trial":
        since = page.day(page.organization.trial_started_at)
        return {"name": page.say("page.trial"), "price": None, "hint": page.say("page.trial_since", date=since)}
    if held.plan is None or period is None:
        return {"name": page.say("page.no_plan"), "price": None, "hint": page.say("page.no_plan_hint")}
    interval = held.interval or "month"
    sold = plan is not None and interval in plan.price_cents
    return {
        "name": plan.name if plan is not None else held.plan,
        "price": page.words.price(plan.price_cents[interval], interval)["text"] if plan is not None and sold else None,
        "hint": page.say("page.period", date=page.day(period.end)),
    }


def _meters(page: Page) -> list[dict[str, Any]]:
    """The usage meters in words; `fill` is the drawn part of the bar in percent, `None` without an allowance."""
    answer = usage_meters.usage_answer(
        organization=page.organization, standing=page.standing, figures=page.figures, locale=page.locale
    )
    return [_meter(meter, page) for meter in cast("list[dict[str, Any]]", answer["meters"])]


def _meter(meter: Mapping[str, Any], page: Page) -> dict[str, Any]:
    share, used = meter["share"], meter["used"]
    notes = []
    if share is not None and share > NEAR_ALLOWANCE:
        key = "page.meter.over" if share > 1 else "page.meter.near"
        notes.append(page.say(key, percent=percent(page.locale, share)))
    if meter["resets_at"] is not None and page.standing.usage_period is not None:
        notes.append(page.say("page.meter.resets", date=page.day(page.standing.usage_period.end)))
    if meter["unlimited"]:
        of = page.say("page.meter.unlimited")
    elif meter["allowance"] is not None:
        of = page.say("page.meter.of", allowance=meter["allowance"])
    else:
        of = ""
    return {
        "name": page.say(f"metric.{meter['metric']}.name"),
        "used": None if used is None else number(page.locale, used),
        "of": of,
        "fill": None if share is None else min(100, round(share * 100)),
        "level": "over" if (share or 0) > 1 else "near" if (share or 0) > NEAR_ALLOWANCE else "calm",
        "notes": notes,
    }


def _since(page: Page) -> str:
    period = page.standing.usage_period
    start = page.organization.trial_started_at if period is None else period.start
    return page.say("page.usage_since", date=page.day(start))
