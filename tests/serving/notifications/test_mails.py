"""Customers are told by mail, in their language, once, and by a mail that any reader can open."""

import re
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Connection

from serving.notifications.post import NotSent, Outbox, Smtp
from serving.notifications.repository import Kind, next_to_send, record
from tests.serving.harness import Service, running
from tests.serving.lives import Life

RAW = re.compile(r"\b(mail|problem|remedy|receipt|blocker|invoice)\.\w|\{\w+\}|\bNone\b")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    links = {"billing": "https://app.example.com/billing", "plans": "https://app.example.com/plans"}
    with running(tmp_path, clock="test", mail_outbox=tmp_path / "outbox", links=links) as service:
        yield service


def customer(service: Service, locale: str = "de", **said: object) -> Life:
    service.put("acme", locale=locale, **{"email": "buchhaltung@acme.example", **said})
    return Life(service)


def mails(folder: Path) -> list[EmailMessage]:
    """What lies in the outbox, by subject."""
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in (folder / "outbox").glob("*.eml")]
    return sorted(read, key=lambda mail: str(mail["Subject"]))


def subjects(folder: Path) -> list[str]:
    return [str(mail["Subject"]) for mail in mails(folder)]


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_change_is_confirmed_and_its_invoice_comes_as_a_pdf(service: Service, tmp_path: Path) -> None:
    life = customer(service)
    life.pays_with()
    life.takes("ecommerce-basic")

    service.billing.jobs.run_due(now=service.clock())

    active, invoice = mails(tmp_path)
    assert active["Subject"] == "Ecommerce Basic ist aktiv"
    assert active["To"] == "Acme GmbH <buchhaltung@acme.example>"
    assert "https://app.example.com/plans" in text(active)
    assert str(invoice["Subject"]).startswith("Rechnung INV-2")
    assert "226,10\xa0€" in text(invoice)
    [pdf] = invoice.iter_attachments()
    assert pdf.get_content()[:5] == b"%PDF-"
    assert pdf.get_filename() == f"{str(invoice['Subject']).split()[1]}.pdf"


def walked_through(service: Service, locale: str) -> None:
    """Four months: a plan, a change that waits and is refused, a card that expires, one that is declined, another."""
    life = customer(service, locale)
    life.pays_with("tok_visa:2026-04")
    for level in ("documents", "assistants", "seats"):
        life.uses(level, 1, "2026-03-16")
    life.takes("ecommerce-scale")
    life.takes("ecommerce-basic")
    service.billing.jobs.run_due(now=service.clock())
    life.at("2026-04-10").uses("seats", 5, "2026-04-09")
    life.at("2026-05-02").pays_with("tok_declined")
    for day in ("2026-05-17", "2026-05-18", "2026-05-20", "2026-05-24", "2026-06-01"):
        life.at(day)
    life.pays_with("tok_visa")
    service.billing.jobs.run_due(now=service.clock())


SUBJECTS = {
    "de": {
        "Ecommerce Scale ist aktiv",
        "Vorgemerkt: Ecommerce Basic ab dem 16. April 2026",
        "Der Wechsel zu Ecommerce Basic war nicht möglich",
        "Ihre Karte Visa •••• 4242 läuft bald ab",
        "Die Zahlung über 583,10\xa0€ ist fehlgeschlagen",
        "Ihr Abonnement ist ausgesetzt",
        "Die Zahlung über 583,10\xa0€ ist eingegangen",
    },
    "en": {
        "Ecommerce Scale is active",
        "Scheduled: Ecommerce Basic from April 16, 2026",
        "The change to Ecommerce Basic was not possible",
        "Your card Visa •••• 4242 is about to expire",
        "The payment of €583.10 failed",
        "Your subscription is suspended",
        "We have received your payment of €583.10",
    },
    "fr": {
        "Ecommerce Scale est actif",
        "Programmé\xa0: Ecommerce Basic à partir du 16 avril 2026",
        "Le passage à Ecommerce Basic n’a pas été possible",
        "Votre carte Visa •••• 4242 expire bientôt",
        "Le paiement de 583,10\xa0€ a échoué",
        "Votre abonnement est suspendu",
        "Nous avons bien reçu votre paiement de 583,10\xa0€",
    },
}


