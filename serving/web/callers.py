"""Callers as dependencies of routes: every route says who may call it."""

from typing import Any, cast

from fastapi import Depends, Request

from serving.clock import Clock
from serving.web.access import Authenticator, Caller, NotAuthenticated, NotForBrowsers, UnknownOrganization
from serving.web.rates import WRONG_CREDENTIALS, Rates, address_of


class Callers:
    """Authenticates the requests of one application and notes the caller on each."""

    def __init__(self, authenticator: Authenticator, clock: Clock, rates: Rates) -> None:
        self._authenticator = authenticator
        self._rates = rates
        self._clock = clock
        self.anyone: Any = Depends(self._anyone)
        """Lets the host backend pass, and a browser with a modal token."""
        self.host_only: Any = Depends(self._host_only)
        """Lets only the host backend pass."""

    async def authenticate(self, request: Request) -> None:
        """Note the caller on the request; raises `NotAuthenticated`, `OriginNotAllowed`, `TooManyCalls`."""
        try:
            request.state.caller = self._authenticator.caller(request, now=self._clock())
        except NotAuthenticated as error:
            if error.code == "credential_invalid":  # somebody may be guessing
                await self._rates.count(WRONG_CREDENTIALS, address_of(request))
            raise

    async def _anyone(self, request: Request) -> None:
        await self.authenticate(request)

    async def _host_only(self, request: Request) -> None:
        await self.authenticate(request)
        if caller_of(request).organization_id is not None:
            raise NotForBrowsers


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request."""
    return cast("Caller", request.state.caller)


def check_visible(request: Request, organization_id: str) -> None:
    """Raise `UnknownOrganization` when the caller may not see this organisation."""
    if not caller_of(request).may_see(organization_id):
        raise UnknownOrganization(organization_id)
