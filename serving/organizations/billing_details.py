"""The party that is invoiced: as the host records it, and as the customer has entered it on our pages.

Decided: what the customer enters is kept beside what the host sends and comes first, so that no later request of the
host takes it away; an address and a VAT id count only for the country that the organisation is in. Without street, town
and, in the tax area of the European Union, postal code nothing can be charged (Directive 2006/112/EC, article 226; UStG
§ 14; CGI, annexe II, article 242 nonies A). A VAT id, a registration number, an order number and an address for
invoices are asked for and not required.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from recommender.billing.tax import SELLER, Buyer
from recommender.billing.vat_rates import FRENCH_TERRITORIES, is_member
from serving.organizations.contracts import Address
from serving.organizations.repository import OrganizationRow, VatCheck
from serving.organizations.vat_ids import check
from serving.web.fields import Email, Text

_ADDRESS: Final = tuple(Address.model_fields)
VatIdText = Annotated[str, StringConstraints(strict=True, to_upper=True, pattern=r"^[A-Za-z]{2}[A-Za-z0-9]{2,13}$")]


class BillingDetailsIn(Address):
    """The fields that a customer enters for invoices; a later request replaces an earlier one."""

    company: Annotated[Text, Field(max_length=300)] | None = None
    vat_id: VatIdText | None = None
    registration_number: Annotated[Text, Field(max_length=40)] | None = None
    """SIREN or SIRET in France, the number in the register elsewhere."""
    purchase_order: Annotated[Text, Field(max_length=50)] | None = None
    """Printed on every invoice from then on (BT-13)."""
    invoice_email: Email | None = None


FIELDS: Final = tuple(BillingDetailsIn.model_fields)


class DetailsRefused(ValueError):
    """Fields that are not as they have to be: field → key of its message."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """The party that is invoiced now."""

    company: str
    country: str
    street: str | None
    postal_code: str | None
    city: str | None
    region: str | None
    vat_id: str | None
    vat_check: VatCheck | None
    registration_number: str | None
    purchase_order: str | None
    invoice_email: str | None

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields without which nothing can be charged."""
        return ("street", "postal_code", "city") if _in_tax_area(self.country) else ("street", "city")

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of them that nobody has told."""
        return tuple(name for name in self.needed if getattr(self, name) is None)

    @property
    def valid_vat_id(self) -> str | None:
        """The VAT id, if it was checked and is valid."""
        return self.vat_id if self.vat_check == "valid" else None

    @property
    def company_number(self) -> str | None:
        """The SIREN of a French company, also from its VAT id; elsewhere the number in the register."""
        if self.country != SELLER:
            return self.registration_number
        if self.registration_number is not None:
            return self.registration_number[:9]
        return self.valid_vat_id[-9:] if self.valid_vat_id else None


def details_of(organization: OrganizationRow) -> BillingDetails:
    """The party that is invoiced for an organisation."""
    own = organization.billing or {}
    here = own.get("country") == organization.country
    address = own if here and any(own.get(part) for part in _ADDRESS) else organization.address or {}
    vat_id, vat_check = organization.vat_id, organization.vat_check
    if vat_id is not None and vat_check is None:  # recorded before checks were stored
        vat_check = check(vat_id, country=organization.country)
    if here and (entered := own.get("vat_id")):
        vat_id, vat_check = entered, check(entered, country=organization.country)
    return BillingDetails(
        company=own.get("company") or organization.name,
        country=organization.country,
        street=address.get("street"),
        postal_code=address.get("postal_code"),
        city=address.get("city"),
        region=address.get("region"),
        vat_id=vat_id,
        vat_check=vat_check,
        registration_number=own.get("registration_number") if here else None,
        purchase_order=own.get("purchase_order"),
        invoice_email=own.get("invoice_email") or organization.email,
    )


def buyer_of(organization: OrganizationRow) -> Buyer:
    """The facts of the organisation that decide on the tax, as recorded now."""
    return Buyer(organization.country, details_of(organization).valid_vat_id, organization.timezone)


def entered(details: BillingDetailsIn, *, country: str) -> dict[str, str]:
    """The fields that a customer has entered, as they are stored; raises `DetailsRefused`."""
    faults = {}
    values = {name: value for name, value in details.model_dump().items() if value}
    if (vat_id := values.get("vat_id")) and (found := check(vat_id, country=country)) != "valid":
        faults["vat_id"] = f"vat_{found}"
    number = values.get("registration_number")
    if number is not None and country == SELLER:
        values["registration_number"] = number = "".join(number.split())
        if not _is_french_company(number):
            faults["registration_number"] = "registration_number"
    if faults:
        raise DetailsRefused(faults)
    return {**values, "country": country}


def _is_french_company(number: str) -> bool:
    from stdnum.fr import siren, siret

    return bool(siren.is_valid(number) or siret.is_valid(number))


def _in_tax_area(country: str) -> bool:
    return country == "MC" or country in FRENCH_TERRITORIES or is_member(country, on=date.max)
