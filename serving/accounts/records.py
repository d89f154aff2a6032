"""Cards as plain values for the decision log: codes, figures and instants, without words of any language."""

from typing import Any

from recommender.billing.availability import Selection
from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import Promotion
from recommender.cards import MonthlyUsage, PlanCard, ProjectedBill
from serving.accounts.account import Snapshot
from serving.web.fields import utc_text
from serving.words.contracts import BlockerRecord


def card_record(card: PlanCard, *, promotion: Promotion | None) -> dict[str, Any]:
    """The content of a card, with the price at the time of the decision, because the catalogue may change."""
    return {
        "plan": card.plan.code,
        "price_cents": card.price_cents,
        "position": card.place.position,
        "recommended": card.recommended,
        "probability": card.place.probability,
        "propensity": card.place.propensity,
        "reasons": [
            {"code": reason.code, "params": dict(reason.params), "contribution": reason.contribution}
            for reason in card.reasons
        ],
        "projected_bill": _bill(card.projected_bill),
        "selection": selection_record(card.selection),
        "promotion": None if promotion is None else promotion.code,
    }


def usage_record(snapshot: Snapshot, usage: MonthlyUsage) -> dict[str, dict[str, int]] | None:
    """A month of the organisation's own usage, expected and at the upper end of its range; `None`: none was reported.

    Only metrics with reported usage: without a report, usage is unknown, not zero.
    """
    reported = {day.metric for day in (*snapshot.days, *snapshot.carried)}
    ends = {"expected": usage.expected, "high": usage.high}
    found = {end: {m: int(units) for m, units in of.items() if m in reported} for end, of in ends.items()}
    return found if found["expected"] else None


def selection_record(selection: Selection) -> dict[str, Any]:
    """A selection as plain values: whether, how and when a plan can be taken."""
    return {
        "state": selection.state,
        "direction": selection.direction,
        "timing": selection.timing,
        "effective_at": None if selection.effective_at is None else utc_text(selection.effective_at),
        "blockers": [blocker_record(blocker) for blocker in selection.blockers],
    }


def _bill(bill: ProjectedBill) -> dict[str, Any]:
    return {
        "amount_cents": bill.amount_cents,
        "overage_cents": bill.overage_cents,
        "low_cents": bill.low_cents,
        "high_cents": bill.high_cents,
        "exceeded": list(bill.exceeded),
        "days": bill.days,
        "usage_known": bill.usage_known,
    }


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
