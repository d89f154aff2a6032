"""Write notifications as mails and send them; a mail that fails is tried again later."""

from collections.abc import Callable, Mapping
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from data_contracts.invoices import Invoice
from serving.db.billing_tables import payment_methods
from serving.db.session import Database
from serving.invoices import files
from serving.invoices import repository as invoices
from serving.notifications import letters, repository
from serving.notifications.post import MailRefused, NotSent, Post, message_of
from serving.notifications.repository import Notification
from serving.organizations import repository as organizations
from serving.organizations.billing_details import details_of
from serving.organizations.repository import OrganizationRow
from serving.settings import SellerSettings
from serving.web.each_alone import SomeFailed, each_alone, forget, note_failure
from serving.web.logs import logger
from serving.words.plans import WordsIn

AT_ONCE: Final = 50
"""The most mails that one run sends."""


class Mails:
    """Writes mails from notifications and sends them; without a post, no notification is marked as sent."""

    def __init__(
        self,
        database: Database,
        *,
        post: Post | None,
        seller: SellerSettings,
        sender: str | None,
        links: Mapping[str, str],
        words: WordsIn,
    ) -> None:
        """`sender` is the address in `From`, by default the seller's; `links` as in `letters.letter`."""
        self._database = database
        self._post = post
        self._seller = seller
        self._sender = sender or seller.email
        self._links = links
        self._words = words

    def send_due(self, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
        """Send the notifications that are due; returns the number of mails. Raises `SomeFailed`.

        A mail whose sending was interrupted is sent again under the same `Message-ID`, which readers show once.
        """
        if self._post is None:
            return 0
        sent, failed = 0, []
        for _ in range(AT_ONCE):
            if stopping():
                break
            due = self._database.writing(lambda connection: repository.next_to_send(connection, now=now))
            if due is None:
                break
            try:
                self._post.send(self._written(due, now=now))
            except NotSent as error:
                if not isinstance(error, MailRefused):
                    logger().error("mail_not_sent", notification_id=due.notification_id, error=str(error))
                    raise  # the next mail would fail too
                note_failure(self._database, repository.JOB, due.notification_id, error, now=now)
                failed.append(due.notification_id)
                continue
            except Exception as error:  # noqa: BLE001  one mail's fault must not stop the others
                logger().exception("mail_not_written", notification_id=due.notification_id)
                note_failure(self._database, repository.JOB, due.notification_id, error, now=now)
                failed.append(due.notification_id)
                continue

            def done(connection: Connection, notification_id: str = due.notification_id) -> None:
                repository.sent(connection, notification_id, now=now)
                forget(connection, job=repository.JOB, row=notification_id)

            self._database.writing(done)
            sent += 1
        if failed:
            raise SomeFailed(tuple(failed))
        return sent

    def warn_of_cards(self, *, now: datetime) -> None:
        """Record a notification for each default card in its last month, once per card and month.

        Raises `SomeFailed`.
        """
        due = (payment_methods.c.warn_at <= now, payment_methods.c.removed_at.is_(None), payment_methods.c.is_default)
        cards = self._database.reading(lambda connection: connection.execute(select(payment_methods).where(*due)).all())

        def warn(card: Row[Any]) -> None:
            self._database.writing(lambda connection: _warn(connection, card, now=now))

        each_alone(self._database, "warn_of_cards", cards, warn, name=lambda card: str(card.payment_method_id), now=now)

    @property
    def _seller_address(self) -> tuple[str, str]:
        return self._seller.name, self._seller.email

    def _written(self, due: Notification, *, now: datetime) -> EmailMessage:
        def read(connection: Connection) -> tuple[OrganizationRow, Invoice | None]:
            organization = organizations.get(connection, due.organization_id)
            number = due.payload.get("number")
            if number is None:
                return organization, None
            return organization, invoices.kept(connection, due.organization_id, number).invoice

        organization, invoice = self._database.reading(read)
        context = letters.MailContext(due, organization, self._words(due.locale), invoice)
        attached = []
        if invoice is not None and due.kind == "invoice_issued":
            attached = [(f"{invoice.number}.pdf", files.of(self._database, invoice, now=now).pdf)]
        return message_of(
            letters.letter(context, seller=self._seller.name, links=self._links),
            message_id=due.notification_id,
            sender=(self._seller.name, self._sender),
            to=self._seller_address
            if due.kind in repository.TO_OPERATOR
            else (organization.name, _address(organization, invoice)),
            written_at=due.created_at,
            attached=attached,
        )


def _address(organization: OrganizationRow, invoice: Invoice | None) -> str:
    """Where a mail goes: a document to the address for invoices, anything else to the organisation's, if it has one."""
    for_invoices = details_of(organization).invoice_email or ""
    return for_invoices if invoice is not None else organization.email or for_invoices


def _warn(connection: Connection, card: Row[Any], *, now: datetime) -> None:
    repository.record(
        connection,
        organization_id=card.organization_id,
        kind="card_expiring",
        about=f"{card.payment_method_id}:{card.expires}",
        payload={"brand": card.brand, "last4": card.last4, "expires": card.expires},
        now=now,
    )
    warned = payment_methods.c.payment_method_id == card.payment_method_id
    connection.execute(update(payment_methods).where(warned).values(warn_at=None))
