"""The content of mails: subject, paragraphs and one link in the organisation's language, as text and as HTML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from babel.dates import format_skeleton

from data_contracts.invoices import Invoice
from serving.notifications.repository import Kind, Notification
from serving.organizations.repository import OrganizationRow
from serving.web.templates import templates_in
from serving.words import invoices
from serving.words.plans import Words
from serving.words.texts import day, known, money, say

_TEMPLATES: Final = templates_in(Path(__file__).parent / "templates")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as its reader sees it."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class MailContext:
    """The content of a mail: its notification, its reader, and the words and documents that it needs."""

    notification: Notification
    organization: OrganizationRow
    words: Words
    invoice: Invoice | None

    def say(self, part: str, /, **params: object) -> str:
        """A text of this kind of mail, or one that all mails share (`mail.…`)."""
        key = f"mail.{self.notification.kind}.{part}"
        return say(self.words.locale, key if known(self.words.locale, key) else f"mail.{part}", **params)

    def day(self, field: str) -> str:
        """A day in the payload, in the organisation's time zone."""
        instant = datetime.fromisoformat(self.notification.payload[field])
        return day(self.words.locale, instant, self.organization.timezone)

    @property
    def amount(self) -> str:
        """The amount in the payload."""
        payload = self.notification.payload
        return money(self.words.locale, payload["amount_cents"], payload["currency"])

    @property
    def plan(self) -> str:
        """The plan in the payload, by the name under which it was sold."""
        return str(self.notification.payload["plan_name"])


SUBJECT: Final = "_subject"
"""The parameter that names another subject than the usual one."""
NOBODY_TRIES: Final = frozenset(
    {
        "payment_method_missing",
        "payment_method_not_usable",
        "sepa_outside_eu",
        "bank_transfer_not_enterprise",
        "payment_disputed",
        "payment_returned",
        "taken_back",
    }
)
"""Failure codes after which nothing is collected before there is another method, so no mail promises it."""
MailText = tuple[Mapping[str, object], list[str]]
"""The parameters of the subject, and the paragraphs."""


def letter(context: MailContext, *, seller: str, links: Mapping[str, str]) -> Letter:
    """Write the mail about a notification; `links` maps names of the host's pages to addresses."""
    params, paragraphs = _CONTENT_OF[context.notification.kind](context)
    page = "plans" if context.notification.kind in _ABOUT_PLANS else "billing"
    content = {
        "locale": context.words.locale,
        "subject": context.say(str(params.get(SUBJECT, "subject")), **params),
        "greeting": context.say("greeting"),
        "paragraphs": paragraphs,
        "link": links.get(page),
        "link_text": context.say(f"link.{page}"),
        "regards": context.say("regards", seller=seller),
        "why": context.say("why", organization=context.organization.name),
    }
    text, html = (_TEMPLATES.get_template(f"mail.{kind}").render(content) for kind in ("txt", "html"))
    return Letter(str(content["subject"]), text, html)


def _change_applied(mail: MailContext) -> MailText:
    params = {"plan": mail.plan, "date": mail.day("effective_at")}
    return params, [mail.say("text", **params)]


def _about_day(mail: MailContext) -> MailText:
    params = {"date": mail.day("effective_at")}
    return params, [mail.say("text", **params)]


def _change_scheduled(mail: MailContext) -> MailText:
    params = {"plan": mail.plan, "date": mail.day("effective_at")}
    return params, [say(mail.words.locale, "receipt.scheduled.text", **params), mail.say("text")]


def _change_refused(mail: MailContext) -> MailText:
    paragraphs = [mail.say("text", plan=mail.plan, date=mail.day("effective_at"))]
    if (code := mail.notification.payload.get("failure_code")) is not None:
        return {"plan": mail.plan}, [*paragraphs, _why_not_paid(mail, str(code))]
    for record in mail.notification.payload["blockers"]:
        blocker = mail.words.blocker(record)
        paragraphs.append(f"{blocker['message']} {blocker['remedy']}")
    return {"plan": mail.plan}, paragraphs


def _version_announced(mail: MailContext) -> MailText:
    params, payload = {"plan": mail.plan, "date": mail.day("effective_at")}, mail.notification.payload
    return params, [*payload["told"], mail.say("text", **params)]


