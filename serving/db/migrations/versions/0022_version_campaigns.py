"""Customers are moved to a new version of their plan: campaigns, their moves, and what each subscription renews."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_STATES = "subscription_states"
_VERSIONS = "JSON list of catalogue versions; NULL: every other than the new one"


def upgrade() -> None:
    for name, comment in (
        ("renewed_plan", "what is renewed, if no change of it is agreed"),
        ("renewed_version", "the catalogue version of that plan"),
        ("announced", "the campaign whose move waits for its renewal"),
    ):
        op.add_column(_STATES, sa.Column(name, sa.String(128), nullable=True, comment=comment))
    for name in ("renewed_plan", "announced"):
        op.create_index(op.f(f"ix_subscription_states_{name}"), _STATES, [name])
    op.create_table(
        "version_campaigns",
        sa.Column("campaign_id", sa.String(128), primary_key=True),
        sa.Column("plan", sa.String(128), nullable=False),
        sa.Column("from_versions", sa.Text(), comment=_VERSIONS),
        sa.Column("to_version", sa.String(128), nullable=False),
        sa.Column("notice_days", sa.Integer(), nullable=False, comment="at least so long before a move is announced"),
        sa.Column("not_before", Instant(), comment="no move is made before; NULL: the notice alone decides"),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("stopped_at", Instant()),
    )
    op.create_table(
        "campaign_moves",
        sa.Column("campaign_id", sa.String(128), sa.ForeignKey("version_campaigns.campaign_id"), primary_key=True),
        sa.Column("organization_id", sa.String(128), sa.ForeignKey("organizations.organization_id"), primary_key=True),
        sa.Column("from_version", sa.String(128), nullable=False),
        sa.Column("interval", sa.String(8), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("old_cents", sa.BigInteger(), nullable=False, comment="net price of the interval as it was sold"),
        sa.Column("new_cents", sa.BigInteger(), comment="as announced; NULL: the new version cannot be held so"),
        sa.Column("left_out", sa.String(32), comment="why no move was announced"),
        sa.Column("not_before", Instant(), comment="the day that was told"),
        sa.Column("announced_at", Instant(), nullable=False),
        sa.Column("moved_at", Instant()),
        sa.Column("withdrawn_at", Instant(), comment="when the operator took the announcement back"),
    )
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """Say of every subscription what it renews, as the service does with each later change."""
    states = sa.table(_STATES, *map(sa.column, ("organization_id", "state", "renewed_plan", "renewed_version")))
    for owner, text in connection.execute(sa.select(states.c.organization_id, states.c.state)).fetchall():
        held: dict[str, Any] = json.loads(text)
        if held["status"] in ("active", "past_due") and not held.get("cancelled") and not held.get("scheduled"):
            renewed = {"renewed_plan": held["plan"]["code"], "renewed_version": held["catalogue_version"]}
            connection.execute(sa.update(states).where(states.c.organization_id == owner).values(renewed))


def downgrade() -> None:
    op.drop_table("campaign_moves")
    op.drop_table("version_campaigns")
    for name in ("announced", "renewed_plan"):
        op.drop_index(op.f(f"ix_subscription_states_{name}"), _STATES)
    for name in ("announced", "renewed_version", "renewed_plan"):
        op.drop_column(_STATES, name)
