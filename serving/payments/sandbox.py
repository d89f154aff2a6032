"""A payment provider of our own, in the database: every way in which a payment can end, by test token."""

from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.db.billing_tables import sandbox_payments
from serving.db.session import Database
from serving.payments.gateway import AttachedMethod, MethodKind, Outcome, Payment, TokenRefused


@dataclass(frozen=True, slots=True)
class _TestMethod:
    kind: MethodKind
    brand: str | None
    last4: str
    failure_code: str | None = None
    answers: bool = True
    """False: the provider's answer is lost, so the outcome is unknown until it is asked for."""
    arrives: bool = True
    """False: the request is lost too."""


_CARDS: Final = {
    "tok_visa": _TestMethod("card", "visa", "4242"),
    "tok_mastercard": _TestMethod("card", "mastercard", "4444"),
    "tok_amex": _TestMethod("card", "amex", "0005"),
    "tok_declined": _TestMethod("card", "visa", "0002", "card_declined"),
    "tok_insufficient_funds": _TestMethod("card", "visa", "9995", "insufficient_funds"),
    "tok_expired": _TestMethod("card", "visa", "0069", "card_expired"),
    "tok_timeout": _TestMethod("card", "visa", "1111", answers=False),
    "tok_timeout_declined": _TestMethod("card", "visa", "1112", "card_declined", answers=False),
    "tok_timeout_lost": _TestMethod("card", "visa", "1113", answers=False, arrives=False),
}
TEST_METHODS: Final = {
    **_CARDS,
    "tok_sepa": _TestMethod("sepa", None, "3000"),
    "tok_sepa_declined": _TestMethod("sepa", None, "3002", "card_declined"),
    "tok_bank_transfer": _TestMethod("bank_transfer", None, "0000"),
    "succeed": _CARDS["tok_visa"],
    "decline": _CARDS["tok_declined"],
    "insufficient_funds": _CARDS["tok_insufficient_funds"],
    "expired": _CARDS["tok_expired"],
    "timeout": _CARDS["tok_timeout"],
}
"""Token → how the method made from it behaves."""

TEST_CARDS: Final = {
    "4242424242424242": "tok_visa",
    "5555555555554444": "tok_mastercard",
    "4000000000000002": "tok_declined",
    "378282246310005": "tok_amex",
    "4000000000009995": "tok_insufficient_funds",
    "4000000000000069": "tok_expired",
    "4000000000001111": "tok_timeout",
    "4000000000001112": "tok_timeout_declined",
}
"""Number → token, for forms: a page turns one into the other itself and sends the token."""
_CARD_EXPIRES: Final = "2099-12"


class Sandbox:
    """The built-in provider; implements `PaymentGateway`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attach(self, *, kind: MethodKind, token: str) -> AttachedMethod:
        """The method that the token stands for; raises `TokenRefused` for an unknown one or of another kind."""
        method = TEST_METHODS.get(token)
        if method is None or method.kind != kind:
            raise TokenRefused(token)
        return AttachedMethod(token, method.brand, method.last4, _CARD_EXPIRES if kind == "card" else None)

    def charge(self, *, key: str, reference: str, amount_cents: int, currency: str) -> Payment:
        """What the method's token says; recorded under the key, so that a second call collects nothing."""
        method = TEST_METHODS[reference]
        if not method.arrives:
            return Payment("unknown")
        values = {
            "key": key,
            "reference": reference,
            "amount_cents": amount_cents,
            "currency": currency,
            "status": "failed" if method.failure_code else "succeeded",
            "failure_code": method.failure_code,
        }

        def record(connection: Connection) -> Payment:
            insert = sqlite.insert if self._database.embedded else postgresql.insert
            connection.execute(insert(sandbox_payments).values(values).on_conflict_do_nothing())
            return _recorded(connection, key) or Payment("unknown")

        payment = self._database.writing(record)
        return payment if method.answers else Payment("unknown")

    def find(self, *, key: str) -> Payment | None:
        """What is recorded under the key."""
        return self._database.reading(lambda connection: _recorded(connection, key))


def _recorded(connection: Connection, key: str) -> Payment | None:
    row = connection.execute(select(sandbox_payments).where(sandbox_payments.c.key == key)).first()
    return None if row is None else Payment(cast("Outcome", row.status), row.failure_code)
