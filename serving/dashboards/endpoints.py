"""The pages on which people sign in and out, and the function that mounts the dashboards behind them."""

from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadData
from starlette.types import ASGIApp

from serving.dashboards.login import ROOT, RequireLogin, account_url, is_page, is_same_origin, login_url
from serving.operators.openid import LIFETIME, Begun, NoAccount, OpenId, OpenIdRefused
from serving.operators.passwords import PasswordRefused
from serving.operators.people import RIGHTS, InvitationEnded, People, SignInRefused
from serving.operators.person_cookie import COOKIE, remember, signed_in
from serving.web.answers import locale_for
from serving.web.forms import Form, FormNotOurs, form_of
from serving.web.logs import logger
from serving.web.pools import NoRoom, TookTooLong
from serving.web.rates import TooManyCalls, address_of
from serving.web.signing import SigningKeys
from serving.web.templates import templates_in
from serving.words.locales import LANGUAGES, LocaleCode
from serving.words.texts import say

UNDER_WAY: Final = "plans_openid"
"""The cookie of a sign-in that is under way at the provider."""
_FOLDER: Final = Path(__file__).parent
_TEMPLATES: Final = templates_in(_FOLDER, _FOLDER.parent / "pages" / "templates")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class SignIn:
    """The services that the pages for signing in need."""

    def __init__(self, people: People, openid: OpenId | None, keys: SigningKeys) -> None:
        self.people = people
        self.openid = openid
        self.signer = keys.signer(salt="openid")
        self.first_page: str | None = None
        """The dashboard that `/dashboards/` opens; `None` while this process serves none."""


def open_dashboards(app: FastAPI, dashboards: ASGIApp, *, sign_in: SignIn, first: str, inner: AbstractSet[str]) -> None:
    """Serve these dashboards at `/dashboards/` to signed-in readers.

    `first` is the page that `/dashboards/` opens, `inner` are the pages that need the right to experiments.
    """
    sign_in.first_page = first
    app.mount(ROOT, RequireLogin(dashboards, people=sign_in.people, inner=inner), name="dashboards")


def router(sign_in: SignIn) -> APIRouter:
    """The routes beside the dashboards themselves."""
    endpoints = _Endpoints(sign_in)
    api = APIRouter(prefix=ROOT, include_in_schema=False)
    api.get("/")(endpoints.first_page)
    api.get("/login")(endpoints.login_form)
    api.post("/login")(endpoints.log_in)
    api.get("/password")(endpoints.password_form)
    api.post("/password")(endpoints.choose_password)
    api.get("/openid")(endpoints.begin_openid)
    api.get("/openid/callback")(endpoints.finish_openid)
    api.get("/account")(endpoints.account)
    api.get("/logout")(endpoints.log_out)
    return api


