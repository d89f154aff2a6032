"""What a plan really costs: as it was sold, with the promotion that counts, for as long as it lasts."""

from dataclasses import replace
from fractions import Fraction

import pytest

from recommender.billing.catalogue import Interval
from recommender.billing.charged import ChargedPrice, charged_price, sold_to
from recommender.billing.subscription import AnnouncedMove, RunningDiscount, ScheduledChange
from tests.recommender.billing.builders import ANYONE, at, make_plan, make_promotion, paying, span, trial

NOW = at("2025-06-16")
JUNE = span("2025-06-01", "2025-07-01")
BASIC, SCALE = make_plan("basic", month=19_000, year=180_000), make_plan("scale", tier=2, month=49_000, year=480_000)
WELCOME = make_promotion("basic", percent=15, cycles=3)


@pytest.mark.parametrize(
    ("cycles", "interval", "charged", "compared"),
    [
        (3, "month", ChargedPrice(Fraction(16_150), Fraction(19_000), 3), Fraction(3 * 16_150 + 9 * 19_000, 12)),
        (12, "month", ChargedPrice(Fraction(16_150), Fraction(19_000), 12), Fraction(16_150)),
        (24, "month", ChargedPrice(Fraction(16_150), Fraction(19_000), 24), Fraction(16_150)),
        (None, "month", ChargedPrice(Fraction(16_150), Fraction(19_000)), Fraction(16_150)),
        (1, "year", ChargedPrice(Fraction(12_750), Fraction(15_000), 12), Fraction(12_750)),
    ],
)
def test_a_promotion_counts_for_as_long_as_it_lasts_within_a_year(
    cycles: int | None, interval: Interval, charged: ChargedPrice, compared: Fraction
) -> None:
    promotion = make_promotion("basic", percent=15, cycles=cycles)

    found = sold_to(replace(ANYONE, subscription=trial()), BASIC, interval, promotions=[promotion], now=NOW)

    assert found.price == charged
    assert found.price.compared_cents == compared
    assert found.promotion == promotion
    assert found.price.averaged == (cycles == 3)


def test_of_several_promotions_the_one_counts_that_saves_most_within_a_year() -> None:
    """Half price for one month saves 95 €, a tenth for ever 228 €."""
    half = make_promotion("basic", percent=50, cycles=1, code="half")
    tenth = make_promotion("basic", percent=10, code="tenth")

    found = sold_to(replace(ANYONE, subscription=trial()), BASIC, "month", promotions=[half, tenth], now=NOW)

    assert found.promotion == tenth


def test_what_is_held_costs_what_it_was_sold_for() -> None:
    old = replace(BASIC, price_cents={"month": 12_000})
    held = paying(old, period=JUNE)
    running = replace(held, discount=RunningDiscount(WELCOME, cycles_left=2))

    for subscription, charged in [
        (held, ChargedPrice(Fraction(12_000), Fraction(12_000))),
        (running, ChargedPrice(Fraction(10_200), Fraction(12_000), 2)),
    ]:
        found = sold_to(replace(ANYONE, subscription=subscription), BASIC, "month", promotions=[WELCOME], now=NOW)
        assert (found.plan, found.price, found.promotion) == (old, charged, None)


def test_a_promotion_in_force_goes_along_to_a_plan_that_it_covers_at_the_same_interval() -> None:
    both = make_promotion("basic", "scale", percent=10)
    held = replace(
        paying(BASIC, period=JUNE), discount=RunningDiscount(both, None), promotions_used=frozenset({"welcome"})
    )
    account = replace(ANYONE, subscription=held)

    assert sold_to(account, SCALE, "month", promotions=[both], now=NOW).price.now_cents == 44_100
    assert sold_to(account, SCALE, "year", promotions=[both], now=NOW).price.now_cents == 40_000


def test_what_waits_costs_what_was_agreed() -> None:
    agreed = replace(BASIC, price_cents={"month": 15_000})
    waiting = ScheduledChange(agreed, "month", "v0", JUNE.end, promotion=WELCOME)
    held = replace(paying(SCALE, period=JUNE), scheduled=waiting)

    found = sold_to(replace(ANYONE, subscription=held), BASIC, "month", promotions=[], now=NOW)

    assert (found.plan, found.price, found.promotion) == (
        agreed,
        ChargedPrice(Fraction(12_750), Fraction(15_000), 3),
        None,
    )


def test_nothing_changes_without_a_promotion() -> None:
    for subscription in (None, trial(), paying(SCALE, period=JUNE)):
        found = sold_to(replace(ANYONE, subscription=subscription), BASIC, "year", promotions=[], now=NOW)
        assert found.price == charged_price(BASIC, "year") == ChargedPrice(Fraction(15_000), Fraction(15_000))
        assert not found.price.averaged


@pytest.mark.parametrize(
    ("cycles", "told", "charged", "compared"),
    [
        (
            None,
            "2025-07-20",
            ChargedPrice(Fraction(19_000), Fraction(25_000), 2),
            Fraction(2 * 19_000 + 10 * 25_000, 12),
        ),
        (None, "2025-07-01", ChargedPrice(Fraction(19_000), Fraction(25_000), 1), Fraction(19_000 + 11 * 25_000, 12)),
        (None, "2026-06-02", ChargedPrice(Fraction(19_000), Fraction(25_000), 13), Fraction(19_000)),
        (
            3,
            "2025-10-31",
            ChargedPrice(Fraction(16_150), Fraction(19_000), 3, ((5, Fraction(25_000)),)),
            Fraction(3 * 16_150 + 2 * 19_000 + 7 * 25_000, 12),
        ),
        (
            3,
            "2025-07-02",
            ChargedPrice(Fraction(16_150), Fraction(21_250), 2, ((3, Fraction(25_000)),)),
            Fraction(2 * 16_150 + 21_250 + 9 * 25_000, 12),
        ),
    ],
)
def test_an_announced_price_counts_from_the_renewal_that_makes_it(
    cycles: int | None, told: str, charged: ChargedPrice, compared: Fraction
) -> None:
    """The first renewal from the day told on; a promotion that lasts longer goes along."""
    discount = None if cycles is None else RunningDiscount(WELCOME, cycles)
    dearer = replace(BASIC, price_cents={"month": 25_000})
    held = replace(
        paying(BASIC, period=JUNE), discount=discount, announced=AnnouncedMove("spring", dearer, "v2", at(told))
    )

    found = sold_to(replace(ANYONE, subscription=held), BASIC, "month", promotions=[], now=NOW)

    assert (found.price, found.price.compared_cents) == (charged, compared)


def test_a_year_that_was_announced_dearer_counts_after_the_year_that_runs() -> None:
    dearer = replace(BASIC, price_cents={"year": 240_000})
    year = paying(BASIC, period=span("2025-01-01", "2026-01-01"), interval="year")
    held = replace(year, announced=AnnouncedMove("spring", dearer, "v2", at("2025-08-01")))

    price = sold_to(replace(ANYONE, subscription=held), BASIC, "year", promotions=[], now=NOW).price

    assert price == ChargedPrice(Fraction(15_000), Fraction(20_000), 12)
    assert not price.averaged
