"""Invoices and credit notes in words, the same for PDF, web page and JSON."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from babel.numbers import format_decimal

from data_contracts.invoices import Invoice, InvoiceLine, TaxReason
from serving.words.locales import LocaleCode
from serving.words.numbers_sold import with_number
from serving.words.texts import country_name, day, exact_money, known, long_date, money, number, say


def heading(invoice: Invoice, locale: LocaleCode) -> str:
    """The kind of the document in words, such as "Rechnung" or "Facture d'avoir"."""
    return say(locale, f"invoice.kind.{invoice.kind}")


def amount(locale: LocaleCode, cents: int, currency: str) -> str:
    """An amount with all decimals of its currency."""
    return money(locale, cents, currency, decimals=True)


def unit_price(locale: LocaleCode, cents: Decimal, currency: str) -> str:
    """The price of one unit; it may have more decimals than the currency."""
    return exact_money(locale, cents, currency)


def quantity(locale: LocaleCode, line: InvoiceLine) -> str:
    """The quantity of a line."""
    return format_decimal(line.quantity, format="#,##0.##########", locale=locale)


def calendar_day(locale: LocaleCode, when: date) -> str:
    """A date in long form ("25. November 2026")."""
    return long_date(locale, when)


def line_text(line: InvoiceLine, locale: LocaleCode) -> str:
    """The text of a line."""
    late = ".late" if line.late else ""
    metric = f"metric.{line.metric}.within"
    return say(
        locale,
        f"invoice.line.{line.kind}{late}",
        plan=with_number(locale, line.plan_name, line.per, line.count),
        metric=say(locale, metric) if line.metric and known(locale, metric) else line.metric or "",
        units=number(locale, int(line.quantity)),
    )


def line_period(invoice: Invoice, line: InvoiceLine, locale: LocaleCode) -> str:
    """First and last day of a line's period, both included; empty for a period without length."""
    if line.period.start == line.period.end:
        return ""
    first = day(locale, line.period.start, invoice.timezone)
    last = day(locale, line.period.end - timedelta(microseconds=1), invoice.timezone)
    return first if first == last else f"{first} – {last}"


def rate(invoice: Invoice, percent: Decimal, country: str | None, locale: LocaleCode) -> str:
    """The tax rate in percent; where the taxes of several countries stand on the document, with its country."""
    text = say(locale, "invoice.percent", rate=format_decimal(percent, format="0.##", locale=locale))
    several = len({share.country for share in invoice.tax}) > 1
    return f"{text} ({country_name(locale, country)})" if several and country is not None else text


def line_rate(invoice: Invoice, line: InvoiceLine, locale: LocaleCode) -> str:
    """The tax rate of a line; empty where the document has one rate, which stands with the totals."""
    if len(invoice.tax) == 1 or line.tax_rate_percent is None:
        return ""
    return say(locale, "invoice.line.rate", rate=rate(invoice, line.tax_rate_percent, line.tax_country, locale))


def notes(invoice: Invoice, locale: LocaleCode) -> list[str]:
    """The notes of the document: reasons for untaxed amounts, payment, and terms required by law."""
    reasons = dict.fromkeys(share.reason for share in invoice.tax if share.reason is not None)
    return [
        *(tax_reason(reason, locale) for reason in reasons),
        payment(invoice, locale),
        *terms(invoice, locale).values(),
    ]


def tax_reason(reason: TaxReason, locale: LocaleCode) -> str:
    """The statement required by law where no tax is charged."""
    return say(locale, f"invoice.tax.{reason}")


def payment(invoice: Invoice, locale: LocaleCode) -> str:
    """How the document is or was paid."""
    if invoice.kind == "credit_note" and invoice.payment.returned_by is not None:
        number = "" if invoice.refers_to is None else invoice.refers_to.number
        return say(locale, f"invoice.payment.returned.{invoice.payment.returned_by}", number=number)
    if invoice.kind == "credit_note":
        return say(locale, "invoice.payment.credited")
    if invoice.payment.carried_cents < 0:
        cents = -invoice.payment.carried_cents
        return say(locale, "invoice.payment.carried", amount=amount(locale, cents, invoice.currency))
    if not invoice.due_cents:
        return say(locale, "invoice.payment.paid" if invoice.total_cents else "invoice.payment.nothing")
    return _to_pay(invoice, locale)


def _to_pay(invoice: Invoice, locale: LocaleCode) -> str:
    """How and when what is due is paid; before a debit with its mandate, as SEPA asks."""
    due_on = invoice.payment.due_on or invoice.issued_on
    if invoice.payment.method in {None, "bank_transfer"}:
        return say(
            locale,
            "invoice.payment.transfer",
            date=calendar_day(locale, due_on),
            number=invoice.number,
            iban=spaced(invoice.seller.iban),
            bic=invoice.seller.bic,
        )
    text = say(locale, f"invoice.payment.{invoice.payment.method}", date=calendar_day(locale, due_on))
    mandate, creditor = invoice.payment.mandate, invoice.payment.creditor_id
    if mandate is None or creditor is None:
        return text
    return f"{text} {say(locale, 'invoice.payment.mandate', mandate=mandate, creditor=creditor)}"


def spaced(iban: str) -> str:
    """An IBAN in groups of four characters."""
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def address(lines: Iterable[str | None]) -> list[str]:
    """The lines that there are."""
    return [line for line in lines if line]


def terms(invoice: Invoice, locale: LocaleCode) -> dict[str, str]:
    """The terms on late payment that French law requires, by subject code of UNTDID 4451."""
    if invoice.kind == "credit_note":
        return {}
    return {code: say(locale, f"invoice.terms.{code}") for code in ("PMD", "PMT", "AAB")}


def issued_on(invoice: Invoice, locale: LocaleCode) -> str:
    """The date of a document in words."""
    return calendar_day(locale, invoice.issued_on)


def total(invoice: Invoice, locale: LocaleCode) -> str:
    """The total of a document in words."""
    return amount(locale, invoice.total_cents, invoice.currency)
