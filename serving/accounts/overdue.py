"""Overdue amounts in words: the invoice, its date, the amount, and the button that pays it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from serving.invoices import repository as invoices
from serving.organizations.repository import OrganizationRow
from serving.payments import charges
from serving.words.invoices import calendar_day, spaced
from serving.words.plans import Words
from serving.words.texts import money, say


@dataclass(frozen=True, slots=True)
class Overdue:
    """The overdue charges of one organisation."""

    text: str
    pay: str | None
    """The label of a button that pays them all; `None` where the customer has to send a transfer."""


def overdue(connection: Connection, organization: OrganizationRow, words: Words) -> Overdue | None:
    """The overdue amount in words; `None` if nothing is overdue."""
    owed = charges.in_arrears(connection, organization.organization_id)
    if not owed:
        return None
    locale, first = words.locale, owed[0]
    total = money(locale, sum(charge.open_cents for charge in owed), first.currency, decimals=True)
    transfer = all(charge.failure_code == "bank_transfer_overdue" for charge in owed)
    pay = None if transfer else say(locale, "billing.pay_now", amount=total)
    number = invoices.number_of_charge(connection, first.charge_id)
    if number is None:
        return Overdue("", pay)
    invoice = invoices.kept(connection, organization.organization_id, number).invoice
    key = "notice.overdue" if len(owed) == 1 else "notice.overdue.more"
    date = calendar_day(locale, invoice.payment.due_on or invoice.issued_on)
    text = say(locale, key, number=number, date=date, amount=total)
    if transfer:
        seller = invoice.seller
        text += " " + say(locale, "notice.overdue.transfer", iban=spaced(seller.iban), bic=seller.bic, number=number)
    return Overdue(text, pay)
