"""Routes for operators: liveness, readiness, metrics."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from serving.db.session import Database
from serving.plan_cards.champion import ChampionHolder
from serving.web.answers import json_answer
from serving.web.telemetry import Metrics


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether requests should be sent here, and on what the answer rests."""

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unavailable"]
    catalogue_version: str
    champion: str
    champion_check: Literal["finished", "retrying"]
    """`retrying`: the check of the promoted bundle did not finish, on a busy machine say, and is tried again."""


def router(database: Database, *, catalogue_version: str, champions: ChampionHolder, metrics: Metrics) -> APIRouter:
    """The routes that monitoring asks; they need no credential."""
    api = APIRouter(tags=["operations"])

    @api.get("/healthz", response_model=Health)
    async def healthz() -> Response:
        """The process lives."""
        return json_answer({"status": "ok"})

    @api.get(
        "/readyz",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "The database does not answer."}},
    )
    async def readyz() -> Response:
        """The service can answer; a champion is reported, but the rules answer without one."""
        try:
            answers = await asyncio.to_thread(database.answers)
        except SQLAlchemyError:
            answers = False
        content = {
            "status": "ready" if answers else "not_ready",
            "database": "ok" if answers else "unavailable",
            "catalogue_version": catalogue_version,
            "champion": champions.champion.version,
            "champion_check": "retrying" if champions.retrying else "finished",
        }
        return json_answer(content, status=200 if answers else 503)

    @api.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """What the service counts, in the Prometheus text format."""
        metrics.champion_loaded.set(champions.champion.ranker is not None)
        metrics.champion_retrying.set(champions.retrying)
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return api
