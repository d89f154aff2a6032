from dataclasses import replace

import pytest

from recommender.billing.account import Account
from recommender.billing.catalogue import Plan
from recommender.billing.eligibility import Applicant
from recommender.billing.plan_change import (
    HeldPlanUnknown,
    NextInvoice,
    PeriodIsOver,
    decide_plan_change,
    next_invoice_of,
)
from recommender.billing.subscription import Subscription, Wish
from tests.recommender.billing.builders import (
    ANYONE,
    UNLIMITED,
    at,
    carried_out,
    choose,
    feature,
    make_plan,
    paying,
    span,
    trial,
)
from tests.recommender.billing.shop import BASIC, JUNE, KNOWN, MID_JUNE, SCALE, SUPPORT


def test_an_upgrade_happens_now_and_keeps_the_anchor() -> None:
    change = choose(paying(BASIC, period=JUNE), SCALE, MID_JUNE)

    assert (change.direction, change.timing, change.effective_at) == ("upgrade", "now", MID_JUNE)
    assert [(line.kind, line.amount_cents) for line in change.lines] == [
        ("unused_time", -9500),
        ("remaining_time", 24500),
    ]
    assert change.net_cents == 15000
    assert change.next_invoice == NextInvoice(at("2025-07-01"), 49000)
    assert (change.after.plan, change.after.anchor) == (SCALE, at("2025-06-01"))


def test_an_upgrade_blends_the_allowance_of_the_period() -> None:
    (conversations,) = choose(paying(BASIC, period=JUNE), SCALE, MID_JUNE).allowance

    assert (conversations.metric, conversations.this_period, conversations.then) == ("conversations", 75_000, 100_000)


def test_an_upgrade_says_what_is_gained() -> None:
    change = choose(paying(BASIC, period=JUNE), SCALE, MID_JUNE)

    assert [(d.kind, d.code) for d in change.gained] == [
        ("integration", "zendesk"),
        ("feature", "white_label"),
        ("limit", "conversations"),
        ("limit", "documents"),
    ]
    assert change.lost == ()


def test_a_lateral_change_at_equal_prices_costs_nothing() -> None:
    change = choose(paying(BASIC, period=JUNE), SUPPORT, MID_JUNE)

    assert (change.direction, change.timing, change.net_cents) == ("lateral", "now", 0)
    assert [line.amount_cents for line in change.lines] == [-9500, 9500]


def test_a_downgrade_waits_for_the_end_of_the_period() -> None:
    change = choose(paying(SCALE, period=JUNE), BASIC, MID_JUNE, account=KNOWN)

    assert (change.direction, change.timing, change.effective_at) == ("downgrade", "period_end", at("2025-07-01"))
    assert (change.lines, change.net_cents) == ((), 0)
    assert change.next_invoice == NextInvoice(at("2025-07-01"), 19000)
    assert [(a.this_period, a.then) for a in change.allowance] == [(100_000, 50_000)]
    assert [d.code for d in change.lost] == ["zendesk", "white_label", "conversations", "documents"]


def test_a_scheduled_change_leaves_everything_else_as_it_is() -> None:
    before = paying(SCALE, period=JUNE)

    after = carried_out(choose(before, BASIC, MID_JUNE, account=KNOWN))

    assert after.scheduled is not None
    assert (after.scheduled.plan, after.scheduled.effective_at) == (BASIC, at("2025-07-01"))
    assert replace(after, scheduled=None) == before


def test_a_second_wish_replaces_the_scheduled_one() -> None:
    scheduled = choose(paying(SCALE, period=JUNE), BASIC, MID_JUNE, account=KNOWN).after

    after = choose(scheduled, SUPPORT, MID_JUNE, account=KNOWN).after

    assert after.scheduled is not None
    assert after.scheduled.plan == SUPPORT


def test_an_upgrade_replaces_the_scheduled_downgrade() -> None:
    enterprise = make_plan("enterprise", tier=3, month=189000)
    scheduled = choose(paying(SCALE, period=JUNE), BASIC, MID_JUNE, account=KNOWN).after

    after = choose(scheduled, enterprise, MID_JUNE).after

    assert (after.plan, after.scheduled) == (enterprise, None)


def test_from_annual_to_monthly_waits_for_the_end_of_the_year_even_upwards() -> None:
    year = span("2025-06-01", "2026-06-01")
    subscription = paying(BASIC, period=year, interval="year")

    change = choose(subscription, SCALE, MID_JUNE)

    assert (change.direction, change.timing, change.effective_at) == ("upgrade", "period_end", at("2026-06-01"))


def test_a_longer_interval_moves_the_anchor_and_keeps_the_counter() -> None:
    change = choose(paying(BASIC, period=JUNE), BASIC, MID_JUNE, interval="year")

    assert (change.direction, change.timing, change.net_cents) == ("upgrade", "now", 190000 - 9500)
    assert change.after.period == span("2025-06-16", "2026-06-16")
    assert change.next_invoice == NextInvoice(at("2026-06-16"), 190000)
    # 25,000 for the half of June that was held and 50,000 for the month from the 16th
    assert [(a.this_period, a.then) for a in change.allowance] == [(75_000, 50_000)]