class _Endpoints:
    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in
        self._people = sign_in.people

    async def first_page(self, request: Request) -> Response:
        """Redirect to the first dashboard, or to the account of somebody whose role opens none."""
        person, locale, first = await signed_in(request, self._people), locale_for(request), self._sign_in.first_page
        if person is None:
            return RedirectResponse(login_url(locale, page=""), 303)
        if first is None or not person.may("dashboards"):
            return RedirectResponse(account_url(locale), 303)
        return RedirectResponse(f"{ROOT}/{first}/?locale={locale}", 303)

    async def login_form(self, request: Request) -> Response:
        """The form that takes address and password, and the way to the OpenID provider."""
        return self._form(request)

    async def log_in(self, request: Request) -> Response:
        """Begin a session for the right password, and redirect to the dashboard that was asked for."""
        form = await _ours(request)
        try:
            cookie = await self._people.sign_in(form.get("email"), form.raw("password"), **_where(request))
        except SignInRefused:
            return self._form(request, refused="dashboards.login.refused", email=form.get("email"))
        except TooManyCalls as error:
            response = self._form(request, refused="dashboards.login.too_many", email=form.get("email"), status=429)
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        return _entered(request, cookie, request.query_params.get("page", ""))

    async def password_form(self, request: Request) -> Response:
        """The form on which an invited person chooses a password."""
        try:
            person = await self._people.invited(request.query_params.get("invitation", ""))
        except InvitationEnded:
            return self._form(request, refused="dashboards.password.ended")
        return _page(request, "password.html", email=person.email, refused=False)

    async def choose_password(self, request: Request) -> Response:
        """Set the password of an invited person and begin a session."""
        form, invitation = await _ours(request), request.query_params.get("invitation", "")
        try:
            cookie = await self._people.choose_password(invitation, form.raw("password"), **_where(request))
        except InvitationEnded:
            return self._form(request, refused="dashboards.password.ended")
        except PasswordRefused:
            person = await self._people.invited(invitation)
            return _page(request, "password.html", status=422, email=person.email, refused=True)
        return _entered(request, cookie, "")

    async def begin_openid(self, request: Request) -> Response:
        """Send the browser to the OpenID provider."""
        page, locale = request.query_params.get("page", ""), locale_for(request)
        if self._sign_in.openid is None:
            return RedirectResponse(login_url(locale, page=page), 303)
        try:
            address, begun = await self._sign_in.openid.begin(
                page=page if is_page(page) else "", locale=locale, callback=_callback(request)
            )
        except (OpenIdRefused, NoRoom, TookTooLong) as error:
            logger().warning("openid_unavailable", error=repr(error))
            return self._form(request, refused="dashboards.openid.unavailable", status=503)
        response = RedirectResponse(address, 303)
        value, secure = self._sign_in.signer.dumps([*_fields(begun)]), request.url.scheme == "https"
        seconds = int(LIFETIME.total_seconds())
        response.set_cookie(UNDER_WAY, value, seconds, path=ROOT, httponly=True, samesite="lax", secure=secure)
        return response

    async def finish_openid(self, request: Request) -> Response:
        """Begin a session for whom the OpenID provider has signed in."""
        if self._sign_in.openid is None:
            return RedirectResponse(login_url(locale_for(request), page=""), 303)
        query, locale = request.query_params, locale_for(request)
        try:
            begun = Begun(*self._sign_in.signer.loads(request.cookies.get(UNDER_WAY, "")))
            locale = begun.locale
            person = await self._sign_in.openid.finish(
                begun, code=query.get("code", ""), state=query.get("state", ""), callback=_callback(request)
            )
        except NoAccount:
            return self._form(request, refused="dashboards.openid.no_account", locale=locale)
        except (OpenIdRefused, BadData, TypeError, NoRoom, TookTooLong) as error:
            logger().warning("openid_refused", error=repr(error))
            return self._form(request, refused="dashboards.openid.refused", locale=locale)
        cookie = await self._people.begin_session(person, by="openid", **_where(request))
        response = _entered(request, cookie, begun.page, locale=begun.locale)
        response.delete_cookie(UNDER_WAY, path=ROOT)
        return response

    async def account(self, request: Request) -> Response:
        """The page of the person signed in: the rights of the role, and the way out."""
        person, page = await signed_in(request, self._people), request.query_params.get("page", "")
        if person is None:
            return RedirectResponse(login_url(locale_for(request), page=""), 303)
        closed = is_page(page)
        rights = [right for right in ("dashboards", "experiments", "customers") if right in RIGHTS[person.role]]
        first = self._sign_in.first_page if person.may("dashboards") else None
        status = 403 if closed else 200
        return _page(request, "account.html", status=status, person=person, rights=rights, closed=closed, first=first)

    async def log_out(self, request: Request) -> Response:
        """End the session, here and in the browser."""
        await self._people.sign_out(request.cookies.get(COOKIE, ""), **_where(request))
        response = RedirectResponse(login_url(locale_for(request), page=""), 303)
        response.delete_cookie(COOKIE)
        return response

    def _form(
        self,
        request: Request,
        *,
        refused: str | None = None,
        email: str = "",
        status: int = 401,
        locale: LocaleCode | None = None,
    ) -> Response:
        page = request.query_params.get("page", "")
        locale, openid = locale or locale_for(request), None
        if self._sign_in.openid is not None:
            openid = f"{ROOT}/openid?locale={locale}" + (f"&page={page}" if is_page(page) else "")
        return _page(
            request,
            "login.html",
            locale=locale,
            status=200 if refused is None else status,
            refused=refused,
            email=email,
            action=login_url(locale, page=page),
            openid=openid,
        )


async def _ours(request: Request) -> Form:
    """The submitted form; raises `FormNotOurs` for one of another site."""
    if not is_same_origin(request):
        raise FormNotOurs
    return await form_of(request)


def _entered(request: Request, cookie: str, page: str, *, locale: LocaleCode | None = None) -> Response:
    """The way on for somebody who has just signed in."""
    where = f"{ROOT}/{f'{page}/' if is_page(page) else ''}?locale={locale or locale_for(request)}"
    response = RedirectResponse(where, 303)
    remember(response, cookie, request)
    return response


def _where(request: Request) -> dict[str, str]:
    return {"address": address_of(request), "request_id": request.state.request_id}


def _callback(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{ROOT}/openid/callback"


def _fields(begun: Begun) -> tuple[object, ...]:
    return begun.state, begun.nonce, begun.verifier, begun.page, begun.locale, begun.began


def _page(
    request: Request, template: str, *, status: int = 200, locale: LocaleCode | None = None, **content: object
) -> Response:
    locale = locale or locale_for(request)
    languages = [(code, name, _in_language(request, code)) for code, name in LANGUAGES.items()]
    text = _TEMPLATES.get_template(template).render(
        locale=locale, t=partial(say, locale), languages=languages, **content
    )
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY, "Content-Language": locale}
    return Response(text, status, headers, "text/html; charset=utf-8")


def _in_language(request: Request, locale: str) -> str:
    """The page of a request in another language."""
    kept = {name: text for name, text in request.query_params.items() if name in {"page", "invitation"}}
    return f"{request.url.path}?{urlencode({**kept, 'locale': locale})}"
