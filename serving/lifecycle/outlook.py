"""The consequences of cancelling, in words: when it ends, what is lost, what may be offered instead."""

from functools import partial
from typing import Final, get_args

from data_contracts.raw.cancellations import CancellationReason
from recommender.billing.catalogue import Promotion
from recommender.billing.discounts import discount_cents
from recommender.billing.subscription import Subscription
from serving.lifecycle.contracts import CancellationOutlook, ReasonText, SaveOfferText
from serving.organizations.repository import OrganizationRow
from serving.web.fields import utc_text
from serving.words.plans import Words
from serving.words.promotions import promotion_text
from serving.words.texts import day, say

NOTHING: Final[CancellationOutlook] = {
    "state": "nothing",
    "plan": None,
    "plan_name": None,
    "effective_at": None,
    "text": "",
    "lost": [],
    "notes": [],
    "reasons": [],
    "offers": [],
}


def nothing(words: Words) -> CancellationOutlook:
    """The answer where there is nothing to cancel."""
    return {**NOTHING, "text": say(words.locale, "cancel.nothing")}


def outlook(
    held: Subscription, offers: list[Promotion], *, organization: OrganizationRow, words: Words
) -> CancellationOutlook:
    """The consequences of cancelling this subscription; none for one without a plan."""
    plan = held.plan
    if plan is None or not (held.is_paying or held.status == "paused"):
        return nothing(words)
    t, paused = partial(say, words.locale), held.status == "paused"
    date = day(words.locale, held.period.end, organization.timezone)
    kind = "waiting" if held.cancelled else "paused" if paused else "possible"
    return {
        "state": "waiting" if held.cancelled else "possible",
        "plan": plan.code,
        "plan_name": plan.name,
        "effective_at": None if paused else utc_text(held.period.end),
        "text": t(f"cancel.text.{kind}", plan=plan.name, date=date),
        "lost": [each["text"] for each in words.features(plan) if each["included"]],
        "notes": _notes(held, words=words, date=date),
        "reasons": reasons(words),
        "offers": [_offer(held, each, words=words, date=date) for each in offers],
    }


def reasons(words: Words) -> list[ReasonText]:
    """Every reason in words."""
    codes: tuple[CancellationReason, ...] = get_args(CancellationReason)
    return [{"code": code, "text": say(words.locale, f"cancel.reason.{code}")} for code in codes]


def _notes(held: Subscription, *, words: Words, date: str) -> list[str]:
    t = partial(say, words.locale)
    notes = []
    if held.is_paying:
        notes.append(t("cancel.note.until", date=date))
        if held.plan is not None and held.plan.overage_cents:
            notes.append(t("cancel.note.overage"))
    if held.scheduled is not None:
        notes.append(t("cancel.note.scheduled", plan=held.scheduled.plan.name))
    if held.credit_balance_cents > 0:
        notes.append(t("cancel.note.balance", amount=words.money(held.credit_balance_cents, decimals=True)))
    notes.append(t("cancel.note.data"))
    return notes


def _offer(held: Subscription, offer: Promotion, *, words: Words, date: str) -> SaveOfferText:
    interval = held.interval or "month"
    full = 0 if held.plan is None else held.plan.price_cents[interval]
    price = words.price(full - discount_cents(offer, price_cents=full), interval)
    now, then = (
        say(words.locale, f"price.{interval}.short", amount=words.money(cents))
        for cents in (price["amount_cents"], full)
    )
    params = {"date": date, "now": now, "then": then}
    if offer.cycles is None:
        terms = say(words.locale, "cancel.offer.always", **params)
    else:
        terms = say(words.locale, f"cancel.offer.{interval}", count=offer.cycles, **params)
    return {
        "offer": offer.code,
        "reasons": list(offer.reasons),
        "text": promotion_text(offer, words.locale),
        "terms": terms,
        "price": price,
        "cycles": offer.cycles,
        "from_at": utc_text(held.period.end),
    }
