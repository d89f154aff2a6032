"""Documents for people: a web page in each language of the service, and the PDF that is stored.

The PDF is PDF/A-3b, tagged, with the XML embedded as `factur-x.xml` (relationship: alternative).
"""

from functools import partial
from pathlib import Path
from typing import Any, Final

from typing_extensions import TypedDict

from data_contracts.invoices import Invoice, InvoiceLine, Party, Seller
from serving.invoices import e_invoice
from serving.invoices.repository import Files
from serving.web.logs import logger
from serving.web.templates import templates_in
from serving.words import invoices
from serving.words.locales import LocaleCode
from serving.words.texts import country_name, say

_FOLDER: Final = Path(__file__).parent / "templates"
_SHEET: Final = Path(__file__).parents[1] / "modal" / "static" / "invoice.css"
_TEMPLATES: Final = templates_in(_FOLDER)


def html(invoice: Invoice, locale: LocaleCode, *, for_print: bool = False) -> str:
    """The document as a page."""
    t = partial(say, locale)
    return _TEMPLATES.get_template("document.html").render(
        invoice=invoice,
        locale=locale,
        for_print=for_print,
        t=t,
        heading=invoices.heading(invoice, locale),
        buyer=_address(invoice.buyer, locale),
        seller_line=" · ".join([invoice.seller.name, *_address(invoice.seller, locale)[:-1]]),
        seller=_seller(invoice, locale),
        facts=_facts(invoice, locale),
        lines=[_line(invoice, line, locale) for line in invoice.lines],
        totals=_totals(invoice, locale),
        total_name=_total_name(invoice, locale),
        notes=invoices.notes(invoice, locale),
    )


def files(invoice: Invoice) -> Files:
    """Make PDF and XML of a document in the language in which it was issued.

    Where EN 16931 does not allow the document (a currency with three decimals), the XML is missing and logged.
    """
    try:
        xml = e_invoice.xml_of(invoice)
    except e_invoice.NotConformant as error:
        logger().error("e_invoice_not_conformant", number=invoice.number, rules=error.rules)
        return Files(_pdf(invoice), None)
    return Files(_with_xml(_pdf(invoice), xml, invoice), xml)


class PrintingUnavailable(Exception):
    """WeasyPrint, or a system library that it needs, is missing on this machine."""


def _pdf(invoice: Invoice) -> bytes:
    try:
        from weasyprint import CSS, HTML
    except (ImportError, OSError) as error:
        raise PrintingUnavailable from error

    page = HTML(string=html(invoice, invoice.locale, for_print=True), url_fetcher=_nothing)
    styles = [CSS(filename=_SHEET), CSS(filename=_FOLDER / "print.css")]
    made: bytes = page.write_pdf(stylesheets=styles, pdf_variant="pdf/a-3b", pdf_tags=True)
    return made


def _nothing(url: str) -> Any:
    """Refuse every address, so that no content of a document can load anything."""
    raise ValueError(f"an invoice loads nothing, and not {url}")


def _with_xml(pdf: bytes, xml: bytes, invoice: Invoice) -> bytes:
    from facturx import generate_from_binary

    made: bytes = generate_from_binary(
        pdf,
        xml,
        flavor="factur-x",
        level="en16931",
        check_xsd=False,  # it was checked when it was made
        check_schematron=False,
        lang=invoice.locale,
        afrelationship="alternative",
        pdf_metadata={
            "author": invoice.seller.name,
            "keywords": f"Factur-X, {invoices.heading(invoice, invoice.locale)}",
            "title": f"{invoice.seller.name}: {invoices.heading(invoice, invoice.locale)} {invoice.number}",
            "subject": f"{invoices.heading(invoice, invoice.locale)} {invoice.number}, {invoice.issued_on.isoformat()}",
        },
    )
    return made


def _facts(invoice: Invoice, locale: LocaleCode) -> list[tuple[str, str]]:
    t, day = partial(say, locale), partial(invoices.calendar_day, locale)
    facts = [
        (t("invoice.issued_on"), day(invoice.issued_on)),
        (t("invoice.supplied_on"), day(invoice.supplied_on)),
    ]
    if invoice.payment.due_on is not None:
        facts.append((t("invoice.due_on"), day(invoice.payment.due_on)))
    if invoice.refers_to is not None:
        earlier = {"number": invoice.refers_to.number, "date": day(invoice.refers_to.issued_on)}
        facts.append((t("invoice.refers_to"), t("invoice.refers_to.value", **earlier)))
    if invoice.buyer.purchase_order is not None:
        facts.append((t("invoice.purchase_order"), invoice.buyer.purchase_order))
    return [*facts, (t("invoice.customer_number"), invoice.organization_id)]


