"""What every page shares: its organisation and session, its HTML frame, and refusals as pages."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from serving.accounts.contracts import Notice
from serving.accounts.service import Accounts, Overview
from serving.clock import Clock
from serving.organizations.repository import OrganizationRow
from serving.pages.session import PageSession, PageSessions
from serving.problem_table import PROBLEM_OF
from serving.web.access import Authenticator, NotAuthenticated, UnknownOrganization
from serving.web.answers import locale_for
from serving.web.fields import ID_PATTERN
from serving.web.forms import Form, form_of
from serving.web.templates import templates_in
from serving.words.locales import LOCALES, LocaleCode
from serving.words.plans import Words, WordsIn
from serving.words.texts import day, say

_TEMPLATES: Final = templates_in(Path(__file__).parent / "templates")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    # Nothing from other hosts, nothing inline: a name that contains HTML stays text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
HTML: Final[dict[int | str, dict[str, object]]] = {200: {"content": {"text/html": {}}}}
_LANGUAGES: Final[Mapping[LocaleCode, str]] = {"de": "Deutsch", "en": "English", "fr": "Français"}
_KEPT_QUERY: Final = frozenset({"interval", "family"})
"""Query parameters that a link to another language keeps."""

OrganizationQuery = Annotated[str | None, Query(pattern=ID_PATTERN, max_length=128)]


@dataclass(frozen=True, slots=True)
class Page:
    """One organisation as its pages show it, in one language."""

    request: Request
    overview: Overview
    words: Words
    """The catalogue on sale in the page's language."""
    organization_query: str | None
    """The organisation that the address names, if it names one."""
    session: PageSession
    form_mark: str
    """The mark that the forms of this page carry."""

    @property
    def organization(self) -> OrganizationRow:
        """The organisation that the page shows."""
        return self.overview.organization

    @property
    def organization_id(self) -> str:
        """The id of the organisation that the page shows."""
        return self.organization.organization_id

    @property
    def notices(self) -> list[Notice]:
        """Notices about the subscription, in sentences."""
        return self.overview.notices

    @property
    def may_cancel(self) -> bool:
        """Whether there is a subscription of ours to cancel."""
        held = self.overview.current
        running = held.subscription is not None and (held.subscription.is_paying or held.held.status == "paused")
        return running and held.billed_here and held.ends_at is None

    @property
    def locale(self) -> LocaleCode:
        """The language of the page."""
        return self.overview.locale

    def locale_for(self, _: str | None) -> LocaleCode:
        """The language of the page, whatever the organisation's own is."""
        return self.locale

    def link(self, path: str, **query: str) -> str:
        """A link that keeps the organisation and the language."""
        named = {"organization": self.organization_query} if self.organization_query else {}
        return f"{path}?{urlencode({**named, 'locale': self.locale, **query})}"

    def day(self, instant: datetime) -> str:
        """The day of an instant in the organisation's time zone."""
        return day(self.locale, instant, self.organization.timezone)

    def say(self, key: str, /, **params: object) -> str:
        """A text in the page's language."""
        return say(self.locale, key, **params)


