"""Campaigns that move customers to a new version of their plan, and what became of each customer, in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal, cast

import orjson
from sqlalchemy import ColumnElement, Connection, and_, case, func, select, true, update

from serving.db.billing_tables import campaign_moves, subscription_states, version_campaigns
from serving.db.inserts import add_row
from serving.db.updates import change_rows

MoveStatus = Literal["announced", "moved", "changed", "left_out", "withdrawn"]
"""`announced`: waits for its renewal. `changed`: the customer took another plan, or ended, before it was made."""
LeftOut = Literal["interval_not_sold", "other_currency", "quantity_not_sold", "plan_not_sold", "same_terms"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Customers of a plan, sold by other versions of the catalogue, are to be moved to one version of it."""

    campaign_id: str
    plan: str
    from_versions: tuple[str, ...] | None
    """`None`: every other than the new one."""
    to_version: str
    notice_days: int
    not_before: datetime | None
    started_at: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The announcement to one customer; `new_cents` and `not_before` are `None` for one that was left out."""

    campaign_id: str
    organization_id: str
    from_version: str
    interval: str
    quantity: int
    currency: str
    old_cents: int
    announced_at: datetime
    new_cents: int | None = None
    left_out: LeftOut | None = None
    not_before: datetime | None = None


class UnknownCampaign(LookupError):
    """There is no campaign of this name."""


def add(connection: Connection, campaign: Campaign) -> None:
    """Record a campaign; raises `IntegrityError` for a name that is taken."""
    versions = None if campaign.from_versions is None else orjson.dumps(campaign.from_versions).decode()
    add_row(connection, version_campaigns, **{**asdict(campaign), "from_versions": versions})


def every(connection: Connection, campaign_id: str | None = None) -> list[Campaign]:
    """Every campaign, newest first; or the one of this name, if there is one."""
    query = select(version_campaigns).order_by(version_campaigns.c.started_at.desc(), version_campaigns.c.campaign_id)
    if campaign_id is not None:
        query = query.where(version_campaigns.c.campaign_id == campaign_id)
    return [
        Campaign(**{**row, "from_versions": None if (named := row["from_versions"]) is None else _versions(named)})
        for row in connection.execute(query).mappings()
    ]


def one(connection: Connection, campaign_id: str) -> Campaign:
    """The campaign of this name; raises `UnknownCampaign`."""
    for campaign in every(connection, campaign_id):
        return campaign
    raise UnknownCampaign(campaign_id)


def stop(connection: Connection, campaign_id: str, *, now: datetime) -> None:
    """Let nobody be announced or moved any more; again, it changes nothing."""
    running = version_campaigns.c.campaign_id == campaign_id, version_campaigns.c.stopped_at.is_(None)
    connection.execute(update(version_campaigns).where(*running).values(stopped_at=now))


def in_force(connection: Connection, campaign_id: str) -> bool:
    """Whether the campaign may move its customers: it has not been stopped."""
    mine = version_campaigns.c.campaign_id == campaign_id, version_campaigns.c.stopped_at.is_(None)
    return connection.execute(select(1).where(*mine)).first() is not None


def concerned(connection: Connection, campaign: Campaign, *, organization_id: str | None = None) -> list[str]:
    """The organisations that renew what the campaign is about and were not told yet; or whether this one does."""
    states, version = subscription_states.c, subscription_states.c.renewed_version
    of_both = and_(
        campaign_moves.c.organization_id == states.organization_id,
        campaign_moves.c.campaign_id == campaign.campaign_id,
    )
    of = version.in_(campaign.from_versions) if campaign.from_versions is not None else true()
    query = (
        select(states.organization_id)
        .outerjoin(campaign_moves, of_both)
        .where(
            states.renewed_plan == campaign.plan,
            version != campaign.to_version,
            of,
            campaign_moves.c.organization_id.is_(None),
        )
        .order_by(states.organization_id)
    )
    if organization_id is not None:
        query = query.where(states.organization_id == organization_id)
    return list(connection.execute(query).scalars())


def waiting(connection: Connection, campaign_id: str) -> list[str]:
    """The organisations whose announced move waits for its renewal."""
    mine = subscription_states.c.announced == campaign_id
    query = select(subscription_states.c.organization_id).where(mine)
    return list(connection.execute(query.order_by(subscription_states.c.organization_id)).scalars())


def tell(connection: Connection, move: Move) -> None:
    """Record what an organisation was told, or why it was left out; raises `IntegrityError` the second time."""
    add_row(connection, campaign_moves, **asdict(move))


def settle(connection: Connection, campaign_id: str, organization_id: str, *, now: datetime, moved: bool) -> None:
    """Record that the organisation was moved, or that its announcement was taken back."""
    mine = {"campaign_id": campaign_id, "organization_id": organization_id}
    change_rows(connection, campaign_moves, mine, **({"moved_at": now} if moved else {"withdrawn_at": now}))


_STATUS: Final[ColumnElement[str]] = case(
    (campaign_moves.c.left_out.is_not(None), "left_out"),
    (campaign_moves.c.moved_at.is_not(None), "moved"),
    (campaign_moves.c.withdrawn_at.is_not(None), "withdrawn"),
    (subscription_states.c.announced == campaign_moves.c.campaign_id, "announced"),
    else_="changed",
)
_WITH_STATE: Final = campaign_moves.outerjoin(
    subscription_states, subscription_states.c.organization_id == campaign_moves.c.organization_id
)


def counts(connection: Connection, campaign_id: str) -> Mapping[MoveStatus, int]:
    """How many customers of the campaign stand how."""
    query = select(_STATUS, func.count()).select_from(_WITH_STATE)
    rows = connection.execute(query.where(campaign_moves.c.campaign_id == campaign_id).group_by(_STATUS))
    return {cast("MoveStatus", status): count for status, count in rows}


def moves(
    connection: Connection, campaign_id: str, *, after: str | None, most: int
) -> Sequence[tuple[Move, MoveStatus, datetime | None]]:
    """The customers of a campaign by their id from behind `after` on: what each was told, its status, when it moved."""
    columns = [campaign_moves.c[name] for name in Move.__dataclass_fields__]
    query = select(*columns, _STATUS.label("status"), campaign_moves.c.moved_at).select_from(_WITH_STATE)
    query = query.where(campaign_moves.c.campaign_id == campaign_id).order_by(campaign_moves.c.organization_id)
    if after is not None:
        query = query.where(campaign_moves.c.organization_id > after)
    rows = connection.execute(query.limit(most)).mappings()
    return [
        (Move(**{name: row[name] for name in Move.__dataclass_fields__}), row["status"], row["moved_at"])
        for row in rows
    ]


def _versions(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text))
