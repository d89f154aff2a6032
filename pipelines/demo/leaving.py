"""The cancellations of the demo world: who wants to leave, why, and what comes of it."""

from typing import Final, get_args

import numpy as np
import pandas as pd

from data_contracts.raw.cancellations import CancellationReason
from recommender.ranking.day_cube import DAY_US, SECOND_US

LEAVING_SHARE: Final = 0.08
"""The share of paying organisations that cancel in their last billed period."""
_WHY: Final = get_args(CancellationReason)
_ODDS: Final = (0.3, 0.2, 0.15, 0.05, 0.1, 0.1, 0.05, 0.05)
_KEPT: Final = ("withdrawn", "offer_accepted")


def cancellations(billed: pd.DataFrame, *, end_us: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """The cancellations, and which charges (n,) are not made after all, because the subscription has ended.

    Who cancels does so days before its last charge: some stay, the others are not charged any more; or days after it,
    and then the end waits.
    """
    changes = billed[billed["kind"] == "change"].drop_duplicates("organization_id", keep="last")
    last = billed.drop_duplicates("organization_id", keep="last")
    last = last[last["kind"] == "renewal"]
    last = last[rng.random(len(last)) < LEAVING_SHARE].merge(
        changes[["organization_id", "decision_id", "plan"]], on="organization_id", suffixes=("_", "")
    )
    count = len(last)
    before = rng.random(count) < 0.7
    kept = before & (rng.random(count) < 0.4)
    day = rng.integers(1, 12, count) * DAY_US + rng.integers(0, DAY_US, count)
    renewal = last["occurred_at"].to_numpy()
    asked = np.where(before, renewal - day, np.minimum(renewal + day, end_us - SECOND_US))
    status = np.where(kept, np.array(_KEPT)[rng.integers(0, 2, count)], np.where(before, "ended", "waiting"))
    table = pd.DataFrame(
        {
            "cancellation_id": "l-" + last["charge_id"].astype("str"),
            "organization_id": last["organization_id"],
            "decision_id": last["decision_id"],
            "plan": last["plan"],
            "interval": "month",
            "why": np.array(_WHY)[rng.choice(len(_WHY), size=count, p=_ODDS)],
            "asked_by": "customer",
            "offer": pd.Series(status, dtype="object").map({"offer_accepted": "stay-2026"}),
            "status": status,
            "effective_at": np.where(before, renewal, renewal + 30 * DAY_US),
            "occurred_at": asked,
            "recorded_at": asked + SECOND_US,
        }
    )
    return table, billed["charge_id"].isin(last["charge_id"][status == "ended"])
