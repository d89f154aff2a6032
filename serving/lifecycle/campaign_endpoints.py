"""Campaigns that move customers to a new version of their plan, over HTTP: for the host backend alone."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from serving.lifecycle.campaigns import Campaigns
from serving.lifecycle.contracts import CampaignAnswer, CampaignCustomers, CampaignIn, CampaignList
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers
from serving.web.fields import ID_PATTERN, Id, StrictJsonRoute
from serving.web.problems import documented

CampaignId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128, description="The name that the operator gave it.")]
After = Annotated[Id | None, Query(description="The `next` of the page before.")]
Most = Annotated[int, Query(ge=1, le=500, description="How many at most.")]


def router(campaigns: Campaigns, callers: Callers) -> APIRouter:
    """The routes on which campaigns are started, followed and stopped."""
    endpoints = _Endpoints(campaigns)
    api = APIRouter(
        prefix="/v1/version-campaigns",
        tags=["campaigns"],
        route_class=StrictJsonRoute,
        dependencies=[callers.operator("admin")],
    )
    one: dict[str, Any] = {"response_model": CampaignAnswer, "responses": documented(403, 404)}
    api.get("", response_model=CampaignList, responses=documented(403))(endpoints.list_campaigns)
    api.get("/{campaign_id}", **one)(endpoints.get_campaign)
    api.get("/{campaign_id}/customers", response_model=CampaignCustomers, responses=documented(403, 404))(
        endpoints.campaign_customers
    )
    started: dict[int | str, dict[str, Any]] = {
        201: {"model": CampaignAnswer},
        **documented(400, 403, 404, 409, 413, 415),
    }
    api.put("/{campaign_id}", response_model=CampaignAnswer, responses=started)(endpoints.start_campaign)
    api.delete("/{campaign_id}", **one)(endpoints.stop_campaign)
    return api


class _Endpoints:
    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns

    async def list_campaigns(self) -> JsonAnswer[CampaignList]:
        """Every campaign, newest first, with how many of its customers stand how."""
        return json_answer({"campaigns": await self._campaigns.every()})

    async def get_campaign(self, campaign_id: CampaignId) -> JsonAnswer[CampaignAnswer]:
        """One campaign, with how many of its customers stand how."""
        return json_answer(await self._campaigns.one(campaign_id))

    async def campaign_customers(
        self, campaign_id: CampaignId, after: After = None, most: Most = 100
    ) -> JsonAnswer[CampaignCustomers]:
        """The customers of a campaign: when each was notified, at which prices, and the outcome."""
        return json_answer(await self._campaigns.customers(campaign_id, after=after, most=most))

    async def start_campaign(self, campaign_id: CampaignId, wish: CampaignIn) -> JsonAnswer[CampaignAnswer]:
        """Move everybody who holds another version of a plan; again, with the same content, it changes nothing.

        Within seconds everybody concerned gets notice by mail and on their pages: the date, the old and the new price,
        what else changes, and how to leave. The move is made at the first renewal after the notice.
        """
        answer, new = await self._campaigns.start(campaign_id, wish)
        return json_answer(answer, status=201 if new else 200)

    async def stop_campaign(self, campaign_id: CampaignId) -> JsonAnswer[CampaignAnswer]:
        """Let nobody be moved any more, and tell whoever had notice; who was moved stays so. Again, it does nothing."""
        return json_answer(await self._campaigns.stop(campaign_id))
