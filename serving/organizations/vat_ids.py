"""Check that a VAT id belongs to the organisation's country and has the right form and check digits.

The check does not ask whether the number is registered. Its result is stored with its instant.
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from recommender.billing.tax import TaxLine, tax_on
from recommender.billing.vat_rates import is_member
from serving.organizations.repository import OrganizationRow, VatCheck

SELLERS_TIME: Final = ZoneInfo("Europe/Paris")
"""The seller's time zone: tax rates change at midnight there, and documents carry its dates."""

_PREFIXES: Final = {"GR": ("EL", "GR"), "MC": ("FR",)}


def check(vat_id: str, *, country: str) -> VatCheck:
    """Check the VAT id of an organisation in this country."""
    from stdnum.eu import vat

    if country != "MC" and not is_member(country, on=date.max):
        return "not_in_eu"
    if vat_id[:2] not in _PREFIXES.get(country, (country,)):
        return "other_country"
    return "valid" if vat.is_valid("EL" + vat_id[2:] if country == "GR" else vat_id) else "not_valid"


def day_of(instant: datetime) -> date:
    """The seller's calendar day of an instant."""
    return instant.astimezone(SELLERS_TIME).date()


def tax_for(organization: OrganizationRow, *, net_cents: int, at: datetime) -> tuple[TaxLine, ...]:
    """The tax on a document with this net amount for the organisation, supplied at this instant."""
    result = organization.vat_check
    if result is None and organization.vat_id is not None:  # recorded before checks were stored
        result = check(organization.vat_id, country=organization.country)
    return tax_on(net_cents=net_cents, country=organization.country, has_vat_id=result == "valid", on=day_of(at))


def company_number(organization: OrganizationRow) -> str | None:
    """The SIREN of a French company: the last nine digits of its VAT id."""
    vat_id = organization.vat_id
    return vat_id[-9:] if vat_id is not None and vat_id.startswith("FR") and organization.vat_check == "valid" else None
