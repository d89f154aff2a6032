"""What a preview or a confirmation answers."""

from contextlib import suppress
from typing import Final

import orjson
from fastapi import Response
from sqlalchemy import Connection

from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import UnknownPlan
from serving.invoices import repository as invoices
from serving.organizations.repository import OrganizationRow
from serving.parts import Parts
from serving.plan_changes.idempotency import Answer
from serving.plan_changes.quotes import Quote
from serving.plan_changes.render import blockers_answer, quote_answer
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, ChangeStatus
from serving.web.fields import utc_text
from serving.web.problems import problem
from serving.words.locales import LocaleCode
from serving.words.texts import day, known, say

NO_LONGER_ON_SALE: Final = Blocker("no_longer_available", "choose_other_plan", "plans")
"""A plan or promotion that the catalogue of today does not have."""


def receipt(connection: Connection, change: ChangeRow, status: ChangeStatus) -> Answer:
    """What became of a confirmed quote."""
    content = {
        "change_id": change.change_id,
        "status": status,
        "direction": change.direction,
        "effective_at": change.effective_at,
        "invoice_id": _invoice_id(connection, change),
    }
    return Answer(201, orjson.dumps(content, option=orjson.OPT_UTC_Z).decode())


def _invoice_id(connection: Connection, change: ChangeRow) -> str | None:
    return invoices.number_of_cause(connection, f"change:{change.change_id}")


def progress(
    connection: Connection, change: ChangeRow, *, parts: Parts, organization: OrganizationRow, locale: LocaleCode
) -> dict[str, object]:
    """How a confirmed change stands now, in words."""
    failure_code = changes.failure_code(connection, change.change_id)
    status = "payment_pending" if change.status == "paying" else change.status
    params = {
        "plan": change.plan,
        "date": day(locale, change.effective_at, organization.timezone),
    }
    with suppress(UnknownPlan):
        params["plan"] = parts.words(locale).plan_name(change.plan)
    return {
        "change_id": change.change_id,
        "status": status,
        "direction": change.direction,
        "effective_at": utc_text(change.effective_at),
        "invoice_id": _invoice_id(connection, change),
        "plan": change.plan,
        "title": say(locale, f"receipt.{status}.title", **params),
        "text": say(locale, f"receipt.{status}.text", **params),
        "remedy": None if failure_code is None else say(locale, f"remedy.{_failure(failure_code, locale)}"),
    }


def _failure(code: str, locale: LocaleCode) -> str:
    return code if known(locale, f"problem.{code}.title") else "payment_failed"


def payment_refusal(code: str, locale: LocaleCode) -> Answer:
    """402: the payment failed and nothing has happened; with what helps."""
    code = _failure(code, locale)
    return _kept(problem(status=402, code=code, locale=locale, members={"remedy": say(locale, f"remedy.{code}")}))


def refusal(code: str, fresh: Quote | None, parts: Parts, organization: OrganizationRow, locale: LocaleCode) -> Answer:
    """409: the quote is not carried out; with a fresh one in its place, unless its plan is no longer on sale."""
    blockers = (NO_LONGER_ON_SALE,) if fresh is None else fresh.change.blockers
    members = {
        "blockers": blockers_answer(blockers, parts.words(locale)),
        "fresh_quote": None if fresh is None else quote_json(fresh, parts, organization, locale),
    }
    return _kept(problem(status=409, code=code, locale=locale, members=members))


def _kept(response: Response) -> Answer:
    return Answer(response.status_code, bytes(response.body).decode())


def quote_json(quoted: Quote, parts: Parts, organization: OrganizationRow, locale: LocaleCode) -> dict[str, object]:
    """A quote as an answer, signed if nothing stands against it."""
    token = None
    if not quoted.change.blockers:
        token = parts.quotes.sign(
            quoted,
            quote_id=parts.new_id(),
            organization_id=organization.organization_id,
            catalogue_version=quoted.change.wish.catalogue_version,
        )
    return quote_answer(quoted, token=token, words=parts.words(locale), timezone=organization.timezone)
