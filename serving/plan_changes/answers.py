"""The answers to a confirmation, and the progress of a change."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import orjson
from fastapi import Response
from sqlalchemy import Connection

from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import UnknownPlan
from serving.invoices import repository as invoices
from serving.payments.gateway import Action
from serving.plan_changes.contracts import ChangeProgress, ChangeReceipt, ProgressStatus, QuoteAnswer, ReceiptStatus
from serving.plan_changes.idempotency import Answer
from serving.plan_changes.render import blockers_answer
from serving.plan_changes.summary import receipt_rows
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, ChangeStatus
from serving.web.fields import utc_text
from serving.web.problems import problem
from serving.words.locales import LocaleCode
from serving.words.plans import Words
from serving.words.texts import day, known, say

NO_LONGER_ON_SALE: Final = Blocker("no_longer_available", "choose_other_plan", "plans")
"""The blocker of a plan or promotion that is no longer in the catalogue."""


def receipt(connection: Connection, change: ChangeRow, status: ChangeStatus, *, action: Action | None = None) -> Answer:
    """The answer 201 for a confirmed quote; with an action it waits until its customer has confirmed the payment."""
    waiting: ReceiptStatus = "payment_pending" if action is None else "requires_action"
    content: ChangeReceipt = {
        "change_id": change.change_id,
        "status": status if status in ("applied", "scheduled") else waiting,
        "action": None if action is None else {"client_secret": action.client_secret, "url": action.redirect_url},
        "direction": change.direction,
        "effective_at": utc_text(change.effective_at),
        "invoice_id": _invoice_id(connection, change),
    }
    return Answer(201, orjson.dumps(content).decode())


def _invoice_id(connection: Connection, change: ChangeRow) -> str | None:
    return invoices.number_of_cause(connection, f"change:{change.change_id}")


def progress(connection: Connection, change: ChangeRow, *, words: Words, timezone: str) -> ChangeProgress:
    """The state of a confirmed change, in words."""
    locale = words.locale
    failure_code, action = changes.failure_code(connection, change.change_id), changes.action(connection, change)
    status: ProgressStatus = "payment_pending" if change.status == "paying" else change.status
    if action is not None:
        status = "requires_action"
    params = {
        "plan": change.plan,
        "date": day(locale, change.effective_at, timezone),
    }
    unlocked: list[str] = []
    with suppress(UnknownPlan):
        params["plan"] = words.plan_name(change.plan)
        unlocked = [each["text"] for each in words.features(words.catalogue.plan(change.plan)) if each["included"]]
    settled = status in {"applied", "scheduled"}
    return {
        "change_id": change.change_id,
        "status": status,
        "direction": change.direction,
        "effective_at": utc_text(change.effective_at),
        "invoice_id": _invoice_id(connection, change),
        "action": action,
        "plan": change.plan,
        "title": say(locale, f"receipt.{status}.title", **params),
        "text": say(locale, f"receipt.{status}.text", **params),
        "unlocked": unlocked if status == "applied" else [],
        "rows": receipt_rows(change, words, timezone) if settled else [],
        "remedy": None if failure_code is None else say(locale, f"remedy.{_failure(failure_code, locale)}"),
    }


def _failure(code: str, locale: LocaleCode) -> str:
    return code if known(locale, f"problem.{code}.title") else "payment_failed"


def payment_refusal(code: str, locale: LocaleCode) -> Answer:
    """The answer 402 for a failed payment, with its remedy; the change was not carried out."""
    code = _failure(code, locale)
    return _kept(problem(status=402, code=code, locale=locale, members={"remedy": say(locale, f"remedy.{code}")}))


def refusal(code: str, blockers: Iterable[Blocker], fresh_quote: QuoteAnswer | None, *, words: Words) -> Answer:
    """The answer 409 for a quote that is not carried out, with a fresh quote where there is one."""
    members = {"blockers": blockers_answer(blockers, words), "fresh_quote": fresh_quote}
    return _kept(problem(status=409, code=code, locale=words.locale, members=members))


def _kept(response: Response) -> Answer:
    return Answer(response.status_code, bytes(response.body).decode())
