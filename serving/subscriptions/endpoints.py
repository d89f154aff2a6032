"""Subscriptions over HTTP."""

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from serving.fields import OrganizationId
from serving.organizations import repository as organizations
from serving.parts import AnyCaller, PartsOf, json_answer, seen_by
from serving.problems import documented
from serving.subscriptions import service
from serving.subscriptions.contracts import SubscriptionAnswer

router = APIRouter(prefix="/v1/organizations", tags=["subscriptions"])


@router.get("/{organization_id}/subscription", response_model=SubscriptionAnswer, responses=documented(403, 404))
async def get_subscription(
    organization_id: OrganizationId,
    parts: PartsOf,
    caller: AnyCaller,
) -> Response:
    """What the organisation holds: plan, interval, period, and how much it may use."""
    seen_by(caller, organization_id)
    now = parts.now()

    def work(connection: Connection) -> dict[str, object]:
        organization = organizations.get(connection, organization_id)
        return service.as_answer(
            organization,
            service.standing(connection, organization_id=organization_id, catalogue=parts.catalogue, now=now),
        )

    return json_answer(await parts.database.read(work))
