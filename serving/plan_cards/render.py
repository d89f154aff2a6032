"""A decision in the reader's language, as the contract writes it."""

from collections.abc import Mapping
from dataclasses import replace

from recommender.billing.catalogue import Interval, Plan
from recommender.billing.plan_versions import newer_version
from serving.db import json_columns
from serving.plan_cards import explaining
from serving.plan_cards.contracts import Enterprise, PlanCard, Recommendation, Selection
from serving.plan_cards.promotions import promotion_answer
from serving.plan_cards.records import PLAN, CardRecord, SelectionRecord, UsageRecord
from serving.plan_cards.repository import Decision
from serving.web.fields import utc_text
from serving.words import usage
from serving.words.contracts import BillRecord
from serving.words.locales import LocaleCode
from serving.words.plans import Words
from serving.words.texts import known, say


def recommendation(decision: Decision, words: Words, *, recorded: bool = True) -> Recommendation:
    """The recommendation of a decision; its languages differ in their words only."""
    cards = decision.content["plans"]
    return {
        "decision_id": decision.decision_id,
        "strategy": decision.strategy,
        "model_version": decision.model_version,
        "fallback_reason": decision.fallback_reason,
        "experiment": decision.experiment,
        "arm": decision.arm,
        "interval": decision.interval,
        "badge": say(words.locale, "badge"),
        "context": explaining.context(decision.content["context"], words),
        "guard": decision.guard,
        "plans": [_card(card, decision=decision, words=words) for card in cards],
        "enterprise": {
            **enterprise(words.locale),
            "message": explaining.beyond(decision.content.get("beyond"), words),
        },
        "expires_at": utc_text(decision.expires_at),
        "recorded": recorded,
    }


def enterprise(locale: LocaleCode) -> Enterprise:
    """Make the part of the modal that leads to sales."""
    title, description, action = (say(locale, f"enterprise.{part}") for part in ("title", "description", "action"))
    return {"title": title, "description": description, "action": action}


def selection(
    selection: SelectionRecord, words: Words, *, price_cents: int, plan: Plan, interval: Interval
) -> Selection:
    """Whether the plan, as it was sold if it is held, can be taken, with the label of the button and its effect."""
    kind: str | None = "start" if selection["direction"] == "start" else selection.get("timing")
    if selection["state"] == "current" and selection["effective_at"] is not None:
        kind = "ends"
    tells = selection["state"] in ("selectable", "current") and known(words.locale, f"selection.note.{kind}")
    return {
        "state": selection["state"],
        "direction": selection["direction"],
        "timing": selection["timing"],
        "effective_at": selection["effective_at"],
        "blockers": [words.blocker(blocker) for blocker in selection["blockers"]],
        "label": say(words.locale, f"selection.{selection['state']}"),
        "note": say(words.locale, f"selection.note.{kind}", amount=words.money(price_cents)) if tells else None,
        "newer": _newer(plan, interval, words) if selection["state"] == "current" else None,
    }


def _newer(held: Plan, interval: Interval, words: Words) -> str | None:
    """The price of the plan held as it is sold now, where its terms have changed."""
    plan = newer_version(held, interval=interval, on_sale=words.catalogue)
    if plan is None:
        return None
    return say(words.locale, "selection.newer", price=words.price(plan.price_cents[interval], interval)["text"])


def _upper_end(own: UsageRecord | None, bill: BillRecord) -> Mapping[str, int] | None:
    """The usage at the upper end of a bill's range, see `recommender.cards.projected_bill`."""
    if own is None:
        return None
    price_cents = bill["amount_cents"] - bill["overage_cents"]
    return own.get("most", own["high"]) if bill.get("low_cents") == price_cents else own["high"]


def _card(card: CardRecord, *, decision: Decision, words: Words) -> PlanCard:
    interval, sold = card.get("interval", decision.interval), card.get("as_sold")
    plan = words.catalogue.plan(card["plan"]) if sold is None else json_columns.loads(PLAN, sold)
    if card["price_cents"] != plan.price_cents.get(interval):
        plan = replace(plan, price_cents={**plan.price_cents, interval: card["price_cents"]})
    own = decision.content.get("usage")
    expected, bill = None if own is None else own["expected"], card["projected_bill"]
    promotion = promotion_answer(card.get("promotion"), plan, interval, words)
    price_cents = (promotion["price"]["amount_cents"]) if promotion else plan.price_cents[interval]
    return {
        **words.plan(plan, interval),
        "overage": usage.overage_answers(plan, words),
        "usage": usage.usage_answers(plan, expected, words),
        "promotion": promotion,
        "position": card["position"],
        "recommended": card["recommended"],
        "shown_as": card.get("shown_as"),
        "held": card.get("held", card["selection"]["state"] == "current"),
        "probability": card["probability"],
        "propensity": card["propensity"],
        "reasons": [explaining.reason(reason, words) for reason in card["reasons"]],
        "concerns": [
            explaining.concern(concern, words, overage_cents=bill["overage_cents"])
            for concern in card.get("concerns", ())
        ],
        "projected_bill": {
            **words.bill(bill),
            "upper_end_text": usage.upper_end_text(plan, _upper_end(own, bill), words),
        },
        "selection": selection(card["selection"], words, price_cents=price_cents, plan=plan, interval=interval),
    }
