"""May this plan be taken? A card and a preview give one answer, whatever is known of the organisation."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.intervals import MONTHS_OF
from recommender.billing.account import Account
from recommender.billing.availability import Selection, blockers_at_instant, selection
from recommender.billing.catalogue import Condition, Feature, Interval, Plan, Promotion, Window
from recommender.billing.dunning import OpenInvoices
from recommender.billing.eligibility import Applicant
from recommender.billing.plan_change import decide_plan_change
from recommender.billing.subscription import PaidTime, ScheduledChange, Status, Subscription, Wish
from tests.recommender.billing.builders import ANYONE, at, feature, make_plan, make_promotion, paying, span, trial

JUNE = span("2025-06-01", "2025-07-01")
NOW = at("2025-06-16")
LIMITS = {"conversations": 50_000.0, "assistants": 3.0}
SHOPIFY, NO_SLACK = (feature(code, included=code == "shopify", kind="integration") for code in ("shopify", "slack"))
BASIC = make_plan("basic", year=100_000, limits=LIMITS, features=(SHOPIFY, NO_SLACK))
SCALE = make_plan("scale", tier=2, month=20_000, year=200_000, limits={"assistants": 5})


def account(subscription: Subscription | None = None, **known: object) -> Account:
    return replace(ANYONE, subscription=subscription or trial(), **known)  # type: ignore[arg-type]


def chosen(
    who: Account, plan: Plan, *, interval: Interval = "month", currency: str = "EUR", now: datetime = NOW
) -> Selection:
    return selection(account=who, wish=Wish(plan, interval, "v1", currency), now=now)


def codes(found: Selection) -> list[str]:
    return [blocker.code for blocker in found.blockers]


def test_in_the_trial_every_plan_starts_now() -> None:
    found = chosen(account(), SCALE)

    assert (found.state, found.direction, found.timing, found.effective_at) == ("selectable", "start", "now", NOW)


def test_the_plan_held_now_is_current_and_not_blocked() -> None:
    found = chosen(account(paying(SCALE, period=JUNE), stock_usage={"assistants": 9}), SCALE)

    assert (found.state, found.direction, found.blockers) == ("current", "none", ())


def test_a_lower_tier_waits_for_the_end_of_the_period() -> None:
    found = chosen(account(paying(SCALE, period=JUNE), stock_usage={"assistants": 2}), BASIC)

    assert (found.state, found.direction, found.effective_at) == ("selectable", "downgrade", JUNE.end)


def test_a_change_that_waits_is_scheduled_and_says_what_would_stop_it() -> None:
    waiting = ScheduledChange(BASIC, "month", "v1", JUNE.end)
    held = replace(paying(SCALE, period=JUNE), scheduled=waiting)

    ready = chosen(account(held, stock_usage={"assistants": 2}), BASIC)
    too_many = chosen(account(held, stock_usage={"assistants": 4}), BASIC)

    assert (ready.state, codes(ready)) == ("scheduled", [])
    assert (too_many.state, codes(too_many)) == ("scheduled", ["assistants_over_limit"])


def test_a_plan_that_left_the_catalogue_while_it_waited_is_not_stopped_by_that() -> None:
    ended = replace(BASIC, window=Window(end=at("2025-06-10")))
    waiting = ScheduledChange(ended, "month", "v1", JUNE.end)
    who = account(replace(paying(SCALE, period=JUNE), scheduled=waiting), stock_usage={"assistants": 2})

    assert (chosen(who, ended).state, codes(chosen(who, ended))) == ("scheduled", [])
    assert blockers_at_instant(account=who, waiting=waiting, currency="EUR", now=JUNE.end) == ()


def test_a_blocked_plan_names_every_blocker() -> None:
    who = account(paying(SCALE, period=JUNE), stock_usage={"assistants": 4}, in_use={"shopify": None, "slack": None})

    found = chosen(who, BASIC)

    assert found.state == "blocked"
    assert [(b.code, b.excess) for b in found.blockers] == [("assistants_over_limit", 1), ("integration_in_use", None)]


def test_a_plan_that_is_not_for_sale_is_unavailable() -> None:
    ended = replace(BASIC, window=Window(end=JUNE.start))

    assert chosen(account(), ended).state == "unavailable"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (account(paying(BASIC, period=JUNE), open_invoices="collecting"), "payment_pending"),
        (account(replace(paying(BASIC, period=JUNE), currency="USD")), "other_currency"),
        (account(replace(paying(BASIC, period=JUNE), paid=PaidTime(known=False))), "paid_amount_unknown"),
        (replace(ANYONE, subscription=None), "held_plan_unknown"),
    ],
)
def test_what_only_the_preview_used_to_say_stands_on_the_card_too(who: Account, code: str) -> None:
    found = chosen(who, SCALE)

    assert (found.state, codes(found)) == ("blocked", [code])


def test_tiers_are_compared_as_the_catalogue_of_today_ranks_them() -> None:
    moved_up = account(paying(BASIC, period=JUNE), stock_usage={"assistants": 1}, rank_of_held=3)

    assert chosen(moved_up, SCALE).direction == "downgrade"


LEVELS = st.dictionaries(st.sampled_from(["assistants", "seats", "documents"]), st.none() | st.integers(0, 9))
INSTANTS = st.integers(0, 29).map(lambda days: JUNE.start + timedelta(days=days, hours=1))
WINDOWS = st.sampled_from([Window(), Window(start=at("2025-06-20")), Window(end=at("2025-06-10"))])
CONDITIONS = st.lists(
    st.builds(
        Condition,
        kind=st.sampled_from(["template", "integration"]),
        code=st.sampled_from(["shopify", "ecommerce"]),
        required=st.booleans(),
    ),
    max_size=2,
).map(tuple)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan of any tier, price, limits, window and conditions, sold by the month, by the year or both."""
    prices = draw(st.sampled_from([(1000, None), (None, 9000), (1000, 9000)]))
    limits = draw(st.dictionaries(st.sampled_from(["conversations", "assistants", "seats"]), st.integers(0, 5)))
    slack: tuple[Feature, ...] = (feature("slack", included=draw(st.booleans()), kind="integration"),)
    plan = make_plan(
        draw(st.sampled_from(["a", "b", "c", "d"])),
        tier=draw(st.integers(1, 4)),
        month=prices[0],
        year=prices[1],
        limits={metric: float(value) for metric, value in limits.items()},
        features=slack,
    )
    return replace(
        plan,
        window=draw(WINDOWS),
        conditions=draw(CONDITIONS),
        countries=draw(st.sampled_from([None, frozenset({"DE"}), frozenset({"FR"})])),
        private=draw(st.booleans()),
    )


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    """A trial, an ended or a paid subscription; of the paid ones some are behind, some have a change that waits."""
    status: Status = draw(st.sampled_from(get_args(Status)))
    plan = draw(plans())
    interval: Interval = draw(st.sampled_from(sorted(plan.price_cents)))
    if status == "trial":
        return trial("2025-07-01")
    held = paying(plan, period=JUNE, interval=interval, status=status)
    other = draw(plans())
    waits = ScheduledChange(other, draw(st.sampled_from(sorted(other.price_cents))), "v1", JUNE.end)
    return replace(
        held,
        currency=draw(st.sampled_from([None, "EUR", "USD"])),
        paid=replace(held.paid, known=draw(st.booleans())),
        promotions_used=draw(st.sampled_from([frozenset[str](), frozenset({"welcome"})])),
        scheduled=draw(st.sampled_from([None, waits])) if status != "ended" else None,
    )


