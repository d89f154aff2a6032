"""The shared parts of every page: its organisation and session, its HTML frame, and refusals as pages."""

import re
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from serving.accounts.service import Accounts
from serving.clock import Clock
from serving.db.operator_log import Actor
from serving.operators.audit import AuditLog
from serving.operators.people import People
from serving.operators.person_cookie import signed_in
from serving.pages.page import Page
from serving.pages.session import AnotherSession, PageSession, PageSessions
from serving.payments.on_pages import PageForm
from serving.problem_table import PROBLEM_OF
from serving.web.access import Authenticator, Caller, NotAuthenticated, UnknownOrganization
from serving.web.answers import locale_for
from serving.web.fields import ID_PATTERN
from serving.web.forms import Form, FormUnreadable, form_of
from serving.web.rates import address_of
from serving.web.templates import templates_in
from serving.words.locales import LANGUAGES, LOCALES, LocaleCode
from serving.words.plans import WordsIn
from serving.words.texts import say

_TEMPLATES: Final = templates_in(Path(__file__).parent / "templates")
_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}


def policy(form: PageForm | None) -> str:
    """The security policy of pages: nothing from other hosts, nothing inline, so a name that contains HTML stays text.

    With a provider's form, its script, frames, calls and hosted page may be used, as Stripe's documentation says.
    """
    script, frames, calls, hosted = "", "", "", ""
    if form is not None:
        host = "/".join(form.script.split("/")[:3])
        own = host == "https://js.stripe.com"
        script = f" {host}"
        frames = f" frame-src {host} https://hooks.stripe.com;" if own else f" frame-src {host};"
        calls, hosted = (" https://api.stripe.com", " https://checkout.stripe.com") if own else (script, script)
    return (
        f"default-src 'none'; script-src 'self'{script}; style-src 'self'; img-src 'self' data:; font-src 'self';"
        f"{frames} connect-src 'self'{calls}; base-uri 'none'; form-action 'self'{hosted}; frame-ancestors 'none'"
    )


HTML: Final[dict[int | str, dict[str, object]]] = {200: {"content": {"text/html": {}}}}
_WITHIN: Final = re.compile(r"/(?!/)[\w./?&=%+,~-]*", re.ASCII)
"""An address on this host: a path and a query."""
_KEPT_QUERY: Final = frozenset({"interval", "family"})
"""Query parameters that a link to another language keeps."""

OrganizationQuery = Annotated[str | None, Query(pattern=ID_PATTERN, max_length=128)]


