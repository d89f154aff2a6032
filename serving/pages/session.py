"""Page sessions: a signed cookie that a modal token begins, and the mark against forged forms."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request, Response
from itsdangerous import BadData

from serving.operators.revocations import Revocations
from serving.web.access import NotAuthenticated
from serving.web.forms import FormNotOurs
from serving.web.signing import SigningKeys

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
    looking: bool = False
    """Somebody of support looks at the page: nothing is kept in the browser, and no form is taken."""


class AnotherSession(Exception):
    """The address asks for another organisation than that of the session; the reader has to say which."""

    def __init__(self, present: PageSession, coming: str, token: str) -> None:
        super().__init__(coming)
        self.present = present
        self.coming = coming
        self.token = token
        """The modal token that the address brought, if one did."""


class PageSessions:
    """Reads and writes session cookies, and marks the forms of a session."""

    def __init__(self, keys: SigningKeys, revocations: Revocations) -> None:
        self._keys = keys
        self._revocations = revocations
        self._signer = keys.signer(salt="page-session")

    async def read(self, request: Request, *, now: datetime) -> PageSession | None:
        """The session in the cookie of a request; `None` without a valid one, or when it was revoked."""
        try:
            session_id, organization_id, started, seen = self._signer.loads(request.cookies.get(COOKIE, ""))
            began, last = (datetime.fromtimestamp(float(seconds), UTC) for seconds in (started, seen))
        except (BadData, ValueError, TypeError, OverflowError):
            return None
        if now >= last + IDLE or now >= began + LONGEST:
            return None
        if await self._revocations.holds_no_longer(f"session:{session_id}", organization_id, began):
            return None
        return PageSession(str(session_id), str(organization_id), began, last)

    async def end(self, session: PageSession) -> None:
        """End a session, in every process."""
        await self._revocations.revoke(f"session:{session.session_id}", session.organization_id, by=None)

    def keep(self, response: Response, session: PageSession, *, now: datetime, secure: bool) -> None:
        """Set the session cookie as seen now; scripts cannot read it, and other sites' forms do not send it."""
        held = replace(session, seen_at=now)
        seconds = [instant.timestamp() for instant in (held.started_at, held.seen_at)]
        value = self._signer.dumps([held.session_id, held.organization_id, *seconds])
        response.set_cookie(
            COOKIE, value, max_age=int(IDLE.total_seconds()), httponly=True, samesite="lax", secure=secure
        )

    def mark(self, session: PageSession) -> str:
        """The mark that every form of this session carries, an HMAC of the session."""
        return "" if session.looking else self._keys.mark(_form_of(session))

    def check(self, session: PageSession | None, mark: str) -> PageSession:
        """The session that a form belongs to.

        Raises `NotAuthenticated` without a session, `FormNotOurs` for a mark of another session.
        """
        if session is None:
            raise NotAuthenticated("session_ended")
        if not self._keys.has_marked(_form_of(session), mark):
            raise FormNotOurs
        return session


def _form_of(session: PageSession) -> str:
    return f"form:{session.session_id}:{session.organization_id}"