@pytest.mark.parametrize(
    "locale", ["de", pytest.param("en", marks=pytest.mark.slow), pytest.param("fr", marks=pytest.mark.slow)]
)
def test_every_occasion_is_told_of_in_the_language_of_the_customer(
    service: Service, tmp_path: Path, locale: str
) -> None:
    walked_through(service, locale)

    told = mails(tmp_path)
    invoices = {str(mail["Subject"]) for mail in told if list(mail.iter_attachments())}
    assert {str(mail["Subject"]) for mail in told} - invoices == SUBJECTS[locale]
    assert len(invoices) == 3
    for mail in told:
        read = f"{mail['Subject']}\n{text(mail)}\n{text(mail, 'html')}"
        assert not RAW.search(read), read


class Unreachable(Outbox):
    """A post that does not answer until it is mended."""

    broken = True

    def send(self, message: EmailMessage) -> None:
        if self.broken:
            raise NotSent("no answer")
        super().send(message)


def test_what_could_not_be_sent_is_sent_later_once(service: Service, tmp_path: Path) -> None:
    post = Unreachable(tmp_path / "outbox")
    sender = service.mails(post)
    customer(service).pays_with()
    tell(service, "payment_recovered")
    with pytest.raises(NotSent):
        sender.send_due(now=service.clock())
    post.broken = False

    soon, later = service.clock() + timedelta(minutes=9), service.clock() + timedelta(minutes=10)

    assert [sender.send_due(now=at) for at in (soon, later, later + timedelta(days=1))] == [0, 1, 0]
    assert len(mails(tmp_path)) == 1


def tell(service: Service, kind: Kind, about: str = "one") -> None:
    """Note something of 190 €."""

    def note(connection: Connection) -> None:
        payload = {"amount_cents": 19_000, "currency": "EUR"}
        now = service.clock()
        record(connection, organization_id="acme", kind=kind, about=about, payload=payload, now=now)

    service.database.writing(note)


def test_without_an_address_no_mail_is_written_and_a_later_one_gets_no_old_news(
    service: Service, tmp_path: Path
) -> None:
    customer(service, email=None)
    tell(service, "payment_recovered")
    assert service.billing.mails.send_due(now=service.clock()) == 0
    customer(service)

    assert service.billing.mails.send_due(now=service.clock() + timedelta(days=3)) == 0
    assert mails(tmp_path) == []


def test_an_address_that_is_none_is_refused_at_its_field(service: Service) -> None:
    for wrong in ("nobody", "a@b", "a@example.com\r\nBcc: all@example.com", "a b@example.com"):
        answer = service.put("acme", email=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "email"), wrong


class MailServer(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as it takes to be handed a mail, without TLS."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(b"".join(lines))  # type: ignore[attr-defined]
            self.wfile.write(b"250 yes\r\n" if word != b"QUIT" else b"221 bye\r\n")


@pytest.fixture
def mail_server() -> Iterator[tuple[int, list[bytes]]]:
    with socketserver.TCPServer(("127.0.0.1", 0), MailServer) as server:
        server.received = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], server.received  # type: ignore[attr-defined]
        server.shutdown()


def test_a_mail_server_is_handed_the_mail(service: Service, mail_server: tuple[int, list[bytes]]) -> None:
    port, received = mail_server
    customer(service, name="Müller, Söhne & Co")
    tell(service, "subscription_suspended")

    sent = service.mails(Smtp(f"smtp://127.0.0.1:{port}")).send_due(now=service.clock())

    assert sent == 1
    mail = message_from_bytes(received[0], policy=policy.default)
    assert mail["To"].addresses[0].display_name == "Müller, Söhne & Co"
    assert mail["From"].addresses[0].addr_spec == service.settings.seller.email
    assert "190\xa0€" in text(mail)


def test_a_password_is_never_sent_in_clear(service: Service, mail_server: tuple[int, list[bytes]]) -> None:
    port, received = mail_server
    customer(service)
    tell(service, "subscription_suspended")

    with pytest.raises(NotSent, match="TLS"):
        service.mails(Smtp(f"smtp://me:secret@127.0.0.1:{port}")).send_due(now=service.clock())

    assert received == []


def test_one_mail_is_claimed_by_one_worker(service: Service) -> None:
    customer(service)
    for about in ("one", "two"):
        tell(service, "payment_recovered", about)
    now = service.clock()

    claimed = [service.database.writing(lambda connection: next_to_send(connection, now=now)) for _ in range(3)]

    assert len({each.notification_id for each in claimed if each}) == 2
    assert claimed[2] is None


@pytest.mark.parametrize("address", ["mail.example.com", "http://mail.example.com", "smtp://"])
def test_an_address_of_a_server_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ValueError, match="PLANS_MAIL_SMTP is smtp://"):
        Smtp(address)
