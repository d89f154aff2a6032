"""Callers as dependencies of routes: every route says who may call it, and with which scope."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Depends, Request

from serving.clock import Clock
from serving.db.operator_log import Actor
from serving.web.access import (
    Authenticator,
    Caller,
    NotAuthenticated,
    NotForBrowsers,
    Scope,
    ScopeMissing,
    UnknownOrganization,
)
from serving.web.rates import WRONG_CREDENTIALS, Rates, address_of

RecordCall = Callable[[Request], Awaitable[None]]
"""Records an operator's call that was carried out."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The check of the callers of a route."""

    callers: "Callers"
    browsers: bool
    """Whether a modal token may."""
    scope: Scope | None
    """The scope that an API key needs; `None`: `read` for a GET, `write` for anything else."""

    def needs(self, method: str) -> Scope:
        """The scope that an API key needs for a method."""
        return self.scope or ("read" if method in {"GET", "HEAD"} else "write")

    async def __call__(self, request: Request) -> None:
        """Note the caller on the request, or refuse it."""
        await self.callers.admit(request, self)


@dataclass(frozen=True, slots=True)
class RecordedGuard(Guard):
    """The check of the callers of a route whose calls are in the operators' log before their answer leaves."""

    reads: bool
    """Whether reading belongs there, too."""

    async def __call__(self, request: Request) -> AsyncIterator[None]:  # type: ignore[override]
        """Note the caller on the request, or refuse it; record the call once it was carried out."""
        await self.callers.admit(request, self)
        yield
        if self.reads or request.method != "GET":
            await self.callers.record(request)


class Callers:
    """Authenticates the requests of one application and notes the caller on each."""

    def __init__(self, authenticator: Authenticator, clock: Clock, rates: Rates, record: RecordCall) -> None:
        self._authenticator = authenticator
        self._rates = rates
        self._clock = clock
        self.record = record
        self._anyone = Guard(self, browsers=True, scope=None)
        self.anyone: Any = Depends(self._anyone)
        """Lets the host backend pass, and a browser with a modal token."""
        self.host_only: Any = Depends(Guard(self, browsers=False, scope=None))
        """Lets only the host backend pass."""

    def guarded(self, scope: Scope) -> Any:
        """Lets only an API key with this scope pass."""
        return Depends(Guard(self, browsers=False, scope=scope))

    def operator(self, scope: Scope | None = None, *, reads: bool = False) -> Any:
        """Lets only an API key with this scope pass; what it changes is recorded, and what it `reads` where told."""
        return Depends(RecordedGuard(self, browsers=False, scope=scope, reads=reads), scope="function")

    async def authenticate(self, request: Request) -> None:
        """Like `anyone`, for a route that spares the framework the dependency."""
        await self.admit(request, self._anyone)

    async def admit(self, request: Request, guard: Guard) -> None:
        """Note the caller on the request.

        Raises `NotAuthenticated`, `OriginNotAllowed`, `NotForBrowsers`, `ScopeMissing`, `TooManyCalls`.
        """
        try:
            caller = request.state.caller = await self._authenticator.caller(request, now=self._clock())
        except NotAuthenticated as error:
            if error.code == "credential_invalid":  # somebody may be guessing
                await self._rates.count(WRONG_CREDENTIALS, address_of(request))
            raise
        if caller.organization_id is not None:
            if not guard.browsers:
                raise NotForBrowsers
        elif (scope := guard.needs(request.method)) not in caller.scopes:
            raise ScopeMissing(scope)


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request."""
    return cast("Caller", request.state.caller)


def actor_of(request: Request) -> Actor:
    """The caller of an authenticated request, as the operators' log names it."""
    return Actor(caller_of(request).name, address_of(request), request.state.request_id)


def check_visible(request: Request, organization_id: str) -> None:
    """Raise `UnknownOrganization` when the caller may not see this organisation."""
    if not caller_of(request).may_see(organization_id):
        raise UnknownOrganization(organization_id)
