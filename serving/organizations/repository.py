"""Organisations and the logs of their templates and integrations in the database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from data_contracts.languages import Locale
from serving.db.inserts import add_row
from serving.db.many import Among
from serving.db.queries import Query
from serving.db.tables import integrations, organizations, template_installs
from serving.db.updates import Change, change_rows
from serving.web.access import UnknownOrganization

PRESENT: Final = organizations.c.erased_at.is_(None)
"""Excludes erased organisations, whose rows remain only for the documents that refer to them."""
_of = select(organizations).where(organizations.c.organization_id == bindparam("organization_id"))
_BY_ID = Query(_of)
_PRESENT_BY_ID = Query(_of.where(PRESENT))
_ERASED_BY_ID = Query(_of.where(organizations.c.erased_at.is_not(None)))
_KNOWN = select(organizations.c.organization_id).where(PRESENT, Among(organizations.c.organization_id, "ids"))
_TOUCH = Change(
    update(organizations)
    .where(Among(organizations.c.organization_id, "ids"))
    .values(revision=organizations.c.revision + 1)
)


VatCheck = Literal["valid", "not_valid", "other_country", "not_in_eu"]
"""Result of checking a VAT id; for tax, every result but `valid` counts as having no VAT id."""


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """One organisation as it is recorded."""

    organization_id: str
    name: str
    country: str
    vat_id: str | None
    locale: Locale
    timezone: str
    address: Mapping[str, str | None] | None
    trial_started_at: datetime
    templates: tuple[str, ...]
    integrations: tuple[str, ...]
    revision: int
    recorded_at: datetime
    updated_at: datetime
    vat_check: VatCheck | None = None
    vat_checked_at: datetime | None = None
    email: str | None = None
    billing: Mapping[str, str] | None = None
    """The fields that the customer entered for invoices; `billing_details` reads them."""


class OrganizationErased(Exception):
    """The organisation was erased; its id stays in use by the documents that the law requires to be kept."""


def find(connection: Connection, organization_id: str) -> OrganizationRow | None:
    """The organisation, if it is known."""
    row = _PRESENT_BY_ID.first(connection, organization_id=organization_id)
    return None if row is None else _read(row)


def get_kept(connection: Connection, organization_id: str) -> OrganizationRow:
    """The organisation, an erased one included; raises `UnknownOrganization`."""
    row = _BY_ID.first(connection, organization_id=organization_id)
    if row is None:
        raise UnknownOrganization(organization_id)
    return _read(row)


def check_not_erased(connection: Connection, organization_id: str) -> None:
    """Raise `OrganizationErased` if an erased organisation had this id."""
    if _ERASED_BY_ID.first(connection, organization_id=organization_id) is not None:
        raise OrganizationErased(organization_id)


def get(connection: Connection, organization_id: str) -> OrganizationRow:
    """The organisation; raises `UnknownOrganization`."""
    organization = find(connection, organization_id)
    if organization is None:
        raise UnknownOrganization(organization_id)
    return organization


def known(connection: Connection, ids: Iterable[str]) -> frozenset[str]:
    """The ids that belong to recorded organisations."""
    return frozenset(connection.execute(_KNOWN, {"ids": list(ids)}).scalars())


def save(connection: Connection, organization: OrganizationRow, *, new: bool) -> None:
    """Insert or replace the organisation."""
    values = {
        field: getattr(organization, field)
        for field in OrganizationRow.__dataclass_fields__
        if field not in {"templates", "integrations", "address", "billing"}
    }
    values["templates"] = orjson.dumps(organization.templates).decode()
    values["integrations"] = orjson.dumps(organization.integrations).decode()
    values["address"] = None if organization.address is None else orjson.dumps(organization.address).decode()
    values["billing"] = None if organization.billing is None else orjson.dumps(organization.billing).decode()
    if new:
        add_row(connection, organizations, **values)
        return
    change_rows(connection, organizations, {"organization_id": organization.organization_id}, **values)


def leave_trace(connection: Connection, organization_id: str, *, now: datetime) -> None:
    """Clear the personal fields of the row; what its documents need (country, language, time zone) stays."""
    nothing = {
        "name": "",
        "vat_id": None,
        "vat_check": None,
        "vat_checked_at": None,
        "address": None,
        "email": None,
        "billing": None,
    }
    values = {**nothing, "templates": "[]", "integrations": "[]", "updated_at": now, "erased_at": now}
    change_rows(connection, organizations, {"organization_id": organization_id}, **values)


def remove(connection: Connection, organization_id: str) -> None:
    """Delete the organisation's row; nothing may refer to it any more."""
    connection.execute(delete(organizations).where(organizations.c.organization_id == organization_id))


def touch(connection: Connection, ids: Iterable[str]) -> None:
    """Raise the revision of these organisations: something that a decision reads has changed."""
    _TOUCH.run(connection, ids=list(ids))


def log_changes(
    connection: Connection, *, templates: list[dict[str, object]], connected: list[dict[str, object]]
) -> None:
    """Append to the logs of template installations and of integrations."""
    if templates:
        connection.execute(insert(template_installs), templates)
    if connected:
        connection.execute(insert(integrations), connected)


def _read(row: Row[Any]) -> OrganizationRow:
    return OrganizationRow(
        organization_id=row.organization_id,
        name=row.name,
        country=row.country,
        vat_id=row.vat_id,
        locale=row.locale,
        timezone=row.timezone,
        address=None if row.address is None else orjson.loads(row.address),
        trial_started_at=row.trial_started_at,
        templates=tuple(orjson.loads(row.templates)),
        integrations=tuple(orjson.loads(row.integrations)),
        revision=row.revision,
        recorded_at=row.recorded_at,
        updated_at=row.updated_at,
        vat_check=row.vat_check,
        vat_checked_at=row.vat_checked_at,
        email=row.email,
        billing=None if row.billing is None else orjson.loads(row.billing),
    )
