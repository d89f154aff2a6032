"""The clock that is moved by hand, over HTTP; mounted with `PLANS_CLOCK=test` only."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final, cast

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from serving.clock import SteppedClock
from serving.jobs import schedule
from serving.parts import PartsOf, host_only
from serving.web.answers import json_answer
from serving.web.fields import Instant, StrictJsonRoute, utc_text
from serving.web.problems import documented

router = APIRouter(prefix="/v1", tags=["test clock"], route_class=StrictJsonRoute)


END_OF_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""A test clock goes no further: calendars end, and periods must be able to."""


class ClockReading(BaseModel):
    """What the clock shows, or shall show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: Annotated[Instant, Field(lt=END_OF_TIME)]


@router.put(
    "/test-clock", response_model=ClockReading, responses=documented(400, 403, 409, 413, 415), dependencies=[host_only]
)
async def move_clock(wanted: ClockReading, parts: PartsOf) -> Response:
    """Move the clock forward and run every job that falls due on the way, in order, each at its own instant.

    Until it is first set the clock stands at the start of the service; then, once, it may be set to the past, but not
    to before anything recorded.
    """
    clock = cast("SteppedClock", parts.clock)
    await asyncio.to_thread(schedule.advance, parts, clock, to=wanted.now)
    return json_answer({"now": utc_text(parts.now())})
