"""Whole experiments at once: rates of two arms as they would be seen at each look."""

import numpy as np
from numpy.typing import NDArray

from pipelines.experiments.effect import Effect, Sample, effect
from recommender.ranking.ranker import FloatArray


def sample_of(values: FloatArray) -> Sample:
    """The sample of n values (n,)."""
    n = float(len(values))
    mean = float(values.mean()) if n else 0.0
    variance = float(values.var(ddof=1)) if n > 1 else 0.0
    return Sample(np.asarray(n), np.asarray(mean), np.asarray(variance))


def sample_of_rate(successes: FloatArray, n: FloatArray) -> Sample:
    """The sample of n organisations of which so many did it."""
    mean = successes / np.maximum(n, 1)
    return Sample(n, mean, mean * (1 - mean) * n / np.maximum(n - 1, 1))


def experiments(
    *, base: float, treated: float, runs: int, looks: int, organizations: int, seed: int
) -> tuple[Effect, NDArray[np.int64]]:
    """The effect (runs, looks) at evenly spaced looks, half of the organisations in each arm; how many were seen."""
    rng = np.random.default_rng(seed)
    edges = np.linspace(0, organizations // 2, looks + 1).round().astype(np.int64)
    come = np.diff(edges)
    n = np.broadcast_to(edges[1:].astype(np.float64), (runs, looks))
    paid = [rng.binomial(come, rate, (runs, looks)).cumsum(axis=1).astype(np.float64) for rate in (base, treated)]
    return effect(sample_of_rate(paid[0], n), sample_of_rate(paid[1], n)), 2 * edges[1:]
