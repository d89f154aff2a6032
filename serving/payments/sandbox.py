"""The built-in payment provider for tests and demonstrations: a test token determines how a payment ends."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection, bindparam, select

from serving.clock import Clock
from serving.db.billing_tables import sandbox_payments, sandbox_refunds
from serving.db.inserts import add_new_row, add_row
from serving.db.queries import Query
from serving.db.session import Database
from serving.db.updates import change_rows
from serving.payments import provider_events
from serving.payments.gateway import AttachedMethod, Message, MethodKind, Outcome, Owner, Payment, TokenRefused


@dataclass(frozen=True, slots=True)
class _TestMethod:
    kind: MethodKind
    brand: str | None
    last4: str
    failure_code: str | None = None
    answers: bool = True
    """False: the answer is lost, so the outcome is unknown until it is asked for."""
    arrives: bool = True
    """False: the request is lost too."""
    at_once: bool = True
    """False: the payment is pending until `settle` ends it."""


_PAYMENT: Final = Query(select(sandbox_payments).where(sandbox_payments.c.key == bindparam("key")))
_VISA: Final = _TestMethod("card", "visa", "4242")
_SEPA: Final = _TestMethod("sepa", None, "3000")
TEST_METHODS: Final[Mapping[str, _TestMethod]] = {
    "tok_visa": _VISA,
    "tok_mastercard": _TestMethod("card", "mastercard", "4444"),
    "tok_amex": _TestMethod("card", "amex", "0005"),
    "tok_declined": replace(_VISA, last4="0002", failure_code="card_declined"),
    "tok_insufficient_funds": replace(_VISA, last4="9995", failure_code="insufficient_funds"),
    "tok_expired": replace(_VISA, last4="0069", failure_code="card_expired"),
    "tok_authentication_required": replace(_VISA, last4="3155", failure_code="authentication_required"),
    "tok_timeout": replace(_VISA, last4="1111", answers=False),
    "tok_timeout_declined": replace(_VISA, last4="1112", failure_code="card_declined", answers=False),
    "tok_timeout_lost": replace(_VISA, last4="1113", answers=False, arrives=False),
    "tok_pending": replace(_VISA, last4="1114", at_once=False),
    "tok_sepa": _SEPA,
    "tok_sepa_declined": replace(_SEPA, last4="3002", failure_code="debit_refused"),
    "tok_sepa_pending": replace(_SEPA, last4="3003", at_once=False),
    "tok_bank_transfer": _TestMethod("bank_transfer", None, "0000"),
}
"""Token → behaviour of its method. A card's token may name the month of its expiry: `tok_visa:2027-03`."""

TEST_CARDS: Final = {
    "4242424242424242": "tok_visa",
    "5555555555554444": "tok_mastercard",
    "4000000000000002": "tok_declined",
    "378282246310005": "tok_amex",
    "4000000000009995": "tok_insufficient_funds",
    "4000000000000069": "tok_expired",
    "4000002500003155": "tok_authentication_required",
    "4000000000001111": "tok_timeout",
    "4000000000001112": "tok_timeout_declined",
}
"""Card number → token: a form replaces the number by the token before it is sent."""
_SHORT: Final = {
    "succeed": "tok_visa",
    "decline": "tok_declined",
    "insufficient_funds": "tok_insufficient_funds",
    "expired": "tok_expired",
    "authentication_required": "tok_authentication_required",
    "timeout": "tok_timeout",
    "provider_down": "tok_timeout_lost",
}
_CARD_EXPIRES: Final = "2099-12"
_TYPE_OF: Final[Mapping[str, str]] = {
    "succeeded": "payment_intent.succeeded",
    "failed": "payment_intent.payment_failed",
    "pending": "payment_intent.processing",
}


class UnknownSandboxPayment(LookupError):
    """The sandbox holds no pending payment under this key."""


