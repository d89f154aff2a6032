"""Access to the API and the pages: keys, tokens, people and the log of operators, built from the settings."""

from dataclasses import dataclass

from serving.dashboards.endpoints import SignIn
from serving.foundation import Foundation
from serving.operators.audit import AuditLog
from serving.operators.keys import ApiKeys
from serving.operators.openid import OpenId, Provider
from serving.operators.people import People
from serving.operators.revocations import Revocations
from serving.web.access import Authenticator
from serving.web.callers import Callers
from serving.web.rates import Rates
from serving.web.signing import SigningKeys


@dataclass(frozen=True, slots=True)
class Access:
    """Access to the API and the pages, and the log of operators."""

    authenticator: Authenticator
    signing_keys: SigningKeys
    callers: Callers
    rates: Rates
    keys: ApiKeys
    people: People
    revocations: Revocations
    audit: AuditLog
    sign_in: SignIn


def access_of(base: Foundation) -> Access:
    """Build the access to the API and the pages from the settings."""
    settings, database, clock = base.settings, base.database, base.clock
    rates, revocations, audit = Rates(database, clock), Revocations(database, clock), AuditLog(database, clock)
    keys = ApiKeys(database, clock)
    authenticator = Authenticator(
        api_key=settings.api_key.get_secret_value(),
        keys=base.keys,
        find_key=keys.find,
        is_revoked=revocations.holds_no_longer,
    )
    people = People(database, clock, new_id=base.new_id, keys=base.keys, rates=rates, pool=base.pools.sign_ins)
    return Access(
        authenticator=authenticator,
        signing_keys=base.keys,
        callers=Callers(authenticator, clock, rates, audit.record_call),
        rates=rates,
        keys=keys,
        people=people,
        revocations=revocations,
        audit=audit,
        sign_in=SignIn(people, _openid(base), base.keys),
    )


def _openid(base: Foundation) -> OpenId | None:
    settings = base.settings
    if settings.oidc_issuer is None:
        return None
    from serving.operators.openid_exchange import AuthlibExchange

    provider = Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        claim=settings.oidc_claim,
        roles=settings.oidc_roles,
    )
    exchange = AuthlibExchange(provider, base.clock)
    return OpenId(provider, exchange, base.database, base.clock, new_id=base.new_id, pool=base.pools.sign_ins)
