"""Write what customers are to be told as mails and send them; whatever goes wrong with one is tried again later."""

from datetime import datetime
from email.message import EmailMessage
from typing import Final

from sqlalchemy import Connection, select, update

from data_contracts.invoices import Invoice
from serving.db.billing_tables import payment_methods
from serving.invoices import files
from serving.invoices import repository as invoices
from serving.notifications import letters, repository
from serving.notifications.post import NotSent, message_of
from serving.notifications.repository import Notification
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.parts import Parts
from serving.web.logs import logger

AT_ONCE: Final = 50
"""How many mails one run sends at most."""


def send_due(parts: Parts, *, now: datetime) -> int:
    """Send what is to be sent; how many mails. Without a post nothing is written, and nothing is marked.

    A mail whose sending breaks off is sent again, under the same `Message-ID`: mail servers and readers show it once.
    """
    if parts.post is None:
        return 0
    sent = 0
    for _ in range(AT_ONCE):
        due = parts.database.writing(lambda connection: repository.next_to_send(connection, now=now))
        if due is None:
            break
        try:
            parts.post.send(_written(parts, due, now=now))
        except NotSent as error:
            logger().error("mail_not_sent", notification_id=due.notification_id, error=str(error))
            break  # the next one would not get through either
        except Exception:  # noqa: BLE001  one mail's fault is nobody else's
            logger().exception("mail_not_written", notification_id=due.notification_id)
            continue

        def done(connection: Connection, notification_id: str = due.notification_id) -> None:
            repository.sent(connection, notification_id, now=now)

        parts.database.writing(done)
        sent += 1
    return sent


def warn_of_cards(parts: Parts, *, now: datetime) -> None:
    """Tell the owners of cards in their last month, once for each; the card that pays is meant, no other."""
    due = (payment_methods.c.warn_at <= now, payment_methods.c.removed_at.is_(None))

    def work(connection: Connection) -> None:
        for card in connection.execute(select(payment_methods).where(*due)).all():
            if card.is_default:
                repository.record(
                    connection,
                    organization_id=card.organization_id,
                    kind="card_expiring",
                    about=f"{card.payment_method_id}:{card.expires}",
                    payload={"brand": card.brand, "last4": card.last4, "expires": card.expires},
                    now=now,
                )
                mine = payment_methods.c.payment_method_id == card.payment_method_id
                connection.execute(update(payment_methods).where(mine).values(warn_at=None))

    parts.database.writing(work)


def _written(parts: Parts, due: Notification, *, now: datetime) -> EmailMessage:
    def read(connection: Connection) -> tuple[OrganizationRow, Invoice | None]:
        organization = organizations.get(connection, due.organization_id)
        if due.kind != "invoice_issued":
            return organization, None
        return organization, invoices.kept(connection, due.organization_id, due.payload["number"]).invoice

    organization, invoice = parts.database.reading(read)
    seller = parts.settings.seller
    occasion = letters.Occasion(due, organization, parts.words(due.locale), invoice)
    attached = []
    if invoice is not None:
        attached = [(f"{invoice.number}.pdf", files.of(parts.database, invoice, now=now).pdf)]
    return message_of(
        letters.letter(occasion, seller=seller.name, links=parts.settings.links),
        message_id=due.notification_id,
        sender=(seller.name, parts.settings.mail_from or seller.email),
        to=(organization.name, organization.email or ""),
        written_at=due.created_at,
        attached=attached,
    )
