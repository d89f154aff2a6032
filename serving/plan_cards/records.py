"""The content of a decision as it is stored: codes, figures and instants, without words of any language."""

from collections.abc import Mapping, Sequence
from typing import Final, NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from data_contracts.usage import COUNT_METRICS
from recommender.billing.availability import Selection, State
from recommender.billing.catalogue import Interval, Plan, Promotion
from recommender.billing.change_rules import Direction, Timing
from recommender.billing.charged import COMPARED_MONTHS, ChargedPrice
from recommender.billing.money import round_half_away_from_zero
from recommender.cards import MonthlyUsage, PlanCard, ProjectedBill
from recommender.concerns import Beyond, Concern
from recommender.ranking.usage_range import chance_above
from recommender.row import ShownAs
from serving.accounts.account import Snapshot
from serving.accounts.records import blocker_record
from serving.db import json_columns
from serving.plan_cards.contracts import Params
from serving.web.fields import utc_text
from serving.words.contracts import BillRecord, BlockerRecord

PLAN: Final = TypeAdapter(Plan)


class SelectionRecord(TypedDict):
    """Whether, how and when a plan can be taken."""

    state: State
    direction: Direction
    timing: Timing
    effective_at: str | None
    blockers: list[BlockerRecord]


class ReasonRecord(TypedDict):
    """A reason with the figures that its sentence names."""

    code: str
    params: Params
    contribution: float


class ConcernRecord(TypedDict):
    """A concern with the figures that its sentence names."""

    code: str
    params: Params


class UsageRecord(TypedDict):
    """A month of the organisation's own usage by metric."""

    expected: dict[str, int]
    high: dict[str, int]
    """The upper end of its range."""
    most: NotRequired[dict[str, int]]
    """The upper end for a plan that costs no less at the lower end than unused; decisions of older versions lack it."""


class ContextRecord(TypedDict):
    """The sentence above the cards: its code, the reason it rests on and the recommended plan."""

    code: str
    reason: str | None
    plan: str | None
    params: Params


class DrawRecord(TypedDict):
    """A draw for the first place."""

    plan: str
    chances: dict[str, float]
    at: str


class CardRecord(TypedDict):
    """One card, with the price at the time of the decision, because the catalogue may change."""

    plan: str
    price_cents: int
    position: int
    recommended: bool
    probability: float
    propensity: float
    reasons: list[ReasonRecord]
    projected_bill: BillRecord
    selection: SelectionRecord
    promotion: str | None
    shown_as: ShownAs | None
    held: NotRequired[bool]
    """Decisions of older versions lack it."""
    as_sold: NotRequired[str]
    """JSON of the plan, where the catalogue has it otherwise or not at all."""
    interval: NotRequired[Interval]
    """Of the price, where that is not the decision's."""
    concerns: list[ConcernRecord]


class DrawnContent(TypedDict):
    """How the first plan came about."""

    draw: NotRequired[DrawRecord | None]
    """`None`: nothing is on sale; decisions of older versions lack it."""
    raised: NotRequired[list[str]]
    """Plans that stand higher than the ranker put them, because they dominate the plan that was above them."""


class Content(DrawnContent):
    """The answer of a decision without words."""

    context: ContextRecord
    plans: list[CardRecord]
    usage: UsageRecord | None
    """`None`: none was reported."""
    beyond: Params | None
    """Usage beyond the largest plan of the family, as `beyond_record` has it."""


def card_record(
    card: PlanCard,
    *,
    promotion: Promotion | None,
    prices: Mapping[str, ChargedPrice],
    usage: MonthlyUsage,
    shown_as: ShownAs,
    held: bool,
    listed: Plan | None,
    concerns: Sequence[Concern],
) -> CardRecord:
    """The content of a card, with the price at the time of the decision, because the catalogue may change.

    `listed` is the plan as the catalogue has it, `None` where it does not. `prices` has what each plan costs the
    organisation, `usage` what it uses in a month.
    """
    record: CardRecord = {
        "plan": card.plan.code,
        "price_cents": card.price_cents,
        "position": card.place.position,
        "recommended": card.recommended,
        "probability": card.place.probability,
        "propensity": card.place.propensity,
        "reasons": [
            {
                "code": reason.code,
                "params": charged_params(with_chance(reason.params, usage), own=card.plan.code, prices=prices),
                "contribution": reason.contribution,
            }
            for reason in card.reasons
        ],
        "projected_bill": _bill(card.projected_bill),
        "selection": selection_record(card.selection),
        "promotion": None if promotion is None else promotion.code,
        "shown_as": shown_as,
        "held": held,
        "concerns": [{"code": each.code, "params": dict(each.params)} for each in concerns],
    }
    if card.plan != listed:
        record |= {"as_sold": json_columns.dumps(PLAN, card.plan), "interval": card.interval}
    return record


