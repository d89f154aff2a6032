"""Personal data over HTTP: the archive of one organisation, and its erasure."""

import os

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from serving.personal_data import archive
from serving.personal_data.erasure import Erasure
from serving.personal_data.service import PersonalData
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers
from serving.web.fields import DocumentedRoute, OrganizationId
from serving.web.problems import documented


def router(personal_data: PersonalData, callers: Callers) -> APIRouter:
    """The routes that hand over and erase everything about one organisation."""
    api = APIRouter(
        prefix="/v1/organizations",
        tags=["organizations"],
        dependencies=[callers.operator("admin", reads=True)],
        route_class=DocumentedRoute,
    )

    @api.get(
        "/{organization_id}/export",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/zip": {}}}, **documented(403, 404)},
    )
    async def export_organization(organization_id: OrganizationId) -> Response:
        """Everything about the organisation: a JSON file per table, and its invoices as they were issued."""
        file = await personal_data.archive(organization_id)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{organization_id}.zip"',
            "Cache-Control": "private, no-store",
        }
        return StreamingResponse(archive.chunks(file), media_type="application/zip", headers=headers)

    @api.delete("/{organization_id}", response_model=Erasure, responses=documented(403, 404, 409))
    async def erase_organization(organization_id: OrganizationId) -> JsonAnswer[Erasure]:
        """Erase everything but invoices and books, which are kept as long as the law asks; its plan must have ended."""
        return json_answer(await personal_data.erase(organization_id))

    return api
