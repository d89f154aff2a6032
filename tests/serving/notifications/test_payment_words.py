"""Every failure has its words for every method, in each language, and none promises what nobody will do."""

from typing import get_args

import pytest

from recommender.billing.catalogue import Catalogue
from recommender.billing.payment_methods import MethodKind, Unusable
from serving.notifications.letters import NOBODY_TRIES, MailContext, letter
from serving.notifications.repository import Notification
from serving.organizations.repository import OrganizationRow
from serving.payments.gateway import FAILURES
from serving.words.invoices import spaced
from serving.words.locales import LOCALES, LocaleCode
from serving.words.plans import Words
from serving.words.texts import known
from tests.serving.documents import every_kind
from tests.serving.harness import NOW

CODES = sorted((FAILURES | set(get_args(Unusable))) - {"provider_unavailable"})
"""Every failure that is told; while the provider is down nothing is."""
AGAIN = {"de": "Wir versuchen", "en": "We will try", "fr": "nouvelle tentative"}
WHO = OrganizationRow("acme", "Acme", "DE", None, "de", "UTC", None, NOW, (), (), 1, NOW, NOW)


def written(code: str, method: MethodKind, locale: LocaleCode, *, again: bool) -> tuple[str, str]:
    invoice = next(iter(every_kind(locale).values()))
    payload = {
        "amount_cents": 22_800,
        "currency": "EUR",
        "number": invoice.number,
        "failure_code": code,
        "method": method,
        "next_attempt_at": NOW.isoformat() if again else None,
    }
    notice = Notification("n", "acme", "payment_failed", payload, locale, NOW)
    words = Words(Catalogue("v", "Shop", "EUR", ()), locale, {})
    mail = letter(MailContext(notice, WHO, words, invoice), seller="Seller", links={})
    if code == "bank_transfer_overdue":
        assert spaced(invoice.seller.iban) in mail.text
    assert invoice.number in mail.text
    return mail.subject, mail.text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code", CODES)
def test_every_failure_has_its_words_for_every_method(code: str, locale: LocaleCode) -> None:  # F10
    assert known(locale, f"problem.{code}.title")
    assert known(locale, f"problem.{code}.detail")
    assert known(locale, f"remedy.{code}")
    for method in get_args(MethodKind):
        for again in (True, False):
            subject, text = written(code, method, locale, again=again)
            assert "228" in subject
            assert "228" in text
            promised = AGAIN[locale] in text
            assert promised == (again and code not in NOBODY_TRIES and code != "bank_transfer_overdue")
            assert "{" not in subject + text
