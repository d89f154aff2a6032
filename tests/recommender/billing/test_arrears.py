"""What an open invoice stops, asked of the table, and how a suspended subscription goes on."""

from dataclasses import replace
from typing import get_args

import pytest

from recommender.billing.account import Account
from recommender.billing.change_rules import Timing
from recommender.billing.dunning import WHAT_ARREARS_STOP, Arrears, OpenInvoices, arrears_of
from recommender.billing.plan_change import next_invoice_of
from recommender.billing.quota import allowance_of
from recommender.billing.renewal import NothingToClose, due_at, resume
from recommender.billing.subscription import PaidTime, ScheduledChange, Status, Subscription
from tests.recommender.billing.builders import ANYONE, at, choose, make_plan, paying, span

BASIC = make_plan("basic", month=3000, year=36000, limits={"conversations": 100})
SCALE = make_plan("scale", tier=2, month=6000, year=72000, limits={"conversations": 200})
JUNE = span("2025-06-01", "2025-07-01")


def held(status: Status = "active", **changes: object) -> Subscription:
    return replace(paying(BASIC, period=JUNE, status=status), **changes)  # type: ignore[arg-type]


def codes(subscription: Subscription, plan: str, account: Account = ANYONE) -> list[str]:
    change = choose(subscription, {"basic": BASIC, "scale": SCALE}[plan], at("2025-06-16"), account=account)
    return [blocker.code for blocker in change.blockers]


def test_the_table_speaks_of_every_state_and_only_of_timings_there_are() -> None:
    assert set(WHAT_ARREARS_STOP) == set(get_args(Arrears))
    assert {timing for stops in WHAT_ARREARS_STOP.values() for timing in stops} <= set(get_args(Timing))


def test_the_worse_of_subscription_and_invoices_counts() -> None:
    found = {
        (status, invoices): arrears_of(status, invoices=invoices)
        for status in get_args(Status)
        for invoices in get_args(OpenInvoices)
    }
    assert {found[key] for key in found if key[0] == "suspended"} == {"suspended"}
    assert {found[key] for key in found if key[0] == "past_due"} == {"overdue"}
    assert [found["ended", invoices] for invoices in get_args(OpenInvoices)] == list(get_args(OpenInvoices))


@pytest.mark.parametrize(
    ("status", "invoices", "code"),
    [
        ("active", "collecting", "payment_pending"),
        ("active", "overdue", "payment_overdue"),
        ("past_due", "none", "payment_overdue"),
        ("suspended", "none", "subscription_suspended"),
    ],
)
def test_unpaid_time_is_never_credited(status: Status, invoices: OpenInvoices, code: str) -> None:
    assert codes(held(status), "scale", replace(ANYONE, open_invoices=invoices)) == [code]


def test_a_downgrade_at_the_periods_end_goes_through_while_an_invoice_is_open_but_not_when_suspended() -> None:
    scale = replace(paying(SCALE, period=JUNE), status="past_due")

    assert codes(scale, "basic", replace(ANYONE, open_invoices="overdue")) == []
    assert codes(replace(scale, status="suspended"), "basic") == ["subscription_suspended"]


def test_who_has_ended_and_owes_starts_again_when_it_has_paid() -> None:
    ended = Subscription("ended", JUNE)

    assert codes(ended, "basic", replace(ANYONE, open_invoices="overdue")) == ["payment_overdue"]
    assert codes(ended, "basic") == []


def test_where_nobody_knows_what_was_paid_nothing_is_credited() -> None:
    unknown = held(paid=PaidTime(3000, 0, known=False))

    assert codes(unknown, "scale") == ["paid_amount_unknown"]
    assert codes(replace(unknown, plan=SCALE), "basic") == []


def test_what_is_suspended_is_not_renewed() -> None:
    suspended = held("suspended")

    assert due_at(suspended) is None
    assert next_invoice_of(suspended) is None
    assert codes(replace(suspended, period=span("2025-05-01", "2025-06-01")), "scale") == ["subscription_suspended"]


def test_within_a_paid_year_the_months_of_a_suspended_subscription_still_close() -> None:
    year = paying(BASIC, period=span("2025-06-01", "2026-06-01"), interval="year", status="suspended")

    assert due_at(year) == at("2025-07-01")


def test_cured_within_its_period_it_goes_on_at_no_charge() -> None:
    cured = resume(subscription=held("suspended"), usage={}, now=at("2025-06-20"))

    assert (cured.lines, cured.after) == ((), held())


def test_cured_after_its_period_the_rest_of_the_present_one_is_charged_and_the_anchor_stays() -> None:
    cured = resume(subscription=held("suspended"), usage={}, now=at("2025-08-16T12:00:00"))

    assert [(line.kind, line.amount_cents) for line in cured.lines] == [("remaining_time", 1500)]
    assert (cured.after.period, cured.after.anchor) == (span("2025-08-01", "2025-09-01"), at("2025-06-01"))
    assert cured.after.paid == PaidTime(3000, 1500)
    assert allowance_of(cured.after.holdings, metric="conversations") == 50
    assert due_at(cured.after) == at("2025-09-01")


def test_a_change_that_waited_meanwhile_is_dropped_and_said() -> None:
    waiting = ScheduledChange(SCALE, "month", "v1", at("2025-07-01"))

    cured = resume(subscription=held("suspended", scheduled=waiting), usage={}, now=at("2025-07-16"))

    assert (cured.refused, cured.after.scheduled) == (waiting, None)
    assert [blocker.code for blocker in cured.blockers] == ["subscription_suspended"]


def test_only_what_is_suspended_can_be_resumed() -> None:
    with pytest.raises(NothingToClose):
        resume(subscription=held(), usage={}, now=at("2025-06-20"))
