"""What operators ask: does it live, is it ready, what does it count."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from serving.parts import PartsOf
from serving.web.answers import json_answer

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether requests should be sent here, and on what the answer rests."""

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unavailable"]
    catalogue_version: str
    champion: str


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """The process lives."""
    return json_answer({"status": "ok"})


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "The database does not answer."}},
)
async def readyz(parts: PartsOf) -> Response:
    """The service can answer; a champion is reported, but the rules answer without one."""
    try:
        answers = await asyncio.to_thread(parts.database.answers)
    except SQLAlchemyError:
        answers = False
    champion = parts.advisor.champions.champion
    content = {
        "status": "ready" if answers else "not_ready",
        "database": "ok" if answers else "unavailable",
        "catalogue_version": parts.catalogue.version,
        "champion": champion.version,
    }
    return json_answer(content, status=200 if answers else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def prometheus(parts: PartsOf) -> Response:
    """What the service counts, in the Prometheus text format."""
    parts.metrics.champion_loaded.set(parts.advisor.champions.champion.ranker is not None)
    return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