def test_the_same_plan_at_the_same_interval_is_nothing_to_change_and_says_so() -> None:
    subscription = paying(BASIC, period=JUNE)

    change = choose(subscription, BASIC, MID_JUNE)

    assert (change.direction, change.timing, change.effective_at, change.lines) == ("none", "never", None, ())
    assert [blocker.code for blocker in change.blockers] == ["nothing_to_change"]
    assert change.after == subscription


@pytest.mark.parametrize("plan", [BASIC, SCALE, SUPPORT])
def test_during_the_trial_any_plan_starts_now_at_full_price(plan: Plan) -> None:
    change = choose(trial(), plan, at("2025-06-10"))

    assert (change.direction, change.timing, change.effective_at) == ("start", "now", at("2025-06-10"))
    assert [line.kind for line in change.lines] == ["full_period"]
    assert change.net_cents == plan.price_cents["month"]
    assert (change.after.status, change.after.period) == ("active", span("2025-06-10", "2025-07-10"))
    assert (change.gained, change.lost) == ((), ())


def test_an_ended_subscription_starts_again_without_credit() -> None:
    ended = replace(paying(SCALE, period=JUNE), status="ended")

    change = choose(ended, BASIC, at("2025-08-05"))

    assert (change.direction, change.net_cents) == ("start", 19000)
    assert [a.this_period for a in change.allowance] == [50_000]


def test_a_blocked_downgrade_shows_every_blocker() -> None:
    account = Account(
        Applicant(country="DE"),
        None,
        stock_usage={"documents": 1200, "assistants": 4},
        in_use={"zendesk": None},
    )

    change = choose(paying(SCALE, period=JUNE), BASIC, MID_JUNE, account=account)

    codes = [blocker.code for blocker in change.blockers]
    assert codes == ["documents_over_limit", "assistants_over_limit", "integration_in_use"]


def test_what_is_held_where_nobody_knows_the_plan_cannot_be_changed() -> None:
    wish = Wish(BASIC, "month", catalogue_version="v1", currency="EUR")

    with pytest.raises(HeldPlanUnknown):
        decide_plan_change(account=ANYONE, wish=wish, now=MID_JUNE)


def test_a_plan_that_is_not_sold_at_the_interval_has_a_refusal_and_no_lines() -> None:
    change = choose(trial(), make_plan("monthly-only", month=100), at("2025-06-10"), interval="year")

    assert [blocker.code for blocker in change.blockers] == ["interval_not_sold"]
    assert (change.lines, change.next_invoice, change.allowance) == ((), None, ())


def test_an_open_invoice_is_paid_before_a_change_that_happens_now() -> None:
    subscription = paying(SCALE, period=JUNE, status="past_due")

    up = choose(subscription, make_plan("enterprise", tier=3, month=189000), MID_JUNE)
    down = choose(subscription, BASIC, MID_JUNE, account=KNOWN)

    assert [(b.code, b.remedy) for b in up.blockers] == [("payment_overdue", "pay_open_invoice")]
    assert down.blockers == ()


def test_a_period_that_was_not_closed_is_refused() -> None:
    with pytest.raises(PeriodIsOver):
        choose(paying(BASIC, period=JUNE), SCALE, at("2025-07-01"))


def test_a_month_of_a_year_that_was_not_closed_is_refused() -> None:
    subscription = paying(BASIC, period=span("2025-06-01", "2026-06-01"), interval="year")

    with pytest.raises(PeriodIsOver):
        choose(subscription, SCALE, at("2025-08-01"), interval="year")


def test_a_second_change_at_the_same_instant_credits_exactly_what_the_first_charged() -> None:  # B2.5
    enterprise = make_plan("enterprise", tier=3, month=189000)
    odd = at("2025-06-11T07:13:59")

    first = choose(paying(BASIC, period=JUNE), SCALE, odd)
    second = choose(first.after, enterprise, odd)

    assert first.lines[1].amount_cents == -second.lines[0].amount_cents


def test_an_unlimited_allowance_is_said_to_be_none() -> None:
    boundless = make_plan("boundless", tier=2, month=1, limits={"conversations": UNLIMITED})

    (conversations,) = choose(paying(BASIC, period=JUNE), boundless, MID_JUNE).allowance

    assert (conversations.this_period, conversations.then) == (None, None)


def test_a_subscription_that_pays_nothing_has_no_next_invoice() -> None:
    assert next_invoice_of(trial()) is None


def test_a_paying_subscription_needs_a_plan() -> None:
    with pytest.raises(ValueError, match="has a plan"):
        Subscription(status="active", period=JUNE)


def test_a_text_that_changes_is_shown_on_both_sides() -> None:
    mail = replace(feature("support", included=True), value="mail")
    old = make_plan("old", tier=1, features=(mail,))
    new = make_plan("new", tier=2, features=(replace(mail, value="chat"),))

    change = choose(paying(old, period=JUNE), new, MID_JUNE)

    assert [(d.before, d.after) for d in change.gained] == [("mail", "chat")]
    assert change.gained == change.lost
