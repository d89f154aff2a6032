"""The projected month in four worlds unlike each other, beside simple means, and how often its 80 % range holds.

Every world is usage by the day, drawn here: growth; a season over the year with quiet weekends; month ends; sparse
usage. Half of the organisations tell what followed, and the range is judged on the other half. `PROJECTION_WORLD=4000`
chooses the number of organisations.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from recommender.ranking.projection import MONTH_DAYS, history_days, projected_monthly
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import DAY_SECONDS, WINDOW_DAYS, Situations
from recommender.ranking.usage_range import UsageRange, surprise

ORGANISATIONS = 4_000
WORLDS: Final = ("growth", "season", "month ends", "sparse")
SIMPLE: Final = {"28 days": 29, "14 days": 15, "7 days": 8}
"""Simple means: what was used on so many days, today included, over their time."""
_DAYS: Final = WINDOW_DAYS + MONTH_DAYS


@dataclass(frozen=True)
class Lived:
    """n organisations at their decisions, and what they used in the 30 days after."""

    situations: Situations
    came: FloatArray
    """(n,) conversations."""


def run() -> Iterator[dict[str, Any]]:
    """Per world: the error of the projection and of the best simple mean, and the share of months in the range."""
    number = int(os.environ.get("PROJECTION_WORLD", ORGANISATIONS))
    for seed, world in enumerate(WORLDS):
        lived = _world(world, number=number, rng=np.random.default_rng(seed))
        projection, days = projected_monthly(lived.situations), history_days(lived.situations)
        expected, error = projection.monthly[:, 0], projection.relative_error[:, 0]
        known, learns = projection.known[:, 0], np.arange(number) % 2 == 0
        rivals = {name: _error(_mean(lived.situations, length), lived.came, known) for name, length in SIMPLE.items()}
        best = min(rivals, key=lambda name: rivals[name])
        yield {
            "figure": f"{world}: absolute error of the projection, as a share of what came",
            "value": round(_error(expected, lived.came, known) / rivals[best], 3),
            "ratio_to": f"the best simple mean, {best}",
            "error": round(_error(expected, lived.came, known), 4),
            "low_by": round(float(np.median(np.log((lived.came + 1) / (expected + 1))[known])), 3),
            "bar": 1.02,
        }
        told = learns & known
        ends = UsageRange.from_what_came(
            surprise(lived.came, expected=expected, error=error)[told], days=days[told]
        ).ends(projection, days=days)
        low, high, _ = (end[:, 0] for end in ends)
        inside = ((low <= lived.came) & (lived.came <= high))[~learns & known]
        yield {
            "figure": f"{world}: months within the 80 % range",
            "value": round(float(inside.mean()), 4),
            "ratio_to": "0.8 stated",
            "months": len(inside),
        }


def _mean(situations: Situations, length: int) -> FloatArray:
    time = situations.seconds[:, :length].sum(axis=1) / DAY_SECONDS
    return np.asarray(MONTH_DAYS * situations.totals[:, :length, 0].sum(axis=1) / np.sqrt(time**2 + 1))


def _error(expected: FloatArray, came: FloatArray, known: NDArray[np.bool_]) -> float:
    """The mean absolute log ratio, over those of which something was known and that used anything."""
    used = known & (came > 0)
    return float(np.abs(np.log((came[used] + 1) / (expected[used] + 1))).mean())


def _world(name: str, *, number: int, rng: np.random.Generator) -> Lived:
    rate = _rates(name, number=number, rng=rng) * np.exp(0.25 * rng.standard_normal((number, _DAYS + 1)))
    used = rng.poisson(rate).astype(np.float64)
    part = rng.uniform(0.05, 0.95, number)
    today = rng.binomial(used[:, WINDOW_DAYS - 1].astype(np.int64), part)
    last = rng.binomial(used[:, -2].astype(np.int64), part)
    rest = used[:, WINDOW_DAYS - 1] - today
    came = rest + used[:, WINDOW_DAYS:-2].sum(axis=1) + last
    counted = used[:, :WINDOW_DAYS][:, ::-1].copy()
    counted[:, 0] = today
    age: FloatArray = rng.integers(3, 120, number) * np.float64(DAY_SECONDS)
    seconds = np.full((number, WINDOW_DAYS), float(DAY_SECONDS))
    seconds[:, 0] = np.floor(part * DAY_SECONDS)
    older = age[:, None] - seconds[:, [0]] - DAY_SECONDS * np.arange(WINDOW_DAYS - 1)
    seconds[:, 1:] = np.clip(older, 0, DAY_SECONDS)
    totals = np.full((number, WINDOW_DAYS, len(METRICS)), np.nan)
    totals[:, :, :2] = 0.0
    totals[:, :, 0] = counted * (seconds > 0)
    nothing: NDArray[np.bool_] = np.zeros((number, 1), dtype=np.bool_)
    whole = np.zeros(number, dtype=np.int64)
    return Lived(
        Situations(totals, seconds, nothing, nothing, age, whole, whole - 1, whole, ~nothing), np.asarray(came)
    )


def _rates(name: str, *, number: int, rng: np.random.Generator) -> FloatArray:
    """Conversations a day, (n, days)."""
    day = np.arange(_DAYS + 1) - (WINDOW_DAYS - 1)
    base = np.exp(rng.normal(4, 1.2, number))[:, None]
    weekday = (day + rng.integers(0, 7, (number, 1))) % 7
    if name == "growth":
        growth = np.clip(rng.normal(0.012, 0.008, (number, 1)), -0.01, 0.04)
        shape = np.exp(growth * day) * np.where(weekday >= 5, 0.6, 1.1)
    elif name == "season":
        year = np.sin(2 * np.pi * (day + rng.uniform(0, 365, (number, 1))) / 365)
        shape = np.exp(0.6 * year) * np.where(weekday >= 5, 0.15, 1.3)
    elif name == "month ends":
        shape = np.where((day + rng.integers(0, 30, (number, 1))) % 30 >= 26, 6.0, 0.6)
    else:
        often = np.exp(rng.normal(-2, 0.6, (number, 1)))
        shape = (rng.random((number, len(day))) < often) * np.exp(0.8 * rng.standard_normal((number, len(day))))
    return np.asarray(base * shape)
