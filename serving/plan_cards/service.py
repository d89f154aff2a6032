"""Answer with the decision that still holds, or take and store a new one."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from recommender.billing.catalogue import Interval
from recommender.experiments.assignment import Assignment
from serving.accounts import account
from serving.parts import Parts
from serving.plan_cards import repository
from serving.plan_cards.decide import Terms, decide
from serving.plan_cards.repository import Decision

_ATTEMPTS = 5


class BusyOrganization(Exception):
    """The organisation's facts changed again and again while a decision was being taken."""


async def recommend(parts: Parts, *, organization_id: str, interval: Interval) -> tuple[str, str]:
    """The id of the decision in force and the organisation's language.

    The same decision is answered until it expires or something it rests on changes, so a page that is loaded again
    makes no new impression. Raises `UnknownOrganization`, `BusyOrganization`.
    """
    for _ in range(_ATTEMPTS):
        now = parts.now()
        latest = await repository.latest_now(parts.database, organization_id=organization_id, interval=interval)
        place = parts.experiments.place_of(organization_id, now=now)
        basis = _basis(parts, latest.revision, place)
        if latest.decision_id is not None and latest.holds(basis, now):
            return latest.decision_id, latest.locale
        taken = await _take(parts, organization_id=organization_id, interval=interval, now=now, place=place)
        if taken is not None:
            return taken, latest.locale
    raise BusyOrganization(organization_id)


async def decision_for(parts: Parts, *, organization_id: str, interval: Interval) -> Decision:
    """The decision in force with all that it says; raises as `recommend`."""
    decision_id, _ = await recommend(parts, organization_id=organization_id, interval=interval)
    return await parts.database.read(lambda connection: repository.get(connection, decision_id))


async def _take(
    parts: Parts, *, organization_id: str, interval: Interval, now: datetime, place: Assignment | None
) -> str | None:
    """Decide and store; `None` when the organisation's facts changed meanwhile."""
    started = time.perf_counter()
    facts = await parts.database.read(
        lambda connection: account.known(
            connection, organization_id=organization_id, catalogue=parts.catalogue, now=now
        )
    )
    revision = facts.organization.revision
    decided = await decide(
        facts=facts,
        interval=interval,
        assortment=parts.assortment,
        advisor=parts.advisor,
        terms=_terms(parts, place),
        decision_id=parts.new_id(),
        basis=_basis(parts, revision, place),
    )
    decision = replace(decided.decision, latency_ms=1_000 * (time.perf_counter() - started))

    def store(connection: Connection) -> str | None:
        return repository.add(connection, decision, decided.candidates, revision=revision, recorded_at=parts.now())

    stored = await parts.database.write(store)
    if stored == decision.decision_id:
        labels = decision.strategy, decision.model_version, decision.fallback_reason or ""
        parts.metrics.decisions.labels(*labels).inc()
    return stored


def _terms(parts: Parts, place: Assignment | None) -> Terms:
    settings = parts.settings
    budget = None if place is None else place.arm.exploration_budget
    return Terms(
        exploration_budget=settings.exploration_budget if budget is None else budget,
        rules_share=settings.rules_share,
        shown=settings.plans_shown,
        lifetime=timedelta(minutes=settings.decision_minutes),
        assignment=place,
    )


def _basis(parts: Parts, revision: int, place: Assignment | None) -> str:
    """Everything a decision rests on, as one text: another text, another decision."""
    settings = parts.settings
    champion = parts.advisor.champions.champion.version
    terms = f"{settings.exploration_budget:g} {settings.rules_share:g} {settings.plans_shown}"
    if place is not None:
        challenger = parts.advisor.challengers.champion.version if place.arm.ranker == "challenger" else ""
        terms = f"{terms} {place.experiment.name} {place.arm.name} {challenger}"
    return f"{revision} {parts.catalogue.version} {champion} {terms}"
