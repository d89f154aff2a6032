"""What every page has in common: whose it is, how it is drawn, and how a refusal looks."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from serving.accounts import current_subscription as subscriptions
from serving.accounts import usage_meters
from serving.accounts.current_subscription import CurrentSubscription
from serving.accounts.notices import notices
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.pages.session import PageSession, PageSessions
from serving.parts import Parts, parts_of, seen_by
from serving.problem_table import PROBLEM_OF
from serving.web.access import NotAuthenticated, UnknownOrganization
from serving.web.answers import locale_for
from serving.web.fields import ID_PATTERN
from serving.web.forms import Form, form_of
from serving.web.templates import templates_in
from serving.words.locales import LOCALES, LocaleCode
from serving.words.plans import Words
from serving.words.texts import day, say

_TEMPLATES = templates_in(Path(__file__).parent / "templates")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    # Nothing from elsewhere, nothing inline: what the host writes into a name stays text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
HTML: Final[dict[int | str, dict[str, object]]] = {200: {"content": {"text/html": {}}}}
_LANGUAGES: Final[Mapping[LocaleCode, str]] = {"de": "Deutsch", "en": "English", "fr": "Français"}

Asked = Annotated[str | None, Query(pattern=ID_PATTERN, max_length=128)]


@dataclass(frozen=True, slots=True)
class Page:
    """One organisation as its pages show it, in one language."""

    request: Request
    parts: Parts
    organization: OrganizationRow
    standing: CurrentSubscription
    notices: list[dict[str, Any]]
    figures: Mapping[str, int]
    locale: LocaleCode
    asked: str | None
    session: PageSession

    @property
    def organization_id(self) -> str:
        """Whose page it is."""
        return self.organization.organization_id

    @property
    def words(self) -> Words:
        """What is on sale, in the page's language."""
        return self.parts.words(self.locale)

    @property
    def form_mark(self) -> str:
        """What its forms carry."""
        return _sessions(self.parts).mark(self.session)

    def link(self, path: str, **query: str) -> str:
        """A link that stays with this organisation and this language."""
        named = {"organization": self.asked} if self.asked else {}
        return f"{path}?{urlencode({**named, 'locale': self.locale, **query})}"

    def day(self, instant: datetime) -> str:
        """The day of an instant where the organisation is."""
        return day(self.locale, instant, self.organization.timezone)

    def say(self, key: str, /, **params: object) -> str:
        """A text in the page's language."""
        return say(self.locale, key, **params)


async def page_of(request: Request, parts: Parts, asked: str | None = None) -> Page:
    """Whose page is asked for: the session's, the one that a credential may see, else the demo's.

    Raises `UnknownOrganization`, `NotAuthenticated`.
    """
    session = _session(request, parts, asked)
    return await _read(request, parts, session, asked)


async def sent_form(request: Request, parts: Parts) -> tuple[Page, Form]:
    """A form of a page and the page's organisation; raises `NotAuthenticated`, `FormNotOurs`, `FormUnreadable`."""
    form = await form_of(request)
    sessions = _sessions(parts)
    session = sessions.check(sessions.read(request, now=parts.now()), form.get("mark"))
    return await _read(request, parts, session, None), form


def _session(request: Request, parts: Parts, asked: str | None) -> PageSession:
    now = parts.now()
    begun = _sessions(parts).read(request, now=now)
    wanted = asked or (begun.organization_id if begun else parts.settings.demo_organization)
    if wanted is None:
        raise UnknownOrganization("none is named and there is no demo")
    if begun is not None and begun.organization_id == wanted:
        return begun
    if wanted != parts.settings.demo_organization:
        seen_by(parts.authenticator.caller(request, now=now), wanted)
    return PageSession(parts.new_id(), wanted, now, now)


