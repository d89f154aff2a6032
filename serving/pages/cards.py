"""The test cards that a page offers where the built-in payment provider is used."""

import re
from collections.abc import Mapping
from typing import Final

from serving.collection.payment_methods import PaymentMethods
from serving.words.locales import LocaleCode
from serving.words.texts import say

_REFUSED_AS: Final[Mapping[str, str]] = {
    "tok_declined": "card_declined",
    "tok_timeout_declined": "card_declined",
    "tok_insufficient_funds": "insufficient_funds",
    "tok_expired": "card_expired",
    "tok_authentication_required": "authentication_required",
}
"""Token → the problem that a payment with its card ends in."""


def test_cards(payment_methods: PaymentMethods, locale: LocaleCode) -> list[dict[str, str]]:
    """Token and name of each test card; none for a real provider, whose own form needs a script."""
    return [
        {"token": token, "name": _name(number, _REFUSED_AS.get(token), locale)}
        for number, token in payment_methods.test_cards.items()
    ]


def _name(number: str, problem: str | None, locale: LocaleCode) -> str:
    """The number in groups that stay together, and what becomes of a payment."""
    name = say(locale, "page.test_card", number=re.sub(r"(.{4})(?=.)", "\\1\N{NO-BREAK SPACE}", number))
    return name if problem is None else f"{name} ({say(locale, f'problem.{problem}.title')})"
