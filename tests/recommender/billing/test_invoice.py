"""Charged lines as a document, with published cases (Lago, Polar, Meteroid) where they say something of it."""

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.billing.invoice import Document, document_of, exact_decimal
from recommender.billing.periods import Period
from recommender.billing.proration import Line, full_period, net_cents, remaining_time, unused_time
from recommender.billing.subscription import PaidTime
from recommender.billing.tax import Buyer
from recommender.billing.taxed_lines import tax_of, taxed

JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
MID_JUNE = datetime(2026, 6, 16, tzinfo=UTC)


def document(*lines: Line, country: str = "FR") -> Document:
    treated = taxed(lines, Buyer(country).on(date(2026, 6, 1)))
    return document_of(treated, tax=tax_of(treated), plan_names={"basic": "Basic"})


def upgrade(*, paid_cents: int, price_cents: int) -> tuple[Line, ...]:
    """Half a month of Basic given back, half a month of Scale charged."""
    paid = PaidTime(price_cents=paid_cents, charged_cents=paid_cents)
    return (
        *unused_time(paid, plan="basic", period=JUNE, now=MID_JUNE),
        *remaining_time(plan="scale", price_cents=price_cents, discount_cents=0, period=JUNE, now=MID_JUNE),
    )


def priced(made: Document) -> list[str]:
    """Every line's sum."""
    return [f"{line.quantity:f} {line.unit} × {line.unit_price_cents:f} = {line.amount_cents}" for line in made.lines]


def test_an_upgrade_keeps_its_negative_line() -> None:
    invoice = document(*upgrade(paid_cents=19_000, price_cents=49_000))

    assert invoice.kind == "invoice"
    assert priced(invoice) == ["-0.5 month × 19000 = -9500", "0.5 month × 49000 = 24500"]
    assert (invoice.net_cents, invoice.tax_cents, invoice.total_cents) == (15_000, 3_000, 18_000)
    assert [line.plan_name for line in invoice.lines] == ["Basic", "scale"]


def test_a_net_below_zero_is_a_credit_note_with_every_sign_turned() -> None:
    note = document(*upgrade(paid_cents=49_000, price_cents=19_000))

    assert note.kind == "credit_note"
    assert [line.amount_cents for line in note.lines] == [24_500, -9_500]
    assert (note.net_cents, note.tax_cents, note.total_cents) == (15_000, 3_000, 18_000)
    assert note.tax[0].category == "S"


def test_a_net_of_exactly_zero_is_an_invoice() -> None:
    assert document(*upgrade(paid_cents=19_000, price_cents=19_000)).kind == "invoice"


def test_a_whole_period_is_one_month_and_a_whole_year_one_year() -> None:
    year = Period(JUNE.start, datetime(2027, 6, 1, tzinfo=UTC))

    month = document(*full_period(plan="basic", price_cents=19_000, discount_cents=0, period=JUNE))
    annual = document(*full_period(plan="basic", price_cents=190_000, discount_cents=0, period=year))

    assert [*priced(month), *priced(annual)] == ["1 month × 19000 = 19000", "1 year × 190000 = 190000"]


def test_usage_is_counted_in_pieces_at_its_exact_price() -> None:
    line = Line("overage", "basic", JUNE, 200, 200, Fraction(1), "conversations", 100, Fraction(2))

    assert priced(document(line)) == ["100 piece × 2 = 200"]


def test_a_credit_stopped_at_what_was_paid_is_a_lump_sum() -> None:
    paid = PaidTime(price_cents=19_000, charged_cents=5_000)

    note = document(*unused_time(paid, plan="basic", period=JUNE, now=MID_JUNE))

    assert priced(note) == ["1 lump_sum × 5000 = 5000"]


LINES = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(0, 30 * 86_400),
        st.integers(0, 10**6),
        st.fractions(min_value=0, max_value=1000, max_denominator=10**6),
    ),
    min_size=1,
    max_size=5,
)


@given(changes=LINES, country=st.sampled_from(["FR", "FI", "US"]))
def test_whatever_is_charged_adds_up(changes: list[tuple[int, int, int, int, Fraction]], country: str) -> None:
    lines: list[Line] = []
    for price, charged, second, units, each in changes:
        now = datetime.fromtimestamp(JUNE.start.timestamp() + second, UTC)
        lines += unused_time(PaidTime(price, charged), plan="basic", period=JUNE, now=now)
        lines += remaining_time(plan="scale", price_cents=charged, discount_cents=charged // 3, period=JUNE, now=now)
        amount = int(exact_decimal(units * each, places=0))
        lines.append(Line("overage", "basic", JUNE, amount, amount, Fraction(1), "conversations", units, each))

    made = document(*lines, country=country)

    assert made.net_cents == abs(net_cents(lines)) == sum(share.base_cents for share in made.tax)
    assert len(made.lines) == len(lines)


@pytest.mark.parametrize(
    ("exact", "places", "text"),
    [("1/3", 4, "0.3333"), ("1/2", 0, "1"), ("100", 2, "100"), ("-5/2", 0, "-3"), ("0", 4, "0")],
)
def test_a_number_has_no_more_decimals_than_it_needs(exact: str, places: int, text: str) -> None:
    assert f"{exact_decimal(Fraction(exact), places=places):f}" == text
