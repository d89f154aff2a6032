"""Price response: what a plan's price did to the chance that it is taken, with its interval, where prices varied.

A conditional logit with an intercept for each plan and the logarithm of each plan's own price: whatever else makes a
plan liked is in its intercept, so only prices of the *same* plan that differed between decisions speak (promotions,
versions, price tests). A plan that was seen at one price has no ground. Bills are left out of the columns, so the
response is that to the price as a whole. Between the lowest and the highest price seen the chance is averaged over the
decisions, all else as it was and all plans shown alike.

Intervals are by the delta method, clustered by organisation: the influence of each decision on the coefficients
(score times inverse Hessian) and on the average. One fit is enough, and the result needs no seed; on known worlds they
hold the truth nearly as often as they say (`tests/models/judging/test_price_response.py`). They do not say whether
prices were set at random: a promotion for those who would have bought anyway looks like an answer to the price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import segment_starts, softmax_by_group
from models.data.dataset import TrainingSet
from models.data.situations import Batch, spread
from models.judging.off_policy import Estimate, mean_of_terms
from models.judging.outside_logit import HELD, with_outside
from models.ranker.design_matrix import MONEY
from models.ranker.plan_ranker import PlanRanker
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.ranker import FloatArray

BESIDE: Final = (
    "template_fit", "template_share", "missing_integrations", HELD, "same_family_as_current", "tiers_from_current",
    "overrun", "violated_stock_limits", "uncovered_allowances",
)  # fmt: skip
"""Features that the logit reads besides, as far as they are there: none that a price changes."""
FEWEST: Final = 30
"""So many decisions must lie at the lowest price or below, and at the highest or above."""
FEWEST_TAKEN: Final = 5
LEAST_RATIO: Final = 1.02
"""Prices closer than this are one price."""
RIDGE: Final = 0.1
SPREAD: Final = 500
"""Decisions in which the ranker is asked."""


@dataclass(frozen=True, slots=True)
class PriceResponse:
    """One plan at one interval."""

    plan: str
    interval: str
    low_cents: float
    """Net minor units a month; the lowest price with ground, or the usual one where there is none."""
    high_cents: float
    decisions: int
    chance: float
    """Of being taken at the lower price."""
    change: Estimate | None
    """Of the chance, from the lower price to the higher; None without ground."""
    elasticity: Estimate | None
    """Per cent of the chance for one per cent of the price, between the two; None without ground and from zero."""
    reason: str
    """Why there is no ground; empty where there is."""
    stated: float | None = None
    """The change that the ranker states for the same two prices."""

    @property
    def name(self) -> str:
        """The plan, with its interval."""
        return f"{self.plan} ({self.interval})"

    @property
    def agrees(self) -> bool:
        """Whether the ranker's statement lies in the interval; true where there is nothing to compare."""
        return self.change is None or self.stated is None or self.change.lower <= self.stated <= self.change.upper


@dataclass(frozen=True, slots=True)
class _Span:
    """The prices at which one plan was seen, in log money."""

    low: float
    high: float
    rows: NDArray[np.bool_]
    taken: int

    @property
    def reason(self) -> str:
        if self.taken < FEWEST_TAKEN:
            return f"taken {self.taken} times only"
        if _cents(self.high) <= LEAST_RATIO * _cents(self.low):
            return f"fewer than {FEWEST} decisions at another price"
        return ""


def price_responses(
    rows: TrainingSet, *, intervals: Mapping[str, str], ranker: PlanRanker | None = None, batches: Sequence[Batch] = ()
) -> tuple[PriceResponse, ...]:
    """The response to each plan's price, most dear last; `intervals` says at which interval each decision was made.

    `rows` are settled decisions with and without a choice. `ranker` is asked in `batches` for what it states.
    """
    interval_of = np.array([intervals.get(each, "month") for each in rows.decisions.tolist()], dtype=object)
    markets = np.repeat(interval_of, rows.group_sizes)
    spans: dict[tuple[str, str], _Span] = {}
    log_price = rows.features[:, rows.feature_names.index("monthly_price")]
    for plan, interval in sorted(set(zip(rows.plans.tolist(), markets.tolist(), strict=True))):
        mine = (rows.plans == plan) & (markets == interval)
        spans[plan, interval] = _span(log_price, rows.chosen, mine)
    grounded = [key for key, span in spans.items() if not span.reason]
    logit = _Logit(rows, list(spans.values()), [spans[key] for key in grounded], log_price) if grounded else None
    found = []
    for (plan, interval), span in spans.items():
        low, high, seen = _cents(span.low), _cents(span.high), int(span.rows.sum())
        if logit is None or span.reason:
            share = float(rows.chosen[span.rows].mean())
            found.append(PriceResponse(plan, interval, low, high, seen, share, None, None, span.reason))
            continue
        chance, change, elasticity = logit.response(span, grounded.index((plan, interval)))
        one = PriceResponse(plan, interval, low, high, seen, chance, change, elasticity, "")
        found.append(replace(one, stated=stated_change(ranker, batches, one) if ranker else None))
    return tuple(sorted(found, key=lambda one: (one.interval, one.high_cents, one.plan)))


