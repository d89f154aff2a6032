"""A challenger that declares another reward than the champion is judged by what the log says it earns."""

import pytest

from models.judging.gate import verdict
from models.judging.uplift import Uplift
from tests.models.judging.test_gate import difference, earned, evidence


@pytest.mark.parametrize(
    ("gained", "outcome"),
    [(earned(2_000.0, "margin", reach=1_000.0), "won"), (earned(500.0, "margin", reach=1_000.0), "level")],
)
def test_one_of_another_reward_wins_by_that_reward_alone(gained: Uplift, outcome: str) -> None:
    level = dict.fromkeys(("log_loss", "log_loss_of_all", "ndcg"), difference(0.0))
    said = verdict(evidence(reward="margin", other_reward=True, earns_over_champion=gained, over_champion=level))

    assert said.outcome == outcome


def test_one_of_another_reward_does_not_win_where_the_log_says_nothing_of_it() -> None:
    unknown = Uplift("margin", None, ("the ranker: the effective sample of 7 is below 100",))

    assert verdict(evidence(reward="margin", other_reward=True, earns_over_champion=unknown)).outcome == "level"


def test_one_that_chance_may_explain_is_level_with_the_champion_and_stays_outside() -> None:
    said = verdict(evidence(over_champion={"log_loss_of_all": difference(0.01), "log_loss": difference(0.05)}))

    assert (said.outcome, said.promoted) == ("level", False)
