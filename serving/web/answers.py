"""The language and the bytes of an answer."""

import orjson
from fastapi import Response
from starlette.requests import HTTPConnection

from serving.words.locales import DEFAULT_LOCALE, LocaleCode, accepted, supported


def locale_for(request: HTTPConnection, organization_locale: str | None = None) -> LocaleCode:
    """The language of an answer: the `locale` asked for, else `Accept-Language`, else the organisation's, else German.

    A language that the service does not speak is skipped, so a host may pass on whatever its reader prefers.
    """
    return (
        supported(request.query_params.get("locale"))
        or accepted(request.headers.get("accept-language"))
        or supported(organization_locale)
        or DEFAULT_LOCALE
    )


def json_answer(content: object, *, status: int = 200, locale: LocaleCode | None = None) -> Response:
    """JSON bytes as an answer; the content is neither validated nor copied."""
    headers = None if locale is None else {"Content-Language": locale, "Vary": "Accept-Language"}
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(content=body, status_code=status, media_type="application/json", headers=headers)