def _line(invoice: Invoice, line: InvoiceLine, locale: LocaleCode) -> dict[str, str]:
    about = (invoices.line_period(invoice, line, locale), invoices.line_rate(invoice, line, locale))
    return {
        "text": invoices.line_text(line, locale),
        "period": " · ".join(part for part in about if part),
        "quantity": invoices.quantity(locale, line),
        "unit": say(locale, f"invoice.unit.{line.unit}"),
        "unit_price": invoices.unit_price(locale, line.unit_price_cents, invoice.currency),
        "amount": invoices.amount(locale, line.amount_cents, invoice.currency),
    }


class _Total(TypedDict):
    """A line below the table of a document; the total itself is `strong`."""

    name: str
    amount: str
    strong: bool


def _totals(invoice: Invoice, locale: LocaleCode) -> list[_Total]:
    t, amount = partial(say, locale), partial(invoices.amount, locale, currency=invoice.currency)
    taxes: list[_Total] = [
        {
            "name": t(
                "invoice.tax",
                rate=invoices.rate(invoice, share.rate_percent, share.country, locale),
                base=amount(cents=share.base_cents),
            ),
            "amount": amount(cents=share.amount_cents),
            "strong": False,
        }
        for share in invoice.tax
    ]
    if len(taxes) > 1:
        taxes.append({"name": t("invoice.tax_total"), "amount": amount(cents=invoice.tax_cents), "strong": False})
    rows: list[_Total] = [
        {"name": t("invoice.net"), "amount": amount(cents=invoice.net_cents), "strong": False},
        *taxes,
        {"name": _total_name(invoice, locale), "amount": amount(cents=invoice.total_cents), "strong": True},
    ]
    carried = invoice.payment.carried_cents
    if carried:
        key = "invoice.carried.from" if carried > 0 or invoice.kind == "credit_note" else "invoice.carried.to"
        rows.append({"name": t(key), "amount": amount(cents=carried), "strong": False})
    if invoice.kind == "credit_note":
        return rows
    paid = {"invoice.rounding": -invoice.payment.rounding_cents, "invoice.balance": invoice.payment.balance_cents}
    paid["invoice.paid"] = invoice.payment.paid_cents - invoice.payment.balance_cents
    rows += [{"name": t(key), "amount": amount(cents=-cents), "strong": False} for key, cents in paid.items() if cents]
    return [*rows, {"name": t("invoice.due"), "amount": amount(cents=invoice.due_cents), "strong": True}]


def _total_name(invoice: Invoice, locale: LocaleCode) -> str:
    return say(locale, "invoice.total.credit_note" if invoice.kind == "credit_note" else "invoice.total")


def _address(party: Party, locale: LocaleCode) -> list[str]:
    register = "siren" if party.country == "FR" else "registration"
    place = " ".join(part for part in (party.postal_code, party.city) if part)
    ids = [
        say(locale, "invoice.vat_id", id=party.vat_id) if party.vat_id else None,
        say(locale, f"invoice.{register}", id=party.company_id) if party.company_id else None,
    ]
    lines = (party.street, place, party.region, country_name(locale, party.country))
    shown = lines if isinstance(party, Seller) else (*lines, *ids)
    return [line for line in shown if line]


def _seller(invoice: Invoice, locale: LocaleCode) -> list[str]:
    t, seller = partial(say, locale), invoice.seller
    ids = [t("invoice.siren", id=seller.company_id), t("invoice.vat_id", id=seller.vat_id)]
    return [
        " · ".join([seller.name, *_address(seller, locale)]),
        " · ".join([seller.legal_form, seller.register_entry, *ids]),
        " · ".join([seller.email, seller.phone, f"IBAN {invoices.spaced(seller.iban)}", f"BIC {seller.bic}"]),
        t("invoice.services"),
    ]
