"""Notices about a subscription, in sentences that pages show unchanged."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

import orjson
from sqlalchemy import Connection

from recommender.billing.catalogue import UnknownPlan
from serving.accounts.announced import announced_sentences
from serving.accounts.contracts import Notice, NoticeCode
from serving.accounts.current_subscription import CurrentSubscription
from serving.accounts.overdue import overdue
from serving.organizations.repository import OrganizationRow
from serving.subscriptions import changes as plan_changes
from serving.words.plans import Words
from serving.words.texts import day, say


def notices(
    connection: Connection,
    *,
    organization: OrganizationRow,
    current: CurrentSubscription,
    words: Words,
    now: datetime,
) -> list[Notice]:
    """Notices: the end of a trial, overdue payments, a pause or an end, what is pending or scheduled, a refusal."""
    return list(_notices(connection, organization, current, words, now))


def _notices(
    connection: Connection, organization: OrganizationRow, current: CurrentSubscription, words: Words, now: datetime
) -> Iterable[Notice]:
    t = partial(say, words.locale)
    on = partial(day, words.locale, timezone=organization.timezone)
    end = current.trial_ends_at
    if end is not None and current.trial_over:
        yield _notice("trial_over", t("notice.trial_over", date=on(end)))
    elif end is not None and (terms := words.catalogue.trial) is not None and terms.is_near(end, now=now):
        yield _notice("trial_ending", t("notice.trial_ending", date=on(end)))
    yield from _owed(connection, organization, current, words)
    held = current.subscription
    if current.held.status == "paused" and current.plan is not None:
        yield _notice("paused", t("notice.paused", plan=current.plan.name))
    if held is not None and held.status == "ended" and held.plan is not None:
        yield _notice("ended", t("notice.ended", plan=held.plan.name, date=on(held.period.end)))
    pending = plan_changes.under_way(connection, organization.organization_id)
    if pending is not None:
        text = t("notice.pending", plan=_name(pending.plan, words))
        yield _notice("pending", text, change_id=pending.change_id)
    waiting = None if current.subscription is None else current.subscription.scheduled
    if waiting is not None:
        interval = t(f"interval.{waiting.interval}")
        text = t("notice.scheduled", plan=words.named(waiting.plan), interval=interval, date=on(waiting.effective_at))
        yield _notice("scheduled", text)
    upcoming = [] if held is None else announced_sentences(held, words, organization.timezone)
    if upcoming:
        text = " ".join([*upcoming, t("notice.announced")])
        yield _notice("announced", text, remedy=t("page.change_plan"), url=words.link("plans"))
    if current.ends_at is not None and current.plan is not None:
        yield _notice("cancelled", t("notice.cancelled", plan=current.plan.name, date=on(current.ends_at)))
    settled = plan_changes.last_settled(connection, organization.organization_id)
    if settled is not None and settled.status == "refused":
        blockers = [words.blocker(blocker) for blocker in orjson.loads(settled.reason)]
        why = " ".join(f"{blocker['message']} {blocker['remedy']}" for blocker in blockers)
        text = t("notice.refused", plan=_name(settled.plan, words), date=on(settled.effective_at))
        yield _notice("refused", f"{text} {why}".strip())


def _owed(
    connection: Connection, organization: OrganizationRow, current: CurrentSubscription, words: Words
) -> Iterable[Notice]:
    """Notices of overdue amounts and of amounts too small to be collected."""
    t, held = partial(say, words.locale), current.subscription
    if current.held.status in {"past_due", "suspended"}:
        owed = overdue(connection, organization, words)
        text = " ".join(filter(None, ("" if owed is None else owed.text, t(f"notice.{current.held.status}"))))
        pay, url = None if owed is None else owed.pay, words.link("billing")
        yield _notice(current.held.status, text, remedy=t("billing.heading"), url=url, pay=pay)
    if held is not None and held.carried_cents:
        yield _notice("carried", t("notice.carried", amount=words.money(held.carried_cents, decimals=True)))


def _notice(
    code: NoticeCode,
    text: str,
    *,
    change_id: str | None = None,
    remedy: str | None = None,
    url: str | None = None,
    pay: str | None = None,
) -> Notice:
    return {"code": code, "text": text, "change_id": change_id, "remedy": remedy, "url": url, "pay": pay}


def _name(code: str, words: Words) -> str:
    try:
        return words.plan_name(code)
    except UnknownPlan:
        return code
