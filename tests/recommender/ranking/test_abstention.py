import numpy as np
import pytest

from recommender.ranking.abstention import TIED, is_near_tie

TIERS = np.array([1.0, 2.0, 1.0])


def tie(*utilities: float, by_rules: int, tiers: np.ndarray = TIERS) -> bool:
    return is_near_tie(np.array(utilities), np.eye(len(utilities))[by_rules], tiers[: len(utilities)])


def test_two_families_alike_at_one_tier_are_left_to_the_rules() -> None:
    assert tie(1.0, 0.0, 1.0 - TIED / 2, by_rules=2)
    assert tie(1.0, 0.0, 1.0 - TIED / 2, by_rules=0)


def test_a_clear_lead_is_no_tie() -> None:
    assert not tie(1.0, 0.0, 1.0 - 2 * TIED, by_rules=0)


def test_a_tie_between_tiers_is_the_rankers_to_break_unless_the_rules_agree() -> None:
    assert not tie(1.0, 1.0 - TIED / 2, 0.0, by_rules=1)
    assert tie(1.0, 1.0 - TIED / 2, 0.0, by_rules=0)


def test_the_rules_do_not_bring_up_what_the_ranker_tells_apart() -> None:
    assert not tie(1.0, 1.0 - TIED / 2, 0.0, by_rules=2)


@pytest.mark.parametrize("utilities", [(1.0,), ()])
def test_where_there_is_no_choice_there_is_no_tie(utilities: tuple[float, ...]) -> None:
    assert not is_near_tie(np.array(utilities), np.array(utilities), TIERS[: len(utilities)])
