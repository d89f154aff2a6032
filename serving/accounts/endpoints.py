"""Subscriptions over HTTP."""

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from serving.accounts import current_subscription
from serving.accounts.contracts import SubscriptionAnswer
from serving.accounts.notices import notices
from serving.organizations import repository as organizations
from serving.parts import AnyCaller, PartsOf, seen_by
from serving.subscriptions import changes as plan_changes
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId, utc_text
from serving.web.problems import documented
from serving.words.locales import LocaleCode
from serving.words.plans import Words

router = APIRouter(prefix="/v1/organizations", tags=["subscriptions"])


@router.get("/{organization_id}/subscription", response_model=SubscriptionAnswer, responses=documented(403, 404))
async def get_subscription(
    request: Request,
    organization_id: OrganizationId,
    parts: PartsOf,
    caller: AnyCaller,
) -> Response:
    """What the organisation holds: plan, interval, period, and how much it may use."""
    seen_by(caller, organization_id)
    now = parts.now()

    def work(connection: Connection) -> tuple[dict[str, object], LocaleCode]:
        organization = organizations.get(connection, organization_id)
        spoken = locale_for(request, organization.locale)
        held = current_subscription.current(
            connection, organization_id=organization_id, catalogue=parts.catalogue, now=now
        )
        words = parts.words(spoken)
        refused = refused_change(connection, organization_id, words)
        told = notices(connection, organization=organization, standing=held, words=words)
        return current_subscription.as_answer(organization, held, refused=refused, notices=told), spoken

    answer, spoken = await parts.database.read(work)
    return json_answer(answer, locale=spoken)


def refused_change(connection: Connection, organization_id: str, words: Words) -> dict[str, object] | None:
    """The waiting change that was blocked at its instant, until another change is settled."""
    row = plan_changes.last_settled(connection, organization_id)
    if row is None or row.status != "refused":
        return None
    return {
        "plan": row.plan,
        "interval": row.interval,
        "effective_at": utc_text(row.effective_at),
        "blockers": [words.blocker(blocker) for blocker in orjson.loads(row.reason)],
    }