def _payment_failed(mail: MailContext) -> MailText:
    payload, next_attempt_at = mail.notification.payload, mail.notification.payload["next_attempt_at"]
    code, number = str(payload["failure_code"]), str(payload.get("number") or "")
    params = {"amount": mail.amount, "number": number}
    if code == "bank_transfer_overdue" and mail.invoice is not None:
        seller = mail.invoice.seller
        account = {"iban": invoices.spaced(seller.iban), "bic": seller.bic}
        then = "no_more" if next_attempt_at is None else "again"
        date = "" if next_attempt_at is None else mail.day("next_attempt_at")
        outlook = mail.say(f"transfer.{then}", date=date)
        return {**params, SUBJECT: "transfer.subject"}, [mail.say("transfer.text", **params, **account), outlook]
    if code in NOBODY_TRIES:
        outlook = mail.say("no_method")
    else:
        outlook = (
            mail.say("no_more") if next_attempt_at is None else mail.say("again", date=mail.day("next_attempt_at"))
        )
    about = [mail.say("invoice", **params)] if number else []
    return params, [mail.say("text", **params), *about, _why_not_paid(mail, code), outlook]


def _why_not_paid(mail: MailContext, code: str) -> str:
    locale = mail.words.locale
    if not known(locale, f"problem.{code}.title") or not known(locale, f"remedy.{code}"):
        code = "payment_failed"
    return f"{say(locale, f'problem.{code}.title')}. {say(locale, f'remedy.{code}')}"


def _about_money(mail: MailContext) -> MailText:
    payload = mail.notification.payload
    params = {"amount": mail.amount, "number": payload.get("number") or "–"}
    if "open_cents" in payload:
        params["open"] = money(mail.words.locale, payload["open_cents"], payload["currency"])
    return params, [mail.say("text", **params)]


def _taken_back(mail: MailContext) -> MailText:
    params, text = _about_money(mail)
    return params, [*text, mail.say(str(mail.notification.payload["reason"]), date=mail.day("again_at"))]


def _to_operator(mail: MailContext) -> MailText:
    number = mail.notification.payload.get("number") or "–"
    subject = say(
        mail.words.locale, f"mail.{mail.notification.payload['kind']}.subject", amount=mail.amount, number=number
    )
    params = {"organization": mail.organization.name, "what": subject, "number": number}
    return params, [mail.say("text", **params)]


def _card_expiring(mail: MailContext) -> MailText:
    payload = mail.notification.payload
    card = f"{str(payload['brand'] or say(mail.words.locale, 'modal.pay.card')).capitalize()} •••• {payload['last4']}"
    month = format_skeleton("yMMMM", date.fromisoformat(f"{payload['expires']}-01"), locale=mail.words.locale)
    return {"card": card}, [mail.say("text", card=card, month=month), mail.say("then")]


def _invoice_issued(mail: MailContext) -> MailText:
    invoice = mail.invoice
    if invoice is None:
        raise LookupError(f"{mail.notification.payload['number']} is not among the documents")
    params = {"kind": invoices.heading(invoice, mail.words.locale), "number": invoice.number}
    total = money(mail.words.locale, invoice.total_cents, invoice.currency)
    return params, [mail.say("text", **params, total=total), invoices.payment(invoice, mail.words.locale)]


_CONTENT_OF: Final[Mapping[Kind, Callable[[MailContext], MailText]]] = {
    "change_applied": _change_applied,
    "change_scheduled": _change_scheduled,
    "change_refused": _change_refused,
    "version_announced": _version_announced,
    "version_moved": _change_applied,
    "version_withdrawn": _change_applied,
    "payment_failed": _payment_failed,
    "payment_recovered": _about_money,
    "payment_partial": _about_money,
    "money_owed_back": _about_money,
    "refund_failed": _about_money,
    "refund_failed_pays": _about_money,
    "payment_taken_back": _taken_back,
    "dispute_won": _about_money,
    "dispute_lost": _about_money,
    "refund_made": _about_money,
    "money_applied": _about_money,
    "debt_written_off": _about_money,
    "operator_notice": _to_operator,
    "subscription_suspended": _about_money,
    "trial_ending": _about_day,
    "trial_ended": _about_day,
    "trial_extended": _about_day,
    "subscription_cancelled": _change_applied,
    "cancellation_withdrawn": _change_applied,
    "subscription_ended": _change_applied,
    "subscription_paused": _change_applied,
    "subscription_resumed": _change_applied,
    "card_expiring": _card_expiring,
    "invoice_issued": _invoice_issued,
}
_ABOUT_PLANS: Final = frozenset(
    {
        "change_applied",
        "change_scheduled",
        "change_refused",
        "version_announced",
        "version_moved",
        "version_withdrawn",
        "trial_ending",
        "trial_ended",
        "trial_extended",
        "subscription_cancelled",
        "cancellation_withdrawn",
        "subscription_ended",
        "subscription_paused",
        "subscription_resumed",
    }
)
