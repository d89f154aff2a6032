"""Who sells, as it stands on every invoice (`PLANS_SELLER_…`)."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from data_contracts.invoices import Seller

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _iban(text: str) -> str:
    from stdnum import iban

    if not iban.is_valid(text):
        raise ValueError("not a valid IBAN")
    return iban.compact(text)


class SellerSettings(BaseSettings):
    """The seller is a French company; the values set here are a demonstration's and belong to nobody."""

    model_config = SettingsConfigDict(env_prefix="PLANS_SELLER_", extra="ignore", frozen=True)

    name: Line = "AI SmartTalk (Demo)"
    legal_form: Line = "SAS au capital de 10 000 €"
    register_entry: Line = "RCS Paris 123 456 782"
    street: Line = "10 rue de la Démonstration"
    postal_code: Line = "75002"
    city: Line = "Paris"
    siren: Annotated[str, StringConstraints(pattern=r"^\d{9}$")] = "123456782"
    vat_id: Annotated[str, StringConstraints(pattern=r"^FR[A-Z0-9]{2}\d{9}$")] = "FR11123456782"
    email: Line = "billing@example.com"
    phone: Line = "+33 1 00 00 00 00"
    iban: Annotated[str, AfterValidator(_iban)] = "FR7630006000011234567890189"
    bic: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] = "DEMOFRPPXXX"
    payment_days: int = Field(default=30, ge=0, le=60)
    """How long a bank transfer may take; French law allows no more than 60 days."""

    @model_validator(mode="after")
    def _one_company(self) -> Self:
        from stdnum.fr import tva

        if not tva.is_valid(self.vat_id) or self.vat_id[4:] != self.siren:
            raise ValueError("vat_id is not the one of this siren")
        return self

    def on_invoice(self) -> Seller:
        """The seller as an invoice names it."""
        fields = self.model_dump(exclude={"siren", "payment_days"})
        return Seller(country="FR", company_id=self.siren, **fields)
