"""Problem documents (RFC 9457): errors as answers, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from fastapi import Response
from pydantic import BaseModel

from serving.words.locales import LocaleCode
from serving.words.texts import known, say

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One part of the request that is not as it has to be."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """An RFC 9457 problem; clients switch on `code`, people read `title` and `detail`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem]
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class FieldFault:
    """A fault in one field of a request: the field, the key of its message, and the message's parameters."""

    field: str
    key: str
    params: Mapping[str, object]


def problem(
    *,
    status: int,
    code: str,
    locale: LocaleCode,
    params: Mapping[str, object] | None = None,
    faults: Sequence[FieldFault] = (),
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
    members: Mapping[str, object] | None = None,
) -> Response:
    """Make the answer for a problem; its texts are the messages `problem.<code>.title` and `.detail`.

    `members` are extension members of RFC 9457.
    """
    document = {
        "type": f"urn:plans:problem:{code}",
        "title": say(locale, f"problem.{code}.title"),
        "status": status,
        "detail": say(locale, f"problem.{code}.detail", **(params or {})),
        "code": code,
        "errors": [{"field": fault.field, "message": _fault_text(locale, fault)} for fault in faults],
        "request_id": request_id,
        **(members or {}),
    }
    return Response(
        content=orjson.dumps(document),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": locale, **(headers or {})},
    )


def _fault_text(locale: LocaleCode, fault: FieldFault) -> str:
    key = f"field.{fault.key}"
    return say(locale, key, **fault.params) if known(locale, key) else say(locale, "field.invalid")


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The problem answers of a route for the OpenAPI document, with those that every route has."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({*statuses, 401, 422, 429, 503})
    }


_DESCRIPTIONS = {
    400: "The body is not JSON.",
    402: "The payment failed, and nothing has happened; `remedy` says what helps.",
    401: "No API key or modal token, or one that does not hold (any more).",
    403: "A modal token may not do this, or not from this origin.",
    404: "There is no such thing for this caller.",
    405: "The path knows other methods.",
    409: "It contradicts what is already recorded.",
    410: "It was erased, and its id cannot be used again.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not declared as JSON.",
    422: "Parts of the request are not as they have to be; `errors` names each.",
    429: "Too many calls of this kind; `Retry-After` says when to try again.",
    503: "The database does not answer; try again.",
}
