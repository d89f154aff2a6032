from itertools import product

import pytest

from data_contracts.catalogue import reference_texts
from recommender.billing.catalogue import Plan
from recommender.billing.catalogue_build import load_catalogue
from recommender.row import KEPT, RULES, Place, Shelf, row, rule_of
from tests.recommender.ranking.builders import make_plan

PLANS = {plan.code: plan for plan in load_catalogue(*reference_texts()).plans}
ECOMMERCE = ("ecommerce-basic", "ecommerce-scale", "ecommerce-enterprise")
SUPPORT = ("support-basic", "support-scale", "support-enterprise")


def cards(
    *best_first: str, first: str | None = None, held: str | None = None, families: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    places = row(
        plans=[PLANS[code] for code in best_first],
        first=first or best_first[0],
        held=held,
        families=families,
        cards_on_trial=3,
    )
    return [(place.plan, place.shown_as) for place in places]


def test_on_a_trial_the_recommended_plan_stands_between_its_neighbours() -> None:
    assert cards("ecommerce-scale", "ecommerce-enterprise", "ecommerce-basic") == [
        ("ecommerce-scale", "recommended"),
        ("ecommerce-basic", "below"),
        ("ecommerce-enterprise", "above"),
    ]


def test_beside_the_lowest_plan_the_row_goes_on_upwards() -> None:
    assert cards("ecommerce-basic", "ecommerce-enterprise", "ecommerce-scale") == [
        ("ecommerce-basic", "recommended"),
        ("ecommerce-scale", "above"),
        ("ecommerce-enterprise", "further"),
    ]


def test_the_plan_held_comes_second_wherever_the_ranker_put_it() -> None:
    assert cards("ecommerce-enterprise", "ecommerce-scale", "ecommerce-basic", held="ecommerce-basic") == [
        ("ecommerce-enterprise", "recommended"),
        ("ecommerce-basic", "held"),
        ("ecommerce-scale", "below"),
    ]


def test_a_plan_held_of_another_family_brings_its_family_after_the_recommended_one() -> None:
    shown = cards(*ECOMMERCE, *SUPPORT, held="support-scale", families=("ecommerce",))

    assert shown == [
        ("ecommerce-basic", "recommended"),
        ("support-scale", "held"),
        ("ecommerce-scale", "above"),
        ("ecommerce-enterprise", "further"),
    ]


def test_no_family_without_a_template_is_shown() -> None:
    only_two = cards("ecommerce-basic", "ecommerce-scale", *SUPPORT)
    with_template = cards("ecommerce-basic", "ecommerce-scale", *SUPPORT, families=("support",))

    assert [plan for plan, _ in only_two] == ["ecommerce-basic", "ecommerce-scale"]
    assert with_template[2] == ("support-basic", "other_family")  # the nearest tier of it


def test_three_cards_on_a_trial_and_four_with_a_plan() -> None:
    everything = tuple(PLANS)
    families = tuple({plan.family for plan in PLANS.values()})

    assert len(cards(*everything, families=families)) == 3
    assert len(cards(*everything, families=families, held="support-scale")) == 4
    assert len(cards(*everything, families=families, held="not-on-sale")) == 3


def test_two_cards_never_differ_in_name_alone() -> None:
    one, same, dearer = (
        make_plan(code, tier=tier, price_cents=price, limits={"seats": 3})
        for code, tier, price in (("one", 1, 100), ("same", 2, 100), ("dearer", 3, 200))
    )

    shown = row(plans=[one, same, dearer], first="one", held=None, families=(), cards_on_trial=3)
    held = row(plans=[one, same, dearer], first="one", held="same", families=(), cards_on_trial=3)

    assert shown == (Place("one", "recommended"), Place("dearer", "further"))
    assert Place("same", "held") in held


def test_the_table_has_neither_gaps_nor_doubles() -> None:
    """Whoever is first and held: each plan of its family and of the families of one's own has exactly one rule."""
    names = [name for name, _ in RULES]
    assert len(set(names)) == len(names)
    assert names[:2] == [name for name in names if name in KEPT]
    for first, held in product(PLANS.values(), (None, *PLANS)):
        family = [plan.tier for plan in PLANS.values() if plan.family == first.family]
        own = frozenset({"leads"}) | ({PLANS[held].family} if held else set())
        shelf = Shelf(
            first,
            held,
            own,
            below=max((tier for tier in family if tier < first.tier), default=None),
            above=min((tier for tier in family if tier > first.tier), default=None),
        )
        for plan in PLANS.values():
            expected = plan.family in own | {first.family}
            assert (rule_of(plan, shelf) is not None) == expected
        by_rule = [rule_of(plan, shelf) for plan in PLANS.values()]
        assert by_rule.count("recommended") == 1
        assert by_rule.count("held") == (held is not None and held != first.code)


@pytest.mark.parametrize("rule", [name for name, _ in RULES])
def test_every_rule_shows_somebody(rule: str) -> None:
    seen = cards(*ECOMMERCE, held="support-scale") + cards(*reversed(ECOMMERCE), *SUPPORT, held="ecommerce-basic")
    seen += cards("ecommerce-basic", "support-scale", families=("support",))
    seen += cards("ecommerce-basic", *SUPPORT, held="support-scale")

    assert rule in {shown_as for _, shown_as in seen}


def test_plans_are_told_apart_by_what_they_hold() -> None:
    plans: list[Plan] = [make_plan("a", limits={"seats": 3}), make_plan("b", tier=2, limits={"seats": 5})]

    assert len(row(plans=plans, first="a", held=None, families=(), cards_on_trial=3)) == 2
