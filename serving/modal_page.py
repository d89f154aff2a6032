"""The organisation page, rendered with a modal token so that its page may call for this organisation."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from serving.fields import ID_PATTERN
from serving.organizations import repository as organizations
from serving.organizations.repository import UnknownOrganization
from serving.parts import PartsOf, locale_for, seen_by
from serving.problems import documented
from serving.texts import messages

router = APIRouter(tags=["page"])

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "modal" / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
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


@router.get("/", response_class=Response, responses={**documented(404), 200: {"content": {"text/html": {}}}})
async def organization_page(
    request: Request,
    parts: PartsOf,
    organization: Annotated[str | None, Query(pattern=ID_PATTERN, max_length=128)] = None,
) -> Response:
    """The page of one organisation: the demo's for anybody, any other for whoever holds its credential."""
    organization_id = organization or parts.settings.demo_organization
    if organization_id is None:
        raise UnknownOrganization("none is named and there is no demo")
    if organization_id != parts.settings.demo_organization:
        seen_by(parts.gatekeeper.caller(request, now=parts.now()), organization_id)
    row = await parts.database.read(lambda connection: organizations.get(connection, organization_id))
    spoken = locale_for(request, organization_locale=row.locale)
    token, expires_at = parts.gatekeeper.issue(
        organization_id=organization_id,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        token_id=parts.new_id(),
        now=parts.now(),
    )
    html = _TEMPLATES.get_template("organization.html").render(
        organization=row, locale=spoken, messages=messages(spoken), token=token, expires_at=expires_at
    )
    return Response(
        html,
        media_type="text/html; charset=utf-8",
        headers={**_HEADERS, "Content-Language": spoken},
    )
