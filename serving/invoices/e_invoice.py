"""Electronic invoices by EN 16931: Cross Industry Invoice XML, checked by the official rules in this process.

Terms (BT-…, BG-…) are those of EN 16931. A document outside the scope of tax names no VAT id (BR-O-02), although its
printed form does, as French law requires. Where such lines meet taxed ones (a customer who has moved), BR-O-11 allows
no other category beside theirs: there they are exempt (E) for the same reason. Credit notes are type 381.
"""

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from data_contracts.invoices import Invoice, InvoiceLine, Party, TaxShare
from recommender.billing.money import decimal_places
from serving.words import invoices

PROFILE: Final = "urn:cen.eu:en16931:2017"
_TYPE: Final = {"invoice": "380", "credit_note": "381"}
_UNITS: Final = {
    "month": "MON",
    "quarter": "QAN",
    "halfyear": "SAN",
    "year": "ANN",
    "piece": "C62",
    "lump_sum": "LS",
}
_MEANS: Final = {"card": "48", "sepa": "59", "bank_transfer": "58", None: "58"}
_EXEMPTIONS: Final = {"reverse_charge": "VATEX-EU-AE", "outside_eu": "VATEX-EU-O", "french_territory": "VATEX-EU-O"}
_SIREN: Final = "0002"
"""ISO 6523 code of company numbers in the French register."""
_FRENCH_ADDRESS, _MAIL = "0225", "EM"
"""Schemes of electronic addresses: the directory of the French mandate, by SIREN; else an address for mails."""


class NotConformant(ValueError):
    """The XML breaks rules of the standard, listed in `rules`."""

    def __init__(self, rules: tuple[str, ...]) -> None:
        super().__init__("; ".join(rules))
        self.rules = rules


def xml_of(invoice: Invoice) -> bytes:
    """Make the XML and check it against the schema and every rule of EN 16931; raises `NotConformant`."""
    from facturx.generate_xml import generate_xml

    if decimal_places(invoice.currency) > 2:
        raise NotConformant((f"EN 16931 has no place for the decimals of {invoice.currency}",))
    try:
        made = generate_xml(terms(invoice), flavor="factur-x", level="en16931", check_schematron=False)
    except Exception as error:  # the library raises bare exceptions for the findings of its schema check
        raise NotConformant((str(error),)) from error
    xml = made if isinstance(made, bytes) else str(made).encode()
    if broken := broken_rules(xml):
        raise NotConformant(broken)
    return xml


def broken_rules(xml: bytes) -> tuple[str, ...]:
    """The rules that the XML breaks, by the official schematron of EN 16931, run in this process."""
    processor, stylesheet = _schematron()
    report = stylesheet.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
    failed = ET.fromstring(report).iter("{http://purl.oclc.org/dsdl/svrl}failed-assert")  # noqa: S314  the processor's own
    return tuple(f"{each.get('id')}: {' '.join(''.join(each.itertext()).split())}" for each in failed)


def terms(invoice: Invoice) -> dict[str, Any]:
    """The content of the document by the terms of the standard."""
    taxed = any(share.category != "O" for share in invoice.tax)
    shares = _breakdown(invoice)
    return {
        "BT-1": invoice.number,
        "BT-2": invoice.issued_on,
        "BT-3": _TYPE[invoice.kind],
        "BT-5": invoice.currency,
        "BT-9": invoice.payment.due_on,
        "BT-13": invoice.buyer.purchase_order,
        "BT-20": invoices.payment(invoice, invoice.locale),
        "BT-23": _process(invoice),
        "BT-24": PROFILE,
        "BT-72": invoice.supplied_on,
        "BT-73": min(_days(invoice, line)[0] for line in invoice.lines),
        "BT-74": max(_days(invoice, line)[1] for line in invoice.lines),
        "BG-1": [{"BT-21": code, "BT-22": text} for code, text in invoices.terms(invoice, invoice.locale).items()],
        "BG-3": []
        if invoice.refers_to is None
        else [{"BT-25": invoice.refers_to.number, "BT-26": invoice.refers_to.issued_on}],
        "BG-4": {
            **_party(invoice.seller, taxed=taxed),
            "legal_info": f"{invoice.seller.legal_form}, {invoice.seller.register_entry}",
            "contacts": [{"name": invoice.seller.name, "phone": invoice.seller.phone, "email": invoice.seller.email}],
        },
        "BG-7": _party(invoice.buyer, taxed=taxed),
        **_means(invoice),
        "BG-23": [_share(invoice, *share) for share in shares.items()],
        "BG-25": [_line(invoice, line) for line in invoice.lines],
        "BT-106": _money(invoice, invoice.net_cents),
        "BT-109": _money(invoice, invoice.net_cents),
        "BT-110": _money(invoice, invoice.tax_cents),
        "BT-112": _money(invoice, invoice.total_cents),
        "BT-113": _money(invoice, invoice.payment.paid_cents - invoice.payment.carried_cents),
        "BT-114": _money(invoice, invoice.payment.rounding_cents) if invoice.payment.rounding_cents else None,
        "BT-115": _money(invoice, invoice.due_cents),
    }


