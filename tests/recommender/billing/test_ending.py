"""Cancelled, ended at once, paused and resumed: examples, then what holds for any history with all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.billing.ending import Ends, NothingToEnd, NotPaused, cancel, end_now, restart
from recommender.billing.plan_change import decide_plan_change, next_invoice_of
from recommender.billing.promotion_end import promotion_end_of
from recommender.billing.proration import SETTLING, Line, net_cents
from recommender.billing.renewal import Closing, close_window, due_at, resume
from recommender.billing.subscription import Holding, RunningDiscount, Subscription, Wish
from tests.recommender.billing.builders import (
    ANYONE,
    at,
    carried_out,
    choose,
    make_plan,
    make_promotion,
    paying,
    span,
    trial,
)

JUNE = span("2025-06-01", "2025-07-01")
BASIC = make_plan("basic", tier=1, month=19000, limits={"conversations": 1000}, overage={"conversations": Fraction(4)})
SCALE = make_plan("scale", tier=2, month=49000, year=490000)
MIDDLE = at("2025-06-16")


def unused(holdings: Sequence[Holding]) -> Mapping[str, Sequence[int]]:
    return {}


def used(*units: int) -> Mapping[str, Sequence[int]]:
    return {"conversations": units}


def amounts(closing: Closing) -> list[tuple[str, int]]:
    return [(line.kind, line.amount_cents) for line in closing.lines]


def close(subscription: Subscription, *units: int) -> Closing:
    return close_window(subscription=subscription, usage=used(*units) if units else {}, check=lambda *_: ())


def test_what_is_cancelled_ends_with_its_period_and_only_its_overage_is_charged() -> None:
    cancelled = cancel(paying(BASIC, period=JUNE), now=MIDDLE)

    closing = close(cancelled, 1100)

    assert (closing.at, amounts(closing)) == (JUNE.end, [("overage", 400)])
    assert (closing.after.status, closing.after.paying_plan, due_at(closing.after)) == ("ended", None, None)


def test_nothing_regular_follows_a_cancellation() -> None:
    running = paying(BASIC, period=JUNE)
    reduced = replace(running, discount=RunningDiscount(make_promotion("basic", percent=10, cycles=3), 3))

    assert next_invoice_of(cancel(running, now=MIDDLE)) is None
    assert promotion_end_of(cancel(reduced, now=MIDDLE)) is None


def test_a_cancellation_drops_the_change_that_waited_and_a_change_takes_it_back() -> None:
    waiting = carried_out(choose(paying(SCALE, period=JUNE), BASIC, MIDDLE))
    cancelled = cancel(waiting, now=MIDDLE)

    again = choose(cancelled, BASIC, MIDDLE)
    upgraded = choose(cancel(paying(BASIC, period=JUNE), now=MIDDLE), SCALE, MIDDLE)

    assert (cancelled.scheduled, again.withdraws_cancellation, upgraded.withdraws_cancellation) == (None, True, True)
    assert not carried_out(again).cancelled
    assert not carried_out(upgraded).cancelled


def test_the_plan_held_stays_cancelled_when_it_is_asked_for() -> None:
    cancelled = cancel(paying(BASIC, period=JUNE), now=MIDDLE)

    nothing = decide_plan_change(
        account=replace(ANYONE, subscription=cancelled), wish=Wish(BASIC, "month", "v1", "EUR"), now=MIDDLE
    )

    assert (nothing.direction, nothing.withdraws_cancellation, nothing.next_invoice) == ("none", False, None)


def test_what_is_ended_at_once_credits_its_unused_time_and_its_unused_allowance() -> None:
    subscription = paying(BASIC, period=JUNE)

    ended = end_now(
        subscription=subscription, status="ended", usage_of=lambda _: used(600), is_charged=True, now=MIDDLE
    )

    # 500 of 1,000 conversations for half of June: 100 too many at 4; 95 € of 190 € back.
    assert amounts(ended) == [("overage", 400), ("unused_time", -9500)]
    assert (ended.after.status, ended.after.credit_balance_cents) == ("ended", 9100)
    assert [holding.period for holding in ended.windows[-1].holdings] == [span("2025-06-01", "2025-06-16")]


def test_a_debt_that_was_waived_is_not_credited_and_keeps_its_allowance() -> None:
    waived = paying(BASIC, period=JUNE)

    ended = end_now(subscription=waived, status="ended", usage_of=lambda _: used(600), is_charged=False, now=MIDDLE)

    assert (amounts(ended), ended.after.credit_balance_cents) == ([], 0)


def test_a_pause_charges_nothing_and_after_it_a_whole_period_starts() -> None:
    paused = end_now(
        subscription=paying(BASIC, period=JUNE), status="paused", usage_of=unused, is_charged=True, now=MIDDLE
    ).after

    going_on = restart(subscription=paused, now=at("2025-09-10"))

    assert (due_at(paused), next_invoice_of(paused)) == (None, None)
    assert amounts(going_on) == [("full_period", 19000), ("credit_balance", -9500)]
    assert going_on.after.period == span("2025-09-10", "2025-10-10")
    assert (going_on.after.status, going_on.after.credit_balance_cents) == ("active", 0)


def test_nobody_takes_a_plan_while_paused() -> None:
    paused = end_now(
        subscription=paying(BASIC, period=JUNE), status="paused", usage_of=unused, is_charged=True, now=MIDDLE
    ).after

    assert [blocker.code for blocker in choose(paused, SCALE, MIDDLE).blockers] == ["subscription_paused"]


def test_a_paused_subscription_is_cancelled_at_once() -> None:
    paused = paying(BASIC, period=JUNE).over("paused", at=MIDDLE)

    assert cancel(paused, now=MIDDLE).status == "ended"


def test_who_pays_for_nothing_has_nothing_to_end_and_who_is_not_paused_nothing_to_resume() -> None:
    with pytest.raises(NothingToEnd):
        cancel(trial(), now=MIDDLE)
    with pytest.raises(NothingToEnd):
        end_now(subscription=trial(), status="ended", usage_of=unused, is_charged=True, now=MIDDLE)
    with pytest.raises(NotPaused):
        restart(subscription=paying(BASIC, period=JUNE), now=MIDDLE)


def test_a_suspended_subscription_that_was_cancelled_still_ends() -> None:
    suspended = cancel(paying(BASIC, period=JUNE, status="suspended"), now=MIDDLE)

    assert due_at(suspended) == JUNE.end
    assert close(suspended).after.status == "ended"
    assert resume(subscription=suspended, usage={}, now=MIDDLE).after.cancelled


EVENTS = ("cancel", "withdraw", "end", "pause", "resume", "basic", "scale", "year")
histories = st.lists(st.tuples(st.integers(0, 45 * 86_400), st.sampled_from(EVENTS)), min_size=1, max_size=14)


class History:
    """A subscription, what it was billed, and when it was held."""

    def __init__(self) -> None:
        self.now = at("2024-01-31")
        self.subscription = trial()
        self.lines: list[Line] = []
        self.collected_cents = 0

    def bill(self, lines: tuple[Line, ...], after: Subscription) -> None:
        self.lines.extend(lines)
        self.collected_cents += max(net_cents(lines), 0)
        self.subscription = after

    def roll(self) -> None:
        while (due := due_at(self.subscription)) is not None and due <= self.now:
            foretold, held = next_invoice_of(self.subscription), self.subscription
            closing = close(held)
            assert (foretold is None) == held.cancelled
            self.bill(closing.lines, closing.after)

    def does(self, event: str) -> None:
        held = self.subscription
        if event == "cancel" and (held.is_paying or held.status == "paused"):
            self.subscription = cancel(held, now=self.now)
        elif event == "withdraw":
            self.subscription = replace(held, cancelled=False)
        elif event in ("end", "pause") and held.is_paying:
            status: Ends = "ended" if event == "end" else "paused"
            ended = end_now(subscription=held, status=status, usage_of=unused, is_charged=True, now=self.now)
            self.bill(ended.lines, ended.after)
        elif event == "resume" and held.status == "paused":
            closing = restart(subscription=held, now=self.now)
            self.bill(closing.lines, closing.after)
        elif event in ("basic", "scale", "year"):
            plan, interval = (BASIC if event == "basic" else SCALE), ("year" if event == "year" else "month")
            change = choose(held, plan, self.now, interval=interval)  # type: ignore[arg-type]
            if not change.blockers:
                self.bill(change.lines, carried_out(change))


def held_once(lines: Sequence[Line]) -> bool:
    """Charged time less credited time is 0 or 1 at every instant: what was ended is not charged, nothing twice."""
    steps: dict[datetime, int] = {}
    for line in lines:
        layer = {"full_period": 1, "remaining_time": 1, "unused_time": -1}.get(line.kind, 0)
        steps[line.period.start] = steps.get(line.period.start, 0) + layer
        steps[line.period.end] = steps.get(line.period.end, 0) - layer
    level, levels = 0, []
    for instant in sorted(steps):
        level += steps[instant]
        levels.append(level)
    return all(each in (0, 1) for each in levels) and (not levels or levels[-1] == 0)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_no_history_charges_time_that_was_not_held_or_loses_a_cent(history: list[tuple[int, str]]) -> None:
    life = History()
    for gap, event in history:
        life.now += timedelta(seconds=gap)
        life.roll()
        life.does(event)
    if life.subscription.is_paying:
        life.now = max(life.now, life.subscription.period.end - timedelta(seconds=1))
    billed = sum(line.amount_cents for line in life.lines if line.kind not in SETTLING)

    assert held_once(life.lines)
    assert life.collected_cents == billed + life.subscription.credit_balance_cents
    assert all(
        earlier.period.start <= later.period.start
        for earlier, later in pairwise(line for line in life.lines if line.kind == "full_period")
    )
