"""Gains and losses of a change of plan: features that come or go, limits that rise or fall."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from recommender.billing.catalogue import Plan

Value = bool | float | str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature or limit in which two plans differ; `None` where one lacks it, `math.inf` for unlimited."""

    kind: Literal["feature", "integration", "limit"]
    code: str
    before: Value
    after: Value


def differences(*, current: Plan | None, target: Plan) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """The gains and the losses of a change, each in the target's order; both empty without a current plan.

    A text that changes into another text is both: we cannot say which is better.
    """
    if current is None:
        return (), ()
    pairs = (*_feature_pairs(current, target), *_limit_pairs(current, target))
    gained = tuple(pair for pair in pairs if pair.before != pair.after and not _falls(pair))
    lost = tuple(pair for pair in pairs if pair.before != pair.after and not _rises(pair))
    return gained, lost


def _feature_pairs(current: Plan, target: Plan) -> Iterable[Difference]:
    before = {feature.code: feature for feature in current.features if feature.included}
    after = {feature.code: feature for feature in target.features if feature.included}
    for code, feature in {**after, **before}.items():
        yield Difference(
            "integration" if feature.kind == "integration" else "feature",
            code,
            before[code].value if code in before else None,
            after[code].value if code in after else None,
        )


def _limit_pairs(current: Plan, target: Plan) -> Iterable[Difference]:
    before = {limit.code: limit.value for limit in current.limits}
    for limit in target.limits:
        if limit.code in before:
            yield Difference("limit", limit.code, before[limit.code], limit.value)


def _rises(pair: Difference) -> bool:
    """Whether the customer surely has more afterwards."""
    if isinstance(pair.before, float | int) and isinstance(pair.after, float | int):
        return pair.after > pair.before
    return pair.before is None


def _falls(pair: Difference) -> bool:
    """Whether the customer surely has less afterwards."""
    if isinstance(pair.before, float | int) and isinstance(pair.after, float | int):
        return pair.after < pair.before
    return pair.after is None