def _means(invoice: Invoice) -> dict[str, Any]:
    code = _MEANS[invoice.payment.method]
    if code == "59":  # direct debit
        return {"BT-81": code, "BT-89": invoice.payment.mandate, "BT-90": invoice.payment.creditor_id}
    if code != "58":
        return {"BT-81": code}
    seller = invoice.seller
    return {"BT-81": code, "BT-83": invoice.number, "BT-84": seller.iban, "BT-85": seller.name, "BT-86": seller.bic}


def _process(invoice: Invoice) -> str:
    """The business process by the French mandate: services, S2 where the invoice is paid already, else S1."""
    return "S2" if invoice.kind == "invoice" and not invoice.due_cents else "S1"


def _electronic_address(party: Party) -> dict[str, Any]:
    """Where the party receives documents (BT-34, BT-49)."""
    if party.country == "FR" and party.company_id:
        return {"einvoicing_addr": party.company_id, "einvoicing_addr_schemeid": _FRENCH_ADDRESS}
    return {"einvoicing_addr": party.email, "einvoicing_addr_schemeid": _MAIL} if party.email else {}


def _party(party: Party, *, taxed: bool) -> dict[str, Any]:
    return {
        **_electronic_address(party),
        "name": party.name,
        "addr_l1": party.street,
        "postcode": party.postal_code,
        "city": party.city,
        "country_subdivision": party.region,
        "country_code": party.country,
        "vat_identifier": party.vat_id if taxed else None,
        "legal_identifier": party.company_id,
        "legal_identifier_schemeid": _SIREN if party.company_id and party.country == "FR" else None,
    }


Rate = tuple[str, str | None]
"""Category and rate: what the standard has one entry of the breakdown for."""


def _breakdown(invoice: Invoice) -> dict[Rate, list[TaxShare]]:
    """The shares of each entry; the same rate of two countries, or two reasons for none, are one."""
    entries: dict[Rate, list[TaxShare]] = {}
    for share in invoice.tax:
        entries.setdefault(_rate(invoice, share.category, share.rate_percent), []).append(share)
    return entries


def _rate(invoice: Invoice, category: str, percent: Decimal) -> Rate:
    if category == "O" and any(share.category != "O" for share in invoice.tax):
        category = "E"
    return category, None if category == "O" else f"{percent:f}"


def _share(invoice: Invoice, rate: Rate, shares: list[TaxShare]) -> dict[str, Any]:
    category, percent = rate
    reasons = dict.fromkeys(share.reason for share in shares if share.reason is not None)
    code = _EXEMPTIONS.get(next(iter(reasons), ""))
    return {
        "BT-116": _money(invoice, sum(share.base_cents for share in shares)),
        "BT-117": _money(invoice, sum(share.amount_cents for share in shares)),
        "BT-118": category,
        "BT-119": percent,
        "BT-120": " ".join(invoices.tax_reason(reason, invoice.locale) for reason in reasons) or None,
        "BT-121": code if category in {"AE", "O"} else None,
    }


def _line(invoice: Invoice, line: InvoiceLine) -> dict[str, Any]:
    share = invoice.tax[0]
    percent = share.rate_percent if line.tax_rate_percent is None else line.tax_rate_percent
    rate = _rate(invoice, line.tax_category or share.category, percent)
    first, last = _days(invoice, line)
    spans_time = line.period.start < line.period.end
    return {
        "BT-126": str(line.position),
        "BT-129": f"{line.quantity:f}",
        "BT-130": _UNITS[line.unit],
        "BT-131": _money(invoice, line.amount_cents),
        "BT-134": first if spans_time else None,
        "BT-135": last if spans_time else None,
        "BT-146": f"{line.unit_price_cents.scaleb(-decimal_places(invoice.currency)):f}",
        "BT-151": rate[0],
        "BT-152": rate[1],
        "BT-153": invoices.line_text(line, invoice.locale),
        "BT-155": line.plan,
    }


def _days(invoice: Invoice, line: InvoiceLine) -> tuple[date, date]:
    """The first and the last day of a line, in the customer's time zone."""
    zone = ZoneInfo(invoice.timezone)
    last = max(line.period.start, line.period.end - timedelta(microseconds=1))
    return line.period.start.astimezone(zone).date(), last.astimezone(zone).date()


def _money(invoice: Invoice, cents: int) -> str:
    return f"{Decimal(cents).scaleb(-decimal_places(invoice.currency)):f}"


@cache
def _schematron() -> tuple[Any, Any]:
    """The XSLT processor and the compiled rules; compiling takes a third of a second, so it is done once."""
    import facturx
    from saxonche import PySaxonProcessor

    rules = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
    processor = PySaxonProcessor(license=False)
    return processor, processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(rules))
