"""Who may answer: better than the rules and popularity, and not behind the champion."""

from models.gate import verdict
from models.judge import Figures


def figures(hit: float, log_loss: float | None) -> Figures:
    return Figures(hit_at_1=hit, ndcg_at_3=hit, log_loss=log_loss, calibration_error=None, expected_hit_at_1=None)


RULES = figures(0.40, None)
POPULARITY = figures(0.30, 2.0)


def test_a_ranker_that_beats_rules_and_popularity_is_promoted() -> None:
    said = verdict({"model": figures(0.50, 1.5), "rules": RULES, "popularity": POPULARITY})

    assert said.promoted
    assert said.failed == ()


def test_a_ranker_no_better_than_the_rules_is_refused_with_every_reason() -> None:
    said = verdict({"model": figures(0.40, 2.5), "rules": RULES, "popularity": POPULARITY})

    assert not said.promoted
    assert said.failed == (
        "it is not above the rules in hit@1",
        "it is not above the rules in NDCG@3",
        "its log-loss is not below popularity's",
    )


def test_a_ranker_behind_the_champion_is_refused() -> None:
    said = verdict(
        {"model": figures(0.50, 1.5), "rules": RULES, "popularity": POPULARITY, "champion": figures(0.50, 1.4)}
    )

    assert said.failed == ("its log-loss is above the champion's",)


def test_a_ranker_equal_to_the_champion_may_replace_it() -> None:
    model = figures(0.50, 1.5)

    assert verdict({"model": model, "rules": RULES, "popularity": POPULARITY, "champion": model}).promoted
