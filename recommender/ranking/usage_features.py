"""Features of an organisation's usage: how much, how sure, whither, and in which rhythm.

They are equal for all plans of a decision: of use below a split on a plan's feature, or in products with one. Each has
shape (n, 1). A metric of which nothing is known has a neutral value and its own `…_unknown` feature.
"""

from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.ranking.derived import Facts
from recommender.ranking.projection import sum_over_days
from recommender.ranking.ranker import FloatArray

CONVERSATIONS, AI_TOKENS, DOCUMENTS, ASSISTANTS, SEATS = (
    METRICS.index(metric) for metric in ("conversations", "ai_tokens", "documents", "assistants", "seats")
)

EVEN_WEEKEND: Final = 2 / 7
"""The weekend's share when every day is alike."""


def projected_conversations(facts: Facts) -> FloatArray:
    """Conversations expected in the next 30 days, as log(1 + units)."""
    return facts.log_usage[:, [CONVERSATIONS]]


def projected_ai_tokens(facts: Facts) -> FloatArray:
    """AI tokens expected in the next 30 days, as log(1 + units)."""
    return facts.log_usage[:, [AI_TOKENS]]


def projected_documents(facts: Facts) -> FloatArray:
    """Documents held, as log(1 + units)."""
    return facts.log_usage[:, [DOCUMENTS]]


def projected_assistants(facts: Facts) -> FloatArray:
    """Assistants held, as log(1 + units)."""
    return facts.log_usage[:, [ASSISTANTS]]


def projected_seats(facts: Facts) -> FloatArray:
    """Seats held, as log(1 + units)."""
    return facts.log_usage[:, [SEATS]]


def uncertainty_conversations(facts: Facts) -> FloatArray:
    """Standard error of the projected conversations, as a share of them; 1 where nothing is known."""
    return facts.projection.relative_error[:, [CONVERSATIONS]]


def uncertainty_ai_tokens(facts: Facts) -> FloatArray:
    """Standard error of the projected AI tokens, as a share of them; 1 where nothing is known."""
    return facts.projection.relative_error[:, [AI_TOKENS]]


def uncertainty_documents(facts: Facts) -> FloatArray:
    """Standard error of the projected documents, as a share of them; 1 where nothing is known."""
    return facts.projection.relative_error[:, [DOCUMENTS]]


def uncertainty_assistants(facts: Facts) -> FloatArray:
    """Standard error of the projected assistants, as a share of them; 1 where nothing is known."""
    return facts.projection.relative_error[:, [ASSISTANTS]]


def uncertainty_seats(facts: Facts) -> FloatArray:
    """Standard error of the projected seats, as a share of them; 1 where nothing is known."""
    return facts.projection.relative_error[:, [SEATS]]


def trend_conversations(facts: Facts) -> FloatArray:
    """Recent against earlier half of the history, conversations, as a log ratio within ±1.5; 0 where unknown."""
    return facts.projection.trend[:, [CONVERSATIONS]]


def trend_ai_tokens(facts: Facts) -> FloatArray:
    """Recent against earlier half of the history, AI tokens, as a log ratio within ±1.5; 0 where unknown."""
    return facts.projection.trend[:, [AI_TOKENS]]


def week_trend_conversations(facts: Facts) -> FloatArray:
    """Last seven whole days against the seven before, conversations, as a log ratio within ±1.5; 0 where unknown."""
    return facts.week_trend[:, [CONVERSATIONS]]


def peak_day_share_conversations(facts: Facts) -> FloatArray:
    """The strongest day's share of all conversations in the window, 0…1; 0 without any."""
    return _peak_share(facts, CONVERSATIONS)


def peak_day_share_ai_tokens(facts: Facts) -> FloatArray:
    """The strongest day's share of all AI tokens in the window, 0…1; 0 without any."""
    return _peak_share(facts, AI_TOKENS)


def weekend_share_conversations(facts: Facts) -> FloatArray:
    """Share of a week's conversations that falls on Saturday and Sunday, 0…1; 2/7 while it cannot be told."""
    return _weekend_share(facts, CONVERSATIONS)


def weekend_share_ai_tokens(facts: Facts) -> FloatArray:
    """Share of a week's AI tokens that falls on Saturday and Sunday, 0…1; 2/7 while it cannot be told."""
    return _weekend_share(facts, AI_TOKENS)


def active_days_share(facts: Facts) -> FloatArray:
    """Share of the observed days on which anything was counted, 0…1; 0 before the first day."""
    observed = facts.situations.seconds > 0
    active = observed & facts.counted.any(axis=2)
    return (sum_over_days(active) / np.maximum(sum_over_days(observed), 1.0))[:, None]


def days_observed(facts: Facts) -> FloatArray:
    """Days on which the product could be used, 0…29, in parts of days."""
    return facts.history_days[:, None]


def usage_unknown(facts: Facts) -> FloatArray:
    """1 while the organisation has had no time to use anything, else 0."""
    return _unknown(facts, CONVERSATIONS)


def documents_unknown(facts: Facts) -> FloatArray:
    """1 while no number of documents was ever reported, else 0."""
    return _unknown(facts, DOCUMENTS)


def assistants_unknown(facts: Facts) -> FloatArray:
    """1 while no number of assistants was ever reported, else 0."""
    return _unknown(facts, ASSISTANTS)


def seats_unknown(facts: Facts) -> FloatArray:
    """1 while no number of seats was ever reported, else 0."""
    return _unknown(facts, SEATS)


def _unknown(facts: Facts, metric: int) -> FloatArray:
    return (~facts.projection.known[:, [metric]]).astype(np.float64)


def _peak_share(facts: Facts, metric: int) -> FloatArray:
    total = facts.counted_in_window[:, [metric]]
    peak = facts.counted[:, :, metric].max(axis=1)[:, None]
    return np.asarray(peak / np.where(total > 0, total, 1.0))


def _weekend_share(facts: Facts, metric: int) -> FloatArray:
    weekend = (facts.situations.weekday[:, None] - np.arange(facts.counted.shape[1])) % 7 >= 5
    seconds, used = facts.situations.seconds, facts.counted[:, :, metric]
    time_off, time_on = sum_over_days(seconds * weekend), sum_over_days(seconds * ~weekend)
    off = 2 * sum_over_days(used * weekend) / np.where(time_off > 0, time_off, 1.0)
    on = 5 * sum_over_days(used * ~weekend) / np.where(time_on > 0, time_on, 1.0)
    known = (time_off > 0) & (time_on > 0) & (off + on > 0)
    return np.where(known, off / np.where(known, off + on, 1.0), EVEN_WEEKEND)[:, None]


USAGE_FEATURES: Final = (
    projected_conversations,
    projected_ai_tokens,
    projected_documents,
    projected_assistants,
    projected_seats,
    uncertainty_conversations,
    uncertainty_ai_tokens,
    uncertainty_documents,
    uncertainty_assistants,
    uncertainty_seats,
    trend_conversations,
    trend_ai_tokens,
    week_trend_conversations,
    peak_day_share_conversations,
    peak_day_share_ai_tokens,
    weekend_share_conversations,
    weekend_share_ai_tokens,
    active_days_share,
    days_observed,
    usage_unknown,
    documents_unknown,
    assistants_unknown,
    seats_unknown,
)