async def _read(request: Request, parts: Parts, session: PageSession, asked: str | None) -> Page:
    owner = session.organization_id

    def work(
        connection: Connection,
    ) -> tuple[OrganizationRow, CurrentSubscription, list[dict[str, Any]], Mapping[str, int]]:
        row = organizations.get(connection, owner)
        standing = subscriptions.current(connection, organization_id=owner, catalogue=parts.catalogue, now=parts.now())
        spoken = locale_for(request, row.locale)
        told = notices(connection, organization=row, standing=standing, words=parts.words(spoken))
        since = row.trial_started_at if standing.usage_period is None else standing.usage_period.start
        return row, standing, told, usage_meters.used(connection, organization_id=owner, since=since)

    row, standing, told, figures = await parts.database.read(work)
    locale = locale_for(request, row.locale)
    return Page(request, parts, row, standing, told, figures, locale, asked, session)


def rendered(template: str, page: Page, *, status: int = 200, **content: object) -> Response:
    """A page as HTML; its session is held on."""
    response = _html(
        template,
        status=status,
        locale=page.locale,
        page=page,
        organization=page.organization,
        language_links=[
            (code, _LANGUAGES[code], page.link(page.request.url.path, **_kept(page), locale=code)) for code in LOCALES
        ]
        if page.request.method == "GET"
        else [],
        **content,
    )
    _keep(response, page)
    return response


def onward(page: Page, path: str, **query: str) -> Response:
    """The next page after a form was carried out."""
    response = RedirectResponse(page.link(path, **query), status_code=303)
    _keep(response, page)
    return response


class PageRoute(APIRoute):
    """A route for people: a token in the address becomes a session, and a refusal is a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with both."""
        handle = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                if request.method == "GET" and "token" in request.query_params:
                    return _begun(request)
                return await handle(request)
            except Exception as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                refusal = _refusal(request, error)
                if refusal is None:
                    raise
                return refusal

        return page


def _begun(request: Request) -> Response:
    """A session from a modal token; the token does not stay in the address."""
    parts, now = parts_of(request), parts_of(request).now()
    organization_id = parts.authenticator.bearer(request.query_params["token"], now=now)
    query = [
        (name, value) for name, value in request.query_params.multi_items() if name not in {"token", "organization"}
    ]
    response = RedirectResponse(
        request.url.replace(query=urlencode(query)).path + (f"?{urlencode(query)}" if query else ""), 303
    )
    response.headers["Cache-Control"] = "no-store"
    session = PageSession(parts.new_id(), organization_id, now, now)
    _sessions(parts).keep(response, session, now=now, secure=request.url.scheme == "https")
    return response


def _refusal(request: Request, error: Exception) -> Response | None:
    """What went wrong as a page; `None` for what nobody expected."""
    status, code = 0, ""
    for kind in type(error).__mro__:
        if kind in PROBLEM_OF:
            status, code = PROBLEM_OF[kind]
            break
    if isinstance(error, NotAuthenticated):
        code = "session_ended"
    elif isinstance(error, RequestValidationError):
        status, code = 422, "invalid_request"
    elif isinstance(error, HTTPException):
        status, code = error.status_code, "malformed_request"
    if not code:
        return None
    locale = locale_for(request)
    return _html("problem.html", status=status, locale=locale, code=code, home=f"/plans?locale={locale}")


def _html(template: str, *, status: int, locale: LocaleCode, **content: object) -> Response:
    text = _TEMPLATES.get_template(template).render(locale=locale, t=partial(say, locale), **content)
    headers = {**_HEADERS, "Content-Language": locale}
    return Response(text, status_code=status, media_type="text/html; charset=utf-8", headers=headers)


def _kept(page: Page) -> dict[str, str]:
    """What of the address stays when only the language changes."""
    return {name: value for name, value in page.request.query_params.items() if name in {"interval", "family"}}


def _keep(response: Response, page: Page) -> None:
    secure = page.request.url.scheme == "https"
    _sessions(page.parts).keep(response, page.session, now=page.parts.now(), secure=secure)


def _sessions(parts: Parts) -> PageSessions:
    return PageSessions(parts.settings.signing_key.get_secret_value())
