"""The demo world: repeatable, with a truth that is one, and faults that are known."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pipelines.demo.faults import FAULTS
from pipelines.demo.showcase import SHOWCASES
from pipelines.demo.write import Tables, make_demo_data

END = datetime(2026, 6, 1, tzinfo=UTC)


def drawn(*, seed: int = 7, broken_share: float = 0.0) -> tuple[Tables, Tables]:
    return make_demo_data(
        organizations=150, seed=seed, until=END, broken_share=broken_share, progress=lambda _message: None
    )


@pytest.fixture(scope="module")
def clean() -> tuple[Tables, Tables]:
    return drawn()


def test_the_same_seed_gives_the_same_tables(clean: tuple[Tables, Tables]) -> None:
    again = drawn()

    for one, other in zip(clean, again, strict=True):
        for name, table in one.items():
            pd.testing.assert_frame_equal(table, other[name])


@pytest.mark.parametrize("organizations", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_a_world_is_never_too_small(organizations: int, seed: int) -> None:
    """With so few, a round of decisions may be empty, and so may every outcome."""
    tables, _ = make_demo_data(
        organizations=organizations, seed=seed, until=END, broken_share=0.01, progress=lambda _message: None
    )

    assert len(tables["organizations"]) >= organizations


def test_nothing_is_known_that_was_recorded_after_the_data_ends(clean: tuple[Tables, Tables]) -> None:
    assert {name for name, table in clean[0].items() if (table["recorded_at"] >= END).any()} == set()


def test_another_seed_gives_other_usage(clean: tuple[Tables, Tables]) -> None:
    assert not drawn(seed=8)[0]["usage_events"]["quantity"].equals(clean[0]["usage_events"]["quantity"])


def test_the_true_probabilities_of_a_decision_add_up_to_one(clean: tuple[Tables, Tables]) -> None:
    sums = clean[1]["choices"].groupby("decision_id")[["probability", "probability_latent"]].sum()

    assert np.allclose(sums, 1)


def test_what_was_chosen_agrees_with_the_truth_on_average(clean: tuple[Tables, Tables]) -> None:
    """Chosen plans have true probability q on average: the sum of the chosen flags is as the truth foretells."""
    _, truth = make_demo_data(organizations=800, seed=3, until=END, broken_share=0, progress=lambda _message: None)
    choices = truth["choices"]
    likely = choices[choices["probability"].between(0.4, 0.6)]

    standard_error = 0.5 / np.sqrt(len(likely))

    assert len(likely) > 200
    # Position bias moves choices a little from the neutral truth, hence the allowance beside the noise.
    assert abs(likely["chosen"].mean() - likely["probability"].mean()) < 4 * standard_error + 0.06


def test_a_decision_lists_every_plan_once_with_propensities_that_add_up(clean: tuple[Tables, Tables]) -> None:
    decisions = clean[0]["decisions"].groupby("decision_id")

    assert np.allclose(decisions["propensity"].sum(), 1)
    assert (decisions["recommended"].sum() == 1).all()
    assert (decisions["position"].apply(lambda places: sorted(places) == list(range(1, 13)))).all()


def test_nothing_is_recorded_before_it_happened_or_after_the_data_ends(clean: tuple[Tables, Tables]) -> None:
    usage = clean[0]["usage_events"]

    assert (usage["recorded_at"] >= usage["occurred_at"]).all()
    assert (usage["recorded_at"] < END).all()
    assert usage["event_id"].is_unique


def test_some_events_arrive_more_than_an_hour_late(clean: tuple[Tables, Tables]) -> None:
    usage = clean[0]["usage_events"]
    late = (usage["recorded_at"] - usage["occurred_at"]) > pd.Timedelta(hours=1)

    assert 0.01 < late.mean() < 0.03


def test_every_showcase_is_there_and_the_new_one_has_used_nothing(clean: tuple[Tables, Tables]) -> None:
    tables = clean[0]

    assert set(SHOWCASES) <= set(tables["organizations"]["organization_id"])
    assert "demo-new" not in set(tables["usage_events"]["organization_id"])


def test_broken_rows_are_added_and_clean_rows_stay(clean: tuple[Tables, Tables]) -> None:
    tables, truth = drawn(broken_share=0.01)
    faults = truth["faults"]

    assert set(faults["kind"]) == {fault.kind for fault in FAULTS}
    for name, table in tables.items():
        broken = faults.loc[faults["table"] == name, "row"]
        assert len(table) == len(clean[0][name]) + len(broken)
        assert set(broken) == set(range(len(clean[0][name]), len(table)))


def test_no_organisations_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one organisation"):
        make_demo_data(organizations=0, seed=1, until=END, broken_share=0, progress=print)
