"""Metrics by slice of the hold-out: by installed template and by group of countries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.choice.group_softmax import segment_starts, softmax_by_group
from models.data.recomputed_features import Recomputed
from models.judging.paired_bootstrap import LEVEL, Difference, paired_difference
from models.judging.ranking_metrics import calibration_error
from recommender.ranking.countries import COUNTRY_GROUPS
from recommender.ranking.ranker import FloatArray

FEWEST_IN_A_SLICE: Final = 30
"""A slice with fewer decisions is not looked at."""
_CHANCE_DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Slice:
    """Metrics of a part of the hold-out: the decisions with one template, or of one group of countries."""

    kind: str
    name: str
    ndcg: float
    rules_ndcg: float
    difference: Difference
    """NDCG@3 minus that of the rules; the interval is widened for the number of slices (Bonferroni)."""
    calibration_error: float
    """The calibration error of the ranker within the slice."""
    calibration_by_chance: float
    """The 95th percentile of the calibration error of true probabilities in such a slice."""


def slices_of(anew: Recomputed, utilities: FloatArray, ours: FloatArray, theirs: FloatArray) -> Iterator[Slice]:
    """Slices by installed template and by group of countries with at least `FEWEST_IN_A_SLICE` decisions.

    `ours` and `theirs` (d,) are NDCG@3 of the challenger and of the rules.
    """
    members: dict[tuple[str, str], list[int]] = {}
    for place, (batch, i) in zip(
        anew.order.tolist(), ((b, i) for b in anew.batches for i in range(len(b))), strict=True
    ):
        installed = np.flatnonzero(batch.situations.templates[i])
        template = batch.plans.templates[int(installed[0])] if len(installed) else "none"
        country = COUNTRY_GROUPS[int(batch.situations.country_group[i])]
        members.setdefault(("template", template), []).append(place)
        members.setdefault(("country", country), []).append(place)
    large = {key: np.array(places) for key, places in sorted(members.items()) if len(places) >= FEWEST_IN_A_SLICE}
    for (kind, name), places in large.items():
        difference = paired_difference(
            ours[places],
            theirs[places],
            organizations=anew.decisions.organizations[places],
            level=1 - (1 - LEVEL) / len(large),
        )
        inside = np.zeros(len(anew.decisions), dtype=np.bool_)
        inside[places] = True
        rows, sizes = np.repeat(inside, anew.decisions.group_sizes), anew.decisions.group_sizes[inside]
        stated = softmax_by_group(utilities[rows], sizes)
        yield Slice(
            kind,
            name,
            ndcg=float(ours[places].mean()),
            rules_ndcg=float(theirs[places].mean()),
            difference=difference,
            calibration_error=calibration_error(stated, anew.decisions.chosen[rows]),
            calibration_by_chance=calibration_by_chance(utilities[rows], sizes),
        )


def calibration_by_chance(utilities: FloatArray, group_sizes: NDArray[np.int64], *, seed: int = 0) -> float:
    """The 95th percentile of the calibration error when choices are drawn from the stated probabilities themselves."""
    probabilities = softmax_by_group(utilities, group_sizes)
    starts, rng = segment_starts(group_sizes), np.random.default_rng(seed)
    errors = []
    for _ in range(_CHANCE_DRAWS):
        felt = np.log(np.maximum(probabilities, 1e-300)) + rng.gumbel(size=len(probabilities))
        chosen = felt == np.repeat(np.maximum.reduceat(felt, starts), group_sizes)
        errors.append(calibration_error(probabilities, chosen.astype(np.float64)))
    return float(np.quantile(errors, 0.95))
