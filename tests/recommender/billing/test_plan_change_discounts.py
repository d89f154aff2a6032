from dataclasses import replace

from recommender.billing.plan_change import (
    NextInvoice,
)
from recommender.billing.subscription import RunningDiscount
from tests.recommender.billing.builders import (
    at,
    choose,
    make_plan,
    make_promotion,
    paying,
    trial,
)
from tests.recommender.billing.shop import BASIC, JUNE, KNOWN, MID_JUNE, SCALE, SUPPORT


def test_a_promotion_is_taken_off_before_the_rest_is_prorated() -> None:
    promotion = make_promotion("ecommerce-scale", percent=10)

    change = choose(paying(BASIC, period=JUNE), SCALE, MID_JUNE, promotion=promotion)

    assert [(line.kind, line.amount_cents) for line in change.lines] == [
        ("unused_time", -9500),
        ("remaining_time", 24500),
        ("discount", -2450),
    ]
    assert change.next_invoice == NextInvoice(at("2025-07-01"), 44100)
    assert change.after.promotions_used == {"welcome"}


def test_a_promotion_of_one_cycle_is_gone_on_the_next_invoice() -> None:
    promotion = make_promotion("ecommerce-basic", amount=5000, cycles=1)

    change = choose(trial(), BASIC, at("2025-06-10"), promotion=promotion)

    assert [line.amount_cents for line in change.lines] == [19000, -5000]
    assert change.next_invoice == NextInvoice(at("2025-07-10"), 19000)


def test_discounted_time_is_credited_at_the_discounted_price() -> None:
    promotion = make_promotion("ecommerce-basic", percent=50)
    started = choose(trial(), BASIC, at("2025-06-01"), promotion=promotion).after

    change = choose(started, SCALE, MID_JUNE)

    assert change.lines[0].amount_cents == -4750


def test_a_running_promotion_goes_along_to_a_plan_it_covers() -> None:
    both = make_promotion("ecommerce-basic", "ecommerce-scale", percent=10)
    subscription = replace(paying(BASIC, period=JUNE), discount=RunningDiscount(both, cycles_left=2))

    kept = choose(subscription, SCALE, MID_JUNE)
    lost_by_family = choose(subscription, SUPPORT, MID_JUNE)
    lost_by_interval = choose(subscription, BASIC, MID_JUNE, interval="year")

    assert kept.after.discount == RunningDiscount(both, cycles_left=2)
    assert (lost_by_family.after.discount, lost_by_interval.after.discount) == (None, None)


def test_a_promotion_is_taken_once() -> None:
    promotion = make_promotion("ecommerce-basic", "ecommerce-scale", percent=10)
    started = choose(trial(), BASIC, at("2025-06-01"), promotion=promotion).after

    change = choose(started, SCALE, MID_JUNE, promotion=promotion)

    assert [blocker.code for blocker in change.blockers] == ["promotion_already_used"]


def test_a_scheduled_change_takes_its_promotion_along() -> None:
    promotion = make_promotion("ecommerce-basic", percent=10)

    change = choose(paying(SCALE, period=JUNE), BASIC, MID_JUNE, promotion=promotion, account=KNOWN)

    assert change.next_invoice == NextInvoice(at("2025-07-01"), 17100)


def test_a_negative_net_becomes_a_credit_balance_and_pays_later_charges() -> None:
    cheap = make_plan("cheap-scale", tier=2, month=1000)
    dear = make_plan("dear-scale", tier=3, month=30000)

    first = choose(paying(BASIC, period=JUNE), cheap, MID_JUNE)
    second = choose(first.after, dear, at("2025-06-22"))

    assert (first.net_cents, first.after.credit_balance_cents) == (-9000, 9000)
    assert first.next_invoice == NextInvoice(at("2025-07-01"), 0)
    # 9 of 30 days: 300 back, 9000 to pay, of which the balance pays 8700
    assert [(line.kind, line.amount_cents) for line in second.lines] == [
        ("unused_time", -300),
        ("remaining_time", 9000),
        ("credit_balance", -8700),
    ]
    assert (second.net_cents, second.after.credit_balance_cents) == (0, 300)
