"""Blockers as plain values, as they are stored with a refused change and with a decision: without words."""

from recommender.billing.blockers import Blocker
from serving.web.fields import utc_text
from serving.words.contracts import BlockerRecord


def blocker_record(blocker: Blocker) -> BlockerRecord:
    """A blocker as plain values."""
    return {
        "code": blocker.code,
        "remedy": blocker.remedy,
        "page": blocker.url_key,
        "subject": blocker.subject,
        "used": blocker.used,
        "limit": blocker.limit,
        "excess": blocker.excess,
        "clears_at": None if blocker.clears_at is None else utc_text(blocker.clears_at),
    }
