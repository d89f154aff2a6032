"""Preview a change of plan: what it would do and cost, decided on what is recorded now; nothing is changed."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue
from recommender.billing.plan_change import PeriodIsOver
from serving.accounts.account import account_at
from serving.accounts.accrued import accrued_overage
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.outcomes import repository as outcomes
from serving.outcomes.service import UnknownDecision, note
from serving.parts import Parts
from serving.plan_changes import answers
from serving.plan_changes.quotes import Quote, Wanted, quote
from serving.renewals.closing import close_due
from serving.subscriptions import states
from serving.words.locales import LocaleCode


async def preview(parts: Parts, *, organization_id: str, wanted: Wanted, locale: LocaleCode) -> dict[str, object]:
    """The quote as an answer; changes nothing, but closes first what has fallen due.

    Raises `UnknownOrganization`, `UnknownPlanWanted`, `UnknownPromotion`, `UnknownDecision`, `HeldPlanUnknown`.
    """

    def read(connection: Connection) -> dict[str, object]:
        organization = organizations.get(connection, organization_id)
        if wanted.decision_id is not None:
            decided = outcomes.decided(connection, wanted.decision_id)
            if decided is None or decided.organization_id != organization_id:
                raise UnknownDecision
        quoted = quote_now(connection, parts, organization, wanted, at=parts.now())
        return answers.quote_json(quoted, parts, organization, locale)

    try:
        answer = await parts.database.read(read)
    except PeriodIsOver:
        await parts.database.write(lambda connection: close_due(connection, parts.books(), organization_id))
        answer = await parts.database.read(read)
    if wanted.decision_id is not None:
        blocked = bool(answer["blockers"])
        await parts.database.write(lambda connection: _note_preview(connection, wanted, blocked, now=parts.now()))
    return answer


def _note_preview(connection: Connection, wanted: Wanted, blocked: bool, *, now: datetime) -> None:
    """Record a `previewed` outcome, and a `blocked` one, for the decision that led to this preview."""
    of = sha256(f"{wanted.decision_id} {wanted.plan}".encode()).hexdigest()[:40]
    for kind in ("previewed", "blocked") if blocked else ("previewed",):
        note(connection, kind=kind, decision_id=wanted.decision_id, plan=wanted.plan, of=of, now=now)


def quote_now(
    connection: Connection,
    parts: Parts,
    organization: OrganizationRow,
    wanted: Wanted,
    *,
    at: datetime,
    sold: Catalogue | None = None,
) -> Quote:
    """Decide on what is recorded now, as of an instant, by the catalogue on sale or by an earlier one that was."""
    catalogue = sold or parts.catalogue
    state = states.present(connection, organization, catalogue=parts.catalogue, now=at)
    held = None if state is None else state.subscription
    quoted = quote(
        account=account_at(connection, organization, subscription=held, catalogue=catalogue, now=at),
        version=0 if state is None else state.version,
        wanted=wanted,
        catalogue=catalogue,
        organization=organization,
        at=at,
    )
    return replace(quoted, accrued=accrued_overage(connection, organization.organization_id, quoted.change.after))
