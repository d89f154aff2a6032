"""One document of every kind that the system can issue, made by the core from charged lines."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Final

from data_contracts.invoices import Invoice, Party, Payment, Reference
from recommender.billing.invoice import document_of
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import Period
from recommender.billing.proration import Line, balance_used, full_period, remaining_time, unused_time
from recommender.billing.subscription import PaidTime
from recommender.billing.tax import Buyer, Treatment
from recommender.billing.taxed_lines import tax_of, taxed
from serving.settings import SellerSettings
from serving.words.locales import LocaleCode

JUNE: Final = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
YEAR: Final = Period(JUNE.start, datetime(2027, 6, 1, tzinfo=UTC))
MID_JUNE: Final = datetime(2026, 6, 16, tzinfo=UTC)
GERMAN_ID: Final = "DE136695976"
NAMES: Final = {"basic": "Ecommerce Basic", "scale": "Ecommerce Scale"}
EARLIER: Final = Reference(number="INV-2026-000001", issued_on=date(2026, 6, 1))
LONG_NAME: Final = "Gesellschaft für außergewöhnlich langnamige Beteiligungen & Söhne <Rhein-Main> mbH & Co. KGaA"


def month(cents: int = 19_000, *, discount: int = 0) -> tuple[Line, ...]:
    return full_period(plan="basic", price_cents=cents, discount_cents=discount, period=JUNE)


def change(*, old: int, new: int, then: Treatment | None = None) -> tuple[Line, ...]:
    """Half a month given back, as it was taxed then, and half a month charged."""
    paid = PaidTime(price_cents=old, charged_cents=old, taxed=then)
    back = unused_time(paid, plan="basic", period=JUNE, now=MID_JUNE)
    return (*back, *remaining_time(plan="scale", price_cents=new, discount_cents=0, period=JUNE, now=MID_JUNE))


def overage(units: int = 1_234, each: Fraction = Fraction(5, 4), *, late: bool = False) -> Line:
    amount = round_half_away_from_zero(units * each)
    return Line(
        "overage", "basic", JUNE, amount, 0, Fraction(1), metric="conversations", units=units, unit_price_cents=each,
        late=late,
    )  # fmt: skip


def issued(
    lines: tuple[Line, ...],
    *,
    country: str = "FR",
    vat_id: str | None = None,
    name: str = "Acme GmbH",
    locale: LocaleCode = "de",
    paid: bool = True,
    method: str = "card",
    currency: str = "EUR",
    number: str = "INV-2026-000042",
) -> Invoice:
    lines = taxed(lines, Buyer(country, vat_id).on(date(2026, 6, 16)))
    made = document_of(lines, tax=tax_of(lines), plan_names=NAMES)
    is_note = made.kind == "credit_note"
    settled = paid or is_note
    return Invoice(
        number=number.replace("INV", "CRN") if is_note else number,
        kind=made.kind,
        organization_id="acme",
        issued_on=date(2026, 6, 16),
        supplied_on=date(2026, 6, 16),
        locale=locale,
        timezone="Europe/Berlin",
        currency=currency,
        seller=SellerSettings().on_invoice(),
        buyer=Party(
            name=name,
            country=country,
            vat_id=vat_id or id_of_then(lines),
            street="1 rue X",
            postal_code="75001",
            city="Paris",
        ),
        refers_to=EARLIER if is_note else None,
        lines=made.lines,
        tax=made.tax,
        net_cents=made.net_cents,
        tax_cents=made.tax_cents,
        total_cents=made.total_cents,
        payment=Payment.model_validate(
            {
                "method": method,
                "paid_cents": made.total_cents if settled else made.balance_cents,
                "balance_cents": made.balance_cents,
                "due_on": None if settled else date(2026, 6, 16) + timedelta(days=30),
            }
        ),
    )


def id_of_then(lines: tuple[Line, ...]) -> str | None:
    return next((line.taxed.buyer_vat_id for line in lines if line.taxed and line.taxed.buyer_vat_id), None)


def every_kind(locale: LocaleCode = "de") -> Mapping[str, Invoice]:
    """Name → document."""
    annual = full_period(plan="basic", price_cents=190_000, discount_cents=0, period=YEAR)
    bare = issued(month(), country="US", locale=locale)
    french, german, no = (Buyer(country).on(date(2026, 6, 1)) for country in ("FR", "DE", "US"))
    reversed_, finnish = Buyer("DE", GERMAN_ID).on(date(2026, 6, 1)), Buyer("FI").on(date(2024, 1, 1))
    upgrade, lower = partial(change, old=19_000, new=49_000), partial(change, old=19_000, new=19_100)
    return {
        "start": issued(month(), locale=locale),
        "upgrade": issued(change(old=19_000, new=49_000), locale=locale),
        "renewal": issued((*month(), overage(), overage(7, late=True)), locale=locale, paid=False),
        "transfer": issued(month(), locale=locale, paid=False, method="bank_transfer"),
        "sepa": issued(month(), country="FI", locale=locale, paid=False, method="sepa"),
        "annual": issued(annual, country="DE", locale=locale),
        "discount": issued(month(9_999, discount=3_333), locale=locale),
        "reverse_charge": issued(month(), country="DE", vat_id="DE136695976", locale=locale),
        "outside_eu": issued(month(), country="US", locale=locale),
        "territory": issued(month(), country="GP", locale=locale),
        "untaxed_territory": issued(month(), country="GF", locale=locale),
        "credit_note": issued(change(old=49_000, new=19_000), locale=locale),
        "credit_note_abroad": issued(change(old=49_000, new=19_000), country="US", locale=locale),
        "credit_note_reverse": issued(
            change(old=49_000, new=19_000), country="DE", vat_id="DE136695976", locale=locale
        ),
        "balance": issued(
            (*month(), *balance_used(20_000, plan="basic", due=22_800, now=MID_JUNE)), locale=locale, paid=False
        ),
        "vat_id_since": issued(upgrade(then=german), country="DE", vat_id=GERMAN_ID, locale=locale),
        "vat_id_gone": issued(upgrade(then=reversed_), country="DE", locale=locale),
        "moved_out": issued(upgrade(then=french), country="US", locale=locale),
        "moved_in": issued(upgrade(then=no), country="FI", locale=locale),
        "moved_over": issued(upgrade(then=no), country="GF", locale=locale),
        "moved_within": issued(upgrade(then=finnish), country="DE", locale=locale),
        "same_rate_elsewhere": issued(upgrade(then=Buyer("DK").on(date(2026, 6, 1))), country="SE", locale=locale),
        "rate_changed": issued(upgrade(then=finnish), country="FI", locale=locale),
        "more_for_less_tax": issued(lower(then=german), country="DE", vat_id=GERMAN_ID, locale=locale),
        "less_tax_out": issued(lower(then=french), country="US", locale=locale),
        "long_name": issued(month(), name=LONG_NAME, locale=locale),
        "many_lines": issued((*month(), *(overage(1_000 + n) for n in range(30))), locale=locale),
        "no_address": bare.model_copy(update={"buyer": Party(name="Acme", country="US")}),
        "yen": issued(month(), country="US", currency="JPY", locale=locale),
        "odd_share": issued(month(cents=1), locale=locale),
    }  # fmt: skip
