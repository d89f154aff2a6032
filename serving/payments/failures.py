"""Why a payment fails, in our words: each has its text and its remedy in three languages (`problem.…`, `remedy.…`)."""

from collections.abc import Mapping
from typing import Any, Final

FAILURE_OF: Final[Mapping[str, str]] = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "card_expired",
    "invalid_expiry_month": "card_expired",
    "invalid_expiry_year": "card_expired",
    "authentication_required": "authentication_required",
    "payment_intent_authentication_failure": "authentication_required",
    "card_declined": "card_declined",
    "generic_decline": "card_declined",
    "do_not_honor": "card_declined",
    "lost_card": "card_declined",
    "stolen_card": "card_declined",
    "fraudulent": "card_declined",
    "incorrect_cvc": "card_declined",
    "incorrect_number": "card_declined",
    "debit_not_authorized": "debit_refused",
    "payment_method_microdeposit_failed": "debit_refused",
    "bank_account_restricted": "debit_refused",
    "account_closed": "debit_refused",
    "processing_error": "provider_unavailable",
}
"""A code of the provider's → ours; what it does not list is `payment_failed`."""

FAILURES: Final = frozenset(FAILURE_OF.values()) | {
    "payment_failed",
    "payment_method_missing",
    "payment_method_not_usable",
    "bank_transfer_overdue",
}
"""Every failure that a customer may be told."""


def failure_code_of(error: Mapping[str, Any]) -> str:
    """Our code for the provider's error: its decline code says more than its code."""
    for name in ("decline_code", "code"):
        code = str(error.get(name))
        if code in FAILURES:
            return code
        if code in FAILURE_OF:
            return FAILURE_OF[code]
    return "payment_failed"
