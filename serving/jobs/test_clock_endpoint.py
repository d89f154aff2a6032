"""The test clock over HTTP; mounted with `PLANS_CLOCK=test` only."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from serving.clock import SteppedClock
from serving.jobs.schedule import Jobs
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers
from serving.web.fields import Instant, StrictJsonRoute
from serving.web.problems import documented

END_OF_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""The latest instant of a test clock: periods that are computed from it must stay within the calendar."""


class ClockReading(BaseModel):
    """The instant that the clock shows, or shall show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: Annotated[Instant, Field(lt=END_OF_TIME)]


def router(jobs: Jobs, clock: SteppedClock, callers: Callers) -> APIRouter:
    """The route that moves the clock."""
    api = APIRouter(
        prefix="/v1", tags=["test clock"], route_class=StrictJsonRoute, dependencies=[callers.guarded("admin")]
    )

    @api.put("/test-clock", response_model=ClockReading, responses=documented(400, 403, 409, 413, 415))
    async def move_clock(wanted: ClockReading) -> JsonAnswer[ClockReading]:
        """Move the clock forward and run every job that falls due on the way, in order, each at its own instant.

        Until it is first set the clock stands at the start of the service; then, once, it may be set to the past, but
        not to before anything recorded.
        """
        await asyncio.to_thread(jobs.advance, clock, to=wanted.now)
        return json_answer(ClockReading.model_construct(now=clock()))

    return api
