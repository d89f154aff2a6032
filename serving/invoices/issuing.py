"""Issue the document of a charge, in the transaction of the charge, so that no number is lost or used twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from data_contracts.invoices import DocumentKind, Invoice, InvoiceLine, Party, Payment, Reference, TaxShare
from recommender.billing.catalogue import Plan
from recommender.billing.invoice import Document, document_of
from recommender.billing.payment_methods import MethodKind
from recommender.billing.proration import Line
from recommender.billing.tax import TaxLine, day_of
from serving.invoices import repository
from serving.notifications import repository as notifications
from serving.organizations.billing_details import details_of
from serving.organizations.repository import OrganizationRow
from serving.settings import SellerSettings
from serving.words.locales import DEFAULT_LOCALE, supported

ReturnedBy = Literal["refund", "transfer", "invoice"]
"""How a credit note reaches the customer, as `data_contracts.invoices.Payment` has it."""
_PREFIX: Mapping[DocumentKind, str] = {"invoice": "INV", "credit_note": "CRN"}


@dataclass(frozen=True, slots=True)
class Issuer:
    """The seller who issues documents, and the names of plans on their lines."""

    seller: SellerSettings = field(default_factory=SellerSettings)
    plan_names: Mapping[str, str] = field(default_factory=dict)
    """Plan → name, for plans on sale and plans that subscriptions still hold."""

    def knowing(self, *plans: Plan | None) -> "Issuer":
        """The same issuer with the names of further plans, as they were sold."""
        return replace(self, plan_names={**self.plan_names, **{plan.code: plan.name for plan in plans if plan}})


@dataclass(frozen=True, slots=True)
class Supply:
    """The supply that a document is about: the lines of one charge, their tax, and how they are paid."""

    charge_id: str
    lines: tuple[Line, ...]
    tax: tuple[TaxLine, ...]
    currency: str
    occurred_at: datetime
    paid: bool
    paid_by: MethodKind | None
    """The kind of payment method that has paid or is to pay; `None`: there is none yet."""
    mandate: str | None = None
    """The reference of the mandate by which an account is debited."""
    buyer: Party | None = None
    """The customer as it was when the tax was decided; `None`: as it is recorded now."""
    applied_cents: int = 0
    """What money that is owed back pays of an unpaid supply as soon as it is issued."""


def issue(
    connection: Connection, issuer: Issuer, organization: OrganizationRow, supply: Supply, *, now: datetime
) -> str:
    """Issue the document of a charge; returns its number. Raises `IntegrityError` when the charge has a document."""
    document = document_of(supply.lines, tax=supply.tax, plan_names=issuer.plan_names)
    issued_on = day_of(now)
    series = f"{_PREFIX[document.kind]}-{issued_on.year}"
    position = repository.next_position(connection, series)
    invoice = Invoice(
        number=f"{series}-{position:06}",
        kind=document.kind,
        organization_id=organization.organization_id,
        issued_on=issued_on,
        supplied_on=day_of(supply.occurred_at),
        locale=supported(organization.locale) or DEFAULT_LOCALE,
        timezone=organization.timezone,
        currency=supply.currency,
        seller=issuer.seller.on_invoice(),
        buyer=_taxed_under(_addressed(connection, organization, supply), supply.lines),
        refers_to=_reference(connection, organization.organization_id, document),
        lines=document.lines,
        tax=document.tax,
        net_cents=document.net_cents,
        tax_cents=document.tax_cents,
        total_cents=document.total_cents,
        payment=_payment(issuer.seller, supply, document, issued_on),
    )
    repository.add(connection, invoice, series=series, position=position, charge_id=supply.charge_id, now=now)
    notifications.record(
        connection,
        organization_id=invoice.organization_id,
        kind="invoice_issued",
        about=invoice.number,
        payload={"number": invoice.number},
        now=now,
    )
    return invoice.number


def issue_credit_note(
    connection: Connection,
    issuer: Issuer,
    organization: OrganizationRow,
    original: Invoice,
    *,
    lines: tuple[InvoiceLine, ...],
    tax: tuple[TaxShare, ...],
    charge_id: str,
    returned_by: ReturnedBy,
    now: datetime,
) -> Invoice:
    """Issue a credit note over lines of an invoice, to the buyer and with the tax of the invoice."""
    issued_on = day_of(now)
    series = f"{_PREFIX['credit_note']}-{issued_on.year}"
    position = repository.next_position(connection, series)
    net, tax_cents = sum(line.amount_cents for line in lines), sum(share.amount_cents for share in tax)
    note = original.model_copy(
        update={
            "number": f"{series}-{position:06}",
            "kind": "credit_note",
            "issued_on": issued_on,
            "locale": supported(organization.locale) or DEFAULT_LOCALE,
            "seller": issuer.seller.on_invoice(),
            "refers_to": Reference(number=original.number, issued_on=original.issued_on),
            "lines": lines,
            "tax": tax,
            "net_cents": net,
            "tax_cents": tax_cents,
            "total_cents": net + tax_cents,
            "payment": Payment(
                method=original.payment.method, paid_cents=net + tax_cents, due_on=None, returned_by=returned_by
            ),
        }
    )
    note = Invoice.model_validate(note.model_dump())
    repository.add(connection, note, series=series, position=position, charge_id=charge_id, now=now)
    notifications.record(
        connection,
        organization_id=note.organization_id,
        kind="invoice_issued",
        about=note.number,
        payload={"number": note.number},
        now=now,
    )
    return note


def buyer_on_invoice(organization: OrganizationRow) -> Party:
    """The customer as documents name it, as it is recorded now."""
    details = details_of(organization)
    return Party(
        name=details.company,
        street=details.street,
        postal_code=details.postal_code,
        city=details.city,
        region=details.region,
        country=details.country,
        vat_id=details.valid_vat_id,
        company_id=details.company_number,
        email=details.invoice_email,
        purchase_order=details.purchase_order,
    )


def _addressed(connection: Connection, organization: OrganizationRow, supply: Supply) -> Party:
    """The customer; one whose address is no longer told keeps that of its newest document, in the same country."""
    buyer = supply.buyer or buyer_on_invoice(organization)
    newest = [] if buyer.street else repository.kept_of(connection, organization.organization_id, limit=1)
    known = next((kept.invoice.buyer for kept in newest if kept.invoice.buyer.country == buyer.country), None)
    if known is None:
        return buyer
    return buyer.model_copy(update={part: getattr(known, part) for part in ("street", "postal_code", "city", "region")})


def _taxed_under(buyer: Party, lines: Iterable[Line]) -> Party:
    """The customer with the VAT id that a line was taxed under; a credit may be older than the id recorded now."""
    ids = (line.taxed.buyer_vat_id for line in lines if line.taxed is not None and line.taxed.buyer_vat_id)
    return buyer.model_copy(update={"vat_id": next(ids, buyer.vat_id)})


def _reference(connection: Connection, organization_id: str, document: Document) -> Reference | None:
    """The invoice that a credit note refers to: the last one that charged the plan whose time is credited."""
    if document.kind == "invoice":
        return None
    returned = {line.plan for line in document.lines if line.kind == "unused_time"}
    earlier = [each for each in repository.all_of(connection, organization_id) if each.kind == "invoice"]
    charged = [each for each in earlier if any(line.plan in returned and line.amount_cents > 0 for line in each.lines)]
    found = next(iter((*charged, *earlier)), None)
    return None if found is None else Reference(number=found.number, issued_on=found.issued_on)


def _payment(seller: SellerSettings, supply: Supply, document: Document, issued_on: date) -> Payment:
    """Whether the document is paid, or when it is due; a credit note is settled by the credit balance."""
    kind, balance, rounding, carried = (
        supply.paid_by,
        document.balance_cents,
        document.rounding_cents,
        document.carried_cents,
    )
    whole, paid, due_on = document.total_cents + rounding + carried, balance + supply.applied_cents, None
    if supply.paid or document.kind == "credit_note":
        paid = whole
    elif not supply.applied_cents or paid < whole:
        due_on = issued_on + timedelta(days=seller.payment_days if kind in {None, "bank_transfer"} else 0)
    return Payment(
        method=kind,
        paid_cents=paid,
        balance_cents=balance,
        rounding_cents=rounding,
        carried_cents=carried,
        due_on=due_on,
        mandate=supply.mandate,
        creditor_id=None if supply.mandate is None else seller.creditor_id,
    )
