"""What the guard decided by is said as it is: enough, or only cheaper."""

from recommender.ranking.derived import Facts
from recommender.ranking.guard_facts import enough
from tests.recommender.ranking.builders import make_situations, make_table

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
