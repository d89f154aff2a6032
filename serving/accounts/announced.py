"""An announced move to a new version of one's plan, in sentences that pages and mails share."""

from collections.abc import Iterable
from functools import partial

from recommender.billing.catalogue import Plan
from recommender.billing.entitlements import differences
from recommender.billing.subscription import Subscription
from serving.words.differences import difference_rows
from serving.words.plans import Words
from serving.words.texts import day, listed, money, say
from serving.words.usage import overage_answers


def announced_sentences(subscription: Subscription, words: Words, timezone: str) -> list[str]:
    """From when on the new version holds at which price, and what else changes; empty where none is announced."""
    move, at, held, interval = (
        subscription.announced,
        subscription.moves_at,
        subscription.plan,
        subscription.interval,
    )
    if move is None or at is None or held is None or interval is None:
        return []
    t, currency = partial(say, words.locale), subscription.currency or words.catalogue.currency

    def price(plan: Plan) -> str:
        return t(f"price.{interval}", amount=money(words.locale, plan.price_cents[interval], currency))

    old, new = price(held), price(move.plan)
    params = {"date": day(words.locale, at, timezone), "plan": words.named(move.plan), "old": old, "new": new}
    return [
        t("announced.same_price" if old == new else "announced.price", **params),
        *_changes(held, move.plan, words),
        *([t("announced.discount")] if subscription.discount is not None else []),
    ]


def _changes(held: Plan, new: Plan, words: Words) -> Iterable[str]:
    gained, lost = differences(current=held, target=new)
    for kind, found in (("gained", gained), ("lost", lost)):
        named = [f"{subject}: {value}" if value else subject for subject, value in difference_rows(found, words)]
        if named:
            yield say(words.locale, f"announced.{kind}", what=listed(words.locale, named))
    before = {each["metric"]: each["price_text"] for each in overage_answers(held, words)}
    for each in overage_answers(new, words):
        if each["price_text"] != before.get(each["metric"]):
            metric, now = words.within(each["metric"]), each["price_text"]
            yield say(words.locale, "announced.overage", metric=metric, price=now)
