"""Record organisations as the host sends them, and log which templates and integrations changed."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.session import Database
from serving.organizations import repository, vat_ids
from serving.organizations.billing_details import BillingDetailsIn, entered
from serving.organizations.contracts import Address, Organization, OrganizationIn
from serving.organizations.repository import OrganizationRow
from serving.web.access import Authenticator
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.texts import say


class TrialInTheFuture(ValueError):
    """The start of the trial is after now."""


class Organizations:
    """Records organisations and issues the tokens with which their browsers call."""

    def __init__(
        self, database: Database, *, clock: Clock, new_id: Callable[[], str], authenticator: Authenticator
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._authenticator = authenticator

    async def put(self, organization_id: str, payload: OrganizationIn) -> OrganizationRow:
        """Record the organisation; raises `TrialInTheFuture`, `OrganizationErased`."""

        def work(connection: Connection) -> OrganizationRow:
            return put(
                connection, organization_id=organization_id, payload=payload, now=self._clock(), new_id=self._new_id
            )

        return await self._database.write(work)

    async def billing_details(self, organization_id: str) -> OrganizationRow:
        """The organisation, whose billing details are asked for; raises `UnknownOrganization`."""
        return await self._database.read(lambda connection: repository.get(connection, organization_id))

    async def enter_billing_details(self, organization_id: str, details: BillingDetailsIn) -> OrganizationRow:
        """Record what the customer entered for invoices; raises `UnknownOrganization`, `DetailsRefused`."""

        def work(connection: Connection) -> OrganizationRow:
            before = repository.get(connection, organization_id)
            after = replace(before, billing=entered(details, country=before.country))
            if after == before:
                return before
            after = replace(after, revision=before.revision + 1, updated_at=self._clock())
            repository.save(connection, after, new=False)
            return after

        return await self._database.write(work)

    async def locale_of(self, organization_id: str) -> str | None:
        """The organisation's language; `None` for an organisation that is unknown."""
        found = await self._database.read(lambda connection: repository.find(connection, organization_id))
        return None if found is None else found.locale

    async def issue_token(self, organization_id: str, *, origin: str) -> tuple[str, datetime]:
        """A modal token for pages of this origin, and its expiry; raises `UnknownOrganization`."""
        await self._database.read(lambda connection: repository.get(connection, organization_id))
        return self._authenticator.issue(
            organization_id=organization_id, origin=origin, token_id=self._new_id(), now=self._clock()
        )


def put(
    connection: Connection,
    *,
    organization_id: str,
    payload: OrganizationIn,
    now: datetime,
    new_id: Callable[[], str],
) -> OrganizationRow:
    """Record the organisation; recording the same again changes nothing, not even the revision.

    Raises `TrialInTheFuture`, `OrganizationErased`.
    """
    if payload.trial_started_at > now:
        raise TrialInTheFuture
    repository.check_not_erased(connection, organization_id)
    before = repository.find(connection, organization_id)
    after = OrganizationRow(
        organization_id=organization_id,
        name=payload.name,
        country=payload.country,
        vat_id=payload.vat_id,
        locale=payload.locale,
        timezone=payload.timezone,
        address=None if payload.address is None else payload.address.model_dump(),
        email=payload.email,
        billing=None if before is None else before.billing,
        trial_started_at=payload.trial_started_at,
        templates=tuple(sorted(set(payload.templates))),
        integrations=tuple(sorted(set(payload.integrations))),
        revision=0 if before is None else before.revision,
        recorded_at=now if before is None else before.recorded_at,
        updated_at=now if before is None else before.updated_at,
    )
    after = _with_vat_check(after, before, now=now)
    if after == before:
        return after
    after = replace(after, revision=after.revision + 1, updated_at=now)
    repository.save(connection, after, new=before is None)
    log = _Log(organization_id, now, new_id)
    repository.log_changes(
        connection,
        templates=log.changes(
            "template", ("installed", "removed"), () if before is None else before.templates, after.templates
        ),
        connected=log.changes(
            "integration",
            ("connected", "disconnected"),
            () if before is None else before.integrations,
            after.integrations,
        ),
    )
    return after


def _with_vat_check(after: OrganizationRow, before: OrganizationRow | None, *, now: datetime) -> OrganizationRow:
    """The organisation with its VAT id checked; the earlier check is kept while id and country are unchanged."""
    if after.vat_id is None:
        return after
    if before is not None and before.vat_check and (before.vat_id, before.country) == (after.vat_id, after.country):
        return replace(after, vat_check=before.vat_check, vat_checked_at=before.vat_checked_at)
    return replace(after, vat_check=vat_ids.check(after.vat_id, country=after.country), vat_checked_at=now)


class _Log:
    """Log rows for the differences between two states of an organisation."""

    def __init__(self, organization_id: str, now: datetime, new_id: Callable[[], str]) -> None:
        self._organization_id = organization_id
        self._now = now
        self._new_id = new_id

    def changes(
        self, subject: str, words: tuple[str, str], before: Iterable[str], after: Iterable[str]
    ) -> list[dict[str, object]]:
        came, went = sorted(set(after) - set(before)), sorted(set(before) - set(after))
        return [
            {
                "event_id": self._new_id(),
                "organization_id": self._organization_id,
                subject: code,
                "change": word,
                "occurred_at": self._now,
                "recorded_at": self._now,
            }
            for word, codes in zip(words, (came, went), strict=True)
            for code in codes
        ]


def as_answer(organization: OrganizationRow, locale: LocaleCode) -> Organization:
    """The organisation as the contract writes it, with the result of its VAT id check in words."""
    result, checked_at = organization.vat_check, organization.vat_checked_at
    return {
        "organization_id": organization.organization_id,
        "name": organization.name,
        "country": organization.country,
        "vat_id": organization.vat_id,
        "locale": organization.locale,
        "timezone": organization.timezone,
        "templates": list(organization.templates),
        "integrations": list(organization.integrations),
        "trial_started_at": utc_text(organization.trial_started_at),
        "address": None if organization.address is None else Address.model_construct(None, **organization.address),
        "email": organization.email,
        "recorded_at": utc_text(organization.recorded_at),
        "updated_at": utc_text(organization.updated_at),
        "vat_check": None
        if result is None or checked_at is None
        else {"result": result, "checked_at": utc_text(checked_at), "text": say(locale, f"vat_check.{result}")},
    }
