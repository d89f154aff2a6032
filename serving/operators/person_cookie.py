"""The cookie of a person's session; the session itself is in the database."""

from typing import Final

from fastapi import Request, Response
from starlette.requests import HTTPConnection

from serving.operators.people import SESSION, People, SignedIn

COOKIE: Final = "plans_person"


async def signed_in(connection: HTTPConnection, people: People) -> SignedIn | None:
    """The person whose session a request or connection carries."""
    return await people.signed_in(connection.cookies.get(COOKIE, ""))


def remember(response: Response, cookie: str, request: Request) -> None:
    """Set the cookie of a session; scripts cannot read it, and other sites' forms do not send it."""
    seconds, secure = int(SESSION.total_seconds()), request.url.scheme == "https"
    response.set_cookie(COOKIE, cookie, max_age=seconds, httponly=True, samesite="lax", secure=secure)
