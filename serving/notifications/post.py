"""Send mails: as files into a folder, or through a mail server."""

import os
import smtplib
import ssl
from collections.abc import Iterable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from serving.notifications.letters import Letter

PATIENCE_SECONDS: Final = 20.0
_OF_ONE_MAIL: Final = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPDataError,
    UnicodeError,
)
"""Errors of one mail, rather than of the connection to the server."""


class NotSent(Exception):
    """The mail was not sent; sending may be tried again."""


class MailRefused(NotSent):
    """The server refuses this mail; others may be sent."""


class Post(Protocol):
    """A way to send mails."""

    def send(self, message: EmailMessage) -> None:
        """Send one mail; raises `NotSent`, of which `MailRefused` is about this mail only."""


class Outbox:
    """Writes mails into a folder, one file per notification: a mail that is sent again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Write the mail atomically."""
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f".{name}.{os.getpid()}"
            unfinished.write_bytes(message.as_bytes())
            unfinished.replace(self._folder / f"{name}.eml")
        except OSError as error:
            raise NotSent(str(error)) from error


class Smtp:
    """Sends mails through a server, over TLS where the server offers it; a password is never sent without TLS."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("PLANS_MAIL_SMTP is smtp://user:password@host:587 or smtps://user:password@host:465")
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(self, message: EmailMessage) -> None:
        """Send the mail over a connection of its own."""
        try:
            with self._connected() as server:
                server.send_message(message)
        except _OF_ONE_MAIL as error:
            raise MailRefused(type(error).__name__) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=PATIENCE_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=PATIENCE_SECONDS)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif self._user:
                server.close()
                raise smtplib.SMTPNotSupportedError("the server speaks no TLS; the password is not sent in clear")
        if self._user:
            server.login(self._user, self._password)
        return server


def configured_post(smtp: str, outbox: Path | None) -> Post | None:
    """The configured mail server, else the mail folder, else none."""
    if smtp:
        return Smtp(smtp)
    return None if outbox is None else Outbox(outbox)


def message_of(
    letter: Letter,
    *,
    message_id: str,
    sender: tuple[str, str],
    to: tuple[str, str],
    written_at: datetime,
    attached: Iterable[tuple[str, bytes]] = (),
) -> EmailMessage:
    """A letter as an e-mail: plain text, HTML and attachments; `sender` and `to` are name and address."""
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"], message["To"] = (_address(*each) for each in (sender, to))
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = f"<{message_id}@{sender[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    for name, pdf in attached:
        message.add_attachment(pdf, maintype="application", subtype="pdf", filename=name)
    return message


def _address(name: str, address: str) -> Address:
    return Address(display_name=name, addr_spec=address)
