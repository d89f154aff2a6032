"""The login form of the dashboards, the logout, and the function that mounts the dashboards behind them."""

from functools import partial
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp

from serving.dashboards.login import COOKIE, ROOT, Login, RequireLogin, is_page, login_url
from serving.web.answers import locale_for
from serving.web.forms import form_of
from serving.web.templates import templates_in
from serving.words.texts import say

_FOLDER: Final = Path(__file__).parent
_TEMPLATES: Final = templates_in(_FOLDER, _FOLDER.parent / "pages" / "templates")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
}


def open_dashboards(app: FastAPI, dashboards: ASGIApp, *, login: Login, first: str) -> None:
    """Serve these dashboards at `/dashboards/` to logged-in readers; `first` is the page that `/dashboards/` opens."""
    app.include_router(router(login, first=first))
    app.mount(ROOT, RequireLogin(dashboards, login=login), name="dashboards")


def router(login: Login, *, first: str) -> APIRouter:
    """The routes beside the dashboards themselves."""
    endpoints = _Endpoints(login, first)
    api = APIRouter(prefix=ROOT, include_in_schema=False)
    api.get("/")(endpoints.first_page)
    api.get("/login")(endpoints.login_form)
    api.post("/login")(endpoints.log_in)
    api.get("/logout")(endpoints.log_out)
    return api


class _Endpoints:
    def __init__(self, login: Login, first: str) -> None:
        self._login = login
        self._first = first

    async def first_page(self, request: Request) -> Response:
        """Redirect to the first dashboard, which asks for a login where none was made."""
        return RedirectResponse(f"{ROOT}/{self._first}/?locale={locale_for(request)}", 303)

    async def login_form(self, request: Request) -> Response:
        """The form that takes the API key."""
        return _form(request, refused=False)

    async def log_in(self, request: Request) -> Response:
        """Set the login cookie for the right API key and redirect to the dashboard that was asked for."""
        form = await form_of(request)
        if not await self._login.accepts_key(form.get("key"), request):
            return _form(request, refused=True)
        page = request.query_params.get("page", "")
        url = f"{ROOT}/{f'{page}/' if is_page(page) else ''}?locale={locale_for(request)}"
        response = RedirectResponse(url, 303)
        self._login.remember(response, secure=request.url.scheme == "https")
        return response

    async def log_out(self, request: Request) -> Response:
        """Delete the login cookie."""
        response = RedirectResponse(f"{ROOT}/login?locale={locale_for(request)}", 303)
        response.delete_cookie(COOKIE, path=ROOT)
        return response


def _form(request: Request, *, refused: bool) -> Response:
    locale = locale_for(request)
    action = login_url(locale, page=request.query_params.get("page", ""))
    text = _TEMPLATES.get_template("login.html").render(
        locale=locale, t=partial(say, locale), refused=refused, action=action
    )
    headers = {**_HEADERS, "Content-Language": locale}
    return Response(text, 401 if refused else 200, headers, "text/html; charset=utf-8")
