import numpy as np
import pytest
from scipy.stats import binom, binomtest

from pipelines.metrics.intervals import Mean, Share, difference, median, z_value


@pytest.mark.parametrize(("count", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (263, 5000), (1, 1)])
def test_the_interval_of_a_share_is_wilsons_as_scipy_has_it(count: int, n: int) -> None:
    theirs = binomtest(count, n).proportion_ci(method="wilson")

    ours = Share(count, n).estimate()

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_newcombes_published_example_of_a_difference() -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873–890, table II, method 10: 56/70 − 48/80.
    ours = difference(Share(56, 70), Share(48, 80))

    assert (round(ours.value or 0, 4), round(ours.low or 0, 4), round(ours.high or 0, 4)) == (0.2, 0.0524, 0.3339)


@pytest.mark.parametrize("truth", [0.02, 0.1, 0.5, 0.93])
@pytest.mark.parametrize("n", [30, 100, 1000])
def test_the_interval_of_a_share_holds_the_truth_about_as_often_as_it_says(truth: float, n: int) -> None:
    held = sum(
        binom.pmf(count, n, truth)
        for count in range(n + 1)
        for each in [Share(count, n).estimate()]
        if (each.low or 0) <= truth <= (each.high or 0)
    )

    # Wilson's coverage swings around 95 %; its known worst case lies near 83 % for shares next to 0.
    assert held > 0.9


def test_the_interval_of_a_median_holds_the_truth() -> None:
    draw = np.random.default_rng(7)
    samples = draw.exponential(size=(2000, 41))

    held = [(each.low or 0) <= np.log(2) <= (each.high or 0) for each in map(median, samples)]

    assert np.mean(held) > 0.94


def test_looking_at_many_cells_widens_each_so_that_all_hold_together() -> None:
    draw = np.random.default_rng(7)
    cells, worlds = 20, 400
    counts = draw.binomial(200, 0.3, size=(worlds, cells))

    together = [
        all(
            (e.low or 0) <= 0.3 <= (e.high or 0)
            for e in (Share(int(c), 200).estimate(comparisons=cells) for c in world)
        )
        for world in counts
    ]

    assert np.mean(together) > 0.93
    assert z_value(comparisons=20) == pytest.approx(3.0233, abs=1e-4)


def test_a_mean_of_one_value_has_no_interval() -> None:
    one = Mean(np.array([5.0])).estimate()

    assert (one.value, one.low, Mean(np.array([])).estimate().value) == (5.0, None, None)
