"""What the guard decided by is said as it is: enough, or only cheaper."""

from fractions import Fraction

import pytest

from recommender.ranking.derived import Facts
from recommender.ranking.guard_facts import enough
from recommender.ranking.reasons import explain
from recommender.ranking.rules import RuleRanker
from tests.recommender.ranking.builders import make_plan, make_situations, make_table

TABLE = make_table()
KNOWN = {"documents": 500.0, "assistants": 2.0, "seats": 2.0}
BOTH = ("ecommerce-basic", "ecommerce-scale")


def test_a_plan_whose_own_limit_is_passed_is_cheaper_and_not_enough() -> None:
    """Twelve assistants are over the one limit of both plans; two fit into each."""
    said = []
    for assistants in (2.0, 12.0):
        facts = Facts(make_situations(TABLE, levels=KNOWN | {"assistants": assistants}, eligible=BOTH), TABLE)
        places = {"plan": TABLE.codes.index(BOTH[0]), "rival": TABLE.codes.index(BOTH[1])}
        said.append([fact.code for fact in enough(facts, **places)])

    assert said == [["enough"], ["bill_lower"]]


@pytest.mark.parametrize("held", ["help-scale", None])
def test_a_saving_that_the_alternative_brings_too_is_no_reason(held: str | None) -> None:
    """120,000 conversations: 690 € on Shop Scale, 590 € on Help Scale, 1,890 € on the plan that was overruled."""
    plans = make_table(
        *(
            make_plan(
                f"{family}-{name}",
                family=family,
                tier=tier,
                price_cents=price_cents,
                limits={"conversations": conversations},
                templates=[family],
                overage_cents={"conversations": Fraction(cents)},
            )
            for family, cents in (("shop", "1"), ("help", "0.5"))
            for tier, name, price_cents, conversations in (
                (1, "scale", 49_000, 100_000),
                (2, "large", 189_000, 200_000),
            )
        )
    )
    situations = make_situations(plans, per_day={"conversations": 4_000}, templates=["shop"], current=held)
    against = {"alternative": held or "shop-scale", "overruled": "shop-large"}

    explanation = explain(Facts(situations, plans), ranker=RuleRanker(), plan="shop-scale", **against)

    rivals = {reason.code: reason.checks.rival for reason in explanation.reasons}
    assert rivals == ({"template_installed": "help-scale"} if held else {"bill_lower": "shop-large"})
