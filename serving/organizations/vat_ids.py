"""Check that a VAT id belongs to the organisation's country and has the right form and check digits.

The check does not ask whether the number is registered. Its result is stored with its instant.
"""

from datetime import date
from typing import Final

from recommender.billing.vat_rates import is_member
from serving.organizations.repository import VatCheck

_PREFIXES: Final = {"GR": ("EL", "GR"), "MC": ("FR",)}


def check(vat_id: str, *, country: str) -> VatCheck:
    """Check the VAT id of an organisation in this country."""
    from stdnum.eu import vat

    if country != "MC" and not is_member(country, on=date.max):
        return "not_in_eu"
    if vat_id[:2] not in _PREFIXES.get(country, (country,)):
        return "other_country"
    return "valid" if vat.is_valid("EL" + vat_id[2:] if country == "GR" else vat_id) else "not_valid"
