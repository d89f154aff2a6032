import pytest

from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker
from recommender.ranking.situation import PlanTable, Situations
from tests.recommender.ranking import conformance
from tests.recommender.ranking.builders import make_plan, make_table, random_situations

RANKERS: tuple[Ranker, ...] = (RuleRanker(),)
"""Every implementation that serves; a trained one has its own test that runs the same checks."""

TABLES = {
    "families": make_table(),
    "bare": make_table(make_plan("free", price_cents=0), make_plan("pro", tier=2, price_cents=1200)),
    "one plan": make_table(make_plan("only")),
}


@pytest.mark.parametrize("ranker", RANKERS, ids=lambda ranker: ranker.name)
@pytest.mark.parametrize("check", conformance.OF_THE_RANKER, ids=lambda check: check.__name__)
def test_every_ranker(check: object, ranker: Ranker) -> None:
    assert callable(check)
    check(ranker)


@pytest.mark.parametrize("ranker", RANKERS, ids=lambda ranker: ranker.name)
@pytest.mark.parametrize("plans", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("check", conformance.OF_ITS_ANSWERS, ids=lambda check: check.__name__)
def test_every_rankers_answers(check: object, plans: PlanTable, ranker: Ranker) -> None:
    situations: Situations = random_situations(plans, n=300, seed=7)
    assert callable(check)
    check(ranker, situations, plans)
