"""The clock that is moved by hand, over HTTP; mounted with `PLANS_CLOCK=test` only."""

from typing import cast

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from serving.clock import SteppedClock
from serving.fields import Instant, StrictJsonRoute, utc_text
from serving.parts import PartsOf, host_only, json_answer
from serving.problems import documented

router = APIRouter(prefix="/v1", tags=["test clock"], route_class=StrictJsonRoute)


class ClockReading(BaseModel):
    """What the clock shows, or shall show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: Instant


@router.put(
    "/test-clock", response_model=ClockReading, responses=documented(400, 403, 409, 413, 415), dependencies=[host_only]
)
async def move_clock(wanted: ClockReading, parts: PartsOf) -> Response:
    """Move the clock forward."""
    cast("SteppedClock", parts.clock).move_to(wanted.now)
    return json_answer({"now": utc_text(parts.now())})
