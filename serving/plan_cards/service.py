"""Answer with the decision that is still valid, or take and store a new one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from recommender.billing.catalogue import Interval
from recommender.experiments.assignment import Assignment
from serving.accounts import account
from serving.accounts.account import Snapshot
from serving.clock import Clock
from serving.db.session import UNAVAILABLE, Database
from serving.experiments.in_force import ExperimentsInForce
from serving.plan_cards import overview, own_usage, render, repository
from serving.plan_cards.contracts import PlansOnSale
from serving.plan_cards.decide import decide
from serving.plan_cards.outbox import WAIT_SECONDS, DecisionOutbox
from serving.plan_cards.own_usage import OwnUsage
from serving.plan_cards.question import Terms
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.rendered import Rendered
from serving.plan_cards.repository import Decision, EarlierDraw, Latest
from serving.sale.assortment import Assortment
from serving.settings import Settings
from serving.web.answers import dumped
from serving.web.logs import logger
from serving.web.telemetry import Metrics
from serving.words.locales import LocaleChoice, LocaleCode
from serving.words.plans import WordsIn

_ATTEMPTS = 5
"""So often a decision is taken anew because the organisation changed meanwhile; the last one is answered."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The last decision of an organisation at an instant, and what a decision rests on now."""

    latest: Latest
    now: datetime
    assignment: Assignment | None
    basis: str

    @property
    def decision_id(self) -> str | None:
        """The last decision if it is still in force."""
        return self.latest.decision_id if self.latest.holds(self.basis, self.now) else None


