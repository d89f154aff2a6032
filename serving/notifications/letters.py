"""What a mail says: subject, paragraphs and one link, in the language of the organisation; as text and as HTML."""

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
    """One mail as it is read."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a letter is about, and how its figures are spoken."""

    notification: Notification
    organization: OrganizationRow
    words: Words
    invoice: Invoice | None

    def say(self, part: str, /, **params: object) -> str:
        """A text of this kind of letter, or one that every letter has (`mail.…`)."""
        key = f"mail.{self.notification.kind}.{part}"
        return say(self.words.locale, key if known(self.words.locale, key) else f"mail.{part}", **params)

    def day(self, field: str) -> str:
        """A day named in the payload, where the organisation is."""
        instant = datetime.fromisoformat(self.notification.payload[field])
        return day(self.words.locale, instant, self.organization.timezone)

    @property
    def amount(self) -> str:
        """The money that it is about."""
        payload = self.notification.payload
        return money(self.words.locale, payload["amount_cents"], payload["currency"])

    @property
    def plan(self) -> str:
        """The plan that it is about, by the name under which it was sold."""
        return str(self.notification.payload["plan_name"])


Said = tuple[Mapping[str, object], list[str]]
"""What fills the subject, and the paragraphs."""


def letter(occasion: Occasion, *, seller: str, links: Mapping[str, str]) -> Letter:
    """The letter about a notification; `links` are the host's pages by name."""
    params, paragraphs = _SAYS[occasion.notification.kind](occasion)
    page = "plans" if occasion.notification.kind in _ABOUT_PLANS else "billing"
    content = {
        "locale": occasion.words.locale,
        "subject": occasion.say("subject", **params),
        "greeting": occasion.say("greeting"),
        "paragraphs": paragraphs,
        "link": links.get(page),
        "link_text": occasion.say(f"link.{page}"),
        "regards": occasion.say("regards", seller=seller),
        "why": occasion.say("why", organization=occasion.organization.name),
    }
    text, html = (_TEMPLATES.get_template(f"mail.{kind}").render(content) for kind in ("txt", "html"))
    return Letter(str(content["subject"]), text, html)


def _change_applied(it: Occasion) -> Said:
    return {"plan": it.plan}, [it.say("text", plan=it.plan, date=it.day("effective_at"))]


def _change_scheduled(it: Occasion) -> Said:
    params = {"plan": it.plan, "date": it.day("effective_at")}
    return params, [say(it.words.locale, "receipt.scheduled.text", **params), it.say("text")]


def _change_refused(it: Occasion) -> Said:
    said = [it.say("text", plan=it.plan, date=it.day("effective_at"))]
    if (code := it.notification.payload.get("failure_code")) is not None:
        return {"plan": it.plan}, [*said, _why_not_paid(it, str(code))]
    for recorded in it.notification.payload["blockers"]:
        blocker = it.words.blocker(recorded)
        said.append(f"{blocker['message']} {blocker['remedy']}")
    return {"plan": it.plan}, said


def _payment_failed(it: Occasion) -> Said:
    again = it.notification.payload["next_attempt_at"]
    coming = it.say("no_more") if again is None else it.say("again", date=it.day("next_attempt_at"))
    why = _why_not_paid(it, str(it.notification.payload["failure_code"]))
    return {"amount": it.amount}, [it.say("text", amount=it.amount), why, coming]


def _why_not_paid(it: Occasion, code: str) -> str:
    locale = it.words.locale
    if not known(locale, f"problem.{code}.title") or not known(locale, f"remedy.{code}"):
        code = "payment_failed"
    return f"{say(locale, f'problem.{code}.title')}. {say(locale, f'remedy.{code}')}"


def _about_money(it: Occasion) -> Said:
    return {"amount": it.amount}, [it.say("text", amount=it.amount)]


def _card_expiring(it: Occasion) -> Said:
    payload = it.notification.payload
    card = f"{str(payload['brand'] or say(it.words.locale, 'modal.pay.card')).capitalize()} •••• {payload['last4']}"
    month = format_skeleton("yMMMM", date.fromisoformat(f"{payload['expires']}-01"), locale=it.words.locale)
    return {"card": card}, [it.say("text", card=card, month=month), it.say("then")]


def _invoice_issued(it: Occasion) -> Said:
    invoice = it.invoice
    if invoice is None:
        raise LookupError(f"{it.notification.payload['number']} is not among the documents")
    params = {"kind": invoices.heading(invoice, it.words.locale), "number": invoice.number}
    total = money(it.words.locale, invoice.total_cents, invoice.currency)
    return params, [it.say("text", **params, total=total), invoices.payment(invoice, it.words.locale)]


_SAYS: Final[Mapping[Kind, Callable[[Occasion], Said]]] = {
    "change_applied": _change_applied,
    "change_scheduled": _change_scheduled,
    "change_refused": _change_refused,
    "payment_failed": _payment_failed,
    "payment_recovered": _about_money,
    "subscription_suspended": _about_money,
    "card_expiring": _card_expiring,
    "invoice_issued": _invoice_issued,
}
_ABOUT_PLANS: Final = frozenset({"change_applied", "change_scheduled", "change_refused"})
