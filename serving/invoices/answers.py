"""Invoices and credit notes as the contract writes them."""

from data_contracts.invoices import Invoice
from serving.invoices.contracts import InvoiceAnswer, InvoiceLineText, InvoiceSummary, Links
from serving.invoices.repository import Kept
from serving.web.fields import utc_text
from serving.words import invoices
from serving.words.locales import LocaleCode
from serving.words.texts import say


def summary(kept: Kept, locale: LocaleCode) -> InvoiceSummary:
    """A document as an entry of the list."""
    invoice = kept.invoice
    return {
        "number": invoice.number,
        "kind": invoice.kind,
        "status": _status(kept),
        "status_text": say(locale, f"billing.status.{_settled(kept)}"),
        "issued_on": invoice.issued_on.isoformat(),
        "issued_on_text": invoices.issued_on(invoice, locale),
        "period": {
            "start": utc_text(min(line.period.start for line in invoice.lines)),
            "end": utc_text(max(line.period.end for line in invoice.lines)),
        },
        "currency": invoice.currency,
        "net_cents": invoice.net_cents,
        "tax_cents": invoice.tax_cents,
        "total_cents": invoice.total_cents,
        "total_text": invoices.total(invoice, locale),
        "open_cents": kept.open_cents,
        "paid_at": None if kept.paid_at is None else utc_text(kept.paid_at),
        "due_on": None if invoice.payment.due_on is None else invoice.payment.due_on.isoformat(),
        "refers_to": None if invoice.refers_to is None else invoice.refers_to.number,
        "links": links(invoice),
    }


def _status(kept: Kept) -> str:
    if kept.invoice.kind == "credit_note":
        return "credited"
    return "carried" if kept.invoice.payment.carried_cents < 0 else kept.settled


def _settled(kept: Kept) -> str:
    """How the document stands: of an invoice that nobody paid in full, what took the rest off it."""
    status, paid = _status(kept), kept.settled_by & {"payment", "applied"}
    other = kept.settled_by & {"payment", "applied", "credit_note"}
    if status != "paid":
        return status
    for instead in ("carried", "write_off"):
        if instead in kept.settled_by:
            return f"part_{instead}" if other else f"whole_{instead}"
    return "whole_credit_note" if "credit_note" in kept.settled_by and not paid else status


def full(kept: Kept, locale: LocaleCode) -> InvoiceAnswer:
    """A document with all of its content."""
    invoice = kept.invoice
    return {
        **summary(kept, locale),
        "supplied_on": invoice.supplied_on.isoformat(),
        "reference": invoice.refers_to,
        "seller": invoice.seller,
        "buyer": invoice.buyer,
        "lines": [_line(invoice, position, locale) for position in range(len(invoice.lines))],
        "tax": [
            {
                "category": share.category,
                "rate_percent": f"{share.rate_percent:f}",
                "base_cents": share.base_cents,
                "amount_cents": share.amount_cents,
                "reason": None if share.reason is None else invoices.tax_reason(share.reason, locale),
                "country": share.country,
            }
            for share in invoice.tax
        ],
        "payment": {
            "method": invoice.payment.method,
            "paid_cents": invoice.payment.paid_cents,
            "balance_cents": invoice.payment.balance_cents,
            "rounding_cents": invoice.payment.rounding_cents,
            "carried_cents": invoice.payment.carried_cents,
            "due_cents": invoice.due_cents,
            "text": invoices.payment(invoice, locale),
        },
        "notes": invoices.notes(invoice, locale),
    }


def links(invoice: Invoice) -> Links:
    """The addresses of a document."""
    address = f"/v1/organizations/{invoice.organization_id}/invoices/{invoice.number}"
    return {"self": address, "pdf": f"{address}.pdf", "html": f"{address}.html", "xml": f"{address}.xml"}


def _line(invoice: Invoice, index: int, locale: LocaleCode) -> InvoiceLineText:
    line, one = invoice.lines[index], invoice.tax[0]
    percent = one.rate_percent if line.tax_rate_percent is None else line.tax_rate_percent
    reason = one.reason if line.tax_category is None else line.tax_reason
    alone = one.country if len({share.country for share in invoice.tax}) == 1 else None
    return {
        "position": line.position,
        "kind": line.kind,
        "plan": line.plan,
        "plan_name": line.plan_name,
        "period": {"start": utc_text(line.period.start), "end": utc_text(line.period.end)},
        "quantity": f"{line.quantity:f}",
        "unit": line.unit,
        "unit_price_cents": f"{line.unit_price_cents:f}",
        "amount_cents": line.amount_cents,
        "metric": line.metric,
        "late": line.late,
        "tax_category": line.tax_category or one.category,
        "tax_rate_percent": f"{percent:f}",
        "tax_reason": None if reason is None else invoices.tax_reason(reason, locale),
        "tax_country": line.tax_country or alone,
        "text": invoices.line_text(line, locale),
    }
