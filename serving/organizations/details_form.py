"""The billing details as an answer and as a form, the same for modal, page and API."""

from functools import partial
from typing import Final

from serving.organizations.billing_details import BillingDetails
from serving.organizations.contracts import BillingDetailsAnswer, DetailField, FieldName
from serving.words.locales import LocaleCode
from serving.words.texts import country_name, say

_FIELDS: Final[dict[FieldName, tuple[str, int]]] = {
    "company": ("organization", 300),
    "street": ("street-address", 200),
    "postal_code": ("postal-code", 20),
    "city": ("address-level2", 100),
    "region": ("address-level1", 100),
    "vat_id": ("off", 15),
    "registration_number": ("off", 40),
    "purchase_order": ("off", 50),
    "invoice_email": ("email", 254),
}
"""Field → token of autofill and the most characters."""


def details_answer(details: BillingDetails, locale: LocaleCode) -> BillingDetailsAnswer:
    """The billing details as the contract writes them."""
    t = partial(say, locale)
    missing: list[FieldName] = [name for name in _FIELDS if name in details.missing]
    return {
        "company": details.company,
        "country": details.country,
        "street": details.street,
        "postal_code": details.postal_code,
        "city": details.city,
        "region": details.region,
        "vat_id": details.vat_id,
        "vat_check": details.vat_check,
        "registration_number": details.registration_number,
        "purchase_order": details.purchase_order,
        "invoice_email": details.invoice_email,
        "missing": missing,
        "title": t("details.title"),
        "text": t("details.text", country=country_name(locale, details.country)),
        "action": t("details.save"),
        "fields": [_field(details, name, locale) for name in _FIELDS],
    }


def _field(details: BillingDetails, name: FieldName, locale: LocaleCode) -> DetailField:
    autocomplete, most = _FIELDS[name]
    key = f"details.{name}.FR" if name == "registration_number" and details.country == "FR" else f"details.{name}"
    return {
        "name": name,
        "label": say(locale, key),
        "value": getattr(details, name) or "",
        "required": name == "company" or name in details.needed,
        "autocomplete": autocomplete,
        "type": "email" if name == "invoice_email" else "text",
        "max_length": most,
    }
