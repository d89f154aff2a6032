from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.billing.ledger import Posting, Postings, Unbalanced, balanced, charged, received
from recommender.billing.ledger import refunded as sent_back
from recommender.billing.proration import Line, LineKind
from recommender.billing.tax import Buyer, TaxLine, tax_on
from tests.recommender.billing.builders import span

MONTH = span("2025-06-01", "2025-07-01")


def line(kind: LineKind, amount_cents: int, plan: str = "basic") -> Line:
    return Line(kind, plan, MONTH, amount_cents, amount_cents, Fraction(1))


def by_account(postings: Postings) -> dict[tuple[str, str], int]:
    return {(posting.account, posting.detail): posting.amount_cents for posting in postings}


def test_a_charge_is_owed_with_tax_and_sold_net_per_plan() -> None:
    lines = (line("unused_time", -5000), line("remaining_time", 15000, "scale"))

    assert by_account(charged(lines, (TaxLine("S", Fraction(20), 10000, 2000, None),))) == {
        ("receivable", ""): 12000,
        ("revenue", "basic"): 5000,
        ("revenue", "scale"): -15000,
        ("tax", "S 20"): -2000,
    }


def test_a_total_below_zero_is_granted_as_credit_with_its_tax() -> None:
    lines = (line("unused_time", -9000), line("remaining_time", 4000, "scale"))

    assert by_account(charged(lines, (TaxLine("S", Fraction(19), -5000, -950, None, "DE"),))) == {
        ("revenue", "basic"): 9000,
        ("revenue", "scale"): -4000,
        ("tax", "DE S 19"): 950,
        ("customer_credit", ""): -5950,
    }


def test_credit_that_is_used_leaves_the_credit_account_and_is_no_revenue() -> None:
    lines = (line("full_period", 10000), line("credit_balance", -5000))

    assert by_account(charged(lines, ())) == {
        ("receivable", ""): 5000,
        ("revenue", "basic"): -10000,
        ("customer_credit", ""): 5000,
    }


def test_what_was_paid_twice_and_sent_back_leaves_nothing_behind() -> None:
    moved = (*received(applied_cents=0, over_cents=700), *sent_back(700))

    assert sum(posting.amount_cents for posting in moved if posting.account == "unapplied") == 0
    assert sum(posting.amount_cents for posting in moved if posting.account == "cash") == 0


def test_postings_that_do_not_sum_to_zero_are_refused() -> None:
    with pytest.raises(Unbalanced):
        balanced(Posting("cash", 1), Posting("receivable", -2))


kinds = st.sampled_from(("unused_time", "remaining_time", "full_period", "overage", "discount"))


@given(
    st.lists(st.builds(line, kinds, st.integers(-(10**7), 10**7), st.sampled_from(("basic", "scale"))), max_size=6),
    st.sampled_from((("FR", None), ("DE", None), ("FI", None), ("US", None), ("DE", "DE136695976"))),
)
def test_every_charge_sums_to_zero_and_is_gone_once_it_is_paid(
    lines: list[Line], buyer: tuple[str, str | None]
) -> None:
    net = sum(each.amount_cents for each in lines)
    tax = tax_on(net, Buyer(*buyer).on(date(2026, 6, 1)))
    postings = charged(lines, [tax])
    owed = sum(posting.amount_cents for posting in postings if posting.account == "receivable")

    assert sum(posting.amount_cents for posting in postings) == 0
    assert owed >= 0
    assert (
        owed + sum(posting.amount_cents for posting in received(applied_cents=owed) if posting.account == "receivable")
        == 0
    )