class Sandbox:
    """The built-in provider; implements `PaymentGateway`."""

    def __init__(self, database: Database, *, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret

    def attach(self, *, kind: MethodKind, token: str, owner: Owner) -> AttachedMethod:
        """The method of a token; raises `TokenRefused` for an unknown token or one of another kind."""
        method, expires = _read(token)
        if method is None or method.kind != kind:
            raise TokenRefused(token)
        month = (expires or _CARD_EXPIRES) if kind == "card" else None
        return AttachedMethod(token, method.brand, method.last4, month, owner.organization_id)

    def detach(self, method: AttachedMethod) -> None:
        """Do nothing: the sandbox stores no methods."""

    def update(
        self,
        method: AttachedMethod,
        *,
        expires: str | None,
        address: Mapping[str, str] | None,  # noqa: ARG002
    ) -> AttachedMethod:
        """The method with another expiry; the sandbox stores no addresses."""
        return replace(method, expires=expires or method.expires)

    def forget(self, customer: str) -> None:
        """Do nothing: the sandbox stores no customers."""

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        """Pay as the method's token determines; recorded under the key, so that a second call collects nothing."""
        behaves, _ = _read(method.reference)
        if behaves is None:
            return Payment("failed", "payment_failed")
        if not behaves.arrives:
            return Payment("unknown")
        ends = "failed" if behaves.failure_code else "succeeded"
        values = {
            "key": key,
            "reference": method.reference,
            "amount_cents": amount_cents,
            "currency": currency,
            "status": ends if behaves.at_once else "pending",
            "failure_code": behaves.failure_code,
        }

        def record(connection: Connection) -> Payment:
            add_new_row(connection, sandbox_payments, "key", **values)
            return _recorded(connection, key) or Payment("unknown")

        payment = self._database.writing(record)
        return payment if behaves.answers else Payment("unknown")

    def find(self, *, key: str, method: AttachedMethod) -> Payment | None:  # noqa: ARG002
        """The payment recorded under the key."""
        return self._database.reading(lambda connection: _recorded(connection, key))

    def refund(
        self,
        *,
        key: str,
        method: AttachedMethod,  # noqa: ARG002
        amount_cents: int | None = None,
        currency: str = "EUR",  # noqa: ARG002
        reference: str = "",
    ) -> Payment:
        """Record that the payment, or so much of it, was refunded; once for each reference, and never too much."""

        def record(connection: Connection) -> bool:
            paid = connection.execute(select(sandbox_payments).where(sandbox_payments.c.key == key)).first()
            if paid is None or paid.status != "succeeded":
                return False
            earlier = select(sandbox_refunds.c.reference, sandbox_refunds.c.amount_cents)
            rows = connection.execute(earlier.where(sandbox_refunds.c.key == key)).all()
            back = {row.reference: row.amount_cents for row in rows}
            wanted = paid.amount_cents - sum(back.values()) if amount_cents is None else amount_cents
            if reference in back:
                return True
            if not 0 < wanted <= paid.amount_cents - sum(back.values()):
                return False
            values = {"key": key, "reference": reference, "amount_cents": wanted}
            add_row(connection, sandbox_refunds, **values)
            whole = wanted + sum(back.values()) == paid.amount_cents
            change_rows(connection, sandbox_payments, {"key": key}, refunded=whole)
            return True

        return Payment("succeeded") if self._database.writing(record) else Payment("failed", "payment_failed")

    def event(self, *, body: bytes, signature: str | None) -> Message | None:
        """Verify and read a message of the sandbox; raises `SignatureRefused`."""
        provider_events.verify(body, signature, secret=self._secret, now=self._clock())
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        return provider_events.message_in(document, key_of=self._key_of) if isinstance(document, dict) else None

    def _key_of(self, payment: str) -> str | None:
        """The sandbox has no ids of its own: it knows a payment by our key, with or without `pi_`."""
        known = self._database.reading(
            lambda connection: {name: _recorded(connection, name) for name in (payment, payment.removeprefix("pi_"))}
        )
        return next((name for name, found in known.items() if found is not None), None)

    def settle(self, *, key: str, outcome: Outcome, failure_code: str | None = None) -> None:
        """End a pending payment; raises `UnknownSandboxPayment`."""
        pending = {"key": key, "status": "pending"}
        values = {"status": outcome, "failure_code": failure_code if outcome == "failed" else None}

        def record(connection: Connection) -> bool:
            return change_rows(connection, sandbox_payments, pending, **values) == 1

        if not self._database.writing(record):
            raise UnknownSandboxPayment(key)

    def dispute_message(self, *, key: str, dispute: str, status: str, amount_cents: int) -> tuple[bytes, str]:
        """A signed message about a dispute: `needs_response` opens it, `won` and `lost` close it."""
        kind = "created" if status == "needs_response" else "closed"
        about = {"object": "dispute", "id": dispute, "payment_intent": key, "amount": amount_cents, "status": status}
        return self._signed(f"charge.dispute.{kind}", f"{dispute}_{status}", about)

    def refund_message(self, *, key: str, refunded_cents: int) -> tuple[bytes, str]:
        """A signed message that so much of a payment has been refunded by now."""
        charge = {"object": "charge", "metadata": {provider_events.KEY: key}, "amount_refunded": refunded_cents}
        return self._signed("charge.refunded", f"{key}_refunded_{refunded_cents}", charge)

    def failed_refund_message(
        self, *, key: str, refund_id: str, amount_cents: int, ours: bool = True
    ) -> tuple[bytes, str]:
        """A signed message that a refund, one of ours or one made at the provider, did not reach the customer."""
        named = {"metadata": {provider_events.KEY: key, provider_events.REFUND: refund_id}} if ours else {}
        about = {"object": "refund", "id": refund_id, "payment_intent": key, "amount": amount_cents, "status": "failed"}
        return self._signed("refund.failed", f"{refund_id}_failed", {**about, **named})

    def method_message(self, *, reference: str, last4: str, expires: str) -> tuple[bytes, str]:
        """A signed message that the bank has replaced the card of a method, which ends in `YYYY-MM`."""
        card = {"brand": "visa", "last4": last4, "exp_year": int(expires[:4]), "exp_month": int(expires[5:])}
        about = {"object": "payment_method", "id": reference, "type": "card", "card": card}
        return self._signed("payment_method.automatically_updated", f"{reference}_{last4}_{expires}", about)

    def _signed(self, kind: str, name: str, about: dict[str, Any]) -> tuple[bytes, str]:
        at = self._clock()
        event = {"object": "event", "id": f"evt_{name}", "type": kind, "data": {"object": about}}
        body = orjson.dumps({**event, "created": int(at.timestamp())})
        return body, provider_events.signed(body, secret=self._secret, at=at)

    def message(self, *, key: str, payment: Payment) -> tuple[bytes, str]:
        """A signed webhook message about a payment: body and `Stripe-Signature` header."""
        error = {"code": payment.failure_code} if payment.failure_code else None
        intent: dict[str, Any] = {
            "object": "payment_intent",
            "metadata": {provider_events.KEY: key},
            "last_payment_error": error,
        }
        return self._signed(_TYPE_OF[payment.outcome], f"{key}_{payment.outcome}", intent)


def _read(token: str) -> tuple[_TestMethod | None, str | None]:
    """The behaviour of a token, and the expiry month if it names one."""
    name, colon, month = token.partition(":")
    if colon and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month, re.ASCII):
        return None, None
    return TEST_METHODS.get(_SHORT.get(name, name)), month or None


def _recorded(connection: Connection, key: str) -> Payment | None:
    row = _PAYMENT.first(connection, key=key)
    return None if row is None else Payment(cast("Outcome", row.status), row.failure_code)