class Pages:
    """Opens pages for the organisation that a request may see, and renders them."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        authenticator: Authenticator,
        sessions: PageSessions,
        people: People,
        audit: AuditLog,
        clock: Clock,
        new_id: Callable[[], str],
        words: WordsIn,
        demo_organization: str | None,
        form: PageForm | None = None,
    ) -> None:
        self._policy = policy(form)
        self._accounts = accounts
        self._authenticator = authenticator
        self._sessions = sessions
        self._people = people
        self._audit = audit
        self._clock = clock
        self.new_id = new_id
        self._words = words
        self._demo_organization = demo_organization

    def router(self) -> APIRouter:
        """A router for pages: a token in the address becomes a session, and a refusal is shown as a page."""
        return APIRouter(tags=["page"], route_class=_route_class(self))

    async def open(self, request: Request, organization_id: str | None = None, *, support: bool = False) -> Page:
        """The page of the organisation in the address, else of the session, else of the demo.

        With `support` somebody of support may look at it, too. Raises `UnknownOrganization`, `NotAuthenticated`,
        `AnotherSession`.
        """
        session = await self._session(request, organization_id, support=support)
        return await self._page(request, session, organization_id)

    async def submitted(self, request: Request) -> tuple[Page, Form]:
        """A submitted form and the page of its session.

        Raises `NotAuthenticated`, `FormNotOurs`, `FormUnreadable`.
        """
        form = await form_of(request)
        session = self._sessions.check(await self._begun(request), form.get("mark"))
        return await self._page(request, session, None), form

    def render(self, template: str, page: Page, *, status: int = 200, **content: object) -> Response:
        """A page as HTML; its session is prolonged."""
        kept = {name: value for name, value in page.request.query_params.items() if name in _KEPT_QUERY}
        links = [
            (code, LANGUAGES[code], page.link(page.request.url.path, **{**kept, "locale": code})) for code in LOCALES
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
        response.headers["Content-Security-Policy"] = self._policy
        self._keep(response, page.session, page.request)
        return response

    def redirect(self, page: Page, path: str, **query: str) -> Response:
        """The way to the next page after a form was carried out."""
        response = RedirectResponse(page.link(path, **query), status_code=303)
        self._keep(response, page.session, page.request)
        return response

    async def begin_session(self, request: Request) -> Response:
        """Turn the modal token in the address into a session; the redirect drops the token from the address.

        Raises `NotAuthenticated`; `AnotherSession` while one of another organisation is open.
        """
        token = request.query_params["token"]
        organization_id = await self._authenticator.bearer(token, now=self._clock())
        begun = await self._begun(request)
        if begun is not None and begun.organization_id != organization_id:
            raise AnotherSession(begun, organization_id, token)
        return self._begin(request, organization_id, _without_token(request))

    async def ask(self, request: Request, another: AnotherSession) -> Response:
        """The page that asks whether to leave the open session for another organisation."""
        locale = locale_for(request)
        present, coming = [
            (await self._accounts.organization(each)).name for each in (another.present.organization_id, another.coming)
        ]
        return _html(
            "switch.html",
            status=409,
            locale=locale,
            present=present,
            coming=coming,
            mark=self._sessions.mark(another.present),
            token=another.token,
            onwards=_without_token(request),
            home=f"/?locale={locale}",
        )

    async def switch(self, request: Request) -> Response:
        """End the open session and begin one of the organisation that the reader has chosen.

        Raises `NotAuthenticated`, `FormNotOurs`, `FormUnreadable`.
        """
        form = await form_of(request)
        present = self._sessions.check(await self._begun(request), form.get("mark"))
        token, onwards = form.get("token"), form.get("onwards")
        coming = await self._authenticator.bearer(token, now=self._clock()) if token else self._demo_organization
        if coming is None or not _WITHIN.fullmatch(onwards):
            raise FormUnreadable
        await self._sessions.end(present)
        return self._begin(request, coming, onwards)

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

    async def _begun(self, request: Request) -> PageSession | None:
        return await self._sessions.read(request, now=self._clock())

    def _begin(self, request: Request, organization_id: str, onwards: str) -> Response:
        now = self._clock()
        response = RedirectResponse(onwards, 303)
        response.headers["Cache-Control"] = "no-store"
        self._keep(response, PageSession(self.new_id(), organization_id, now, now), request)
        return response

    async def _session(self, request: Request, organization_id: str | None, *, support: bool) -> PageSession:
        """The session of the organisation that is wanted: the open one, a new one of the demo, or a look of support."""
        now, begun = self._clock(), await self._begun(request)
        wanted = organization_id or (begun.organization_id if begun else self._demo_organization)
        if wanted is None:
            raise UnknownOrganization("the address names none, and there is no demo")
        if begun is not None and begun.organization_id == wanted:
            return begun
        person = await signed_in(request, self._people) if support else None
        if person is not None and person.may("customers"):
            request.state.caller = person
            actor = Actor(person.name, address_of(request), request.state.request_id)
            await self._audit.note(actor, "customer_page_open", request.url.path, organization_id=wanted)
            return PageSession(self.new_id(), wanted, now, now, looking=True)
        if wanted != self._demo_organization:
            raise NotAuthenticated("credential_missing")
        if begun is not None:
            raise AnotherSession(begun, wanted, "")
        return PageSession(self.new_id(), wanted, now, now)

    async def _page(self, request: Request, session: PageSession, organization_query: str | None) -> Page:
        if not session.looking:  # of support, the request names the person
            request.state.caller = Caller(session.organization_id, f"session:{session.session_id}")
        overview = await self._accounts.overview(session.organization_id, partial(locale_for, request))
        words, mark = self._words(overview.locale), self._sessions.mark(session)
        return Page(request, overview, words, organization_query, session, mark)

    def _keep(self, response: Response, session: PageSession, request: Request) -> None:
        if session.looking:
            return
        self._sessions.keep(response, session, now=self._clock(), secure=request.url.scheme == "https")


def _route_class(pages: Pages) -> type[APIRoute]:
    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def page(request: Request) -> Response:
                try:
                    if request.method == "GET" and "token" in request.query_params:
                        return await pages.begin_session(request)
                    return await handle(request)
                except AnotherSession as another:
                    return await pages.ask(request, another)
                except Exception as error:
                    refusal = _refusal(request, error) if "text/html" in request.headers.get("accept", "") else None
                    if refusal is None:
                        raise
                    return refusal

            return page

    return PageRoute


def _without_token(request: Request) -> str:
    """The address of a request without its token and the organisation that it names."""
    left = [(name, text) for name, text in request.query_params.multi_items() if name not in {"token", "organization"}]
    return request.url.path + (f"?{urlencode(left)}" if left else "")


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
    headers = {**_HEADERS, "Content-Security-Policy": policy(None), "Content-Language": locale}
    return Response(text, status_code=status, media_type="text/html; charset=utf-8", headers=headers)
