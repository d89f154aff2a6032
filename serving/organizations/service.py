"""Record what the host says of an organisation, and log what has changed since it last did."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from serving.organizations import repository, vat_ids
from serving.organizations.contracts import OrganizationIn
from serving.organizations.repository import OrganizationRow
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.texts import say


class TrialInTheFuture(ValueError):
    """A trial cannot have started after now."""


def put(
    connection: Connection,
    *,
    organization_id: str,
    said: OrganizationIn,
    now: datetime,
    new_id: Callable[[], str],
) -> OrganizationRow:
    """Record the organisation; saying the same twice changes nothing, not even the revision.

    Raises `TrialInTheFuture`, `OrganizationErased`.
    """
    if said.trial_started_at > now:
        raise TrialInTheFuture
    repository.check_not_erased(connection, organization_id)
    before = repository.find(connection, organization_id)
    after = OrganizationRow(
        organization_id=organization_id,
        name=said.name,
        country=said.country,
        vat_id=said.vat_id,
        locale=said.locale,
        timezone=said.timezone,
        address=None if said.address is None else said.address.model_dump(),
        email=said.email,
        trial_started_at=said.trial_started_at,
        templates=tuple(sorted(set(said.templates))),
        integrations=tuple(sorted(set(said.integrations))),
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
    """The organisation with the check of its VAT id: the earlier one while id and country are the same."""
    if after.vat_id is None:
        return after
    if before is not None and before.vat_check and (before.vat_id, before.country) == (after.vat_id, after.country):
        return replace(after, vat_check=before.vat_check, vat_checked_at=before.vat_checked_at)
    return replace(after, vat_check=vat_ids.check(after.vat_id, country=after.country), vat_checked_at=now)


class _Log:
    """Turns two states into the changes between them."""

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


def as_answer(organization: OrganizationRow, locale: LocaleCode) -> dict[str, object]:
    """The organisation as the contract writes it, and what was found of its VAT id."""
    found, at = organization.vat_check, organization.vat_checked_at
    return {
        "organization_id": organization.organization_id,
        "name": organization.name,
        "country": organization.country,
        "vat_id": organization.vat_id,
        "locale": organization.locale,
        "timezone": organization.timezone,
        "templates": organization.templates,
        "integrations": organization.integrations,
        "trial_started_at": utc_text(organization.trial_started_at),
        "address": organization.address,
        "email": organization.email,
        "recorded_at": utc_text(organization.recorded_at),
        "updated_at": utc_text(organization.updated_at),
        "vat_check": None
        if found is None or at is None
        else {"result": found, "checked_at": utc_text(at), "text": say(locale, f"vat_check.{found}")},
    }
