"""Double entry: what each event of billing moves between which accounts.

A debit is above zero, a credit below, and an entry sums to zero. The accounts, each per organisation and currency:

| account           | a debit is                              | a credit is                                          |
|-------------------|-----------------------------------------|------------------------------------------------------|
| `receivable`      | charged: the customer owes it           | paid                                                 |
| `cash`            | received                                | given back                                           |
| `revenue`         | credited for unused time                | sold, net (detail: the plan)                         |
| `tax`             | given back with what was sold           | owed to the state (detail: country, category, rate)  |
| `customer_credit` | credit balance used by a charge         | credit balance granted: a total below zero           |
| `carried`         | too small to be collected: still owed   | asked for by a later charge                          |
| `rounding`        | rounded off: it cannot be paid          | rounded up                                           |
| `unapplied`       | sent back, or applied to a charge       | received for nothing that is owed (paid twice, late) |
| `bad_debt`        | written off: it will never be paid      | paid all the same                                    |

So what an organisation has paid is its `cash`, what it still owes its `receivable` and `carried`; all are sums of
postings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from recommender.billing.proration import SETTLING, Line, net_cents
from recommender.billing.tax import TaxLine

LedgerAccount = Literal[
    "receivable", "carried", "cash", "revenue", "tax", "customer_credit", "rounding", "unapplied", "bad_debt"
]
EntryKind = Literal[
    "charge",
    "payment",
    "unapplied",
    "refund",
    "credit_note",
    "reversal",
    "reinstated",
    "applied",
    "payout",
    "payout_returned",
    "waived",
    "write_off",
    "carried",
]


@dataclass(frozen=True, slots=True)
class Posting:
    """One amount on one account: a debit above zero, a credit below."""

    account: LedgerAccount
    amount_cents: int
    detail: str = ""


Postings = tuple[Posting, ...]
_OWN_ACCOUNT: Final[tuple[Literal["rounding", "carried"], ...]] = ("rounding", "carried")
"""Kinds of lines that are booked on the account of their name."""


class Unbalanced(ValueError):
    """The postings of an entry do not sum to zero."""


def charged(lines: Iterable[Line], tax: Iterable[TaxLine]) -> Postings:
    """A charge: owed with tax, sold net per plan, credit balance used or granted."""
    lines, tax = tuple(lines), tuple(tax)
    net = net_cents(lines)
    used = -sum(line.amount_cents for line in lines if line.kind == "credit_balance")
    total = net + sum(line.amount_cents for line in tax)
    revenue: dict[str, int] = {}
    for line in lines:
        if line.kind not in SETTLING:
            revenue[line.plan] = revenue.get(line.plan, 0) - line.amount_cents
    return balanced(
        Posting("receivable", max(total, 0)),
        *(Posting("revenue", amount, plan) for plan, amount in revenue.items()),
        *(Posting("tax", -line.amount_cents, tax_account(line)) for line in tax),
        Posting("customer_credit", used - max(-total, 0)),
        *(Posting(kind, -sum(line.amount_cents for line in lines if line.kind == kind)) for kind in _OWN_ACCOUNT),
    )


def tax_account(tax: TaxLine) -> str:
    """The tax account of a country, category and rate, such as `DE S 19`."""
    account = f"{tax.category} {float(tax.rate_percent):g}"
    return account if tax.country is None else f"{tax.country} {account}"


def received(*, applied_cents: int, over_cents: int = 0) -> Postings:
    """Money received: for what is owed, and beyond it."""
    return balanced(
        Posting("cash", applied_cents + over_cents),
        Posting("receivable", -applied_cents),
        Posting("unapplied", -over_cents),
    )


def taken_back(*, reopened_cents: int, unapplied_cents: int) -> Postings:
    """Money taken back by a customer's bank or at the provider: what it had paid is owed again."""
    return balanced(
        Posting("receivable", reopened_cents),
        Posting("unapplied", unapplied_cents),
        Posting("cash", -reopened_cents - unapplied_cents),
    )


def applied(amount_cents: int) -> Postings:
    """Money that was owed back pays a charge."""
    return balanced(Posting("unapplied", amount_cents), Posting("receivable", -amount_cents))


def credited(
    *,
    net_cents: Mapping[str, int],
    tax_cents: Mapping[str, int],
    open_cents: int,
    unapplied_cents: int,
    balance: tuple[int, int] = (0, 0),
) -> Postings:
    """A credit note with its tax: off what is open of an invoice; what money or a balance has paid is owed back.

    `net_cents` by plan and `tax_cents` by tax account are what is given back, each above 0; `balance` is the signed
    credit balance before and after.
    """
    return balanced(
        *(Posting("revenue", amount, plan) for plan, amount in net_cents.items()),
        *(Posting("tax", amount, rate) for rate, amount in tax_cents.items()),
        Posting("receivable", -open_cents),
        Posting("unapplied", -unapplied_cents),
        *balance_moved(*balance),
    )


def balance_moved(before_cents: int, after_cents: int) -> Postings:
    """A signed credit balance that changes: above 0 it is owed to the customer, below 0 it is carried."""
    return (
        Posting("customer_credit", max(before_cents, 0) - max(after_cents, 0)),
        Posting("carried", max(-after_cents, 0) - max(-before_cents, 0)),
    )


def owed_less(amount_cents: int) -> Postings:
    """An open charge that the credit balance pays, without money."""
    return balanced(Posting("customer_credit", amount_cents), Posting("receivable", -amount_cents))


def carried(before_cents: int, after_cents: int) -> Postings:
    """Post a rest too small to be collected: it lowers the signed credit balance instead."""
    return balanced(Posting("receivable", after_cents - before_cents), *balance_moved(before_cents, after_cents))


def waived(amount_cents: int) -> Postings:
    """Money that the customer does not want back."""
    return balanced(Posting("unapplied", amount_cents), Posting("revenue", -amount_cents, "waived"))


def written_off(amount_cents: int) -> Postings:
    """A debt that will not be paid any more."""
    return balanced(Posting("bad_debt", amount_cents), Posting("receivable", -amount_cents))


def refunded(amount_cents: int) -> Postings:
    """Money received for nothing, sent back."""
    return balanced(Posting("unapplied", amount_cents), Posting("cash", -amount_cents))


def balanced(*postings: Posting) -> Postings:
    """The postings that move anything; raises `Unbalanced`."""
    if difference := sum(posting.amount_cents for posting in postings):
        raise Unbalanced(f"{difference} too much on one side")
    return tuple(posting for posting in postings if posting.amount_cents)
