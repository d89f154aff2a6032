"""What is too small to be collected is carried to the next invoice: nothing is lost, nothing too small is asked for."""

from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from recommender.billing import ledger
from recommender.billing.collectable import LEAST_CENTS, is_too_small, least_cents, payable_step
from recommender.billing.periods import Period
from recommender.billing.proration import Line
from recommender.billing.tax import Treatment
from recommender.billing.taxed_lines import settled, tax_of, total_cents
from tests.recommender.billing.builders import at

DE = Treatment("S", Fraction(19), None, "DE")
NOW = at("2025-06-01")


def sold(cents: int) -> tuple[Line, ...]:
    whole = Period(NOW, NOW + timedelta(days=30))
    return (Line("overage", "basic", whole, cents, cents, Fraction(1), taxed=DE),)


def kinds(lines: tuple[Line, ...]) -> list[tuple[str, int]]:
    return [(line.kind, line.amount_cents) for line in lines if line.kind != "overage"]


def settle(cents: int, balance: int, currency: str = "EUR") -> tuple[tuple[Line, ...], int]:
    return settled(sold(cents), balance_cents=balance, currency=currency, plan="basic", now=NOW)


def test_small_totals_are_carried_until_they_can_be_collected() -> None:
    first, balance = settle(17, 0)
    assert (kinds(first), total_cents(first), balance) == ([("carried", -20)], 0, -20)

    second, balance = settle(20, balance)  # 24 with tax: together 44
    assert (kinds(second), total_cents(second), balance) == ([("carried", -24)], 0, -44)

    third, balance = settle(10, balance)  # 12 with tax: together 56
    assert (kinds(third), total_cents(third), balance) == ([("carried", 44)], 56, 0)


def test_what_a_balance_leaves_is_carried_and_a_credit_pays_what_was_carried_first() -> None:
    partly, balance = settle(100, 90)
    assert (kinds(partly), total_cents(partly), balance) == ([("credit_balance", -90), ("carried", -29)], 0, -29)

    given, balance = settle(-100, balance)
    assert (kinds(given), total_cents(given), balance) == ([("carried", 29)], -90, 90)


def test_a_charge_of_nothing_asks_for_nothing() -> None:
    assert settle(0, -20) == (sold(0), -20)


@given(
    st.sampled_from([*sorted(LEAST_CENTS), "KWD", "CLP"]),
    st.lists(st.integers(-40_000, 40_000), min_size=1, max_size=12),
)
def test_no_history_loses_a_cent_or_asks_for_too_little(currency: str, nets: list[int]) -> None:
    balance, collected, billed, rounded = 0, 0, 0, 0
    books: dict[str, int] = {}
    for net in nets:
        lines, balance = settle(net, balance, currency)
        asked = max(total_cents(lines), 0)
        tax = tax_of(lines)
        assert not is_too_small(asked, currency)
        assert asked % payable_step(currency) == 0
        for posting in ledger.charged(lines, tax):
            books[posting.account] = books.get(posting.account, 0) + posting.amount_cents
        collected += asked
        billed += net + sum(share.amount_cents for share in tax)
        rounded += sum(line.amount_cents for line in lines if line.kind == "rounding")

    assert collected == billed + rounded + balance
    assert -balance < max(least_cents(currency), 1)
    assert sum(books.values()) == 0
    assert books.get("receivable", 0) == collected
    assert -books.get("customer_credit", 0) == max(balance, 0)
    assert books.get("carried", 0) == max(-balance, 0)