def stated_change(ranker: PlanRanker, batches: Sequence[Batch], seen: PriceResponse) -> float | None:
    """By how much the ranker's chance of a plan changes from the lower to the higher price; None without decisions."""
    changes: list[FloatArray] = []
    for batch in spread([each for each in batches if each.plans.interval == seen.interval], SPREAD):
        if seen.plan not in batch.plans.codes:
            continue
        place = batch.plans.codes.index(seen.plan)
        asked = batch.take(batch.situations.eligible[:, place])
        if not len(asked):
            continue
        chances = []
        for cents in (seen.low_cents, seen.high_cents):
            prices = asked.plans.monthly_price_cents.copy()
            prices[place] = cents
            cube = feature_cube(asked.situations, asked.plans.at_prices(prices), ranker.feature_names)
            features, sizes = feature_rows(cube, asked.situations.eligible)
            some = softmax_by_group(ranker.utilities(features, sizes), sizes)
            some *= np.repeat(ranker.chances_of_any(features, sizes), sizes)
            chances.append(some[np.nonzero(asked.situations.eligible)[1] == place])
        changes.append(chances[1] - chances[0])
    return float(np.concatenate(changes).mean()) if changes else None


class _Logit:
    """The fitted logit, and what each decision says about it."""

    def __init__(
        self, rows: TrainingSet, plans: Sequence[_Span], grounded: Sequence[_Span], log_price: FloatArray
    ) -> None:
        beside = [rows.feature_names.index(name) for name in BESIDE if name in rows.feature_names]
        intercepts = np.column_stack([span.rows for span in plans]).astype(np.float64)
        prices = np.column_stack([span.rows * (log_price - span.low) for span in grounded])
        columns = np.hstack([rows.features[:, beside], rows.positions, intercepts, prices])
        chosen, sizes = rows.chosen, rows.group_sizes
        inside = np.ones(len(columns), dtype=np.bool_)
        self._prices = columns.shape[1] - len(grounded)
        if not rows.answered.all():
            held = [BESIDE.index(HELD)] if HELD in rows.feature_names else []
            columns, sizes, inside = with_outside(columns, sizes, held=held[0] if held else None)
            chosen = np.zeros(len(columns))
            chosen[inside] = rows.chosen
            ends = np.cumsum(sizes) - 1
            chosen[ends] = np.where(rows.answered, chosen[ends], 1.0)
        self._organizations, self._inside = rows.organizations, inside
        self._columns, self._sizes, self._starts = columns, sizes, segment_starts(sizes)
        self._coefficients = ConditionalLogit(ridge=RIDGE).fit(columns, chosen, sizes).coef_
        around, chances = self._around_mean(columns)
        scores = np.add.reduceat((chosen - chances)[:, None] * around, self._starts)
        hessian = (chances[:, None] * around).T @ around
        self._influence = len(sizes) * scores @ np.linalg.pinv(hessian, hermitian=True)
        self._alike = columns.copy()
        self._alike[:, len(beside) : len(beside) + rows.positions.shape[1]] = 0.0

    def response(self, span: _Span, place: int) -> tuple[float, Estimate, Estimate | None]:
        """The chance at the lower price, its change to the higher one, and the elasticity."""
        mine = np.zeros(len(self._columns), dtype=np.bool_)
        mine[self._inside] = span.rows
        (low, of_low), (high, of_high) = (
            self._chance(mine, place, price - span.low) for price in (span.low, span.high)
        )
        change = mean_of_terms(high - low + of_high - of_low, self._organizations)
        elasticity = None
        if _cents(span.low) >= 1:
            ratio = np.log(_cents(span.high) / _cents(span.low))
            terms = (np.log(high / low) + of_high / high - of_low / low) / ratio
            elasticity = mean_of_terms(terms, self._organizations)
        return low, change, elasticity

    def _chance(self, mine: NDArray[np.bool_], place: int, log_price: float) -> tuple[float, FloatArray]:
        """The mean chance of a plan at one price, and the influence of each decision on it, (d,)."""
        columns = self._alike.copy()
        columns[mine, self._prices + place] = log_price
        around, chances = self._around_mean(columns)
        decision = np.repeat(np.arange(len(self._sizes)), self._sizes)[mine]
        mean = float(chances[mine].mean())
        slope = (chances[mine][:, None] * around[mine]).mean(axis=0)
        influence = self._influence @ slope
        influence[decision] += (chances[mine] - mean) * len(self._sizes) / len(decision)
        return mean, influence

    def _around_mean(self, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The columns around their expectation in each decision, and the chances."""
        chances = softmax_by_group(columns @ self._coefficients, self._sizes)
        means = np.add.reduceat(chances[:, None] * columns, self._starts)
        return columns - np.repeat(means, self._sizes, axis=0), chances


def _span(log_price: FloatArray, chosen: FloatArray, mine: NDArray[np.bool_]) -> _Span:
    prices = np.sort(log_price[mine])
    few = min(FEWEST, len(prices)) - 1
    low, high = float(prices[few]), float(prices[len(prices) - 1 - few])
    if low > high:
        low = high = float(np.median(prices))
    return _Span(low, high, mine, int(chosen[mine].sum()))


def _cents(log_money: float) -> float:
    return float(MONEY * np.expm1(log_money))
