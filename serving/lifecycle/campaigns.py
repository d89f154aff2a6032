"""Campaigns: the operator moves customers to a new version of their plan, each after its notice, at a renewal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal, get_args

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, Plan, QuantityNotSold, UnknownPlan
from recommender.billing.plan_versions import same_terms
from recommender.billing.subscription import AnnouncedMove, Subscription
from serving.accounts.announced import announced_sentences
from serving.clock import Clock
from serving.db.session import Database
from serving.lifecycle.contracts import CampaignAnswer, CampaignCustomers, CampaignIn, CustomerMove
from serving.organizations import repository as organizations
from serving.renewals.booking import Books, BooksAt, tell
from serving.renewals.closing import close_due
from serving.sale import versions
from serving.subscriptions import campaigns, changes, states
from serving.subscriptions.campaigns import Campaign, LeftOut, Move, MoveStatus
from serving.subscriptions.states import State, StateChangedMeanwhile
from serving.web.each_alone import each_alone
from serving.web.fields import utc_text
from serving.web.logs import logger
from serving.words.plans import WordsIn

JOB: Final = "announce_versions"


class CampaignKnown(Exception):
    """There is a campaign of this name, and it is another one."""


class UnknownVersion(LookupError):
    """No such version of the catalogue was ever on sale, or it can no longer be read."""


class PlanNotInVersion(LookupError):
    """The version to which customers are to be moved does not sell the plan."""


class Campaigns:
    """Starts, lists and stops campaigns; its job announces to everybody concerned, and takes back what was stopped."""

    def __init__(
        self, database: Database, *, clock: Clock, catalogue: Catalogue, words: WordsIn, books: BooksAt
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._words = words
        self._books = books

    async def start(self, campaign_id: str, wish: CampaignIn) -> tuple[CampaignAnswer, bool]:
        """The campaign, and whether it is new: started again with the same content, it stays as it is.

        Raises `CampaignKnown`, `UnknownVersion`, `PlanNotInVersion`.
        """

        def work(connection: Connection) -> tuple[CampaignAnswer, bool]:
            known = campaigns.every(connection, campaign_id)
            wanted = self._wanted(campaign_id, wish, known[0] if known else None)
            if not known:
                _check(self._sold(connection, wanted), wanted)
                campaigns.add(connection, wanted)
            elif wanted != known[0]:
                raise CampaignKnown(campaign_id)
            return _answer(connection, wanted), not known

        return await self._database.write(work)

    async def every(self) -> list[CampaignAnswer]:
        """Every campaign, newest first."""
        return await self._database.read(
            lambda connection: [_answer(connection, each) for each in campaigns.every(connection)]
        )

    async def one(self, campaign_id: str) -> CampaignAnswer:
        """One campaign; raises `UnknownCampaign`."""
        return await self._database.read(lambda connection: _answer(connection, campaigns.one(connection, campaign_id)))

    async def customers(self, campaign_id: str, *, after: str | None, most: int) -> CampaignCustomers:
        """The customers of a campaign with their outcomes, a page at a time; raises `UnknownCampaign`."""

        def read(connection: Connection) -> CampaignCustomers:
            campaigns.one(connection, campaign_id)
            found = campaigns.moves(connection, campaign_id, after=after, most=most + 1)
            more = found[most - 1][0].organization_id if len(found) > most else None
            return {"customers": [_customer(*each) for each in found[:most]], "next": more}

        return await self._database.read(read)

    async def stop(self, campaign_id: str) -> CampaignAnswer:
        """Let nobody be moved by it any more; who was moved stays so. Raises `UnknownCampaign`."""

        def work(connection: Connection) -> CampaignAnswer:
            campaigns.one(connection, campaign_id)
            campaigns.stop(connection, campaign_id, now=self._clock())
            return _answer(connection, campaigns.one(connection, campaign_id))

        return await self._database.write(work)

    def announce_due(self, *, now: datetime, stopping: Callable[[], bool]) -> int:
        """Announce to everybody who is concerned and was not told, and take back what was stopped; their number.

        Whoever has a change under way has a turn after it. Raises `SomeFailed`.
        """

        def read(connection: Connection) -> list[tuple[Campaign, str]]:
            return [
                (campaign, owner)
                for campaign in reversed(campaigns.every(connection))
                for owner in (
                    campaigns.concerned(connection, campaign)
                    if campaign.stopped_at is None
                    else campaigns.waiting(connection, campaign.campaign_id)
                )
            ]

        rows, alone = self._database.reading(read), partial(self._alone, now=now)
        return each_alone(self._database, JOB, rows, alone, name=_name, now=now, stopping=stopping)

    def _alone(self, row: tuple[Campaign, str], *, now: datetime) -> None:
        campaign, owner = row
        act = self._announce if campaign.stopped_at is None else self._take_back
        try:
            self._database.writing(lambda connection: act(connection, self._books(now), campaign, owner))
        except StateChangedMeanwhile:
            logger().info("changed_by_its_customer", organization_id=owner)

    def _announce(self, connection: Connection, books: Books, campaign: Campaign, owner: str) -> None:
        close_due(connection, books, owner)
        state = states.stored(connection, owner)
        mine = campaigns.concerned(connection, campaign, organization_id=owner)
        if state is None or not mine or changes.under_way(connection, owner) is not None:
            return
        held, sold = state.subscription, self._sold(connection, campaign)
        told = _told(campaign, state, owner, currency=sold.currency, now=books.now)
        new = _new_version(held, sold)
        if isinstance(new, str) or held.interval is None:
            campaigns.tell(connection, replace(told, left_out=new if isinstance(new, str) else None))
            return
        notice = books.now + timedelta(days=campaign.notice_days)
        ends = max(notice, campaign.not_before or notice)
        move = AnnouncedMove(campaign.campaign_id, new, campaign.to_version, ends)
        # The day that is told holds, also where a pause moves the renewals meanwhile.
        not_before = replace(held, announced=move).moves_at or ends
        after = replace(held, announced=replace(move, not_before=not_before))
        states.store(connection, owner, after, over=state.version, now=books.now)
        campaigns.tell(connection, replace(told, new_cents=new.price_cents[held.interval], not_before=not_before))
        organization = organizations.get(connection, owner)
        sentences = announced_sentences(after, self._words(organization.locale), organization.timezone)
        _notify(connection, books, owner, "version_announced", campaign=campaign, held=after, told=sentences)

    def _take_back(self, connection: Connection, books: Books, campaign: Campaign, owner: str) -> None:
        state = states.stored(connection, owner)
        if state is None or changes.under_way(connection, owner) is not None:
            return
        held = state.subscription
        if held.announced is None or held.announced.campaign != campaign.campaign_id:
            return
        states.store(connection, owner, replace(held, announced=None), over=state.version, now=books.now)
        campaigns.settle(connection, campaign.campaign_id, owner, now=books.now, moved=False)
        _notify(connection, books, owner, "version_withdrawn", campaign=campaign, held=held)

    def _wanted(self, campaign_id: str, wish: CampaignIn, known: Campaign | None) -> Campaign:
        """The campaign that is wished for; what nobody decides again stays as it is known."""
        from_versions = None if wish.from_versions is None else tuple(sorted(set(wish.from_versions)))
        kept = known.to_version if known is not None else self._catalogue.version
        return Campaign(
            campaign_id=campaign_id,
            plan=wish.plan,
            from_versions=from_versions,
            to_version=wish.to_version or kept,
            notice_days=wish.notice_days,
            not_before=wish.not_before,
            started_at=known.started_at if known is not None else self._clock(),
            stopped_at=None if known is None else known.stopped_at,
        )

    def _sold(self, connection: Connection, campaign: Campaign) -> Catalogue:
        found = versions.find(connection, campaign.to_version, on_sale=self._catalogue)
        if found is None:
            raise UnknownVersion(campaign.to_version)
        return found


def _check(sold: Catalogue, campaign: Campaign) -> None:
    if all(plan.code != campaign.plan for plan in sold.plans):
        raise PlanNotInVersion(campaign.plan)


def _new_version(held: Subscription, sold: Catalogue) -> Plan | LeftOut:
    """The plan held as this catalogue sells it, at the interval and in the number held; else why it cannot be held."""
    if held.plan is None or held.interval is None:
        return "plan_not_sold"
    try:
        plan = sold.plan(held.plan.code)
        new = plan.of(held.plan.quantity) if plan.per == held.plan.per else None
    except UnknownPlan:
        return "plan_not_sold"
    except QuantityNotSold:
        new = None
    if new is None:
        return "quantity_not_sold"
    if held.interval not in new.price_cents:
        return "interval_not_sold"
    if held.currency not in (None, sold.currency):
        return "other_currency"
    return "same_terms" if same_terms(held.plan, new, interval=held.interval) else new


def _told(campaign: Campaign, state: State, organization_id: str, *, currency: str, now: datetime) -> Move:
    held = state.subscription
    price = 0 if held.plan is None or held.interval is None else held.plan.price_cents[held.interval]
    return Move(
        campaign_id=campaign.campaign_id,
        organization_id=organization_id,
        from_version=held.catalogue_version or "",
        interval=held.interval or "",
        quantity=1 if held.plan is None else held.plan.quantity,
        currency=held.currency or currency,
        old_cents=price,
        announced_at=now,
    )


def _notify(
    connection: Connection,
    books: Books,
    owner: str,
    kind: Literal["version_announced", "version_withdrawn"],
    *,
    campaign: Campaign,
    held: Subscription,
    **more: object,
) -> None:
    name, at = "" if held.plan is None else held.plan.name, held.moves_at or books.now
    tell(connection, books, owner, kind, about=campaign.campaign_id, plan_name=name, at=at, **more)


def _name(row: tuple[Campaign, str]) -> str:
    return f"{row[0].campaign_id} {row[1]}"


def _answer(connection: Connection, campaign: Campaign) -> CampaignAnswer:
    found = campaigns.counts(connection, campaign.campaign_id)
    running = campaign.stopped_at is None
    return {
        "campaign_id": campaign.campaign_id,
        "plan": campaign.plan,
        "from_versions": None if campaign.from_versions is None else list(campaign.from_versions),
        "to_version": campaign.to_version,
        "notice_days": campaign.notice_days,
        "not_before": None if campaign.not_before is None else utc_text(campaign.not_before),
        "status": "running" if running else "stopped",
        "started_at": utc_text(campaign.started_at),
        "stopped_at": None if campaign.stopped_at is None else utc_text(campaign.stopped_at),
        "to_be_told": len(campaigns.concerned(connection, campaign)) if running else 0,
        "customers": {status: found.get(status, 0) for status in get_args(MoveStatus)},
    }


def _customer(move: Move, status: MoveStatus, moved_at: datetime | None) -> CustomerMove:
    return {
        "organization_id": move.organization_id,
        "status": status,
        "left_out": move.left_out,
        "from_version": move.from_version,
        "interval": move.interval,
        "quantity": move.quantity,
        "currency": move.currency,
        "old_cents": move.old_cents,
        "new_cents": move.new_cents,
        "announced_at": utc_text(move.announced_at),
        "not_before": None if move.not_before is None else utc_text(move.not_before),
        "moved_at": None if moved_at is None else utc_text(moved_at),
    }