class Pages:
    """Opens pages for the organisation that a request may see, and renders them."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        authenticator: Authenticator,
        sessions: PageSessions,
        clock: Clock,
        new_id: Callable[[], str],
        words: WordsIn,
        demo_organization: str | None,
    ) -> None:
        self._accounts = accounts
        self._authenticator = authenticator
        self._sessions = sessions
        self._clock = clock
        self.new_id = new_id
        self._words = words
        self._demo_organization = demo_organization

    def router(self) -> APIRouter:
        """A router for pages: a token in the address becomes a session, and a refusal is shown as a page."""
        return APIRouter(tags=["page"], route_class=_route_class(self))

    async def open(self, request: Request, organization_id: str | None = None) -> Page:
        """The page of the organisation in the address, else of the session, else of the demo.

        Raises `UnknownOrganization`, `NotAuthenticated`.
        """
        return await self._page(request, self._session(request, organization_id), organization_id)

    async def submitted(self, request: Request) -> tuple[Page, Form]:
        """A submitted form and the page of its session.

        Raises `NotAuthenticated`, `FormNotOurs`, `FormUnreadable`.
        """
        form = await form_of(request)
        session = self._sessions.check(self._sessions.read(request, now=self._clock()), form.get("mark"))
        return await self._page(request, session, None), form

    def render(self, template: str, page: Page, *, status: int = 200, **content: object) -> Response:
        """A page as HTML; its session is prolonged."""
        kept = {name: value for name, value in page.request.query_params.items() if name in _KEPT_QUERY}
        links = [
            (code, _LANGUAGES[code], page.link(page.request.url.path, **{**kept, "locale": code})) for code in LOCALES
        ]
        response = _html(
            template,
            status=status,
            locale=page.locale,
            page=page,
            organization=page.organization,
            language_links=links if page.request.method == "GET" else [],
            **content,
        )
        self._keep(response, page.session, page.request)
        return response

    def redirect(self, page: Page, path: str, **query: str) -> Response:
        """The way to the next page after a form was carried out."""
        response = RedirectResponse(page.link(path, **query), status_code=303)
        self._keep(response, page.session, page.request)
        return response

    def begin_session(self, request: Request) -> Response:
        """Turn the modal token in the address into a session; the redirect drops the token from the address.

        Raises `NotAuthenticated`.
        """
        now = self._clock()
        organization_id = self._authenticator.bearer(request.query_params["token"], now=now)
        query = urlencode(
            [
                (name, value)
                for name, value in request.query_params.multi_items()
                if name not in {"token", "organization"}
            ]
        )
        response = RedirectResponse(request.url.path + (f"?{query}" if query else ""), 303)
        response.headers["Cache-Control"] = "no-store"
        self._keep(response, PageSession(self.new_id(), organization_id, now, now), request)
        return response

    def modal_token(self, page: Page) -> str:
        """A token with which the modal on this page calls the API."""
        url = page.request.url
        token, _ = self._authenticator.issue(
            organization_id=page.organization_id,
            origin=f"{url.scheme}://{url.netloc}",
            token_id=self.new_id(),
            now=self._clock(),
        )
        return token

    def _session(self, request: Request, organization_id: str | None) -> PageSession:
        now = self._clock()
        begun = self._sessions.read(request, now=now)
        wanted = organization_id or (begun.organization_id if begun else self._demo_organization)
        if wanted is None:
            raise UnknownOrganization("the address names none, and there is no demo")
        if begun is not None and begun.organization_id == wanted:
            return begun
        if wanted != self._demo_organization and not self._authenticator.caller(request, now=now).may_see(wanted):
            raise UnknownOrganization(wanted)
        return PageSession(self.new_id(), wanted, now, now)

    async def _page(self, request: Request, session: PageSession, organization_query: str | None) -> Page:
        overview = await self._accounts.overview(session.organization_id, partial(locale_for, request))
        words, mark = self._words(overview.locale), self._sessions.mark(session)
        return Page(request, overview, words, organization_query, session, mark)

    def _keep(self, response: Response, session: PageSession, request: Request) -> None:
        self._sessions.keep(response, session, now=self._clock(), secure=request.url.scheme == "https")


def _route_class(pages: Pages) -> type[APIRoute]:
    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def page(request: Request) -> Response:
                try:
                    if request.method == "GET" and "token" in request.query_params:
                        return pages.begin_session(request)
                    return await handle(request)
                except Exception as error:
                    refusal = _refusal(request, error) if "text/html" in request.headers.get("accept", "") else None
                    if refusal is None:
                        raise
                    return refusal

            return page

    return PageRoute


def _refusal(request: Request, error: Exception) -> Response | None:
    """The error as a page; `None` for an error that no table names."""
    status, code = next((PROBLEM_OF[kind] for kind in type(error).__mro__ if kind in PROBLEM_OF), (0, ""))
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
