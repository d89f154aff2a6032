"""The test cards that a page offers where the built-in payment provider is used."""

import re

from serving.collection.payment_methods import PaymentMethods


def test_cards(payment_methods: PaymentMethods) -> list[dict[str, str]]:
    """Token and number of each test card; none for a real provider, whose own form needs a script."""
    return [
        {"token": token, "number": re.sub(r"(.{4})(?=.)", r"\1 ", number)}
        for number, token in payment_methods.test_cards.items()
    ]
