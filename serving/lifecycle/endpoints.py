"""Cancellation and pause of subscriptions, and the end of trials, over HTTP."""

from typing import Any

from fastapi import APIRouter, Request

from serving.accounts.contracts import SubscriptionAnswer
from serving.accounts.service import Accounts
from serving.lifecycle.contracts import CancellationIn, CancellationOutlook, SaveOfferIn, TrialIn
from serving.lifecycle.service import Lifecycle
from serving.lifecycle.trials import Trials
from serving.subscriptions.cancellations import AskedBy
from serving.web.access import NotForBrowsers
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, caller_of, check_visible
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented
from serving.words.locales import LocaleCode

_CANCELLATION = "/{organization_id}/subscription/cancellation"
_PAUSE = "/{organization_id}/subscription/pause"


def router(lifecycle: Lifecycle, trials: Trials, accounts: Accounts, callers: Callers) -> APIRouter:
    """The routes that end, pause and resume a subscription, and extend a trial."""
    endpoints = _Endpoints(lifecycle, trials, accounts)
    api = APIRouter(prefix="/v1/organizations", tags=["subscriptions"], route_class=StrictJsonRoute)
    anyone, host = [callers.anyone], [callers.operator()]
    api.get(_CANCELLATION, response_model=CancellationOutlook, responses=documented(403, 404), dependencies=anyone)(
        endpoints.cancellation_outlook
    )
    changes: dict[str, Any] = {
        "response_model": SubscriptionAnswer,
        "responses": documented(400, 403, 404, 409, 413, 415),
    }
    api.post(_CANCELLATION, dependencies=anyone, **changes)(endpoints.cancel_subscription)
    api.post(f"{_CANCELLATION}/offer", dependencies=anyone, **changes)(endpoints.accept_save_offer)
    undone: dict[str, Any] = {"response_model": SubscriptionAnswer, "responses": documented(403, 404, 409)}
    api.delete(_CANCELLATION, dependencies=anyone, **undone)(endpoints.withdraw_cancellation)
    api.post(_PAUSE, dependencies=host, **undone)(endpoints.pause_subscription)
    api.delete(_PAUSE, dependencies=host, **undone)(endpoints.resume_subscription)
    api.put("/{organization_id}/trial", dependencies=host, **changes)(endpoints.extend_trial)
    return api


class _Endpoints:
    def __init__(self, lifecycle: Lifecycle, trials: Trials, accounts: Accounts) -> None:
        self._lifecycle = lifecycle
        self._trials = trials
        self._accounts = accounts

    async def cancellation_outlook(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[CancellationOutlook]:
        """When the subscription would end, what is lost, which reasons can be given, what is offered instead."""
        locale = await self._locale(request, organization_id)
        return json_answer(await self._lifecycle.outlook(organization_id, locale), locale=locale)

    async def cancel_subscription(
        self, request: Request, organization_id: OrganizationId, cancellation: CancellationIn
    ) -> JsonAnswer[SubscriptionAnswer]:
        """End the subscription with its period, or `now`, which only the host may; again, it changes nothing."""
        locale, by = await self._locale(request, organization_id), _asked_by(request)
        if cancellation.when == "now" and by == "customer":
            raise NotForBrowsers
        answer = await self._lifecycle.cancel(organization_id, cancellation, locale, by=by)
        return json_answer(answer, locale=locale)

    async def withdraw_cancellation(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[SubscriptionAnswer]:
        """Take the cancellation back; the subscription goes on as it was."""
        locale = await self._locale(request, organization_id)
        return json_answer(await self._lifecycle.withdraw(organization_id, locale), locale=locale)

    async def accept_save_offer(
        self, request: Request, organization_id: OrganizationId, accepted: SaveOfferIn
    ) -> JsonAnswer[SubscriptionAnswer]:
        """Keep the plan at the price of a save offer, from the next period on; again, it changes nothing."""
        locale, by = await self._locale(request, organization_id), _asked_by(request)
        answer = await self._lifecycle.accept(organization_id, accepted, locale, by=by)
        return json_answer(answer, locale=locale)

    async def pause_subscription(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[SubscriptionAnswer]:
        """Pause the subscription now: unused time is credited, and nothing is charged until it is resumed."""
        locale = await self._locale(request, organization_id)
        return json_answer(await self._lifecycle.pause(organization_id, locale), locale=locale)

    async def resume_subscription(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[SubscriptionAnswer]:
        """Resume a paused subscription: a new period of the same plan starts now, at the price it was sold."""
        locale = await self._locale(request, organization_id)
        return json_answer(await self._lifecycle.resume(organization_id, locale), locale=locale)

    async def extend_trial(
        self, request: Request, organization_id: OrganizationId, extension: TrialIn
    ) -> JsonAnswer[SubscriptionAnswer]:
        """Move the end of a trial, one that is over included; its owner is told, and reminded of the new end."""
        locale = await self._locale(request, organization_id)
        answer = await self._trials.extend(organization_id, ends_at=extension.ends_at, locale=locale)
        return json_answer(answer, locale=locale)

    async def _locale(self, request: Request, organization_id: str) -> LocaleCode:
        check_visible(request, organization_id)
        organization = await self._accounts.organization(organization_id)
        return locale_for(request, organization.locale)


def _asked_by(request: Request) -> AskedBy:
    return "operator" if caller_of(request).organization_id is None else "customer"
