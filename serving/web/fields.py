"""The field types of requests: ids, texts, codes, instants, each with its validation."""

import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

import orjson
from fastapi import Path, Request
from fastapi.datastructures import DefaultPlaceholder
from fastapi.routing import APIRoute
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from data_contracts.raw.organizations import COUNTRIES

MOST_VALUES: Final = 1_000
"""A JSON body may hold so many values: naming what is wrong with each costs everybody's time."""
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}$"
"""Opaque ids: 1 to 128 letters, digits, dots, underscores, colons and hyphens, the first a letter or digit."""

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX: Final = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"({_LABEL}\.)+{_LABEL}")

Id = Annotated[str, StringConstraints(strict=True, pattern=ID_PATTERN, max_length=128)]
OrganizationId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128, description="Id of the organisation.")]


def is_id(text: str) -> bool:
    """Whether a text may be an id; for what is read before the framework validates it."""
    return re.fullmatch(ID_PATTERN, text) is not None


def _printable(text: str) -> str:
    if any((ord(character) < 32 and character not in "\n\t") or ord(character) == 127 for character in text):
        raise PydanticCustomError("control_characters", "control characters are not text")
    return text


def _email(address: str) -> str:
    """The address with its domain in ASCII; what a mail server would refuse is refused here."""
    name, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError as error:
        raise PydanticCustomError("email", "not an e-mail address") from error
    if not _MAILBOX.fullmatch(name) or not _DOMAIN.fullmatch(ascii_domain):
        raise PydanticCustomError("email", "not an e-mail address")
    return f"{name}@{ascii_domain}"


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


Printable = Annotated[str, AfterValidator(_printable)]
"""Text to search for, or empty; a NUL, which PostgreSQL cannot take, is refused as every control character is."""
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
    AfterValidator(_email),
]
"""`name@domain`: the name is a dot-atom of RFC 5322 in ASCII, the domain has host names of RFC 1123, or IDNA ones."""
Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_utc)]


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def utc_text(instant: datetime) -> str:
    """An instant in RFC 3339, in UTC with `Z`, as every answer writes it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


class TooManyValues(HTTPException):
    """A JSON body holds more than `MOST_VALUES` values."""

    def __init__(self) -> None:
        super().__init__(422)


class StrictJsonRequest(Request):
    """A request with a strict JSON body: no NaN, no lone surrogates, no unlimited nesting or number of values."""

    async def json(self) -> Any:
        """Parse the body; raises `json.JSONDecodeError` with the position of the fault, or `TooManyValues`."""
        if not hasattr(self, "_json"):
            try:
                self._json = orjson.loads(await self.body())
            except orjson.JSONDecodeError as error:
                raise json.JSONDecodeError(error.msg, "", error.pos) from error
            if _more_values_than(MOST_VALUES, self._json):
                raise TooManyValues
        return self._json


def _more_values_than(most: int, document: Any) -> bool:
    """Whether a parsed JSON document holds more values than that, at any depth."""
    found, open_ = 0, [document]
    while open_ and found <= most:
        value = open_.pop()
        if isinstance(value, dict | list):
            found += len(value)
            if found <= most:
                open_.extend(value.values() if isinstance(value, dict) else value)
    return found > most


class DocumentedRoute(APIRoute):
    """A route that keeps the shape of its answer for the OpenAPI document.

    FastAPI would build a validator for it at each start; the shapes are proven by the type checker, and no answer is
    validated on the way out.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], *, response_model: Any = None, **options: Any) -> None:
        super().__init__(path, endpoint, response_model=None, **options)
        self.answer_shape = None if isinstance(response_model, DefaultPlaceholder) else response_model


def repeating(repeated: Callable[[Request], Awaitable[Response | None]]) -> type[DocumentedRoute]:
    """A kind of route that asks `repeated` for the answer before the framework validates the request.

    Validation takes as long as a repeated answer. `repeated` returns `None` for a request that is not plainly one.
    """

    class Repeating(DocumentedRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def first(request: Request) -> Response:
                return await repeated(request) or await handle(request)

            return first

    return Repeating


class StrictJsonRoute(DocumentedRoute):
    """A route that reads its body as strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, called with a `StrictJsonRequest`."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictJsonRequest(request.scope, request.receive))

        return strict
