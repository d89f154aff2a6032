"""The language and the bytes of an answer."""

from typing import Any, Generic, TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from serving.words.locales import DEFAULT_LOCALE, LocaleCode, accepted, supported

Content = TypeVar("Content")


def locale_for(request: HTTPConnection, organization_locale: str | None = None) -> LocaleCode:
    """The language of an answer: the `locale` asked for, else `Accept-Language`, else the organisation's, else German.

    A language that the service does not speak is skipped, so a host may pass on any preference of its reader.
    """
    return asked_locale(request) or supported(organization_locale) or DEFAULT_LOCALE


def asked_locale(request: HTTPConnection) -> LocaleCode | None:
    """The language that a request asks for by `locale` or by `Accept-Language`; `None` when by neither."""
    return supported(request.query_params.get("locale")) or accepted(request.headers.get("accept-language"))


class JsonAnswer(Response, Generic[Content]):
    """JSON bytes of one shape: a route that returns it is proven to answer what its `response_model` documents."""

    media_type = "application/json"


def json_answer(content: Content, *, status: int = 200, locale: LocaleCode | None = None) -> JsonAnswer[Content]:
    """The content as JSON bytes; the type checker has seen its shape, so nothing is validated or copied here."""
    return json_bytes(dumped(content), status=status, locale=locale)


def json_bytes(body: bytes, *, status: int = 200, locale: LocaleCode | None = None) -> JsonAnswer[Any]:
    """An answer from bytes that `dumped` made earlier."""
    headers = None if locale is None else {"Content-Language": locale, "Vary": "Accept-Language"}
    return JsonAnswer(content=body, status_code=status, headers=headers)


def dumped(content: object) -> bytes:
    """The content as JSON bytes; parts of it may be pydantic models."""
    return orjson.dumps(content, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value)} has no place in an answer")
