"""Page sessions: a signed cookie that a modal token begins, and the mark against forged forms."""

import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from fastapi import Request, Response
from itsdangerous import BadData

from serving.web.access import NotAuthenticated
from serving.web.forms import FormNotOurs
from serving.web.signing import signer

COOKIE: Final = "plans_session"
IDLE: Final = timedelta(minutes=10)
"""A session ends when no page was opened for so long; a modal token lives as long."""
LONGEST: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PageSession:
    """One organisation in one browser."""

    session_id: str
    organization_id: str
    started_at: datetime
    seen_at: datetime


class PageSessions:
    """Reads and writes session cookies, and marks the forms of a session."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key.encode()
        self._signer = signer(signing_key, salt="page-session")

    def read(self, request: Request, *, now: datetime) -> PageSession | None:
        """The session in the cookie of a request; `None` without a valid one."""
        try:
            session_id, organization_id, started, seen = self._signer.loads(request.cookies.get(COOKIE, ""))
            began, last = (datetime.fromtimestamp(int(seconds), UTC) for seconds in (started, seen))
        except (BadData, ValueError, TypeError, OverflowError):
            return None
        if now >= last + IDLE or now >= began + LONGEST:
            return None
        return PageSession(str(session_id), str(organization_id), began, last)

    def keep(self, response: Response, session: PageSession, *, now: datetime, secure: bool) -> None:
        """Set the session cookie as seen now; scripts cannot read it, and other sites' forms do not send it."""
        held = replace(session, seen_at=now)
        seconds = [int(instant.timestamp()) for instant in (held.started_at, held.seen_at)]
        value = self._signer.dumps([held.session_id, held.organization_id, *seconds])
        response.set_cookie(
            COOKIE, str(value), max_age=int(IDLE.total_seconds()), httponly=True, samesite="lax", secure=secure
        )

    def mark(self, session: PageSession) -> str:
        """The mark that every form of this session carries, an HMAC of the session."""
        return hmac.new(self._key, f"form:{session.session_id}:{session.organization_id}".encode(), sha256).hexdigest()

    def check(self, session: PageSession | None, mark: str) -> PageSession:
        """The session that a form belongs to.

        Raises `NotAuthenticated` without a session, `FormNotOurs` for a mark of another session.
        """
        if session is None:
            raise NotAuthenticated("session_ended")
        if not hmac.compare_digest(self.mark(session).encode(), mark.encode()):
            raise FormNotOurs
        return session
