"""Drift: what moved is named, what is chance is not; distances against formulas of others."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy, norm

from pipelines.metrics.drift import ALARM, COLUMNS, LEAST, drifted, label_drift, psi, tenths

RNG_ROWS = 4_000


def world(seed: int, *, rows: int = RNG_ROWS, shift: float = 0.0) -> pd.DataFrame:
    """A fifth of the rows is now; `moved` has shifted, `same` has not; four rows for each organisation."""
    rng = np.random.default_rng(seed)
    now = np.arange(rows) % 5 == 4
    same, moved = rng.normal(0, 1, rows), rng.normal(0, 1, rows) + shift * now
    plans = rng.choice(np.array(["a", "b", "c"], dtype=object), rows)
    organization = np.array([f"org-{i}" for i in rng.permutation(rows) // 4], dtype=object)
    return drifted({"same": same, "moved": moved}, {"plan": plans}, now=now, organization=organization, seed=seed)


def test_a_shift_is_found_and_the_rest_is_not() -> None:
    found = world(1, shift=0.8).set_index("name")
    assert found["drifted"].to_dict() == {"same": False, "moved": True, "plan": False}
    assert found.loc["moved", "wasserstein"] == pytest.approx(0.8, abs=0.1)


def test_two_parts_of_the_same_raise_no_alarm() -> None:
    """30 worlds, three columns each: 90 chances for a false alarm, also where 80 rows are few for tenths."""
    assert not any(world(seed, rows=rows)["drifted"].any() for seed in range(15) for rows in (600, 4_000))


def test_small_samples_need_more_than_the_usual_alarm() -> None:
    found = world(3, rows=520)
    assert (found.loc[found["name"] != "plan", "alarm"] > ALARM).all()


def test_the_index_is_the_sum_of_both_divergences() -> None:
    """PSI is Kullback and Leibler's divergence there and back; between two normals one apart it is 1."""
    before, now = np.array([400.0, 300, 200, 100]), np.array([100.0, 200, 300, 400])
    p, q = (before + 0.5) / (before + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    assert psi(before, now) == pytest.approx(entropy(p, q) + entropy(q, p))
    edges = np.linspace(-8, 9, 4_000)
    fine = psi(np.diff(norm.cdf(edges)) * 1e9, np.diff(norm.cdf(edges, loc=1)) * 1e9)
    assert fine == pytest.approx(1, abs=0.01)


def test_what_is_missing_is_a_bin_of_its_own() -> None:
    before = np.arange(1_000.0)
    now = np.where(np.arange(1_000) % 2 == 0, np.nan, before)
    binned = tenths(before, now)
    assert int((binned.now == binned.bins - 1).sum()) == 500
    assert np.bincount(binned.before).tolist() == [100] * 10


def test_a_column_that_says_one_thing_only_does_not_move() -> None:
    found = drifted(
        {"constant": np.zeros(1_000)}, {}, now=np.arange(1_000) >= 800,
        organization=np.array([f"{i}" for i in range(1_000)], dtype=object),
    )  # fmt: skip
    assert found["psi"].tolist() == pytest.approx([0], abs=1e-9)
    assert not found["drifted"].any()


def test_too_few_are_not_compared() -> None:
    rows = LEAST * 2 - 1
    found = drifted(
        {"x": np.zeros(rows)}, {}, now=np.arange(rows) >= LEAST, organization=np.array(["o"] * rows, dtype=object)
    )
    assert found.empty
    assert list(found.columns) == list(COLUMNS)


def test_labels_move_when_other_plans_are_taken_than_before() -> None:
    """The journeys that were over in the last fortnight take what is recommended half as often."""
    end = pd.Timestamp("2026-06-01")
    days = np.arange(2_100) % 70
    late = days < 14

    def found(share: float) -> pd.DataFrame:
        taken = np.random.default_rng(2).random(len(days)) < np.where(late, share, 0.6)
        journeys = pd.DataFrame(
            {
                "over": True,
                "started_at": (end - pd.Timedelta(days=14.5) - pd.to_timedelta(days, unit="D")).tz_localize("UTC"),
                "direction": pd.Series(np.where(taken, "recommended", "")).astype("category"),
                "organization_id": [f"org-{i}" for i in range(len(days))],
            }
        )
        return label_drift(journeys, end_us=end.value // 1_000)

    assert found(0.3)["drifted"].tolist() == [True]
    assert found(0.6)["drifted"].tolist() == [False]
    assert found(0.6)[["n_before", "n"]].to_numpy().tolist() == [[1_680, 420]]
