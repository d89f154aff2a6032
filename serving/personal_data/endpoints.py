"""Everything about an organisation over HTTP: as an archive, and gone."""

import asyncio
import os
from functools import partial

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from serving.parts import PartsOf, host_only
from serving.personal_data import archive, erasure
from serving.personal_data.contracts import Erasure
from serving.web.answers import json_answer
from serving.web.fields import OrganizationId
from serving.web.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["organizations"], dependencies=[host_only])


@router.get(
    "/{organization_id}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}, **documented(403, 404)},
)
async def export_organization(organization_id: OrganizationId, parts: PartsOf) -> Response:
    """Everything about the organisation: a JSON file per table, and its invoices as they were issued."""
    work = partial(archive.archive, organization_id=organization_id, now=parts.now())
    file = await asyncio.to_thread(parts.database.reading, work)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{organization_id}.zip"',
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(archive.chunks(file), media_type="application/zip", headers=headers)


@router.delete("/{organization_id}", response_model=Erasure, responses=documented(403, 404, 409))
async def erase_organization(organization_id: OrganizationId, parts: PartsOf) -> Response:
    """Erase everything but invoices and books, which are kept as long as the law asks; its plan ends at once."""
    return json_answer(await asyncio.to_thread(erasure.erase, parts, organization_id))
