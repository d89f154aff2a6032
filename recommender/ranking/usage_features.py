"""Features of an organisation's usage: how much, of late and altogether, and what is known of it.

They are equal for all plans of a decision: of use below a split on a plan's feature, or in products with one. Each has
shape (n, 1). A metric of which nothing is known has a neutral value and its own `…_unknown` feature.
"""

from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from recommender.ranking.derived import Facts, log1p
from recommender.ranking.ranker import FloatArray

CONVERSATIONS, AI_TOKENS, DOCUMENTS, ASSISTANTS, SEATS = (
    METRICS.index(metric) for metric in ("conversations", "ai_tokens", "documents", "assistants", "seats")
)


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


def recent_conversations(facts: Facts) -> FloatArray:
    """Conversations of the last seven whole days, as 30 days of them, log(1 + units)."""
    return log1p(facts.recent_monthly[:, [CONVERSATIONS]])


def recent_ai_tokens(facts: Facts) -> FloatArray:
    """AI tokens of the last seven whole days, as 30 days of them, log(1 + units)."""
    return log1p(facts.recent_monthly[:, [AI_TOKENS]])


def days_observed(facts: Facts) -> FloatArray:
    """Days on which the product could be used, 0…29, in parts of days."""
    return facts.history_days[:, None]


def usage_unknown(facts: Facts) -> FloatArray:
    """1 where nothing was reported for `REPORT_DAYS` and no level is known, else 0."""
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


USAGE_FEATURES: Final = (
    projected_conversations,
    projected_ai_tokens,
    projected_documents,
    projected_assistants,
    projected_seats,
    recent_conversations,
    recent_ai_tokens,
    days_observed,
    usage_unknown,
    documents_unknown,
    assistants_unknown,
    seats_unknown,
)
