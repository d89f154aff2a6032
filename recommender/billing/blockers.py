"""Why a plan cannot be taken as things stand: every obstacle at once, as data, with the way out.

Texts live with the messages; here are stable codes and the figures a text needs.
Decided: stock, features in use and unknown usage stop the way down only, from annual to monthly included. Nobody is
kept from a first plan, an upgrade or another family by what they hold. Renewable usage never blocks, it resets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Final, Literal

from recommender.billing.catalogue import Feature, Limit, Plan
from recommender.billing.change_rules import Direction

Obstacle = Literal["over_limit", "in_use", "usage_unknown"]

WHAT_BLOCKS: Final[Mapping[Direction, frozenset[Obstacle]]] = {
    "start": frozenset(),
    "upgrade": frozenset(),
    "lateral": frozenset(),
    "downgrade": frozenset({"over_limit", "in_use", "usage_unknown"}),
    "none": frozenset(),
}
"""Direction → the obstacles that stop it."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason why not; clients and dashboards switch on `code`."""

    code: str
    remedy: str
    """The way out: `remove`, `turn_off`, `report_usage`, `contact_support`, …"""
    url_key: str
    """Which page of the host helps; the shell turns it into a link."""
    subject: str | None = None
    """The metric, feature, integration, template or country it is about."""
    used: int | None = None
    limit: int | None = None
    excess: int | None = None
    clears_at: datetime | None = None
    """The instant from which it no longer blocks if nobody does anything; `None` if it never clears by itself."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Further figures for the text."""


def blockers_for(
    *,
    target: Plan,
    direction: Direction,
    stock_usage: Mapping[str, int | None],
    in_use: Mapping[str, datetime | None],
) -> tuple[Blocker, ...]:
    """Everything that stops a change to the target: limits in the plan's order, then features in the plan's order.

    `stock_usage` maps a metric (documents, assistants, seats) to the level held now; absent or `None` means unknown.
    `in_use` maps the code of an active feature or connected integration to the instant it ends by itself, if it does.
    A feature that the target does not speak of does not block.
    """
    stopping = WHAT_BLOCKS[direction]
    of_limits = (
        _limit_blocker(limit, used=stock_usage.get(limit.metric), stopping=stopping)
        for limit in target.limits
        if limit.metric is not None and not limit.renewable
    )
    of_features = (
        _feature_blocker(feature, clears_at=in_use[feature.code])
        for feature in target.features
        if "in_use" in stopping and feature.code in in_use and not feature.included
    )
    return tuple(blocker for blocker in (*of_limits, *of_features) if blocker is not None)


def _limit_blocker(limit: Limit, *, used: int | None, stopping: frozenset[Obstacle]) -> Blocker | None:
    if limit.value == float("inf"):
        return None
    allowed = int(limit.value)
    if used is None:
        if "usage_unknown" not in stopping:
            return None
        return Blocker(f"{limit.metric}_usage_unknown", "report_usage", "usage", subject=limit.metric, limit=allowed)
    if used <= limit.value or "over_limit" not in stopping:
        return None
    return Blocker(
        f"{limit.metric}_over_limit",
        "remove",
        str(limit.metric),
        subject=limit.metric,
        used=used,
        limit=allowed,
        excess=ceil(used - limit.value),
    )


def _feature_blocker(feature: Feature, *, clears_at: datetime | None) -> Blocker:
    kind = "integration" if feature.kind == "integration" else "feature"
    return Blocker(f"{kind}_in_use", "turn_off", f"{kind}s", subject=feature.code, clears_at=clears_at)