ACCOUNTS = st.builds(
    Account,
    st.builds(
        Applicant,
        st.sampled_from(["DE", "FR"]),
        st.frozensets(st.just("ecommerce")),
        st.frozensets(st.just("shopify")),
    ),
    subscriptions(),
    stock_usage=LEVELS,
    in_use=st.dictionaries(st.just("slack"), st.none()),
    open_invoices=st.sampled_from(get_args(OpenInvoices)),
    rank_of_held=st.none() | st.integers(1, 4),
)
PROMOTIONS = st.none() | st.just(make_promotion("a", "b", percent=10))


@given(who=ACCOUNTS, plan=plans(), interval=st.sampled_from(tuple(MONTHS_OF)), promotion=PROMOTIONS, now=INSTANTS)
def test_a_card_says_exactly_what_its_preview_says(
    who: Account, plan: Plan, interval: Interval, promotion: Promotion | None, now: datetime
) -> None:
    wish = Wish(plan, interval, "v1", "EUR", promotion)

    card = selection(account=who, wish=wish, now=now)
    preview = decide_plan_change(account=who, wish=wish, now=now)

    assert (card.direction, card.timing, card.effective_at) == (
        preview.direction,
        preview.timing,
        preview.effective_at,
    )
    if card.state == "current":
        assert [blocker.code for blocker in preview.blockers] == ["nothing_to_change"]
    elif card.state != "scheduled":
        assert card.blockers == preview.blockers
        assert (card.state == "selectable") == (preview.blockers == ())
