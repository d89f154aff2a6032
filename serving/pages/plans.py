"""The plans as a page with forms: the same recommendation, comparison and way to sales as in the modal."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection

from serving.accounts import account
from serving.leads import endpoints as leads
from serving.leads.contracts import LeadIn
from serving.outcomes import service as outcomes
from serving.outcomes.contracts import OutcomeIn
from serving.pages.shell import HTML, Asked, Page, PageRoute, page_of, rendered, sent_form
from serving.parts import PartsOf
from serving.plan_cards import overview, render, service
from serving.plan_cards.contracts import IntervalName
from serving.plan_cards.promotions import last_day
from serving.web.access import Caller
from serving.web.fields import utc_text
from serving.web.forms import Form
from serving.web.problems import documented

router = APIRouter(tags=["page"], route_class=PageRoute)

_EVERY: Final = "*"

Family = Annotated[str | None, Query(max_length=128)]


@router.get("/plans", response_class=Response, responses={**documented(404), **HTML})
async def plans_page(
    request: Request,
    parts: PartsOf,
    organization: Asked = None,
    interval: IntervalName | None = None,
    family: Family = None,
) -> Response:
    """Every plan with a form that chooses it, for a browser that runs no script."""
    page = await page_of(request, parts, organization)
    return await _plans(page, interval=interval, family=family)


@router.post("/plans/contact", response_class=Response, responses={**documented(403, 404), **HTML})
async def contact_page(request: Request, parts: PartsOf) -> Response:
    """Store a sales lead, or say what is missing."""
    page, form = await sent_form(request, parts)
    try:
        lead = LeadIn(
            name=form.get("name"),
            email=form.get("email"),
            message=form.get("message") or None,
            needs=form.all("needs"),
        )
    except ValidationError as error:
        faulty = {str(fault["loc"][0]) for fault in error.errors()}
        return await _plans(page, interval=None, family=None, form=form, faulty=faulty)
    await leads.store(parts, page.organization_id, lead)
    return rendered("thanks.html", page)


async def _plans(
    page: Page,
    *,
    interval: IntervalName | None,
    family: str | None,
    form: Form | None = None,
    faulty: frozenset[str] | set[str] = frozenset(),
) -> Response:
    parts = page.parts
    chosen = interval or page.standing.held.interval or parts.assortment.usual_interval
    decision = await service.decision_for(parts, organization_id=page.organization_id, interval=chosen)
    answer = render.recommendation(decision, page.words)

    def read(connection: Connection) -> account.Known:
        return account.known(
            connection, organization_id=page.organization_id, catalogue=parts.catalogue, now=parts.now()
        )

    on_sale = overview.overview(await parts.database.read(read), interval=chosen, words=page.words)
    await record(page, decision_id=decision.decision_id, kind="viewed")
    return rendered(
        "plans.html",
        page,
        status=422 if faulty else 200,
        recommendation=answer,
        on_sale=on_sale,
        interval=chosen,
        comparison=_comparison(
            on_sale,
            family or (answer["plans"][0]["family"] if answer["plans"] else _EVERY),
            every=page.say("modal.all.every"),
        ),
        offers=[_offer(promotion, on_sale, page) for promotion in on_sale["promotions"]],
        form=form or Form({}),
        faulty=faulty,
    )


def _offer(promotion: dict[str, Any], on_sale: dict[str, Any], page: Page) -> list[str]:
    """A promotion, the plans that it is for, and its last day."""
    names = [plan["name"] for plan in on_sale["plans"] if plan["plan"] in promotion["plans"]]
    told = [promotion["text"], page.say("modal.promotions.plans", plans=", ".join(names))]
    if promotion["ends_at"] is not None:
        date = last_day(datetime.fromisoformat(promotion["ends_at"]), page.locale)
        told.append(page.say("modal.promotions.until", date=date))
    return told


def _comparison(on_sale: dict[str, Any], family: str, *, every: str) -> dict[str, Any]:
    """The plans of one family side by side, or of every one, which is then called `every`."""
    names = {each["code"]: each["name"] for each in on_sale["families"]}
    family = family if family in names else _EVERY
    plans = [plan for plan in on_sale["plans"] if family in {_EVERY, plan["family"]}]
    columns = [on_sale["comparison"]["plans"].index(plan["plan"]) for plan in plans]
    rows = [
        {"text": row["text"], "texts": [row["texts"][column] for column in columns]}
        for row in on_sale["comparison"]["rows"]
        if any(row["values"][column] is not False for column in columns)
    ]
    name = names.get(family) or every
    return {"family": family, "name": name, "plans": plans, "rows": rows, "every": _EVERY}


async def record(page: Page, *, decision_id: str, kind: str, plan: str | None = None) -> None:
    """Let a page's outcome join its decision; the same page shown again is the same outcome."""
    now = page.parts.now()
    outcome = OutcomeIn.model_validate(
        {
            "event_id": ".".join(filter(None, ("page", page.session.session_id, decision_id, kind, plan)))[:128],
            "decision_id": decision_id,
            "kind": kind,
            "plan": plan,
            "occurred_at": utc_text(now),
        }
    )

    def write(connection: Connection) -> None:
        try:
            outcomes.record(connection, outcome=outcome, caller=Caller(page.organization_id), now=now)
        except (outcomes.OutcomeReused, outcomes.NotACandidate):
            return

    await page.parts.database.write(write)
