"""The plans as a page with forms: the same recommendation, comparison and way to sales as in the modal."""

from datetime import datetime
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from typing_extensions import TypedDict

from serving.leads.contracts import LeadIn
from serving.leads.service import Leads
from serving.outcomes.service import Outcomes
from serving.pages.page import Page
from serving.pages.shell import HTML, OrganizationQuery, Pages
from serving.plan_cards import render
from serving.plan_cards.contracts import ComparisonGroup, ComparisonRow, PlanOnSale, PlansOnSale, PromotionText
from serving.plan_cards.service import PlanCards
from serving.web.fields import Printable
from serving.web.forms import Form
from serving.web.problems import documented
from serving.words.contracts import IntervalName
from serving.words.promotions import last_day
from serving.words.texts import percent

_EVERY: Final = "*"

FamilyQuery = Annotated[Printable | None, Query(max_length=128)]


def router(pages: Pages, plan_cards: PlanCards, outcomes: Outcomes, leads: Leads) -> APIRouter:
    """The routes of the plans page and its contact form."""
    endpoints = _Endpoints(pages, plan_cards, outcomes, leads)
    api = pages.router()
    api.get("/plans", response_class=Response, responses={**documented(404), **HTML})(endpoints.plans_page)
    api.post("/plans/contact", response_class=Response, responses={**documented(403, 404), **HTML})(
        endpoints.contact_page
    )
    return api


class _Endpoints:
    def __init__(self, pages: Pages, plan_cards: PlanCards, outcomes: Outcomes, leads: Leads) -> None:
        self._pages = pages
        self._plan_cards = plan_cards
        self._outcomes = outcomes
        self._leads = leads

    async def plans_page(
        self,
        request: Request,
        organization: OrganizationQuery = None,
        interval: IntervalName | None = None,
        family: FamilyQuery = None,
    ) -> Response:
        """Every plan with a form that chooses it, for a browser that runs no script."""
        return await self._plans(await self._pages.open(request, organization), interval=interval, family=family)

    async def contact_page(self, request: Request) -> Response:
        """Store a sales lead, or say what is missing."""
        page, form = await self._pages.submitted(request)
        try:
            lead = LeadIn(
                name=form.get("name"),
                email=form.get("email"),
                message=form.get("message") or None,
                needs=form.all("needs"),
            )
        except ValidationError as error:
            faulty = {str(fault["loc"][0]) for fault in error.errors()}
            return await self._plans(page, interval=None, family=None, form=form, faulty=faulty)
        await self._leads.record(page.organization_id, lead)
        return self._pages.render("thanks.html", page)

    async def _plans(
        self,
        page: Page,
        *,
        interval: IntervalName | None,
        family: str | None,
        form: Form | None = None,
        faulty: frozenset[str] | set[str] = frozenset(),
    ) -> Response:
        decision = await self._plan_cards.decision(page.organization_id, interval=interval)
        recommendation = render.recommendation(decision, page.words)
        on_sale, _ = await self._plan_cards.catalogue(
            page.organization_id, interval=decision.interval, locale_for=page.locale_for
        )
        await self._outcomes.record_from_page(
            decision.decision_id,
            "viewed",
            plan=None,
            session_id=page.session.session_id,
            organization_id=page.organization_id,
        )
        first = recommendation["plans"][0] if recommendation["plans"] else None
        return self._pages.render(
            "plans.html",
            page,
            status=422 if faulty else 200,
            recommendation=recommendation,
            on_sale=on_sale,
            interval=decision.interval,
            percent=partial(percent, page.locale),
            comparison=_comparison(
                on_sale,
                family or (first["family"] if first else _EVERY),
                every=page.say("modal.all.every"),
                recommended=first["plan"] if first else None,
            ),
            offers=[_offer(promotion, on_sale, page) for promotion in on_sale["promotions"]],
            form=form or Form({}),
            faulty=faulty,
        )


def _offer(promotion: PromotionText, on_sale: PlansOnSale, page: Page) -> list[str]:
    """A promotion in sentences: its text, its plans, and its last day if it ends."""
    names = [plan["name"] for plan in on_sale["plans"] if plan["plan"] in promotion["plans"]]
    sentences = [promotion["text"], page.say("modal.promotions.plans", plans=", ".join(names))]
    if promotion["ends_at"] is not None:
        date = last_day(datetime.fromisoformat(promotion["ends_at"]), page.locale)
        sentences.append(page.say("modal.promotions.until", date=date))
    return sentences


class _Cell(TypedDict):
    """A cell of the comparison; `share` is own usage as a part of the limit, if both are known."""

    text: str
    share: float | None
    over: bool


class _Row(ComparisonRow):
    """A line of the comparison with the cells of the plans that are shown."""

    cells: list[_Cell]


class _Group(ComparisonGroup):
    """A heading of the comparison with its lines."""

    rows: list[_Row]


class _Column(PlanOnSale):
    """A plan of the comparison; `mark` names its class of style."""

    mark: Literal["recommended", "held"] | None


class _Comparison(TypedDict):
    """The comparison of the plans of one family as the page shows it; `width` counts the columns."""

    family: str
    name: str
    plans: list[_Column]
    width: int
    groups: list[_Group]
    every: str


def _comparison(on_sale: PlansOnSale, family: str, *, every: str, recommended: str | None) -> _Comparison:
    """The comparison of the plans of one family, or of all plans under the name `every`, group by group."""
    names = {each["code"]: each["name"] for each in on_sale["families"]}
    family = family if family in names else _EVERY
    plans = [plan for plan in on_sale["plans"] if family in {_EVERY, plan["family"]}]
    columns = [on_sale["comparison"]["plans"].index(plan["plan"]) for plan in plans]
    rows: list[_Row] = [
        {**row, "cells": [*(_cell(row, column) for column in columns), *_offered(row)]}
        for row in on_sale["comparison"]["rows"]
        if any(value is not False for value in [*(row["values"][column] for column in columns), *row["offer_values"]])
    ]
    return {
        "family": family,
        "name": names.get(family) or every,
        "plans": [{**plan, "mark": _mark(plan, recommended)} for plan in plans],
        "width": len(plans) + len(on_sale["comparison"]["offers"]),
        "groups": [
            {**group, "rows": [row for row in rows if row["group"] == group["code"]]}
            for group in on_sale["comparison"]["groups"]
        ],
        "every": _EVERY,
    }


def _mark(plan: PlanOnSale, recommended: str | None) -> Literal["recommended", "held"] | None:
    if plan["plan"] == recommended:
        return "recommended"
    return "held" if plan["held"] else None


def _cell(row: ComparisonRow, column: int) -> _Cell:
    """The text of a cell, and the share of the limit that the organisation's own usage takes."""
    used, value = row["used"], row["values"][column]
    share = used / value if used is not None and isinstance(value, int | float) and value else None
    return {"text": row["texts"][column], "share": share, "over": bool(row["over"] and row["over"][column])}


def _offered(row: ComparisonRow) -> list[_Cell]:
    return [{"text": text, "share": None, "over": False} for text in row["offer_texts"]]
