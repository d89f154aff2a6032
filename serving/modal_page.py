"""The organisation page with its modal, and the plain page that shows the same recommendation without a script."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import Connection

from serving.fields import ID_PATTERN
from serving.locales import LOCALES, LocaleCode
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow, UnknownOrganization
from serving.parts import Parts, PartsOf, locale_for, seen_by
from serving.plan_cards import render, service
from serving.problems import documented
from serving.subscriptions import service as subscriptions
from serving.subscriptions.service import Standing
from serving.texts import day, number, percent, say
from serving.usage import meters

router = APIRouter(tags=["page"])

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "modal" / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    # Nothing from elsewhere, nothing inline: what the host writes into a name stays text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_HTML: dict[int | str, dict[str, object]] = {200: {"content": {"text/html": {}}}}
_LANGUAGES: Final[Mapping[LocaleCode, str]] = {"de": "Deutsch", "en": "English", "fr": "Français"}
NEAR_ALLOWANCE: Final = 0.8
"""From this share on, a meter says how much of its allowance is used."""

Asked = Annotated[str | None, Query(pattern=ID_PATTERN, max_length=128)]


@dataclass(frozen=True, slots=True)
class _Page:
    """One organisation as its pages show it."""

    organization: OrganizationRow
    standing: Standing
    figures: Mapping[str, int]
    locale: LocaleCode
    asked: str | None

    def link(self, path: str, **query: str) -> str:
        """A link that stays with this organisation and this language."""
        named = {"organization": self.asked} if self.asked else {}
        return f"{path}?{urlencode({**named, 'locale': self.locale, **query})}"


@router.get("/", response_class=Response, responses={**documented(404), **_HTML})
async def organization_page(request: Request, parts: PartsOf, organization: Asked = None) -> Response:
    """The page of one organisation: the demo's for anybody, any other for whoever holds its credential."""
    page = await _page(request, parts, organization)
    token, _ = parts.gatekeeper.issue(
        organization_id=page.organization.organization_id,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        token_id=parts.new_id(),
        now=parts.now(),
    )
    return _rendered("organization.html", page, token=token, plan=_plan(page, parts), meters=_meters(page))


@router.get("/plans", response_class=Response, responses={**documented(404), **_HTML})
async def plans_page(request: Request, parts: PartsOf, organization: Asked = None) -> Response:
    """The recommendation as a plain page, for a browser that runs no script."""
    page = await _page(request, parts, organization)
    decision = await service.decision_for(
        parts,
        organization_id=page.organization.organization_id,
        interval=page.standing.held.interval or parts.assortment.usual_interval,
    )
    answer = render.recommendation(decision, parts.words(page.locale))
    return _rendered("plans.html", page, recommendation=answer)


async def _page(request: Request, parts: Parts, asked: str | None) -> _Page:
    organization_id = asked or parts.settings.demo_organization
    if organization_id is None:
        raise UnknownOrganization("none is named and there is no demo")
    if organization_id != parts.settings.demo_organization:
        seen_by(parts.gatekeeper.caller(request, now=parts.now()), organization_id)

    def work(connection: Connection) -> tuple[OrganizationRow, Standing, Mapping[str, int]]:
        row = organizations.get(connection, organization_id)
        standing = subscriptions.standing(
            connection, organization_id=organization_id, catalogue=parts.catalogue, now=parts.now()
        )
        since = row.trial_started_at if standing.usage_period is None else standing.usage_period.start
        return row, standing, meters.used(connection, organization_id=organization_id, since=since)

    row, standing, figures = await parts.database.read(work)
    return _Page(row, standing, figures, locale_for(request, organization_locale=row.locale), asked)


def _plan(page: _Page, parts: Parts) -> dict[str, Any]:
    """What the organisation holds, in words: a heading, the price if there is one, a sentence."""
    t = partial(say, page.locale)
    held, plan, period = page.standing.held, page.standing.plan, page.standing.period
    if held.status == "trial":
        return {
            "name": t("page.trial"),
            "price": None,
            "hint": t("page.trial_since", date=_day(page, page.organization.trial_started_at)),
        }
    if held.plan is None or period is None:
        return {"name": t("page.no_plan"), "price": None, "hint": t("page.no_plan_hint")}
    interval = held.interval or "month"
    sold = plan is not None and interval in plan.price_cents
    return {
        "name": plan.name if plan is not None else held.plan,
        "price": parts.words(page.locale).price(plan.price_cents[interval], interval)["text"]
        if plan is not None and sold
        else None,
        "hint": t("page.period", date=_day(page, period.end)),
    }


def _meters(page: _Page) -> list[dict[str, Any]]:
    """The usage meters in words; `fill` is the drawn part of the bar in percent, `None` without an allowance."""
    answer = meters.usage_answer(
        organization=page.organization, standing=page.standing, figures=page.figures, locale=page.locale
    )
    return [_meter(meter, page) for meter in cast("list[dict[str, Any]]", answer["meters"])]


def _meter(meter: Mapping[str, Any], page: _Page) -> dict[str, Any]:
    t = partial(say, page.locale)
    share, used = meter["share"], meter["used"]
    notes = []
    if share is not None and share > NEAR_ALLOWANCE:
        notes.append(t("page.meter.over" if share > 1 else "page.meter.near", percent=percent(page.locale, share)))
    if meter["resets_at"] is not None and page.standing.usage_period is not None:
        notes.append(t("page.meter.resets", date=_day(page, page.standing.usage_period.end)))
    if meter["unlimited"]:
        of = t("page.meter.unlimited")
    elif meter["allowance"] is not None:
        of = t("page.meter.of", allowance=meter["allowance"])
    else:
        of = ""
    return {
        "name": t(f"metric.{meter['metric']}.name"),
        "used": None if used is None else number(page.locale, used),
        "of": of,
        "fill": None if share is None else min(100, round(share * 100)),
        "level": "over" if (share or 0) > 1 else "near" if (share or 0) > NEAR_ALLOWANCE else "calm",
        "notes": notes,
    }


def _day(page: _Page, instant: datetime) -> str:
    return day(page.locale, instant, page.organization.timezone)


def _rendered(template: str, page: _Page, **content: object) -> Response:
    html = _TEMPLATES.get_template(template).render(
        page=page,
        organization=page.organization,
        locale=page.locale,
        since=_since(page),
        t=partial(say, page.locale),
        languages=[(code, _LANGUAGES[code]) for code in LOCALES],
        **content,
    )
    return Response(html, media_type="text/html; charset=utf-8", headers={**_HEADERS, "Content-Language": page.locale})


def _since(page: _Page) -> str:
    period = page.standing.usage_period
    start = page.organization.trial_started_at if period is None else period.start
    return say(page.locale, "page.usage_since", date=_day(page, start))
