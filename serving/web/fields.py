"""The field types of requests: ids, texts, codes, instants, each with its validation."""

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

import orjson
from fastapi import Path, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from data_contracts.raw.organizations import COUNTRIES

ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}$"
"""Opaque ids: 1 to 128 letters, digits, dots, underscores, colons and hyphens, the first a letter or digit."""

Id = Annotated[str, StringConstraints(strict=True, pattern=ID_PATTERN, max_length=128)]
OrganizationId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128, description="Id of the organisation.")]


def _printable(text: str) -> str:
    if any((ord(character) < 32 and character not in "\n\t") or ord(character) == 127 for character in text):
        raise PydanticCustomError("control_characters", "control characters are not text")
    return text


def _plan_code(code: str) -> str:
    if code != code.strip() or not code.isprintable():
        raise PydanticCustomError("plan_code", "not the code of a plan")
    return code


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "not an ISO 3166 country code")
    return code


def _timezone(name: str) -> str:
    if name not in _timezones():
        raise PydanticCustomError("timezone", "not an IANA time zone")
    return name


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("instant", "not an instant") from error


Text = Annotated[str, StringConstraints(strict=True, min_length=1, strip_whitespace=True), AfterValidator(_printable)]
PlanCode = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100), AfterValidator(_plan_code)]
"""Code of a plan or promotion: one line of 1 to 100 characters, without surrounding white space."""
Country = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{2}$"), AfterValidator(_country)]
Timezone = Annotated[str, StringConstraints(strict=True, max_length=64), AfterValidator(_timezone)]
Email = Annotated[
    str,
    StringConstraints(
        strict=True, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+$"
    ),
]
Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_utc)]


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def utc_text(instant: datetime) -> str:
    """An instant in RFC 3339, in UTC with `Z`, as every answer writes it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


class StrictJsonRequest(Request):
    """A request with a strict JSON body: no NaN, no lone surrogates, no unlimited nesting."""

    async def json(self) -> Any:
        """Parse the body; raises `json.JSONDecodeError` with the position of the fault."""
        if not hasattr(self, "_json"):
            try:
                self._json = orjson.loads(await self.body())
            except orjson.JSONDecodeError as error:
                raise json.JSONDecodeError(error.msg, "", error.pos) from error
        return self._json


class StrictJsonRoute(APIRoute):
    """A route that reads its body as strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, called with a `StrictJsonRequest`."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictJsonRequest(request.scope, request.receive))

        return strict
