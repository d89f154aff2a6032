import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from models.choice.choice_likelihood import standardised_likelihood
from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import checked_choices, log_softmax_by_group, segment_starts


def make_choices(
    decisions: int = 400, *, coefficients: tuple[float, ...] = (1.0, -0.5, 0.0), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People who add up what they see with these coefficients, plus taste that nobody sees (Gumbel)."""
    random = np.random.default_rng(seed)
    group_sizes = random.integers(2, 7, decisions)
    X = random.normal(size=(group_sizes.sum(), len(coefficients)))
    felt = X @ np.array(coefficients) + random.gumbel(size=len(X))
    starts = segment_starts(group_sizes)
    return X, felt == np.repeat(np.maximum.reduceat(felt, starts), group_sizes), group_sizes


def shared_data(name: str) -> pd.DataFrame:
    """A public data set that the project does not contain."""
    beside_the_checkout = Path(__file__).parents[3].parent / "shared"
    path = Path(os.environ.get("PLANS_SHARED", beside_the_checkout)) / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not in this checkout; set PLANS_SHARED to the folder that has data/{name}")
    return pd.read_csv(path)


def test_electricity_reproduces_the_published_log_likelihood() -> None:
    table = shared_data("electricity.csv")
    group_sizes = table.groupby("chid", sort=False).size()

    logit = ConditionalLogit().fit(table[["pf", "cl", "loc", "wk", "tod", "seas"]], table["choice"], group_sizes)

    assert round(logit.log_likelihood_, 3) == -4958.649


@pytest.mark.parametrize(("with_constants", "published"), [(False, -1095.237), (True, -1008.229)])
def test_heating_reproduces_the_published_log_likelihood(with_constants: bool, published: float) -> None:
    table = shared_data("heating.csv")
    systems = ["gc", "gr", "ec", "er", "hp"]
    costs = np.stack([table[[f"{cost}.{system}" for system in systems]].to_numpy() for cost in ("ic", "oc")], axis=-1)
    X = costs.reshape(-1, 2)
    constants = np.tile(np.eye(5), (len(table), 1))
    chosen = (table["depvar"].to_numpy()[:, None] == np.array(systems)).ravel()

    logit = ConditionalLogit().fit(np.hstack([X, constants]) if with_constants else X, chosen, np.full(len(table), 5))

    assert round(logit.log_likelihood_, 3) == published


def test_modecanada_without_bus_reproduces_the_published_log_likelihood() -> None:
    table = shared_data("modecanada.csv")
    table = table[(table["noalt"] == 4) & (table["alt"] != "bus")]
    table = table[table.groupby("case")["choice"].transform("sum") == 1]
    mode = {alternative: (table["alt"] == alternative).to_numpy(dtype=float) for alternative in ("car", "train", "air")}
    time = (table["ivt"] + table["ovt"]).to_numpy()
    income = table["income"].to_numpy()
    columns = [
        *(table["cost"], table["freq"]),
        *(mode["train"], mode["air"]),
        *(mode["train"] * income, mode["air"] * income),
        *(dummy * time for dummy in mode.values()),
    ]

    logit = ConditionalLogit().fit(np.column_stack(columns), table["choice"], table.groupby("case").size())

    assert round(logit.log_likelihood_, 3) == -1951.344


def test_known_coefficients_are_recovered() -> None:
    logit = ConditionalLogit().fit(*make_choices(20_000, coefficients=(1.0, -0.5, 0.0)))

    assert logit.coef_ == pytest.approx([1.0, -0.5, 0.0], abs=0.04)


def test_derivatives_agree_with_finite_differences() -> None:
    X, chosen, group_sizes = make_choices(30)
    weights = np.linspace(0.5, 2.0, 30)
    likelihood = standardised_likelihood(checked_choices(X, chosen, group_sizes), weights)
    at = np.array([0.4, -0.3, 0.2])

    gradient, curvature = likelihood.derivatives(at)

    steps = 1e-5 * np.eye(3)
    slopes = [(likelihood.value(at + step) - likelihood.value(at - step)) / 2e-5 for step in steps]
    bends = [(likelihood.derivatives(at - step)[0] - likelihood.derivatives(at + step)[0]) / 2e-5 for step in steps]
    assert gradient == pytest.approx(slopes, abs=1e-7)
    assert curvature == pytest.approx(np.array(bends), abs=1e-7)


def test_the_hessian_is_the_same_over_many_blocks_as_over_one(monkeypatch: pytest.MonkeyPatch) -> None:
    X, chosen, group_sizes = make_choices(50)
    likelihood = standardised_likelihood(checked_choices(X, chosen, group_sizes), np.ones(50))
    _, in_one_block = likelihood.derivatives(np.array([0.4, -0.3, 0.2]))

    monkeypatch.setattr("models.choice.choice_likelihood.ROWS_PER_BLOCK", 3)
    _, in_many = likelihood.derivatives(np.array([0.4, -0.3, 0.2]))

    assert in_many == pytest.approx(in_one_block)


def test_the_order_of_candidates_within_a_decision_does_not_matter() -> None:
    X, chosen, group_sizes = make_choices()
    decision = np.repeat(np.arange(len(group_sizes)), group_sizes)
    shuffled = np.lexsort((np.random.default_rng(1).random(len(X)), decision))

    as_given = ConditionalLogit(ridge=1.0).fit(X, chosen, group_sizes)
    reordered = ConditionalLogit(ridge=1.0).fit(X[shuffled], chosen[shuffled], group_sizes)

    assert reordered.coef_ == pytest.approx(as_given.coef_)


def test_a_constant_added_within_a_decision_changes_nothing() -> None:
    X, chosen, group_sizes = make_choices()
    shift = np.repeat(np.random.default_rng(1).normal(scale=100.0, size=(len(group_sizes), 3)), group_sizes, axis=0)

    as_given = ConditionalLogit(ridge=1.0).fit(X, chosen, group_sizes)
    shifted = ConditionalLogit(ridge=1.0).fit(X + shift, chosen, group_sizes)

    assert shifted.coef_ == pytest.approx(as_given.coef_)


def test_the_unit_of_a_column_changes_its_coefficient_and_nothing_else() -> None:
    X, chosen, group_sizes = make_choices()

    in_euros = ConditionalLogit(ridge=5.0).fit(X, chosen, group_sizes)
    in_cents = ConditionalLogit(ridge=5.0).fit(X * [100.0, 1.0, 1.0], chosen, group_sizes)

    assert in_cents.coef_ * [100.0, 1.0, 1.0] == pytest.approx(in_euros.coef_)
    assert in_cents.log_likelihood_ == pytest.approx(in_euros.log_likelihood_)


def test_a_column_no_decision_can_tell_apart_gets_no_coefficient() -> None:
    X, chosen, group_sizes = make_choices()
    company_size = np.repeat(np.random.default_rng(1).lognormal(5.0, 1.0, len(group_sizes)), group_sizes)

    without = ConditionalLogit().fit(X, chosen, group_sizes)
    with_it = ConditionalLogit().fit(np.column_stack([X, company_size]), chosen, group_sizes)

    assert with_it.coef_[:3] == pytest.approx(without.coef_)
    assert with_it.coef_[3] == 0.0


def test_a_doubled_column_shares_the_coefficient_evenly() -> None:
    X, chosen, group_sizes = make_choices()

    once = ConditionalLogit().fit(X, chosen, group_sizes)
    twice = ConditionalLogit().fit(np.column_stack([X, X[:, 0]]), chosen, group_sizes)

    assert twice.coef_[[0, 3]] == pytest.approx([once.coef_[0] / 2] * 2)


def test_only_constant_columns_leave_every_candidate_equally_likely() -> None:
    logit = ConditionalLogit().fit([[7.0], [7.0], [1.0], [1.0]], [1, 0, 0, 1], [2, 2])

    assert logit.coef_.tolist() == [0.0]
    assert logit.log_likelihood_ == pytest.approx(2 * np.log(0.5))


def test_a_choice_that_one_column_explains_fully_still_ends() -> None:
    logit = ConditionalLogit().fit([[1.0], [0.0]] * 20, [1, 0] * 20, [2] * 20)

    assert np.isfinite(logit.coef_).all()
    assert logit.log_likelihood_ == pytest.approx(0.0, abs=1e-6)


def test_a_ridge_draws_coefficients_towards_zero() -> None:
    choices = make_choices()

    sizes = [float(np.abs(ConditionalLogit(ridge=ridge).fit(*choices).coef_).sum()) for ridge in (0, 10, 100, 1e6)]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.001


def test_a_large_ridge_leaves_what_was_believed_before() -> None:
    believed = [-1.5, 0.0, 2.0]

    logit = ConditionalLogit(ridge=1e9, prior_coef=believed).fit(*make_choices())

    assert logit.coef_ == pytest.approx(believed, abs=1e-4)


def test_with_little_data_a_good_belief_beats_none() -> None:
    X, chosen, group_sizes = make_choices(2_000, seed=1)
    fresh = checked_choices(X, chosen, group_sizes)
    fitted_on = make_choices(15, seed=2)

    informed = ConditionalLogit(ridge=10.0, prior_coef=[1.0, -0.5, 0.0]).fit(*fitted_on)
    blank = ConditionalLogit(ridge=10.0).fit(*fitted_on)

    informed_chances = informed.predict_proba(X, group_sizes)[fresh.chosen == 1.0]
    blank_chances = blank.predict_proba(X, group_sizes)[fresh.chosen == 1.0]
    assert np.log(informed_chances).mean() > np.log(blank_chances).mean()


def test_without_a_ridge_a_belief_has_no_say() -> None:
    choices = make_choices()

    informed = ConditionalLogit(prior_coef=[5.0, 5.0, 5.0]).fit(*choices)

    assert informed.coef_ == pytest.approx(ConditionalLogit().fit(*choices).coef_, abs=1e-6)


def test_a_weight_of_two_counts_as_the_decision_twice() -> None:
    X, chosen, group_sizes = make_choices(50)

    weighted = ConditionalLogit(ridge=2.0).fit(X, chosen, group_sizes, sample_weight=np.full(50, 2.0))
    doubled = ConditionalLogit(ridge=2.0).fit(np.tile(X, (2, 1)), np.tile(chosen, 2), np.tile(group_sizes, 2))

    assert weighted.coef_ == pytest.approx(doubled.coef_)
    assert weighted.log_likelihood_ == pytest.approx(doubled.log_likelihood_)


def test_where_the_search_starts_does_not_matter() -> None:
    choices = make_choices()

    far_off = ConditionalLogit(ridge=1.0).fit(*choices, coef_init=[4.0, -4.0, 4.0])

    assert far_off.coef_ == pytest.approx(ConditionalLogit(ridge=1.0).fit(*choices).coef_, abs=1e-6)


def test_chances_are_the_softmax_of_the_linear_utilities() -> None:
    X, chosen, group_sizes = make_choices()
    logit = ConditionalLogit().fit(X, chosen, group_sizes)

    chances = logit.predict_proba(X, group_sizes)

    assert logit.utilities(X, group_sizes) == pytest.approx(X @ logit.coef_)
    assert np.add.reduceat(chances, segment_starts(group_sizes)) == pytest.approx(np.ones(len(group_sizes)))
    assert np.log(chances[chosen]).sum() == pytest.approx(logit.log_likelihood_)


@pytest.mark.parametrize(
    ("settings", "fitting", "complaint"),
    [
        ({"ridge": -1.0}, {}, "ridge"),
        ({"ridge": float("nan")}, {}, "ridge"),
        ({"prior_coef": [1.0]}, {}, "prior_coef must be 3"),
        ({"prior_coef": [1.0, np.nan, 0.0]}, {}, "prior_coef must be 3 finite"),
        ({}, {"coef_init": [1.0]}, "coef_init"),
        ({}, {"sample_weight": [1.0]}, "one value per decision"),
        ({}, {"sample_weight": np.full(400, -1.0)}, "at least 0"),
        ({}, {"sample_weight": np.zeros(400)}, "above 0 somewhere"),
    ],
)
def test_senseless_settings_are_refused(
    settings: dict[str, object], fitting: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        ConditionalLogit(**settings).fit(*make_choices(), **fitting)  # type: ignore[arg-type]


def test_a_question_about_other_columns_is_refused() -> None:
    logit = ConditionalLogit().fit(*make_choices())

    with pytest.raises(ValueError, match="fitted on 3 features, asked about 2"):
        logit.predict_proba(np.ones((4, 2)), [4])


@pytest.mark.parametrize("ridge", [0.0, 3.0])
def test_bounded_coefficients_are_the_optimum_within_the_bounds(ridge: float) -> None:
    """As SciPy's bounded optimiser finds it, with columns that would like to be negative."""
    random = np.random.default_rng(4)
    group_sizes = random.integers(2, 6, 400)
    X = random.normal(size=(group_sizes.sum(), 6)) @ random.normal(size=(6, 6))
    felt = X @ np.array([1.0, -0.6, 0.3, -0.2, 0.0, 0.5]) + random.gumbel(size=len(X))
    chosen = felt == np.repeat(np.maximum.reduceat(felt, segment_starts(group_sizes)), group_sizes)
    bounded = np.array([True, True, True, True, True, False])

    logit = ConditionalLogit(ridge=ridge, non_negative=bounded).fit(X, chosen, group_sizes)

    means = np.add.reduceat(X, segment_starts(group_sizes)) / group_sizes[:, None]
    deviations = X - np.repeat(means, group_sizes, axis=0)
    scale = np.sqrt((deviations**2).mean(axis=0))

    def loss(coefficients: np.ndarray) -> float:
        penalty = ridge / 2 * float(((scale * coefficients) ** 2).sum())
        return penalty - float(log_softmax_by_group(X @ coefficients, group_sizes)[chosen].sum())

    reference = minimize(
        loss, np.full(6, 0.1), method="L-BFGS-B", bounds=[(0, None) if b else (None, None) for b in bounded], tol=1e-12
    )
    assert (logit.coef_[bounded] >= 0).all()
    assert (logit.coef_[bounded] == 0).any()
    assert loss(logit.coef_) <= reference.fun + 1e-6


def test_a_prior_beyond_its_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="non_negative forbids"):
        ConditionalLogit(prior_coef=[-1.0], non_negative=[True]).fit([[1.0], [2.0]], [1, 0], [2])
