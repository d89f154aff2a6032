"""The form at the door, the way out, and what hangs the dashboards behind it."""

from functools import partial
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.types import ASGIApp

from serving.dashboards.login import COOKIE, ROOT, Badge, Door, at_the_door, is_page
from serving.pages.forms import form_of
from serving.parts import Parts, PartsOf
from serving.web.middleware import request_locale
from serving.words.texts import say

router = APIRouter(prefix=ROOT, include_in_schema=False)

_FOLDER: Final = Path(__file__).parent
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader([_FOLDER, _FOLDER.parent / "pages" / "templates"]),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
}


def open_dashboards(service: FastAPI, dashboards: ASGIApp, *, first: str) -> None:
    """Show these dashboards at `/dashboards/`, behind the door; `first` is the page that is shown first."""
    parts: Parts = service.state.parts
    service.state.first_dashboard = first
    service.include_router(router)
    door = Door(dashboards, gatekeeper=parts.gatekeeper, badge=_badge(parts), clock=parts.clock)
    service.mount(ROOT, door, name="dashboards")


@router.get("/")
async def first_page(request: Request) -> Response:
    """The first page; without a badge the door sends on."""
    locale = request_locale(request.scope, request.headers)
    return RedirectResponse(f"{ROOT}/{request.app.state.first_dashboard}/?locale={locale}", 303)


@router.get("/login")
async def login(request: Request) -> Response:
    """The form."""
    return _form(request, refused=False)


@router.post("/login")
async def log_in(request: Request, parts: PartsOf) -> Response:
    """A badge for whoever knows the API key, who goes on to the page that was wanted."""
    form = await form_of(request)
    if not parts.gatekeeper.is_host(f"Bearer {form.get('key')}"):
        return _form(request, refused=True)
    locale = request_locale(request.scope, request.headers)
    wanted = request.query_params.get("page", "")
    response = RedirectResponse(f"{ROOT}/{f'{wanted}/' if is_page(wanted) else ''}?locale={locale}", 303)
    _badge(parts).give(response, now=parts.now(), secure=request.url.scheme == "https")
    return response


@router.get("/logout")
async def log_out(request: Request) -> Response:
    """The badge is given back."""
    locale = request_locale(request.scope, request.headers)
    response = RedirectResponse(f"{ROOT}/login?locale={locale}", 303)
    response.delete_cookie(COOKIE, path=ROOT)
    return response


def _form(request: Request, *, refused: bool) -> Response:
    locale = request_locale(request.scope, request.headers)
    action = at_the_door(locale, wanted=request.query_params.get("page", ""))
    text = _TEMPLATES.get_template("login.html").render(
        locale=locale, t=partial(say, locale), refused=refused, action=action
    )
    headers = {**_HEADERS, "Content-Language": locale}
    return Response(text, 401 if refused else 200, headers, "text/html; charset=utf-8")


def _badge(parts: Parts) -> Badge:
    settings = parts.settings
    return Badge(signing_key=settings.signing_key.get_secret_value(), api_key=settings.api_key.get_secret_value())