class PlanCards:
    """Recommends plans and shows the whole catalogue, each for one organisation.

    Every method raises `UnknownOrganization`.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        new_id: Callable[[], str],
        settings: Settings,
        assortment: Assortment,
        words: WordsIn,
        fallback: RankerFallback,
        experiments: ExperimentsInForce,
        metrics: Metrics,
        outbox: DecisionOutbox,
    ) -> None:
        self._outbox = outbox
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._settings = settings
        self._assortment = assortment
        self._words = words
        self._fallback = fallback
        self._experiments = experiments
        self._metrics = metrics
        self._rendered = Rendered()

    async def recommendation(
        self, organization_id: str, *, interval: Interval | None, locale_for: LocaleChoice
    ) -> tuple[bytes, LocaleCode]:
        """The recommendation as JSON bytes, with its language; without an interval, at the one that is paid."""
        in_force, organization_locale = await self._in_force(organization_id, interval=interval)
        decision_id = in_force if isinstance(in_force, str) else in_force.decision_id
        locale = locale_for(organization_locale)
        body = self._rendered.get(decision_id, locale)
        if body is None:
            decision, waits = await self._decision(in_force), self._outbox.find(decision_id) is not None
            body = dumped(render.recommendation(decision, self._words(locale), recorded=not waits))
            if not waits:
                self._rendered.put(decision_id, locale, body)
        return body, locale

    async def repeated(
        self, organization_id: str, *, interval: Interval | None, locale_for: LocaleChoice
    ) -> tuple[bytes, LocaleCode] | None:
        """The recommendation in force, if it was answered in this language before; costs one query."""
        found = await self._latest(organization_id, interval=interval)
        locale = locale_for(found.latest.locale)
        body = None if found.decision_id is None else self._rendered.get(found.decision_id, locale)
        return None if body is None else (body, locale)

    async def decision(self, organization_id: str, *, interval: Interval | None) -> Decision:
        """The decision in force with everything it contains."""
        in_force, _ = await self._in_force(organization_id, interval=interval)
        return await self._decision(in_force)

    async def catalogue(
        self, organization_id: str, *, interval: Interval | None, locale_for: LocaleChoice
    ) -> tuple[PlansOnSale, LocaleCode]:
        """Everything on sale as the contract writes it, with its language; without an interval, at the one paid."""
        now = self._clock()

        def read(connection: Connection) -> OwnUsage:
            return own_usage.read(connection, organization_id, catalogue=self._assortment.catalogue, now=now)

        own = await self._database.read(read)
        locale = locale_for(own.snapshot.organization.locale)
        interval = interval or self._assortment.interval_for(own.snapshot.current.held.interval)
        used = own.monthly(self._assortment, interval)
        answer = overview.overview(
            own.snapshot, interval=interval, words=self._words(locale), used=used, accrued_cents=own.accrued_cents
        )
        return answer, locale

    async def _latest(self, organization_id: str, *, interval: Interval | None) -> _Found:
        """The last decision; without an interval at the one that is paid, or the usual one where nothing is sold so."""
        now = self._clock()
        usual = self._assortment.usual_interval
        ask = partial(repository.latest_now, self._database, organization_id=organization_id, usual=usual)
        latest = await ask(interval=interval)
        if interval is None and latest.interval != self._assortment.interval_for(latest.interval):
            latest = await ask(interval=usual)
        assignment = self._experiments.assignment_of(organization_id, now=now)
        return _Found(latest, now, assignment, self._basis(latest.revision, assignment))

    async def _in_force(self, organization_id: str, *, interval: Interval | None) -> tuple[Decision | str, str]:
        """The decision in force, by its id if it was taken earlier, and the organisation's language.

        The same decision is answered until it expires or something it depends on changes, so a page that is loaded
        again makes no new impression.
        """
        attempts = 0
        while True:
            attempts += 1
            found = await self._latest(organization_id, interval=interval)
            latest, now = found.latest, found.now
            if (decision_id := found.decision_id) is not None:
                return decision_id, latest.locale
            waiting = (
                self._outbox.in_force(organization_id, latest.interval, basis=found.basis, now=now)
                if self._outbox
                else None
            )
            if waiting is not None:
                return waiting, latest.locale
            taken = await self._take(
                organization_id,
                interval=latest.interval,
                now=now,
                assignment=found.assignment,
                last=attempts == _ATTEMPTS,
            )
            if taken is not None:
                return taken, latest.locale

    async def _decision(self, in_force: Decision | str) -> Decision:
        if isinstance(in_force, Decision):
            return in_force
        if (waiting := self._outbox.find(in_force)) is not None:
            return waiting
        return await self._database.read(lambda connection: repository.get(connection, in_force))

    async def _snapshot(
        self, organization_id: str, *, now: datetime, assignment: Assignment | None
    ) -> tuple[Snapshot, EarlierDraw | None]:
        """The snapshot that a decision uses, and the last draw on the same basis."""

        def read(connection: Connection) -> tuple[Snapshot, EarlierDraw | None]:
            snapshot = account.snapshot_at(
                connection, organization_id=organization_id, catalogue=self._assortment.catalogue, now=now
            )
            basis = self._basis(snapshot.organization.revision, assignment)
            return snapshot, repository.earlier_draw(connection, organization_id=organization_id, basis=basis)

        return await self._database.read(read)

    async def _take(
        self, organization_id: str, *, interval: Interval, now: datetime, assignment: Assignment | None, last: bool
    ) -> Decision | str | None:
        """Decide and store, or the id of what was decided meanwhile; `None` when the organisation changed meanwhile.

        A decision that the database does not take is kept in the outbox: whoever opens the modal sees it all the same.
        So is the `last` one of an organisation that changes all the time, as one does whose usage comes event by event.
        """
        started = time.perf_counter()
        snapshot, earlier = await self._snapshot(organization_id, now=now, assignment=assignment)
        revision, terms = snapshot.organization.revision, self._terms(assignment)
        if earlier is not None and now - earlier.drawn_at >= timedelta(days=terms.draw_days):
            earlier = None
        decided = await decide(
            snapshot=snapshot,
            interval=interval,
            assortment=self._assortment,
            fallback=self._fallback,
            terms=terms,
            decision_id=self._new_id(),
            basis=self._basis(revision, assignment),
            earlier=earlier,
        )
        decision = replace(decided.decision, latency_ms=1_000 * (time.perf_counter() - started))
        logged = decided.logged

        def store(connection: Connection) -> str | None:
            return repository.add(connection, decision, logged, revision=revision, recorded_at=self._clock())

        try:
            stored = await self._database.write(store, within_seconds=WAIT_SECONDS)
        except UNAVAILABLE as error:
            logger().warning("decision_not_stored", error=type(error).__name__)
            stored, last = None, True
        if stored is None and last:
            self._outbox.hold(decision, logged, recorded_at=self._clock())
            stored = decision.decision_id
        if stored != decision.decision_id:
            return stored
        labels = decision.strategy, decision.model_version, decision.fallback_reason or ""
        self._metrics.decisions.labels(*labels).inc()
        return decision

    def _terms(self, assignment: Assignment | None) -> Terms:
        settings = self._settings
        budget = None if assignment is None else assignment.arm.exploration_budget
        return Terms(
            exploration_budget=settings.exploration_budget if budget is None else budget,
            rules_share=settings.rules_share,
            shown=settings.plans_shown,
            lifetime=timedelta(minutes=settings.decision_minutes),
            draw_days=settings.draw_days,
            assignment=assignment,
        )

    def _basis(self, revision: int, assignment: Assignment | None) -> str:
        """Everything that a decision depends on, as one text: when it changes, a new decision is taken."""
        settings = self._settings
        champion = self._fallback.champions.champion.version
        terms = f"{settings.exploration_budget:g} {settings.rules_share:g} {settings.plans_shown}"
        if assignment is not None:
            challenger = self._fallback.challengers.champion.version if assignment.arm.ranker == "challenger" else ""
            terms = f"{terms} {assignment.experiment.name} {assignment.arm.name} {challenger}"
        return f"{revision} {self._assortment.catalogue.version} {champion} {terms}"
