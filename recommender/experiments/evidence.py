"""Evidence that may be looked at whenever one likes: how much more likely the data are if something is wrong.

Evidence is a bet against "all is well" whose expected factor is 1 at most while all is well. So it ever reaches 1 / a
with probability `a` at most, however often one looks (Ville's inequality).
"""

from collections.abc import Sequence
from math import erfc, exp, log, sqrt
from typing import Final

import numpy as np

from recommender.ranking.ranker import FloatArray, IntArray

CONCENTRATIONS: Final = (10.0, 100.0, 1_000.0)
"""How closely a wrong split may lie around the planned one: some 16, 5 and 2 points off, for two arms at 50 %. All are
bet on alike: a gross fault shows among thirty organisations, a slight one among thousands."""
_STEPS: Final = 400


def split_evidence(
    arms: IntArray, shares: FloatArray, *, concentrations: Sequence[float] = CONCENTRATIONS
) -> FloatArray:
    """The log evidence, after each organisation, that they do not fall into the arms by these shares.

    `arms` (…, n) are arms 0…k-1 in the order of time, `shares` (k,) add up to 1; (…, n). Each organisation is forecast
    from those before it, starting from the planned shares: the sequential multinomial test with a Dirichlet prior of
    Lindon & Malek (2022), "Anytime-valid inference for multinomial count data".
    """
    before = np.zeros(arms.shape, dtype=np.float64)
    for arm in range(len(shares)):
        here = arms == arm
        np.copyto(before, np.cumsum(here, axis=-1) - here, where=here)
    seen = np.arange(arms.shape[-1], dtype=np.float64)
    planned = shares[arms]
    of_each = np.stack(
        [
            np.cumsum(np.log((concentration + before / planned) / (concentration + seen)), axis=-1)
            for concentration in concentrations
        ]
    )
    evidence: FloatArray = np.logaddexp.reduce(of_each, axis=0) - log(len(concentrations))
    return evidence


def planned_split_p_value(counts: IntArray, shares: FloatArray) -> float:
    """How likely a split as uneven as this is by chance, looked at once at a size fixed beforehand.

    `counts` and `shares` (k,). The normal approximation of each arm's binomial, the smallest p-value of the arms; with
    more than two arms times their number (Bonferroni).
    """
    total = float(counts.sum())
    if total == 0:
        return 1.0
    spread = np.sqrt(total * shares * (1 - shares))
    farthest = float((np.abs(counts - total * shares) / spread).max())
    return min(1.0, erfc(farthest / sqrt(2)) * (1 if len(shares) == 2 else len(shares)))


def excess_evidence(harmed: int, harmed_in_all: int, *, share: float, tolerance: float = 1.0) -> float:
    """The log evidence that organisations of one arm are harmed more than `tolerance` times as often as the others.

    Of `harmed_in_all` organisations harmed in this arm or the others, `harmed` were in this one, which gets `share` of
    them. If it harms `tolerance` times as often as the others, each harmed one is in it with probability
    t·s / (t·s + 1 − s); every larger probability is bet on alike. Exact, also for a handful of organisations.
    """
    if not 0 <= harmed <= harmed_in_all:
        raise ValueError("no more can be harmed in one arm than in all")
    if not (0 < share < 1 and tolerance > 0):
        raise ValueError("an arm's share lies between 0 and 1, a tolerance is positive")
    fair = tolerance * share / (tolerance * share + 1 - share)
    bets = fair + (1 - fair) * (np.arange(_STEPS) + 0.5) / _STEPS
    gains = harmed * np.log(bets / fair) + (harmed_in_all - harmed) * np.log((1 - bets) / (1 - fair))
    most = float(gains.max())
    return most + log(float(np.exp(gains - most).mean()))


def p_value(log_evidence: float) -> float:
    """The anytime-valid p-value of the largest evidence seen so far."""
    return min(1.0, exp(-max(log_evidence, 0.0)))