def usage_record(snapshot: Snapshot, usage: MonthlyUsage) -> UsageRecord | None:
    """A month of the organisation's own usage, expected and at the upper end of its range; `None`: none was reported.

    Only metrics with reported usage: without a report, usage is unknown, not zero.
    """
    reported = {day.metric for day in (*snapshot.days, *snapshot.carried)}
    ends = (usage.expected, usage.high, usage.most)
    expected, high, most = ({m: int(of[m]) for m in of if m in reported} for of in ends)
    return {"expected": expected, "high": high, "most": most} if expected else None


def selection_record(selection: Selection) -> SelectionRecord:
    """A selection as plain values: whether, how and when a plan can be taken."""
    return {
        "state": selection.state,
        "direction": selection.direction,
        "timing": selection.timing,
        "effective_at": None if selection.effective_at is None else utc_text(selection.effective_at),
        "blockers": [blocker_record(blocker) for blocker in selection.blockers],
    }


def _bill(bill: ProjectedBill) -> BillRecord:
    return {
        "amount_cents": bill.amount_cents,
        "overage_cents": bill.overage_cents,
        "low_cents": bill.low_cents,
        "high_cents": bill.high_cents,
        "exceeded": list(bill.exceeded),
        "days": bill.days,
        "usage_known": bill.usage_known,
        "compared_cents": bill.compared_cents,
        "months": bill.months,
        "then_cents": bill.then_cents,
    }


def charged_params(
    params: Mapping[str, str | int | float], *, own: str, prices: Mapping[str, ChargedPrice]
) -> dict[str, str | int | float]:
    """The figures of a sentence about money, and where a promotion ends meanwhile, what its amounts are made of.

    For a plan whose amount is a mean over the months that are compared: the bill at first, for how many months, the
    bill after them, and how much of each is overage. `own` is the plan that the sentence is about.
    """
    found = dict(params)
    for prefix, plan in (("", own), ("other_", params.get("plan"))):
        price, amount = prices.get(str(plan)), params.get(f"{prefix}amount_cents")
        if price is None or not price.averaged or price.months is None or not isinstance(amount, int):
            continue
        overage = amount - round_half_away_from_zero(price.compared_cents)
        found[f"{prefix}now_cents"] = round_half_away_from_zero(price.now_cents) + overage
        found[f"{prefix}then_cents"] = round_half_away_from_zero(price.then_cents) + overage
        found |= {
            f"{prefix}months": price.months,
            f"{prefix}overage_cents": overage,
            "averaged_months": COMPARED_MONTHS,
        }
    return found


def with_chance(params: Mapping[str, str | int | float], usage: MonthlyUsage) -> dict[str, str | int | float]:
    """The figures of a sentence about an allowance, and in how many of ten months it is passed: 1…9, else unsaid."""
    found, metric, limit = dict(params), params.get("metric"), params.get("limit")
    if metric not in COUNT_METRICS or not isinstance(limit, int) or "plan" not in params or metric not in usage.high:
        return found
    expected, low, high = (float(each[str(metric)]) for each in (usage.expected, usage.low, usage.high))
    months = round(10 * chance_above(limit, expected=expected, low=low, high=high))
    return found | {"months_in_ten": months} if 0 < months < 10 else found


def beyond_record(beyond: Beyond) -> Params:
    """Usage beyond the largest plan as plain values."""
    return {
        "metric": beyond.metric,
        "used": beyond.used,
        "limit": beyond.limit,
        "plan": beyond.plan,
        "times": round(beyond.times, 1),
    }
