"""API keys, revocations and the audit log over HTTP."""

from datetime import timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from serving.db.operator_log import Search
from serving.operators.audit import AuditLog
from serving.operators.contracts import AuditEntry, AuditPage, KeyIn, KeyList, NewKey, Rotation, TokenId
from serving.operators.keys import ApiKeys
from serving.operators.revocations import Revocations
from serving.web.access import Authenticator
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers, actor_of
from serving.web.csv_answer import csv_answer
from serving.web.fields import DocumentedRoute, Id, Instant, OrganizationId, Printable, StrictJsonRoute
from serving.web.problems import documented

_MOST_IN_A_TABLE = 100_000
After = Annotated[Id | None, Query(description="The `next` of the page before.")]
Most = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Text = Annotated[Printable, Query(max_length=100, description="Part of the actor, the subject or the detail.")]
Word = Annotated[Printable | None, Query(max_length=128)]
From = Annotated[Instant | None, Query()]
Until = Annotated[Instant | None, Query(description="The first instant that is not in it.")]


def keys_router(keys: ApiKeys, callers: Callers) -> APIRouter:
    """The routes on which API keys are made, listed, rotated and revoked."""
    admin = [callers.guarded("admin")]
    api = APIRouter(prefix="/v1/api-keys", tags=["operators"], route_class=StrictJsonRoute, dependencies=admin)

    @api.get("", response_model=KeyList, responses=documented(403))
    async def list_keys() -> JsonAnswer[KeyList]:
        """Every API key but that of the settings, newest first."""
        return json_answer({"keys": await keys.all()})

    @api.post("", status_code=201, response_model=NewKey, responses=documented(400, 403, 413, 415))
    async def create_key(request: Request, wish: KeyIn) -> JsonAnswer[NewKey]:
        """Make an API key; it is shown this once."""
        return json_answer(await keys.create(wish, by=actor_of(request)), status=201)

    @api.post(
        "/{key_id}/rotation",
        status_code=201,
        response_model=NewKey,
        responses=documented(400, 403, 404, 409, 413, 415),
    )
    async def rotate_key(request: Request, key_id: Id, rotation: Rotation) -> JsonAnswer[NewKey]:
        """Make a key with the same scopes and life; the old one goes on for the overlap and then ends."""
        overlap = timedelta(hours=rotation.overlap_hours)
        return json_answer(await keys.rotate(key_id, overlap=overlap, by=actor_of(request)), status=201)

    @api.delete("/{key_id}", status_code=204, response_class=Response, responses=documented(403, 404))
    async def revoke_key(request: Request, key_id: Id) -> Response:
        """End an API key now; again, it changes nothing."""
        await keys.revoke(key_id, by=actor_of(request))
        return Response(status_code=204)

    return api


def revocations_router(revocations: Revocations, authenticator: Authenticator, callers: Callers) -> APIRouter:
    """The route that ends modal tokens and page sessions."""
    api = APIRouter(
        prefix="/v1/organizations",
        tags=["organizations"],
        route_class=StrictJsonRoute,
        dependencies=[callers.host_only],
    )

    @api.post(
        "/{organization_id}/revocations",
        status_code=204,
        response_class=Response,
        responses=documented(400, 403, 404, 413, 415),
    )
    async def revoke_tokens(request: Request, organization_id: OrganizationId, which: TokenId) -> Response:
        """End one modal token of the organisation, or all of them and all its page sessions, now."""
        name = f"organization:{organization_id}"
        if which.token is not None:
            name = authenticator.name_of(which.token, organization_id)
        await revocations.revoke(name, organization_id, by=actor_of(request))
        return Response(status_code=204)

    return api


def audit_router(audit: AuditLog, callers: Callers) -> APIRouter:
    """The routes on which the audit log is searched and exported."""
    endpoints = _Audit(audit)
    admin = [callers.guarded("admin")]
    api = APIRouter(prefix="/v1", tags=["operators"], route_class=DocumentedRoute, dependencies=admin)
    csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}, **documented(403, 404)}
    lines: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {}}}, **documented(403, 404)}
    api.get("/audit-log", response_model=AuditPage, responses=documented(403, 404))(endpoints.audit_log)
    api.get("/audit-log.csv", response_class=Response, responses=csv)(endpoints.audit_log_csv)
    api.get("/audit-log.ndjson", response_class=Response, responses=lines)(endpoints.audit_log_ndjson)
    return api


async def _asked(
    *,
    q: Text = "",
    actor: Word = None,
    action: Word = None,
    organization: Word = None,
    start: From = None,
    end: Until = None,
) -> Search:
    return Search(q, actor, action, organization, start, end)


Asked = Annotated[Search, Depends(_asked)]


class _Audit:
    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def audit_log(self, search: Asked, after: After = None, most: Most = 100) -> JsonAnswer[AuditPage]:
        """The changes by operators with actor, act, subject and address; newest first."""
        return json_answer(await self._audit.newest(search, after=after, most=most))

    async def audit_log_csv(self, search: Asked) -> Response:
        """The same as a table, all pages in one."""
        found = await self._audit.newest(search, after=None, most=_MOST_IN_A_TABLE)
        return csv_answer("audit-log", AuditEntry, found["entries"])

    async def audit_log_ndjson(
        self, *, after: After = None, most: Annotated[int, Query(ge=1, le=10_000)] = 1_000
    ) -> Response:
        """Entries for another system, oldest first, a line of JSON each.

        The last line's `entry_id` is the next `after`. The last minute is left out, so that no entry is passed by.
        """
        entries = await self._audit.oldest(Search(), after=after, most=most)
        body = b"".join(orjson.dumps(entry) + b"\n" for entry in entries)
        return Response(body, media_type="application/x-ndjson")
