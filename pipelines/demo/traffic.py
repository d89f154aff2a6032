"""Adds the events that pages and the service record beside choices: impressions, previews, failures, with losses.

They are drawn with a generator of their own, so that the rest of the world does not change.
"""

from typing import Final

import numpy as np
import pandas as pd

from recommender.ranking.day_cube import SECOND_US

LOST_SHARE: Final = 0.03
"""The share of impressions that are lost, for example when a tab is closed in the same second."""
UNSEEN_SHARE: Final = 0.3
"""The share of decisions without outcomes whose cards were never scrolled to."""

MEDIAN_MS: Final = 12.0
"""The median latency in milliseconds."""


def with_latencies(decisions: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """The decisions with a latency each."""
    ids, place = np.unique(decisions["decision_id"].to_numpy(dtype=np.str_), return_inverse=True)
    return decisions.assign(latency_ms=np.round(MEDIAN_MS * rng.lognormal(0, 0.35, len(ids)), 3)[place])


def add_page_events(outcomes: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """The outcomes with the events of pages and service added; instants are microseconds.

    Every viewed card has an impression before; every checkout leads to a preview, every payment follows a confirmation.
    A checkout without a payment ended at a blocker, at a failed payment, or without an event.
    """
    by_kind = {str(kind): rows for kind, rows in outcomes.groupby("kind", sort=False)}
    nothing = outcomes.iloc[:0]
    viewed, started, paid = (by_kind.get(kind, nothing) for kind in ("viewed", "checkout_started", "paid"))
    came = set(outcomes.loc[outcomes["kind"] != "viewed", "decision_id"])
    unseen = ~viewed["decision_id"].isin(came).to_numpy() & (rng.random(len(viewed)) < UNSEEN_SHARE)
    seen = viewed[(rng.random(len(viewed)) >= LOST_SHARE) & ~(unseen & (rng.random(len(viewed)) < 0.5))]
    unpaid = started[~started["decision_id"].isin(set(paid["decision_id"])).to_numpy()]
    fate = rng.random(len(unpaid))
    failed, blocked = unpaid[fate < 0.5], unpaid[(fate >= 0.5) & (fate < 0.8)]
    added = [
        _as("impression", seen, -SECOND_US, named=False),
        _as("previewed", started, SECOND_US),
        _as("confirmed", paid, -4 * SECOND_US),
        _as("blocked", blocked, SECOND_US + 1),
        _as("confirmed", failed, 20 * SECOND_US),
        _as("payment_failed", failed, 23 * SECOND_US),
    ]
    return pd.concat([outcomes.drop(viewed.index[unseen]), *added], ignore_index=True)


def _as(kind: str, rows: pd.DataFrame, later_us: int, *, named: bool = True) -> pd.DataFrame:
    """An event of this kind for each row, `later_us` after it."""
    events = rows.assign(
        event_id=[f"o-{kind}-{decision}" for decision in rows["decision_id"]],
        kind=kind,
        occurred_at=rows["occurred_at"] + later_us,
        recorded_at=rows["recorded_at"] + max(later_us, 0),
    )
    return events if named else events.assign(plan=None, position=pd.array([None] * len(rows), dtype="Int64"))
