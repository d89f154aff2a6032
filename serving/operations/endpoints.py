"""Routes for operators: liveness, readiness, metrics."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import TypedDict

from serving.operations.checks import LIMIT_SECONDS, Readiness, Status
from serving.plan_cards.champion import ChampionHolder
from serving.web.answers import JsonAnswer, json_answer
from serving.web.fields import DocumentedRoute
from serving.web.logs import logger
from serving.web.telemetry import Metrics
from serving.words.contracts import answer_shape


@answer_shape
class Health(TypedDict):
    """The answer of a process that is alive."""

    status: Literal["ok"]


@answer_shape
class CheckOut(TypedDict):
    """The result of one check."""

    name: str
    status: Status
    detail: str | None


@answer_shape
class ReadinessOut(TypedDict):
    """Whether requests should be sent to this process, with the result of every check."""

    status: Literal["ready", "degraded", "not_ready"]
    database: Literal["ok", "unavailable"]
    catalogue_version: str
    champion: str
    checks: list[CheckOut]


def router(
    readiness: Readiness,
    *,
    catalogue_version: str,
    champions: ChampionHolder,
    metrics: Metrics,
    observe: Callable[[], None],
) -> APIRouter:
    """The routes that monitoring asks, without a credential; `observe` sets gauges that are read from the database."""
    api = APIRouter(tags=["operations"], route_class=DocumentedRoute)
    # A thread of its own, because the shared ones may all wait for a service that does not answer.
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="readiness")

    @api.get("/healthz", response_model=Health)
    @api.get("/livez", response_model=Health)
    async def healthz() -> JsonAnswer[Health]:
        """The process runs; nothing else is checked."""
        return json_answer({"status": "ok"})

    @api.get(
        "/readyz",
        response_model=ReadinessOut,
        responses={503: {"model": ReadinessOut, "description": "A check has failed; `checks` says which and why."}},
    )
    async def readyz() -> JsonAnswer[ReadinessOut]:
        """Whether requests can be answered; `degraded` counts as ready, but needs attention."""
        found = await asyncio.get_running_loop().run_in_executor(threads, readiness.findings)
        statuses = {each.status for each in found}
        failed = "failed" in statuses
        database = next((each.status for each in found if each.name == "database"), "ok")
        content: ReadinessOut = {
            "status": "not_ready" if failed else "degraded" if "degraded" in statuses else "ready",
            "database": "unavailable" if database == "failed" else "ok",
            "catalogue_version": catalogue_version,
            "champion": champions.champion.version,
            "checks": [CheckOut(name=each.name, status=each.status, detail=each.detail) for each in found],
        }
        return json_answer(content, status=503 if failed else 200)

    @api.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """The service's counters, in the Prometheus text format."""
        try:
            await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(threads, observe), LIMIT_SECONDS)
        except (SQLAlchemyError, TimeoutError):
            logger().warning("jobs_not_observed")  # the figures of the last time stand
        metrics.champion_loaded.set(champions.champion.ranker is not None)
        metrics.champion_promoted.set(champions.promoted_seconds or 0)
        metrics.champion_retrying.set(champions.retrying)
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return api
